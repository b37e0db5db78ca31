"""Grids of tiles on the page: drawn once, kept, shown with their scale and what one must know.

Grid: what is shown --+--> told: what the component is told --> drawn, under the key
Place: where and how -+                                        that follows from it
"""

import json
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import product

import numpy as np
import streamlit as st

from vgg_viz.figures import figure
from vgg_viz.measures import Statistics, statistics
from vgg_viz.mosaic import (
    GAP,
    LETTERING,
    MARK_COLOUR,
    TITLE_SPACE,
    Lettering,
    Limits,
    ScaledTiles,
    colour_levels,
    grey,
    near_square,
    pack_tiles,
    png,
    scale_tiles,
    tile_side,
    tint,
    tinted_levels,
)
from vgg_viz.serving.results import Results, Span
from vgg_viz.ui.state import mode, tour_steps
from vgg_viz.ui.widgets import components
from vgg_viz.ui.widgets.controls import DIVERGING, Appearance
from vgg_viz.ui.widgets.words import escape_marks

PAGE_WIDTH = 960  # pixels: what a laptop's page has for a mosaic beside the sidebar
OWN_SCALE = Appearance("own", "gray")
DIGITS = 3  # significant ones, of the numbers of tiles and scales
LARGEST_TILE = 320  # CSS pixels, so that a few maps do not fill three screens
MOST_PLACES = 16  # a side, of tiles whose every value is told
LETTERING_IN_A_LECTURE = Lettering(16, 0.22, 34)


@dataclass(frozen=True)
class Grid:
    """Tiles that are shown, or exported, together.

    source: float ``(n, s, s)``, or what fetches it: a mosaic that is drawn needs no values.
    titles: one a tile.
    numbers: what a click on each tile picks, from 1.
    span: how far the whole layer's values reach.
    key: says in a few plain values whose tiles these are.
    appearance: their colours and their scale.
    caption: what a reader must know of them.
    name: that of their array in an export.
    heading: what stands above them where there are several grids.
    columns: 0 means near-square.
    axes: the array's first axes with the numbers, from 1, that stand along each, where that is not
        one of maps.
    rectified: whether they come after a ReLU, so that zero means silence.
    pair: each tile's scale, two float arrays ``(n,)``, where two grids are compared.
    photograph: what lies under every tile, RGB uint8 ``(224, 224, 3)``, if anything does; the key
        says whose it is.
    """

    source: np.ndarray | Callable[[], np.ndarray]
    titles: Sequence[str]
    numbers: Sequence[int]
    span: Span
    key: Hashable
    appearance: Appearance = OWN_SCALE
    caption: str = ""
    name: str = "maps"
    heading: str = ""
    columns: int = 0
    axes: Mapping[str, Sequence[int]] = field(default_factory=dict)
    rectified: bool = True
    pair: Limits | None = None
    photograph: np.ndarray | None = None

    @property
    def values(self) -> np.ndarray:
        """The tiles' values, float ``(n, s, s)``."""
        return self.source() if callable(self.source) else self.source

    @property
    def array(self) -> np.ndarray:
        """The values in the array's own shape."""
        values = self.values
        return values.reshape(*map(len, self.numbered_axes.values()), *values.shape[1:])

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
    def limits(self) -> Limits | None:
        """The scale to draw on: None where every tile has its own."""
        return {
            "own": None,
            "pair": self.pair,
            "layer": (self.span.low, self.span.high),
            "zero": (-self.span.usual, self.span.usual),
        }[self.appearance.scale]

    @property
    def filled_columns(self) -> int:
        """How many columns it is drawn in."""
        return self.columns or near_square(len(self.titles))


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


def show(results: Results, grid: Grid, place: Place) -> None:
    """Show a grid as one picture to point at, with its scale and caption under it."""
    told = tell(grid, place)
    draw = partial(_draw_kept, results, grid, place, told)
    payload, flat = results.drawn((grid.key, place.width, json.dumps(told)), draw)
    mount(payload, grid, place)
    # One line is as much as can be read from the back of a room.
    st.caption(escape_marks(grid.caption if mode.in_lecture() else under(grid, flat)))


def show_anew(grid: Grid, place: Place) -> None:
    """Show a grid that is not worth keeping, since hardly anybody will look at the same again."""
    payload, _ = draw(grid, tell(grid, place), *scale(grid, place))
    mount(payload, grid, place)
    if grid.caption:
        st.caption(escape_marks(grid.caption))


def show_colours(tiles: np.ndarray, titles: Sequence[str], caption: str, place: Place) -> None:
    """Show colour tiles, uint8 ``(n, s, s, 3)``, as one near-square picture."""
    values = tiles.reshape(len(tiles), tiles.shape[1], -1)
    numbers = range(1, len(tiles) + 1)
    grid = Grid(values, titles, numbers, Span(0, 255), "", caption=caption, rectified=False)
    picture = png(pack_tiles(tiles, grid.filled_columns))
    told = tell(grid, place) | {"side": tiles.shape[1], "flat": [0] * len(tiles)}
    told |= {"parts": [len(picture)], "places": 0}
    payload = components.pack(told | measured_words(grid, statistics(values)), picture)
    components.mount("mosaic", place.name, payload, place.on_pick)
    st.caption(caption)


def tell(grid: Grid, place: Place) -> dict[str, object]:
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
        "mark": "rgb({}, {}, {})".format(*MARK_COLOUR),
        "shown": f"{grid.caption} {grid.appearance.colour_map} {grid.appearance.scale}",
    }


def _draw_kept(
    results: Results, grid: Grid, place: Place, told: Mapping[str, object]
) -> tuple[bytes, int]:
    """Draw a grid of which all but the colours may have been drawn before."""
    key = ("scaled", grid.key, grid.filled_columns, place.width, grid.appearance.scale)
    return draw(grid, told, *results.drawn(key, partial(scale, grid, place)))


def scale(grid: Grid, place: Place) -> tuple[ScaledTiles, Statistics]:
    """Tiles that only lack their colours, a tenth of the values they are made of, and numbers.

    None is larger than its values, since the browser enlarges sharply.
    """
    values = grid.values
    side = min(values.shape[2], tile_side(values.shape[2], grid.filled_columns, place.width))
    return scale_tiles(values, grid.limits, side), statistics(values)


def draw(
    grid: Grid, told: Mapping[str, object], scaled: ScaledTiles, measured: Statistics
) -> tuple[bytes, int]:
    """Colour scaled tiles; returns what the component takes, and how many tiles are flat."""
    header = {
        **told,
        **measured_words(grid, measured),
        "side": scaled.levels.shape[2],
        "flat": scaled.flat.astype(int).tolist(),
    }
    parts = parts_of(grid, scaled)
    header |= {"parts": [len(part) for part in parts], "places": places(grid)}
    return components.pack(header, *parts), int(scaled.flat.sum())


def parts_of(grid: Grid, scaled: ScaledTiles) -> list[bytes]:
    """The tiles' picture; of tiles over a photograph, that too, and the values of their places."""
    colour_map, columns = grid.appearance.colour_map, grid.filled_columns
    if grid.photograph is None:
        return [png(pack_tiles(scaled.levels, columns), colour_map)]
    tiles = png(pack_tiles(tint(scaled, colour_map), columns))
    values = grid.values.astype("<f4").tobytes() if places(grid) else b""
    return [tiles, png(grey(grid.photograph), None), values]


def places(grid: Grid) -> int:
    """How many places a side a tile has of which each is told when it is pointed at; 0 for none."""
    side = grid.values.shape[2] if grid.photograph is not None else 0
    return side if side <= MOST_PLACES else 0


def mount(payload: bytes, grid: Grid, place: Place) -> None:
    """Put a drawn grid on the page, with its scale under it."""
    components.mount("mosaic", place.name, payload, place.on_pick)
    appearance, limits = grid.appearance, grid.limits
    if limits and appearance.scale != "pair" and not mode.in_lecture():
        tinted = grid.photograph is not None
        st.html(legend(appearance.colour_map, limits, tinted=tinted))


def measured_words(grid: Grid, measured: Statistics) -> dict[str, object]:
    """The numbers of every tile, as people read them."""
    shares = [f"{share:.0%}" for share in measured.active.tolist()]
    return {
        "minimum": in_words(measured.minimum),
        "maximum": in_words(measured.maximum),
        "mean": in_words(measured.mean),
        "active": shares if grid.rectified else [],
    }


def in_words(values: np.ndarray) -> list[str]:
    """Numbers as people read them."""
    return [figure(value, DIGITS) for value in values.tolist()]


def under(grid: Grid, flat: int) -> str:
    """The line under a grid."""
    words = scale_words(grid.appearance, flat, tinted=grid.photograph is not None)
    return " · ".join(filter(None, [grid.caption, words]))


def scale_words(
    appearance: Appearance, flat: int, *, tinted: bool = False, several: bool = False
) -> str:
    """How to read the brightness, as the end of a caption.

    ``tinted`` says that the tiles lie over a photograph, ``several`` that each grid of these has
    a scale of its own.
    """
    # Colours with a middle, on a scale of two: a difference.
    minus = appearance.colour_map == DIVERGING
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


def legend(colour_map: str, limits: Limits, *, tinted: bool = False) -> str:
    """The scale as a strip of its colours between its two limits, HTML of our own numbers only."""
    ends = [float(limit) for limit in limits]
    levels = tinted_levels(colour_map, *ends) if tinted else colour_levels(colour_map)
    stops = levels[:: len(levels) // 14]
    colours = ", ".join("rgb({},{},{})".format(*stop) for stop in stops.tolist())
    low, high = (figure(end, DIGITS) for end in ends)
    middle = "<span>0</span>" if limits[0] < 0 and limits[0] == -limits[1] else ""
    return (
        f'<div class="legend"><div style="background: linear-gradient(90deg, {colours})"></div>'
        f"<span>{low}</span>{middle}<span>{high}</span></div>"
    )


def ignore() -> None:
    """Do nothing after a click: there is nowhere to go from these tiles."""
