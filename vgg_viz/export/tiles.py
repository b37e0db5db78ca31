"""Base class of all grids of tiles, of values on a color scale or of color pictures.

The page shows a grid as a *mosaic*, a component with one picture. Exported images, tables and
arrays are made from the same grid.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from vgg_viz.export.mosaic import TileLayout, near_square, tile_side

# Numbers or texts, one for each tile; None where a tile has no number.
Column = Sequence[float | int | str | None] | np.ndarray
# Returns the value cached under a key, or computes it.
Cached = Callable[[Hashable, Callable[[], Any]], Any]


class Scale(NamedTuple):
    """A color scale to draw as a color bar."""

    labels: tuple[str, str, str]  # at the bar's low end, middle and high end
    colors: np.ndarray  # the bar's colors, uint8 (LEVELS, 3), as in the tiles


def is_numeric(column: Column) -> bool:
    """Return whether all tiles have a number in this column."""
    return np.asarray(column).dtype.kind in "iuf"


@dataclass(frozen=True)
class Tiles(ABC):
    """Tiles of one grid, shown or exported together: values on a color scale, or pictures."""

    # Tiles in one array or one by one, or a function that loads them. It is not called for a mosaic
    # that is cached already.
    source: Iterable[np.ndarray] | Callable[[], Iterable[np.ndarray]]
    titles: Sequence[str]  # one title per tile
    numbers: Sequence[int]  # number, from 1, that a click on each tile selects
    key: Hashable  # a few plain values that identify the tiles
    caption: str = ""  # one line below the grid
    name: str = "maps"  # name of the exported array
    heading: str = ""  # heading above the grid where there are several
    columns: int = 0  # number of columns; 0 means a near-square grid
    # Names of the exported array's first axes, and the numbers along each, from 1. Default: the
    # axis `map` with `numbers`.
    axes: Mapping[str, Sequence[int]] = field(default_factory=dict)
    # Whether the tiles will soon be replaced, as while an image is being optimized.
    transient: bool = False
    # By name, one number or text per tile that the page shows; exported with the tiles.
    figures: Mapping[str, Column] = field(default_factory=dict)

    def load(self) -> Iterable[np.ndarray]:
        """Return the tiles' values or pixels, in one array or one by one, as in ``source``."""
        return self.source() if callable(self.source) else self.source

    @property
    def values(self) -> np.ndarray:
        """Values or pixels of all tiles in one array, ``(n, ...)``."""
        tiles = self.load()
        if isinstance(tiles, np.ndarray):
            return tiles
        # Not np.stack: hundreds of large tiles take 100 MB, and it would hold them twice.
        for index, tile in enumerate(tiles):
            if index == 0:
                stacked = np.empty((len(self.titles), *tile.shape), tile.dtype)
            stacked[index] = tile
        return stacked

    @property
    def numbered_axes(self) -> Mapping[str, Sequence[int]]:
        """Names of the exported array's first axes, and the numbers along each, from 1."""
        return self.axes or {"map": self.numbers}

    @property
    def tile_numbers(self) -> Mapping[str, Sequence[int]]:
        """For each numbered axis of the exported array, the number of every tile along it."""
        tiles = zip(*product(*self.numbered_axes.values()), strict=True)
        return dict(zip(self.numbered_axes, tiles, strict=True))

    @property
    def filled_columns(self) -> int:
        """Number of columns of the grid as drawn."""
        return self.columns or near_square(len(self.titles))

    def along_axes(self, values: np.ndarray) -> np.ndarray:
        """Reshape an array with one entry per tile, ``(n, ...)``, to the exported array's axes."""
        return values.reshape(*map(len, self.numbered_axes.values()), *values.shape[1:])

    def drawn_side(self, side: int, width: int) -> int:
        """Return the side in pixels at which to draw tiles: at most that of their values or pixels.

        Enlarging is left to the browser, which keeps the pixels sharp.
        """
        return min(side, tile_side(side, self.filled_columns, width))

    @abstractmethod
    def metadata(self) -> dict[str, Any]:
        """Return the mosaic's JSON header entries that are known before the tiles are loaded."""

    @abstractmethod
    def render(self, width: int, cached: Cached) -> tuple[dict[str, Any], list[bytes]]:
        """Draw the tiles for a mosaic ``width`` CSS pixels wide."""

    @abstractmethod
    def scale_note(self, struck: int) -> str:
        """Return the end of the caption: the color scale, and the number of struck tiles."""

    @abstractmethod
    def export_note(self, *, several: bool) -> str:
        """Return a line on the color scale for exports; ``several`` if they hold several grids."""

    def legend(self) -> Scale | None:
        """Return the scale to show as a color bar; None where the tiles do not share one."""
        return None

    @property
    def scale(self) -> Scale | None:
        """Color scale that exported images show below the grid; None where tiles share none."""
        return None

    @abstractmethod
    def draw(self, width: int) -> tuple[np.ndarray, TileLayout]:
        """Return the grid on white, RGB uint8 ``(h, w, 3)``, about ``width`` wide, with layout."""

    def table(self) -> Mapping[str, Column]:
        """Return the columns of the grid's table by name, with one cell for each tile."""
        return {**self.tile_numbers, **self.figures}

    def arrays(self) -> dict[str, tuple[np.ndarray, Sequence[str]]]:
        """Return the arrays to export, tiles and numeric figures by name, with their axes."""
        values, axes = self.values, list(self.numbered_axes)
        inner = ("row", "column", "color")[: values.ndim - 1]
        figures = {
            f"{self.name}_{name}": (self.along_axes(np.asarray(column)), axes)
            for name, column in self.figures.items()
            if is_numeric(column)
        }
        return {self.name: (self.along_axes(values), [*axes, *inner]), **figures}
