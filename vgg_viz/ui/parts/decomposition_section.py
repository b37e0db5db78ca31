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
from vgg_viz.model.preprocessing import PREPROCESSINGS
from vgg_viz.serving.results import ValueRange
from vgg_viz.ui.parts.layer_maps import LayerMaps
from vgg_viz.ui.state import trail
from vgg_viz.ui.state.selection import Position
from vgg_viz.ui.state.trail import TrailStep
from vgg_viz.ui.widgets import grid, text_blocks
from vgg_viz.ui.widgets.color_grid import ColorGrid
from vgg_viz.ui.widgets.controls import DIVERGING, Appearance

MOST_CONTRIBUTORS = 6  # of either sign
COLUMNS = 4
LARGEST_TILE = 80  # CSS pixels
SIGNED = Appearance("zero", DIVERGING)
# Title and accessible name of the grids of a multiplication, which have no caption.
FACTORS = {
    "patch": ("**Patch**: the inputs under the filter", "Patch, channel by channel"),
    "kernel": ("× **kernel**: the filter's weights", "Kernel of each channel"),
    "products": ("= **products**", "Products, channel by channel"),
}
# Text on the first layer's input, by preprocessing.
PIXELS = {
    "caffe": "This layer's input is the preprocessed image: channels in **BGR** order, minus the "
    "**mean color** of ImageNet (103.939, 116.779, 123.68). A channel is positive where the image "
    "is brighter than that mean. The zero padding beyond the border stands for the mean color.",
    "rgb": "This layer's input is the image: channels in **RGB** order, divided by 255. No value "
    "exceeds 1, and the zero padding beyond the border stands for black.",
    "signed": "This layer's input is the image: channels in **RGB** order, scaled from −1 to 1. "
    "The zero padding beyond the border stands for medium gray.",
}
WRONG = " The network was trained with another preprocessing: **{}**."


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
    """Show how a value is computed: products, sum and strongest contributors."""
    channels = value.maps.layer.channels
    row, column = value.position
    st.markdown(
        f"**The value at row {row + 1}, column {column + 1} of map {value.channel}.** The filter "
        f"covers 3 × 3 positions of {channels} input channels: {9 * channels:,} products of an "
        "input and a weight."
    )
    if value.previous is None:
        show_pixels(value)
        show_sum(value)
        return
    positive, negative = value.explanation.strongest(MOST_CONTRIBUTORS)
    order = [*positive.tolist(), *negative.tolist()]
    if order:
        show_multiplication(value, order, [str(index + 1) for index in order])
    show_sum(value)
    if order:
        show_contributors(value, value.previous, order)
        show_contributions(value)
    else:
        st.markdown("No input channel contributes to this value: every contribution is zero.")


def decompose(maps: LayerMaps, channel: int, position: Position) -> Value:
    """Decompose one value of a feature map into products of inputs and weights, and the bias."""
    results, weights, layer = maps.results, maps.network.weights, maps.layer
    kernel = results.kernels(weights, layer.name, [channel - 1], range(layer.channels))[0]
    bias = float(results.biases(weights, layer.name)[channel - 1])
    previous = decomposition.previous_conv(layer)
    if previous is None:
        inputs = previous_maps = maps.network.input(maps.picture.pixels)
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
    steps = {
        "Products": explanation.contributions.sum(),
        "+ bias": explanation.bias,
        "= before ReLU": explanation.total,
        "after ReLU": explanation.result,
        "network’s value": explanation.computed,
    }
    text_blocks.figures({label: figure(number, 5) for label, number in steps.items()})
    show_agreement(explanation)


def show_agreement(explanation: Decomposition) -> None:
    """Show whether the sum matches the network's value."""
    difference = figure(abs(explanation.result - explanation.computed), 2)
    if explanation.agrees:
        rounding = f" to within float32 rounding ({difference})" if difference != "0" else ""
        st.success(
            f"After ReLU, the sum matches the network’s value{rounding}.", icon=":material/check:"
        )
    else:
        st.error(
            f"After ReLU, the sum differs from the network’s value by {difference}, more than "
            "float32 rounding explains."
        )


def show_pixels(value: Value) -> None:
    """Show the image patch under a filter of the first layer, and its products with the kernel."""
    network = value.maps.network
    trained_with = PREPROCESSINGS[network.trained_with].label
    note = WRONG.format(trained_with) if network.is_preprocessed_wrongly else ""
    st.markdown(PIXELS[network.preprocessing] + note)
    left, right = st.columns([1, 3])
    with left:
        show_patch(value)
    with right:
        show_multiplication(value, range(3), PREPROCESSINGS[network.preprocessing].colors)


def show_patch(value: Value) -> None:
    """Show the image patch under the first layer's filter as three by three pixels."""
    patch = np.moveaxis(value.explanation.patch, 0, -1)
    pixels = PREPROCESSINGS[value.maps.network.preprocessing].invert(patch)
    red, green, blue = pixels[1, 1].tolist()
    lines = [f"Center pixel: red {red}, green {green}, blue {blue}"]
    colors = ColorGrid(pixels[None], [""], [1], "", "Patch as RGB pixels", tooltips=[lines])
    placement = grid.Placement("pixels", largest_tile=150, tools=False)
    grid.show_uncached(colors, placement)


def show_contributors(value: Value, previous: ConvLayer, order: Sequence[int]) -> None:
    """Show the input channels that contribute most to a value; a click on one traces it back."""
    channels = value.maps.layer.channels
    pooled = ", after max pooling" if value.previous_maps is not value.inputs else ""
    contributions = value.explanation.contributions
    here = TrailStep(value.maps.layer.name, value.channel, value.position)
    tiles = grid.Grid(
        value.inputs[order],
        [f"{index + 1}: {signed(contributions[index], 3)}" for index in order],
        [index + 1 for index in order],
        "",
        columns=len(order),
        value_range=ValueRange.of_maps(value.inputs),
    )
    steps = sources(value, previous, order)
    placement = grid.Placement(
        "contributors",
        partial(trail.follow, steps, value.maps.subject_key, here),
        largest_tile=112,
        smallest_tile=64,
        title=f"**Strongest contributors**: {len(order)} of {channels} maps of "
        f"{previous.name}{pooled}, number and contribution. **Click one to trace back** its "
        "largest product.",
        label="Strongest contributors",
    )
    grid.show_uncached(tiles, placement)


def show_contributions(value: Value) -> None:
    """Show a chart of the contributions of all input channels, sent once it is opened."""
    contributions = value.explanation.contributions
    title = f"Contributions of all {len(contributions)} input channels"
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
    """Show patch, kernel and products of a value side by side, one tile per input channel."""
    explanation = value.explanation
    factors = explanation.patch, value.kernel, explanation.products
    with st.container(key="multiplication", horizontal=True, gap="medium"):
        for name, arrays in zip(FACTORS, factors, strict=True):
            show_factor(name, arrays[list(order)].astype(np.float32), names)


def show_factor(name: str, values: np.ndarray, titles: Sequence[str]) -> None:
    """Show 3 × 3 tiles under a title, on one color scale that is symmetric about zero."""
    title, label = FACTORS[name]
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
        name, largest_tile=LARGEST_TILE, tools=False, title=title, label=label
    )
    grid.show_uncached(tiles, placement)
