"""Tabs below the feature maps, of which only the open one is computed.

In lecture mode and on tours, attribution and ablation take the place of the maps instead.
"""

from collections.abc import Callable, Mapping

import numpy as np
import streamlit as st

from vgg_viz.fields import EXPERIMENTS, HERE, TABS
from vgg_viz.interpretability.attribution.attribution_pass import AttributionSpec
from vgg_viz.links import tab_options
from vgg_viz.model.architecture import ConvLayer, format_shape
from vgg_viz.option import Option, Options, by_name
from vgg_viz.ui import state
from vgg_viz.ui.parts import (
    ablation_section,
    attribution_section,
    charts,
    decomposition_section,
    grating_chart,
    map_distances,
    occlusion_map,
    response_curves,
    similar_positions,
)
from vgg_viz.ui.parts.decomposition_section import Value
from vgg_viz.ui.parts.layer_maps import LayerMaps
from vgg_viz.ui.state import mode, selection
from vgg_viz.ui.widgets import controls, text_blocks

IN_PLACE: Options = {
    **by_name(Option("decomposition", "Maps")),
    **{name: TABS[name] for name in ("attribution", "ablation")},
}
OVERFLOW = "With these weights, activations overflow float32, so there is nothing to compare."
SHOW_EXPERIMENT: Mapping[str, Callable[[LayerMaps], None]] = {
    "response": response_curves.show_layer,
    "layers": response_curves.show_layers,
    "similar": similar_positions.show,
    "occlusion": occlusion_map.show,
    "gratings": grating_chart.show,
}
SHOW_TAB: Mapping[str, Callable[[LayerMaps], None]] = {
    "attribution": attribution_section.show,
    "ablation": ablation_section.show,
    "statistics": charts.show_statistics,
}


def show(maps: LayerMaps, value: Value | None, other: LayerMaps | None = None) -> None:
    """Show the tabs for a layer's maps and the chosen value; on a tour, its decomposition alone.

    ``other`` are the maps of the other half of a comparison.
    """
    if mode.in_lecture():
        return
    with st.container(key="map-tabs"):
        if mode.on_tour():
            if value and state.value("tab") == "decomposition":
                decomposition_section.show(value)
            return
        offered = tab_options(compared=state.value("compare") != "none", explained=False)
        options = {name: TABS[name] for name in offered}
        # Streamlit's own tabs would cost the browser a fifth of a click's work.
        name = controls.one_of("Below the maps", "tab", options, label_visibility="collapsed")
        show_tab(name, maps, value, other)


def show_tab(name: str, maps: LayerMaps, value: Value | None, other: LayerMaps | None) -> None:
    """Show the content of one tab."""
    if name in SHOW_TAB:
        SHOW_TAB[name](maps)
    elif name == "experiments":
        show_experiment(maps, other)
    elif name == "model":
        show_submodel(maps)
    elif value:
        decomposition_section.show(value)
    else:
        text_blocks.note("Click a map, then a position in it, to see how its value is computed.")


def show_experiment(maps: LayerMaps, other: LayerMaps | None) -> None:
    """Show an experiment on a layer's maps; ``other`` are those of a comparison's other half."""
    if state.value("ablated_in") != HERE:
        st.info("Experiments run the network without ablation: end the ablation first.")
        return
    if not np.isfinite(maps.statistics().maximum).all():
        st.warning(OVERFLOW)
        return
    chosen = controls.one_of("Experiment", "experiment", EXPERIMENTS, label_visibility="collapsed")
    if chosen == "distance":
        map_distances.show(maps, other)
    else:
        SHOW_EXPERIMENT[chosen](maps)


def show_submodel(maps: LayerMaps) -> None:
    """Show a layer's output shape, its receptive field, and the truncated model's Keras summary."""
    layer = maps.layer
    height, width, count = layer.output_shape
    st.markdown(
        f"**Output shape** {format_shape(layer.output_shape)}: {count} maps, each {height} × "
        f"{width}. **Receptive field** {layer.receptive_field} × {layer.receptive_field} pixels: "
        f"the part of the image that one value depends on "
        f"({text_blocks.RECEPTIVE_FIELD_PAPER}). **Keras summary** of the truncated model, from "
        f"the input to {layer.name}:"
    )
    st.code(maps.network.summary(layer.name), language=None)


def choose_in_sidebar(layer: ConvLayer) -> AttributionSpec | None:
    """Show what takes the maps' place, and its controls; return the value to attribute, or None."""
    if selection.current() is None and not ablation_section.ablated():
        return None
    shown = controls.one_of("Show", "tab", IN_PLACE)
    if shown == "attribution":
        return attribution_section.choose_for_lecture(layer)
    ablation_section.choose_for_lecture(layer)
    return None


def in_place() -> str:
    """Return the name of the tab that is shown in place of the maps; empty for the maps."""
    chosen, tab = selection.current(), str(state.value("tab"))
    shown = {
        "attribution": bool(chosen and chosen.position),
        "ablation": bool(ablation_section.ablated()),
    }
    explained = mode.is_explained() and state.value("compare") == "none"
    return tab if explained and shown.get(tab) else ""


def heading(layer: ConvLayer) -> str:
    """Return the view's heading, which names what is shown."""
    chosen = selection.current()
    if in_place() == "attribution" and chosen:
        return f"Attribution of map {chosen.channel} of {layer.name}"
    if in_place() == "ablation":
        return ablation_section.heading(layer)
    return f"Feature maps of {layer.name}"


def show_in_place_of_maps(maps: LayerMaps, spec: AttributionSpec | None) -> bool:
    """Show an attribution or an ablation in place of the maps; return whether there is one."""
    if spec:
        attribution_section.show_in_place_of_maps(maps, spec)
    elif in_place() == "ablation":
        ablation_section.show_in_place_of_maps(maps)
    return bool(in_place())
