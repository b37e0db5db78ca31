"""The lock's exclusion, order and waiting."""

from threading import Event

import pytest

from tests.support.threads import (
    PATIENCE_SECONDS,
    Computation,
    Queue,
    SupersededError,
    leave,
    never_pause,
)
from vgg_viz.serving.locks import FairLock, wait_until


@pytest.fixture
def lock():
    return FairLock()


def enter(lock, pause, work=None):
    with lock.hold(pause):
        return work() if work else "through"


def test_a_free_lock_is_acquired_at_once(lock):
    assert [enter(lock, never_pause) for _ in range(3)] == ["through"] * 3


def test_only_one_thread_holds_the_lock(lock, threads):
    queue, inside, next_inside = Queue(), Computation("first"), Computation("second")
    next_inside.allowed.set()
    first = threads.submit(enter, lock, queue, inside)
    assert inside.started.wait(PATIENCE_SECONDS)
    others = [threads.submit(enter, lock, queue, next_inside) for _ in range(3)]
    queue.wait_for(3)
    assert next_inside.runs == 0
    inside.allowed.set()
    assert first.result(PATIENCE_SECONDS) == "first"
    assert [other.result(PATIENCE_SECONDS) for other in others] == ["second"] * 3


def test_a_thread_that_leaves_the_queue_lets_others_pass(lock, threads):
    queue, inside = Queue(), Computation("first")
    first = threads.submit(enter, lock, queue, inside)
    assert inside.started.wait(PATIENCE_SECONDS)
    left = threads.submit(enter, lock, leave)
    with pytest.raises(SupersededError):
        left.result(PATIENCE_SECONDS)
    # The first thread still holds the lock.
    second = threads.submit(enter, lock, queue)
    queue.wait_for(1)
    assert not second.done()
    inside.allowed.set()
    assert first.result(PATIENCE_SECONDS) == "first"
    assert second.result(PATIENCE_SECONDS) == "through"


def test_an_error_while_holding_releases_the_lock(lock):
    with pytest.raises(ZeroDivisionError):
        enter(lock, never_pause, lambda: 1 // 0)
    assert enter(lock, never_pause) == "through"


def hold_with_waiters(lock, threads, passed, count):
    """Hold the lock in one thread, and let others wait for it one after the other."""
    inside = Computation("inside")
    first = threads.submit(enter, lock, never_pause, inside)
    assert inside.started.wait(PATIENCE_SECONDS)
    others = []
    for number in range(count):
        queue = Queue()
        waiter = threads.submit(enter, lock, queue, lambda number=number: passed.append(number))
        queue.wait_for(1)
        others.append(waiter)
    return inside, first, others


def end(inside, *calls):
    inside.allowed.set()
    for call in calls:
        call.result(PATIENCE_SECONDS)


def test_waiters_are_admitted_in_order(lock, threads):
    passed = []
    inside, first, others = hold_with_waiters(lock, threads, passed, 6)
    assert passed == []
    end(inside, first, *others)
    assert passed == list(range(6))


def test_the_last_waiter_is_admitted_last(lock, threads):
    passed = []
    inside, first, others = hold_with_waiters(lock, threads, passed, 3)
    queue = Queue()
    last = threads.submit(enter, lock, queue, lambda: passed.append("last"))
    queue.wait_for(1)
    end(inside, first, last, *others)
    assert passed == [0, 1, 2, "last"]


def test_an_earlier_run_keeps_its_place(lock, threads):
    queue, order = Queue(), []
    gate = Event()

    def pass_through(name, since):
        with lock.hold(queue, since):
            order.append(name)

    def hold():
        with lock.hold(queue):
            gate.wait(PATIENCE_SECONDS)

    inside = threads.submit(hold)
    while not lock.hold_count:
        Event().wait(0.001)
    later = []
    for name, since in (("second", 2.0), ("third", 3.0), ("first, again", 1.0)):
        later.append(threads.submit(pass_through, name, since))
        queue.wait_for(1)
    gate.set()
    for one in [inside, *later]:
        one.result(PATIENCE_SECONDS)
    assert order == ["first, again", "second", "third"]


class Leaving:
    """A ``pause`` that reports a waiter, and raises when released."""

    def __init__(self):
        self.waits, self.released = Event(), Event()

    def __call__(self):
        self.waits.set()
        assert self.released.wait(PATIENCE_SECONDS), "expected a release"
        raise SupersededError


@pytest.mark.parametrize("before", [0, 2], ids=["first waiter", "waiters before"])
@pytest.mark.parametrize("after", [0, 2], ids=["last waiter", "waiters behind"])
def test_a_waiter_that_left_is_skipped(before, after, lock, threads):
    passed, pause = [], Leaving()
    inside, first, others = hold_with_waiters(lock, threads, passed, before)
    left = threads.submit(enter, lock, pause, lambda: passed.append("left"))
    assert pause.waits.wait(PATIENCE_SECONDS)
    for number in range(after):
        queue = Queue()
        others.append(
            threads.submit(enter, lock, queue, lambda n=number: passed.append(before + n))
        )
        queue.wait_for(1)
    pause.released.set()
    with pytest.raises(SupersededError):
        left.result(PATIENCE_SECONDS)
    assert passed == []
    end(inside, first, *others)
    assert passed == list(range(before + after))
    assert lock.hold_count == 1 + before + after
    assert enter(lock, never_pause) == "through"


def test_a_waiter_that_leaves_when_admitted_passes_the_lock_on(lock, threads):
    passed, pause = [], Leaving()
    inside, first, _ = hold_with_waiters(lock, threads, passed, 0)
    left = threads.submit(enter, lock, pause)
    assert pause.waits.wait(PATIENCE_SECONDS)
    queue = Queue()
    behind = threads.submit(enter, lock, queue)
    queue.wait_for(1)
    # The lock admits a thread that is in `pause` and will never take it.
    end(inside, first)
    assert not behind.done()
    pause.released.set()
    with pytest.raises(SupersededError):
        left.result(PATIENCE_SECONDS)
    assert behind.result(PATIENCE_SECONDS) == "through"


def test_an_error_while_holding_admits_the_next_waiter(lock, threads):
    inside, queue = Computation(OSError("no memory")), Queue()
    failing = threads.submit(enter, lock, never_pause, inside)
    assert inside.started.wait(PATIENCE_SECONDS)
    behind = threads.submit(enter, lock, queue)
    queue.wait_for(1)
    inside.allowed.set()
    with pytest.raises(OSError, match="no memory"):
        failing.result(PATIENCE_SECONDS)
    assert behind.result(PATIENCE_SECONDS) == "through"


def test_holds_are_counted(lock):
    assert lock.hold_count == 0
    for count in range(1, 4):
        enter(lock, never_pause)
        assert lock.hold_count == count
    with pytest.raises(ZeroDivisionError):
        enter(lock, never_pause, lambda: 1 // 0)
    assert lock.hold_count == 4


def test_many_threads_all_get_the_lock(lock, threads):
    holders, most, served = [], [], []

    def work(number):
        holders.append(number)
        most.append(len(holders))
        served.append(number)
        holders.remove(number)

    def hold_often(thread):
        queue = Queue()
        for repetition in range(25):
            number = 25 * thread + repetition
            enter(lock, queue, lambda number=number: work(number))

    for call in [threads.submit(hold_often, thread) for thread in range(8)]:
        call.result(3 * PATIENCE_SECONDS)
    assert sorted(served) == list(range(200))
    assert set(most) == {1}
    assert lock.hold_count == 200


def test_pause_follows_every_unsuccessful_poll():
    events = []
    answers = iter([False, False, True])

    def poll():
        events.append("poll")
        return next(answers)

    wait_until(poll, lambda: events.append("pause"))
    assert events == ["poll", "pause", "poll", "pause", "poll"]


def test_a_held_lock_is_busy(lock):
    assert not lock.busy
    with lock.hold(never_pause):
        assert lock.busy
    assert not lock.busy


def test_holding_the_lock_twice_in_one_thread_raises(lock):
    with lock.hold(never_pause), pytest.raises(RuntimeError, match="this one already holds it"):
        enter(lock, never_pause)
    assert enter(lock, never_pause) == "through"
