"""Input images of the network, with title and caption.

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
    """Image that the network can process: its pixels and their digest."""

    @property
    def pixels(self) -> np.ndarray:
        """RGB pixels, uint8 ``(224, 224, 3)``; may be decoded on first use."""

    @property
    def digest(self) -> str:
        """Hash of the pixels, to identify the image in caches."""


@dataclass(frozen=True)
class InputImage:
    """An image at the network's input size, with its title and PNG file."""

    title: str  # in captions
    alt: str  # text alternative for screen readers
    pixels: np.ndarray  # RGB, uint8 (224, 224, 3)
    png: bytes  # content of a PNG file with the same pixels
    digest: str  # hash of the pixels
    fit: Fit  # whether the original was stretched or cropped to this size
    notes: tuple[str, ...] = ()  # other conversions of the original, for the caption
    stretchable: bool = False  # whether contrast stretching, which the page can turn off, matters

    @property
    def caption(self) -> str:
        """Caption of the image: its title, then in parentheses its fit and notes."""
        return f"{self.title} ({', '.join((FITS[self.fit].label.lower(), *self.notes))})"
