"""Filters view: the kernels of a conv layer as tiles of 3 × 3 weights."""

from functools import partial

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from vgg_viz.export.number_format import figure
from vgg_viz.export.scripts import Run, script_weights
from vgg_viz.export.tiles import Tiles
from vgg_viz.fields import PAGE_CHANNELS, PAGE_FILTERS
from vgg_viz.model.architecture import ConvLayer
from vgg_viz.model.network import color_images
from vgg_viz.model.own_networks.own_network import OwnNetwork
from vgg_viz.model.preprocessing import PREPROCESSINGS
from vgg_viz.model.weights import Weights
from vgg_viz.serving.results import Results
from vgg_viz.ui.parts import fine_tuning_section
from vgg_viz.ui.state import mode, selection, shared_instance
from vgg_viz.ui.widgets import controls, export_menu, grid, text_blocks
from vgg_viz.ui.widgets.chosen_network import load_weights, preprocessing_of
from vgg_viz.ui.widgets.color_grid import ColorGrid

LARGEST_TILE = 104  # CSS pixels


def show(notice: DeltaGenerator) -> None:
    """Show the view's controls, then a page of kernels: a row per filter, a column per channel."""
    with st.sidebar:
        layer = controls.layer()
        filter_count = controls.count("Number of filters", "filters", layer.filters)
        channel_count = controls.count("Number of channels", "channels", layer.channels)
        appearance = controls.appearance()
        choice = controls.network()
    text_blocks.introduce(
        layer,
        f"Filters of {layer.name}",
        f"A **filter** has one 3 × 3 kernel for each of the layer's **{layer.channels} input "
        f"channels**. This layer has **{layer.filters} filters**: "
        f"{layer.filters * layer.channels:,} kernels. Each row is a filter, each column an input "
        f"channel; titles read *filter-channel*. **Click a kernel** to see its filter's feature "
        f"map.",
    )
    left, right = st.columns(2)
    with left:
        rows = controls.page("Filters", "filter_page", PAGE_FILTERS, filter_count)
    with right:
        columns = controls.page("Channels", "channel_page", PAGE_CHANNELS, channel_count)
    results = shared_instance.results(notice)
    weights = load_weights(choice, st.container())
    kernels = kernel_grid(results, weights, layer, rows, columns, appearance)
    if layer.channels == 3:
        show_first_layer(results, weights, layer, kernels)
    else:
        show_tiles(results, weights, layer, kernels)
    if isinstance(weights, OwnNetwork) and not mode.is_explained():
        fine_tuning_section.show(results, weights, layer, st.container())


def show_tiles(results: Results, weights: Weights, layer: ConvLayer, tiles: Tiles) -> None:
    """Show filters of a conv layer as one mosaic, and their export menu."""
    in_color = isinstance(tiles, ColorGrid)
    key, title = "kernels", f"Filters of {layer.name}"
    if in_color:
        key, title = "filter-colors", f"{title} as colors"
    on_pick = partial(selection.open_map, layer)
    place = grid.Placement(key, on_pick, largest_tile=LARGEST_TILE, follows=True)
    grid.show(results, tiles, place)
    arguments = {
        "layer": layer.name,
        "filters": tiles.axes["filter"],
        "channels": tiles.axes.get("channel", range(1, layer.channels + 1)),
        "in_color": in_color,
        "preprocessing": preprocessing_of(weights),
    }

    def runs() -> list[Run]:
        return [Run("filters", tiles.name, {"weights": script_weights(weights), **arguments})]

    export_menu.offer(key, title, lambda: [tiles], runs)


def kernel_grid(
    results: Results,
    weights: Weights,
    layer: ConvLayer,
    rows: range,
    columns: range,
    appearance: controls.Appearance,
) -> grid.Grid:
    """Return kernels of a conv layer as a grid: a row per filter, a column per input channel."""
    with results.holding():
        kernels = results.kernels(weights, layer.name, rows, columns)
        value_range = results.filters_range(weights, layer.name)
    shares = (
        f"{len(rows)} of {layer.filters} filters and {len(columns)} of {layer.channels} channels"
    )
    caption = text_blocks.caption(
        f"{layer.title} · {weights.label} · {shares} shown", f"{weights.label} · {shares}"
    )
    return grid.Grid(
        kernels.reshape(-1, *kernels.shape[2:]),
        [f"{row + 1}-{column + 1}" for row in rows for column in columns],
        [row + 1 for row in rows for _ in columns],
        ("kernels", weights.identity, layer.name, rows, columns),
        caption,
        name="filters",
        columns=len(columns),
        axes={"filter": [index + 1 for index in rows], "channel": [index + 1 for index in columns]},
        value_range=value_range,
        appearance=appearance,
        rectified=False,
    )


def show_first_layer(
    results: Results, weights: Weights, layer: ConvLayer, kernels: grid.Grid
) -> None:
    """Show the first conv layer's kernels, and beside them its filters as color images."""
    left, right = st.columns([2, 3], gap="large")
    first, second, third = PREPROCESSINGS[preprocessing_of(weights)].colors
    order = f"{first}, {second} and {third}"
    with left:
        text_blocks.prose(
            f"**Kernels.** Channels 1, 2 and 3 are {order}, the order of this network's input."
        )
        show_tiles(results, weights, layer, kernels)
    with right:
        text_blocks.prose(
            "**As colors.** The input channels are colors, so each filter is drawn in the colors "
            "it responds to. Gray means a weight of zero."
        )
        show_tiles(results, weights, layer, color_grid(results, weights, layer))


def color_grid(results: Results, weights: Weights, layer: ConvLayer) -> ColorGrid:
    """Return the first conv layer's filters as a grid of color images, each on its own scale."""
    numbers = range(1, layer.filters + 1)
    kernels = results.kernels(weights, layer.name, range(layer.filters), range(layer.channels))
    largest = np.abs(kernels).max(axis=(1, 2, 3))
    return ColorGrid(
        color_images(kernels, preprocessing_of(weights)),
        [str(number) for number in numbers],
        numbers,
        ("filter colors", weights.identity, layer.name, preprocessing_of(weights)),
        text_blocks.caption(
            f"{layer.title} · {weights.label} · all {layer.filters} filters, each on its own scale",
            f"{weights.label} · all {layer.filters} filters",
        ),
        name="colors",
        axes={"filter": numbers},
        tooltips=[[f"gray is 0, full color ±{figure(weight)}"] for weight in largest.tolist()],
        figures={"largest_weight": largest},
    )
