"""Computed results that all viewers share. This package does not import Streamlit.

- `results`: cached results for one script run or export
- `run`: a script run, as queues and long computations see it
- `forward_pass`: one image through the network, block by block
- `cache`: size-bounded cache
- `gallery`: the host's own pictures, decoded once
- `kept_uploads`: viewers' uploads, kept for a reload of their tab
- `locks`: fair lock, and interruptible waiting
- `loading`: networks, loaded in the background
- `background_files`: dense layers and class names, found and downloaded in the background
- `optimization_worker`: background worker that optimizes images
- `scheduler`: requests, batches and time estimates of the optimization worker
- `background_results`: background thread for results that pages ask for again
- `memory`: the process's memory limit, and the caches' shares of it
- `shared`: the one instance of each cache, lock, loader and worker
"""
