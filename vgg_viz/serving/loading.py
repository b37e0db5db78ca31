"""Networks that load in the background, once for all viewers, while the page stays alive."""

import atexit
import gc
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from threading import Event, Lock, Thread
from typing import Any, TypeVar

from vgg_viz.model import weights
from vgg_viz.model.network import Network, import_keras
from vgg_viz.model.weights import Weights

OnProgress = Callable[[int, int | None], None]

Value = TypeVar("Value")

MEGABYTE = 1_000_000

SETTLING_SECONDS = 5.0

_compiling = Lock()
_ending = Event()


class Loader:
    """One network on its way: its weights first, then the Keras model."""

    def __init__(self, source: Callable[[OnProgress], Weights]) -> None:
        """Make a loader that starts when first asked; ``source`` obtains the weights."""
        self._source = source
        self._lock = Lock()
        self._weights: Future[Weights] | None = None
        self._network: Future[Network] | None = None
        self._received: tuple[int, int | None] | None = None
        self._given_up = Event()

    def weights(self) -> "Future[Weights]":
        """The weights, being fetched from now on if they were not before."""
        with self._lock:
            if self._weights is None:
                self._weights = in_background(partial(self._source, self._note_progress))
            return self._weights

    def found(self) -> Weights | None:
        """The weights, if they have been had by now."""
        future = self._weights
        if future is None or not future.done() or future.exception():
            return None
        return future.result()

    def label(self) -> str | None:
        """Which network the page shows for this one, untrained where its weights failed.

        None where that is not known yet, or nobody has asked for it.
        """
        future = self._weights
        if future is None or not future.done():
            return None
        return weights.UntrainedWeights.label if future.exception() else future.result().label

    def network(self) -> "Future[Network]":
        """The network, being built from now on if it was not before; TensorFlow is imported."""
        weights_to_come = self.weights()
        with self._lock:
            if self._network is None:
                self._network = in_background(partial(build, weights_to_come))
                self._network.add_done_callback(partial(finish, self._given_up))
            return self._network

    def fail(self, damaged: Weights, error: Exception) -> None:
        """Take these weights for failed, and the network with them, if they are still in use."""
        with self._lock:
            loaded = self._weights
            if loaded and loaded.done() and not loaded.exception() and loaded.result() is damaged:
                # Whoever compiles it lets go of it, or its 80 MB would stay.
                self._given_up.set()
                self._given_up = Event()
                self._weights, self._network = failed(error), failed(error)

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
        import_keras()
    finally:
        gc.enable()
    # What was registered last runs first: before Keras takes down what it compiles with.
    atexit.register(end_compiling)
    leave_sessions_alone()
    network = Network(weights_to_come.result())
    freeze()
    return network


def finish(given_up: Event, future: "Future[Network]") -> None:
    """Compile a network's forward passes once the first who waits for it has it.

    Otherwise whoever is first to look at a layer would wait for that, and all others behind.
    """
    # Not while the first page is being computed and drawn, which needs both of a machine's cores.
    if future.exception() is None and not given_up.wait(SETTLING_SECONDS):
        with _compiling:
            future.result().compile_passes(lambda: given_up.is_set() or _ending.is_set())
        # One that was given up meanwhile would be kept by that, since it is still in hand here.
        if not given_up.is_set():
            freeze()


def end_compiling() -> None:
    """Let the compiling come to its end: TensorFlow aborts a process that ends in the midst."""
    _ending.set()
    with _compiling:
        pass


def freeze() -> None:
    """Collect all garbage, and leave what is there now out of every collection to come.

    TensorFlow's import makes a million objects that stay: looking through them takes 270 ms.
    """
    # A network that was given up since is among what was frozen before.
    gc.unfreeze()
    gc.collect()
    gc.freeze()


def leave_sessions_alone() -> None:
    """Keep Streamlit from resetting Keras after every script run, whoever's it is.

    To be called before the first network is built. A network is built and its submodels are cut
    while other viewers' runs end, and a reset would take away the state that Keras does this with.
    It would also collect all garbage while everybody waits: 43 ms, a hundred times a minute for 30
    viewers.
    """
    import_keras().backend.clear_session = lambda *_, **__: None


def in_background(work: Callable[[], Value]) -> Future[Value]:
    """Run that in a thread of its own, one that does not keep a stopping server waiting."""
    future: Future[Value] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:
            future.set_exception(error)

    Thread(target=run, daemon=True).start()
    return future


def failed(error: Exception) -> Future[Any]:
    """What should have come, and has ended in that error."""
    future: Future[Any] = Future()
    future.set_exception(error)
    return future
