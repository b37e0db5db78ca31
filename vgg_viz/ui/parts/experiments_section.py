"""The tab *Experiments*, whose experiments are in modules of their own."""

from collections.abc import Callable, Mapping

from vgg_viz.links import EXPERIMENTS
from vgg_viz.ui.parts import (
    grating_chart,
    map_distances,
    occlusion_map,
    response_curves,
    similar_positions,
)
from vgg_viz.ui.parts.layer_maps import LayerMaps
from vgg_viz.ui.widgets import controls

SHOW: Mapping[str, Callable[[LayerMaps], None]] = {
    "response": response_curves.show_layer,
    "layers": response_curves.show_layers,
    "similar": similar_positions.show,
    "occlusion": occlusion_map.show,
    "gratings": grating_chart.show,
}


def show(maps: LayerMaps, other: LayerMaps | None) -> None:
    """Show the choice of an experiment, and its result for a layer's maps.

    ``other`` are the maps of the other half of a comparison.
    """
    chosen = controls.one_of("Experiment", "experiment", EXPERIMENTS, label_visibility="collapsed")
    if chosen == "distance":
        map_distances.show(maps, other)
    else:
        SHOW[chosen](maps)
