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


def is_cached(cache, key):
    """Return whether the cache has a value of that key."""

    def refuse():
        raise LookupError

    try:
        cache.get(key, refuse, never_pause)
    except LookupError:
        return False
    return True


# -- the bound


def test_a_value_is_computed_once_and_then_the_same_object():
    cache = Cache(100, clock=lambda: 0.0)
    value = cache.get("key", lambda: [1, 2], never_pause)
    assert value == [1, 2]
    assert cache.get("key", lambda: pytest.fail("computed again"), never_pause) is value


def test_none_is_a_value_like_any_other():
    cache = Cache(100, clock=lambda: 0.0)
    assert cache.get("key", lambda: None, never_pause) is None
    assert cache.get("key", lambda: pytest.fail("computed again"), never_pause) is None


def test_keys_do_not_share_values():
    cache = Cache(100, clock=lambda: 0.0)
    values = [
        cache.get(("maps", number), lambda n=number: str(n), never_pause) for number in (1, 2)
    ]
    assert values == ["1", "2"]


def test_values_are_kept_up_to_the_bound_exactly():
    cache = Cache(100, clock=lambda: 0.0)
    assert all(put(cache, key, 25) for key in "abcd")
    assert cache.used_bytes == 100
    assert not any(put(cache, key, 25) for key in "abcd")


def test_one_byte_too_many_evicts_the_oldest_value():
    cache = Cache(100, clock=lambda: 0.0)
    for key in "abc":
        put(cache, key, 30)
    put(cache, "d", 11)
    assert cache.used_bytes == 71
    assert [put(cache, key, 30) for key in "bc"] == [False, False]
    assert put(cache, "a", 30)


def test_the_least_recently_used_value_is_evicted_first():
    cache = Cache(90, clock=lambda: 0.0)
    for key in "abc":
        put(cache, key, 30)
    assert not put(cache, "a", 30)
    put(cache, "d", 30)
    assert [put(cache, key, 30) for key in "acd"] == [False, False, False]
    assert put(cache, "b", 30)


def test_a_large_value_evicts_several_small_ones():
    cache = Cache(100, clock=lambda: 0.0)
    for key in "abcd":
        put(cache, key, 25)
    put(cache, "e", 60)
    assert cache.used_bytes == 85
    assert not put(cache, "d", 25)
    assert not put(cache, "e", 60)


def test_a_value_larger_than_the_bound_is_returned_but_not_kept():
    cache = Cache(100, clock=lambda: 0.0)
    assert put(cache, "large", 101)
    assert cache.used_bytes == 0
    assert put(cache, "large", 101)
    assert put(cache, "small", 100)
    assert not put(cache, "small", 100)


def test_kept_values_are_found_by_peek_and_get():
    cache = Cache(100, clock=lambda: 0.0)
    assert cache.peek("a") is None
    cache.keep("a", bytes(30), seconds=1.0)
    cache.keep("b", bytes(30), seconds=1.0)
    assert len(cache.peek("a")) == 30  # peek counts as a use
    assert not put(cache, "b", 30)
    assert cache.peek("a")
    put(cache, "c", 70)
    assert (cache.peek("a"), cache.peek("b")) == (bytes(30), None)


@pytest.mark.parametrize(
    ("bound", "kept"),
    [(200, "abcd"), (100, "abcd"), (99, "acd"), (75, "acd"), (50, "ad"), (25, "a"), (24, "")],
)
def test_a_cache_shrinks_to_the_most_recently_used_values(bound, kept):
    cache = Cache(100, clock=lambda: 0.0)
    for key in "abcd":
        put(cache, key, 25)
    assert not put(cache, "a", 25)
    # From the least recently used on: b, c, d, a.
    cache.shrink_to(bound)
    assert cache.used_bytes == 25 * len(kept) <= bound
    for key in kept:
        assert not put(cache, key, 25)


def test_a_cache_can_be_emptied_and_filled_up_to_its_bound_again():
    cache = Cache(100, clock=lambda: 0.0)
    put(cache, "a", 60)
    cache.shrink_to(0)
    assert cache.used_bytes == 0
    assert put(cache, "a", 60)
    assert put(cache, "b", 40)
    assert cache.used_bytes == 100
    assert not put(cache, "a", 60)


def test_an_empty_cache_can_shrink():
    cache = Cache(100, clock=lambda: 0.0)
    cache.shrink_to(0)
    assert cache.used_bytes == 0


def test_shrinking_leaves_a_computation_alone(threads):
    cache, computation = Cache(100, clock=lambda: 0.0), Computation("value")
    put(cache, "a", 60)
    computing = threads.submit(cache.get, "key", computation, never_pause)
    assert computation.started.wait(PATIENCE_SECONDS)
    cache.shrink_to(0)
    computation.allowed.set()
    assert computing.result(PATIENCE_SECONDS) == "value"
    assert cache.used_bytes == len("value")


# -- many callers


def test_concurrent_callers_share_one_computation(threads):
    cache, queue, value = Cache(1000, clock=lambda: 0.0), Queue(), np.arange(3)
    computation = Computation(value)
    calls = [threads.submit(cache.get, "key", computation, queue)]
    assert computation.started.wait(PATIENCE_SECONDS)
    calls += [threads.submit(cache.get, "key", computation, queue) for _ in range(7)]
    queue.wait_for(7)
    computation.allowed.set()
    assert all(call.result(PATIENCE_SECONDS) is value for call in calls)
    assert computation.runs == 1


def test_another_key_does_not_wait(threads):
    cache, computation = Cache(1000, clock=lambda: 0.0), Computation("slow")
    slow = threads.submit(cache.get, "slow", computation, never_pause)
    assert computation.started.wait(PATIENCE_SECONDS)
    quick = threads.submit(cache.get, "quick", lambda: "quick", never_pause)
    assert quick.result(PATIENCE_SECONDS) == "quick"
    assert cache.used_bytes == len("quick")
    computation.allowed.set()
    assert slow.result(PATIENCE_SECONDS) == "slow"


def test_a_waiting_caller_gets_a_value_too_large_to_cache(threads):
    cache, queue = Cache(10, clock=lambda: 0.0), Queue()
    first, second = Computation(bytes(11)), Computation(bytes(11))
    second.allowed.set()
    calls = [threads.submit(cache.get, "key", first, queue)]
    assert first.started.wait(PATIENCE_SECONDS)
    calls.append(threads.submit(cache.get, "key", second, queue))
    queue.wait_for(1)
    first.allowed.set()
    assert [len(call.result(PATIENCE_SECONDS)) for call in calls] == [11, 11]
    assert cache.used_bytes == 0


# -- failures


def test_a_failure_is_raised_and_not_kept():
    cache = Cache(100, clock=lambda: 0.0)
    with pytest.raises(ZeroDivisionError):
        cache.get("key", lambda: 1 // 0, never_pause)
    assert cache.used_bytes == 0
    assert cache.get("key", lambda: "value", never_pause) == "value"


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


def test_a_run_that_ends_while_it_computes_leaves_the_key_free():
    class StopRun(BaseException):
        """An exception like Streamlit's, which is not an ``Exception``."""

    def stop():
        raise StopRun

    cache = Cache(100, clock=lambda: 0.0)
    with pytest.raises(StopRun):
        cache.get("key", stop, never_pause)
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


# -- sizes


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
    assert not is_cached(cache, "cheap")
    assert is_cached(cache, "costly")
    assert is_cached(cache, "new")


def test_unused_values_are_evicted_eventually_whatever_their_cost(clock):
    cache = Cache(100)
    take(cache, clock, "costly", b"d" * 50, seconds=1.0)
    for number in range(300):
        take(cache, clock, number, b"n" * 50, seconds=0.01)
    assert cache.used_bytes <= 100
    assert not is_cached(cache, "costly")


def test_transient_values_are_shared_but_evict_no_others(clock):
    cache = Cache(100)
    take(cache, clock, "cheap", b"c" * 60, seconds=0.001)
    for frame in range(9):
        take(cache, clock, frame, b"f" * 30, seconds=5.0, transient=True)
        assert is_cached(cache, frame)
    assert is_cached(cache, "cheap")


def test_a_values_cost_excludes_other_cached_values(clock):
    cache, elsewhere = Cache(100), Cache(1000)

    def statistic():
        take(elsewhere, clock, "maps", b"m" * 500, seconds=8.0)
        clock[0] += 0.001
        return b"s" * 50

    cache.get("statistic", statistic, never_pause)
    take(cache, clock, "costly", b"d" * 50, seconds=0.5)
    take(cache, clock, "new", b"n" * 50, seconds=0.5)
    assert not is_cached(cache, "statistic")
    assert is_cached(cache, "costly")


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
    assert not is_cached(cache, "cheap")
    assert is_cached(cache, "first")
    assert cache.get("second", lambda: pytest.fail("is kept"), never_pause) == b"s" * 40


def test_working_seconds_exclude_waiting(clock):
    def one_more_second():
        clock[0] += 1
        return clock[0] >= 107

    start = working_seconds()
    clock[0] += 2
    wait_until(one_more_second, lambda: None)
    clock[0] += 3
    assert working_seconds() - start == 5


def test_working_seconds_exclude_interrupted_waiting(clock):
    def leave_after_a_second():
        clock[0] += 1
        leave()

    start = working_seconds()
    with pytest.raises(SupersededError):
        wait_until(lambda: False, leave_after_a_second)
    assert working_seconds() == start


def test_working_seconds_are_measured_per_thread(clock, threads):
    def poll():
        clock[0] += 1
        return True

    start = working_seconds()
    threads.submit(wait_until, poll, lambda: None).result(PATIENCE_SECONDS)
    assert working_seconds() - start == 1
