"""What viewers share: results that are computed once and kept within a bound of bytes."""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from threading import Lock
from typing import Any

import numpy as np

SLICE_SECONDS = 0.2  # how soon a run that nobody waits for any more leaves a queue

Pause = Callable[[], None]


class Shelf:
    """A cache bounded in bytes: what was used longest ago goes first.

    Streamlit's own caches either copy on every hit (``cache_data``) or count entries whatever
    their size (``cache_resource``), and let nobody go who waits for a value.
    """

    def __init__(self, max_bytes: int) -> None:
        """Make an empty shelf for values of ``max_bytes`` together."""
        self.max_bytes = max_bytes
        self._entries: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()
        self._running: dict[Hashable, Future] = {}
        self._lock = Lock()

    @property
    def used_bytes(self) -> int:
        """The size of all values kept."""
        with self._lock:
            return sum(size for _, size in self._entries.values())

    def get(self, key: Hashable, compute: Callable[[], Any], pause: Pause) -> Any:
        """Return the value of that key, computed at most once at a time for all who ask.

        Args:
            key: names the value.
            compute: makes it; where it raises, nothing is kept and the next who asks tries again.
            pause: called now and then while another thread computes the value; it may raise, to
                give up waiting.
        """
        while True:
            with self._lock:
                if key in self._entries:
                    self._entries.move_to_end(key)
                    return self._entries[key][0]
                running = self._running.get(key)
                if running is None:
                    self._running[key] = mine = Future()
                    break
            wait_until(lambda running=running: finished(running), pause)
        try:
            value = compute()
            self._keep(key, value)
            return value
        finally:
            with self._lock:
                del self._running[key]
            mine.set_result(None)

    def _keep(self, key: Hashable, value: Any) -> None:
        size = byte_count(value)
        if size > self.max_bytes:
            return  # or all the others would go for one that goes as well
        with self._lock:
            self._entries[key] = value, size
            total = sum(size for _, size in self._entries.values())
            while total > self.max_bytes:
                _, (_, freed) = self._entries.popitem(last=False)
                total -= freed


class Turnstile:
    """One at a time, since two forward passes at once are no faster and take twice the memory."""

    def __init__(self) -> None:
        """Make a turnstile that is free."""
        self._lock = Lock()

    @contextmanager
    def turn(self, pause: Pause) -> Iterator[None]:
        """Wait for the turn; ``pause`` is called meanwhile and may raise, to leave the queue."""
        wait_until(lambda: self._lock.acquire(timeout=SLICE_SECONDS), pause)
        try:
            yield
        finally:
            self._lock.release()


def finished(future: Future) -> bool:
    """Wait a slice of time for a future; whether it is done, well or not."""
    try:
        future.exception(timeout=SLICE_SECONDS)
    except TimeoutError:
        return False
    return True


def wait_until(done: Callable[[], bool], pause: Pause) -> None:
    """Call ``done``, which waits a slice of time, until it is true, pausing in between.

    A Streamlit run that was superseded ends at its next ``st`` call: that is what ``pause`` is for.
    """
    while not done():
        pause()


def byte_count(value: Any) -> int:
    """The size of arrays and bytes, alone or in a dict, list, tuple or object's fields."""
    if isinstance(value, np.ndarray):
        return value.nbytes
    if isinstance(value, bytes | str):
        return len(value)
    if isinstance(value, dict):
        return sum(map(byte_count, value.values()))
    if isinstance(value, list | tuple):
        return sum(map(byte_count, value))
    return byte_count(vars(value)) if hasattr(value, "__dict__") else 0
