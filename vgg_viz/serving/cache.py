"""Size-bounded cache of computed values, shared by all viewers."""

from collections.abc import Callable, Hashable
from concurrent.futures import Future
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from threading import RLock
from typing import Any, TypeVar

import numpy as np

from vgg_viz.serving.locks import Pause, done_soon, exclude, wait_until, working_seconds

Value = TypeVar("Value")


@dataclass
class Entry:
    """A cached value, its size in bytes, the seconds it took to compute, and its priority."""

    value: Any
    size: int
    seconds: float
    priority: float = 0.0


class Cache:
    """Size-bounded cache that evicts the values cheapest to recompute per byte (GreedyDual-Size).

    The first layer's maps take 13 MB and 3 ms; the last block's input takes 0.4 MB and 75 ms. A
    least-recently-used cache would evict thirty such inputs for one layer's maps. Here a value's
    priority is its seconds per byte, plus the priority of the last evicted value, so that unused
    values age (Cao and Irani, "Cost-Aware WWW Proxy Caching Algorithms", 1997).

    The cache measures the seconds that a value takes. They exclude waiting, and the computation of
    other values that are cached under keys of their own.

    Streamlit's caches either copy a value on every hit (``cache_data``) or count entries of any
    size (``cache_resource``), and a superseded run cannot stop waiting for a value.
    """

    def __init__(self, max_bytes: int, clock: Callable[[], float] = working_seconds) -> None:
        """Create an empty cache for values of ``max_bytes`` in total; the clock returns seconds."""
        self.max_bytes = max_bytes
        self.clock = clock
        self._entries: dict[Hashable, Entry] = {}
        self.used_bytes = 0  # by all cached values
        self._evicted_priority = 0.0
        self._running: dict[Hashable, Future[None]] = {}
        self._lock = RLock()

    def get(
        self,
        key: Hashable,
        compute: Callable[[], Value],
        pause: Pause,
        *,
        within: AbstractContextManager[object] | None = None,
        transient: bool = False,
    ) -> Value:
        """Return a key's cached value; if there is none, one thread computes it for all.

        If ``compute`` raises, nothing is cached and the next thread tries again. ``pause`` is
        called while another thread computes the value. ``within`` is a context to compute the value
        in, such as a lock. A ``transient`` value is soon replaced, and evicted first.
        """
        while True:
            with self._lock:
                if key in self._entries:
                    return self._touch(key)
                running = self._running.get(key)
                if running is None:
                    mine: Future[None] = Future()
                    self._running[key] = mine
                    break
            wait_until(partial(done_soon, running), pause)
        try:
            start = self.clock()
            with within or nullcontext():
                value = compute()
            seconds = self.clock() - start
            self.keep(key, value, 0.0 if transient else seconds)
            exclude(seconds)  # from the cost of a value that is computed from this one
            return value
        finally:
            with self._lock:
                del self._running[key]
            mine.set_result(None)

    def peek(self, key: Hashable) -> Any:
        """Return a key's value if it is cached, else None, without waiting or computing."""
        with self._lock:
            return self._touch(key) if key in self._entries else None

    def keep(self, key: Hashable, value: object, seconds: float) -> None:
        """Cache a value that would take so many seconds to compute again."""
        size = byte_count(value)
        if size > self.max_bytes:
            return  # it would evict all others and still not fit
        with self._lock:
            if key in self._entries:
                self.used_bytes -= self._entries.pop(key).size
            self.shrink_to(self.max_bytes - size)
            self._entries[key] = Entry(value, size, seconds)
            self.used_bytes += size
            self._touch(key)

    def _touch(self, key: Hashable) -> Any:
        """Return a key's cached value and renew the value's priority."""
        entry = self._entries.pop(key)
        entry.priority = self._evicted_priority + entry.seconds / max(entry.size, 1)
        self._entries[key] = entry  # at the end: of equal priorities, the least recent goes first
        return entry.value

    def shrink_to(self, max_bytes: int) -> None:
        """Evict values once, lowest priority first, until the rest takes at most ``max_bytes``."""
        with self._lock:
            if self.used_bytes <= max_bytes:
                return
            for key in sorted(self._entries, key=lambda key: self._entries[key].priority):
                entry = self._entries.pop(key)
                self._evicted_priority = entry.priority
                self.used_bytes -= entry.size
                if self.used_bytes <= max_bytes:
                    return


def byte_count(value: object) -> int:
    """Return the size in bytes of a value's arrays and bytes, also within containers and objects.

    >>> byte_count([np.zeros(3, np.float32), b"png"])
    15
    """
    if isinstance(value, np.ndarray):
        return value.nbytes
    if isinstance(value, bytes | str):
        return len(value)
    if isinstance(value, dict):
        return sum(map(byte_count, value.values()))
    if isinstance(value, list | tuple):
        return sum(map(byte_count, value))
    return byte_count(vars(value)) if hasattr(value, "__dict__") else 0
