"""Dense layers of the chosen network, and names of the classes: loading, progress and notices.

The server downloads missing files once for all viewers, even after a viewer has left.
"""

from dataclasses import replace
from pathlib import Path

import streamlit as st

from vgg_viz.downloads.keras_files import DownloadOffer
from vgg_viz.model.class_names import NUMBERED, ClassNames, own_names
from vgg_viz.model.dense_layers import NoDenseLayers
from vgg_viz.model.own_networks.own_network import OwnNetwork
from vgg_viz.model.weights import Weights, WeightsError, offer_full
from vgg_viz.serving.background_files import AnyHead, FullFileMissing
from vgg_viz.serving.locks import done_soon, no_pause, wait_until
from vgg_viz.ui import state
from vgg_viz.ui.state import mode
from vgg_viz.ui.state.shared_instance import shared
from vgg_viz.ui.widgets import dropped_networks
from vgg_viz.ui.widgets.chosen_network import wait_for
from vgg_viz.ui.widgets.text_blocks import escape
from vgg_viz.ui.widgets.weights_notice import show_attempts

POLLING_SECONDS = 0.5
MAX_WAITS = 2  # of 0.2 s each for the class names, which also arrive later by themselves


def names_of(weights: Weights | None) -> ClassNames:
    """Return the names of a network's classes."""
    if not isinstance(weights, OwnNetwork):
        return load_names()
    if isinstance(weights.source, Path):
        return own_names(weights.source, weights.head.classes)
    return replace(dropped_networks.class_names(weights), attempts=())  # they are in the sidebar


def load_names() -> ClassNames:
    """Return the names of ImageNet's 1,000 classes, or their numbers while there are none.

    While the names load, a fragment in the sidebar waits for them and then reruns the page.
    """
    future = shared().dense.names()
    waits = iter(range(MAX_WAITS))
    wait_until(lambda: done_soon(future) or next(waits, None) is None, no_pause)
    if not future.done():
        with st.sidebar:
            watch_names()
        return NUMBERED
    return future.result()


def show_missing_names(names: ClassNames) -> None:
    """Show why the class names could not be loaded, with a retry button; nothing if they were."""
    if not names.attempts or mode.in_lecture():
        return
    with st.expander("Could not load the class names; classes are shown by number"):
        show_attempts(names.attempts)
        retry_button("retry-names")


@st.fragment(run_every=POLLING_SECONDS)
def watch_names() -> None:
    """Poll the loading of the class names, and rerun the page once they are there (fragment)."""
    if shared().dense.names().done():
        st.rerun()


def load_dense(weights: Weights) -> AnyHead | None:
    """Load the head of a network; None, after a notice, if it is missing, damaged or unknown."""
    if isinstance(weights, OwnNetwork) and weights.head.obstacle:
        st.info(
            f"**The page cannot follow {escape(weights.head.obstacle)}**, so it cannot show what "
            f"{escape(weights.label)} predicts. All other views show this network.",
            icon=":material/account_tree:",
        )
        return None
    future = shared().dense.weights_for(weights)
    wait_for(future, lambda: ("Looking for the dense layers…", None), st.container())
    error = future.exception()
    if error is None:
        return future.result()
    if isinstance(error, FullFileMissing):
        offer_download()
    elif isinstance(error, NoDenseLayers):
        st.info(
            f"**The {escape(weights.label)} end with the convolutions**: they have no dense layers "
            "that predict classes. All other views show this network. To see predictions, save "
            "the whole model with its head.",
            icon=":material/account_tree:",
        )
    elif isinstance(error, WeightsError):
        with st.container(border=True, key="dense-notice"):
            st.text(f"Could not use this network's dense layers: {error}.")
            if not mode.in_lecture():
                retry_button("retry-dense")
    else:
        raise error
    return None


def retry_button(key: str) -> None:
    """Show a button that loads the class names and the dense layers again."""
    st.button("Retry", icon=":material/refresh:", key=key, on_click=shared().dense.retry)


def offer_download() -> None:
    """Show that the weights file with the dense layers is missing, and offer to download it."""
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
        show_attempts(loader.failure())
        show_choices(offer)


def show_choices(offer: DownloadOffer) -> None:
    """Show a button that downloads the dense layers, and one that chooses the untrained network."""
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
    """Show the progress of the dense layers' download; rerun the page when it ends (fragment)."""
    progress = shared().dense.progress()
    if progress is None:
        st.rerun()
    received, expected = progress
    size = f"{received / 1e6:.0f}" + (f" of {expected / 1e6:.0f}" if expected else "")
    text = f"Downloading the dense layers, once for all viewers: {size} MB"
    st.progress(min(1.0, received / expected) if expected else 0.0, text)
