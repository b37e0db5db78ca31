"""Lecture mode: the picture and one line, in the largest type and the highest contrast."""

import streamlit as st

from vgg_viz.architecture import VGG19, Layer
from vgg_viz.ui import state
from vgg_viz.ui.page import tour as touring

KEY = "lecture"
MENU = "lecture-menu-open"


def is_on() -> bool:
    """Whether the page is in lecture mode."""
    return state.is_on(KEY)


def in_short() -> bool:
    """Whether others than the page explain what is seen: a lecturer, or a tour."""
    return is_on() or touring.is_on()


def caption(words: str, in_short: str) -> str:
    """A caption: one line in lecture mode, which can be read from the back of a room."""
    return in_short if is_on() else words


def prose(words: str) -> None:
    """Show words that explain, except in a lecture or on a tour, which explain themselves."""
    if not in_short():
        st.markdown(words)


def note(words: str) -> None:
    """Show a small remark, except in lecture mode."""
    if not is_on():
        st.caption(words)


def heading(words: str, layer: Layer | None = None) -> None:
    """Show a view's heading; of a layer's, in lecture mode, with the way to the next one."""
    # The way through a tour is that of its steps.
    if not is_on() or layer is None or touring.is_on():
        st.header(words)
        return
    with st.container(horizontal=True, vertical_alignment="center", key="lecture-heading"):
        step_button("previous-layer", "Layer before", ":material/chevron_left:", "Left", layer, -1)
        st.header(words, width="content")
        step_button("next-layer", "Next layer", ":material/chevron_right:", "Right", layer, 1)


def step_button(key: str, name: str, icon: str, arrow: str, layer: Layer, step: int) -> None:
    """Show the button, with its arrow key, that goes so many layers on."""
    st.button(
        name,
        key=key,
        icon=icon,
        type="tertiary",
        shortcut=arrow,
        disabled=not 1 <= layer.conv_number + step <= len(VGG19.conv_layers),
        on_click=go,
        args=(step,),
    )


def go(step: int) -> None:
    """Go so many conv layers on from where the page is, as far as there are any."""
    number = VGG19.layer(str(state.value("layer"))).conv_number + step
    if 1 <= number <= len(VGG19.conv_layers):
        state.change({"layer": VGG19.conv_layers[number - 1].name})


def switch() -> None:
    """Show the switch, which has a key as well."""
    label, icon = ("Leave", "close_fullscreen") if is_on() else ("Lecture mode", "present_to_all")
    st.button(label, key="lecture-switch", icon=f":material/{icon}:", shortcut="L", on_click=turn)


def turn() -> None:
    """Turn lecture mode on or off."""
    st.session_state.pop(MENU, None)
    state.change({KEY: not is_on()})


def menu() -> None:
    """Show the button, in lecture mode, that opens all controls beside the grid, or closes them."""
    if is_on():
        st.button(
            "Close controls" if menu_is_open() else "Controls",
            key="lecture-menu",
            icon=":material/tune:",
            shortcut="M",
            on_click=turn_menu,
        )


def menu_is_open() -> bool:
    """Whether lecture mode shows the page's controls."""
    return is_on() and st.session_state.get(MENU, False)


def turn_menu() -> None:
    """Open or close the controls."""
    st.session_state[MENU] = not menu_is_open()
