"""Which mode the page is in: whether a lecturer or a tour explains what it shows."""

import streamlit as st

from vgg_viz.ui import state
from vgg_viz.ui.state import tour_steps

LECTURE = "lecture"
CONTROLS = "lecture-menu-open"


def in_lecture() -> bool:
    """Whether the page is in lecture mode: the picture and one line, in the largest type."""
    return state.is_on(LECTURE)


def on_tour() -> bool:
    """Whether there is a tour."""
    return tour_steps.current_step() is not None


def is_explained() -> bool:
    """Whether others than the page explain what is seen: a lecturer, or a tour."""
    return in_lecture() or on_tour()


def controls_are_open() -> bool:
    """Whether lecture mode shows the page's controls."""
    return in_lecture() and bool(st.session_state.get(CONTROLS, False))


def toggle_lecture() -> None:
    """A callback's work: turn lecture mode on or off."""
    st.session_state.pop(CONTROLS, None)
    state.change({LECTURE: not in_lecture()})


def toggle_controls() -> None:
    """A callback's work: open or close the controls."""
    st.session_state[CONTROLS] = not controls_are_open()
