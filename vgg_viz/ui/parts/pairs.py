"""Pairs of grids: maps of two sides of a comparison on a common scale, or their difference."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
import streamlit as st

from vgg_viz.export.appearance import PAIR_SCALES
from vgg_viz.export.scripts import Run
from vgg_viz.export.tiles import Column
from vgg_viz.fields import SHOWN_AS
from vgg_viz.model.network import Network
from vgg_viz.model.networks import NETWORKS
from vgg_viz.option import tooltip
from vgg_viz.serving.results import Results, ValueRange
from vgg_viz.ui import state
from vgg_viz.ui.parts.layer_maps import LayerMaps
from vgg_viz.ui.widgets import controls, grid, text_blocks
from vgg_viz.ui.widgets.controls import DIVERGING, Appearance
from vgg_viz.ui.widgets.grid import Grid
from vgg_viz.views import UNCHANGED, Comparison

Sides = tuple[LayerMaps, LayerMaps]

WIDTH = 560  # CSS pixels: half of the page
DIFFERENCE_LEGEND = "blue: lower, red: higher"
NAMES = ("this", "other")  # of the exported arrays
# Advice where both sides are identical.
IDENTICAL = {
    UNCHANGED: "choose an amount other than 0 in the sidebar.",
    "picture": "choose another picture in the sidebar.",
    "network": "without ImageNet’s weights, there is only the untrained network.",
}


@dataclass(frozen=True)
class Pair:
    """Feature maps of the same numbers from two sides, such as two images, to show as grids."""

    sides: Sides  # feature maps of both sides
    numbers: Sequence[int]  # numbers of the maps to show, from 1
    headings: tuple[str, str, str]  # headings of both grids and of their difference
    captions: tuple[str, str, str]  # captions of both grids and of their difference
    names: tuple[str, str]  # names of both exported arrays
    # Titles of the tiles in the second grid and in the difference; if empty, the map numbers.
    titles: Sequence[str] = ()
    figures: Mapping[str, Column] = field(default_factory=dict)  # numbers in these titles, by name

    def grids(self, shown_as: str, appearance: Appearance) -> list[Grid]:
        """Return the grids of both sides, or the one grid of their difference."""
        if shown_as == "difference":
            return [self.difference(appearance)]
        return self.both(appearance)

    def both(self, appearance: Appearance) -> list[Grid]:
        """Return the grids of both sides on a common color scale."""
        grids = [side.grid(self.numbers, appearance) for side in self.sides]
        grids[1] = replace(grids[1], titles=self.titles or grids[1].titles, figures=self.figures)
        value_range = ValueRange(
            min(each.value_range.low for each in grids),
            max(each.value_range.high for each in grids),
        )
        both_statistics = [side.statistics() for side in self.sides]
        shown = np.array(self.numbers) - 1
        pair = (
            np.minimum(*(statistics.minimum[shown] for statistics in both_statistics)),
            np.maximum(*(statistics.maximum[shown] for statistics in both_statistics)),
        )
        return [
            replace(
                each,
                name=name,
                value_range=value_range,
                pair=pair,
                key=(name, *(each.key for each in grids)),
                caption=caption,
                heading=heading,
            )
            for each, name, caption, heading in zip(
                grids, self.names, self.captions[:2], self.headings[:2], strict=True
            )
        ]

    def difference(self, appearance: Appearance) -> Grid:
        """Return a grid of the second side's maps minus the first's, with zero at mid-scale."""
        these, others = (side.grid(self.numbers) for side in self.sides)

        def subtract() -> np.ndarray:
            return others.values - these.values

        key = ("difference", these.key, others.key)
        results = self.sides[0].results
        largest = results.cached(("largest", key), lambda: np.abs(subtract()).max(axis=(1, 2)))
        overall = float(largest.max())
        scale: str = "layer" if appearance.scale == "layer" else "pair"
        return replace(
            these,
            source=subtract,
            titles=self.titles or these.titles,
            figures=self.figures,
            value_range=ValueRange(-overall, overall),
            pair=(-largest, largest),
            key=key,
            appearance=Appearance(scale, DIVERGING),
            caption=self.captions[2],
            name="difference",
            heading=self.headings[2],
            rectified=False,
        )

    def script_runs(self) -> list[Run]:
        """Return the parameters of a Keras script that reproduces the maps of both sides."""
        both = zip(self.names, self.sides, strict=True)
        return [side.script_run(name, self.numbers) for name, side in both]


def choose() -> None:
    """Show the choices of how to compare two sides, and on which scale."""
    scales = PAIR_SCALES
    if controls.one_of("Show", "shown_as", SHOWN_AS) == "difference":
        # It has only one tile per map, so "each tile" and "each pair" coincide.
        scales = {name: scale for name, scale in scales.items() if name != "own"}
    controls.one_of("Scale", "pair_scale", scales, help_text=tooltip(scales))


def chosen_form() -> tuple[str, Appearance]:
    """Return the chosen form of a pair (side by side, or the difference) and its appearance."""
    shown_as, scale, colors = (
        str(state.value(key)) for key in ("shown_as", "pair_scale", "colors")
    )
    return shown_as, Appearance(scale, DIVERGING if shown_as == "difference" else colors)


def show(
    grids: Sequence[Grid],
    results: Results,
    on_pick: Callable[[str, int], None],
    prefix: str,
    *,
    follows: bool = False,
) -> None:
    """Show the grids of a pair beside each other."""
    with st.container(key=f"{prefix}-pair"):
        columns = st.columns(len(grids), gap="medium")
    for column, each in zip(columns, grids, strict=True):
        name = f"{prefix}-{each.name}"
        with column:
            st.subheader(text_blocks.escape_marks(each.heading))
            placement = grid.Placement(name, partial(on_pick, name), width=WIDTH, follows=follows)
            grid.show(results, each, placement)


def note_identical(kind: Comparison) -> None:
    """Show a note that both sides of a comparison are identical, and the reason or a remedy."""
    st.info("Both sides are identical: " + IDENTICAL[kind], icon=":material/equal:")


def network_name(network: Network) -> str:
    """Return the name of a network for headings, such as *ImageNet* or *Untrained*."""
    known = NETWORKS.get(network.label)
    return known.label if known else network.label
