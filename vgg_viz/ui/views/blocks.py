"""Blocks: the maps at the end of every block, from one forward pass."""

from collections.abc import Sequence

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from vgg_viz.architecture import VGG19, format_shape
from vgg_viz.links import FEWEST_CHANNELS, Order
from vgg_viz.serving.results import Work
from vgg_viz.ui import state
from vgg_viz.ui.page import lecture
from vgg_viz.ui.parts.layer_maps import Scene
from vgg_viz.ui.state import selection
from vgg_viz.ui.widgets import controls, picture
from vgg_viz.ui.widgets import export_menu as exporting
from vgg_viz.ui.widgets import grid as mosaics

MOST_ABREAST = 16
LARGEST = max(layer.filters for layer in VGG19.block_ends)


def show(notice: DeltaGenerator) -> None:
    """Show the controls, then one mosaic a block."""
    with st.sidebar:
        chosen = picture.choose()
        blocks = sorted(controls.blocks())
        count = controls.count("Number of maps a block", "block_maps", LARGEST)
        channel = filters_beside()
        appearance = controls.appearance()
        order = controls.order()
        choice = controls.network()
    st.header("The end of every block")
    lecture.prose(
        "The last conv layer of each block, all from one forward pass through the model: follow "
        "the picture from edges to abstractions. **Click a map** to look into it."
    )
    if not blocks:
        st.info("Choose at least one block in the sidebar.", icon=":material/arrow_back:")
        return
    work = Work(choice, notice, st.empty())
    network = work.network()
    # A few maps each: all blocks beside each other, on one screen.
    abreast = lecture.in_short() and count <= MOST_ABREAST and channel is None
    places = st.columns(len(blocks)) if abreast else [st.container() for _ in blocks]
    for place, block in zip(places, blocks, strict=True):
        scene = Scene(work, network, chosen, VGG19.block_ends[block - 1])
        with place:
            show_block(scene, count, order, channel, appearance, abreast=abreast)
    if abreast:
        st.caption(f"{network.label} · {chosen.title}")


def filters_beside() -> int | None:
    """Choose whether to show filters too; return the number of the channel to show, or None."""
    if not st.toggle("Filters beside the maps", **state.tie("beside")):
        return None
    return controls.count("Channel of the filters", "filter_channel", FEWEST_CHANNELS)


def show_block(
    scene: Scene,
    count: int,
    order: Order,
    channel: int | None,
    appearance: controls.Appearance,
    *,
    abreast: bool,
) -> None:
    """Show one block's maps, and its filters beside them if a channel is given."""
    layer = scene.layer
    shown = min(count, layer.filters)
    if abreast:
        st.markdown(f"**Block {layer.block}** · {format_shape(layer.output_shape[:2])}")
    else:
        st.subheader(f"Block {layer.block} · {layer.name}")
        lecture.note(
            f"Index {layer.index} in the model · output {format_shape(layer.output_shape)} · "
            f"receptive field {layer.receptive_field} pixels"
        )

    def exhibits() -> list[mosaics.Exhibit]:
        tiles = scene.tiles(scene.shown(order, shown))
        caption = scene.caption(shown, order)
        if abreast:
            caption = f"{layer.name} · {shown} of {layer.filters}"
        return [mosaics.Exhibit("maps", tiles, appearance, caption)]

    name = f"block-{layer.block}"
    frame = mosaics.Frame(name, selection.open_map(name, layer), follows=False)
    left, right = (st.container(), None) if channel is None else st.columns(2, gap="medium")
    with left:
        with scene.work.holding():
            for exhibit in exhibits():
                mosaics.show(scene.work, exhibit.tiles, appearance, exhibit.caption, frame)
        if not abreast:
            exporting.offer(
                name,
                f"Feature maps of {layer.name}",
                exhibits,
                lambda: [scene.run("maps", scene.numbers(order, shown))],
            )
    if right:
        with right:
            show_filters(scene, channel, scene.numbers(order, shown), appearance)


def show_filters(
    scene: Scene, channel: int, numbers: Sequence[int], appearance: controls.Appearance
) -> None:
    """Show the kernels of one channel of these filters of a layer, in the order of their maps."""
    layer = scene.layer
    weights = scene.work.weights()
    with scene.work.holding():
        indices = [number - 1 for number in numbers]
        kernels = scene.work.kernels(weights, layer.name, indices, [channel - 1])
        span = scene.work.filters_span(weights, layer.name)
    tiles = mosaics.Tiles(
        kernels[:, 0],
        [f"{number}-{channel}" for number in numbers],
        numbers,
        span,
        ("kernels", weights.label, layer.name, channel, tuple(numbers)),
        rectified=False,
    )
    share = f"channel {channel} of {layer.channels}"
    caption = lecture.caption(
        f"{layer.title} · {weights.label} · the filters of these maps, {share}",
        f"{weights.label} · filters, {share}",
    )
    name = f"filters-{layer.block}"
    frame = mosaics.Frame(name, selection.open_map(name, layer), follows=False)
    mosaics.show(scene.work, tiles, appearance, caption, frame)
