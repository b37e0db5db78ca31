"""The page's header: its title, buttons for the entire page, and the choice of a view."""

import streamlit as st

from vgg_viz.fields import FIELDS
from vgg_viz.image_io.limits import MAX_MEGABYTES
from vgg_viz.ui import state
from vgg_viz.ui.page import keys, tour_panel
from vgg_viz.ui.state import mode, reloads, tour_steps
from vgg_viz.ui.widgets import components, controls, stored_pictures
from vgg_viz.ui.widgets.key_list import shortcut
from vgg_viz.ui.widgets.text_blocks import escape
from vgg_viz.views import VIEWS, View

MAX_PROBLEMS = 3  # of a link, shown one by one


def sync() -> None:
    """Sync the page's state with the URL, at the start of every script run."""
    reloads.touch()
    if state.sync():
        tour_steps.sync()


def chosen_view() -> View:
    """Return the chosen view."""
    return VIEWS[state.choice("view", VIEWS)]


def show() -> None:
    """Show the header."""
    with st.container(
        horizontal=True,
        horizontal_alignment="distribute",
        vertical_alignment="center",
        key="page-header",
    ):
        st.markdown("# VGG Viz: look inside VGG19", width="content")
        # In a lecture's tour, the tools stand in the tour's panel, where they cover nothing.
        if not (mode.in_lecture() and mode.on_tour()):
            tools()
    components.mount("dropping", "dropping", components.pack({"megabytes": MAX_MEGABYTES}))
    token = components.pack({"token": reloads.token(), "answered": reloads.has_answered()})
    components.mount("tab", reloads.COMPONENT, token, restore_uploads)
    controls.one_of("View", "view", VIEWS, label_visibility="collapsed")
    if not mode.in_lecture() or mode.controls_are_open():
        show_problems()


def restore_uploads() -> None:
    """Take over what the viewer uploaded before a reload of the tab (widget callback)."""
    lacked_tour = tour_steps.lacks_own()
    reloads.restore()
    if lacked_tour:
        tour_steps.sync()
    if state.last_own() is None and (stored := stored_pictures.stored()):
        state.change({"own": max(stored)})


def tools() -> None:
    """Show the buttons for the entire page: tour, lecture mode, copy link and keys."""
    with st.container(horizontal=True, width="content", key="page-tools"):
        tour_panel.switch()
        lecture_buttons()
        address()
        keys.button()


def lecture_buttons() -> None:
    """Show buttons that turn lecture mode on or off, and there open or close the controls."""
    on, words = mode.in_lecture(), tour_panel.button_words()
    if on:
        st.button(
            words.close_controls if mode.controls_are_open() else words.controls,
            key="lecture-menu",
            icon=":material/tune:",
            shortcut=shortcut("lecture-menu"),
            on_click=mode.toggle_controls,
        )
    label, icon = (
        (words.leave_lecture, "close_fullscreen") if on else ("Lecture mode", "present_to_all")
    )
    st.button(
        label,
        key="lecture-switch",
        icon=f":material/{icon}:",
        shortcut=shortcut("lecture-switch"),
        on_click=mode.toggle_lecture,
    )


def address() -> None:
    """Show the button that copies a link to the page."""
    own_picture = state.shows_own_picture()
    missing = ["your own picture"] * own_picture + ["your own tour"] * tour_steps.is_own()
    header = {
        "missing": " or ".join(missing),
        "address": state.link(),
        "beside": state.beside_address(),
        "fields": list(FIELDS),
    }
    # A click runs the page again, so that a restarted server learns the page's state.
    components.mount("address", "copy-link", components.pack(header), components.rerun)


def show_problems() -> None:
    """Show a warning that names the parts of the opened link that could not be read."""
    problems = state.link_problems()
    if problems:
        sentences = [escape(problem) for problem in problems[:MAX_PROBLEMS]]
        more = len(problems) - len(sentences)
        text = " · ".join([*sentences, f"and {more} more"] if more else sentences)
        st.warning(f"Could not read all of this link: {text}.", icon=":material/link_off:")
