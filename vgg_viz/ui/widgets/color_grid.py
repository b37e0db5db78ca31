"""Grids whose tiles are color pictures, in contrast to feature maps colored by a scale."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from vgg_viz.export import mosaic
from vgg_viz.export.mosaic import TileLayout, color_tiles, pack_tiles, png
from vgg_viz.export.plain_text import rightward
from vgg_viz.export.tiles import Cached, Tiles


@dataclass(frozen=True, kw_only=True)
class ColorGrid(Tiles):
    """Grid of color pictures, one per tile, RGB uint8 ``(n, s, s, 3)``."""

    tooltips: Sequence[Sequence[str]]  # lines of each tile's tooltip, which screen readers read too
    # For each tile, whether it has no picture and is struck through. Default: no such tile.
    empty: Sequence[bool] = ()

    @property
    def struck(self) -> np.ndarray:
        """For each tile, whether it has no picture and is struck through, bool ``(n,)``."""
        return np.array(self.empty or [False] * len(self.titles))

    def metadata(self) -> dict[str, Any]:
        """Return the header entries that need no pixels: caption, tooltips and empty tiles."""
        lines = [rightward("\n".join(tooltip)) for tooltip in self.tooltips]
        flat = self.struck.astype(int).tolist()
        return {"shown": self.caption, "lines": lines, "flat": flat, "positions": 0}

    def render(self, width: int, cached: Cached) -> tuple[dict[str, Any], list[bytes]]:
        """Pack all tiles into one PNG; those without a picture are transparent."""
        tiles = color_tiles(self.load(), partial(self.drawn_side, width=width))
        if self.struck.any():  # else a fourth channel would take a sixth more time and bytes
            clear = np.where(self.struck, 0, 255)[:, None, None, None]
            opacity = np.broadcast_to(clear.astype(np.uint8), (*tiles.shape[:3], 1))
            tiles = np.concatenate([tiles, opacity], axis=3)
        return {"side": tiles.shape[1]}, [png(pack_tiles(tiles, self.filled_columns))]

    def scale_note(self, struck: int) -> str:
        """Return a note on the number of tiles without a picture; empty if all tiles have one."""
        if not struck:
            return ""
        tiles, are = ("tile", "is") if struck == 1 else ("tiles", "are")
        return f"{struck} {tiles} without a picture {are} struck through"

    def export_note(self, *, several: bool) -> str:
        """Return a note for exports on the number of tiles without a picture; empty if none."""
        return self.scale_note(int(self.struck.sum()))

    def draw(self, width: int) -> tuple[np.ndarray, TileLayout]:
        """Draw the pictures, enlarged or averaged, as a grid on white."""
        columns = min(self.filled_columns, len(self.titles))
        tiles = color_tiles(self.load(), partial(mosaic.tile_side, columns=columns, width=width))
        tiles[self.struck] = 255
        levels = np.full(tiles.shape[:3], mosaic.FIRST_LEVEL, np.uint8)
        no_limits = np.zeros(len(tiles), np.float32)
        scaled = mosaic.ScaledTiles(levels, no_limits, no_limits, self.struck)
        canvas, layout = mosaic.draw(scaled, columns)
        return mosaic.replace_tiles(canvas, tiles, layout), layout
