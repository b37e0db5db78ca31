"""Loading of the chosen network, its progress, and notices if there is none."""

from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from vgg_viz.downloads.fetching import FileUnavailable
from vgg_viz.model.network import Network
from vgg_viz.model.networks import NETWORKS, NetworkChoice
from vgg_viz.model.own_networks.own_network import OwnNetwork
from vgg_viz.model.preprocessing import PREPROCESSINGS, Preprocessing
from vgg_viz.model.weights import Weights, WeightsError
from vgg_viz.serving.loading import Loader
from vgg_viz.serving.locks import done_soon, wait_until
from vgg_viz.ui import state
from vgg_viz.ui.state import mode
from vgg_viz.ui.state.page_run import give_way
from vgg_viz.ui.state.shared_instance import DROPPED, loader_of, shared
from vgg_viz.ui.widgets import controls, dropped_networks, weights_notice
from vgg_viz.ui.widgets.text_blocks import escape

Loaded = TypeVar("Loaded")


def load_weights(choice: NetworkChoice, notice: DeltaGenerator) -> Weights:
    """Return the chosen network's weights, or untrained ones after a notice if unavailable.

    An own network is never replaced: if there is none, a notice ends the view.
    """
    return _load(choice, Loader.weights, notice)


def load_network(choice: NetworkChoice, notice: DeltaGenerator) -> Network:
    """Return the chosen network; see `load_weights`."""
    network = _load(choice, Loader.network, notice)
    own = network.weights
    return network.preprocessed(preprocessing_of(own)) if isinstance(own, OwnNetwork) else network


def preprocessing_of(weights: Weights) -> Preprocessing:
    """Return a network's preprocessing: as its file records it, else as the viewer has chosen."""
    if not isinstance(weights, OwnNetwork):
        return "caffe"
    return weights.preprocessing or state.choice("preprocessing", PREPROCESSINGS)


def _load(
    choice: NetworkChoice, start: Callable[[Loader], Future[Loaded]], notice: DeltaGenerator
) -> Loaded:
    loader = loader_of(choice)
    if loader is None:
        show_unknown(notice, choice)
        st.stop()
    if choice not in NETWORKS:
        shared().use(loader)
    name = shared().trained_name()
    future = start(loader)
    wait_for(future, loader.stage, notice)
    if shared().trained_name() != name or not controls.are_current(choice, loader.found()):
        st.rerun()  # for the sidebar, which shows the network's name and properties
    error = future.exception()
    if choice not in NETWORKS and isinstance(error, WeightsError):
        show_refused(notice, choice, str(error), loader)
        st.stop()
    if error is None:
        weights_notice.show_skipped(notice, getattr(loader.found(), "skipped", ()))
        return future.result()
    if choice == "untrained" or not isinstance(error, FileUnavailable | WeightsError):
        raise error
    # WeightsError: a file that passed its check may be damaged when it is read.
    attempts = error.attempts if isinstance(error, FileUnavailable) else [str(error)]
    weights_notice.show_unavailable(notice, attempts, loader.retry)
    return _load("untrained", start, notice)


def wait_for(
    future: Future[Loaded], stage: Callable[[], tuple[str, float | None]], place: DeltaGenerator
) -> None:
    """Wait until something is loaded, showing its progress in ``place``: a text, and a share."""
    slot: DeltaGenerator | None = None

    def show_stage() -> None:
        nonlocal slot
        slot, (text, share) = slot or place.empty(), stage()
        if share is None:
            slot.status(text, state="running")
        else:
            slot.progress(share, text)
        give_way()

    wait_until(lambda: done_soon(future), show_stage)
    if slot:
        slot.empty()


def show_unknown(notice: DeltaGenerator, choice: NetworkChoice) -> None:
    """Show that the page has no network of this name."""
    again = "If it was yours, add its file again, or choose" * dropped_networks.are_allowed()
    with notice:
        st.warning(
            f"**There is no network named {escape(choice)} here.** A link does not hold the "
            f"network itself. {again or 'Choose'} another network in the sidebar.",
            icon=":material/cloud_off:",
        )


def show_refused(
    notice: DeltaGenerator, choice: NetworkChoice, reason: str, loader: Loader
) -> None:
    """Show why an own network's file was refused."""
    with notice.container(border=True, key="refused-notice"):
        st.markdown(
            f":material/rule: **Could not use the network {escape(choice)}.** Nothing is shown in "
            "its place: choose another network in the sidebar."
        )
        st.text(f"{reason[:1].upper()}{reason[1:]}.")
        # An uploaded file does not change.
        if not mode.in_lecture() and choice not in st.session_state.get(DROPPED, ()):
            st.button(
                "Read it again", icon=":material/refresh:", key="retry-own", on_click=loader.retry
            )
