"""Feature maps: what one conv layer makes of the picture."""

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from vgg_viz.architecture import Layer, format_shape
from vgg_viz.links import Order
from vgg_viz.network import Network
from vgg_viz.serving.results import Work
from vgg_viz.ui.page import lecture
from vgg_viz.ui.parts import arithmetic as origin
from vgg_viz.ui.parts import charts as numbers
from vgg_viz.ui.parts import comparison, inspector
from vgg_viz.ui.parts.layer_maps import Scene
from vgg_viz.ui.widgets import controls, picture
from vgg_viz.ui.widgets import export_menu as exporting
from vgg_viz.ui.widgets import grid as mosaics
from vgg_viz.ui.widgets.controls import Appearance

GRID = "maps-mosaic"


def show(notice: DeltaGenerator) -> None:
    """Show the controls, then the maps of the chosen layer."""
    with st.sidebar:
        chosen = picture.choose()
        layer = controls.layer()
        count = controls.count("Number of maps", "maps", layer.filters)
        compared = comparison.choose(chosen)
        appearance = controls.appearance() if not compared else None
        order = controls.order()
        choice = controls.network()
    work = Work(choice, notice, st.empty())
    scene = Scene(work, work.network(), chosen, layer)
    if compared:
        introduce(layer)
        comparison.show(scene, compared, count, order, notice)
    else:
        show_maps(scene, count, order, appearance)
    if not lecture.is_on():
        numbers.show(scene)
        show_submodel(scene.network, layer)


def introduce(layer: Layer) -> None:
    """Show the heading, and what maps are."""
    lecture.heading(f"Feature maps of {layer.name}", layer)
    lecture.prose(
        f"Each of its **{layer.filters} filters**, laid over every position of what the layers "
        f"before it made of the picture, answers with a **feature map** of "
        f"**{format_shape(layer.output_shape[:2])}** positions: bright where it found what it "
        f"looks for. **Click a map** to look into it."
    )


def show_maps(scene: Scene, count: int, order: Order, appearance: Appearance) -> None:
    """Show the maps of a scene and, beside them, the one that was picked."""
    top = st.container()
    with st.container(key="maps-room"):
        grid, panel = st.columns([3, 2], gap="medium")
    # In a lecture the heading has the way to the other layers beside it.
    with top if lecture.is_on() else grid:
        introduce(scene.layer)
    with scene.work.holding():
        with grid:
            show_photograph(scene.picture)
            show_grid(scene, count, order, appearance)
        with panel:
            traced = look_into(scene, count, order, appearance)
    if traced and not lecture.is_on():
        origin.show(traced)


def show_photograph(chosen: picture.Picture) -> None:
    """Show the photograph above the maps, where a screen has no room for it beside them."""
    with st.container(key="maps-photo", horizontal=True, vertical_alignment="center"):
        st.image(chosen.png, output_format="PNG", width=88, alt=chosen.alt)
        st.markdown(f"{picture.escape(chosen.title)}, as VGG19 sees it")


def show_grid(scene: Scene, count: int, order: Order, appearance: Appearance) -> None:
    """Show the maps of a scene, and the way to their files."""
    frame = mosaics.Frame(GRID, inspector.pick_map(GRID, scene.layer))

    def exhibits() -> list[mosaics.Exhibit]:
        shown = scene.shown(order, count)
        caption = scene.caption(count, order)
        return [mosaics.Exhibit("maps", scene.tiles(shown), appearance, caption)]

    for exhibit in exhibits():
        mosaics.show(scene.work, exhibit.tiles, appearance, exhibit.caption, frame)
    exporting.offer(
        "maps",
        f"Feature maps of {scene.layer.name}",
        exhibits,
        lambda: [scene.run("maps", scene.numbers(order, count))],
    )


def look_into(
    scene: Scene, count: int, order: Order, appearance: Appearance
) -> origin.Value | None:
    """Show the inspector; return what the chosen value was made of, if one is chosen."""
    place = st.container()
    chosen = inspector.choose(scene.layer)
    with place:
        shown = scene.numbers(order, count)
        traced = inspector.look_into(scene, chosen, appearance, shown=shown)
    if chosen and not lecture.is_on():
        inspector.offer_filter(scene, chosen.channel)
    return traced


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
