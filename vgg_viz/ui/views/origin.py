"""Where one value of a map comes from: patch, filter, products, bias, sum, ReLU."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import streamlit as st

from vgg_viz import inspection
from vgg_viz.architecture import Layer
from vgg_viz.ui import components, mosaics, selection
from vgg_viz.ui.controls import DIVERGING, Appearance
from vgg_viz.ui.results import Span, measure_maps
from vgg_viz.ui.scenes import Scene
from vgg_viz.ui.selection import Position

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


@dataclass(frozen=True)
class Value:
    """One value of a map and all that it was made of.

    ``inputs`` (channels, h, w) is what the layer worked on, ``before`` the maps of the conv layer
    ``previous`` to it, if there is one; ``kernel`` (channels, 3, 3) is the filter.
    """

    layer: Layer
    channel: int
    position: Position
    previous: Layer | None
    before: np.ndarray | None
    inputs: np.ndarray
    kernel: np.ndarray
    label: str
    explanation: inspection.Explanation


def show(scene: Scene, channel: int, position: Position) -> None:
    """Take the value at a position of a map apart."""
    value = trace(scene, channel, position)
    st.subheader(
        f"Where the value at row {position[0] + 1}, column {position[1] + 1} of map {channel} "
        "comes from"
    )
    show_sum(value)
    if value.previous is None:
        show_pixels(value)
    else:
        show_contributors(value, value.previous)
    show_kernels(value)


def trace(scene: Scene, channel: int, position: Position) -> Value:
    """Gather what the value was made of, and do its arithmetic again."""
    work, layer, chosen = scene.work, scene.layer, scene.picture
    weights = work.weights()
    kernel = work.kernels(weights, layer.name, [channel - 1], range(layer.channels))[0]
    bias = float(work.biases(weights, layer.name)[channel - 1])
    previous = inspection.previous_conv(layer)
    before = work.feature_maps(scene.network, chosen, previous.name) if previous else None
    inputs = inspection.layer_input(layer, chosen.pixels, before)
    computed = float(scene.map(channel)[position])
    explanation = inspection.explain(inputs, kernel, bias, computed, *position)
    return Value(
        layer, channel, position, previous, before, inputs, kernel, scene.network.label, explanation
    )


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
    with st.container(horizontal=True, gap="large"):
        for label, number in steps:
            st.metric(label, f"{number:.5g}".replace("-", "−"), width="content")
    difference = abs(explanation.result - explanation.computed)
    if explanation.agrees:
        rounding = f"they differ by {difference:.1e}, the rounding of float32"
        words = f"The two agree: {rounding if difference else 'to the last digit'}."
        st.success(words, icon=":material/check:")
    else:
        st.error(f"The two differ by {difference:.1e}, more than rounding explains.")


def show_pixels(value: Value) -> None:
    """Show the first layer's patch in the picture's own colours, and the arithmetic on it."""
    st.markdown(
        "This layer looks at the picture itself. Before it, the pixels were turned from RGB to "
        "**BGR** and the **mean colour** of ImageNet's pictures (103.939, 116.779, 123.68) was "
        "taken off: a channel is positive where the picture is brighter than usual. Beyond the "
        "border there are zeros, which stand for that mean colour."
    )
    patch, arithmetic = st.columns([1, 3])
    with patch:
        colours = inspection.pixel_colours(value.explanation.patch)
        frame = mosaics.Frame("pixels", ignore, largest_tile=150, follows=False, tools=False)
        mosaics.show_colours(colours[None], [""], "The patch, in its own colours", frame)
    with arithmetic:
        show_arithmetic(value, range(3), BGR)


def show_contributors(value: Value, previous: Layer) -> None:
    """Show the input channels that weigh most, as maps to walk back to, and the arithmetic."""
    adding, taking = value.explanation.strongest(STRONGEST)
    order = [*adding.tolist(), *taking.tolist()]
    if not order:
        st.markdown("No input channel adds anything here: all that the filter lies on is zero.")
        return
    pooled = " after its max pool" if value.before is not value.inputs else ""
    st.markdown(
        f"**The strongest contributors**: the {len(adding)} channels that add most, then the "
        f"{len(taking)} that take most away. They are maps of {previous.name}{pooled}. "
        "**Click one to walk back** to where its largest product comes from."
    )
    contributions = value.explanation.contributions
    titles = [f"{index + 1}: {contributions[index]:+.3g}".replace("-", "−") for index in order]
    numbers = [index + 1 for index in order]
    tiles = mosaics.Tiles(value.inputs[order], titles, numbers, measure_maps(value.inputs), "")
    frame = mosaics.Frame(
        "contributors",
        partial(walk_back, previous.name, sources(value, order), value.layer.channels),
        columns=8,
        largest_tile=112,
        smallest_tile=64,
        follows=False,
    )
    words = f"{len(order)} of {value.layer.channels} input channels: number and contribution"
    mosaics.show_anew(tiles, mosaics.OWN_SCALE, words, frame)
    show_arithmetic(value, order, [str(number) for number in numbers])
    title = f"What each of the {value.layer.channels} channels contributes"
    # Checking and sending a chart takes a third of a run: it is made for those who open it.
    with st.expander(title, key="contributions", on_change="rerun") as opened:
        if opened.open:
            st.bar_chart(
                contributions, x_label="channel (from 0)", y_label="contribution", height=220
            )


def sources(value: Value, channels: Sequence[int]) -> dict[int, Position | None]:
    """Where in the layer before, of each of these input channels, the largest product comes from.

    Found before anybody clicks: a callback that did it then would hold the maps, up to 25 MB, as
    long as the viewer stays.
    """
    return {
        channel: inspection.source_position(
            value.layer, value.before, value.kernel[channel], channel, *value.position
        )
        for channel in channels
    }


def walk_back(layer_name: str, positions: Mapping[int, Position | None], largest: int) -> None:
    """Go to the clicked contributor's map in that layer, at its position."""
    number = components.picked_number("contributors", largest)
    if number is not None and number - 1 in positions:
        selection.choose(number, positions[number - 1], layer=layer_name)


def show_arithmetic(value: Value, order: range | list[int], names: tuple | list) -> None:
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
    numbers = range(1, len(values) + 1)
    span = Span(-largest, largest, largest)
    tiles = mosaics.Tiles(values, titles, numbers, span, "", rectified=False)
    frame = mosaics.Frame(
        name,
        ignore,
        min(COLUMNS, len(values)),
        largest_tile=LARGEST_TILE,
        follows=False,
        tools=False,
        label=LABELS[name],
    )
    mosaics.show_anew(tiles, SIGNED, "", frame)


def show_kernels(value: Value) -> None:
    """Show the filter's own kernels, strongest channels first."""
    strength = np.sqrt((value.kernel**2).sum(axis=(1, 2)))
    order = np.argsort(-strength, kind="stable")[:KERNELS_SHOWN].tolist()
    st.markdown(
        f"**The kernels of filter {value.channel}** of {value.layer.title} ({value.label}), "
        f"strongest channels first: {len(order)} of {value.layer.channels}."
    )
    show_signed("own-kernels", value.kernel[order], [str(index + 1) for index in order])


def ignore() -> None:
    """Do nothing: there is nowhere to go from these tiles."""
