"""Keyboard shortcuts beyond those that Streamlit ties to buttons, and the list of all of them."""

import streamlit as st

from vgg_viz.ui.state import mode
from vgg_viz.ui.widgets import components, key_list
from vgg_viz.ui.widgets.key_list import LECTURE, PAGE, TOUR


def listen() -> None:
    """Make the browser press buttons by key."""
    components.registered("keys")(key="keys", data=bindings())


def bindings() -> dict[str, str]:
    """Return the button that each key presses now; keys without a button keep their meaning.

    A presenter's keys go through the tour, or else through the layers, as arrow keys do.
    """
    contexts = [PAGE, *[LECTURE] * mode.in_lecture(), *[TOUR] * mode.on_tour()]
    buttons = key_list.bindings(contexts)
    if mode.controls_are_open():
        buttons["Escape"] = "lecture-menu"
    return buttons


def button() -> None:
    """Show the button that opens the list; CSS hides it in lectures and on tours."""
    if st.button("Keys", key="key-list", icon=":material/keyboard:"):
        show_list()


@st.dialog("Keys")
def show_list() -> None:
    """Show the list in a dialog."""
    st.markdown(key_list.markdown())
