"""Feature maps: what one conv layer makes of the picture."""

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from vgg_viz.image_io.picture import Picture
from vgg_viz.interpretability.attribution.attribution_pass import AttributionSpec
from vgg_viz.model.architecture import ConvLayer, format_shape
from vgg_viz.model.network import Network
from vgg_viz.ui.parts import (
    ablation_section,
    attribution_section,
    charts,
    comparison,
    decomposition_section,
    inspector,
)
from vgg_viz.ui.parts.layer_maps import LayerMaps
from vgg_viz.ui.state import mode
from vgg_viz.ui.state.shared_instance import results
from vgg_viz.ui.widgets import controls, export_menu, grid, picture_chooser, text_blocks
from vgg_viz.ui.widgets.chosen_network import load_network
from vgg_viz.ui.widgets.controls import Appearance

GRID = "maps-mosaic"


def show(notice: DeltaGenerator) -> None:
    """Show the controls, then the maps of the chosen layer."""
    with st.sidebar:
        chosen = picture_chooser.choose()
        layer = controls.layer()
        count = controls.count("Number of maps", "maps", layer.filters)
        compared = comparison.choose(chosen)
        appearance = compared.appearance if compared else controls.appearance()
        order = controls.order()
        choice = controls.network()
        if not compared:
            ablation_section.choose_aside(layer)
    asked = attribution_section.choose_aside(layer.name)
    maps = LayerMaps(results(), load_network(choice, notice), chosen, layer)
    if compared:
        introduce(layer)
        comparison.show(maps, compared, count, order, notice)
    else:
        show_maps(maps, count, order, appearance, asked)
    if not mode.in_lecture():
        charts.show_layer(maps)
        show_submodel(maps.network, layer)


def introduce(layer: ConvLayer) -> None:
    """Show the heading, and what maps are."""
    text_blocks.heading(f"Feature maps of {layer.name}", layer)
    text_blocks.prose(
        f"Each of its **{layer.filters} filters**, laid over every position of what the layers "
        f"before it made of the picture, answers with a **feature map** of "
        f"**{format_shape(layer.output_shape[:2])}** positions: bright where it found what it "
        f"looks for. **Click a map** to look into it."
    )


def show_maps(
    maps: LayerMaps, count: int, order: str, appearance: Appearance, asked: AttributionSpec | None
) -> None:
    """Show maps, or what a value of theirs comes from, and beside them the one that was picked."""
    top = st.container()
    with st.container(key="maps-room"):
        left, panel = st.columns([3, 2], gap="medium")
    # In a lecture the heading has the way to the other layers beside it.
    with top if mode.in_lecture() else left:
        introduce(maps.layer)
    with maps.results.holding():
        with left:
            show_photograph(maps.picture)
            if asked:
                attribution_section.show_above(maps, asked)
            elif not ablation_section.stands_in(maps):
                show_grid(maps, count, order, appearance)
        with panel:
            traced = look_into(maps, count, order, appearance)
    ablation_section.show(maps)
    if traced and not asked and not mode.in_lecture():
        decomposition_section.show(traced)


def show_photograph(chosen: Picture) -> None:
    """Show the photograph above the maps, where a screen has no room for it beside them."""
    with st.container(key="maps-photo", horizontal=True, vertical_alignment="center"):
        # Its style sheet makes it smaller: Streamlit would decode, shrink and encode it every run.
        st.image(chosen.png, output_format="PNG", width="content", alt=chosen.alt)
        st.markdown(f"{text_blocks.escape(chosen.title)}, as VGG19 sees it")


def show_grid(maps: LayerMaps, count: int, order: str, appearance: Appearance) -> None:
    """Show the grid of maps, and the way to its files."""
    place = grid.Placement(GRID, inspector.pick_map(GRID, maps.layer))
    tiles = ablation_section.marked(maps.ordered_grid(order, count, appearance))
    grid.show(maps.results, tiles, place)
    exported = maps.for_export()
    export_menu.offer(
        "maps",
        f"Feature maps of {maps.layer.name}",
        lambda: [exported.ordered_grid(order, count, appearance)],
        lambda: [exported.script_run("maps", exported.numbers(order, count))],
    )


def look_into(
    maps: LayerMaps, count: int, order: str, appearance: Appearance
) -> decomposition_section.Value | None:
    """Show the inspector; return what the chosen value was made of, if one is chosen."""
    above = st.container()
    chosen = inspector.choose(maps.layer)
    with above:
        shown = maps.numbers(order, count)
        traced = inspector.look_into(maps, chosen, appearance, shown=shown)
    # In a lecture the sidebar has what ablates maps.
    if not mode.in_lecture():
        with st.container(horizontal=True, vertical_alignment="center", key="inspector-ways"):
            if chosen:
                inspector.offer_filter(maps, chosen.channel)
                ablation_section.show_switch()
        ablation_section.show_field()
    return traced


def show_submodel(network: Network, layer: ConvLayer) -> None:
    """Show the truncated model that made the maps."""
    height, width, maps = layer.output_shape
    st.markdown(
        f"**Output shape** {format_shape(layer.output_shape)}: {maps} maps, each {height} high and "
        f"{width} wide. **Receptive field** {layer.receptive_field} × {layer.receptive_field} "
        f"pixels: that much of the picture decides one value of a map."
    )
    with st.expander(f"The truncated model: from the input to {layer.name}"):
        st.code(network.summary(layer.name), language=None)
