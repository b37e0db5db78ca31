"""How threads wait for each other: in slices, so that who is not waited for any more can leave."""

from bisect import insort
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from itertools import count
from threading import Event, Lock, get_ident, local
from time import perf_counter
from typing import Any

POLL_SECONDS = 0.2  # how soon a run that nobody waits for any more leaves a queue

# Called between two slices; may raise, to give up waiting.
Pause = Callable[[], None]

_left_out = local()


def working_seconds() -> float:
    """A clock for this thread that stands still while it waits for others in `wait_until`.

    What a value costs is the work, not the queue before it.
    """
    return perf_counter() - getattr(_left_out, "seconds", 0.0)


def leave_out(seconds: float) -> None:
    """Have this thread's `working_seconds` leave out what is no work, or was counted already."""
    _left_out.seconds = getattr(_left_out, "seconds", 0.0) + seconds


def wait_until(done: Callable[[], bool], pause: Pause) -> None:
    """Call ``done``, which waits a slice of time, until it is true, pausing in between."""
    start = perf_counter()
    try:
        while not done():
            pause()
    finally:
        leave_out(perf_counter() - start)


def finished(future: Future[Any]) -> bool:
    """Wait a slice of time for a future; whether it is done, well or not."""
    try:
        future.exception(timeout=POLL_SECONDS)
    except TimeoutError:
        return False
    return True


def keep_waiting() -> None:
    """A pause in which nothing is done: for who is not to be stopped."""


class FairLock:
    """One at a time, since two forward passes at once are no faster and take twice the memory.

    Who came first is served first, also for the second turn and the third: a run that needs five
    of them would otherwise wait for everybody else five times.
    """

    def __init__(self) -> None:
        """Make a queue that is empty."""
        self._lock = Lock()
        self._waiting: list[tuple[float, int, Event]] = []
        self._inside: Event | None = None
        self._arrivals = count()
        self._thread: int | None = None  # whose turn it is
        self.taken = 0

    @contextmanager
    def hold(self, pause: Pause, since: float | None = None) -> Iterator[None]:
        """Wait for the turn, and have it.

        Args:
            pause: called meanwhile; may raise, to leave the queue.
            since: when the one who waits came, by `perf_counter`; now if not given.

        Raises:
            RuntimeError: this thread has its turn already, and would wait for itself for ever.
        """
        if self._thread == get_ident():
            raise RuntimeError("expected one turn at a time, got another one within it")
        mine = Event()
        place = (perf_counter() if since is None else since, next(self._arrivals), mine)
        with self._lock:
            insort(self._waiting, place)
            self._let_in()
        try:
            wait_until(lambda: mine.wait(POLL_SECONDS), pause)
            self.taken, self._thread = self.taken + 1, get_ident()
            yield
        finally:
            with self._lock:
                if self._inside is mine:
                    self._inside = self._thread = None
                else:
                    self._waiting.remove(place)
                self._let_in()

    @property
    def busy(self) -> bool:
        """Whether somebody has the turn, or waits for it."""
        with self._lock:
            return self._inside is not None

    def _let_in(self) -> None:
        if self._inside is None and self._waiting:
            *_, self._inside = self._waiting.pop(0)
            self._inside.set()
