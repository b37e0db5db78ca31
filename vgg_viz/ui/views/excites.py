"""What excites it: what each channel of a layer answers to most, in pictures and made ones."""

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from vgg_viz.links import EXCITATIONS, MOST_SEEDS, RECIPES
from vgg_viz.ui import state
from vgg_viz.ui.widgets import controls, picture_chooser, words


def show(notice: DeltaGenerator) -> None:
    """Show the controls, then what excites the channels of the chosen layer."""
    with st.sidebar:
        picture_chooser.choose()
        kind = controls.one_of("By", "excited_by", EXCITATIONS)
        layer = controls.layer()
        if kind == "patches":
            controls.count("Number of channels", "maps", layer.filters)
        else:
            controls.count("Number of made pictures", "made", layer.filters)
            controls.one_of("Made", "recipe", RECIPES)
            controls.number("Seed", "seed", MOST_SEEDS)
            st.toggle("Paste it into my picture", **state.bind("paste"))
        controls.comparison()
        controls.network()
    words.heading(f"What excites {layer.name}", layer)
