"""What a value comes from, further back than one layer: any earlier layer's maps, or the pixels."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import streamlit as st

from vgg_viz.export.number_format import figure, signed
from vgg_viz.export.scripts import AttributionRun
from vgg_viz.interpretability.attribution.attribution_pass import (
    Attribution,
    AttributionSpec,
    attribute,
    reach,
)
from vgg_viz.interpretability.attribution.methods import ATTRIBUTION_METHODS
from vgg_viz.interpretability.feature_visualization.top_patches import patch
from vgg_viz.links import INPUT
from vgg_viz.serving.results import ValueRange
from vgg_viz.ui.parts.layer_maps import LayerMaps, script_network
from vgg_viz.ui.state import mode
from vgg_viz.ui.state.trail import TrailStep
from vgg_viz.ui.widgets import text_blocks
from vgg_viz.ui.widgets.chosen_network import load_network
from vgg_viz.ui.widgets.color_grid import ColorGrid
from vgg_viz.ui.widgets.controls import DIVERGING, Appearance
from vgg_viz.ui.widgets.grid import Grid, Tiles

STRONGEST = 12  # maps that add most, and as many that take most away
COLUMNS, COLUMNS_IN_A_LECTURE = 8, 6  # where the map that is looked into stands beside them
SIGNED = Appearance("layer", DIVERGING)
EACH_SIGNED = Appearance("pair", DIVERGING)
MOST = 99.5  # percent of the numbers, which the scale has: a few large ones would make it pale
AS_COLORS = ("guided_backpropagation", "deconvnet")  # whose pictures their papers show in colors
WITH_A_SUM = ("input_x_gradient", "integrated_gradients")
BEYOND = "one number in 200 lies beyond the scale"


@dataclass(frozen=True)
class ValueAttribution:
    """What one value of these maps comes from."""

    maps: LayerMaps
    question: AttributionSpec

    def for_export(self) -> "ValueAttribution":
        """The same for what is made outside of runs."""
        return replace(self, maps=self.maps.for_export())

    @property
    def key(self) -> Hashable:
        """Which value of whose maps, back to where, and by which method."""
        asked = self.question
        place = (asked.channel, asked.row, asked.column)
        return ("attribution", *self.maps.key, place, asked.back_to, asked.method)

    def found(self) -> Attribution:
        """What it comes from."""
        maps = self.maps
        work = partial(
            attribute, maps.network, maps.picture.pixels, self.question, maps.preprocessing
        )
        long = self.question.method == "integrated_gradients"
        return maps.results.cached_in_slices(self.key, work, long=long)

    def grid(self) -> Tiles:
        """The photograph under what its pixels bring, or the strongest of the layer's maps."""
        if self.question.back_to != INPUT:
            return self.maps_grid()
        if self.question.method in AS_COLORS:
            return self.colors()
        return self.pixels_grid()

    def pixels_grid(self) -> Grid:
        """All colors together, over what the value sees of the photograph."""
        asked, found = self.question, self.found()
        values = in_square(found.by_place[None].astype(np.float32), found, asked)
        return Grid(
            values,
            [self.title],
            [1],
            self.key,
            caption=self.caption(BEYOND),
            name="pixels",
            value_range=around_zero(values),
            appearance=SIGNED,
            rectified=False,
            photograph=self.photograph(),
        )

    @property
    def title(self) -> str:
        """Which value it is."""
        asked = self.question
        return f"map {asked.channel}, row {asked.row + 1}, column {asked.column + 1}"

    def photograph(self) -> np.ndarray:
        """What the value sees of it, uint8 ``(side, side, 3)``."""
        asked = self.question
        return patch(self.maps.picture.pixels, asked.layer, asked.row, asked.column)

    def colors(self) -> ColorGrid:
        """The pixels' own colors, zero at mid-gray."""
        found = self.found()
        return ColorGrid(
            self.as_colors(found)[None],
            [self.title],
            [1],
            self.key,
            self.caption("mid-gray: zero"),
            "pixels",
            tooltips=[[extent(found)]],
        )

    def as_colors(self, found: Attribution) -> np.ndarray:
        """What the three colors bring as a picture, RGB uint8 ``(side, side, 3)``."""
        values = in_square(found.values, found, self.question)
        rgb = values if self.maps.preprocessing == "rgb" else values[::-1]
        largest = float(np.abs(rgb).max()) or 1.0
        pixels: np.ndarray = np.rint(127.5 + 127.5 * np.moveaxis(rgb, 0, -1) / largest)
        return pixels.astype(np.uint8)

    def maps_grid(self) -> Grid:
        """The maps that bring most, and those that take most away."""
        found = self.found()
        order, by_map = strongest(found), found.by_map
        values = in_square(found.values[order], found, self.question)
        return Grid(
            values,
            [f"{index + 1}: {signed(float(by_map[index]), 3)}" for index in order],
            [index + 1 for index in order],
            self.key,
            caption=self.caption(f"{len(order)} of {len(by_map)} maps · {BEYOND}"),
            columns=COLUMNS_IN_A_LECTURE if mode.is_explained() else COLUMNS,
            value_range=around_zero(values),
            appearance=SIGNED,
            rectified=False,
        )

    def caption(self, rest: str) -> str:
        """What a reader must know of the grid, whose ``rest`` is how to read it."""
        asked = self.question
        method = ATTRIBUTION_METHODS[asked.method].label
        long = (
            f"{method}, back to {self.back_to}, for row {asked.row + 1}, "
            f"column {asked.column + 1} of map {asked.channel} of {asked.layer.title} · "
            f"{self.maps.subject} · {rest}"
        )
        return text_blocks.caption(long, self.short_caption())

    def short_caption(self) -> str:
        """What can be read from the back of a room."""
        method, maps = ATTRIBUTION_METHODS[self.question.method].label, self.maps
        told = sum_words(self.question, self.found()) or f"{method}, back to {self.back_to}"
        return f"{maps.network.label} · {maps.picture.title} · {told}"

    @property
    def back_to(self) -> str:
        """Where it is asked back to, within a sentence."""
        back_to = self.question.back_to
        return "the pixels" if back_to == INPUT else back_to

    def others(self) -> dict[str, "ValueAttribution"]:
        """The same of another map that is strong there, and of a network that nobody trained."""
        asked, maps = self.question, self.maps
        there = maps.values()[:, asked.row, asked.column].copy()
        there[asked.channel - 1] = -1
        channel = int(there.argmax()) + 1
        found = {f"map {channel}": replace(self, question=replace(asked, channel=channel))}
        network = load_network("untrained", st.empty())
        if network.identity != maps.network.identity:
            found["untrained"] = replace(self, maps=replace(maps, network=network))
        return found

    def stops(self) -> dict[int, TrailStep]:
        """Where each of the strongest maps brings most, by its number."""
        found = self.found()
        places = {index + 1: found.place(index) for index in strongest(found)}
        back_to = self.question.back_to
        return {
            number: TrailStep(back_to, number, place) for number, place in places.items() if place
        }

    def script_run(self) -> AttributionRun:
        """How a script of one's own makes the same."""
        maps, pixels = self.maps, self.question.back_to == INPUT
        colors = pixels and self.question.method in AS_COLORS
        # Blue, green and red: what the other preprocessing has in the opposite order.
        numbers: Sequence[int] = [3, 2, 1] if maps.preprocessing == "rgb" else [1, 2, 3]
        if not pixels:
            numbers = [index + 1 for index in strongest(self.found())]
        return AttributionRun(
            "pixels" if pixels else "maps",
            script_network(maps.network.weights),
            maps.preprocessing,
            maps.picture.pixels,
            self.question,
            numbers,
            summed=pixels and not colors,
            as_colors=colors,
        )


def extent(found: Attribution) -> str:
    """How far its numbers reach, in words."""
    return f"from {figure(float(found.values.min()))} to {figure(float(found.values.max()))}"


def strongest(found: Attribution) -> list[int]:
    """The indices of the maps that add most, then of those that take most away."""
    adding, taking = found.strongest(STRONGEST)
    return [*adding.tolist(), *taking.tolist()]


def sum_words(asked: AttributionSpec, found: Attribution) -> str:
    """What all adds up to, where it adds up to the value, in one line."""
    if asked.method not in WITH_A_SUM:
        return ""
    what, rest = summands(asked, found)
    together = figure(found.explained)
    return f"{what}, {rest}, together {together}: the network’s value before its ReLU"


def summands(asked: AttributionSpec, found: Attribution) -> tuple[str, str]:
    """What is looked at, and what is not, with what each brings."""
    what = "pixels" if asked.back_to == INPUT else f"maps of {asked.back_to}"
    rest, number = "biases", sum(found.biases.values())
    if asked.method == "integrated_gradients":
        rest, number = "a picture of the mean color", found.base
    return f"{what} {signed(found.total)}", f"{rest} {signed(number)}"


def in_square(values: np.ndarray, found: Attribution, asked: AttributionSpec) -> np.ndarray:
    """Values ``(n, rows, columns)`` in squares: what lies beyond the border is zero."""
    sides = zip(found.area, reach(asked), strict=True)
    margins = [(side.start - whole.start, whole.stop - side.stop) for side, whole in sides]
    return np.pad(values, [(0, 0), *margins])


def around_zero(values: np.ndarray) -> ValueRange:
    """A span with zero in its middle, beyond which lies one number in 200."""
    sizes = np.abs(values)
    largest = float(np.percentile(sizes, MOST)) or float(sizes.max())
    return ValueRange(-largest, largest, largest)
