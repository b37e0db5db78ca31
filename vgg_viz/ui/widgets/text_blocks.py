"""What the page says beside its pictures: all, or in a lecture only what can be read there."""

import re

import streamlit as st

from vgg_viz.model.architecture import VGG19, ConvLayer
from vgg_viz.ui import state
from vgg_viz.ui.state import mode
from vgg_viz.ui.widgets.key_list import shortcut

# Araujo, Norris and Sim (2019).
RECEPTIVE_FIELD_PAPER = "https://distill.pub/2019/computing-receptive-fields"


def caption(words: str, in_short: str) -> str:
    """A caption: one line in lecture mode, which can be read from the back of a room."""
    return in_short if mode.in_lecture() else words


def prose(words: str) -> None:
    """Show words that explain, except in a lecture or on a tour, which explain themselves."""
    if not mode.is_explained():
        st.markdown(words)


def note(words: str) -> None:
    """Show a small remark, except in lecture mode."""
    if not mode.in_lecture():
        st.caption(words)


def heading(words: str, layer: ConvLayer) -> None:
    """Show the heading of a layer's view; in lecture mode with the way to the next layer."""
    # The way through a tour is that of its steps.
    if not mode.in_lecture() or mode.on_tour():
        st.header(words)
        return
    with st.container(horizontal=True, vertical_alignment="center", key="lecture-heading"):
        step_button("previous-layer", "Layer before", ":material/chevron_left:", layer, -1)
        st.header(words, width="content")
        step_button("next-layer", "Next layer", ":material/chevron_right:", layer, 1)


def step_button(key: str, name: str, icon: str, layer: ConvLayer, step: int) -> None:
    """Show the button, with its arrow key, that goes so many layers on."""
    st.button(
        name,
        key=key,
        icon=icon,
        type="tertiary",
        shortcut=shortcut(key),
        disabled=not 1 <= layer.conv_number + step <= len(VGG19.conv_layers),
        on_click=go,
        args=(step,),
    )


def go(step: int) -> None:
    """Go so many conv layers on from where the page is, as far as there are any."""
    number = VGG19.conv_layer(str(state.value("layer"))).conv_number + step
    if 1 <= number <= len(VGG19.conv_layers):
        state.change({"layer": VGG19.conv_layers[number - 1].name})


def escape(text: str) -> str:
    """The text with everything that Markdown would take for its own escaped."""
    return "".join(
        f"\\{letter}" if letter in "\\`*_{}[]<>()#+-.!|~:$" else letter for letter in text
    )


def escape_marks(text: str) -> str:
    """The text with what Markdown would take for marks escaped, and nothing else.

    For a line of text, as captions are: signs that begin a list or a heading stay as they are, and
    so does an underscore within a word.
    """
    return re.sub(r"[\\`*\[\]<>$~]|(?<!\w)_|_(?!\w)|:(?=\w)", r"\\\g<0>", text)
