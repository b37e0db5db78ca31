"""The page's mode: lecture, tour or neither."""

import streamlit as st

from vgg_viz.ui import state
from vgg_viz.ui.state import tour_steps

LECTURE = "lecture"
CONTROLS = "lecture-menu-open"


def in_lecture() -> bool:
    """Return whether the page is in lecture mode: pictures and one line each, in large type."""
    return state.is_on(LECTURE)


def on_tour() -> bool:
    """Return whether a tour is open."""
    return tour_steps.current_step() is not None


def is_explained() -> bool:
    """Return whether a lecturer or a tour explains the page, so that it need not."""
    return in_lecture() or on_tour()


def controls_are_open() -> bool:
    """Return whether lecture mode shows the page's controls."""
    return in_lecture() and bool(st.session_state.get(CONTROLS, False))


def toggle_lecture() -> None:
    """Turn lecture mode on or off (widget callback)."""
    st.session_state.pop(CONTROLS, None)
    state.change({LECTURE: not in_lecture()})


def toggle_controls() -> None:
    """Open or close the controls in lecture mode (widget callback)."""
    st.session_state[CONTROLS] = not controls_are_open()
