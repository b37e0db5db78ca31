"""Menu of the tour's panel: the other tours, the steps of this one, and a file to open."""

from itertools import groupby

import streamlit as st
from streamlit.runtime.uploaded_file_manager import DeletedFile

from vgg_viz.languages import is_leftward, words_in
from vgg_viz.tour_list import offered
from vgg_viz.tours import Tour, TourError, parse
from vgg_viz.ui.state import tour_steps
from vgg_viz.ui.widgets import uploads
from vgg_viz.ui.widgets.text_blocks import escape

MENU, FILE, PROBLEM = "tour-other", "tour-file", "tour-problem"


def show(tour: Tour, index: int) -> None:
    """Show a menu in which the viewer goes to another step or tour, and the last file's error."""
    words = words_in(tour.language)
    with st.popover(words.menu, width="stretch", key=MENU, on_change="rerun") as menu:
        if not menu.open:
            return
        with st.container(key="tour-menu", gap=None):
            show_tours(tour)
            show_steps(tour, index)
            st.file_uploader(
                words.file,
                type=["toml"],
                max_upload_size=1,
                key=FILE,
                on_change=open_file,
                help="To write a tour, see docs/tours.md in the project.",
            )
        uploads.warn("tour")
        if PROBLEM in st.session_state:
            st.error(escape(st.session_state[PROBLEM]), icon=":material/error:")


def show_tours(current: Tour) -> None:
    """Show a button for each other tour, with its title in its own language."""
    others = {name: tour for name, tour in offered().items() if tour is not current}
    st.caption(words_in(current.language).other_tours)
    for name, tour in others.items():
        title = escape(tour.title, runs_left=is_leftward(tour.language))
        key = f"tour-named-{name}"
        st.button(title, key=key, type="tertiary", on_click=begin, args=(name,))


def show_steps(tour: Tour, index: int) -> None:
    """Show a button for each step of a tour, below the chapters' names."""
    leftward = is_leftward(tour.language)
    numbered = enumerate(tour.steps)
    for chapter, steps in groupby(numbered, key=lambda step: step[1].chapter):
        st.caption(escape(chapter, runs_left=leftward) or words_in(tour.language).steps)
        for number, step in steps:
            title = escape(step.title, runs_left=leftward)
            st.button(
                f"{number + 1} · {title}",
                key=f"tour-step-{number + 1}",
                type="tertiary",
                disabled=number == index,
                on_click=go,
                args=(number,),
            )


def begin(name: str) -> None:
    """Start a tour that the page offers, and close the menu (widget callback)."""
    st.session_state[MENU] = False
    tour_steps.begin_named(name)


def go(index: int) -> None:
    """Go to a step of the current tour, and close the menu (widget callback)."""
    st.session_state[MENU] = False
    tour_steps.go(index)


def open_file() -> None:
    """Start the uploaded tour, or keep the error in its file to show (widget callback)."""
    file = st.session_state.get(FILE)
    if isinstance(file, DeletedFile):
        return  # read before the connection was lost
    st.session_state.pop(PROBLEM, None)
    if file is None:
        return
    try:
        tour_steps.begin(parse(file.getvalue()))
    except TourError as error:
        st.session_state[PROBLEM] = str(error)
