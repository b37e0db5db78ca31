"""The cache: its bound, what it evicts, and many callers at once."""

from dataclasses import dataclass

import numpy as np
import pytest

from tests.support.threads import (
    PATIENCE_SECONDS,
    Computation,
    Queue,
    SupersededError,
    leave,
    never_pause,
)
from vgg_viz.serving import locks
from vgg_viz.serving.cache import Cache, byte_count
from vgg_viz.serving.locks import wait_until, working_seconds


def put(cache, key, size):
    """Get a value of that size in bytes; return whether it was computed."""
    computed = []

    def compute():
        computed.append(key)
        return bytes(size)

    assert len(cache.get(key, compute, never_pause)) == size
    return bool(computed)


def filled(keys, size=25):
    """Return a cache of 100 bytes, filled with values of that size."""
    cache = Cache(100, clock=lambda: 0.0)
    for key in keys:
        assert put(cache, key, size)
    return cache


def kept(cache, keys="abcde"):
    """Return the keys of values that are cached; looking at them does not count as a use."""
    return "".join(key for key in keys if key in cache._entries)


@pytest.mark.parametrize("value", [[1, 2], None], ids=str)
def test_a_value_is_computed_once_and_then_the_same_object(value):
    cache = filled([])
    assert cache.get("key", lambda: value, never_pause) is value
    assert cache.get("key", lambda: pytest.fail("computed again"), never_pause) is value
    assert cache.get("other key", lambda: 7, never_pause) == 7


def test_values_are_kept_up_to_the_bound_exactly():
    cache = filled("abcd")
    assert cache.used_bytes == 100
    assert not any(put(cache, key, 25) for key in "abcd")
    assert put(cache, "e", 1)
    assert kept(cache) == "bcde"
    assert cache.used_bytes == 76


def test_a_value_larger_than_the_bound_is_returned_but_not_kept():
    cache = filled("abcd")
    for _ in range(2):
        assert put(cache, "large", 101)
    assert kept(cache) == "abcd"
    assert put(cache, "e", 100)
    assert not put(cache, "e", 100)
    assert kept(cache) == "e"


def test_kept_values_are_found_by_peek_and_get():
    cache = filled("")
    assert cache.peek("a") is None
    for size in (20, 30):
        cache.keep("a", bytes(size), seconds=1.0)  # the second time in place of the first
    cache.keep("b", bytes(30), seconds=1.0)
    assert cache.used_bytes == 60
    assert not put(cache, "b", 30)
    assert len(cache.peek("a")) == 30  # peek counts as a use
    put(cache, "c", 70)
    assert kept(cache) == "ac"


@pytest.mark.parametrize(
    ("bound", "left"),
    [(200, "abcd"), (100, "abcd"), (99, "acd"), (75, "acd"), (50, "ad"), (25, "a"), (24, "")],
)
def test_a_cache_shrinks_to_the_most_recently_used_values_and_can_be_filled_again(bound, left):
    cache = filled("abcd")
    assert not put(cache, "a", 25)
    # From the least recently used on: b, c, d, a.
    cache.shrink_to(bound)
    assert cache.used_bytes == 25 * len(left) <= bound
    assert kept(cache) == left
    for key in "abcd":
        assert put(cache, key, 25) == (key not in left)
    assert cache.used_bytes == 100


def test_concurrent_callers_share_one_computation(threads):
    cache, queue, value = Cache(1000, clock=lambda: 0.0), Queue(), np.arange(3)
    computation = Computation(value)
    calls = [threads.submit(cache.get, "key", computation, queue)]
    assert computation.started.wait(PATIENCE_SECONDS)
    calls += [threads.submit(cache.get, "key", computation, queue) for _ in range(7)]
    queue.wait_for(7)
    assert cache.get("another key", lambda: "at once", never_pause) == "at once"
    computation.allowed.set()
    assert all(call.result(PATIENCE_SECONDS) is value for call in calls)
    assert computation.runs == 1


def test_a_caller_that_waited_for_a_failure_tries_again(threads):
    cache, queue = Cache(100, clock=lambda: 0.0), Queue()
    failing, second = Computation(OSError("no memory")), Computation("value")
    second.allowed.set()
    failed = threads.submit(cache.get, "key", failing, queue)
    assert failing.started.wait(PATIENCE_SECONDS)
    calls = [threads.submit(cache.get, "key", second, queue) for _ in range(3)]
    queue.wait_for(3)
    failing.allowed.set()
    with pytest.raises(OSError, match="no memory"):
        failed.result(PATIENCE_SECONDS)
    assert [call.result(PATIENCE_SECONDS) for call in calls] == ["value"] * 3
    assert (failing.runs, second.runs) == (1, 1)


class StopRun(BaseException):
    """An exception like Streamlit's, which is not an ``Exception``."""


@pytest.mark.parametrize("error", [ZeroDivisionError, StopRun])
def test_a_failure_is_raised_and_leaves_the_key_free(error):
    def fail():
        raise error

    cache = filled("")
    with pytest.raises(error):
        cache.get("key", fail, never_pause)
    assert cache.used_bytes == 0
    assert cache.get("key", lambda: "value", never_pause) == "value"


def test_a_caller_that_stops_waiting_leaves_the_computation_alone(threads):
    cache, computation = Cache(100, clock=lambda: 0.0), Computation("value")
    computing = threads.submit(cache.get, "key", computation, never_pause)
    assert computation.started.wait(PATIENCE_SECONDS)
    given_up = threads.submit(cache.get, "key", computation, leave)
    with pytest.raises(SupersededError):
        given_up.result(PATIENCE_SECONDS)
    assert not computing.done()
    computation.allowed.set()
    assert computing.result(PATIENCE_SECONDS) == "value"
    assert cache.get("key", computation, never_pause) == "value"
    assert computation.runs == 1


@dataclass
class Drawn:
    png: bytes
    flat: int
    levels: np.ndarray


@pytest.mark.parametrize(
    ("value", "size"),
    [
        (np.zeros((2, 3, 4), np.float32), 96),
        (np.zeros((2, 3, 4), np.uint8), 24),
        (np.zeros(0), 0),
        (b"12345", 5),
        ("12345", 5),
        ({1: np.zeros(2, np.float64), 2: b"123"}, 19),
        ([b"1", (b"22", {"key": b"333"})], 6),
        (Drawn(b"1234", 7, np.zeros(6, np.uint8)), 10),
        ({"a": Drawn(b"", 0, np.zeros(1, np.int64))}, 8),
        (None, 0),
        (7, 0),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, int) else str(value),
)
def test_bytes_are_counted_in_nested_containers(value, size):
    assert byte_count(value) == size


NAMES = ("costly", "cheap", "statistic", "first", "second", "new")


@pytest.fixture
def clock(monkeypatch):
    """The cache's clock, a list with the current time in seconds."""
    now = [100.0]
    monkeypatch.setattr(locks, "perf_counter", lambda: now[0])
    return now


def take(cache, clock, key, value, seconds, **options):
    """Get a value that takes so many seconds to compute."""

    def compute():
        clock[0] += seconds
        return value

    return cache.get(key, compute, never_pause, **options)


def test_cheap_values_are_evicted_before_least_recently_used_ones(clock):
    cache = Cache(100)
    take(cache, clock, "costly", b"d" * 40, seconds=0.16)
    take(cache, clock, "cheap", b"c" * 60, seconds=0.006)
    take(cache, clock, "new", b"n" * 50, seconds=0.05)
    assert kept(cache, NAMES) == "costlynew"


def test_unused_values_are_evicted_eventually_whatever_their_cost(clock):
    cache = Cache(100)
    take(cache, clock, "costly", b"d" * 50, seconds=1.0)
    for number in range(300):
        take(cache, clock, number, b"n" * 50, seconds=0.01)
    assert cache.used_bytes <= 100
    assert "costly" not in kept(cache, NAMES)


def test_transient_values_are_shared_but_evict_no_others(clock):
    cache = Cache(100)
    take(cache, clock, "cheap", b"c" * 60, seconds=0.001)
    for frame in range(9):
        take(cache, clock, frame, b"f" * 30, seconds=5.0, transient=True)
        assert kept(cache, NAMES) == "cheap"
        assert cache.used_bytes == 90


def test_a_values_cost_excludes_other_cached_values(clock):
    cache, elsewhere = Cache(100), Cache(1000)

    def statistic():
        take(elsewhere, clock, "maps", b"m" * 500, seconds=8.0)
        clock[0] += 0.001
        return b"s" * 50

    cache.get("statistic", statistic, never_pause)
    take(cache, clock, "costly", b"d" * 50, seconds=0.5)
    take(cache, clock, "new", b"n" * 50, seconds=0.5)
    assert kept(cache, NAMES) == "costlynew"


def test_two_values_computed_at_once_each_cost_the_time_of_both(clock):
    cache = Cache(100)

    def first():
        start = cache.clock()
        clock[0] += 1.0
        cache.keep("second", b"s" * 40, cache.clock() - start)
        return b"f" * 40

    assert cache.get("first", first, never_pause) == b"f" * 40
    take(cache, clock, "cheap", b"c" * 20, seconds=0.01)
    take(cache, clock, "new", b"n" * 20, seconds=0.01)
    assert kept(cache, NAMES) == "firstsecondnew"


def test_working_seconds_exclude_this_threads_waiting_also_if_interrupted(clock, threads):
    def one_more_second():
        clock[0] += 1
        return clock[0] >= 107

    def interrupted():
        clock[0] += 1
        leave()

    start = working_seconds()
    clock[0] += 2
    wait_until(one_more_second, lambda: None)
    with pytest.raises(SupersededError):
        wait_until(lambda: False, interrupted)
    clock[0] += 3
    assert working_seconds() - start == 5
    threads.submit(wait_until, one_more_second, lambda: None).result(PATIENCE_SECONDS)
    assert working_seconds() - start == 6
