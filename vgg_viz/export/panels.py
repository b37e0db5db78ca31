"""Panels: grids of tiles as exports show them."""

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

# One a tile, in numbers or words.
Figures = Sequence[float | int | str] | np.ndarray


@dataclass(frozen=True, eq=False)
class Panel(ABC):
    """One grid of tiles, whatever is in them.

    ``titles`` one a tile; ``numbers`` says whose tile each is, in numbers from 1: ``{"map": (1,
    2)}``, of kernels ``{"filter": (1, 1), "channel": (1, 2)}``.

    Raises:
        ValueError: there is no tile, or not one title and number a tile.
    """

    heading: str
    titles: Sequence[str]
    numbers: Mapping[str, Sequence[int]]
    columns: int

    def __post_init__(self) -> None:
        """Check that the parts belong together."""
        counts = [len(self.titles), *map(len, self.numbers.values())]
        if not self.numbers or set(counts) != {self.count} or not self.count:
            words = " and ".join(map(str, counts))
            raise ValueError(f"expected {self.count} titles and numbers, got {words}")

    @property
    @abstractmethod
    def count(self) -> int:
        """How many tiles there are."""

    def drawn_side(self, side: int, width: int) -> int:
        """The side to draw tiles of that side at, ``width`` pixels being there for all."""
        return mosaic.tile_side(side, min(self.columns, self.count), width)

    @abstractmethod
    def drawn(self, titles: Sequence[str], width: int) -> tuple[np.ndarray, int]:
        """The tiles under these titles about ``width`` pixels wide, and how wide a tile is then.

        RGB, uint8 ``(h, w, 3)``, on white.
        """

    @property
    @abstractmethod
    def scale(self) -> "Scale | None":
        """The scale to draw under the tiles."""

    @abstractmethod
    def measured(self) -> Mapping[str, Figures]:
        """Return the columns of a table, one number or word a tile, by their names."""


class Scale(NamedTuple):
    """What stands at a scale's low end, its middle and its high end, and its levels' colors.

    ``colors`` uint8 ``(LEVELS, 3)``, as they look in the tiles.
    """

    labels: tuple[str, str, str]
    colors: np.ndarray


@dataclass(frozen=True, eq=False, kw_only=True)
class ValuesPanel(Panel):
    """Tiles of values, each colored by a scale.

    ``values`` float32 ``(n, s, s)``; ``limits`` as for `mosaic.scale_tiles`; ``color_map`` one of
    Matplotlib's names; ``photograph`` what lies under every tile, RGB uint8 ``(h, h, 3)``, if
    anything does.

    Raises:
        ValueError: as for a `Panel`, or tiles are not square.
    """

    values: np.ndarray
    limits: Limits | None
    color_map: str
    photograph: np.ndarray | None = None

    def __post_init__(self) -> None:
        """Check that the tiles are some."""
        shape = self.values.shape
        if len(shape) != 3 or shape[1] != shape[2] or 0 in shape:
            raise ValueError(f"expected square tiles (n, s, s), at least one, got shape {shape}")
        super().__post_init__()

    @property
    def count(self) -> int:
        """How many tiles there are."""
        return len(self.values)

    def drawn(self, titles: Sequence[str], width: int) -> tuple[np.ndarray, int]:
        """Draw the tiles in the colors of their scale, over the photograph if there is one."""
        side = self.drawn_side(self.values.shape[2], width)
        scaled = mosaic.scale_tiles(self.values, self.limits, side)
        canvas = mosaic.draw(scaled, titles, self.columns, side)
        if self.photograph is None:
            return _colors(self.color_map)[canvas], side
        tints = mosaic.tint(scaled, self.color_map)
        tiles = mosaic.lay_over(tints, mosaic.gray(self.photograph), side)
        return _filled(canvas, tiles, self.columns), side

    @property
    def one_scale(self) -> tuple[float, float] | None:
        """The one scale of all tiles, ``(low, high)``; ``None`` where every tile has its own."""
        if self.limits is None or np.ndim(self.limits[0]) or np.ndim(self.limits[1]):
            return None
        return float(self.limits[0]), float(self.limits[1])

    @property
    def scale(self) -> Scale | None:
        """That of all tiles, or, where each has one around zero, what they have in common."""
        labels = self._scale_labels
        if labels is None:
            return None
        if self.photograph is None:
            return Scale(labels, mosaic.color_levels(self.color_map))
        ends = self.one_scale or (-1, 1)
        return Scale(labels, mosaic.tinted_levels(self.color_map, *ends))

    @property
    def _scale_labels(self) -> tuple[str, str, str] | None:
        if self.one_scale:
            low, high = self.one_scale
            return figure(low, 3), "0" if low < 0 and low == -high else "", figure(high, 3)
        around_zero = self.limits is not None and np.array_equal(-self.limits[0], self.limits[1])
        return ("−largest", "0", "largest") if around_zero else None

    def measured(self) -> Mapping[str, Figures]:
        """Return the statistics of every tile; ``active_share`` is the share of positions above 0.

        ``inactive`` is "yes" for a tile that is 0 or below everywhere.
        """
        found = statistics(self.values)
        inactive = ["no" if share else "yes" for share in found.active]
        columns = (found.minimum, found.maximum, found.mean, found.variance, found.active, inactive)
        return dict(zip(STATISTICS, columns, strict=True))


@dataclass(frozen=True, eq=False, kw_only=True)
class ColorPanel(Panel):
    """Tiles that are pictures.

    ``tiles`` fetches them, one by one if there are many: uint8 ``(s, s, 3)`` each; ``empty`` bool
    ``(n,)`` says which have none, and are struck through; ``figures`` are their numbers, or words,
    one a tile under each name.
    """

    tiles: Callable[[], Iterable[np.ndarray]]
    empty: np.ndarray
    figures: Mapping[str, Figures]

    @property
    def count(self) -> int:
        """How many tiles there are."""
        return len(self.empty)

    def drawn(self, titles: Sequence[str], width: int) -> tuple[np.ndarray, int]:
        """Draw the tiles as they are, enlarged or shrunk."""
        tiles = mosaic.color_tiles(self.tiles(), partial(self.drawn_side, width=width))
        tiles[self.empty] = 255
        levels = np.full(tiles.shape[:3], mosaic.FIRST_LEVEL, np.uint8)
        nothing = np.zeros(self.count, np.float32)
        scaled = mosaic.ScaledTiles(levels, nothing, nothing, self.empty)
        canvas = mosaic.draw(scaled, titles, self.columns)
        return _filled(canvas, tiles, self.columns), tiles.shape[1]

    @property
    def scale(self) -> None:
        """Colors are what they are."""
        return None

    def measured(self) -> Mapping[str, Figures]:
        """Return the figures."""
        return self.figures


def _filled(canvas: np.ndarray, tiles: np.ndarray, columns: int) -> np.ndarray:
    """A drawn canvas with pictures, RGB uint8 ``(n, s, s, 3)``, in the places of its tiles."""
    levels = canvas >= mosaic.FIRST_LEVEL  # all but letters, marks and what lies between
    pictures = mosaic.arrange(tiles, mosaic.tile_layout(tiles, columns))
    return np.where(levels[..., None], pictures, _colors("gray")[canvas])


@lru_cache(maxsize=16)
def _colors(color_map: str) -> np.ndarray:
    """A mosaic's palette entries on white ground, RGB, uint8 ``(256, 3)``."""
    colors = np.frombuffer(mosaic.palette(color_map, (0, 0, 0)), np.uint8).reshape(-1, 3).copy()
    ink = mosaic.transparency()
    colors[: len(ink)] = 255 - np.frombuffer(ink, np.uint8)[:, None]
    return colors
