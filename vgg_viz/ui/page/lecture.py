"""Buttons of lecture mode: one turns it on or off, one opens or closes the page's controls."""

import streamlit as st

from vgg_viz.ui.state import mode
from vgg_viz.ui.widgets.key_list import shortcut


def switch() -> None:
    """Show the button that turns lecture mode on or off."""
    on = mode.in_lecture()
    label, icon = ("Leave", "close_fullscreen") if on else ("Lecture mode", "present_to_all")
    st.button(
        label,
        key="lecture-switch",
        icon=f":material/{icon}:",
        shortcut=shortcut("lecture-switch"),
        on_click=mode.toggle_lecture,
    )


def menu() -> None:
    """Show, in lecture mode only, the button that opens or closes the page's controls."""
    if mode.in_lecture():
        st.button(
            "Close controls" if mode.controls_are_open() else "Controls",
            key="lecture-menu",
            icon=":material/tune:",
            shortcut=shortcut("lecture-menu"),
            on_click=mode.toggle_controls,
        )
