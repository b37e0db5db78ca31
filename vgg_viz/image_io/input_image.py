"""An input image of the network, with its caption.

This module imports nothing that decodes images, so that the page can show its controls first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from vgg_viz.option import Option, by_name

if TYPE_CHECKING:
    import numpy as np

Fit = Literal["stretch", "crop"]

FITS: Mapping[Fit, Option] = by_name(Option("stretch", "Stretched"), Option("crop", "Cropped"))


class NetworkInput(Protocol):
    """Pixels that a network can process, and their digest."""

    @property
    def pixels(self) -> np.ndarray:
        """RGB pixels, uint8 ``(224, 224, 3)``; may be decoded on first use."""

    @property
    def digest(self) -> str:
        """Hash of the pixels."""


@dataclass(frozen=True)
class InputImage:
    """An image at the network's input size, with its title and PNG file.

    title: name in captions.
    alt: text alternative.
    pixels: RGB pixels, uint8 ``(224, 224, 3)``.
    png: the same pixels as a PNG file.
    digest: hash of the pixels.
    fit: how the image was brought to this size.
    notes: further conversions, for the caption.
    stretchable: whether the values can also be shown as stored, without contrast stretching.
    """

    title: str
    alt: str
    pixels: np.ndarray
    png: bytes
    digest: str
    fit: Fit
    notes: tuple[str, ...] = ()
    stretchable: bool = False

    @property
    def caption(self) -> str:
        """Title, fit and notes."""
        return f"{self.title} ({', '.join((FITS[self.fit].label.lower(), *self.notes))})"
