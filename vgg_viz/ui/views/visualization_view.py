"""What excites it: what each channel of a layer answers to most, in pictures and made ones."""

from collections.abc import Sequence

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from vgg_viz.interpretability.feature_visualization.optimization import picture_side
from vgg_viz.interpretability.feature_visualization.parametrizations import (
    EXAMPLES,
    PARAMETRIZATIONS,
)
from vgg_viz.links import MOST_SEEDS
from vgg_viz.model.architecture import ConvLayer
from vgg_viz.model.network import Network
from vgg_viz.model.networks import NetworkChoice
from vgg_viz.serving.optimization_worker import OptimizationSpec
from vgg_viz.ui import state
from vgg_viz.ui.parts import comparison, optimized_images, pasted_image, patch_grids
from vgg_viz.ui.parts.layer_maps import LayerMaps
from vgg_viz.ui.parts.optimized_images import OptimizedImages
from vgg_viz.ui.state.shared_instance import results
from vgg_viz.ui.widgets import controls, own_pictures, picture_chooser, text_blocks
from vgg_viz.ui.widgets.chosen_network import load_network

WAYS = (
    "**With the recipe**: climbing in spatial frequencies and in colors that do not go together "
    "in photographs, while the picture is turned, scaled and shifted a little · **Plain pixels**: "
    "each pixel by itself. Its values are higher still, and it shows why regularization exists."
)
PASTING = "The chosen channel’s picture is put into the photograph, where you click."


def show(notice: DeltaGenerator) -> None:
    """Show the controls, then what excites the channels of the chosen layer."""
    with st.sidebar:
        chosen = picture_chooser.choose()
        kind = controls.one_of("By", "examples", EXAMPLES)
        layer = controls.layer()
        if kind == "patches":
            count = controls.count("Number of channels", "maps", layer.filters)
        else:
            count = controls.count("Number of made pictures", "images", layer.filters)
            parametrization = controls.one_of(
                "Way", "parametrization", PARAMETRIZATIONS, help_text=WAYS
            )
            seed = controls.number("Seed", "seed", MOST_SEEDS) or 1
            pastes = st.toggle("Paste it into my picture", help=PASTING, **state.bind("paste"))
        compared = controls.comparison()
        choice = controls.network()
        if kind == "patches":
            own_pictures.choose()
    text_blocks.heading(f"What excites {layer.name}", layer)
    networks = networks_of(choice, compared, notice)
    if kind == "patches":
        show_patches(layer, count, networks)
        return
    subjects = [OptimizationSpec(network, layer, seed, parametrization) for network in networks]
    show_made(subjects, count)
    if pastes:
        pasted_image.show(LayerMaps(results(), networks[0], chosen, layer), subjects[0])


def networks_of(choice: NetworkChoice, compared: str, notice: DeltaGenerator) -> Sequence[Network]:
    """The chosen network, and the other one where the two are compared."""
    network = load_network(choice, notice)
    return [network, comparison.load_other_network(notice)] if compared == "network" else [network]


def show_patches(layer: ConvLayer, count: int, networks: Sequence[Network]) -> None:
    """Show where the channels answer most, over all pictures at hand."""
    text_blocks.prose(
        f"For each of its **{layer.filters} channels**, the place where it answers most, over all "
        "pictures of this page and those that you add in the sidebar: a tile is what it sees there "
        f"of the picture, its receptive field of {layer.receptive_field} × "
        f"{layer.receptive_field} pixels, and gray beyond the picture's border. **Click a tile** "
        "for the channel's strongest places."
    )
    found = results()
    patch_grids.show(
        found, [patch_grids.read(found, network, layer) for network in networks], count
    )


def show_made(subjects: Sequence[OptimizationSpec], count: int) -> None:
    """Show pictures that are made for the channels, while they are made."""
    layer, found = subjects[0].layer, results()
    side = picture_side(layer)
    text_blocks.prose(
        f"For each channel a picture is looked for, from noise and uphill, that it answers to as "
        f"strongly as can be: {side} × {side} pixels. It is **one of many**: another seed leads to "
        "another one. People predict what a channel answers better from real patches than from "
        "made pictures ([Borowski 2021](https://arxiv.org/abs/2010.12606): 92 and 82 %): look at "
        "the **patches** first. Made as in [Olah 2017](https://distill.pub/2017/"
        "feature-visualization)." + room_around(layer)
    )
    optimized_images.show(
        [OptimizedImages(one, patch_grids.read(found, one.network, layer)) for one in subjects],
        count,
    )


def room_around(layer: ConvLayer) -> str:
    """That the pictures are smaller than what the channels see, where they are."""
    side, field = picture_side(layer), layer.receptive_field
    if side == field:
        return ""
    return (
        f" A position sees {field} × {field} pixels here; so that it does not take minutes, the "
        "pictures are smaller, and what is around them has the mean color."
    )
