"""Attribution of one value of a feature map: result, grids, sanity checks and Keras script."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace

import numpy as np
import streamlit as st

from vgg_viz.export.number_format import figure, signed
from vgg_viz.export.scripts import Run
from vgg_viz.export.tiles import Tiles
from vgg_viz.fields import INPUT
from vgg_viz.interpretability.attribution.attribution_pass import (
    Attribution,
    AttributionSpec,
    attribute,
    padded_receptive_field,
)
from vgg_viz.interpretability.attribution.methods import ATTRIBUTION_METHODS, AttributionMethod
from vgg_viz.interpretability.feature_visualization.top_patches import crop_patch
from vgg_viz.model.network import color_images
from vgg_viz.model.preprocessing import PREPROCESSINGS
from vgg_viz.serving.results import ValueRange
from vgg_viz.ui.parts.layer_maps import LayerMaps
from vgg_viz.ui.state import mode
from vgg_viz.ui.state.trail import TrailStep
from vgg_viz.ui.widgets import text_blocks
from vgg_viz.ui.widgets.chosen_network import load_network
from vgg_viz.ui.widgets.color_grid import ColorGrid
from vgg_viz.ui.widgets.controls import DIVERGING, Appearance
from vgg_viz.ui.widgets.grid import Grid

STRONGEST = 8  # maps with the largest positive sums, and as many with negative ones
COLUMNS, COLUMNS_IN_A_LECTURE = 8, 4  # a lecture shows the inspector beside them
SHARED_SCALE = Appearance("layer", DIVERGING)
# Percentile of the absolute values at the ends of the scale: a few outliers would pale the rest.
SCALE_PERCENTILE = 99.5
BEYOND_SCALE = "one value in 200 lies beyond the scale"


@dataclass(frozen=True)
class ValueAttribution:
    """Attribution of one value of a feature map, to the pixels or to an earlier layer's maps."""

    maps: LayerMaps  # feature maps of the value's layer
    spec: AttributionSpec  # value, the layer or pixels to attribute it to, and the method
    level: Attribution | None = None  # intermediate attributions, in place of the final ones

    @property
    def key(self) -> Hashable:
        """Cache key of the attribution: maps, value, layer to attribute to, and method."""
        spec = self.spec
        position = (spec.channel, spec.row, spec.column)
        key = ("attribution", *self.maps.key, position, spec.back_to, spec.method)
        return (*key, self.level.points) if self.level else key

    @property
    def method(self) -> AttributionMethod:
        """Record of the attribution method: its label, description and properties."""
        return ATTRIBUTION_METHODS[self.spec.method]

    @property
    def to_pixels(self) -> bool:
        """Whether the value is attributed to the pixels; otherwise to an earlier layer's maps."""
        return self.spec.back_to == INPUT

    @property
    def in_color(self) -> bool:
        """Whether the attributions to the three colors of each pixel are shown as a color image."""
        return self.to_pixels and self.method.in_color

    def is_defined(self) -> bool:
        """Return whether the method is defined for this value; some need a positive value."""
        spec = self.spec
        if not self.method.needs_positive_value:
            return True
        # NaN is left to `attribute`, which refuses it.
        return not self.maps.values()[spec.channel - 1, spec.row, spec.column] <= 0

    def result(self, show_level: Callable[["ValueAttribution"], None] | None = None) -> Attribution:
        """Return the attributions, computed on first use and then cached.

        Meanwhile, ``show_level`` gets the intermediate ones of a method that refines them.
        """
        if self.level:
            return self.level
        maps, levels = self.maps, list[Attribution]()

        def after_slice() -> None:
            if levels and show_level:
                show_level(replace(self, level=levels[-1]))
            levels.clear()

        return maps.results.cached_in_slices(
            self.key,
            lambda: attribute(maps.network, maps.picture.pixels, self.spec, levels.append),
            long=self.method.many_passes,
            after_slice=after_slice,
        )

    def grid(self) -> Tiles:
        """Return a grid of the attributions to pixels, or of the most important maps of a layer."""
        if not self.to_pixels:
            return self.maps_grid()
        return self.color_grid() if self.in_color else self.pixels_grid()

    def pixels_grid(self) -> Grid:
        """Return a heatmap overlay of the attributions to pixels, summed over the colors."""
        spec, result = self.spec, self.result()
        values = with_padding(result.by_position[None].astype(np.float32), result, spec)
        return Grid(
            values,
            [self.title],
            [1],
            self.key,
            caption=self.caption(BEYOND_SCALE),
            name="pixels",
            value_range=symmetric_range(values),
            appearance=SHARED_SCALE,
            rectified=False,
            photograph=crop_patch(self.maps.picture.pixels, spec.layer, spec.row, spec.column),
            axes={"tile": [1]},
            figures=self.figures,
        )

    @property
    def title(self) -> str:
        """Map, row and column of the attributed value in words, counted from 1."""
        spec = self.spec
        return f"map {spec.channel}, row {spec.row + 1}, column {spec.column + 1}"

    def color_grid(self) -> ColorGrid:
        """Return the attributions to the pixels' colors as one color image; mid-gray is zero."""
        result = self.result()
        return ColorGrid(
            self.as_colors(result)[None],
            [self.title],
            [1],
            self.key,
            self.caption("mid-gray: zero"),
            "pixels",
            tooltips=[[attribution_range(result)]],
            axes={"tile": [1]},
            figures=self.figures,
        )

    @property
    def figures(self) -> dict[str, list[float]]:
        """The attributed value, and its map, row and column counted from 1, to export."""
        spec, value = self.spec, self.result().value
        numbers = {"channel": spec.channel, "row": spec.row + 1, "column": spec.column + 1}
        return {name: [number] for name, number in {**numbers, "value": value}.items()}

    def as_colors(self, result: Attribution) -> np.ndarray:
        """Convert attributions to the three colors into an image, RGB uint8 ``(side, side, 3)``."""
        values = with_padding(result.values, result, self.spec)
        return color_images(values[None], self.maps.network.preprocessing)[0]

    def maps_grid(self) -> Grid:
        """Return a grid of the attributions to an earlier layer, one tile per important map."""
        result = self.result()
        order, by_map = strongest(result), result.by_map
        values = with_padding(result.values[order], result, self.spec)
        return Grid(
            values,
            [f"{index + 1}: {signed(float(by_map[index]), 3)}" for index in order],
            [index + 1 for index in order],
            self.key,
            caption=self.caption(f"{len(order)} of {len(by_map)} maps · {BEYOND_SCALE}"),
            columns=COLUMNS_IN_A_LECTURE if mode.is_explained() else COLUMNS,
            value_range=symmetric_range(values),
            appearance=SHARED_SCALE,
            rectified=False,
            figures={"contribution": by_map[order]},
        )

    def caption(self, rest: str) -> str:
        """Return the caption of a grid of attributions, which ends with ``rest``."""
        spec = self.spec
        words = (
            f"{self.heading}, for row {spec.row + 1}, column {spec.column + 1} "
            f"of map {spec.channel} of {spec.layer.title} · {self.maps.subject} · {rest}"
        )
        short = sum_words(self) or self.heading
        network, picture = self.maps.network, self.maps.picture
        return text_blocks.caption(words, f"{network.label} · {picture.title} · {short}")

    @property
    def heading(self) -> str:
        """Method in words, and the pixels or the layer that the value is attributed to."""
        return f"{self.method.label} with respect to the {self.target}"

    @property
    def target(self) -> str:
        """Pixels or layer that the value is attributed to, in words."""
        return "pixels" if self.to_pixels else f"maps of {self.spec.back_to}"

    def sanity_checks(self) -> dict[str, "ValueAttribution"]:
        """Return attributions by the same method that should differ from this one.

        One is of another map that is active at this position. The other uses an untrained network,
        unless this network is untrained itself. A method that needs a positive value takes the most
        active map of the untrained network; if no value is positive, that check is left out.

        The attributions by title.
        """
        channel = most_active(self.maps, self.spec, excluded=self.spec.channel)
        another = replace(self, spec=replace(self.spec, channel=channel))
        checks = {f"map {channel}": another}
        network = load_network("untrained", st.empty())
        if network.identity != self.maps.network.identity:
            untrained = replace(self, maps=replace(self.maps, network=network))
            if untrained.is_defined():
                checks["untrained"] = untrained
            else:
                channel = most_active(untrained.maps, self.spec)
                spec = replace(self.spec, channel=channel)
                checks[f"untrained, map {channel}"] = replace(untrained, spec=spec)
        return {title: check for title, check in checks.items() if check.is_defined()}

    def choice_of(self, check: "ValueAttribution") -> str:
        """Return a sentence on how the map of a sanity check was chosen; empty for this map."""
        if check.spec.channel == self.spec.channel:
            return ""
        if check.maps.network.identity == self.maps.network.identity:
            return f"Map {check.spec.channel} is the most active other map at this position."
        return (
            f"Map {check.spec.channel} is the untrained network’s most active map here: "
            f"{self.method.label} needs a value above 0."
        )

    def trail_steps(self) -> dict[int, TrailStep]:
        """Return where each important map's largest attribution is, by number; none of pixels."""
        if self.to_pixels:
            return {}
        result, back_to = self.result(), self.spec.back_to
        positions = {index + 1: result.strongest_position(index) for index in strongest(result)}
        return {
            number: TrailStep(back_to, number, position)
            for number, position in positions.items()
            if position
        }

    def script_run(self) -> Run:
        """Return the parameters of a Keras script that reproduces the attributions in the grid."""
        maps = self.maps
        colors = PREPROCESSINGS[maps.network.preprocessing].colors
        numbers = [colors.index(color) + 1 for color in ("blue", "green", "red")]
        if not self.to_pixels:
            numbers = [index + 1 for index in strongest(self.result())]
        spec = self.spec
        arguments = maps.script_input | {
            "layer": spec.layer.name,
            "position": [spec.channel, spec.row + 1, spec.column + 1],
            "back_to": spec.back_to,
            "method": spec.method,
            "maps": numbers,
        }
        if points := self.result().points:
            arguments |= {"points": points}
        return Run("attribution", "pixels" if self.to_pixels else "maps", arguments)


def most_active(maps: LayerMaps, spec: AttributionSpec, excluded: int = 0) -> int:
    """Return the number, from 1, of the map with the largest activation at the value's position."""
    values = maps.values()[:, spec.row, spec.column].copy()
    if excluded:
        values[excluded - 1] = -1
    return int(values.argmax()) + 1


def attribution_range(result: Attribution) -> str:
    """Return the smallest and the largest attribution in words, for a tooltip."""
    return f"from {figure(float(result.values.min()))} to {figure(float(result.values.max()))}"


def strongest(result: Attribution) -> list[int]:
    """Return the indices of the maps with the largest sums, 8 positive and 8 negative."""
    positive, negative = result.strongest(STRONGEST)
    return [*positive.tolist(), *negative.tolist()]


def summands(traced: ValueAttribution) -> list[tuple[str, float]]:
    """Return label and number of the terms that sum to the value; empty if incomplete."""
    result = traced.result()
    terms = [(term.label, float(getattr(result, term.field))) for term in traced.method.terms]
    return [(traced.target, result.total), *terms] if terms else []


def sum_words(traced: ValueAttribution) -> str:
    """Return the terms and their sum in one line; empty for a method that is not complete."""
    words = ", ".join(f"{label} {signed(number)}" for label, number in summands(traced))
    if not words:
        return ""
    result = traced.result()
    if result.sums_to_value:
        return f"{words}; sum {figure(result.reconstruction)}: the value before ReLU"
    both = f"sum {figure(result.reconstruction)}, value before ReLU {figure(result.value)}"
    return f"{words}; {both}"


def with_padding(values: np.ndarray, result: Attribution, spec: AttributionSpec) -> np.ndarray:
    """Pad attributions with zeros to the receptive field's full size, beyond the image's border."""
    sides = zip(result.area, padded_receptive_field(spec), strict=True)
    margins = [(side.start - whole.start, whole.stop - side.stop) for side, whole in sides]
    return np.pad(values, [(0, 0), *margins])


def symmetric_range(values: np.ndarray) -> ValueRange:
    """Return a color scale's range around zero; one value in 200 lies beyond it."""
    sizes = np.abs(values)
    largest = float(np.percentile(sizes, SCALE_PERCENTILE)) or float(sizes.max())
    return ValueRange(-largest, largest, largest)
