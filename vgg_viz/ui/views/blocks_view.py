"""Blocks view: the feature maps of each block's last conv layer, from one forward pass."""

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from functools import partial

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from vgg_viz.fields import FEWEST_CHANNELS
from vgg_viz.model.architecture import VGG19, format_shape
from vgg_viz.ui import state
from vgg_viz.ui.parts.layer_maps import LayerMaps
from vgg_viz.ui.state import mode, selection, shared_instance
from vgg_viz.ui.widgets import controls, export_menu, grid, picture_chooser, text_blocks
from vgg_viz.ui.widgets.chosen_network import load_network

MOST_MAPS_ABREAST = 16
LARGEST_COUNT = max(layer.filters for layer in VGG19.block_ends)


def show(notice: DeltaGenerator) -> None:
    """Show the view's controls, then the feature maps of each block's last conv layer."""
    with st.sidebar:
        chosen = picture_chooser.current()
        blocks = sorted(controls.blocks())
        count = controls.count("Feature maps per block", "block_maps", LARGEST_COUNT)
        beside = st.toggle("Show filters beside the maps", **state.bind("beside"))
        label, channel = "Input channel of the filters", None
        if beside:
            channel = controls.count(label, "filter_channel", FEWEST_CHANNELS)
        appearance = controls.appearance()
        order = controls.order()
        choice = controls.network()
    text_blocks.prose(
        "**Feature maps** of each block's last conv layer, all from one forward pass. From block "
        "to block, the maps get smaller and the receptive field grows. **Click a map** to inspect "
        "it.",
        "## The last conv layer of each block",
    )
    if not blocks:
        st.info("Choose at least one block in the sidebar.", icon=":material/arrow_back:")
        return
    results, network = shared_instance.results(notice), load_network(choice, st.container())
    # With few maps each, all blocks fit beside each other on one screen.
    abreast = mode.is_explained() and count <= MOST_MAPS_ABREAST and channel is None
    with st.container(key="blocks-room"):
        containers = st.columns(len(blocks)) if abreast else [st.container() for _ in blocks]
    for container, block in zip(containers, blocks, strict=True):
        maps = LayerMaps(results, network, chosen, VGG19.block_ends[block - 1])
        with container:
            show_block(maps, count, order, channel, appearance, abreast=abreast)
    if abreast:
        st.caption(text_blocks.escape(f"{network.label} · {chosen.title}"))


def show_block(
    maps: LayerMaps,
    count: int,
    order: str,
    channel: int | None,
    appearance: controls.Appearance,
    *,
    abreast: bool,
) -> None:
    """Show the feature maps of a block's last conv layer, perhaps beside the filters' kernels."""
    layer = maps.layer
    shown = min(count, layer.filters)
    if abreast:
        st.markdown(f"**Block {layer.block}** · {format_shape(layer.output_shape[:2])}")
    else:
        st.subheader(f"Block {layer.block} · {layer.name}")
        text_blocks.note(
            f"Layer index {layer.index} · output shape {format_shape(layer.output_shape)} · "
            f"receptive field {layer.receptive_field} × {layer.receptive_field} pixels"
        )
    left, right = (nullcontext(), None) if channel is None else st.columns(2, gap="medium")
    with left:
        show_maps(maps, shown, order, appearance, abreast=abreast)
    if right and channel:
        with right:
            show_filters(maps, channel, maps.statistics().numbers(order, shown), appearance)


def show_maps(
    maps: LayerMaps, count: int, order: str, appearance: controls.Appearance, *, abreast: bool
) -> None:
    """Show maps of a block's last conv layer and, unless blocks are abreast, their export menu."""
    layer, name = maps.layer, f"block-{maps.layer.block}"
    placement = grid.Placement(name, partial(selection.open_map, layer))
    with maps.results.holding():
        tiles = maps.ordered_grid(order, count, appearance)
        if abreast:
            tiles = replace(tiles, caption=f"{layer.name} · {count} of {layer.filters}")
        grid.show(maps.results, tiles, placement)
    if not abreast:
        export_menu.offer(
            name,
            f"Feature maps of {layer.name}",
            lambda: [maps.ordered_grid(order, count, appearance)],
            lambda: [maps.script_run("maps", maps.statistics().numbers(order, count))],
        )


def show_filters(
    maps: LayerMaps, channel: int, numbers: Sequence[int], appearance: controls.Appearance
) -> None:
    """Show the kernels of these filters for one input channel, in the order of their maps."""
    layer, weights, results = maps.layer, maps.network.weights, maps.results
    with results.holding():
        indices = [number - 1 for number in numbers]
        kernels = results.kernels(weights, layer.name, indices, [channel - 1])
        value_range = results.filters_range(weights, layer.name)
    share = f"input channel {channel} of {layer.channels}"
    caption = text_blocks.caption(
        f"{layer.title} · {weights.label} · filters of these maps, {share}",
        f"{weights.label} · filters, {share}",
    )
    tiles = grid.Grid(
        kernels[:, 0],
        [f"{number}-{channel}" for number in numbers],
        numbers,
        ("kernels", weights.identity, layer.name, channel, tuple(numbers)),
        caption,
        value_range=value_range,
        appearance=appearance,
        rectified=False,
    )
    on_pick = partial(selection.open_map, layer)
    grid.show(results, tiles, grid.Placement(f"filters-{layer.block}", on_pick))
