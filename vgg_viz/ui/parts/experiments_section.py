"""The tab *Experiments*: response curves, distances, similar positions and occlusion."""

from vgg_viz.links import EXPERIMENTS
from vgg_viz.ui.parts import map_distances, occlusion_map, response_curves, similar_positions
from vgg_viz.ui.parts.layer_maps import LayerMaps
from vgg_viz.ui.widgets import controls


def show(maps: LayerMaps, other: LayerMaps | None) -> None:
    """Show the choice of an experiment, and its result for a layer's maps.

    ``other`` are the maps of the other half of a comparison.
    """
    chosen = controls.one_of("Experiment", "experiment", EXPERIMENTS, label_visibility="collapsed")
    if chosen == "response":
        response_curves.show_layer(maps)
    elif chosen == "layers":
        response_curves.show_layers(maps)
    elif chosen == "distance":
        map_distances.show(maps, other)
    elif chosen == "occlusion":
        occlusion_map.show(maps)
    else:
        similar_positions.show(maps)
