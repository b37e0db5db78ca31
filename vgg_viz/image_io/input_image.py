"""A picture as the page shows it and as the network sees it.

Without what decodes pictures: the page's first controls stand before that is imported.
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
    """What a network needs of a picture: RGB uint8 (224, 224, 3), and their digest."""

    @property
    def pixels(self) -> np.ndarray:
        """The pixels, which may be decoded only now."""

    @property
    def digest(self) -> str:
        """What tells them from all others."""


@dataclass(frozen=True)
class InputImage:
    """A picture as the network sees it: RGB uint8 (224, 224, 3), and the same as PNG bytes.

    ``digest`` is that of the pixels, ``notes`` are what was made of them, ``stretchable`` says
    whether their values could also be shown as they are stored.
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
        """The picture's name, how it was brought to its size and what else was made of it."""
        return f"{self.title} ({', '.join((FITS[self.fit].label.lower(), *self.notes))})"
