"""The area of the current view: a fragment with the view, its controls and the tour's panel.

A widget within it reruns the fragment alone. The rest of the page (header, choice of a picture,
keys, footer) is shown again only by a whole script run.
"""

from collections.abc import Callable
from importlib import import_module

import streamlit as st

from vgg_viz.fields import FIELDS
from vgg_viz.ui import state
from vgg_viz.ui.page import errors, header, partial_runs, tour_panel
from vgg_viz.ui.state import mode, reloads, tour_steps
from vgg_viz.ui.widgets import picture_chooser
from vgg_viz.views import VIEWS

SHOWN_AROUND = "values-around-the-view"
# Fields that the rest of the page depends on.
AROUND = (
    *("view", "picture", "own", "own_from", "fit", "stored"),
    *("lecture", "tour", "tour_name", "own_tour"),
    *("change", "amount", "cover_row", "cover_column", "fill"),
)
SHOWN_BY_CONTROLS = "values-of-the-controls"
# Fields that no control in the sidebar depends on, except their own.
MOVES = (
    *("channel", "row", "column", "half", "tab", "back_to", "attribution", "sanity"),
    *("ablated", "ablated_in", "later_layer", "experiment", *partial_runs.FIELDS),
)


@st.fragment
def show() -> None:
    """Show the current view, its controls, and the panel of the tour (fragment).

    If a click within the fragment changes the rest of the page too, run the whole page instead.
    """
    header.sync()
    if around() != st.session_state[SHOWN_AROUND]:
        st.rerun()
    view = str(state.value("view"))
    with errors.error_boundary(), tour_panel.stage(view, header.tools):
        # Only the chosen view is imported, so that the page appears before NumPy is loaded.
        module = import_module(f"vgg_viz.ui.views.{view}_view")
        notices = st.container(key="notices")
        picture_chooser.show_missing(VIEWS[view], notices)
        show_result = module.show(notices)
        if show_result:
            st.session_state[SHOWN_BY_CONTROLS] = by_controls()
            show_moves(show_result)
    state.finish()


@st.fragment(key=partial_runs.PART)
def show_moves(show_result: Callable[[], None]) -> None:
    """Show what depends on the chosen map and position, and on the grid's controls (fragment).

    A click that changes another control as well runs the whole page instead.
    """
    header.sync()
    if by_controls() != st.session_state[SHOWN_BY_CONTROLS]:
        st.rerun()
    with errors.error_boundary():
        show_result()
    state.finish()


def begin() -> None:
    """Note the values that the rest of the page shows, at the start of a whole script run."""
    st.session_state[SHOWN_AROUND] = around()


def by_controls() -> tuple[object, ...]:
    """Return all values that the page shows outside of `show_moves`."""
    fields = tuple(state.value(field) for field in FIELDS if field not in MOVES)
    return *fields, *around()


def around() -> tuple[object, ...]:
    """Return all values that the page shows outside of this fragment."""
    fields = tuple(state.value(field) for field in AROUND)
    view = VIEWS[str(state.value("view"))]
    more = picture_chooser.is_needed(view), state.shows_own_picture(), tour_steps.is_own()
    return *fields, *more, mode.controls_are_open(), reloads.token(), *state.link_problems()
