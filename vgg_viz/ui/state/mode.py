"""The page's mode: lecture mode, a tour, both or neither."""

import streamlit as st

from vgg_viz.ui import state
from vgg_viz.ui.state import tour_steps

LECTURE = "lecture"
CONTROLS = "lecture-menu-open"


def in_lecture() -> bool:
    """Return whether the page is in lecture mode."""
    return state.is_on(LECTURE)


def on_tour() -> bool:
    """Return whether the viewer has a tour open."""
    return tour_steps.current_step() is not None


def is_explained() -> bool:
    """Return whether the page is in lecture mode or on a tour, which leave out its explanations."""
    return in_lecture() or on_tour()


def controls_are_open() -> bool:
    """Return whether the page is in lecture mode and shows its controls there."""
    return in_lecture() and bool(st.session_state.get(CONTROLS, False))


def toggle_lecture() -> None:
    """Turn lecture mode on or off (widget callback)."""
    st.session_state.pop(CONTROLS, None)
    state.change({LECTURE: not in_lecture()})


def toggle_controls() -> None:
    """Open or close the page's controls in lecture mode (widget callback)."""
    st.session_state[CONTROLS] = not controls_are_open()
