"""Feature maps: what one conv layer makes of the picture."""

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from vgg_viz.architecture import Layer, format_shape
from vgg_viz.links import Order
from vgg_viz.network import Network
from vgg_viz.ui import controls, exporting, lecture, mosaics, picture, selection, state
from vgg_viz.ui.results import Work
from vgg_viz.ui.scenes import Scene
from vgg_viz.ui.views import comparison, inspector, numbers, origin


def show(notice: DeltaGenerator) -> None:
    """Show the controls, then the maps of the chosen layer."""
    with st.sidebar:
        chosen = picture.choose()
        layer = controls.layer()
        count = controls.count("Number of maps", "maps", layer.filters)
        compared = comparison.choose(chosen)
        appearance = controls.appearance(("own", "layer")) if not compared else None
        order = controls.order()
        choice = controls.network()
    lecture.heading(f"Feature maps of {layer.name}", layer)
    lecture.prose(
        f"The layer lays each of its **{layer.filters} filters** over every position of what the "
        f"layers before it made of the picture. Each filter answers with one **feature map** of "
        f"**{format_shape(layer.output_shape[:2])}** positions: bright where it found what it "
        f"looks for, black where it did not."
    )
    work = Work(choice, notice, st.empty())
    scene = Scene(work, work.network(), chosen, layer)
    if compared:
        comparison.show(scene, compared, count, order, notice)
    else:
        show_maps(scene, count, order, appearance)
    if not lecture.is_on():
        numbers.show(scene)
        show_submodel(scene.network, layer)


def show_maps(scene: Scene, count: int, order: Order, appearance: controls.Appearance) -> None:
    """Show the maps of a scene, and look into the one that was picked."""
    layer = scene.layer
    frame = mosaics.Frame("maps-mosaic", selection.pick_channel("maps-mosaic", layer.filters))
    channel = state.number(selection.CHANNEL)
    beside = channel and not lecture.is_on()
    grid, look = st.columns([3, 2], gap="large") if beside else (st.container(), st.container())

    def exhibits() -> list[mosaics.Exhibit]:
        shown = scene.shown(order, count)
        caption = scene.caption(count, order)
        return [mosaics.Exhibit("maps", scene.tiles(shown), appearance, caption)]

    with scene.work.holding():
        with grid:
            for exhibit in exhibits():
                mosaics.show(scene.work, exhibit.tiles, appearance, exhibit.caption, frame)
            exporting.offer(
                "maps",
                f"Feature maps of {layer.name}",
                exhibits,
                lambda: [scene.run("maps", scene.numbers(order, count))],
            )
        if lecture.is_on():
            return
        with look:
            chosen = inspector.choose(layer)
            if chosen:
                inspector.show(scene, *chosen, appearance)
    if chosen and chosen[1]:
        origin.show(scene, *chosen)


def show_submodel(network: Network, layer: Layer) -> None:
    """Show the truncated model that made the maps."""
    height, width, maps = layer.output_shape
    st.markdown(
        f"**Output shape** {format_shape(layer.output_shape)}: {maps} maps, each {height} high and "
        f"{width} wide. **Receptive field** {layer.receptive_field} × {layer.receptive_field} "
        f"pixels: that much of the picture decides one value of a map."
    )
    with st.expander(f"The truncated model: from the input to {layer.name}"):
        st.code(network.summary(layer.name), language=None)
