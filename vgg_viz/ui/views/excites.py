"""What excites it: what each channel of a layer answers to most, in pictures and made ones."""

from collections.abc import Sequence

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from vgg_viz.architecture import ConvLayer
from vgg_viz.links import EXCITATIONS, MOST_SEEDS, RECIPES, NetworkChoice
from vgg_viz.network import Network
from vgg_viz.ui import state
from vgg_viz.ui.parts import comparison, patches
from vgg_viz.ui.state.serving import results
from vgg_viz.ui.widgets import controls, own_pictures, picture_chooser, words
from vgg_viz.ui.widgets.chosen_network import load_network


def show(notice: DeltaGenerator) -> None:
    """Show the controls, then what excites the channels of the chosen layer."""
    with st.sidebar:
        picture_chooser.choose()
        kind = controls.one_of("By", "excited_by", EXCITATIONS)
        layer = controls.layer()
        if kind == "patches":
            count = controls.count("Number of channels", "maps", layer.filters)
        else:
            controls.count("Number of made pictures", "made", layer.filters)
            controls.one_of("Made", "recipe", RECIPES)
            controls.number("Seed", "seed", MOST_SEEDS)
            st.toggle("Paste it into my picture", **state.bind("paste"))
        compared = controls.comparison()
        choice = controls.network()
        if kind == "patches":
            own_pictures.choose()
    words.heading(f"What excites {layer.name}", layer)
    if kind == "patches":
        show_patches(layer, count, networks_of(choice, compared, notice))


def networks_of(choice: NetworkChoice, compared: str, notice: DeltaGenerator) -> Sequence[Network]:
    """The chosen network, and the other one where the two are compared."""
    network = load_network(choice, notice)
    return [network, comparison.load_other_network(notice)] if compared == "network" else [network]


def show_patches(layer: ConvLayer, count: int, networks: Sequence[Network]) -> None:
    """Show where the channels answer most, over all pictures at hand."""
    words.prose(
        f"For each of its **{layer.filters} channels**, the place where it answers most, over all "
        "pictures of this page and those that you add in the sidebar: a tile is what it sees there "
        f"of the picture, its receptive field of {layer.receptive_field} × "
        f"{layer.receptive_field} pixels. **Click a tile** for the channel's strongest places."
    )
    found = results()
    patches.show(found, [patches.read(found, network, layer) for network in networks], count)
