"""Feature maps view: the feature maps of one conv layer for the chosen image."""

from collections.abc import Callable

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from vgg_viz.fields import OWN
from vgg_viz.interpretability.attribution.attribution_pass import AttributionSpec
from vgg_viz.interpretability.experiments.changes import NONE
from vgg_viz.model.architecture import ConvLayer
from vgg_viz.ui import state
from vgg_viz.ui.parts import ablation_section, comparison, inspector, map_tabs
from vgg_viz.ui.parts.decomposition_section import Value
from vgg_viz.ui.parts.layer_maps import LayerMaps
from vgg_viz.ui.state import mode, selection
from vgg_viz.ui.state.shared_instance import results
from vgg_viz.ui.widgets import controls, export_menu, grid, picture_chooser, text_blocks
from vgg_viz.ui.widgets.chosen_network import load_network
from vgg_viz.ui.widgets.controls import ShownMaps

GRID = "maps-mosaic"
Room = tuple[DeltaGenerator, DeltaGenerator]


def show(notice: DeltaGenerator) -> Callable[[], None] | None:
    """Show the view's controls; return the function that shows the chosen layer's feature maps.

    None means that all is shown: in a comparison, and in lectures and tours, where the controls or
    the tour's panel follow from the chosen map.
    """
    spec = None
    with st.sidebar:
        chosen = picture_chooser.current()
        layer = controls.layer()
        fields = st.container(
            key="inspector-fields", horizontal=True, vertical_alignment="bottom", gap="small"
        )
        controls.count("Number of feature maps", "maps", layer.filters)
        compared = comparison.choose(chosen)
        if not compared:
            controls.appearance()
        controls.order()
        choice = controls.network()
        if mode.is_explained() and not compared:
            spec = map_tabs.choose_in_sidebar(layer)
    room = None if compared else make_room(layer)
    if compared:
        introduce(layer)

    def show_result(notice: DeltaGenerator) -> None:
        with fields:
            inspector.choose(layer)
        maps = LayerMaps(results(notice), load_network(choice, notice), chosen, layer)
        maps = ablation_section.apply_earlier(maps, notice)
        shown = controls.shown_maps()
        if compared:
            comparison.show(maps, compared, shown.count, shown.order, st.container())
        elif room:
            show_maps(maps, room, shown, spec)
        prepare_others(maps)

    if room and not mode.is_explained():
        # Notices stand above the grid: who sees maps of an untrained network should know it.
        return lambda: show_result(room[0].container(key="move-notices"))
    show_result(notice)
    return None


def prepare_others(maps: LayerMaps) -> None:
    """Let a background thread compute the overview, and all blocks' inputs, for later choices.

    Only for images that viewers share, and not while a new server is busy with its first pages.
    """
    is_shared = state.value("picture") != OWN and state.value("change") == NONE
    if is_shared and maps.network.is_compiled:
        maps.results.overview_soon(maps.network, maps.picture)


def introduce(layer: ConvLayer) -> None:
    """Show the view's heading, and explain what feature maps are."""
    source = "the image" if layer.conv_number == 1 else "the previous layer's output"
    text_blocks.introduce(
        layer,
        map_tabs.heading(layer),
        f"Each filter slides over {source} and produces one **feature map**: bright where the "
        "filter responds strongly. **Click a map** to inspect it.",
    )


def make_room(layer: ConvLayer) -> Room:
    """Show the heading; return the places of the grid and of the inspector beside or below it."""
    # In lecture mode the heading has buttons for the neighboring layers, and needs the full width.
    if mode.in_lecture():
        introduce(layer)
    left, panel = grid.room(beside=has_inspector())
    if not mode.in_lecture():
        with left:
            introduce(layer)
    return left, panel


def has_inspector() -> bool:
    """Return whether the inspector is shown: in lectures and on tours, once a map is chosen."""
    return not mode.is_explained() or selection.current() is not None


def show_maps(maps: LayerMaps, room: Room, shown: ShownMaps, spec: AttributionSpec | None) -> None:
    """Show a layer's feature maps, or the attribution of a value, beside the inspector."""
    left, panel = room
    value = None
    with maps.results.holding():
        with left:
            if not map_tabs.show_in_place_of_maps(maps, spec):
                show_grid(maps, shown)
        if has_inspector():
            with panel:
                value = show_inspector(maps, shown)
    map_tabs.show(maps, value)


def show_grid(maps: LayerMaps, shown: ShownMaps) -> None:
    """Show the grid of a layer's feature maps, and their export menu."""
    placement = grid.Placement(GRID, inspector.select_map, follows=True)

    def make() -> grid.Grid:
        return maps.ordered_grid(shown.order, shown.count, shown.appearance)

    grid.show(maps.results, ablation_section.mark_ablated(make()), placement)
    export_menu.offer(
        "maps",
        f"Feature maps of {maps.layer.name}",
        lambda: [make()],
        lambda: [maps.script_run("maps", maps.statistics().numbers(shown.order, shown.count))],
    )


def show_inspector(maps: LayerMaps, shown: ShownMaps) -> Value | None:
    """Show the inspector; return the decomposition of the selected value, or None."""
    chosen = selection.current()
    numbers = maps.statistics().numbers(shown.order, shown.count)
    value = inspector.show(maps, chosen, shown.appearance, shown=numbers, offers_filter=True)
    # In lecture mode the sidebar has the switch.
    if chosen and not mode.in_lecture():
        ablation_section.show_switch()
    return value
