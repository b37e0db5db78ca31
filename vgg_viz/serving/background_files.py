"""Dense layers and class names, loaded or downloaded in the background, once for all viewers."""

import logging
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from dataclasses import replace
from functools import partial
from threading import Lock

from vgg_viz.downloads.fetching import FileUnavailable
from vgg_viz.interpretability.class_evidence.own_head import OwnHead
from vgg_viz.model import class_names, dense_layers, weights
from vgg_viz.model.class_names import NUMBERED, ClassNames
from vgg_viz.model.dense_layers import DenseWeights
from vgg_viz.model.own_networks.own_network import OwnNetwork
from vgg_viz.model.weights import FULL, IMAGENET_LABEL, StoredWeights, Weights, WeightsError
from vgg_viz.serving.loading import Value, error_of, failed, result_of, run_in_background

AnyHead = DenseWeights | OwnHead
MOST_OPENED = 4  # two compared networks, ImageNet's and the untrained one
UNEXPECTED = "Something went wrong. The server's log has the details."

log = logging.getLogger(__name__)


class FullFileMissing(Exception):
    """Raised when Keras' weights file with the dense layers is not there, but can be downloaded."""


class DenseLoader:
    """Loader of the dense layers of every network in use, and of the class names; thread-safe."""

    def __init__(self, has_room: Callable[[int], bool] = lambda _: True) -> None:
        """Load heads; ``has_room`` returns whether so many bytes more leave enough memory."""
        self._has_room = has_room
        self._lock = Lock()
        self._opened: dict[Hashable, Future[AnyHead]] = {}  # the last used ones last
        self._full: StoredWeights | None = None
        self._names: Future[ClassNames] | None = None
        self._download: Future[None] | None = None
        self._received: tuple[int, int] = 0, 0

    def weights_for(self, conv_weights: Weights) -> "Future[AnyHead]":
        """Return a future of the dense layers that belong to conv layers; open them unless started.

        They come from the file of the conv layers, or from Keras' full file if that is Keras' file
        without dense layers. Those of an own network are its head. The future fails with a
        `WeightsError` if the file has no dense layers or is damaged, or with `FullFileMissing`. The
        failure stays until `retry` or a download.
        """
        with self._lock:
            # One file may be both the server's and an own network, which have different heads.
            key = type(conv_weights), conv_weights.identity
            future = self._opened.pop(key, None)
            if future is None or (self._full and isinstance(error_of(future), FullFileMissing)):
                future = run_in_background(partial(self._open, conv_weights))
            self._opened[key] = future
            for identity in list(self._opened)[:-MOST_OPENED]:
                del self._opened[identity]
            return future

    def give_up(self, damaged: AnyHead, error: WeightsError) -> None:
        """Replace damaged dense layers by a failed future, if they are still in use."""
        with self._lock:
            for identity, future in self._opened.items():
                if result_of(future) is damaged:
                    # A copy of the error: its own traceback would keep the file open.
                    self._opened[identity] = failed(WeightsError(str(error)))

    def fetch(self) -> None:
        """Start to download Keras' full weights file, unless a download is running."""
        with self._lock:
            if self._download is None or self._download.done():
                self._received = 0, FULL.size
                self._download = run_in_background(self._fetch)

    def progress(self) -> tuple[int, int] | None:
        """Return the bytes received and expected of a running download, else None."""
        download = self._download
        return None if download is None or download.done() else self._received

    def failure(self) -> tuple[str, ...]:
        """Return why the download of Keras' full file failed, in sentences; empty if it did not."""
        error = error_of(self._download)
        return error.attempts if isinstance(error, FileUnavailable) else ()

    def names(self) -> "Future[ClassNames]":
        """Return a future of the class names; start to load them unless started before.

        If they cannot be loaded, it returns numbers until `retry`; their ``attempts`` say why.
        """
        with self._lock:
            if self._names is None:
                self._names = run_in_background(_obtain_names)
            return self._names

    def retry(self) -> None:
        """Forget failed dense layers, names and downloads, so that the next call starts again."""
        with self._lock:
            self._full = None
            for identity in [each for each, opened in self._opened.items() if error_of(opened)]:
                del self._opened[identity]
            if error_of(self._download):
                self._download = None
            if (names := result_of(self._names)) and names.attempts:
                self._names = None

    def _open(self, conv_weights: Weights) -> AnyHead:
        if isinstance(conv_weights, OwnNetwork):
            if not self._has_room(4 * conv_weights.head.parameters):
                raise WeightsError("expected more free memory on this server; try again later")
            return OwnHead(conv_weights)
        try:
            return dense_layers.open_dense(conv_weights)
        except WeightsError:
            # Keras' dense layers only fit Keras' convolutions.
            if conv_weights.label != IMAGENET_LABEL:
                raise
        full = self._full or weights.find_full()
        if full is None:
            raise FullFileMissing
        return dense_layers.open_dense(full)

    def _fetch(self) -> None:
        self._full = _obtained(partial(weights.fetch_full, on_progress=self._note_progress))

    def _note_progress(self, received: int, expected: int | None) -> None:
        self._received = received, expected or FULL.size


def _obtain_names() -> ClassNames:
    try:
        return _obtained(class_names.obtain)
    except FileUnavailable as error:
        return replace(NUMBERED, attempts=error.attempts)


def _obtained(obtain: Callable[[], Value]) -> Value:
    """Return the function's result; turn an unexpected error into a sentence for viewers."""
    try:
        return obtain()
    except FileUnavailable:
        raise
    except Exception as error:
        log.exception("Could not obtain a file")
        raise FileUnavailable(UNEXPECTED) from error
