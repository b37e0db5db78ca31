"""Networks that viewers upload, where the host allows it; kept in their sessions only."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import streamlit as st

from vgg_viz.model.networks import NetworkChoice, free_name, name_of
from vgg_viz.ui import state
from vgg_viz.ui.state import mode
from vgg_viz.ui.state.shared_instance import DROPPED, found, own_names, shared
from vgg_viz.ui.widgets import uploads
from vgg_viz.ui.widgets.text_blocks import escape

if TYPE_CHECKING:
    from vgg_viz.model.class_names import ClassNames
    from vgg_viz.model.own_networks.own_network import OwnNetwork

VARIABLE = "VGG_VIZ_NETWORK_UPLOADS"
MOST_DROPPED = 2  # of a viewer
NETWORK_BYTES = 170 * 10**6  # of a network that is in use, beside its file
UPLOADER, PROBLEM = "network-upload", "dropped-problem"
CLASS_LISTS = "dropped-class-lists"  # what the viewer gave as classes' names, by network


def show() -> None:
    """Show the upload of a network, where the host allows it, and buttons that remove them."""
    if not are_allowed() or mode.is_explained():
        return
    with st.expander("Add a network of yours", key="drop-network"):
        # Of any type: a file of another kind is named by its content, with what to do.
        widget = uploads.key(UPLOADER)
        st.file_uploader(
            f"A VGG19 that Keras has saved, up to {uploads.most_megabytes()} MB",
            max_upload_size=uploads.most_megabytes(),
            key=widget,
            on_change=accept,
            args=(widget,),
        )
        uploads.warn("network")
        st.caption("Other viewers cannot see it. It is removed when you reload or leave the page.")
        offer_class_names(str(state.value("network")))
        for name in st.session_state.get(DROPPED, ()):
            st.button(
                f"Remove {escape(name)}",
                key=f"remove-network-{name}",
                icon=":material/delete:",
                on_click=remove,
                args=(name,),
            )
    uploads.show_problem(PROBLEM)


def are_allowed() -> bool:
    """Return whether the host allows viewers to upload networks."""
    return os.environ.get(VARIABLE, "").strip().casefold() in ("on", "1", "true", "yes")


def offer_class_names(name: NetworkChoice) -> None:
    """Show a field for the names of a dropped network's classes, if its head is known."""
    own = found(name)
    if name not in st.session_state.get(DROPPED, ()) or own is None or not own.head.classes:
        return
    key = f"class-names-{name}"
    st.text_area(
        f"Names of the {own.head.classes:,} classes of {escape(name)}, one a line",
        st.session_state.get(CLASS_LISTS, {}).get(name, ""),
        key=key,
        on_change=take_class_names,
        args=(name, key),
    )
    for problem in class_names(own).attempts:
        st.error(escape(problem))


def take_class_names(name: NetworkChoice, key: str) -> None:
    """Keep the names of a dropped network's classes (widget callback)."""
    st.session_state.setdefault(CLASS_LISTS, {})[name] = st.session_state.get(key) or ""


def class_names(own: OwnNetwork) -> ClassNames:
    """Return the names that the viewer gave for a dropped network's classes, or their numbers."""
    from vgg_viz.model.class_names import MAX_BYTES, ClassNames, from_text

    text, count = st.session_state.get(CLASS_LISTS, {}).get(own.name, ""), own.head.classes
    if not text.strip() or len(text) > MAX_BYTES:
        return ClassNames(count=count)
    try:
        return from_text(text.encode(), count)
    except ValueError as error:
        reason = str(error)
        return ClassNames(count=count, attempts=(f"{reason[:1].upper()}{reason[1:]}.",))


def accept(widget: str) -> None:
    """Keep the network just uploaded, or remember why it cannot be kept (widget callback)."""
    from vgg_viz.serving.loading import own_loader

    file = st.session_state.get(widget)
    if file is None:
        return
    content, problem = file.getvalue(), ""
    uploads.free(UPLOADER, [file])
    shared().make_room()
    if content == uploads.NO_ROOM or len(content) > uploads.most_megabytes() * 2**20:
        problem = f"Expected a file of at most {uploads.most_megabytes()} MB. A copy without its "
        problem += "optimizer, keras.Model(model.inputs, model.outputs), is smaller."
    elif not shared().memory.has_room(len(content) + NETWORK_BYTES):
        problem = "This server has no memory for another network now. Try again later."
    else:
        dropped = st.session_state.setdefault(DROPPED, {})
        for oldest in list(dropped)[: 1 - MOST_DROPPED]:
            forget(oldest)
        name = free_name(name_of(file.name), own_names())
        dropped[name] = own_loader(content, name)
        state.change({"network": name})
    st.session_state[PROBLEM] = problem


def remove(name: NetworkChoice) -> None:
    """Remove a dropped network, and show ImageNet's where it was shown (widget callback)."""
    forget(name)
    replacements = {"network": "imagenet", "other_network": None}
    state.change({key: one for key, one in replacements.items() if state.value(key) == name})


def forget(name: NetworkChoice) -> None:
    """Let go of a dropped network and of its classes' names."""
    for key in (DROPPED, CLASS_LISTS):
        st.session_state.get(key, {}).pop(name, None)
