"""Keyboard shortcuts that press buttons, beyond Streamlit's own, and a list of all shortcuts."""

import streamlit as st

from vgg_viz.ui.state import mode
from vgg_viz.ui.widgets import components, key_list
from vgg_viz.ui.widgets.key_list import LECTURE, PAGE, TOUR


def listen() -> None:
    """Make the browser press the page's buttons when the viewer types their keys."""
    components.registered("keys")(key="keys", data=bindings())


def bindings() -> dict[str, str]:
    """Return the button that each key presses now, as a mapping from keys to widget keys.

    Keys whose button is not on the page keep their usual meaning. The keys of a presenter remote
    (Page up, Page down) go through the tour's steps or, without a tour, through the layers, as the
    arrow keys do.
    """
    contexts = [PAGE, *[LECTURE] * mode.in_lecture(), *[TOUR] * mode.on_tour()]
    buttons = key_list.bindings(contexts)
    if mode.controls_are_open():
        buttons["Escape"] = "lecture-menu"
    return buttons


def button() -> None:
    """Show the button that opens the list of shortcuts; CSS hides it in lectures and on tours."""
    if st.button("Keys", key="key-list", icon=":material/keyboard:"):
        show_list()


@st.dialog("Keys")
def show_list() -> None:
    """Show the list of keyboard shortcuts in a dialog."""
    st.markdown(key_list.markdown())
