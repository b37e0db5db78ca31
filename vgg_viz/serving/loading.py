"""Loading of networks in a background thread, once for all viewers."""

import atexit
import gc
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from threading import Event, Lock, Thread
from typing import Any, TypeVar
from weakref import finalize

from vgg_viz.model import weights
from vgg_viz.model.network import Network, import_keras
from vgg_viz.model.own_networks.own_network import open_network
from vgg_viz.model.weights import Weights

OnProgress = Callable[[int, int | None], None]

Value = TypeVar("Value")

SETTLING_SECONDS = 5.0  # between the first network and the compilation of its forward passes

_compiling = Lock()
_exiting = Event()


class Loader:
    """Loader of one network: first its weights, then the Keras model; thread-safe."""

    def __init__(self, source: Callable[[OnProgress], Weights]) -> None:
        self._source = source  # obtains the weights on first need, and reports its progress
        self._lock = Lock()
        self._weights: Future[Weights] | None = None
        self._network: Future[Network] | None = None
        self._received: tuple[int, int | None] | None = None
        self._given_up = Event()
        self.used_at = 0.0  # time of last use, see `Shared.use`

    def weights(self) -> "Future[Weights]":
        """Return a future of the network's weights; start to obtain them unless started before."""
        with self._lock:
            if self._weights is None:
                self._weights = run_in_background(partial(self._source, self._note_progress))
            return self._weights

    def found(self) -> Weights | None:
        """Return the network's weights if they are loaded, else None."""
        return result_of(self._weights)

    def label(self) -> str | None:
        """Return the label of the network that the page shows; None while its weights load."""
        if error_of(self._weights):
            return weights.UntrainedWeights.label
        found = self.found()
        return found.label if found else None

    def network(self) -> "Future[Network]":
        """Return a future of the network; start to build it unless started before."""
        future_weights = self.weights()
        with self._lock:
            if self._network is None:
                self._network = run_in_background(partial(build, future_weights))
                self._network.add_done_callback(partial(compile_passes, self._given_up))
            return self._network

    @property
    def is_built(self) -> bool:
        """Whether the Keras model is in memory."""
        return result_of(self._network) is not None

    def release(self) -> None:
        """Let go of the Keras model, which is built again when it is needed."""
        with self._lock:
            if self.is_built:
                self._stop_compiling()
                self._network = None

    def fail(self, damaged: Weights, error: Exception) -> None:
        """Replace damaged weights and their network by failed futures, if they are still in use."""
        with self._lock:
            if self.found() is damaged:
                self._stop_compiling()
                self._weights, self._network = failed(error), failed(error)

    def retry(self) -> None:
        """Forget a failed load, so that the next call starts again."""
        with self._lock:
            if error_of(self._weights) or error_of(self._network):
                self._weights = self._network = self._received = None

    def stage(self) -> tuple[str, float | None]:
        """Return the stage of loading, in words for viewers, and the fraction done, if known."""
        if self._weights is not None and self._weights.done():
            return "Importing TensorFlow and building the network…", None
        if self._received is None:
            return "Looking for the weights file…", None
        received, total = self._received
        size = f"{received / 1e6:.0f}" + (f" of {total / 1e6:.0f}" if total else "")
        fraction = min(1.0, received / total) if total else None
        return f"Downloading the weights of VGG19: {size} MB", fraction

    def _stop_compiling(self) -> None:
        """Stop the compilation, which would keep the network and its 80 MB."""
        self._given_up.set()
        self._given_up = Event()

    def _note_progress(self, received: int, total: int | None) -> None:
        self._received = received, total


def own_loader(content: bytes, name: str) -> Loader:
    """Return the loader of a network in an uploaded file; its memory is freed with the loader."""
    loader = Loader(lambda _: open_network(content, name))
    # TensorFlow's objects refer to each other, and frozen ones are not collected.
    finalize(loader, run_in_background, freeze).atexit = False
    return loader


def build(future_weights: "Future[Weights]") -> Network:
    """Build the network from its weights; import TensorFlow while the weights are still loading."""
    # Each takes seconds. The import creates a million objects and no garbage: garbage collection
    # would take a sixth of its time.
    gc.disable()
    try:
        import_keras()
    finally:
        gc.enable()
    # Exit handlers run last in, first out: this one before Keras' own.
    atexit.register(stop_compiling)
    disable_session_resets()
    network = Network(future_weights.result())
    freeze()
    return network


def compile_passes(given_up: Event, future: "Future[Network]") -> None:
    """Compile forward passes until ``given_up`` is set; otherwise viewers would wait for them."""
    # Not while the first page is computed and drawn, which needs both cores of a small machine.
    if future.exception() is None and not given_up.wait(SETTLING_SECONDS):
        with _compiling:
            future.result().compile_passes(lambda: given_up.is_set() or _exiting.is_set())
        # Freezing would keep a network that was given up meanwhile: this frame still refers to it.
        if not given_up.is_set():
            freeze()


def stop_compiling() -> None:
    """Stop compiling before the process exits: TensorFlow would abort it (exit handler)."""
    _exiting.set()
    with _compiling:
        pass


def freeze() -> None:
    """Collect garbage once, then exclude all remaining objects from later collections."""
    # TensorFlow's import creates a million permanent objects, and scanning them takes 270 ms. A
    # network that was given up since the last call is among the frozen objects.
    gc.unfreeze()
    gc.collect()
    gc.freeze()


def disable_session_resets() -> None:
    """Keep Streamlit from resetting Keras after every run, while a thread builds a network."""
    # ``clear_session`` removes the global state that the thread needs. It also collects garbage,
    # which takes 43 ms, a hundred times a minute for 30 viewers.
    import_keras().backend.clear_session = lambda *_, **__: None


def run_in_background(work: Callable[[], Value]) -> Future[Value]:
    """Run a function in a new daemon thread and return its future."""
    future: Future[Value] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:
            future.set_exception(error)

    Thread(target=run, daemon=True).start()
    return future


def failed(error: Exception) -> Future[Any]:
    """Return a future that has failed with the given error."""
    future: Future[Any] = Future()
    future.set_exception(error)
    return future


def error_of(future: Future[Any] | None) -> BaseException | None:
    """Return the error that a future failed with; None if it is running, succeeded or is None."""
    return future.exception() if future is not None and future.done() else None


def result_of(future: Future[Value] | None) -> Value | None:
    """Return a future's result; None if it is running, failed or is None."""
    if future is None or not future.done() or future.exception():
        return None
    return future.result()
