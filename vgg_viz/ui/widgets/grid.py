"""Grids of tiles on the page: drawn once, cached, and shown with their color bar and caption.

`Tiles` hold the content of a grid, a `Placement` its place and size on the page. The result of
`Tiles.metadata` is part of the drawing's cache key: all that changes the drawing must be in it.
"""

import json
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from vgg_viz.export import mosaic
from vgg_viz.export.appearance import COLOR_MAPS
from vgg_viz.export.mosaic import Lettering, Limits, ScaledTiles, TileLayout
from vgg_viz.export.number_format import figure
from vgg_viz.export.plain_text import rightward
from vgg_viz.export.tiles import Cached, Column, Scale, Tiles
from vgg_viz.interpretability.map_statistics import Statistics, statistics
from vgg_viz.serving.results import Results, ValueRange
from vgg_viz.ui.state import component_values, mode, tour_steps
from vgg_viz.ui.widgets import components
from vgg_viz.ui.widgets.controls import DIVERGING, Appearance
from vgg_viz.ui.widgets.text_blocks import escape_marks

LONGEST_FILE_NAME = 60  # characters
PAGE_WIDTH = 960  # CSS pixels: a mosaic beside the sidebar on a laptop
OWN_SCALE = Appearance("own", "gray")
DIGITS = 4  # significant digits of tile statistics and scale limits, as in sums
LARGEST_TILE = 320  # CSS pixels, so that a few maps do not fill three screens
LARGEST_READABLE = 16  # side of the largest tiles whose single values can be pointed at
LECTURE_LETTERING = Lettering(16, 0.22, 34)


@dataclass(frozen=True, kw_only=True)
class Grid(Tiles):
    """Grid of tiles of values, float ``(n, s, s)``, such as feature maps, colored by a scale."""

    value_range: ValueRange  # smallest and largest value of the whole layer
    appearance: Appearance = OWN_SCALE  # names of the color scale and the color map
    # Whether the values come after ReLU, so that a value above zero is active.
    rectified: bool = True
    # Limits of each tile's scale, two float arrays `(n,)`, where two grids are compared.
    pair: Limits | None = None
    # Image under every tile, RGB uint8 `(224, 224, 3)`; `key` must identify it.
    photograph: np.ndarray | None = None
    measured: Statistics | None = None  # of the tiles, where they are known
    scale_words: str = ""  # what shares a color scale, where the scale's name does not say it
    # Whether no value is negative, so that the color bar begins at zero, in the scale's middle.
    from_zero: bool = False

    @property
    def limits(self) -> Limits | None:
        """Limits of the color scale; None where each tile has its own scale."""
        return {
            "own": None,
            "pair": self.pair,
            "layer": (self.value_range.low, self.value_range.high),
            "zero": (-self.value_range.usual, self.value_range.usual),
        }[self.appearance.scale]

    @property
    def is_overlay(self) -> bool:
        """Whether the tiles are heatmap overlays on a photograph."""
        return self.photograph is not None

    def metadata(self) -> dict[str, Any]:
        """Return the mosaic's header entry with caption, color map and scale, which tests read."""
        return {"shown": f"{self.caption} {self.appearance.color_map} {self.appearance.scale}"}

    def render(self, width: int, cached: Cached) -> tuple[dict[str, Any], list[bytes]]:
        """Color the tiles for a mosaic ``width`` CSS pixels wide.

        All but the colors is cached, so that another color map does not draw the tiles again.

        Header entries that need the tiles' values (tooltips, tile side, constant tiles), and
        the mosaic as PNG; for an overlay, also the photograph and the values.
        """
        key = ("scaled", self.key, self.filled_columns, width, self.appearance.scale)
        header, scaled = cached(key, partial(self._scaled, width))
        color_map = self.appearance.color_map
        if self.photograph is None:
            return header, [mosaic.recolored(scaled, color_map)]
        return header, self._overlay(mosaic.overlay_colors(scaled, color_map), self.photograph)

    def _scaled(self, width: int) -> tuple[dict[str, Any], ScaledTiles | bytes]:
        """Scale the tiles to color levels; return header entries, and but for overlays, a PNG."""
        values = self.values
        scaled = mosaic.scale_tiles(values, self.limits, self.drawn_side(values.shape[2], width))
        header = {
            "lines": self._statistics_lines(self.measured or statistics(values)),
            "side": scaled.levels.shape[2],
            "flat": scaled.flat.astype(int).tolist(),
            "positions": self._positions,
        }
        if self.is_overlay:
            return header, scaled
        return header, mosaic.png(mosaic.pack_tiles(scaled.levels, self.filled_columns))

    def _overlay(self, tiles: np.ndarray, photograph: np.ndarray) -> list[bytes]:
        """Return an overlay's tiles and photograph as PNG, and small tiles' values."""
        drawn = mosaic.png(mosaic.pack_tiles(tiles, self.filled_columns))
        values = self.values.astype("<f4").tobytes() if self._positions else b""
        return [drawn, mosaic.png(mosaic.gray(photograph), None), values]

    @property
    def _positions(self) -> int:
        """Number of positions per side whose values the tooltip shows one by one; 0 for none."""
        side = self.values.shape[2] if self.is_overlay else 0
        return side if side <= LARGEST_READABLE else 0

    def _statistics_lines(self, measured: Statistics) -> list[str]:
        """Return the tooltip of each tile: minimum, maximum, mean and share of active positions."""
        columns = [measured.minimum, measured.maximum, measured.mean]
        rows = zip(*map(formatted, columns), measured.active.tolist(), strict=True)
        active = "\nactive at {:.0%} of positions" if self.rectified else ""
        return [
            f"min {low}   max {high}\nmean {mean}{active.format(share)}"
            for low, high, mean, share in rows
        ]

    def scale_note(self, struck: int) -> str:
        """Describe the color scale and the number of constant tiles, for the end of the caption."""
        note = self.scale_words or scale_name(self.appearance)
        if self.is_overlay:
            note += " · values near zero are transparent"
        if struck:
            tiles = "tile is" if struck == 1 else "tiles are"
            note += f" · {struck} constant {tiles} struck through"
        return note

    def export_note(self, *, several: bool) -> str:
        """Return a line for exports that names the color scale and the color map."""
        scale = self.scale_note(0)
        if several and self.scale_words:
            scale = f"each method: {scale}"
        color_map = COLOR_MAPS.get(self.appearance.color_map)
        return f"Scale: {scale} · colors: {color_map.label if color_map else 'Blue to red'}"

    def legend(self) -> Scale | None:
        """Return the scale to show as a color bar; None where the tiles do not share one."""
        return None if self.appearance.scale == "pair" else self.scale

    @property
    def scale(self) -> Scale | None:
        """Color scale of all tiles, or of each if it is centered at zero; else None."""
        scale = color_scale(self.appearance.color_map, self.limits, overlay=self.is_overlay)
        if scale and self.from_zero:
            return Scale(("0", "", scale.labels[2]), scale.colors[len(scale.colors) // 2 :])
        return scale

    def draw(self, width: int) -> tuple[np.ndarray, TileLayout]:
        """Draw the tiles in the colors of their scale, over the photograph if there is one."""
        color_map, columns = self.appearance.color_map, self.filled_columns
        canvas, layout, scaled = mosaic.mosaic(self.values, columns, width, self.limits)
        if self.photograph is None:
            return mosaic.palette(color_map)[canvas], layout
        tiles = mosaic.blend(
            mosaic.overlay_colors(scaled, color_map), mosaic.gray(self.photograph), layout.side
        )
        return mosaic.replace_tiles(canvas, tiles, layout), layout

    def table(self) -> Mapping[str, Column]:
        """Return the grid's table: numbers, figures, and the statistics of every tile.

        Of feature maps, ``active_share`` is the share of positions above zero; ``inactive``,
        whether there are none.
        """
        found = self.measured or statistics(self.values)
        shown = ("minimum", "maximum", "mean", "variance")
        columns = {**super().table(), **{name: getattr(found, name) for name in shown}}
        if self.rectified:
            inactive = ["no" if share else "yes" for share in found.active]
            columns |= {"active_share": found.active, "inactive": inactive}
        return columns


def ignore(number: int) -> None:
    """Ignore a click on a tile, in grids whose tiles lead nowhere."""


@dataclass(frozen=True)
class Placement:
    """Place and size of a grid on the page."""

    name: str  # the component's key
    # Callback for a click on a tile, which gets the tile's number. Default: tiles lead nowhere.
    on_pick: Callable[[int], None] = ignore
    width: int = PAGE_WIDTH  # approximate width of the mosaic in CSS pixels
    largest_tile: int = LARGEST_TILE  # limits of a tile's side in CSS pixels
    smallest_tile: int = 4  # limits of a tile's side in CSS pixels
    wraps: bool = False  # whether to halve the rows before their tiles get smaller than that
    # Whether to outline the selected channel, and the channels that a tour's answer names.
    follows: bool = False
    tools: bool = True  # whether to show buttons above the grid
    title: str = ""  # line above the grid, in which `**` encloses what is bold
    heads: Sequence[str] = ()  # titles above the columns
    label: str = ""  # accessible name of a mosaic without a caption


def room(*, beside: bool) -> tuple[DeltaGenerator, DeltaGenerator]:
    """Return the places of a grid and of its details, which stand beside it or below."""
    if not beside:
        place = st.container(key="maps-room")
        return place, place
    row = st.container(key="maps-room", horizontal=True, gap="medium")
    return row.container(), row.container()


def show(results: Results, grid: Tiles, placement: Placement) -> None:
    """Show a grid as one picture (a mosaic), with its color bar and caption below."""
    header = metadata(grid, placement)
    key = (grid.key, placement.width, json.dumps(header))
    work = partial(draw, grid, placement, header, results.cached_drawing)
    data, struck = results.cached_drawing(key, work, transient=grid.transient)
    mount(data, grid, placement)
    # From the back of a room, one line is all that can be read.
    st.caption(escape_marks(grid.caption if mode.in_lecture() else full_caption(grid, struck)))


def show_uncached(grid: Tiles, placement: Placement) -> None:
    """Show a grid without caching its drawing, for content that few other viewers will see."""
    header = metadata(grid, placement)
    data, _ = draw(grid, placement, header, lambda _, compute: compute())
    mount(data, grid, placement)
    if grid.caption:
        st.caption(escape_marks(grid.caption))


def metadata(grid: Tiles, placement: Placement) -> dict[str, object]:
    """Return the entries of a mosaic's JSON header that do not depend on the tiles' values."""
    lecture, tour = mode.in_lecture(), mode.on_tour()
    scale = None if lecture else grid.legend()
    return {
        "name": rightward(grid.caption or placement.label),
        "file": file_name(grid.caption),
        "titles": [rightward(title) for title in grid.titles],
        "numbers": list(grid.numbers),
        "columns": grid.filled_columns,
        "free": grid.columns == 0,
        "largest": placement.largest_tile,
        "smallest": placement.smallest_tile,
        "wraps": placement.wraps,
        "follows": placement.follows,
        "outlined": list(tour_steps.outlined()) if placement.follows else [],
        "title": placement.title,
        "heads": [rightward(head) for head in placement.heads],
        "tools": placement.tools and not lecture and not tour,
        "lecture": lecture,
        "fits": lecture or tour,
        "scrolls": not tour,  # a tour's steps fit on one screen
        "gap": mosaic.GAP,
        "letters": (LECTURE_LETTERING if lecture else mosaic.LETTERING)._asdict(),
        "space": mosaic.TITLE_SPACE,
        "legend": legend(scale) if scale else None,
        "mark": "rgb({}, {}, {})".format(*mosaic.MARK_COLOR),
        **grid.metadata(),
    }


def file_name(caption: str) -> str:
    """Return a name for a saved image, without its ending: the first words of a grid's caption.

    >>> file_name("Evidence for made up 7, before the softmax · Ablation · red: for, blue: against")
    'Evidence-for-made-up-7-before-the-softmax-Ablation-red-for'
    """
    name = "-".join(re.findall(r"\w+", caption))
    if len(name) <= LONGEST_FILE_NAME:
        return name
    return name[: LONGEST_FILE_NAME + 1].rpartition("-")[0] or name[:LONGEST_FILE_NAME]


def draw(
    grid: Tiles, placement: Placement, header: Mapping[str, object], cached: Cached
) -> tuple[bytes, int]:
    """Draw a grid as data for the mosaic component."""
    rest, parts = grid.render(placement.width, cached)
    whole = {**header, **rest, "parts": [len(part) for part in parts]}
    return components.pack(whole, *parts), sum(whole["flat"])


def mount(data: bytes, grid: Tiles, placement: Placement) -> None:
    """Put a drawn grid on the page."""
    on_pick = partial(pick, placement.name, frozenset(grid.numbers), placement.on_pick)
    components.mount("mosaic", placement.name, data, on_pick)


def pick(name: str, numbers: Collection[int], on_pick: Callable[[int], None]) -> None:
    """Call a grid's function with the number of the clicked tile (widget callback)."""
    number = component_values.number(name, max(numbers, default=0))
    if number is not None and number in numbers:
        on_pick(number)


def formatted(values: np.ndarray) -> list[str]:
    """Format numbers for tooltips."""
    return [figure(value, DIGITS) for value in values.tolist()]


def full_caption(grid: Tiles, struck: int) -> str:
    """Return the line below a grid: its caption, its color scale and the number of struck tiles."""
    return " · ".join(filter(None, [grid.caption, grid.scale_note(struck)]))


def scale_name(appearance: Appearance) -> str:
    """Return which tiles of a grid share its color scale, by the scale's name."""
    difference = appearance.color_map == DIVERGING
    return {
        "own": "each tile on its own scale, smallest to largest value",
        "pair": "each tile on its own scale, zero in the middle"
        if difference
        else "one scale for both tiles of a pair",
        "layer": "one scale for all tiles, zero in the middle"
        if difference
        else "one scale for the whole layer",
        "zero": "one scale for the whole layer, zero in the middle; 0.5% of weights are clipped",
    }[appearance.scale]


def color_scale(color_map: str, limits: Limits | None, *, overlay: bool = False) -> Scale | None:
    """Return the color scale between two limits, or between limits centered at zero; else None."""
    if limits is None:
        return None
    low, high = limits
    if not (np.ndim(low) or np.ndim(high)):
        ends = float(low), float(high)
        labels = figure(ends[0]), "0" if low < 0 and low == -high else "", figure(ends[1])
    elif np.array_equal(-low, high):
        ends, labels = (-1, 1), ("−largest", "0", "largest")
    else:
        return None
    return Scale(
        labels,
        mosaic.overlay_levels(color_map, *ends) if overlay else mosaic.color_levels(color_map),
    )


def legend(scale: Scale) -> dict[str, list[str]]:
    """Return the labels of a color bar, and some of its colors in CSS."""
    stops = scale.colors[:: len(scale.colors) // 14].tolist()
    colors = ["rgb({},{},{})".format(*stop) for stop in stops]
    return {"labels": list(filter(None, scale.labels)), "colors": colors}
