"""What the network's answer needs besides its convolutions: dense layers, and names of classes.

All of it is looked for, opened and fetched in the background, once for all viewers.
"""

import logging
from collections.abc import Hashable
from concurrent.futures import Future
from dataclasses import replace
from functools import partial
from threading import Lock
from typing import Any

from vgg_viz.downloads.keras_files import FULL, FileUnavailable
from vgg_viz.model import class_names, dense_layers, weights
from vgg_viz.model.class_names import NUMBERED, ClassNames
from vgg_viz.model.dense_layers import DenseWeights
from vgg_viz.model.weights import IMAGENET_LABEL, StoredWeights, Weights, WeightsError
from vgg_viz.serving.loading import failed, in_background

UNEXPECTED = "Something went wrong that nobody expected; the server's log says what."

log = logging.getLogger(__name__)


class FullFileMissing(Exception):
    """Keras' file of the whole network is not on this server's disk; it may be fetched."""


class DenseLoader:
    """The dense layers of every network that is looked at, and the names of the classes.

    There is one for the whole process; it may be used from any thread.
    """

    def __init__(self) -> None:
        """Make a loader that looks for nothing before it is asked."""
        self._lock = Lock()
        self._opened: dict[Hashable, Future[DenseWeights]] = {}
        self._full: StoredWeights | None = None
        self._names: Future[ClassNames] | None = None
        self._download: Future[None] | None = None
        self._received: tuple[int, int] = 0, 0

    def weights_for(self, conv_weights: Weights) -> "Future[DenseWeights]":
        """The dense layers that belong to these convolutions, looked for from now on.

        Of the same file, as untrained as those, or, if they are Keras', of its full file. The
        future may end in a ``WeightsError``, if the file has none or is damaged, or in a
        `FullFileMissing`; it stays so until somebody wants a `retry`, or the file was fetched.
        """
        with self._lock:
            future = self._opened.get(conv_weights.identity)
            if future is None or (self._full and isinstance(error_of(future), FullFileMissing)):
                future = in_background(partial(self._open, conv_weights))
                self._opened[conv_weights.identity] = future
            return future

    def give_up(self, damaged: DenseWeights, error: WeightsError) -> None:
        """Take these dense layers for failed, if they are still in use."""
        with self._lock:
            for identity, future in self._opened.items():
                if future.done() and not future.exception() and future.result() is damaged:
                    # The error itself is not kept: its traceback would hold the file open.
                    self._opened[identity] = failed(WeightsError(str(error)))

    def fetch(self) -> None:
        """Have Keras' full file fetched, for everybody, unless that is going on already."""
        with self._lock:
            if self._download is None or self._download.done():
                self._received = 0, FULL.size
                self._download = in_background(self._fetch)

    def progress(self) -> tuple[int, int] | None:
        """The bytes received and the bytes expected while the file is fetched, else None."""
        download = self._download
        return None if download is None or download.done() else self._received

    def failure(self) -> tuple[str, ...]:
        """Why the file did not come, in sentences for visitors; none if nothing has failed."""
        error = error_of(self._download)
        return error.attempts if isinstance(error, FileUnavailable) else ()

    def names(self) -> "Future[ClassNames]":
        """What the classes are called, looked for from now on; only numbers where that fails.

        ``attempts`` says then why. It stays so until somebody wants a `retry`.
        """
        with self._lock:
            if self._names is None:
                self._names = in_background(obtain_names)
            return self._names

    def retry(self) -> None:
        """Forget what has failed, so that the next who asks starts anew."""
        with self._lock:
            self._full = None
            self._opened = {
                identity: future
                for identity, future in self._opened.items()
                if error_of(future) is None
            }
            if error_of(self._download):
                self._download = None
            if self._names and self._names.done() and self._names.result().attempts:
                self._names = None

    def _open(self, conv_weights: Weights) -> DenseWeights:
        try:
            return dense_layers.open_dense(conv_weights)
        except WeightsError:
            # Never Keras' dense layers behind the convolutions of somebody else.
            if conv_weights.label != IMAGENET_LABEL:
                raise
        full = self._full or weights.find_full()
        if full is None:
            raise FullFileMissing
        return dense_layers.open_dense(full)

    def _fetch(self) -> None:
        try:
            self._full = weights.fetch_full(on_progress=self._note_progress)
        except FileUnavailable:
            raise
        except Exception as error:
            log.exception("The full weights file could not be fetched")
            raise FileUnavailable([UNEXPECTED]) from error

    def _note_progress(self, received: int, expected: int | None) -> None:
        self._received = received, expected or FULL.size


def obtain_names() -> ClassNames:
    """The names of the classes, or numbers, and why it is them."""
    try:
        return class_names.obtain()
    except FileUnavailable as error:
        return replace(NUMBERED, attempts=error.attempts)
    except Exception:
        log.exception("The names of the classes could not be had")
        return replace(NUMBERED, attempts=(UNEXPECTED,))


def error_of(future: "Future[Any] | None") -> BaseException | None:
    """What a future has ended in; None if it has not, or well."""
    return future.exception() if future is not None and future.done() else None
