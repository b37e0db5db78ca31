"""Lecture mode: the picture and one line, in the largest type and the highest contrast."""

import streamlit as st

from vgg_viz.architecture import VGG19, Layer
from vgg_viz.ui import state, touring

KEY = "lecture"


def is_on() -> bool:
    """Whether the page is in lecture mode."""
    return state.is_on(KEY)


def caption(words: str, in_short: str) -> str:
    """A caption: one line in lecture mode, which can be read from the back of a room."""
    return in_short if is_on() else words


def prose(words: str) -> None:
    """Show words that explain, except in a lecture or on a tour, which explain themselves."""
    if not is_on() and not touring.is_on():
        st.markdown(words)


def note(words: str) -> None:
    """Show a small remark, except in lecture mode."""
    if not is_on():
        st.caption(words)


def heading(words: str, layer: Layer | None = None) -> None:
    """Show a view's heading; of a layer's, in lecture mode, with the way to the next one."""
    if not is_on() or layer is None:
        st.header(words)
        return
    with st.container(horizontal=True, vertical_alignment="center", key="lecture-heading"):
        step_button("previous-layer", "Layer before", ":material/chevron_left:", "Left", layer, -1)
        st.header(words, width="content")
        step_button("next-layer", "Next layer", ":material/chevron_right:", "Right", layer, 1)


def step_button(key: str, name: str, icon: str, arrow: str, layer: Layer, step: int) -> None:
    """Show the button, with its arrow key, that goes so many layers on."""
    number = layer.conv_number + step
    st.button(
        name,
        key=key,
        icon=icon,
        type="tertiary",
        # The arrow keys are the tour's while there is one.
        shortcut=None if touring.is_on() else arrow,
        disabled=not 1 <= number <= len(VGG19.conv_layers),
        on_click=go,
        args=(number,),
    )


def go(number: int) -> None:
    """Go to the conv layer of that number."""
    state.change({"layer": VGG19.conv_layers[number - 1].name})


def switch() -> None:
    """Show the switch, which has a key as well."""
    label, icon = ("Leave", "close_fullscreen") if is_on() else ("Lecture mode", "present_to_all")
    st.button(label, key="lecture-switch", icon=f":material/{icon}:", shortcut="L", on_click=turn)


def turn() -> None:
    """Turn lecture mode on or off."""
    state.change({KEY: not is_on()})
