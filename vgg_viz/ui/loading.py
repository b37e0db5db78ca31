"""Networks that load in the background, once for all viewers, while the page stays alive."""

import gc
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from threading import Lock, Thread

import streamlit as st

from vgg_viz import weights
from vgg_viz.network import Network
from vgg_viz.ui.cache import finished, wait_until
from vgg_viz.ui.controls import NetworkChoice
from vgg_viz.weights import Weights

OnProgress = Callable[[int, int | None], None]

MEGABYTE = 1_000_000


class Loader:
    """One network on its way: its weights first, then the Keras model."""

    def __init__(self, source: Callable[[OnProgress], Weights]) -> None:
        """Make a loader that starts when first asked; ``source`` obtains the weights."""
        self._source = source
        self._lock = Lock()
        self._weights: Future[Weights] | None = None
        self._network: Future[Network] | None = None
        self._received: tuple[int, int | None] | None = None

    def weights(self) -> "Future[Weights]":
        """The weights, being fetched from now on if they were not before."""
        with self._lock:
            if self._weights is None:
                self._weights = in_background(partial(self._source, self._note_progress))
            return self._weights

    def network(self) -> "Future[Network]":
        """The network, being built from now on if it was not before; TensorFlow is imported."""
        weights_to_come = self.weights()
        with self._lock:
            if self._network is None:
                self._network = in_background(partial(build, weights_to_come))
            return self._network

    def retry(self) -> None:
        """Forget a failure, so that the next who asks starts anew."""
        with self._lock:
            tried = [future for future in (self._weights, self._network) if future is not None]
            if any(future.done() and future.exception() for future in tried):
                self._weights = self._network = self._received = None

    def stage(self) -> tuple[str, float | None]:
        """What is going on, in words, and how much of it is done (0 to 1, or None: not known)."""
        if self._weights is not None and self._weights.done():
            return "Starting TensorFlow and building the network…", None
        if self._received is None:
            return "Looking for the weights…", None
        received, total = self._received
        size = f"{received / MEGABYTE:.0f}" + (f" of {total / MEGABYTE:.0f}" if total else "")
        share = min(1.0, received / total) if total else None
        return f"Downloading the weights of VGG19: {size} MB", share

    def _note_progress(self, received: int, total: int | None) -> None:
        self._received = received, total


def build(weights_to_come: "Future[Weights]") -> Network:
    """Build the network, importing TensorFlow while the weights are still on their way."""
    # The two take seconds each, and neither needs the other. The import makes a million objects
    # and no garbage: looking for it meanwhile takes a sixth of the time.
    gc.disable()
    try:
        import tensorflow as tf  # noqa: F401
    finally:
        gc.enable()
    network = Network(weights_to_come.result())
    # Streamlit collects all garbage after every script run, and TensorFlow's import leaves a
    # million objects to look through: frozen, they cost nothing (334 ms a run before, 67 after).
    gc.collect()
    gc.freeze()
    return network


def in_background(work: Callable[[], object]) -> Future:
    """Run that in a thread of its own, one that does not keep a stopping server waiting."""
    future: Future = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:
            future.set_exception(error)

    Thread(target=run, daemon=True).start()
    return future


@st.cache_resource(show_spinner=False, max_entries=2)
def loader(choice: NetworkChoice) -> Loader:
    """The one loader of that network."""
    if choice == "untrained":
        return Loader(lambda on_progress: weights.UntrainedWeights())
    return Loader(lambda on_progress: weights.obtain(on_progress=on_progress))


def wait_for(future: Future, source: Loader, slot: "st.delta_generator.DeltaGenerator") -> None:
    """Show how far the loading is, in that slot, until the future is done, well or not."""
    shown = []

    def show_stage() -> None:
        shown.append(True)
        text, share = source.stage()
        if share is None:
            slot.status(text, state="running")
        else:
            slot.progress(share, text)

    wait_until(lambda: finished(future), show_stage)
    if shown:
        slot.empty()
