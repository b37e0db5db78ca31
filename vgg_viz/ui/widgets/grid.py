"""Mosaics on the page: drawn once, kept, shown with their scale and what a reader must know."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product

import numpy as np
import streamlit as st

from vgg_viz.figures import figure
from vgg_viz.inspection import Statistics, statistics
from vgg_viz.mosaic import (
    Limits,
    ScaledTiles,
    colour_levels,
    near_square,
    pack_tiles,
    png,
    scale_tiles,
    tile_side,
)
from vgg_viz.serving.results import Span, Work
from vgg_viz.ui.page import lecture
from vgg_viz.ui.page import tour as touring
from vgg_viz.ui.widgets import components
from vgg_viz.ui.widgets.controls import DIVERGING, Appearance

PAGE_WIDTH = 960  # pixels: what a laptop's page has for a mosaic beside the sidebar
OWN_SCALE = Appearance("own", "gray")
DIGITS = 3  # significant ones, of the numbers of tiles and scales
LARGEST_TILE = 320  # CSS pixels, so that a few maps do not fill three screens


@dataclass(frozen=True)
class Tiles:
    """Tiles to be shown together.

    ``source`` float ``(n, s, s)``, or what fetches it: a mosaic that is drawn needs no values;
    ``titles`` one a tile; ``numbers`` what a click on each tile picks, from 1; ``span`` the whole
    layer's values; ``key`` says in a few plain values whose tiles these are; ``rectified`` says
    whether they come after a ReLU, so that zero means silence;
    ``pair`` is each tile's scale, two float arrays ``(n,)``, where two grids are compared.
    """

    source: np.ndarray | Callable[[], np.ndarray]
    titles: Sequence[str]
    numbers: Sequence[int]
    span: Span
    key: Hashable
    rectified: bool = True
    pair: Limits | None = None

    @property
    def values(self) -> np.ndarray:
        """The tiles' values, float ``(n, s, s)``."""
        return self.source() if callable(self.source) else self.source

    def limits(self, appearance: Appearance) -> Limits | None:
        """The scale to draw on: None where every tile has its own."""
        return {
            "own": None,
            "pair": self.pair,
            "layer": (self.span.low, self.span.high),
            "zero": (-self.span.usual, self.span.usual),
        }[appearance.scale]


@dataclass(frozen=True)
class Exhibit:
    """A grid as it is shown: what an export is made of.

    ``name`` is that of its array, ``axes`` names the array's first axes with the numbers, from 1,
    that stand along each, where that is not one of maps; ``columns`` 0 means near-square.
    """

    name: str
    tiles: Tiles
    appearance: Appearance
    caption: str
    columns: int = 0
    heading: str = ""
    axes: Mapping[str, Sequence[int]] = field(default_factory=dict)

    @property
    def array(self) -> np.ndarray:
        """The values in the array's own shape."""
        values = self.tiles.values
        return values.reshape(*map(len, self.numbered_axes.values()), *values.shape[1:])

    @property
    def numbered_axes(self) -> Mapping[str, Sequence[int]]:
        """The array's first axes, with the numbers that stand along each."""
        return self.axes or {"map": self.tiles.numbers}

    @property
    def tile_numbers(self) -> Mapping[str, Sequence[int]]:
        """Whose tile each is, a number for each of these axes."""
        tiles = zip(*product(*self.numbered_axes.values()), strict=True)
        return dict(zip(self.numbered_axes, tiles, strict=True))


@dataclass(frozen=True)
class Prepared:
    """Tiles that only lack their colours: a tenth of the values that they were made of."""

    scaled: ScaledTiles
    columns: int
    measured: Statistics


@dataclass(frozen=True)
class Drawn:
    """A mosaic as its component takes it, and how many of its tiles are flat."""

    payload: bytes
    flat: int


@dataclass(frozen=True)
class Frame:
    """Where and how a mosaic is shown.

    ``name`` is the component's key on the page; ``on_pick`` is called after a click, ``columns`` 0
    means near-square, ``width`` is about how wide the mosaic will be, in CSS pixels; ``follows``
    says whether the chosen channel is outlined, ``tools`` whether there are buttons above;
    ``heads`` are titles above the columns, if there are any; ``label`` is what a screen reader
    calls a mosaic without a caption.
    """

    name: str
    on_pick: Callable[[], None]
    columns: int = 0
    width: int = PAGE_WIDTH
    largest_tile: int = LARGEST_TILE
    follows: bool = True
    tools: bool = True
    smallest_tile: int = 4
    heads: Sequence[str] = ()
    label: str = ""

    @property
    def look(self) -> Hashable:
        """What of it the component is told, and so what drawn mosaics differ in."""
        sizes = (self.largest_tile, self.smallest_tile)
        return (*sizes, self.follows, self.tools, tuple(self.heads), self.outlined)

    @property
    def outlined(self) -> tuple[int, ...]:
        """The numbers whose tiles an answer of the tour names."""
        return touring.outlined() if self.follows else ()

    def header(self) -> dict[str, object]:
        """What the component needs to know of it."""
        return {
            "largest": self.largest_tile,
            "free": self.columns == 0,
            "smallest": self.smallest_tile,
            "follows": self.follows,
            "tools": self.tools and not lecture.is_on() and not touring.is_on(),
            "lecture": lecture.is_on(),
            "fits": lecture.is_on() or touring.is_on(),
            "heads": list(self.heads),
            "outlined": list(self.outlined),
        }


def show(
    work: Work,
    tiles: Tiles,
    appearance: Appearance,
    caption: str,
    frame: Frame,
) -> None:
    """Show tiles as one picture to point at, with its scale and caption under it."""
    size = (tiles.key, frame.columns, frame.width, appearance.scale)
    drawn: Drawn = work.drawn(
        (size, frame.look, caption, appearance.colour_map, lecture.is_on(), touring.is_on()),
        lambda: paint(
            work.drawn(("prepared", size), lambda: prepare(tiles, appearance, frame)),
            tiles,
            appearance,
            caption,
            frame,
        ),
    )
    place(drawn, appearance, tiles.limits(appearance), frame)
    # One line is as much as can be read from the back of a room.
    st.caption(caption if lecture.is_on() else under(caption, appearance, drawn.flat))


def show_anew(tiles: Tiles, appearance: Appearance, caption: str, frame: Frame) -> None:
    """Show tiles that are not worth keeping, since hardly anybody will look at the same again."""
    place(draw(tiles, appearance, caption, frame), appearance, tiles.limits(appearance), frame)
    if caption:
        st.caption(caption)


def place(drawn: Drawn, appearance: Appearance, limits: Limits | None, frame: Frame) -> None:
    """Put a drawn mosaic on the page, with its scale under it."""
    components.mount("mosaic", frame.name, drawn.payload, frame.on_pick)
    if limits and appearance.scale != "pair" and not lecture.is_on():
        st.html(legend(appearance.colour_map, limits))


def show_colours(tiles: np.ndarray, titles: Sequence[str], caption: str, frame: Frame) -> None:
    """Show colour tiles, uint8 ``(n, s, s, 3)``, as one near-square picture."""
    numbers = range(1, len(tiles) + 1)
    columns = near_square(len(tiles))
    values = tiles.reshape(len(tiles), tiles.shape[1], -1)
    header = describe(titles, numbers, statistics(values), caption, rectified=False)
    header |= frame.header() | {"columns": columns, "side": tiles.shape[1]}
    header |= {"flat": [0] * len(tiles), "shown": caption}
    payload = components.pack(header, png(pack_tiles(tiles, columns)))
    components.mount("mosaic", frame.name, payload, frame.on_pick)
    st.caption(caption)


def draw(tiles: Tiles, appearance: Appearance, caption: str, frame: Frame) -> Drawn:
    """Draw tiles for the component."""
    return paint(prepare(tiles, appearance, frame), tiles, appearance, caption, frame)


def prepare(tiles: Tiles, appearance: Appearance, frame: Frame) -> Prepared:
    """Scale tiles for the component: none larger than it is, since the browser enlarges sharply."""
    values = tiles.values
    columns = frame.columns or near_square(len(values))
    side = min(values.shape[2], tile_side(values.shape[2], columns, frame.width))
    scaled = scale_tiles(values, tiles.limits(appearance), side)
    return Prepared(scaled, columns, statistics(values))


def paint(
    prepared: Prepared, tiles: Tiles, appearance: Appearance, caption: str, frame: Frame
) -> Drawn:
    """Colour scaled tiles, and say of each what the component has to know."""
    scaled, columns = prepared.scaled, prepared.columns
    rectified = tiles.rectified
    header = describe(tiles.titles, tiles.numbers, prepared.measured, caption, rectified=rectified)
    header |= frame.header() | {"columns": columns, "side": scaled.levels.shape[2]}
    header |= {
        "name": caption or frame.label,
        "flat": scaled.flat.astype(int).tolist(),
        "shown": f"{caption} {appearance.colour_map} {appearance.scale}",
    }
    picture = png(pack_tiles(scaled.levels, columns), appearance.colour_map)
    return Drawn(components.pack(header, picture), int(scaled.flat.sum()))


def describe(
    titles: Sequence[str],
    numbers: Sequence[int],
    measured: Statistics,
    caption: str,
    *,
    rectified: bool,
) -> dict[str, object]:
    """What the component says of the mosaic and of every tile."""
    return {
        "name": caption,
        "file": "".join(letter if letter.isalnum() else "-" for letter in caption),
        "titles": list(titles),
        "numbers": list(numbers),
        "minimum": in_words(measured.minimum),
        "maximum": in_words(measured.maximum),
        "mean": in_words(measured.mean),
        "active": [f"{share:.0%}" for share in measured.active.tolist()] if rectified else [],
    }


def in_words(values: np.ndarray) -> list[str]:
    """Numbers as people read them."""
    return [figure(value, DIGITS) for value in values.tolist()]


def under(caption: str, appearance: Appearance, flat: int) -> str:
    """The line under a mosaic."""
    return " · ".join(filter(None, [caption, scale_words(appearance, flat)]))


def scale_words(appearance: Appearance, flat: int) -> str:
    """How to read the brightness, as the end of a caption."""
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
    if flat:
        words += f" · {flat} constant {'tile is' if flat == 1 else 'tiles are'} struck through"
    return words


def legend(colour_map: str, limits: Limits) -> str:
    """The scale as a strip of its colours between its two limits, HTML of our own numbers only."""
    stops = colour_levels(colour_map)[:: len(colour_levels(colour_map)) // 14]
    colours = ", ".join("rgb({},{},{})".format(*stop) for stop in stops.tolist())
    low, high = (figure(limit, DIGITS) for limit in limits)
    middle = "<span>0</span>" if limits[0] < 0 and limits[0] == -limits[1] else ""
    return (
        f'<div class="legend"><div style="background: linear-gradient(90deg, {colours})"></div>'
        f"<span>{low}</span>{middle}<span>{high}</span></div>"
    )
