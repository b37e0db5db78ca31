"""Image files decoded to RGB uint8 ``(224, 224, 3)``, the input of VGG19.

Uploaded files are not trusted: only a few formats are read, the size is checked before decoding,
and every failure becomes an :class:`ImageFileError` with advice for the viewer.

Where a file does not determine how it looks (white point, visible channels, missing rows), the
likeliest interpretation is shown and stated in the image's notes.
"""

import hashlib
import io
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import get_args

import numpy as np
from PIL import Image, ImageOps

from vgg_viz.image_io import limits
from vgg_viz.image_io.color_conversion import upright_rgb
from vgg_viz.image_io.decoding import load
from vgg_viz.image_io.file_formats import format_of
from vgg_viz.image_io.input_image import Fit, InputImage, PictureOptions
from vgg_viz.image_io.limits import ImageFileError, damaged, rejection, tenths, too_many_pixels
from vgg_viz.model.architecture import VGG19

__all__ = ["DecodedImage", "ImageFileError", "digest", "read_image", "resize"]

SIDE = VGG19.input_side

_decoding_lock = threading.Lock()


@dataclass(frozen=True, eq=False)
class DecodedImage:
    """An image file, prepared for the network in every way that the page can show it."""

    title: str
    images: Mapping[PictureOptions, InputImage]

    @property
    def size(self) -> int:
        """Size in bytes of the image in all its preparations."""
        return sum(len(image.png) for image in self.images.values())

    @cached_property
    def thumbnail(self) -> bytes:
        """JPEG file of the central square, a quarter of the network's input on each side."""
        file = io.BytesIO()
        small = Image.fromarray(self.images[PictureOptions("crop")].pixels[2::4, 2::4])
        small.save(file, "JPEG", quality=85)
        return file.getvalue()

    def open(self, options: PictureOptions) -> InputImage:
        """Return the image in one preparation; ``as_stored`` counts only if it is stretchable."""
        return self.images.get(options) or self.images[PictureOptions(options.fit)]


def read_image(data: bytes, title: str = "", alt: str = "") -> DecodedImage:
    """Decode the content of an image file once, and prepare it in all ways.

    Images of more than ``FULL_SCALE_PIXELS`` are reduced to a half, a quarter or an eighth of each
    side. Raise an ImageFileError if the file is empty, too large, truncated, damaged or of another
    format.
    """
    if not data:
        raise rejection("The file is empty")
    if len(data) > limits.MAX_BYTES:
        advice = f"Choose a file of at most {limits.MAX_MEGABYTES} MB."
        raise rejection(f"The file has {tenths(len(data) / 2**20)} MB", advice)
    try:
        with _decoding_lock:  # one file at a time, to bound memory
            return DecodedImage(title, _prepared(data, title, alt))
    except ImageFileError:
        raise
    except Image.DecompressionBombError as error:
        # Raised by Image.open, which then returns no image to read the size from.
        pixels = re.search(r"\d+", str(error))
        raise too_many_pixels(int(pixels[0] if pixels else 0), format_of(data) or "JPEG") from error
    except MemoryError as error:
        problem = "The image needs more memory than the server has"
        raise rejection(problem, "Choose a smaller image.") from error
    except Exception as error:  # bad data makes Pillow's decoders raise nearly anything
        raise damaged() from error


def _prepared(data: bytes, title: str, alt: str) -> dict[PictureOptions, InputImage]:
    images, stored = dict[PictureOptions, InputImage](), load(data)
    for as_stored in {False, stored.stretchable}:
        image, notes = upright_rgb(stored, as_stored=as_stored), stored.notes(as_stored)
        for fit in get_args(Fit):
            pixels = resize(image, fit)
            images[PictureOptions(fit, as_stored)] = InputImage(
                title, alt, png(pixels), digest(pixels), fit, notes, stored.stretchable
            )
    return images


def resize(image: Image.Image, fit: Fit = "stretch") -> np.ndarray:
    """Resize an RGB image to the network's input, uint8 ``(224, 224, 3)``, C-contiguous.

    ``"stretch"`` equals ``keras.utils.load_img(target_size=(224, 224))``: nearest neighbor, without
    keeping the aspect ratio. ``"crop"`` keeps it: the central square, resampled with Lanczos.
    """
    if fit == "stretch":
        return np.array(image.resize((SIDE, SIDE), Image.Resampling.NEAREST))
    return np.array(ImageOps.fit(image, (SIDE, SIDE), Image.Resampling.LANCZOS))


def png(pixels: np.ndarray) -> bytes:
    """Encode RGB pixels as a PNG file, quickly: the next level of compression saves little."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", compress_level=1)
    return file.getvalue()


def digest(pixels: np.ndarray) -> str:
    """Hash pixels together with their shape and type; return 32 hexadecimal digits."""
    content = hashlib.blake2b(f"{pixels.shape} {pixels.dtype.str}".encode(), digest_size=16)
    content.update(np.ascontiguousarray(pixels).data)
    return content.hexdigest()
