"""The same maps of two sides: two grids beside each other on one scale, or their difference."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import streamlit as st

from vgg_viz.export.appearance import PAIR_SCALES
from vgg_viz.export.scripts import MapsRun
from vgg_viz.links import SHOWN_AS
from vgg_viz.serving.results import Results, ValueRange
from vgg_viz.ui.parts.layer_maps import LayerMaps
from vgg_viz.ui.widgets import controls, grid
from vgg_viz.ui.widgets.controls import DIVERGING, Appearance
from vgg_viz.ui.widgets.grid import Grid

Sides = tuple[LayerMaps, LayerMaps]

WIDTH = 560  # CSS pixels: half of the page
MINUS = "blue: less, red: more"


@dataclass(frozen=True)
class Pair:
    """The same maps of two sides.

    numbers: which maps, from 1.
    headings: what stands above each grid, and above that of their difference.
    captions: what a reader must know of these three.
    names: those of their arrays in an export.
    titles: what stands above the other side's tiles, and their difference's, if not the numbers.
    """

    sides: Sides
    numbers: Sequence[int]
    headings: tuple[str, str, str]
    captions: tuple[str, str, str]
    names: tuple[str, str]
    titles: Sequence[str] = ()

    def grids(self, shown_as: str, appearance: Appearance) -> list[Grid]:
        """Both grids, or that of their difference."""
        if shown_as == "difference":
            return [self.difference(appearance)]
        return self.both(appearance)

    def both(self, appearance: Appearance) -> list[Grid]:
        """Both grids, the same maps in the same places."""
        grids = [side.grid(self.numbers, appearance) for side in self.sides]
        grids[1] = replace(grids[1], titles=self.titles or grids[1].titles)
        span = ValueRange(
            min(one.value_range.low for one in grids), max(one.value_range.high for one in grids)
        )
        measured = [side.statistics() for side in self.sides]
        shown = np.array(self.numbers) - 1
        pair = (
            np.minimum(*(statistics.minimum[shown] for statistics in measured)),
            np.maximum(*(statistics.maximum[shown] for statistics in measured)),
        )
        return [
            replace(
                one,
                name=name,
                value_range=span,
                pair=pair,
                key=(name, *(one.key for one in grids)),
                caption=caption,
                heading=heading,
            )
            for one, name, caption, heading in zip(
                grids, self.names, self.captions[:2], self.headings[:2], strict=True
            )
        ]

    def difference(self, appearance: Appearance) -> Grid:
        """The other maps minus these, on scales that are symmetric about zero."""
        these, others = (side.grid(self.numbers) for side in self.sides)

        def minus() -> np.ndarray:
            apart: np.ndarray = others.values - these.values
            return apart

        key = ("difference", these.key, others.key)
        results = self.sides[0].results
        largest = results.cached(("largest", key), lambda: np.abs(minus()).max(axis=(1, 2)))
        most = float(largest.max())
        scale: str = "layer" if appearance.scale == "layer" else "pair"
        return replace(
            these,
            source=minus,
            titles=self.titles or these.titles,
            value_range=ValueRange(-most, most),
            pair=(-largest, largest),
            key=key,
            appearance=Appearance(scale, DIVERGING),
            caption=self.captions[2],
            name="difference",
            heading=self.headings[2],
            rectified=False,
        )

    def script_runs(self) -> list[MapsRun]:
        """How a script of one's own makes both sides."""
        both = zip(self.names, self.sides, strict=True)
        return [side.script_run(name, self.numbers) for name, side in both]


def choose() -> tuple[str, str]:
    """Choose how a pair is shown, and on which scale."""
    shown_as = controls.one_of("Shown as", "shown_as", SHOWN_AS)
    return shown_as, choose_scale(shown_as)


def choose_scale(shown_as: str) -> str:
    """Choose the scale; a difference is one tile a pair, so that it has no third."""
    scales = PAIR_SCALES
    if shown_as == "difference":
        scales = {scale: label for scale, label in scales.items() if scale != "own"}
        help_text = (
            "**Each pair**: every difference on its own scale · **Layer**: one scale for all"
        )
    else:
        help_text = (
            "**Each pair**: the two tiles of a number on one scale · **Layer**: one "
            "scale for both grids · **Each tile**: each on its own, to compare patterns only"
        )
    return controls.one_of("Scale", "pair_scale", scales, help_text=help_text)


def show(
    grids: Sequence[Grid],
    results: Results,
    on_pick: Callable[[str], Callable[[], None]],
    prefix: str,
    *,
    follows: bool = True,
) -> None:
    """Show these grids beside each other.

    Args:
        grids: those of a pair.
        results: where what is drawn is kept.
        on_pick: what a click on the grid of that name on the page calls.
        prefix: how these names begin.
        follows: as for `grid.Placement`.
    """
    with st.container(key=f"{prefix}-pair"):
        columns = st.columns(len(grids), gap="medium")
    for column, one in zip(columns, grids, strict=True):
        name = f"{prefix}-{one.name}"
        with column:
            st.subheader(one.heading)
            place = grid.Placement(name, on_pick(name), width=WIDTH, follows=follows)
            grid.show(results, one, place)
