"""Feature visualization view: top patches or optimized images of each channel of a layer."""

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from vgg_viz.fields import MOST_SEEDS
from vgg_viz.interpretability.feature_visualization.optimization import OptimizationSpec, image_side
from vgg_viz.interpretability.feature_visualization.parametrizations import (
    EXAMPLES,
    PARAMETRIZATIONS,
    Parametrization,
)
from vgg_viz.model.architecture import ConvLayer
from vgg_viz.option import Paper, tooltip
from vgg_viz.ui import state
from vgg_viz.ui.parts import comparison, optimized_images, pasted_image, patch_grids
from vgg_viz.ui.parts.layer_maps import LayerMaps
from vgg_viz.ui.parts.optimized_images import OptimizedImages
from vgg_viz.ui.state import mode
from vgg_viz.ui.state.selection import CHANNEL
from vgg_viz.ui.state.shared_instance import results
from vgg_viz.ui.widgets import controls, own_pictures, picture_chooser, text_blocks
from vgg_viz.ui.widgets.chosen_network import load_network
from vgg_viz.views import VIEWS

ZEILER, _ = VIEWS["visualization"].papers
ERHAN = Paper(
    "Erhan et al. 2009",
    "https://www.semanticscholar.org/paper/65d994fb778a8d9e0f632659fb33a082949a50d3",
)
BOROWSKI = Paper("Borowski et al. 2021", "https://arxiv.org/abs/2010.12606")
# Until a run shows the top patches found so far. Those of all samples are read from disk by then.
SEARCH_SECONDS = 0.1
PASTE_HELP = (
    "Pastes the chosen channel's optimized image into your picture where you click, to check that "
    "the channel responds there."
)


def show(notice: DeltaGenerator) -> None:
    """Show the view's controls, then top patches or optimized images of the chosen layer."""
    with st.sidebar:
        chosen = picture_chooser.current()
        examples = controls.one_of("Show", "examples", EXAMPLES)
        layer = controls.layer()
        if not mode.in_lecture():
            controls.number("Channel", CHANNEL, layer.filters, has_room=True)
        if examples == "patches":
            count = controls.count("Number of channels", "maps", layer.filters)
        else:
            count = controls.count("Number of optimized images", "images", layer.filters)
            parametrization = controls.one_of(
                "Optimize", "parametrization", PARAMETRIZATIONS, help_text=tooltip(PARAMETRIZATIONS)
            )
            seed = controls.number("Seed", "seed", MOST_SEEDS, has_room=True) or 1
            pastes = st.toggle("Paste into my picture", help=PASTE_HELP, **state.bind("paste"))
        compared = controls.comparison()
        choice = controls.network()
        if not picture_chooser.is_needed(VIEWS["visualization"]):
            # Patches come from all pictures, whichever is chosen in other views.
            picture_chooser.choose_fit()
        if examples == "patches":
            own_pictures.show_several()
    if examples == "patches":
        about = about_patches(layer)
    else:
        about = about_optimized(layer, parametrization)
    text_blocks.introduce(layer, f"{EXAMPLES[examples].label} of {layer.name}", about)
    below, cache = st.container(), results(notice)
    networks = [load_network(choice, below)]
    if compared == "network":
        networks.append(comparison.load_other_network(below))
    if examples == "patches":
        found = [patch_grids.find(cache, one, layer, SEARCH_SECONDS) for one in networks]
        patch_grids.show(cache, found, count)
        return
    specs = [OptimizationSpec(network, layer, seed, parametrization) for network in networks]
    sides = [OptimizedImages(one, patch_grids.find(cache, one.network, layer)) for one in specs]
    optimized_images.show(sides, count)
    if pastes:
        pasted_image.show(LayerMaps(cache, networks[0], chosen, layer), specs[0])


def about_patches(layer: ConvLayer) -> str:
    """Return an explanation of the image patches that activate each channel of a layer most."""
    side = layer.receptive_field
    return (
        f"**Top patches** (dataset examples, {ZEILER}) show what activates a channel most. Each "
        f"tile is one channel's receptive field of {side} × {side} pixels at its largest value; "
        "gray lies beyond the image's border. The patches come from this page's images and those "
        "you add in the sidebar. **Click a tile** for the channel's other top patches."
    )


def about_optimized(layer: ConvLayer, parametrization: Parametrization) -> str:
    """Return an explanation of the images optimized to maximize each channel of a layer."""
    method = PARAMETRIZATIONS[parametrization]
    return (
        f"**Activation maximization** ({ERHAN}): each image is optimized from noise to maximize "
        f"one channel at a single position. **{method.label}**: {method.description.rstrip('.')}. "
        "Another seed gives another image. "
        "People predict activations better from natural images (92%) than from optimized ones "
        f"(82%, {BOROWSKI}): look at the **top patches** first." + size_note(layer)
    )


def size_note(layer: ConvLayer) -> str:
    """Return a note for layers whose optimized images are smaller than the field."""
    side, field = image_side(layer), layer.receptive_field
    if side == field:
        return ""
    return (
        f" The receptive field here is {field} × {field} pixels. To save time, only its central "
        f"{side} × {side} pixels are optimized; the rest has the mean color."
    )
