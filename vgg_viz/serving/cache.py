"""A cache bounded in bytes: what one viewer has had computed, all others get at once."""

from collections.abc import Callable, Hashable
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from threading import Lock
from typing import Any, TypeVar

import numpy as np

from vgg_viz.serving.locks import Pause, finished, leave_out, wait_until, working_seconds

Value = TypeVar("Value")
Other = TypeVar("Other")


@dataclass
class Entry:
    """A value in a cache: its size, the seconds that it took, and the priority it stays at."""

    value: Any
    size: int
    seconds: float
    priority: float = 0.0


class Cache:
    """A cache bounded in bytes, which lets go of what is cheapest to have again, byte by byte.

    13 MB of the first layer's maps take 3 ms, the 0.4 MB that the last block works on 75: going by
    the last use alone, the former would push out thirty of the latter. The rule is
    GreedyDual-Size (Cao and Irani, "Cost-Aware WWW Proxy Caching Algorithms", 1997): a value's
    priority is its seconds a byte, above that of what went last, so that what nobody uses ages.

    What a value costs is measured here, and is its own: neither the wait for others nor what was
    computed on the way to it and is kept, in whatever cache, under a key of its own.

    Streamlit's own caches either copy on every hit (``cache_data``) or count entries whatever
    their size (``cache_resource``), and let nobody go who waits for a value.
    """

    def __init__(self, max_bytes: int, clock: Callable[[], float] = working_seconds) -> None:
        """Make an empty cache for values of ``max_bytes`` together; ``clock`` counts seconds."""
        self.max_bytes = max_bytes
        self._clock = clock
        self._entries: dict[Hashable, Entry] = {}
        self._floor = 0.0
        self._running: dict[Hashable, Future[None]] = {}
        self._lock = Lock()

    @property
    def used_bytes(self) -> int:
        """The size of all values kept."""
        with self._lock:
            return sum(entry.size for entry in self._entries.values())

    def shrink_to(self, max_bytes: int) -> None:
        """Let go of what is cheapest until no more than that is kept, for now."""
        with self._lock:
            self._drop(max_bytes)

    def get(
        self, key: Hashable, compute: Callable[[], Value], pause: Pause, *, transient: bool = False
    ) -> Value:
        """Return the value of that key, computed at most once at a time for all who ask.

        Args:
            key: names the value; whoever asks for it computes the same.
            compute: makes it; where it raises, nothing is kept and the next who asks tries again.
            pause: called now and then while another thread computes the value; it may raise, to
                give up waiting.
            transient: whether the value is soon replaced; it is then evicted first.
        """
        while True:
            with self._lock:
                if key in self._entries:
                    kept: Value = self._used(key)
                    return kept
                running = self._running.get(key)
                if running is None:
                    mine: Future[None] = Future()
                    self._running[key] = mine
                    break
            wait_until(partial(finished, running), pause)
        try:
            start = self._clock()
            value = compute()
            seconds = self._clock() - start
            self.keep(key, value, 0.0 if transient else seconds)
            leave_out(seconds)  # of what is made from it
            return value
        finally:
            with self._lock:
                del self._running[key]
            mine.set_result(None)

    def peek(self, key: Hashable) -> Any:
        """The value of that key if it is kept, else None: it is neither computed nor waited for."""
        with self._lock:
            return self._used(key) if key in self._entries else None

    def keep_second(self, key: Hashable, compute: Callable[[], tuple[Value, Other]]) -> Value:
        """Compute two values at once, keep the second under that key, and return the first.

        Each is worth the time that both took.
        """
        start = self._clock()
        value, other = compute()
        self.keep(key, other, self._clock() - start)
        return value

    def keep(self, key: Hashable, value: object, seconds: float) -> None:
        """Keep a value that costs so many seconds to have again."""
        size = byte_count(value)
        if size > self.max_bytes:
            return  # or all the others would go for one that goes as well
        with self._lock:
            self._entries.pop(key, None)
            self._drop(self.max_bytes - size)
            self._entries[key] = Entry(value, size, seconds)
            self._used(key)

    def _used(self, key: Hashable) -> Any:
        entry = self._entries.pop(key)
        entry.priority = self._floor + entry.seconds / max(entry.size, 1)
        self._entries[key] = entry  # to the end: of equal ones, what was used longest ago goes
        return entry.value

    def _drop(self, max_bytes: int) -> None:
        total = sum(entry.size for entry in self._entries.values())
        by_priority = sorted(self._entries, key=lambda key: self._entries[key].priority)
        for key in by_priority:
            if total <= max_bytes:
                return
            entry = self._entries.pop(key)
            self._floor = entry.priority
            total -= entry.size


def byte_count(value: object) -> int:
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
