"""Grids whose tiles are pictures in their own colors, and not values on a scale."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from vgg_viz.export import sheets
from vgg_viz.export.mosaic import color_tiles, pack_tiles, png
from vgg_viz.ui.widgets.grid import Kept, Tiles


@dataclass(frozen=True, kw_only=True)
class ColorGrid(Tiles):
    """Tiles that are pictures, RGB uint8 ``(n, s, s, 3)``.

    told: the lines that the tip, and screen readers, say of each tile.
    figures: what is known of the tiles, numbers or words, one a tile under each name: columns of
        the table, and arrays.
    empty: whether each tile has no picture, and is struck through; without any, all have one.
    """

    told: Sequence[Sequence[str]]
    figures: Mapping[str, sheets.Figures] = field(default_factory=dict)
    empty: Sequence[bool] = ()

    @property
    def struck(self) -> np.ndarray:
        """Which tiles have no picture, bool ``(n,)``."""
        return np.array(self.empty or [False] * len(self.titles))

    def known(self) -> dict[str, Any]:
        """Everything but the picture."""
        lines = ["\n".join(each) for each in self.told]
        flat = self.struck.astype(int).tolist()
        return {"shown": self.caption, "lines": lines, "flat": flat, "places": 0}

    def drawn(self, width: int, kept: Kept) -> tuple[dict[str, Any], list[bytes]]:
        """Put the pictures together, clear where there is none."""
        tiles = color_tiles(self.each(), partial(self.drawn_side, width=width))
        clear = np.where(self.struck, 0, 255)[:, None, None, None]
        opacity = np.broadcast_to(clear.astype(np.uint8), (*tiles.shape[:3], 1))
        picture = pack_tiles(np.concatenate([tiles, opacity], axis=3), self.filled_columns)
        return {"side": tiles.shape[1]}, [png(picture)]

    def reading(self, struck: int) -> str:
        """What the strokes mean."""
        if not struck:
            return ""
        tiles, are = ("tile", "is") if struck == 1 else ("tiles", "are")
        return f"{struck} {tiles} without a picture {are} struck through"

    def in_print(self, *, several: bool) -> str:
        """What the strokes mean."""
        return self.reading(int(self.struck.sum()))

    def legend(self) -> str:
        """Nothing: colors are what they are."""
        return ""

    def exported(self) -> sheets.ColorPanel:
        """The pictures and their figures."""
        return sheets.ColorPanel(
            self.heading,
            self.titles,
            self.tile_numbers,
            self.filled_columns,
            tiles=self.each,
            empty=self.struck,
            figures=self.figures,
        )

    def arrays(self) -> dict[str, tuple[np.ndarray, Sequence[str]]]:
        """The pictures, and each of their figures."""
        axes = list(self.numbered_axes)
        pictures = (self.in_shape(self.values), [*axes, "row", "column", "color"])
        figures = {
            f"{self.name}_{name}": (self.in_shape(np.asarray(column)), axes)
            for name, column in self.figures.items()
        }
        return {self.name: pictures, **figures}
