"""Results that all viewers share; no Streamlit.

- `results`: cached results for one script run or export
- `run`: a script run, as queues and long computations see it
- `forward_pass`: one image through the network, block by block
- `cache`: size-bounded cache
- `locks`: fair lock, and interruptible waiting
- `loading`: networks, loaded in the background
- `background_files`: dense layers and class names, found and downloaded in the background
- `optimization_worker`: background worker that optimizes images
- `scheduler`: requests, batches and time estimates of that worker
- `memory`: memory limit, and the caches' shares of it
- `shared`: the one instance of all these
"""
