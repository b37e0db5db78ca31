"""What viewers share: results that are computed once and kept within a bound of bytes."""

from bisect import insort
from collections.abc import Callable, Hashable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from threading import Event, Lock, local
from time import perf_counter
from typing import Any

import numpy as np

SLICE_SECONDS = 0.2  # how soon a run that nobody waits for any more leaves a queue

Pause = Callable[[], None]

_waits = local()


def working_seconds() -> float:
    """A clock for this thread that stands still while it waits for others in `wait_until`.

    What a value costs is the work, not the queue before it.
    """
    return perf_counter() - getattr(_waits, "seconds", 0.0)


@dataclass
class Entry:
    """A value on a shelf: its size, the seconds that it took, and the priority that it stays at."""

    value: Any
    size: int
    seconds: float
    priority: float = 0.0


def set_aside(seconds: float) -> None:
    """Have this thread's `working_seconds` leave out what was counted elsewhere already."""
    _waits.seconds = getattr(_waits, "seconds", 0.0) + seconds


class Shelf:
    """A cache bounded in bytes, which lets go of what is cheapest to have again, byte by byte.

    13 MB of the first layer's maps take 3 ms, the 0.4 MB that the last block works on 75: going by
    the last use alone, the former would push out thirty of the latter. The rule is
    GreedyDual-Size (Cao and Irani, "Cost-Aware WWW Proxy Caching Algorithms", 1997): a value's
    priority is its seconds a byte, above that of what went last, so that what nobody uses ages.

    Streamlit's own caches either copy on every hit (``cache_data``) or count entries whatever
    their size (``cache_resource``), and let nobody go who waits for a value.
    """

    def __init__(self, max_bytes: int, clock: Callable[[], float] = working_seconds) -> None:
        """Make an empty shelf for values of ``max_bytes`` together; ``clock`` counts seconds."""
        self.max_bytes = max_bytes
        self._clock = clock
        self._entries: dict[Hashable, Entry] = {}
        self._floor = 0.0
        self._running: dict[Hashable, Future] = {}
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
                    return self._used(key)
                running = self._running.get(key)
                if running is None:
                    self._running[key] = mine = Future()
                    break
            wait_until(lambda running=running: finished(running), pause)
        try:
            start = self._clock()
            value = compute()
            self.put(key, value, self._clock() - start)
            return value
        finally:
            with self._lock:
                del self._running[key]
            mine.set_result(None)

    def peek(self, key: Hashable) -> Any:
        """The value of that key if it is kept, else None."""
        with self._lock:
            return self._used(key) if key in self._entries else None

    def put(self, key: Hashable, value: Any, seconds: float) -> None:
        """Keep a value that took so many seconds to compute."""
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


class Turnstile:
    """One at a time, since two forward passes at once are no faster and take twice the memory.

    Who came first is served first, also for the second turn and the third: a run that needs five
    of them would otherwise wait for everybody else five times.
    """

    def __init__(self) -> None:
        """Make a turnstile that is free."""
        self._lock = Lock()
        self._waiting: list[tuple[float, int, Event]] = []
        self._inside: Event | None = None
        self._arrivals = count()
        self.turns = 0

    @contextmanager
    def turn(self, pause: Pause, since: float | None = None) -> Iterator[None]:
        """Wait for the turn, and have it.

        Args:
            pause: called meanwhile; may raise, to leave the queue.
            since: when the one who waits came, by `perf_counter`; now if not given.
        """
        mine = Event()
        place = (perf_counter() if since is None else since, next(self._arrivals), mine)
        with self._lock:
            insort(self._waiting, place)
            self._let_in()
        try:
            wait_until(lambda: mine.wait(SLICE_SECONDS), pause)
            self.turns += 1
            yield
        finally:
            with self._lock:
                if self._inside is mine:
                    self._inside = None
                else:
                    self._waiting.remove(place)
                self._let_in()

    def _let_in(self) -> None:
        if self._inside is None and self._waiting:
            *_, self._inside = self._waiting.pop(0)
            self._inside.set()


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
    start = perf_counter()
    try:
        while not done():
            pause()
    finally:
        set_aside(perf_counter() - start)


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
