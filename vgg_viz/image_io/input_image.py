"""Input images of the network, with title and caption.

This module imports nothing that decodes images, so that the page can show its controls first.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

from vgg_viz.option import Option, by_name

if TYPE_CHECKING:
    import numpy as np

Fit = Literal["stretch", "crop"]

FITS: Mapping[Fit, Option] = by_name(Option("stretch", "Stretched"), Option("crop", "Cropped"))


class PictureOptions(NamedTuple):
    """Preparation of a picture for the network."""

    fit: Fit = "stretch"  # resizing
    as_stored: bool = False  # whether to skip contrast stretching


class NetworkInput(Protocol):
    """Image that the network can process: its pixels and their digest."""

    @property
    def pixels(self) -> np.ndarray:
        """RGB pixels, uint8 ``(224, 224, 3)``; may be decoded on first use."""

    @property
    def digest(self) -> str:
        """Hash of the pixels, to identify the image in caches."""


@dataclass(frozen=True)
class InputImage:
    """An image at the network's input size, with its title."""

    title: str  # in captions
    alt: str  # text alternative for screen readers
    png: bytes  # content of a PNG file with the pixels
    digest: str  # hash of the pixels
    fit: Fit  # whether the original was stretched or cropped to this size
    notes: tuple[str, ...] = ()  # other conversions of the original, for the caption
    stretchable: bool = False  # whether contrast stretching, which the page can turn off, matters

    @property
    def pixels(self) -> np.ndarray:
        """RGB pixels, uint8 ``(224, 224, 3)``, read-only."""
        return decoded_png(self.png)

    @property
    def caption(self) -> str:
        """Caption of the image: its title, then in parentheses its fit and notes."""
        return f"{self.title} ({', '.join((FITS[self.fit].label.lower(), *self.notes))})"


@lru_cache(maxsize=16)
def decoded_png(png: bytes) -> np.ndarray:
    """Decode a PNG file of RGB pixels, uint8 ``(height, width, 3)``, read-only."""
    import numpy as np
    from PIL import Image

    pixels = np.array(Image.open(io.BytesIO(png)))
    pixels.flags.writeable = False
    return pixels
