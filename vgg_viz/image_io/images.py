"""Any photo file -> RGB uint8 ``(224, 224, 3)``, the input of VGG19.

Files come from strangers: only a few formats are tried, the size is looked at before anything is
decoded, and whatever is wrong ends as a :class:`ImageFileError` with a sentence for the visitor.
Decoding takes less than ``MAX_MEMORY``, whatever the file says and however many come at once.

What a file cannot tell (which of its numbers is white, which of its channels to see, what stood in
the part that is missing) is shown in the likeliest way, and said in :meth:`DecodedImage.notes`.
"""

import hashlib
import io
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import get_args

import numpy as np
from PIL import Image, ImageOps

from vgg_viz.image_io.color_conversion import upright_rgb
from vgg_viz.image_io.decoding import load
from vgg_viz.image_io.input_image import Fit
from vgg_viz.image_io.limits import (
    MAX_BYTES,
    MAX_PIXELS,
    ImageFileError,
    cut_off,
    refusal,
    tenths,
    too_many_pixels,
)
from vgg_viz.model.architecture import VGG19

__all__ = [
    "SIDE",
    "DecodedImage",
    "Fit",
    "ImageFileError",
    "decode",
    "digest",
    "fit",
    "load_image",
    "read_image",
    "thumbnail",
]

SIDE = VGG19.input_side

_decoding = threading.Lock()


@dataclass(frozen=True, eq=False)
class DecodedImage:
    """A visitor's picture in every way that the page can show it.

    ``stretchable`` tells whether its values use a small part of what their type can hold: they are
    stretched from black to white, unless they are wanted as stored.
    """

    stretchable: bool
    _pixels: Mapping[tuple[Fit, bool], np.ndarray]
    _notes: Mapping[bool, tuple[str, ...]]

    def pixels(self, how: Fit = "stretch", *, as_stored: bool = False) -> np.ndarray:
        """The network's input, read-only uint8 ``(224, 224, 3)``; see :func:`fit`."""
        return self._pixels[how, as_stored and self.stretchable]

    def notes(self, *, as_stored: bool = False) -> tuple[str, ...]:
        """What a visitor must know of it, each a few words that can stand in a caption."""
        return self._notes[as_stored and self.stretchable]


def read_image(data: bytes) -> DecodedImage:
    """A photo file's bytes as a photograph, decoded once for all the ways to show it.

    Raises:
        ImageFileError: the bytes are no acceptable picture; see :func:`decode`.
    """
    with _refusing(data):
        stored = load(data)
        pixels: dict[tuple[Fit, bool], np.ndarray] = {}
        notes: dict[bool, tuple[str, ...]] = {}
        for as_stored in (False, True) if stored.stretchable else (False,):
            image = upright_rgb(stored, as_stored=as_stored)
            notes[as_stored] = stored.notes(as_stored=as_stored)
            for how in get_args(Fit):
                pixels[how, as_stored] = fit(image, how)
                pixels[how, as_stored].flags.writeable = False
        return DecodedImage(stored.stretchable, pixels, notes)


def load_image(data: bytes, how: Fit = "stretch", *, as_stored: bool = False) -> np.ndarray:
    """A photo file's bytes as the network's input, uint8 ``(224, 224, 3)``.

    Raises:
        ImageFileError: the bytes are no acceptable picture; see :func:`decode`.
    """
    return fit(decode(data, as_stored=as_stored), how)


def decode(data: bytes, *, as_stored: bool = False) -> Image.Image:
    """A photo file's bytes as an upright sRGB picture of mode ``"RGB"``.

    Of an animation or a multi-page file it is the first frame; what is transparent becomes white.
    A picture of more than ``FULL_SCALE_PIXELS`` comes at a half, a quarter or an eighth of its
    width and height. Of one that is cut off, but has most of its rows, the rest is gray.

    Raises:
        ImageFileError: the file is empty, too large, of another kind, cut off or damaged.
    """
    with _refusing(data):
        return upright_rgb(load(data), as_stored=as_stored)


@contextmanager
def _refusing(data: bytes) -> Iterator[None]:
    """Decode one file at a time, so that many viewers need no more memory than one.

    Raises:
        ImageFileError: whatever went wrong, as a sentence for the visitor.
    """
    if not data:
        raise refusal("The file is empty")
    if len(data) > MAX_BYTES:
        raise refusal(f"The file has {tenths(len(data) / 2**20)} MB")
    try:
        with _decoding:
            yield
    except ImageFileError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        # Raised by Image.open itself, which then hands out no picture to read the size from.
        figures = re.findall(r"\d+", str(error))
        raise too_many_pixels(int(figures[0]) if figures else MAX_PIXELS) from error
    except MemoryError as error:
        raise refusal("The picture needs more memory than there is") from error
    # Bad data makes Pillow's decoders raise nearly anything: OSError, SyntaxError, ValueError,
    # struct.error, EOFError, KeyError, ZeroDivisionError, OverflowError, ...
    except Exception as error:
        raise cut_off() from error


def fit(image: Image.Image, how: Fit = "stretch") -> np.ndarray:
    """An RGB picture as the network's input, uint8 ``(224, 224, 3)``, C-contiguous.

    ``"stretch"`` is what ``keras.utils.load_img(target_size=(224, 224))`` does: nearest neighbor,
    the aspect ratio is not kept. ``"crop"`` keeps it: the middle square, resized smoothly.

    Raises:
        ValueError: the picture is not RGB, or ``how`` is neither of the two.
    """
    if image.mode != "RGB":
        raise ValueError(f"expected a picture of mode 'RGB', got {image.mode!r}")
    if how == "stretch":
        fitted = image.resize((SIDE, SIDE), Image.Resampling.NEAREST)
    elif how == "crop":
        fitted = ImageOps.fit(image, (SIDE, SIDE), Image.Resampling.LANCZOS)
    else:
        raise ValueError(f"expected one of {get_args(Fit)}, got {how!r}")
    return np.array(fitted)


def digest(pixels: np.ndarray) -> str:
    """A short name for exactly these pixels in this shape and type: 32 hexadecimal digits."""
    content = hashlib.blake2b(f"{pixels.shape} {pixels.dtype.str}".encode(), digest_size=16)
    content.update(np.ascontiguousarray(pixels).data)
    return content.hexdigest()


def thumbnail(picture: Image.Image | bytes, side: int = 96) -> bytes:
    """The middle square of a picture (or of a photo file's bytes) as a small JPEG file.

    Raises:
        ImageFileError: the bytes are no acceptable picture; see :func:`decode`.
    """
    image = decode(picture) if isinstance(picture, bytes) else picture
    small = ImageOps.fit(image, (side, side), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    small.save(file, "JPEG", quality=85, optimize=True)
    return file.getvalue()
