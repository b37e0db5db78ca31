"""Mosaics on the page: drawn once, kept, shown with their scale and what a reader must know."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from vgg_viz.mosaic import (
    Colour,
    Limits,
    colour_levels,
    draw_colours,
    enlarge,
    mosaic,
    near_square,
    png,
    tile_side,
)
from vgg_viz.ui.controls import Appearance
from vgg_viz.ui.results import Span, Work

PAGE_WIDTH = 960
LIGHT_INK: Colour = (22, 33, 43)
DARK_INK: Colour = (233, 239, 244)


@dataclass(frozen=True)
class Tiles:
    """Tiles to be shown together.

    ``values`` float ``(n, s, s)``; ``titles`` one a tile; ``span`` the whole layer's values;
    ``key`` says in a few plain values whose tiles these are.
    """

    values: np.ndarray
    titles: Sequence[str]
    span: Span
    key: Hashable

    def limits(self, appearance: Appearance) -> Limits | None:
        """The scale to draw on: None where every tile has its own."""
        if appearance.scale == "own":
            return None
        if appearance.scale == "layer":
            return self.span.low, self.span.high
        return -self.span.usual, self.span.usual


@dataclass(frozen=True)
class Drawn:
    """A mosaic as PNG bytes, and how many of its tiles are flat."""

    png: bytes
    flat: int


def show(
    work: Work,
    slot: DeltaGenerator,
    tiles: Tiles,
    appearance: Appearance,
    caption: str,
    *,
    columns: int = 0,
    width: int = PAGE_WIDTH,
) -> None:
    """Show tiles as one picture with its scale and caption under it; ``columns`` 0: near-square."""
    columns = columns or near_square(len(tiles.values))
    limits = tiles.limits(appearance)
    ink = page_ink()
    drawn: Drawn = work.drawn(
        (tiles.key, len(tiles.values), columns, width, appearance, ink),
        lambda: draw(tiles, columns, width, limits, appearance.colour_map, ink),
    )
    with slot.container():
        st.image(drawn.png, output_format="PNG", alt=caption)
        if limits:
            st.html(legend(appearance.colour_map, limits))
        st.caption(" · ".join(filter(None, [caption, scale_words(appearance, drawn.flat)])))


def show_colours(slot: DeltaGenerator, tiles: np.ndarray, caption: str, width: int) -> None:
    """Show colour tiles, uint8 ``(n, s, s, 3)``, numbered from 1, as one near-square picture."""
    columns = near_square(len(tiles))
    side = tile_side(tiles.shape[1], columns, width)
    titles = [str(number) for number in range(1, len(tiles) + 1)]
    canvas = draw_colours(enlarge(tiles, side // tiles.shape[1]), titles, columns, page_ink())
    with slot.container():
        st.image(png(canvas), output_format="PNG", alt=caption)
        st.caption(caption)


def draw(
    tiles: Tiles, columns: int, width: int, limits: Limits | None, colour_map: str, ink: Colour
) -> Drawn:
    """Draw tiles as PNG bytes."""
    canvas, scaled = mosaic(tiles.values, tiles.titles, columns, width, limits)
    return Drawn(png(canvas, colour_map, ink), int(scaled.flat.sum()))


def page_ink() -> Colour:
    """The colour of writing on the page, in its present theme."""
    return DARK_INK if st.context.theme.type == "dark" else LIGHT_INK


def scale_words(appearance: Appearance, flat: int) -> str:
    """How to read the brightness, as the end of a caption."""
    words = {
        "own": "each tile on its own scale, smallest to largest value",
        "layer": "one scale for the whole layer",
        "zero": "one scale for the whole layer, zero in the middle; a weight in 200 lies beyond",
    }[appearance.scale]
    if flat:
        words += f" · {flat} constant {'tile is' if flat == 1 else 'tiles are'} struck through"
    return words


def legend(colour_map: str, limits: Limits) -> str:
    """The scale as a strip of its colours between its two limits, HTML of our own numbers only."""
    stops = colour_levels(colour_map)[:: len(colour_levels(colour_map)) // 14]
    colours = ", ".join("rgb({},{},{})".format(*stop) for stop in stops.tolist())
    low, high = (f"{limit:.3g}" for limit in limits)
    middle = "<span>0</span>" if limits[0] < 0 and limits[0] == -limits[1] else ""
    return (
        f'<div class="legend"><div style="background: linear-gradient(90deg, {colours})"></div>'
        f"<span>{low.replace('-', '−')}</span>{middle}<span>{high}</span></div>"
    )
