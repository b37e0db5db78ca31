"""Networks that viewers upload, where the host allows it; kept in their sessions only."""

import os

import streamlit as st

from vgg_viz.model.networks import ENDINGS, NetworkChoice, free_name, name_of
from vgg_viz.ui import state
from vgg_viz.ui.state import mode
from vgg_viz.ui.state.shared_instance import DROPPED, own_names, shared
from vgg_viz.ui.widgets import uploads
from vgg_viz.ui.widgets.text_blocks import escape

VARIABLE = "VGG_VIZ_NETWORK_UPLOADS"
MOST_DROPPED = 2  # of a viewer
NETWORK_BYTES = 170 * 10**6  # of a network that is in use, beside its file
COUNT, PROBLEM = "dropped-count", "dropped-problem"


def most_megabytes() -> int:
    """Return the largest size of a file: Streamlit has one limit for all uploads."""
    return min(uploads.MEGABYTES_TOGETHER, int(st.get_option("server.maxUploadSize")))


def show() -> None:
    """Show the upload of a network, where the host allows it, and buttons that remove them."""
    if os.environ.get(VARIABLE, "").strip().casefold() not in ("on", "1", "true", "yes"):
        return
    if mode.is_explained():
        return
    with st.expander("Add a network of yours", key="drop-network"):
        widget = f"network-upload-{st.session_state.get(COUNT, 0)}"
        st.file_uploader(
            f"A VGG19 that Keras has saved, up to {most_megabytes()} MB",
            type=list(ENDINGS),
            max_upload_size=most_megabytes(),
            key=widget,
            on_change=accept,
            args=(widget,),
        )
        uploads.warn("network")
        st.caption("Other viewers cannot see it. It is removed when you reload or leave the page.")
        for name in st.session_state.get(DROPPED, ()):
            st.button(
                f"Remove {escape(name)}",
                key=f"remove-network-{name}",
                icon=":material/delete:",
                on_click=remove,
                args=(name,),
            )
    if problem := st.session_state.get(PROBLEM):
        st.error(escape(problem), icon=":material/broken_image:")


def accept(widget: str) -> None:
    """Keep the network just uploaded, or remember why it cannot be kept (widget callback)."""
    from vgg_viz.serving.loading import own_loader

    file = st.session_state.get(widget)
    if file is None:
        return
    content, problem = file.getvalue(), ""
    uploads.free([file])
    # The next upload gets a new widget, so that Streamlit frees this one's file.
    st.session_state[COUNT] = st.session_state.get(COUNT, 0) + 1
    shared().make_room()
    if content == uploads.NO_ROOM or len(content) > most_megabytes() * 2**20:
        problem = f"Expected a file of at most {most_megabytes()} MB. A copy that is not compiled, "
        problem += "keras.Model(model.inputs, model.outputs), is smaller: it has no optimizer."
    elif not shared().memory.has_room(len(content) + NETWORK_BYTES):
        problem = "This server has no memory for another network now. Try again later."
    else:
        dropped = st.session_state.setdefault(DROPPED, {})
        for oldest in list(dropped)[: 1 - MOST_DROPPED]:
            del dropped[oldest]
        name = free_name(name_of(file.name), dict.fromkeys(own_names()))
        dropped[name] = own_loader(content, name)
        state.change({"network": name})
    st.session_state[PROBLEM] = problem


def remove(name: NetworkChoice) -> None:
    """Remove a dropped network, and show ImageNet's where it was shown (widget callback)."""
    st.session_state.get(DROPPED, {}).pop(name, None)
    replacements = {"network": "imagenet", "other_network": None}
    state.change({key: one for key, one in replacements.items() if state.value(key) == name})
