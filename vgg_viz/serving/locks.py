"""Locks and waiting that a superseded script run can interrupt.

A thread waits in short polls and calls ``pause`` between them. In a superseded run, ``pause``
raises, which ends the wait.
"""

from bisect import insort
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from contextlib import contextmanager
from operator import itemgetter
from threading import Event, Lock, get_ident, local
from time import perf_counter
from typing import Any

POLL_SECONDS = 0.2  # how long a superseded run stays in a queue at most

Pause = Callable[[], None]  # called between two polls; may raise, to stop waiting

_excluded = local()


def working_seconds() -> float:
    """Return this thread's clock in seconds, which stops while the thread waits in `wait_until`."""
    return perf_counter() - getattr(_excluded, "seconds", 0.0)


def exclude(seconds: float) -> None:
    """Exclude seconds of waiting, or of work counted already, from `working_seconds`."""
    _excluded.seconds = getattr(_excluded, "seconds", 0.0) + seconds


def wait_until(poll: Callable[[], bool], pause: Pause) -> None:
    """Call ``poll``, which waits up to `POLL_SECONDS`, until it returns True; pause in between."""
    start = perf_counter()
    try:
        while not poll():
            pause()
    finally:
        exclude(perf_counter() - start)


def done_soon(future: Future[Any]) -> bool:
    """Wait up to `POLL_SECONDS` for a future; return whether it succeeded or failed."""
    return bool(wait([future], POLL_SECONDS).done)


def no_pause() -> None:
    """Do nothing between polls: the ``pause`` of a thread that never stops waiting early."""


class FairLock:
    """Lock that admits waiting threads in the order in which their script runs began.

    A run that needs the lock five times keeps its place in the queue, so it does not wait five
    times for all others. One forward pass at a time is enough: two at once are no faster and take
    twice the memory. ``hold_count`` is the number of times that the lock has been acquired.
    """

    def __init__(self) -> None:
        """Create a lock that is free."""
        self._lock = Lock()
        self._waiting: list[tuple[float, Event]] = []
        self._holder: Event | None = None
        self._thread: int | None = None  # of the holder
        self.hold_count = 0

    @contextmanager
    def hold(self, pause: Pause, since: float | None = None) -> Iterator[None]:
        """Wait for the lock, and hold it within a ``with`` block.

        ``pause`` is called while waiting. ``since``, by `perf_counter`, decides the place in the
        queue, earliest first; it is now by default. A thread that already holds the lock gets a
        ``RuntimeError``.
        """
        if self._thread == get_ident():
            raise RuntimeError("expected a thread without the lock; this one already holds it")
        admitted = Event()
        place = (perf_counter() if since is None else since, admitted)
        with self._lock:
            insort(self._waiting, place, key=itemgetter(0))
            self._admit()
        try:
            wait_until(lambda: admitted.wait(POLL_SECONDS), pause)
            self.hold_count, self._thread = self.hold_count + 1, get_ident()
            yield
        finally:
            with self._lock:
                if self._holder is admitted:
                    self._holder = self._thread = None
                else:
                    self._waiting.remove(place)
                self._admit()

    @property
    def busy(self) -> bool:
        """Whether a thread holds the lock or waits for it."""
        with self._lock:
            return self._holder is not None

    def _admit(self) -> None:
        if self._holder is None and self._waiting:
            _, self._holder = self._waiting.pop(0)
            self._holder.set()
