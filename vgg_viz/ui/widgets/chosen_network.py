"""Loading of the chosen network, its progress, and notices if other weights take its place."""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from typing import TypeVar

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from vgg_viz.downloads.fetching import FileUnavailable
from vgg_viz.model.network import Network
from vgg_viz.model.networks import NETWORKS, NetworkChoice
from vgg_viz.model.own_networks.own_network import OwnNetwork
from vgg_viz.model.preprocessing import PREPROCESSINGS, Preprocessing
from vgg_viz.model.weights import (
    IMAGENET_LABEL,
    NOTOP,
    Weights,
    WeightsError,
)
from vgg_viz.serving.loading import Loader
from vgg_viz.serving.locks import done_soon, wait_until
from vgg_viz.ui import state
from vgg_viz.ui.state import mode
from vgg_viz.ui.state.page_run import give_way
from vgg_viz.ui.state.shared_instance import loader_of, shared
from vgg_viz.ui.widgets import controls
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
    wait_for(future, loader, notice)
    if shared().trained_name() != name or not controls.are_current(choice, loader.found()):
        st.rerun()  # for the sidebar, which shows the network's name and properties
    error = future.exception()
    if choice not in NETWORKS and isinstance(error, WeightsError):
        show_refused(notice, choice, str(error), loader)
        st.stop()
    if error is None:
        show_skipped(notice, getattr(loader.found(), "skipped", ()))
        return future.result()
    if choice == "untrained" or not isinstance(error, FileUnavailable | WeightsError):
        raise error
    # WeightsError: a file that passed its check may be damaged when it is read.
    attempts = error.attempts if isinstance(error, FileUnavailable) else [str(error)]
    show_unavailable(notice, attempts, loader)
    return _load("untrained", start, notice)


def wait_for(future: Future[Loaded], loader: Loader, place: DeltaGenerator) -> None:
    """Wait until a network or its weights are loaded, showing the progress in ``place``."""
    shown: list[DeltaGenerator] = []

    def show_stage() -> None:
        if not shown:
            shown.append(place.empty())
        slot, (text, share) = shown[0], loader.stage()
        if share is None:
            slot.status(text, state="running")
        else:
            slot.progress(share, text)
        give_way()

    wait_until(lambda: done_soon(future), show_stage)
    for slot in shown:
        slot.empty()


def show_unknown(notice: DeltaGenerator, choice: NetworkChoice) -> None:
    """Show that the page has no network of this name."""
    with notice:
        st.warning(
            f"**There is no network named {escape(choice)} here.** A link does not hold the "
            "network itself. Choose another network in the sidebar.",
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
        if not mode.in_lecture():
            st.button(
                "Read it again", icon=":material/refresh:", key="retry-own", on_click=loader.retry
            )


def show_unavailable(notice: DeltaGenerator, attempts: Sequence[str], loader: Loader) -> None:
    """Show one line saying that the ImageNet weights are unavailable, which unfolds to why."""
    with one_line(
        notice,
        "weights-notice",
        "cloud_off",
        "**Could not get the ImageNet weights.** The page shows an **untrained** VGG19 instead.",
    ):
        if mode.in_lecture():
            return  # no room for details, which only help the host
        show_attempts(attempts)
        st.markdown(
            f"**To add the file by hand:** {NOTOP.manual_instructions(os.environ)} Then press "
            "**Retry**. Download it from:"
        )
        for address in NOTOP.addresses({}):
            st.markdown(address)
        st.button("Retry", icon=":material/refresh:", key="retry", on_click=loader.retry)


def show_skipped(notice: DeltaGenerator, sentences: Sequence[str]) -> None:
    """Show one line saying that the host's weights file was not used, which unfolds to why."""
    if not sentences:
        return
    with one_line(
        notice,
        "skipped-notice",
        "rule",
        "**Could not use this server's weights file.** The page shows the "
        f"**{IMAGENET_LABEL}** weights instead.",
    ):
        if not mode.in_lecture():
            show_attempts(sentences)


@contextmanager
def one_line(notice: DeltaGenerator, key: str, icon: str, sentence: str) -> Iterator[None]:
    """Show a sentence in one line, and below it, once unfolded, what the body shows.

    A lecture shows the sentence alone.
    """
    with notice.container(key=key):
        if mode.in_lecture():
            st.markdown(f":material/{icon}: {sentence}")
            yield
            return
        with st.expander(sentence, icon=f":material/{icon}:"):
            yield


def show_attempts(attempts: Sequence[str]) -> None:
    """Show the error of each failed attempt to get the weights."""
    for attempt in attempts:
        # As plain text: addresses and paths may contain Markdown characters.
        st.text(attempt)
