"""Blocks: the maps at the end of every block, from one forward pass."""

from collections.abc import Mapping

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from vgg_viz.architecture import VGG19, Layer, format_shape
from vgg_viz.network import Network
from vgg_viz.ui import controls, mosaics, picture, selection
from vgg_viz.ui.picture import Picture
from vgg_viz.ui.results import Work
from vgg_viz.ui.views import maps as feature_maps

LARGEST = max(layer.filters for layer in VGG19.block_ends)
FEWEST_CHANNELS = min(layer.channels for layer in VGG19.block_ends)


def show(notice: DeltaGenerator) -> None:
    """Show the controls, then one mosaic a block."""
    with st.sidebar:
        chosen = picture.choose()
        blocks = sorted(controls.blocks())
        count = controls.count("Number of maps a block", "block_maps", LARGEST, 64)
        channel = filters_beside()
        appearance = controls.appearance(("own", "layer"))
        choice = controls.network()
    st.header("The end of every block")
    st.markdown(
        "One model with five outputs, the last conv layer of each block, follows the picture from "
        "edges to abstractions in a single forward pass. **Click a map** to look into it."
    )
    if not blocks:
        st.info("Choose at least one block in the sidebar.", icon=":material/arrow_back:")
        return
    work = Work(choice, notice, st.empty())
    network = work.network()
    maps = work.block_maps(network, chosen, blocks)
    for block in blocks:
        show_block(work, network, chosen, maps, block, count, channel, appearance)


def filters_beside() -> int | None:
    """Choose whether to show filters too; return the number of the channel to show, or None."""
    if not st.toggle("Filters beside the maps", key="beside", bind="query-params"):
        return None
    return controls.count("Channel of the filters", "filter_channel", FEWEST_CHANNELS, 1)


def show_block(
    work: Work,
    network: Network,
    chosen: Picture,
    maps: Mapping[int, np.ndarray],
    block: int,
    count: int,
    channel: int | None,
    appearance: controls.Appearance,
) -> None:
    """Show one block's maps, and its filters beside them if a channel is given."""
    layer = VGG19.block_ends[block - 1]
    shown = min(count, layer.filters)
    st.subheader(f"Block {block} · {layer.name}")
    st.caption(
        f"Index {layer.index} in the model · output {format_shape(layer.output_shape)} · "
        f"receptive field {layer.receptive_field} pixels"
    )
    tiles = feature_maps.map_tiles(network, chosen, layer, maps[block], shown)
    caption = feature_maps.caption(network, chosen, layer, shown)
    name = f"block-{block}"
    frame = mosaics.Frame(name, selection.open_map(name, layer), follows=False)
    if channel is None:
        mosaics.show(work, tiles, appearance, caption, frame)
        return
    left, right = st.columns(2, gap="medium")
    with left:
        mosaics.show(work, tiles, appearance, caption, frame)
    with right:
        show_filters(work, layer, channel, shown, appearance)


def show_filters(
    work: Work, layer: Layer, channel: int, count: int, appearance: controls.Appearance
) -> None:
    """Show the kernels of one channel of a layer's first filters, in the order of their maps."""
    weights = work.weights()
    filters = work.filters(weights, layer.name)
    tiles = mosaics.Tiles(
        filters[:count, channel - 1],
        [f"{number}-{channel}" for number in range(1, count + 1)],
        range(1, count + 1),
        work.filters_span(weights, layer.name),
        ("kernels", weights.label, layer.name, channel),
        rectified=False,
    )
    caption = (
        f"{layer.title} · {weights.label} · the filters of these maps, channel {channel} of "
        f"{layer.channels}"
    )
    name = f"filters-{layer.block}"
    frame = mosaics.Frame(name, selection.open_map(name, layer), follows=False)
    mosaics.show(work, tiles, appearance, caption, frame)
