"""The lock's exclusion, order and waiting."""

from functools import partial
from threading import Event

import pytest

from tests.support.threads import PATIENCE_SECONDS, Computation, Queue, SupersededError, never_pause
from vgg_viz.serving.locks import FairLock


@pytest.fixture
def lock():
    return FairLock()


def enter(lock, pause, work=None, since=None):
    with lock.hold(pause, since):
        return work() if work else "through"


def test_a_free_lock_is_acquired_at_once_and_its_holds_are_counted(lock):
    for count in range(1, 4):
        assert enter(lock, never_pause, lambda: lock.busy)
        assert not lock.busy
        assert lock.hold_count == count
    with pytest.raises(ZeroDivisionError):
        enter(lock, never_pause, lambda: 1 // 0)
    assert enter(lock, never_pause) == "through"
    assert lock.hold_count == 5


def test_holding_the_lock_twice_in_one_thread_raises(lock):
    with lock.hold(never_pause), pytest.raises(RuntimeError, match="this one already holds it"):
        enter(lock, never_pause)
    assert enter(lock, never_pause) == "through"


class Waiters:
    """A lock that one thread holds, and further threads that wait for it."""

    def __init__(self, lock, threads):
        self.lock, self.threads = lock, threads
        self.passed = []
        self.inside = Computation("inside")
        self.calls = [threads.submit(enter, lock, never_pause, self.inside)]
        assert self.inside.started.wait(PATIENCE_SECONDS)

    def add(self, name, since=None):
        """Let a thread wait in the queue."""
        queue = Queue()
        work = partial(self.passed.append, name)
        self.calls.append(self.threads.submit(enter, self.lock, queue, work, since))
        queue.wait_for(1)

    def end(self):
        """Release the lock, and wait for all threads."""
        assert self.passed == []
        self.inside.allowed.set()
        for call in self.calls:
            call.result(PATIENCE_SECONDS)


@pytest.fixture
def waiters(lock, threads):
    return Waiters(lock, threads)


def test_an_earlier_run_keeps_its_place(waiters):
    for name, since in (("second", 2.0), ("third", 3.0), ("first, again", 1.0)):
        waiters.add(name, since)
    waiters.end()
    assert waiters.passed == ["first, again", "second", "third"]


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
def test_a_waiter_that_left_is_skipped(before, after, waiters, lock, threads):
    pause = Leaving()
    for number in range(before):
        waiters.add(number)
    left = threads.submit(enter, lock, pause)
    assert pause.waits.wait(PATIENCE_SECONDS)
    for number in range(after):
        waiters.add(before + number)
    pause.released.set()
    with pytest.raises(SupersededError):
        left.result(PATIENCE_SECONDS)
    waiters.end()
    assert waiters.passed == [*range(before + after)]  # in the order of their arrival
    assert lock.hold_count == 1 + before + after
    assert enter(lock, never_pause) == "through"


def test_a_waiter_that_leaves_when_admitted_passes_the_lock_on(waiters, lock, threads):
    pause, queue = Leaving(), Queue()
    left = threads.submit(enter, lock, pause)
    assert pause.waits.wait(PATIENCE_SECONDS)
    behind = threads.submit(enter, lock, queue)
    queue.wait_for(1)
    # The lock admits a thread that is in `pause` and will never take it.
    waiters.end()
    assert not behind.done()
    pause.released.set()
    with pytest.raises(SupersededError):
        left.result(PATIENCE_SECONDS)
    assert behind.result(PATIENCE_SECONDS) == "through"
