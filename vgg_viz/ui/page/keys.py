"""The page's keys beyond those that Streamlit ties to buttons, and the list of all of them."""

import streamlit as st

from vgg_viz.ui.state import mode
from vgg_viz.ui.widgets import components, key_list
from vgg_viz.ui.widgets.key_list import LECTURE, PAGE, TOUR


def listen() -> None:
    """Have the browser press the buttons that keys stand for."""
    components.registered("keys")(key="keys", data=bindings())


def bindings() -> dict[str, str]:
    """For each key the button that it presses; one that is not on the page leaves its key alone.

    A clicker's keys do what the arrow keys do: they go through the tour, else through the layers.
    """
    places = [PAGE, *[LECTURE] * mode.in_lecture(), *[TOUR] * mode.on_tour()]
    pressed = key_list.bindings(places)
    if mode.controls_are_open():
        pressed["Escape"] = "lecture-menu"
    return pressed


def button() -> None:
    """Show the button that opens the list; in a lecture and beside a tour its key alone does."""
    if st.button("Keys", key="key-list", icon=":material/keyboard:"):
        show_list()


@st.dialog("Keys")
def show_list() -> None:
    """Show the list, over the page."""
    st.markdown(key_list.markdown())
