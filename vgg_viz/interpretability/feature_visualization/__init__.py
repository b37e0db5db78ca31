"""Feature visualization: top-activating patches and optimized images.

- `top_patches`: the positions where each channel is most active
- `optimization`: images optimized by gradient ascent
- `parametrizations`: choices of examples and of how optimized images are parametrized
- `image_store`: optimized images, and top patches of the sample images, on disk
"""
