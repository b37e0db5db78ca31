"""Decomposition of one value of a feature map: patch, kernel, products, bias, sum and ReLU."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import streamlit as st

from vgg_viz.export.number_format import figure, signed
from vgg_viz.interpretability import decomposition
from vgg_viz.interpretability.decomposition import Decomposition
from vgg_viz.model.architecture import ConvLayer
from vgg_viz.model.network import network_input
from vgg_viz.serving.results import ValueRange
from vgg_viz.ui.parts import attribution_section
from vgg_viz.ui.parts.layer_maps import LayerMaps
from vgg_viz.ui.state import trail
from vgg_viz.ui.state.selection import Position
from vgg_viz.ui.state.trail import TrailStep
from vgg_viz.ui.widgets import grid
from vgg_viz.ui.widgets.color_grid import ColorGrid
from vgg_viz.ui.widgets.controls import DIVERGING, Appearance

MOST_CONTRIBUTORS = 8  # of either sign
KERNELS_SHOWN = 48
COLUMNS = 16
LARGEST_TILE = 64  # CSS pixels
SIGNED = Appearance("zero", DIVERGING)
BGR = ("blue", "green", "red")
# Accessible names of the grids that have no caption.
LABELS = {
    "patch": "Patch, channel by channel",
    "kernel": "Kernel of each channel",
    "products": "Products, channel by channel",
    "own-kernels": "Kernels of the filter, largest norm first",
}
RIGHT_PIXELS = (
    "This layer's input is the preprocessed image: channels in **BGR** order, minus the **mean "
    "color** of ImageNet (103.939, 116.779, 123.68). A channel is positive where the image is "
    "brighter than that mean. The zero padding beyond the border stands for the mean color."
)
WRONG_PIXELS = (
    "This layer's input is the image, preprocessed wrongly: channels in **RGB** order, divided by "
    "255. No value exceeds 1, and the zero padding beyond the border stands for black."
)


@dataclass(frozen=True)
class Value:
    """One value of a feature map, with the inputs and weights that it is computed from."""

    maps: LayerMaps  # feature maps of the value's layer
    channel: int  # number of the value's map, from 1
    position: Position  # row and column of the value, from 0
    previous: ConvLayer | None  # previous conv layer; None for the first
    # Maps of the previous conv layer, before any max pool; for the first layer, the input.
    previous_maps: np.ndarray
    inputs: np.ndarray  # input of the value's layer, float32 `(channels, height, width)`
    kernel: np.ndarray  # the map's filter, float32 `(channels, 3, 3)`
    explanation: Decomposition  # the value's decomposition


def show(value: Value) -> None:
    """Show how a value is computed: sum, contributors, attribution, products and kernels."""
    row, column = value.position
    with st.container(key="origin"):
        st.subheader(
            f"How the value at row {row + 1}, column {column + 1} of map {value.channel} is "
            "computed"
        )
        show_sum(value)
        contributors = show_contributors(value, value.previous) if value.previous else []
        attribution_section.show(value.maps, value.channel, value.position)
        if value.previous is None:
            show_pixels(value)
        elif contributors:
            show_products(value, contributors)
        show_kernels(value)


def decompose(maps: LayerMaps, channel: int, position: Position) -> Value:
    """Decompose one value of a feature map into products of inputs and weights, and the bias."""
    results, weights, layer = maps.results, maps.network.weights, maps.layer
    kernel = results.kernels(weights, layer.name, [channel - 1], range(layer.channels))[0]
    bias = float(results.biases(weights, layer.name)[channel - 1])
    previous = decomposition.previous_conv(layer)
    if previous is None:
        inputs = previous_maps = network_input(maps.picture.pixels, maps.preprocessing)
    else:
        inputs = previous_maps = replace(maps, layer=previous).values()
        if previous.block != layer.block:
            inputs = decomposition.max_pool(previous_maps)
    computed = float(maps.map(channel)[position])
    explanation = decomposition.decompose(inputs, kernel, bias, computed, *position)
    return Value(maps, channel, position, previous, previous_maps, inputs, kernel, explanation)


def show_sum(value: Value) -> None:
    """Show products plus bias, before and after ReLU, and whether the network's value matches."""
    explanation = value.explanation
    channels = value.maps.layer.channels
    st.markdown(
        f"The filter covers 3 × 3 positions of each of the layer's {channels} input channels: "
        f"{9 * channels:,} inputs, each multiplied by one weight."
    )
    steps = [
        ("Products", explanation.contributions.sum()),
        ("+ bias", explanation.bias),
        ("= before ReLU", explanation.total),
        ("after ReLU", explanation.result),
        ("network’s value", explanation.computed),
    ]
    with st.container(horizontal=True, gap="large", key="value-sum"):
        for label, number in steps:
            st.metric(label, figure(number, 5), width="content")
    difference = abs(explanation.result - explanation.computed)
    if explanation.agrees:
        rounding = f" to within float32 rounding ({figure(difference, 2)})" if difference else ""
        st.success(
            f"After ReLU, the sum matches the network’s value{rounding}.", icon=":material/check:"
        )
    else:
        st.error(
            f"After ReLU, the sum differs from the network’s value by {figure(difference, 2)}, "
            "more than float32 rounding explains."
        )


def show_pixels(value: Value) -> None:
    """Show the image patch under a filter of the first layer, and its products with the kernel."""
    is_bgr = value.maps.preprocessing == "caffe"
    st.markdown(RIGHT_PIXELS if is_bgr else WRONG_PIXELS)
    left, right = st.columns([1, 3])
    with left:
        show_patch(value)
    with right:
        show_multiplication(value, range(3), BGR if is_bgr else BGR[::-1])


def show_patch(value: Value) -> None:
    """Show the image patch under the first layer's filter as three by three pixels."""
    patch = value.explanation.patch
    if value.maps.preprocessing == "caffe":
        pixels = decomposition.pixel_colors(patch)
    else:
        pixels = np.rint(255 * np.moveaxis(patch, 0, -1)).astype(np.uint8)
    red, green, blue = pixels[1, 1].tolist()
    lines = [f"Center pixel: red {red}, green {green}, blue {blue}"]
    colors = ColorGrid(pixels[None], [""], [1], "", "Patch as RGB pixels", tooltips=[lines])
    placement = grid.Placement("pixels", grid.ignore, largest_tile=150, follows=False, tools=False)
    grid.show_uncached(colors, placement)


def show_contributors(value: Value, previous: ConvLayer) -> list[int]:
    """Show the input channels that contribute most to a value; a click on one traces it back."""
    positive, negative = value.explanation.strongest(MOST_CONTRIBUTORS)
    order = [*positive.tolist(), *negative.tolist()]
    if not order:
        st.markdown("No input channel contributes to this value: every contribution is zero.")
        return []
    pooled = ", after max pooling" if value.previous_maps is not value.inputs else ""
    st.markdown(
        f"**Strongest contributors**: the {len(positive)} channels that add most, then the "
        f"{len(negative)} that subtract most. They are feature maps of {previous.name}{pooled}. "
        "**Click one to trace back** to the source of its largest product."
    )
    show_contributor_grid(value, previous, order)
    return order


def show_contributor_grid(value: Value, previous: ConvLayer, order: list[int]) -> None:
    """Show the inputs of these channels as a grid; a click on a tile traces the channel back."""
    contributions = value.explanation.contributions
    titles = [f"{index + 1}: {signed(contributions[index], 3)}" for index in order]
    here = TrailStep(value.maps.layer.name, value.channel, value.position)
    caption = f"{len(order)} of {value.maps.layer.channels} input channels: number and contribution"
    tiles = grid.Grid(
        value.inputs[order],
        titles,
        [index + 1 for index in order],
        "",
        caption=caption,
        columns=8,
        value_range=ValueRange.of_maps(value.inputs),
    )
    steps = sources(value, previous, order)
    placement = grid.Placement(
        "contributors",
        partial(trail.follow, "contributors", steps, value.maps.subject_key, here),
        largest_tile=112,
        smallest_tile=64,
        follows=False,
    )
    grid.show_uncached(tiles, placement)


def show_products(value: Value, order: list[int]) -> None:
    """Show the products of these input channels with their kernels, and a chart of all channels."""
    contributions = value.explanation.contributions
    show_multiplication(value, order, [str(index + 1) for index in order])
    title = f"Contributions of all {value.maps.layer.channels} input channels"
    # Validating and sending a chart takes a third of a run, so it waits until it is opened.
    with st.expander(title, key="contributions", on_change="rerun") as opened:
        if opened.open:
            numbers = range(1, len(contributions) + 1)
            st.bar_chart(
                {"input channel": numbers, "contribution": contributions},
                x="input channel",
                y="contribution",
                height=220,
                alt="Contribution of each input channel, positive or negative",
            )


def sources(value: Value, previous: ConvLayer, channels: Sequence[int]) -> dict[int, TrailStep]:
    """Find where in the previous layer's maps each channel's largest product comes from.

    This is done before any click. A callback that did it would keep the maps, up to 25 MB, in
    memory for the whole session.

    The positions as steps of the trail, by channel number from 1. Channels whose products are
    all zero are missing.
    """
    targets = {}
    for channel in channels:
        position = decomposition.source_position(
            value.previous_maps[channel],
            value.kernel[channel],
            *value.position,
            pooled=value.previous_maps is not value.inputs,
        )
        if position:
            targets[channel + 1] = TrailStep(previous.name, channel + 1, position)
    return targets


def show_multiplication(value: Value, order: range | list[int], names: Sequence[str]) -> None:
    """Show patch, kernel and products of a value in three rows, one tile per input channel."""
    explanation = value.explanation
    rows = {
        "patch": ("**Patch**: the inputs under the filter", explanation.patch),
        "kernel": ("× **kernel**: the filter's weights", value.kernel),
        "products": ("= **products**", explanation.products),
    }
    for name, (title, arrays) in rows.items():
        st.markdown(title)
        show_signed(name, arrays[list(order)].astype(np.float32), names)


def show_signed(name: str, values: np.ndarray, titles: Sequence[str]) -> None:
    """Show a row of 3 × 3 tiles on one color scale that is symmetric about zero."""
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
    placement = grid.Placement(
        name, grid.ignore, largest_tile=LARGEST_TILE, follows=False, tools=False, label=LABELS[name]
    )
    grid.show_uncached(tiles, placement)


def show_kernels(value: Value) -> None:
    """Show up to 48 kernels of the value's filter, those with the largest L2 norm first."""
    norms = np.sqrt((value.kernel**2).sum(axis=(1, 2)))
    order = np.argsort(-norms, kind="stable")[:KERNELS_SHOWN].tolist()
    st.markdown(
        f"**Kernels of filter {value.channel}** of {value.maps.layer.title} "
        f"({value.maps.network.label}), largest norm first: {len(order)} of {len(norms)}."
    )
    show_signed("own-kernels", value.kernel[order], [str(index + 1) for index in order])
