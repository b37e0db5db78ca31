"""The tab *Experiments*, whose experiments are in modules of their own."""

from collections.abc import Callable, Mapping

import numpy as np
import streamlit as st

from vgg_viz.fields import EXPERIMENTS, HERE
from vgg_viz.ui import state
from vgg_viz.ui.parts import (
    grating_chart,
    map_distances,
    occlusion_map,
    response_curves,
    similar_positions,
)
from vgg_viz.ui.parts.layer_maps import LayerMaps
from vgg_viz.ui.widgets import controls

OVERFLOW = "With these weights, activations overflow float32, so there is nothing to compare."
SHOW: Mapping[str, Callable[[LayerMaps], None]] = {
    "response": response_curves.show_layer,
    "layers": response_curves.show_layers,
    "similar": similar_positions.show,
    "occlusion": occlusion_map.show,
    "gratings": grating_chart.show,
}


def show(maps: LayerMaps, other: LayerMaps | None) -> None:
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
        SHOW[chosen](maps)
