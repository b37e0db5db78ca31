"""The top of the page: its name, what concerns the whole page, and the choice of the view."""

import streamlit as st

from vgg_viz.ui import state
from vgg_viz.ui.page import keys, lecture, tour_panel
from vgg_viz.ui.state import mode, tour_steps
from vgg_viz.ui.widgets import components, controls
from vgg_viz.ui.widgets.text_blocks import escape
from vgg_viz.views import VIEWS

MOST_PROBLEMS = 3  # of a link that are told one by one


def show() -> str:
    """Show the top of the page; return the chosen view."""
    if state.sync():
        tour_steps.sync()
    with st.container(
        horizontal=True,
        horizontal_alignment="distribute",
        vertical_alignment="center",
        key="page-header",
    ):
        st.title("VGG Viz: look inside VGG19", width="content")
        # In a lecture's tour they stand with the step's words, and not over what is looked at.
        if not (mode.in_lecture() and mode.on_tour()):
            tools()
    components.mount("dropping", "dropping", b"")
    with st.container(key="view-choice"):
        view = controls.one_of("View", "view", VIEWS, label_visibility="collapsed")
    show_problems()
    return view


def tools() -> None:
    """Show what concerns the whole page."""
    with st.container(horizontal=True, width="content", key="page-tools"):
        tour_panel.switch()
        lecture.menu()
        lecture.switch()
        address()
        keys.button()


def address() -> None:
    """Show the button that copies the address, and says what it does not carry."""
    own_picture = state.shows_own_picture()
    missing = ["your own picture"] * own_picture + ["your own tour"] * tour_steps.is_own()
    words = {"missing": " or ".join(missing), "address": state.link()}
    components.mount("address", "copy-link", components.pack(words), come_back)


def come_back() -> None:
    """Do nothing: the run alone tells a server that is new to the page what it shows."""


def show_problems() -> None:
    """Say what of the link was not understood."""
    problems = state.link_problems()
    if problems:
        told = [escape(problem) for problem in problems[:MOST_PROBLEMS]]
        more = len(problems) - len(told)
        words = " · ".join([*told, f"and {more} more"] if more else told)
        st.warning(f"Not all of this link was understood: {words}.", icon=":material/link_off:")
