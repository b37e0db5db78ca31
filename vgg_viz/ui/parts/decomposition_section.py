"""Where one value of a map comes from: patch, filter, products, bias, sum, ReLU."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import streamlit as st

from vgg_viz.export.number_format import figure, signed
from vgg_viz.interpretability import decomposition as arithmetic
from vgg_viz.interpretability.decomposition import Explanation
from vgg_viz.model.architecture import ConvLayer, Layer
from vgg_viz.model.network import network_input
from vgg_viz.serving.results import ValueRange
from vgg_viz.ui.parts import attribution_section
from vgg_viz.ui.parts.layer_maps import LayerMaps
from vgg_viz.ui.state import component_values, trail
from vgg_viz.ui.state.selection import Position
from vgg_viz.ui.state.trail import TrailStep
from vgg_viz.ui.widgets import grid
from vgg_viz.ui.widgets.color_grid import ColorGrid
from vgg_viz.ui.widgets.controls import DIVERGING, Appearance

STRONGEST = 8
KERNELS_SHOWN = 48
COLUMNS = 16
LARGEST_TILE = 64  # CSS pixels
SIGNED = Appearance("zero", DIVERGING)
BGR = ("blue", "green", "red")
# What a screen reader calls the grids that have no caption.
LABELS = {
    "patch": "The patch, channel by channel",
    "kernel": "The filter's kernels, channel by channel",
    "products": "The products, channel by channel",
    "own-kernels": "The filter's kernels, strongest channels first",
}
RIGHT_PIXELS = (
    "This layer looks at the picture itself. Before it, the pixels were turned from RGB to "
    "**BGR** and the **mean color** of ImageNet's pictures (103.939, 116.779, 123.68) was "
    "taken off: a channel is positive where the picture is brighter than usual. Beyond the "
    "border there are zeros, which stand for that mean color."
)
WRONG_PIXELS = (
    "This layer looks at the picture itself, which was prepared wrongly: in the order **RGB**, and "
    "divided by 255. Nothing is larger than 1, and the zeros beyond the border stand for black."
)


@dataclass(frozen=True)
class Value:
    """One value of a map and all that it was made of.

    ``inputs`` (channels, h, w) is what the layer worked on, ``before`` the maps of the conv layer
    ``previous`` to it, if there is one; ``kernel`` (channels, 3, 3) is the filter.
    """

    maps: LayerMaps
    channel: int
    position: Position
    previous: Layer | None
    before: np.ndarray | None
    inputs: np.ndarray
    kernel: np.ndarray
    explanation: Explanation

    @property
    def layer(self) -> Layer:
        """The layer that made it."""
        return self.maps.layer


def show(value: Value) -> None:
    """Take a value apart."""
    row, column = value.position
    with st.container(key="origin"):
        st.subheader(
            f"Where the value at row {row + 1}, column {column + 1} of map {value.channel} "
            "comes from"
        )
        show_sum(value)
        strongest = show_contributors(value, value.previous) if value.previous else []
        attribution_section.show(value.maps, value.channel, value.position)
        if value.previous is None:
            show_pixels(value)
        elif strongest:
            show_products(value, strongest)
        show_kernels(value)


def trace(maps: LayerMaps, channel: int, position: Position) -> Value:
    """Gather what the value was made of, and do its arithmetic again."""
    results, weights, layer = maps.results, maps.network.weights, maps.layer
    kernel = results.kernels(weights, layer.name, [channel - 1], range(layer.channels))[0]
    bias = float(results.biases(weights, layer.name)[channel - 1])
    previous = arithmetic.previous_conv(layer)
    before, inputs = worked_on(maps, previous)
    computed = float(maps.map(channel)[position])
    explained = arithmetic.explain(inputs, kernel, bias, computed, *position)
    return Value(maps, channel, position, previous, before, inputs, kernel, explained)


def worked_on(maps: LayerMaps, previous: ConvLayer | None) -> tuple[np.ndarray | None, np.ndarray]:
    """The maps of the conv layer before, if there is one, and what the layer makes its own of."""
    pixels = maps.picture.pixels
    if previous is None:
        return None, network_input(pixels, maps.preprocessing)
    before = replace(maps, layer=previous).values()
    return before, arithmetic.layer_input(maps.layer, pixels, before)


def show_sum(value: Value) -> None:
    """Show that what is added up is the value that the network computed."""
    explanation = value.explanation
    channels = value.layer.channels
    st.markdown(
        f"The filter lies on 3 × 3 positions in each of the layer's {channels} input channels: "
        f"{9 * channels:,} numbers, each multiplied by one of the filter's."
    )
    steps = [
        ("Products", explanation.contributions.sum()),
        ("+ bias", explanation.bias),
        ("= sum", explanation.total),
        ("after ReLU", explanation.result),
        ("the network’s value", explanation.computed),
    ]
    with st.container(horizontal=True, gap="large", key="value-sum"):
        for label, number in steps:
            st.metric(label, figure(number, 5), width="content")
    difference = abs(explanation.result - explanation.computed)
    if explanation.agrees:
        rounding = f"they differ by {figure(difference, 2)}, the rounding of float32"
        words = f"The two agree: {rounding if difference else 'to the last digit'}."
        st.success(words, icon=":material/check:")
    else:
        st.error(f"The two differ by {figure(difference, 2)}, more than rounding explains.")


def show_pixels(value: Value) -> None:
    """Show the first layer's patch in the picture's own colors, and the arithmetic on it."""
    right = value.maps.preprocessing == "caffe"
    st.markdown(RIGHT_PIXELS if right else WRONG_PIXELS)
    patch, arithmetic = st.columns([1, 3])
    with patch:
        show_patch(pixel_colors(value))
    with arithmetic:
        show_arithmetic(value, range(3), BGR if right else BGR[::-1])


def show_patch(pixels: np.ndarray) -> None:
    """Show a patch of the picture, RGB uint8 ``(3, 3, 3)``."""
    red, green, blue = pixels[1, 1].tolist()
    told = [f"In the middle: red {red}, green {green}, blue {blue}"]
    words = "The patch, in its own colors"
    colors = ColorGrid(pixels[None], [""], [1], "", words, tooltips=[told])
    place = grid.Placement("pixels", grid.ignore, largest_tile=150, follows=False, tools=False)
    grid.show_uncached(colors, place)


def pixel_colors(value: Value) -> np.ndarray:
    """The patch of the picture that the first layer's filter lies on, RGB uint8 (3, 3, 3)."""
    patch = value.explanation.patch
    if value.maps.preprocessing == "caffe":
        return arithmetic.pixel_colors(patch)
    colors: np.ndarray = np.rint(255 * np.moveaxis(patch, 0, -1)).astype(np.uint8)
    return colors


def show_contributors(value: Value, previous: Layer) -> list[int]:
    """Show the input channels that weigh most, as maps to walk back to; return their indices."""
    adding, taking = value.explanation.strongest(STRONGEST)
    order = [*adding.tolist(), *taking.tolist()]
    if not order:
        st.markdown("No input channel adds anything here: all that the filter lies on is zero.")
        return []
    pooled = " after its max pool" if value.before is not value.inputs else ""
    st.markdown(
        f"**The strongest contributors**: the {len(adding)} channels that add most, then the "
        f"{len(taking)} that take most away. They are maps of {previous.name}{pooled}. "
        "**Click one to walk back** to where its largest product comes from."
    )
    contributions = value.explanation.contributions
    titles = [f"{index + 1}: {signed(contributions[index], 3)}" for index in order]
    numbers = [index + 1 for index in order]
    here = TrailStep(value.layer.name, value.channel, value.position)
    words = f"{len(order)} of {value.layer.channels} input channels: number and contribution"
    tiles = grid.Grid(
        value.inputs[order],
        titles,
        numbers,
        "",
        caption=words,
        columns=8,
        value_range=ValueRange.of_maps(value.inputs),
    )
    place = grid.Placement(
        "contributors",
        partial(walk_back, here, stops(value, previous, order), value.maps.subject_key),
        largest_tile=112,
        smallest_tile=64,
        follows=False,
    )
    grid.show_uncached(tiles, place)
    return order


def show_products(value: Value, order: list[int]) -> None:
    """Show the arithmetic of these input channels, and what each of all contributes."""
    contributions = value.explanation.contributions
    show_arithmetic(value, order, [str(index + 1) for index in order])
    title = f"What each of the {value.layer.channels} channels contributes"
    # Checking and sending a chart takes a third of a run: it is made for those who open it.
    with st.expander(title, key="contributions", on_change="rerun") as opened:
        if opened.open:
            st.bar_chart(
                contributions,
                x_label="channel (from 0)",
                y_label="contribution",
                height=220,
                alt="How much each input channel adds or takes away",
            )


def stops(value: Value, previous: Layer, channels: Sequence[int]) -> dict[int, TrailStep]:
    """Where in the layer before, of each of these input channels, the largest product comes from.

    By the channels' numbers, from 1. Found before anybody clicks: a callback that did it then would
    hold the maps, up to 25 MB, as long as the viewer stays.
    """
    found = {}
    for channel in channels:
        kernel = value.kernel[channel]
        position = arithmetic.source_position(
            value.layer, value.before, kernel, channel, *value.position
        )
        if position:
            found[channel + 1] = TrailStep(previous.name, channel + 1, position)
    return found


def walk_back(here: TrailStep, there: Mapping[int, TrailStep], about: Hashable) -> None:
    """Go to the clicked contributor's map in the layer before, at its position."""
    number = component_values.number("contributors", max(there, default=0))
    if number is not None and number in there:
        trail.extend(here, there[number], about)


def show_arithmetic(value: Value, order: range | list[int], names: Sequence[str]) -> None:
    """Show, channel by channel, the patch, the filter's kernel, and their products."""
    channels = list(order)
    explanation = value.explanation
    rows = {
        "patch": ("**The patch**: what the filter lies on", explanation.patch),
        "kernel": ("× **the kernel**: the filter's own numbers", value.kernel),
        "products": ("= **their products**", explanation.products),
    }
    for name, (words, numbers) in rows.items():
        st.markdown(words)
        show_signed(name, numbers[channels].astype(np.float32), list(names))


def show_signed(name: str, values: np.ndarray, titles: list[str]) -> None:
    """Show 3 x 3 tiles in one row or two, on one scale around zero."""
    largest = float(np.abs(values).max())
    tiles = grid.Grid(
        values,
        titles,
        range(1, len(values) + 1),
        "",
        columns=min(COLUMNS, len(values)),
        value_range=ValueRange(-largest, largest, largest),
        appearance=SIGNED,
        rectified=False,
    )
    place = grid.Placement(
        name, grid.ignore, largest_tile=LARGEST_TILE, follows=False, tools=False, label=LABELS[name]
    )
    grid.show_uncached(tiles, place)


def show_kernels(value: Value) -> None:
    """Show the filter's own kernels, strongest channels first."""
    strength = np.sqrt((value.kernel**2).sum(axis=(1, 2)))
    order = np.argsort(-strength, kind="stable")[:KERNELS_SHOWN].tolist()
    st.markdown(
        f"**The kernels of filter {value.channel}** of {value.layer.title} "
        f"({value.maps.network.label}), strongest channels first: {len(order)} of "
        f"{value.layer.channels}."
    )
    show_signed("own-kernels", value.kernel[order], [str(index + 1) for index in order])
