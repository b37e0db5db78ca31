"""Results that a background thread computes, once for all viewers whose pages ask for them.

A script run requests a result, shows the rest of the page, and returns. The browser reruns a
fragment that asks again, until the result is in the cache. Results are computed one after the
other; each lets script runs that wait for the network lock go first.
"""

import logging
import math
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from dataclasses import dataclass, field
from threading import Lock, Thread, main_thread
from time import monotonic

from vgg_viz.serving.run import Run

ACTIVE_SECONDS = 10.0  # a request that is not renewed for so long is dropped

log = logging.getLogger(__name__)


class Abandoned(Exception):
    """Raised in a computation that no page has asked for lately, or while Python exits."""


@dataclass(eq=False)
class Request(Run):
    """A computation, as locks see it; it ends when no page has asked for its result lately."""

    compute: Callable[[Run], object]
    renewed_at: float = 0.0  # when a page last asked
    future: Future[None] = field(default_factory=Future)

    started_at = math.inf  # behind all script runs

    @property
    def is_active(self) -> bool:
        """Whether a page has asked for the result lately, and Python is not exiting."""
        return monotonic() - self.renewed_at < ACTIVE_SECONDS and main_thread().is_alive()

    def end_if_superseded(self) -> None:
        """Raise `Abandoned` if no page has asked for the result lately."""
        if not self.is_active:
            raise Abandoned

    def show_waiting(self) -> None:
        """End an abandoned computation: there is no page to show a message on."""
        self.end_if_superseded()


class BackgroundResults:
    """Background thread for requested results; thread-safe. It runs only while there are any."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._requests: dict[Hashable, Request] = {}
        self._thread: Thread | None = None

    def request(self, key: Hashable, compute: Callable[[Run], object]) -> Future[None]:
        """Request a computation, unless it is requested already; return the future of its end.

        Ask again within `ACTIVE_SECONDS`, or the request is dropped. If ``compute`` has failed, the
        future has its error; the request after that tries again.
        """
        with self._lock:
            request = self._requests.setdefault(key, Request(compute))
            request.renewed_at = monotonic()
            if request.future.done():
                del self._requests[key]  # it has failed
            elif self._thread is None:
                # No daemon: TensorFlow aborts a process that exits during a forward pass.
                self._thread = Thread(target=self._work)
                self._thread.start()
            return request.future

    def _work(self) -> None:
        while self._compute_next():
            pass

    def _compute_next(self) -> bool:
        """Compute the result that was requested first; return False if there is none."""
        with self._lock:
            active = {key: one for key, one in self._requests.items() if one.is_active}
            self._requests = active
            todo = ((key, one) for key, one in active.items() if not one.future.done())
            key, request = next(todo, (None, None))
            if request is None:
                self._thread = None
                return False
        try:
            request.compute(request)
        except Abandoned:
            pass
        except Exception as error:
            log.exception("Could not compute a result in the background")
            # Without its traceback, which would keep the network.
            request.future.set_exception(error.with_traceback(None))
            return True
        with self._lock:
            del self._requests[key]
        request.future.set_result(None)
        return True
