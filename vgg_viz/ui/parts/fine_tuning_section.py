"""Change of an own network's filters by fine-tuning, from ImageNet's: by layer and by filter."""

from dataclasses import dataclass

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from vgg_viz.model.architecture import VGG19, ConvLayer
from vgg_viz.model.own_networks.fine_tuning import relative_change, relative_change_by_filter
from vgg_viz.model.weights import UntrainedWeights, Weights
from vgg_viz.serving.results import Results, ValueRange
from vgg_viz.ui import state
from vgg_viz.ui.widgets import grid, layer_bars, text_blocks
from vgg_viz.ui.widgets.chosen_network import load_weights

COLUMNS = 16
MOST_FILTERS = 2 * COLUMNS
LARGEST_TILE = 56  # CSS pixels


@dataclass(frozen=True)
class LayerChange:
    """Relative change of a layer's kernel and of its filters; see `fine_tuning`."""

    whole: float
    by_filter: np.ndarray  # float64 (filters,)
    # Mean size of the change over the input channels, float32 (filters, 3, 3).
    sizes: np.ndarray


def show(results: Results, own: Weights, layer: ConvLayer, notice: DeltaGenerator) -> None:
    """Show how much each layer has changed, and the filters of a layer that have changed most."""
    original = load_weights("imagenet", notice)
    if original.label == UntrainedWeights.label:
        return  # a notice says that ImageNet's weights are unavailable
    st.subheader("What fine-tuning changed")
    text_blocks.prose(
        f"**Change of each layer's filters** from {text_blocks.escape(original.label)}: the norm "
        "of the difference, ‖W − W₀‖, relative to ‖W₀‖. It is exactly 0 for a frozen layer. "
        "**Click a bar** to open its layer."
    )
    changes = {one: layer_change(results, own, original, one) for one in VGG19.conv_layers}
    values = [one.whole for one in changes.values()]
    layer_bars.show("change-of-layers", "Relative change", values, layer_bars.percentage)
    frozen = [one.name for one, change in changes.items() if change.whole == 0]
    if frozen:
        st.caption(f"Unchanged, as in frozen layers: {', '.join(frozen)}.")
    if changes[layer].whole:
        show_filters(results, own, layer, changes[layer])


def show_filters(results: Results, own: Weights, layer: ConvLayer, change: LayerChange) -> None:
    """Show the filters of a layer that have changed most, as tiles of 3 × 3 mean changes."""
    order = np.argsort(-change.by_filter, kind="stable")[:MOST_FILTERS]
    text_blocks.prose(
        f"**Most changed filters of {layer.name}**, number and relative change. A tile shows the "
        "size of the change at each of the filter's 3 × 3 weights, averaged over its input "
        "channels. **Click one** to see its feature maps in both networks."
    )
    shown = f"{len(order)} of {layer.filters} filters"
    tiles = grid.Grid(
        change.sizes[order],
        [f"{index + 1}: {change.by_filter[index]:.1%}" for index in order],
        [int(index) + 1 for index in order],
        ("fine-tuning", own.identity, layer.name),
        f"{layer.title} · {own.label} · {shown}, most changed first",
        name="changes",
        columns=COLUMNS,
        value_range=ValueRange.of_maps(change.sizes),
        figures={"relative_change": change.by_filter[order]},
    )
    placement = grid.Placement("fine-tuning", open_in_both, largest_tile=LARGEST_TILE)
    grid.show(results, tiles, placement)


def open_in_both(number: int) -> None:
    """Open a filter's feature map in this network and in ImageNet's (widget callback)."""
    compared = {"compare": "network", "other_network": "imagenet"}
    state.change({"view": "maps", "channel": number, **compared})


def layer_change(
    results: Results, own: Weights, original: Weights, layer: ConvLayer
) -> LayerChange:
    """Return the change of a layer's filters, computed once."""

    def compute() -> LayerChange:
        kernel, before = (weights.read(layer.name)[0] for weights in (own, original))
        return LayerChange(
            relative_change(kernel, before),
            relative_change_by_filter(kernel, before),
            np.abs(kernel - before).mean(axis=2).transpose(2, 0, 1),
        )

    return results.cached(("fine-tuning", own.identity, original.identity, layer.name), compute)
