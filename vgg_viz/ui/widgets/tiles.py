"""Tiles that are shown or exported together: the base of grids of values and of pictures."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import numpy as np

from vgg_viz.export.mosaic import near_square, tile_side
from vgg_viz.export.panels import Panel

# Returns the value cached under a key, or computes it.
Cached = Callable[[Hashable, Callable[[], Any]], Any]


@dataclass(frozen=True)
class Tiles(ABC):
    """Tiles that are shown or exported together: values on a scale, or pictures in color.

    source: the tiles in one array or one by one, or a function that loads them. A mosaic that is
        already drawn does not load them.
    titles: one for each tile.
    numbers: the number that a click on each tile selects, from 1.
    key: a few plain values that identify the tiles.
    caption: one line below them.
    name: the array's name in an export.
    heading: a heading above them where there are several grids.
    columns: 0 means near-square.
    axes: names of the array's first axes, and the numbers along each, from 1. Default: ``map``.
    transient: whether they will soon be replaced, as while an image is being optimized.
    """

    source: Iterable[np.ndarray] | Callable[[], Iterable[np.ndarray]]
    titles: Sequence[str]
    numbers: Sequence[int]
    key: Hashable
    caption: str = ""
    name: str = "maps"
    heading: str = ""
    columns: int = 0
    axes: Mapping[str, Sequence[int]] = field(default_factory=dict)
    transient: bool = False

    def load(self) -> Iterable[np.ndarray]:
        """Return the tiles, in one array or one by one."""
        return self.source() if callable(self.source) else self.source

    @property
    def values(self) -> np.ndarray:
        """The tiles in one array, ``(n, ...)``."""
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
        """Names of the array's first axes, and the numbers along each."""
        return self.axes or {"map": self.numbers}

    @property
    def tile_numbers(self) -> Mapping[str, Sequence[int]]:
        """For each numbered axis, one number a tile."""
        tiles = zip(*product(*self.numbered_axes.values()), strict=True)
        return dict(zip(self.numbered_axes, tiles, strict=True))

    @property
    def filled_columns(self) -> int:
        """Number of columns as drawn."""
        return self.columns or near_square(len(self.titles))

    def along_axes(self, values: np.ndarray) -> np.ndarray:
        """Reshape an array ``(n, ...)`` so that the numbered axes replace its first axis."""
        return values.reshape(*map(len, self.numbered_axes.values()), *values.shape[1:])

    def drawn_side(self, side: int, width: int) -> int:
        """Return the side to draw tiles at; never enlarged, since the browser does that sharply."""
        return min(side, tile_side(side, self.filled_columns, width))

    @abstractmethod
    def metadata(self) -> dict[str, Any]:
        """Return the part of the mosaic's JSON header that is known before the tiles are loaded."""

    @abstractmethod
    def render(self, width: int, cached: Cached) -> tuple[dict[str, Any], list[bytes]]:
        """Draw the tiles for a mosaic ``width`` CSS pixels wide.

        Returns the rest of the header, and the pictures and arrays that follow it.
        """

    @abstractmethod
    def scale_note(self, struck: int) -> str:
        """Return the end of the caption: the scale, and the number of tiles struck through."""

    @abstractmethod
    def export_note(self, *, several: bool) -> str:
        """Return the scale as a line of an export; ``several`` when it holds several grids."""

    @abstractmethod
    def legend(self) -> str:
        """Return the scale as HTML, or nothing where tiles share none."""

    @abstractmethod
    def panel(self) -> Panel:
        """Return the tiles for pictures and tables."""

    @abstractmethod
    def arrays(self) -> dict[str, tuple[np.ndarray, Sequence[str]]]:
        """Return the arrays to export by name, each with the names of its axes."""
