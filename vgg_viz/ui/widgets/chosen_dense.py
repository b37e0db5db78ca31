"""The dense layers of the chosen network, and the classes' names: looked for, or what is missing.

What takes a while is the server's and goes on whoever looks; the page shows how far it is.
"""

import streamlit as st

from vgg_viz.model.class_names import NUMBERED, ClassNames
from vgg_viz.model.dense_layers import DenseWeights
from vgg_viz.model.weights import Weights, WeightsError, offer_full
from vgg_viz.serving.background_files import FullFileMissing
from vgg_viz.serving.locks import finished, keep_waiting, wait_until
from vgg_viz.ui import state
from vgg_viz.ui.state import mode
from vgg_viz.ui.state.shared_instance import shared

POLLING_SECONDS = 0.5
PATIENCE = 2  # slices of 0.2 s that a run waits for names, which come by themselves later


def load_names() -> ClassNames:
    """The names of the classes; only numbers while they are on their way, or not to be had."""
    future = shared().dense.names()
    slices = iter(range(PATIENCE))
    wait_until(lambda: finished(future) or next(slices, None) is None, keep_waiting)
    if not future.done():
        with st.sidebar:
            watch_names()
        return NUMBERED
    return future.result()


def show_missing_names(names: ClassNames) -> None:
    """Say that classes have numbers only, and why, where that is so."""
    if not names.attempts or mode.in_lecture():
        return
    with st.expander("The classes are told by number: their names could not be had"):
        for attempt in names.attempts:
            # As text: addresses must not be read as Markdown.
            st.text(attempt)
        st.button(
            "Retry", icon=":material/refresh:", key="retry-names", on_click=shared().dense.retry
        )


@st.fragment(run_every=POLLING_SECONDS)
def watch_names() -> None:
    """Begin a new run when the names are there."""
    if shared().dense.names().done():
        st.rerun()


def load_dense(weights: Weights) -> DenseWeights | None:
    """The dense layers that belong to these convolutions; None, and the page says why, if none."""
    loader, slot = shared().dense, st.empty()
    future = loader.weights_for(weights)

    def say_so() -> None:
        slot.status("Looking for the dense layers…", state="running")

    wait_until(lambda: finished(future), say_so)
    slot.empty()
    error = future.exception()
    if error is None:
        return future.result()
    if isinstance(error, FullFileMissing):
        offer()
    elif isinstance(error, WeightsError):
        tell(f"This network's dense layers cannot be used: {error}.")
    else:
        raise error
    return None


def offer() -> None:
    """Say that the full file is not here, what it is, and offer to fetch it for all viewers."""
    loader = shared().dense
    with st.container(border=True, key="dense-offer"):
        st.markdown(
            ":material/database: **The three dense layers are not on this server.** All other "
            "views need the convolutions alone."
        )
        if loader.progress() is not None:
            watch_download()
            return
        if mode.in_lecture():
            return
        offered = offer_full()
        st.text(offered.description)
        for sentence in loader.failure():
            # As text: addresses must not be read as Markdown.
            st.text(sentence)
        with st.container(horizontal=True):
            size = f"{offered.file.size / 1e6:.0f} MB"
            st.button(
                f"Fetch the file ({size})",
                key="fetch-dense",
                icon=":material/download:",
                disabled=not offered.fits,
                on_click=loader.fetch,
            )
            st.button(
                "Look at the untrained network",
                key="dense-untrained",
                on_click=state.change,
                args=({"network": "untrained"},),
            )


@st.fragment(run_every=POLLING_SECONDS)
def watch_download() -> None:
    """Show how far the one download for all is; begin a new run when it has come to its end."""
    progress = shared().dense.progress()
    if progress is None:
        st.rerun()
    received, expected = progress
    size = f"{received / 1e6:.0f}" + (f" of {expected / 1e6:.0f}" if expected else "")
    words = f"Downloading the dense layers for all who look: {size} MB"
    st.progress(min(1.0, received / expected) if expected else 0.0, words)


def tell(sentence: str) -> None:
    """Say what is wrong with the dense layers, and offer to look again."""
    with st.container(border=True, key="dense-notice"):
        st.text(sentence)
        if not mode.in_lecture():
            st.button(
                "Retry", icon=":material/refresh:", key="retry-dense", on_click=shared().dense.retry
            )
