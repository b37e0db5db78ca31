"""Feature visualization: top-activating patches and optimized images.

- `top_patches`: the positions where each channel is most active
- `optimization`: images optimized by gradient ascent
- `parametrizations`: the records of how images are parametrized
- `image_store`: optimized images on the disk
"""
