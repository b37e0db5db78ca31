"""Synthetic photographs to upload: smooth colors with texture, about 1 MB as JPEG."""

import io

import numpy as np
from PIL import Image

SIZE = (1600, 1200)
QUALITY = 97


def photograph(seed: int) -> bytes:
    """Return a JPEG of about 1 MB that depends on the seed."""
    random = np.random.default_rng(seed)
    layers = np.zeros((SIZE[1], SIZE[0], 3))
    # As in a photograph, finer structures are weaker.
    for side, strength in ((4, 90), (16, 45), (64, 22), (256, 11), (None, 11)):
        shape = (SIZE[1], SIZE[0], 3) if side is None else (side, side, 3)
        coarse = Image.fromarray(random.integers(0, 256, shape, np.uint8))
        layers += np.asarray(coarse.resize(SIZE, Image.Resampling.BICUBIC), float) * strength
    pixels = layers / sum((90, 45, 22, 11, 11))
    file = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(file, "JPEG", quality=QUALITY)
    return file.getvalue()
