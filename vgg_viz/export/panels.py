"""Panels: grids of tiles as exported images and tables show them."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import NamedTuple

import numpy as np

from vgg_viz.export import mosaic
from vgg_viz.export.mosaic import Limits
from vgg_viz.export.number_format import figure
from vgg_viz.interpretability.map_statistics import statistics

STATISTICS = ("minimum", "maximum", "mean", "variance", "active_share", "inactive")

# Numbers or text, one for each tile.
Column = Sequence[float | int | str] | np.ndarray


@dataclass(frozen=True, eq=False)
class Panel(ABC):
    """One grid of tiles in an exported file.

    heading: a heading above the grid, or empty.
    titles: one title for each tile.
    numbers: the tiles' numbers, from 1, by axis: ``{"map": (1, 2)}``, or
        ``{"filter": (1, 1), "channel": (1, 2)}`` for kernels.
    columns: number of columns of the grid.

    Raises:
        ValueError: there is no tile, or a tile has no title or number.
    """

    heading: str
    titles: Sequence[str]
    numbers: Mapping[str, Sequence[int]]
    columns: int

    def __post_init__(self) -> None:
        """Check that every tile has a title and a number."""
        counts = [len(self.titles), *map(len, self.numbers.values())]
        if not self.numbers or set(counts) != {self.count} or not self.count:
            got = " and ".join(map(str, counts))
            raise ValueError(f"expected {self.count} titles and numbers, got {got}")

    @property
    @abstractmethod
    def count(self) -> int:
        """Number of tiles in the grid."""

    def drawn_side(self, side: int, width: int) -> int:
        """Return the side in pixels at which to draw tiles with ``side`` values per row."""
        return mosaic.tile_side(side, min(self.columns, self.count), width)

    @abstractmethod
    def render(self, titles: Sequence[str], width: int) -> tuple[np.ndarray, int]:
        """Draw the grid with ``titles`` above its tiles, about ``width`` pixels wide, on white.

        Returns the grid, RGB uint8 ``(h, w, 3)``, and the side in pixels of a tile in it.
        """

    @property
    @abstractmethod
    def scale(self) -> "Scale | None":
        """Color scale to draw below the grid, or None."""

    @abstractmethod
    def table(self) -> Mapping[str, Column]:
        """Return the columns of the grid's table by name, with one cell for each tile."""


class Scale(NamedTuple):
    """A color scale to draw as a color bar.

    labels: texts at the bar's low end, middle and high end.
    colors: the bar's colors, uint8 ``(LEVELS, 3)``, as in the tiles.
    """

    labels: tuple[str, str, str]
    colors: np.ndarray


@dataclass(frozen=True, eq=False, kw_only=True)
class ValuesPanel(Panel):
    """A grid of tiles of values, such as feature maps, colored by a color scale.

    values: float32 ``(n, s, s)``.
    limits: ends of the color scale, as in `mosaic.scale_tiles`.
    color_map: name of the Matplotlib color map.
    photograph: for heatmap overlays, the image under every tile, RGB uint8 ``(h, h, 3)``.

    Raises:
        ValueError: the tiles are not square; and as for a `Panel`.
    """

    values: np.ndarray
    limits: Limits | None
    color_map: str
    photograph: np.ndarray | None = None

    def __post_init__(self) -> None:
        """Check that the tiles are square, and that each has a title and a number."""
        shape = self.values.shape
        if len(shape) != 3 or shape[1] != shape[2] or 0 in shape:
            raise ValueError(f"expected square tiles (n, s, s), at least one, got shape {shape}")
        super().__post_init__()

    @property
    def count(self) -> int:
        """Number of tiles in the grid."""
        return len(self.values)

    def render(self, titles: Sequence[str], width: int) -> tuple[np.ndarray, int]:
        """Draw the tiles in the colors of their color scale, over the photograph if there is one.

        Returns the grid, RGB uint8 ``(h, w, 3)``, and the side in pixels of a tile in it.
        """
        side = self.drawn_side(self.values.shape[2], width)
        scaled = mosaic.scale_tiles(self.values, self.limits, side)
        canvas = mosaic.draw(scaled, titles, self.columns, side)
        if self.photograph is None:
            return _palette_on_white(self.color_map)[canvas], side
        overlays = mosaic.overlay_colors(scaled, self.color_map)
        tiles = mosaic.blend(overlays, mosaic.gray(self.photograph), side)
        return _replace_tiles(canvas, tiles, self.columns), side

    @property
    def shared_limits(self) -> tuple[float, float] | None:
        """Ends ``(low, high)`` of the color scale of all tiles; None if each has its own."""
        if self.limits is None or np.ndim(self.limits[0]) or np.ndim(self.limits[1]):
            return None
        return float(self.limits[0]), float(self.limits[1])

    @property
    def scale(self) -> Scale | None:
        """Color scale to draw below the grid, or None.

        Tiles that each have a scale centered at zero get a scale with the labels "−largest", "0"
        and "largest".
        """
        labels = self._scale_labels
        if labels is None:
            return None
        if self.photograph is None:
            return Scale(labels, mosaic.color_levels(self.color_map))
        limits = self.shared_limits or (-1, 1)
        return Scale(labels, mosaic.overlay_levels(self.color_map, *limits))

    @property
    def _scale_labels(self) -> tuple[str, str, str] | None:
        if self.shared_limits:
            low, high = self.shared_limits
            return figure(low, 3), "0" if low < 0 and low == -high else "", figure(high, 3)
        around_zero = self.limits is not None and np.array_equal(-self.limits[0], self.limits[1])
        return ("−largest", "0", "largest") if around_zero else None

    def table(self) -> Mapping[str, Column]:
        """Return the statistics of every tile as columns of a table, by name.

        ``active_share`` is the share of positions above zero; ``inactive`` is "yes" if no position
        is above zero, else "no".
        """
        measured = statistics(self.values)
        inactive = ["no" if share else "yes" for share in measured.active]
        columns = (measured.minimum, measured.maximum, measured.mean, measured.variance)
        return dict(zip(STATISTICS, (*columns, measured.active, inactive), strict=True))


@dataclass(frozen=True, eq=False, kw_only=True)
class ColorPanel(Panel):
    """A grid of tiles that are color images, such as top patches or optimized images.

    tiles: function that returns or yields the images, uint8 ``(s, s, 3)`` each.
    empty: whether a tile has no image and is struck through, bool ``(n,)``.
    figures: columns of the grid's table by name.
    """

    tiles: Callable[[], Iterable[np.ndarray]]
    empty: np.ndarray
    figures: Mapping[str, Column]

    @property
    def count(self) -> int:
        """Number of tiles in the grid."""
        return len(self.empty)

    def render(self, titles: Sequence[str], width: int) -> tuple[np.ndarray, int]:
        """Draw the images, enlarged or averaged, as a grid.

        Returns the grid, RGB uint8 ``(h, w, 3)``, and the side in pixels of a tile in it.
        """
        tiles = mosaic.color_tiles(self.tiles(), partial(self.drawn_side, width=width))
        tiles[self.empty] = 255
        levels = np.full(tiles.shape[:3], mosaic.FIRST_LEVEL, np.uint8)
        no_limits = np.zeros(self.count, np.float32)
        scaled = mosaic.ScaledTiles(levels, no_limits, no_limits, self.empty)
        canvas = mosaic.draw(scaled, titles, self.columns)
        return _replace_tiles(canvas, tiles, self.columns), tiles.shape[1]

    @property
    def scale(self) -> None:
        """None, since color images have no color scale."""
        return None

    def table(self) -> Mapping[str, Column]:
        """Return the columns of the grid's table by name, one cell for each image."""
        return self.figures


def _replace_tiles(canvas: np.ndarray, tiles: np.ndarray, columns: int) -> np.ndarray:
    """Convert a mosaic to RGB, with color images, uint8 ``(n, s, s, 3)``, as its tiles."""
    is_tile = canvas >= mosaic.FIRST_LEVEL  # all except letters, marks and gaps
    images = mosaic.arrange(tiles, mosaic.tile_layout(tiles, columns))
    return np.where(is_tile[..., None], images, _palette_on_white("gray")[canvas])


@lru_cache(maxsize=16)
def _palette_on_white(color_map: str) -> np.ndarray:
    """Return the colors of a mosaic's palette on white paper, RGB uint8 ``(256, 3)``."""
    colors = np.frombuffer(mosaic.palette(color_map, (0, 0, 0)), np.uint8).reshape(-1, 3).copy()
    ink = mosaic.transparency()
    colors[: len(ink)] = 255 - np.frombuffer(ink, np.uint8)[:, None]
    return colors
