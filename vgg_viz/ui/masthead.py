"""The top of the page: its name, what concerns the whole page, and the choice of the view."""

import streamlit as st

from vgg_viz.links import FIELDS, VIEWS
from vgg_viz.ui import address, components, lecture, touring


def show() -> str:
    """Show the top of the page; return the chosen view."""
    touring.arrive()
    with st.container(
        horizontal=True,
        horizontal_alignment="distribute",
        vertical_alignment="center",
        key="masthead",
    ):
        st.title("VGG Viz: look inside VGG19", width="content")
        with st.container(horizontal=True, width="content", key="page-tools"):
            touring.switch()
            lecture.switch()
            copy_link()
    view = st.segmented_control(
        "View",
        list(VIEWS),
        default="architecture",
        format_func=VIEWS.get,
        required=True,
        key="view",
        bind="query-params",
        label_visibility="collapsed",
    )
    # Streamlit takes "?view=" for a choice of nothing, required or not.
    return view or FIELDS["view"].default


def copy_link() -> None:
    """Show the button that copies the address, and says what it does not carry."""
    own_picture = address.shows_own_picture()
    missing = ["your own picture"] * own_picture + ["your own tour"] * touring.is_own()
    components.mount("link", "copy-link", components.pack({"missing": " or ".join(missing)}))
