"""Panels: grids of tiles as exported images and tables show them."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np

from vgg_viz.export import mosaic
from vgg_viz.export.mosaic import Limits, TileLayout
from vgg_viz.export.number_format import figure
from vgg_viz.interpretability.map_statistics import statistics

STATISTICS = ("minimum", "maximum", "mean", "variance", "active_share", "inactive")

# Numbers or texts, one for each tile; None where a tile has no number.
Column = Sequence[float | int | str | None] | np.ndarray


def is_numeric(column: Column) -> bool:
    """Return whether all tiles have a number in this column."""
    return np.asarray(column).dtype.kind in "iuf"


class Scale(NamedTuple):
    """A color scale to draw as a color bar."""

    labels: tuple[str, str, str]  # at the bar's low end, middle and high end
    colors: np.ndarray  # the bar's colors, uint8 (LEVELS, 3), as in the tiles


@dataclass(frozen=True, eq=False)
class Panel(ABC):
    """One grid of tiles in an exported file."""

    heading: str  # above the grid, or empty
    titles: Sequence[str]  # one for each tile
    # Numbers of the tiles, from 1, by axis: {"map": (1, 2)}, or for kernels
    # {"filter": (1, 1), "channel": (1, 2)}.
    numbers: Mapping[str, Sequence[int]]
    columns: int  # number of columns of the grid
    figures: Mapping[str, Column]  # numbers and texts that the page shows for each tile, by name
    free: bool = False  # whether the number of columns has no meaning and may follow the sheet

    @property
    def scale(self) -> Scale | None:
        """Color scale to draw below the grid, or None."""
        return None

    @abstractmethod
    def render(self, width: int) -> tuple[np.ndarray, TileLayout]:
        """Return the grid on white, RGB uint8 ``(h, w, 3)``, about ``width`` wide, with layout."""

    def table(self) -> Mapping[str, Column]:
        """Return the columns of the grid's table by name, with one cell for each tile."""
        return {**self.numbers, **self.figures}


@dataclass(frozen=True, eq=False, kw_only=True)
class ValuesPanel(Panel):
    """A grid of tiles of values, such as feature maps, colored by a color scale."""

    values: np.ndarray  # float32 (n, s, s)
    limits: Limits | None  # ends of the color scale, as in `mosaic.scale_tiles`
    color_map: str  # name of the Matplotlib color map
    photograph: np.ndarray | None = None  # under every heatmap overlay, RGB uint8 (h, h, 3)

    def render(self, width: int) -> tuple[np.ndarray, TileLayout]:
        """Draw the tiles in the colors of their scale, over the photograph if there is one."""
        canvas, layout, scaled = mosaic.mosaic(self.values, self.columns, width, self.limits)
        if self.photograph is None:
            return mosaic.palette(self.color_map)[canvas], layout
        overlays = mosaic.overlay_colors(scaled, self.color_map)
        tiles = mosaic.blend(overlays, mosaic.gray(self.photograph), layout.side)
        return _replace_tiles(canvas, tiles, layout), layout

    @property
    def scale(self) -> Scale | None:
        """Color scale of all tiles, or of each if it is centered at zero; else None."""
        if self.limits is None:
            return None
        low, high = self.limits
        if not (np.ndim(low) or np.ndim(high)):
            ends = float(low), float(high)
            middle = "0" if low < 0 and low == -high else ""
            labels = figure(ends[0]), middle, figure(ends[1])
        elif np.array_equal(-low, high):
            ends, labels = (-1, 1), ("−largest", "0", "largest")
        else:
            return None
        if self.photograph is None:
            return Scale(labels, mosaic.color_levels(self.color_map))
        return Scale(labels, mosaic.overlay_levels(self.color_map, *ends))

    def table(self) -> Mapping[str, Column]:
        """Return the grid's table: numbers, figures, and the statistics of every tile.

        ``active_share`` is the share of positions above zero; ``inactive``, whether there are none.
        """
        measured = statistics(self.values)
        inactive = ["no" if share else "yes" for share in measured.active]
        columns = (measured.minimum, measured.maximum, measured.mean, measured.variance)
        found: tuple[Column, ...] = (*columns, measured.active, inactive)
        return {**super().table(), **dict(zip(STATISTICS, found, strict=True))}


@dataclass(frozen=True, eq=False, kw_only=True)
class ColorPanel(Panel):
    """A grid of tiles that are color images, such as top patches or optimized images."""

    tiles: Callable[[], Iterable[np.ndarray]]  # uint8 (s, s, 3) each
    empty: np.ndarray  # whether a tile has no image and is struck through, bool (n,)

    def render(self, width: int) -> tuple[np.ndarray, TileLayout]:
        """Draw the images, enlarged or averaged, as a grid."""
        columns = min(self.columns, len(self.titles))
        drawn_side = partial(mosaic.tile_side, columns=columns, width=width)
        tiles = mosaic.color_tiles(self.tiles(), drawn_side)
        tiles[self.empty] = 255
        levels = np.full(tiles.shape[:3], mosaic.FIRST_LEVEL, np.uint8)
        no_limits = np.zeros(len(tiles), np.float32)
        scaled = mosaic.ScaledTiles(levels, no_limits, no_limits, self.empty)
        canvas, layout = mosaic.draw(scaled, self.columns)
        return _replace_tiles(canvas, tiles, layout), layout


def _replace_tiles(canvas: np.ndarray, tiles: np.ndarray, layout: TileLayout) -> np.ndarray:
    """Convert a mosaic to RGB, with color images, uint8 ``(n, s, s, 3)``, as its tiles."""
    is_tile = canvas >= mosaic.FIRST_LEVEL  # all except marks, titles and gaps
    images = mosaic.arrange(tiles, layout)
    return np.where(is_tile[..., None], images, mosaic.palette("gray")[canvas])
