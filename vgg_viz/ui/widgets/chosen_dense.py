"""Dense layers of the chosen network and class names, with progress and notices if missing.

Downloads belong to the server and go on without any viewer.
"""

import streamlit as st

from vgg_viz.downloads.keras_files import DownloadOffer
from vgg_viz.model.class_names import NUMBERED, ClassNames
from vgg_viz.model.dense_layers import DenseWeights
from vgg_viz.model.weights import Weights, WeightsError, offer_full
from vgg_viz.serving.background_files import FullFileMissing
from vgg_viz.serving.locks import done_soon, no_pause, wait_until
from vgg_viz.ui import state
from vgg_viz.ui.state import mode
from vgg_viz.ui.state.shared_instance import shared

POLLING_SECONDS = 0.5
MAX_WAITS = 2  # of 0.2 s each for the class names, which also arrive later by themselves


def load_names() -> ClassNames:
    """Return the class names; numbers while they are loading, or if they are unavailable."""
    future = shared().dense.names()
    waits = iter(range(MAX_WAITS))
    wait_until(lambda: done_soon(future) or next(waits, None) is None, no_pause)
    if not future.done():
        with st.sidebar:
            watch_names()
        return NUMBERED
    return future.result()


def show_missing_names(names: ClassNames) -> None:
    """Show why classes have only numbers, if so."""
    if not names.attempts or mode.in_lecture():
        return
    with st.expander("Could not load the class names; classes are shown by number"):
        for attempt in names.attempts:
            # As plain text: addresses may contain Markdown characters.
            st.text(attempt)
        st.button(
            "Retry", icon=":material/refresh:", key="retry-names", on_click=shared().dense.retry
        )


@st.fragment(run_every=POLLING_SECONDS)
def watch_names() -> None:
    """Rerun the page once the names have loaded."""
    if shared().dense.names().done():
        st.rerun()


def load_dense(weights: Weights) -> DenseWeights | None:
    """Return the dense layers that belong to these convolutions; None, with a notice, if none."""
    loader, slot = shared().dense, st.empty()
    future = loader.weights_for(weights)

    def show_status() -> None:
        slot.status("Looking for the dense layers…", state="running")

    wait_until(lambda: done_soon(future), show_status)
    slot.empty()
    error = future.exception()
    if error is None:
        return future.result()
    if isinstance(error, FullFileMissing):
        offer_download()
    elif isinstance(error, WeightsError):
        show_notice(f"Could not use this network's dense layers: {error}.")
    else:
        raise error
    return None


def offer_download() -> None:
    """Show that the full weights file is missing, and offer to download it for all viewers."""
    loader = shared().dense
    with st.container(border=True, key="dense-offer"):
        st.markdown(
            ":material/database: **The dense layers are not on this server.** Only *Prediction* "
            "needs them."
        )
        if loader.progress() is not None:
            watch_download()
            return
        if mode.in_lecture():
            return
        offer = offer_full()
        st.text(offer.description)
        for sentence in loader.failure():
            # As plain text: addresses may contain Markdown characters.
            st.text(sentence)
        show_choices(offer)


def show_choices(offer: DownloadOffer) -> None:
    """Show buttons to download the file, or to do without it."""
    with st.container(horizontal=True):
        st.button(
            f"Download the file ({offer.file.size / 1e6:.0f} MB)",
            key="fetch-dense",
            icon=":material/download:",
            disabled=not offer.fits,
            on_click=shared().dense.fetch,
        )
        st.button(
            "Show the untrained network",
            key="dense-untrained",
            on_click=state.change,
            args=({"network": "untrained"},),
        )


@st.fragment(run_every=POLLING_SECONDS)
def watch_download() -> None:
    """Show the progress of the download; rerun the page when it ends."""
    progress = shared().dense.progress()
    if progress is None:
        st.rerun()
    received, expected = progress
    size = f"{received / 1e6:.0f}" + (f" of {expected / 1e6:.0f}" if expected else "")
    text = f"Downloading the dense layers, once for all viewers: {size} MB"
    st.progress(min(1.0, received / expected) if expected else 0.0, text)


def show_notice(sentence: str) -> None:
    """Show what is wrong with the dense layers, and offer to try again."""
    with st.container(border=True, key="dense-notice"):
        st.text(sentence)
        if not mode.in_lecture():
            st.button(
                "Retry", icon=":material/refresh:", key="retry-dense", on_click=shared().dense.retry
            )
