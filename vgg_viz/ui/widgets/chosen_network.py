"""The chosen network: loaded while the page says how far that is, or another one in its place."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import TypeVar

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from vgg_viz.downloads.keras_files import NOTOP
from vgg_viz.model.network import Network
from vgg_viz.model.networks import NetworkChoice
from vgg_viz.model.weights import (
    IMAGENET_LABEL,
    Weights,
    WeightsError,
    WeightsUnavailable,
)
from vgg_viz.serving.loading import Loader
from vgg_viz.serving.locks import finished, wait_until
from vgg_viz.ui.state import mode
from vgg_viz.ui.state.shared_instance import shared

Loaded = TypeVar("Loaded")


def load_weights(choice: NetworkChoice, notice: DeltaGenerator) -> Weights:
    """The chosen network's weights, or the untrained ones, with a notice, if it has none."""
    return _load(choice, Loader.weights, notice)


def load_network(choice: NetworkChoice, notice: DeltaGenerator) -> Network:
    """The chosen network, or the untrained one, with a notice, if it has no weights.

    ``notice`` is the container for a message that stays.
    """
    return _load(choice, Loader.network, notice)


def _load(
    choice: NetworkChoice, wanted: Callable[[Loader], Future[Loaded]], notice: DeltaGenerator
) -> Loaded:
    name, loader = shared().trained_name(), shared().loaders[choice]
    future = wanted(loader)
    wait_for(future, loader, st.empty())
    if shared().trained_name() != name:
        st.rerun()  # for the switch in the sidebar, which shows what is in use
    error = future.exception()
    if error is None:
        tell_what_was_passed_over(notice, getattr(loader.found(), "skipped", ()))
        return future.result()
    if choice == "untrained" or not isinstance(error, WeightsUnavailable | WeightsError):
        raise error
    # A file that was sound a moment ago may be damaged when it is read.
    attempts = error.attempts if isinstance(error, WeightsUnavailable) else [str(error)]
    explain(notice, attempts, loader)
    return _load("untrained", wanted, notice)


def wait_for(future: Future[Loaded], loader: Loader, slot: DeltaGenerator) -> None:
    """Show how far the loading is, in that slot, until the future is done, well or not."""
    shown = []

    def show_stage() -> None:
        shown.append(True)
        text, share = loader.stage()
        if share is None:
            slot.status(text, state="running")
        else:
            slot.progress(share, text)

    wait_until(lambda: finished(future), show_stage)
    if shown:
        slot.empty()


def explain(notice: DeltaGenerator, attempts: Sequence[str], failed: Loader) -> None:
    """Say that the weights are not to be had, what was tried, and offer to try again."""
    with notice.container(border=True, key="weights-notice"):
        st.markdown(
            ":material/cloud_off: **ImageNet's weights could not be had.** The page works on with "
            "an **untrained** VGG19, whose filters are random numbers; every caption says so."
        )
        if mode.in_lecture():
            return  # no room for what only who runs the server can mend
        with st.expander("What was tried"):
            show_attempts(attempts)
        with st.expander("How to bring the file by hand"):
            st.markdown(
                NOTOP.manual_instructions(os.environ)
                + " Then press **Retry**. It is to be had from:"
            )
            for address in NOTOP.addresses({}):
                st.markdown(address)
        st.button("Retry", icon=":material/refresh:", key="retry", on_click=failed.retry)


def tell_what_was_passed_over(notice: DeltaGenerator, sentences: Sequence[str]) -> None:
    """Say which file the host has named that is not what is shown, and why not, if there is one."""
    if not sentences:
        return
    with notice.container(border=True, key="passed-over-notice"):
        st.markdown(
            ":material/rule: **The weights that this server was to show could not be used.** The "
            f"page shows those of **{IMAGENET_LABEL}** in their place."
        )
        if not mode.in_lecture():
            show_attempts(sentences)


def show_attempts(attempts: Sequence[str]) -> None:
    """Show these sentences, and the program that may follow one."""
    for attempt in attempts:
        words, _, program = attempt.partition("\n\n")
        # As text: addresses and paths must not be read as Markdown.
        st.text(words)
        if program:
            st.code(program, language="python")
