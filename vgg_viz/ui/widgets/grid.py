"""Grids of tiles on the page: drawn once, kept, shown with their scale and what one must know.

Grid: what is shown --+--> told: what the component is told --> drawn, under the key
Place: where and how -+                                        that follows from it
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import product
from typing import Any

import numpy as np
import streamlit as st

from vgg_viz.export import sheets
from vgg_viz.export.appearance import COLOR_MAPS
from vgg_viz.export.mosaic import (
    GAP,
    LETTERING,
    MARK_COLOR,
    TITLE_SPACE,
    Lettering,
    Limits,
    ScaledTiles,
    color_levels,
    gray,
    near_square,
    pack_tiles,
    png,
    scale_tiles,
    tile_side,
    tint,
    tinted_levels,
)
from vgg_viz.export.number_format import figure
from vgg_viz.interpretability.map_statistics import Statistics, statistics
from vgg_viz.serving.results import Results, Span
from vgg_viz.ui.state import mode, tour_steps
from vgg_viz.ui.widgets import components
from vgg_viz.ui.widgets.controls import DIVERGING, Appearance
from vgg_viz.ui.widgets.text_blocks import escape_marks

PAGE_WIDTH = 960  # pixels: what a laptop's page has for a mosaic beside the sidebar
OWN_SCALE = Appearance("own", "gray")
DIGITS = 3  # significant ones, of the numbers of tiles and scales
LARGEST_TILE = 320  # CSS pixels, so that a few maps do not fill three screens
MOST_PLACES = 16  # a side, of tiles whose every value is told
LETTERING_IN_A_LECTURE = Lettering(16, 0.22, 34)


Kept = Callable[[Hashable, Callable[[], Any]], Any]  # what was computed under a key, or is now


@dataclass(frozen=True)
class Tiles(ABC):
    """Tiles that are shown, or exported, together: values on a scale, or pictures in color.

    source: the tiles, in one array or one by one, or what fetches them: a mosaic that is drawn
        needs none.
    titles: one a tile.
    numbers: what a click on each tile picks, from 1.
    key: says in a few plain values whose tiles these are.
    caption: what a reader must know of them.
    name: that of their array in an export.
    heading: what stands above them where there are several grids.
    columns: 0 means near-square.
    axes: the array's first axes with the numbers, from 1, that stand along each, where that is not
        one of maps.
    passing: whether they are other ones in a moment.
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
    passing: bool = False

    def each(self) -> Iterable[np.ndarray]:
        """The tiles as they are, one by one if they are fetched like that."""
        return self.source() if callable(self.source) else self.source

    @property
    def values(self) -> np.ndarray:
        """The tiles in one array, of which they are the first axis."""
        tiles = self.each()
        if isinstance(tiles, np.ndarray):
            return tiles
        # Each into its place: some hundreds of large ones have 100 MB, and would twice.
        for index, tile in enumerate(tiles):
            if index == 0:
                together = np.empty((len(self.titles), *tile.shape), tile.dtype)
            together[index] = tile
        return together

    @property
    def numbered_axes(self) -> Mapping[str, Sequence[int]]:
        """The array's first axes, with the numbers that stand along each."""
        return self.axes or {"map": self.numbers}

    @property
    def tile_numbers(self) -> Mapping[str, Sequence[int]]:
        """Whose tile each is, a number for each of these axes."""
        tiles = zip(*product(*self.numbered_axes.values()), strict=True)
        return dict(zip(self.numbered_axes, tiles, strict=True))

    @property
    def filled_columns(self) -> int:
        """How many columns it is drawn in."""
        return self.columns or near_square(len(self.titles))

    def in_shape(self, values: np.ndarray) -> np.ndarray:
        """An array with something for each tile, in the numbered axes in place of its first."""
        return values.reshape(*map(len, self.numbered_axes.values()), *values.shape[1:])

    def drawn_side(self, side: int, width: int) -> int:
        """The side to send tiles of that side at: no larger, since the browser enlarges sharply."""
        return min(side, tile_side(side, self.filled_columns, width))

    @abstractmethod
    def known(self) -> dict[str, Any]:
        """What the component is told of tiles of this kind before they are looked at."""

    @abstractmethod
    def drawn(self, width: int, kept: Kept) -> tuple[dict[str, Any], list[bytes]]:
        """Draw the tiles for a mosaic about that wide: the rest of the header, and the parts."""

    @abstractmethod
    def reading(self, struck: int) -> str:
        """How to read them, the end of a caption, where so many of them are struck through."""

    @abstractmethod
    def in_print(self, *, several: bool) -> str:
        """The same as a line of an export; ``several`` says that there are more such grids."""

    @abstractmethod
    def legend(self) -> str:
        """The scale under them, HTML; empty where there is none."""

    @abstractmethod
    def exported(self) -> sheets.Panel:
        """What pictures and tables of them are made of."""

    @abstractmethod
    def arrays(self) -> dict[str, tuple[np.ndarray, Sequence[str]]]:
        """What there is to take along, under its names, with the names of its axes."""


@dataclass(frozen=True, kw_only=True)
class Grid(Tiles):
    """Tiles of values, float ``(n, s, s)``, each of which is colored by a scale.

    span: how far the whole layer's values reach.
    appearance: their colors and their scale.
    rectified: whether they come after a ReLU, so that zero means ablate.
    pair: each tile's scale, two float arrays ``(n,)``, where two grids are compared.
    photograph: what lies under every tile, RGB uint8 ``(224, 224, 3)``, if anything does; the key
        says whose it is.
    """

    span: Span
    appearance: Appearance = OWN_SCALE
    rectified: bool = True
    pair: Limits | None = None
    photograph: np.ndarray | None = None

    @property
    def limits(self) -> Limits | None:
        """The scale to draw on: None where every tile has its own."""
        return {
            "own": None,
            "pair": self.pair,
            "layer": (self.span.low, self.span.high),
            "zero": (-self.span.usual, self.span.usual),
        }[self.appearance.scale]

    def known(self) -> dict[str, Any]:
        """What the canvas says that it shows."""
        return {"shown": f"{self.caption} {self.appearance.color_map} {self.appearance.scale}"}

    def drawn(self, width: int, kept: Kept) -> tuple[dict[str, Any], list[bytes]]:
        """Color the tiles, of which all but the colors may be kept."""
        key = ("scaled", self.key, self.filled_columns, width, self.appearance.scale)
        scaled, measured = kept(key, partial(self._scaled, width))
        header = {
            "lines": self._measured_words(measured),
            "side": scaled.levels.shape[2],
            "flat": scaled.flat.astype(int).tolist(),
            "places": self._places,
        }
        return header, self._parts(scaled)

    def _scaled(self, width: int) -> tuple[ScaledTiles, Statistics]:
        """Tiles that only lack their colors, a tenth of their values, and their numbers."""
        values = self.values
        side = self.drawn_side(values.shape[2], width)
        return scale_tiles(values, self.limits, side), statistics(values)

    def _parts(self, scaled: ScaledTiles) -> list[bytes]:
        """The tiles' picture; over a photograph, that too, and the values of their places."""
        color_map, columns = self.appearance.color_map, self.filled_columns
        if self.photograph is None:
            return [png(pack_tiles(scaled.levels, columns), color_map)]
        tiles = png(pack_tiles(tint(scaled, color_map), columns))
        values = self.values.astype("<f4").tobytes() if self._places else b""
        return [tiles, png(gray(self.photograph), None), values]

    @property
    def _places(self) -> int:
        """How many places a side a tile has of which each is told when pointed at; 0 for none."""
        side = self.values.shape[2] if self.photograph is not None else 0
        return side if side <= MOST_PLACES else 0

    def _measured_words(self, measured: Statistics) -> list[str]:
        """The numbers of every tile, as people read them."""
        columns = [measured.minimum, measured.maximum, measured.mean]
        rows = zip(*map(in_words, columns), measured.active.tolist(), strict=True)
        active = "\nactive at {:.0%} of positions" if self.rectified else ""
        return [
            f"min {low}   max {high}\nmean {mean}{active.format(share)}"
            for low, high, mean, share in rows
        ]

    def reading(self, struck: int) -> str:
        """How to read the brightness."""
        return scale_words(self.appearance, struck, tinted=self.photograph is not None)

    def in_print(self, *, several: bool) -> str:
        """How to read the brightness, and which colors these are."""
        tinted = self.photograph is not None
        scale = scale_words(self.appearance, 0, tinted=tinted, several=several)
        known = COLOR_MAPS.get(self.appearance.color_map)
        colors = known.label if known else "Blue to red"
        return f"Scale: {scale} · colors: {colors}"

    def legend(self) -> str:
        """The scale, where all tiles have one."""
        if not self.limits or self.appearance.scale == "pair":
            return ""
        tinted = self.photograph is not None
        return legend(self.appearance.color_map, self.limits, tinted=tinted)

    def exported(self) -> sheets.Panel:
        """The values, on the scale that they are shown on."""
        return sheets.ValuesPanel(
            self.heading,
            self.titles,
            self.tile_numbers,
            self.filled_columns,
            values=self.values,
            limits=self.limits,
            color_map=self.appearance.color_map,
            photograph=self.photograph,
        )

    def arrays(self) -> dict[str, tuple[np.ndarray, Sequence[str]]]:
        """The values."""
        return {self.name: (self.in_shape(self.values), [*self.numbered_axes, "row", "column"])}


@dataclass(frozen=True)
class Place:
    """Where and how a grid is shown.

    name: the component's key on the page.
    on_pick: called after a click.
    width: about how wide the mosaic will be, in CSS pixels.
    largest_tile, smallest_tile: in CSS pixels.
    follows: whether the chosen channel is outlined, and what a tour's answer names.
    tools: whether there are buttons above.
    heads: titles above the columns, if there are any.
    label: what a screen reader calls a mosaic without a caption.
    """

    name: str
    on_pick: Callable[[], None]
    width: int = PAGE_WIDTH
    largest_tile: int = LARGEST_TILE
    smallest_tile: int = 4
    follows: bool = True
    tools: bool = True
    heads: Sequence[str] = ()
    label: str = ""


def show(results: Results, grid: Tiles, place: Place) -> None:
    """Show a grid as one picture to point at, with its scale and caption under it."""
    told = tell(grid, place)
    key = (grid.key, place.width, json.dumps(told))
    work = partial(draw, grid, place, told, results.drawn)
    payload, struck = results.drawn(key, work, passing=grid.passing)
    mount(payload, grid, place)
    # One line is as much as can be read from the back of a room.
    st.caption(escape_marks(grid.caption if mode.in_lecture() else under(grid, struck)))


def show_anew(grid: Tiles, place: Place) -> None:
    """Show a grid that is not worth keeping, since hardly anybody will look at the same again."""
    payload, _ = draw(grid, place, tell(grid, place), lambda _, compute: compute())
    mount(payload, grid, place)
    if grid.caption:
        st.caption(escape_marks(grid.caption))


def tell(grid: Tiles, place: Place) -> dict[str, object]:
    """What the component is told of a grid before its values are looked at, in plain values."""
    lecture, tour = mode.in_lecture(), mode.on_tour()
    return {
        "name": grid.caption or place.label,
        "file": "".join(letter if letter.isalnum() else "-" for letter in grid.caption),
        "titles": list(grid.titles),
        "numbers": list(grid.numbers),
        "columns": grid.filled_columns,
        "free": grid.columns == 0,
        "largest": place.largest_tile,
        "smallest": place.smallest_tile,
        "follows": place.follows,
        "outlined": list(tour_steps.outlined()) if place.follows else [],
        "heads": list(place.heads),
        "tools": place.tools and not lecture and not tour,
        "lecture": lecture,
        "fits": lecture or tour,
        "gap": GAP,
        "letters": (LETTERING_IN_A_LECTURE if lecture else LETTERING)._asdict(),
        "space": TITLE_SPACE,
        "mark": "rgb({}, {}, {})".format(*MARK_COLOR),
        **grid.known(),
    }


def draw(grid: Tiles, place: Place, told: Mapping[str, object], kept: Kept) -> tuple[bytes, int]:
    """Draw a grid; returns what the component takes, and how many tiles are struck through."""
    drawn, parts = grid.drawn(place.width, kept)
    header = {**told, **drawn, "parts": [len(part) for part in parts]}
    return components.pack(header, *parts), sum(header["flat"])


def mount(payload: bytes, grid: Tiles, place: Place) -> None:
    """Put a drawn grid on the page, with its scale under it."""
    components.mount("mosaic", place.name, payload, place.on_pick)
    scale = "" if mode.in_lecture() else grid.legend()
    if scale:
        st.html(scale)


def in_words(values: np.ndarray) -> list[str]:
    """Numbers as people read them."""
    return [figure(value, DIGITS) for value in values.tolist()]


def under(grid: Tiles, struck: int) -> str:
    """The line under a grid."""
    return " · ".join(filter(None, [grid.caption, grid.reading(struck)]))


def scale_words(
    appearance: Appearance, flat: int, *, tinted: bool = False, several: bool = False
) -> str:
    """How to read the brightness, as the end of a caption.

    ``tinted`` says that the tiles lie over a photograph, ``several`` that each grid of these has
    a scale of its own.
    """
    # Colors with a middle, on a scale of two: a difference.
    minus = appearance.color_map == DIVERGING
    words = {
        "own": "each tile on its own scale, smallest to largest value",
        "pair": "each tile on its own scale, zero in the middle"
        if minus
        else "the two tiles of a number on one scale",
        "layer": "one scale for all tiles, zero in the middle"
        if minus
        else "one scale for the whole layer",
        "zero": "one scale for the whole layer, zero in the middle; a weight in 200 lies beyond",
    }[appearance.scale]
    if tinted and (several or appearance.scale == "pair"):
        words = "each method, and each difference, on a scale of its own, zero in the middle"
    if tinted:
        words += " · the nearer to zero, the more of the photograph is seen"
    if flat:
        words += f" · {flat} constant {'tile is' if flat == 1 else 'tiles are'} struck through"
    return words


def legend(color_map: str, limits: Limits, *, tinted: bool = False) -> str:
    """The scale as a strip of its colors between its two limits, HTML of our own numbers only."""
    ends = [float(limit) for limit in limits]
    levels = tinted_levels(color_map, *ends) if tinted else color_levels(color_map)
    stops = levels[:: len(levels) // 14]
    colors = ", ".join("rgb({},{},{})".format(*stop) for stop in stops.tolist())
    low, high = (figure(end, DIGITS) for end in ends)
    middle = "<span>0</span>" if limits[0] < 0 and limits[0] == -limits[1] else ""
    return (
        f'<div class="legend"><div style="background: linear-gradient(90deg, {colors})"></div>'
        f"<span>{low}</span>{middle}<span>{high}</span></div>"
    )


def ignore() -> None:
    """Do nothing after a click: there is nowhere to go from these tiles."""
