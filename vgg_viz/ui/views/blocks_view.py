"""Blocks: the maps at the end of every block, from one forward pass."""

from collections.abc import Sequence
from dataclasses import replace

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from vgg_viz.links import FEWEST_CHANNELS
from vgg_viz.model.architecture import VGG19, format_shape
from vgg_viz.ui import state
from vgg_viz.ui.parts.layer_maps import LayerMaps
from vgg_viz.ui.state import mode, selection
from vgg_viz.ui.state.shared_instance import results
from vgg_viz.ui.widgets import controls, export_menu, grid, picture_chooser, text_blocks
from vgg_viz.ui.widgets.chosen_network import load_network

MOST_ABREAST = 16
LARGEST = max(layer.filters for layer in VGG19.block_ends)


def show(notice: DeltaGenerator) -> None:
    """Show the controls, then one mosaic a block."""
    with st.sidebar:
        chosen = picture_chooser.choose()
        blocks = sorted(controls.blocks())
        count = controls.count("Number of maps a block", "block_maps", LARGEST)
        channel = filters_beside()
        appearance = controls.appearance()
        order = controls.order()
        choice = controls.network()
    st.header("The end of every block")
    text_blocks.prose(
        "The last conv layer of each block, all from one forward pass through the model: follow "
        "the picture from edges to abstractions. **Click a map** to look into it."
    )
    if not blocks:
        st.info("Choose at least one block in the sidebar.", icon=":material/arrow_back:")
        return
    found, network = results(), load_network(choice, notice)
    # A few maps each: all blocks beside each other, on one screen.
    abreast = mode.is_explained() and count <= MOST_ABREAST and channel is None
    places = st.columns(len(blocks)) if abreast else [st.container() for _ in blocks]
    for place, block in zip(places, blocks, strict=True):
        maps = LayerMaps(found, network, chosen, VGG19.block_ends[block - 1])
        with place:
            show_block(maps, count, order, channel, appearance, abreast=abreast)
    if abreast:
        st.caption(f"{network.label} · {chosen.title}")


def filters_beside() -> int | None:
    """Choose whether to show filters too; return the number of the channel to show, or None."""
    if not st.toggle("Filters beside the maps", **state.bind("beside")):
        return None
    return controls.count("Channel of the filters", "filter_channel", FEWEST_CHANNELS)


def show_block(
    maps: LayerMaps,
    count: int,
    order: str,
    channel: int | None,
    appearance: controls.Appearance,
    *,
    abreast: bool,
) -> None:
    """Show one block's maps, and its filters beside them if a channel is given."""
    layer = maps.layer
    shown = min(count, layer.filters)
    if abreast:
        st.markdown(f"**Block {layer.block}** · {format_shape(layer.output_shape[:2])}")
    else:
        st.subheader(f"Block {layer.block} · {layer.name}")
        text_blocks.note(
            f"Index {layer.index} in the model · output {format_shape(layer.output_shape)} · "
            f"receptive field {layer.receptive_field} pixels"
        )
    left, right = (st.container(), None) if channel is None else st.columns(2, gap="medium")
    with left:
        show_maps(maps, shown, order, appearance, abreast=abreast)
    if right and channel:
        with right:
            show_filters(maps, channel, maps.numbers(order, shown), appearance)


def show_maps(
    maps: LayerMaps, count: int, order: str, appearance: controls.Appearance, *, abreast: bool
) -> None:
    """Show the grid of a block's maps, and the way to its files."""
    layer, name = maps.layer, f"block-{maps.layer.block}"
    place = grid.Placement(name, selection.open_map(name, layer), follows=False)
    with maps.results.holding():
        tiles = maps.ordered_grid(order, count, appearance)
        if abreast:
            tiles = replace(tiles, caption=f"{layer.name} · {count} of {layer.filters}")
        grid.show(maps.results, tiles, place)
    exported = maps.for_export()
    if not abreast:
        export_menu.offer(
            name,
            f"Feature maps of {layer.name}",
            lambda: [exported.ordered_grid(order, count, appearance)],
            lambda: [exported.script_run("maps", exported.numbers(order, count))],
        )


def show_filters(
    maps: LayerMaps, channel: int, numbers: Sequence[int], appearance: controls.Appearance
) -> None:
    """Show the kernels of one channel of these filters of a layer, in the order of their maps."""
    layer, weights, found = maps.layer, maps.network.weights, maps.results
    with found.holding():
        indices = [number - 1 for number in numbers]
        kernels = found.kernels(weights, layer.name, indices, [channel - 1])
        span = found.filters_range(weights, layer.name)
    share = f"channel {channel} of {layer.channels}"
    caption = text_blocks.caption(
        f"{layer.title} · {weights.label} · the filters of these maps, {share}",
        f"{weights.label} · filters, {share}",
    )
    tiles = grid.Grid(
        kernels[:, 0],
        [f"{number}-{channel}" for number in numbers],
        numbers,
        ("kernels", weights.identity, layer.name, channel, tuple(numbers)),
        caption,
        value_range=span,
        appearance=appearance,
        rectified=False,
    )
    name = f"filters-{layer.block}"
    place = grid.Placement(name, selection.open_map(name, layer), follows=False)
    grid.show(found, tiles, place)
