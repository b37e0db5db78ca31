"""Turns: one at a time, who came first before the others, and nobody lost."""

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
def turns():
    return FairLock()


def enter(turns, pause, stay=None):
    with turns.hold(pause):
        return stay() if stay else "through"


def test_a_free_turn_is_had_at_once(turns):
    assert [enter(turns, never_pause) for _ in range(3)] == ["through"] * 3


def test_only_one_is_inside_at_a_time(turns, threads):
    queue, inside, next_inside = Queue(), Computation("first"), Computation("second")
    next_inside.allowed.set()
    first = threads.submit(enter, turns, queue, inside)
    assert inside.started.wait(PATIENCE_SECONDS)
    others = [threads.submit(enter, turns, queue, next_inside) for _ in range(3)]
    queue.wait_for(3)
    assert next_inside.runs == 0
    inside.allowed.set()
    assert first.result(PATIENCE_SECONDS) == "first"
    assert [other.result(PATIENCE_SECONDS) for other in others] == ["second"] * 3


def test_who_leaves_the_queue_lets_the_others_pass(turns, threads):
    queue, inside = Queue(), Computation("first")
    first = threads.submit(enter, turns, queue, inside)
    assert inside.started.wait(PATIENCE_SECONDS)
    left = threads.submit(enter, turns, leave)
    with pytest.raises(SupersededError):
        left.result(PATIENCE_SECONDS)
    # Leaving the queue is not leaving the turns: the first one is still inside.
    second = threads.submit(enter, turns, queue)
    queue.wait_for(1)
    assert not second.done()
    inside.allowed.set()
    assert first.result(PATIENCE_SECONDS) == "first"
    assert second.result(PATIENCE_SECONDS) == "through"


def test_who_fails_inside_leaves_the_turn_free(turns):
    with pytest.raises(ZeroDivisionError):
        enter(turns, never_pause, lambda: 1 // 0)
    assert enter(turns, never_pause) == "through"


def in_line(turns, threads, passed, count):
    """Let one in and make so many others wait, one after the other; all that is to be ended."""
    inside = Computation("inside")
    first = threads.submit(enter, turns, never_pause, inside)
    assert inside.started.wait(PATIENCE_SECONDS)
    others = []
    for number in range(count):
        queue = Queue()
        go = threads.submit(enter, turns, queue, lambda number=number: passed.append(number))
        queue.wait_for(1)
        others.append(go)
    return inside, first, others


def end(inside, *calls):
    inside.allowed.set()
    for call in calls:
        call.result(PATIENCE_SECONDS)


def test_who_comes_first_is_served_first(turns, threads):
    passed = []
    inside, first, others = in_line(turns, threads, passed, 6)
    assert passed == []
    end(inside, first, *others)
    assert passed == list(range(6))


def test_who_comes_last_waits_for_all_who_are_in_line(turns, threads):
    passed = []
    inside, first, others = in_line(turns, threads, passed, 3)
    queue = Queue()
    last = threads.submit(enter, turns, queue, lambda: passed.append("last"))
    queue.wait_for(1)
    end(inside, first, last, *others)
    assert passed == [0, 1, 2, "last"]


def test_who_came_first_need_not_wait_again_for_those_who_came_later(turns, threads):
    queue, order = Queue(), []
    gate = Event()

    def pass_through(name, since):
        with turns.hold(queue, since):
            order.append(name)

    def hold():
        with turns.hold(queue):
            gate.wait(PATIENCE_SECONDS)

    inside = threads.submit(hold)
    while not turns.taken:
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
    """A ``pause`` that reports who waits, and raises once it is told to."""

    def __init__(self):
        self.waits, self.told = Event(), Event()

    def __call__(self):
        self.waits.set()
        assert self.told.wait(PATIENCE_SECONDS), "never told to leave"
        raise SupersededError


@pytest.mark.parametrize("before", [0, 2], ids=["first in line", "in the middle"])
@pytest.mark.parametrize("after", [0, 2], ids=["last in line", "others behind"])
def test_who_leaves_the_line_is_not_waited_for(before, after, turns, threads):
    passed, pause = [], Leaving()
    inside, first, others = in_line(turns, threads, passed, before)
    left = threads.submit(enter, turns, pause, lambda: passed.append("who left"))
    assert pause.waits.wait(PATIENCE_SECONDS)
    for number in range(after):
        queue = Queue()
        others.append(
            threads.submit(enter, turns, queue, lambda n=number: passed.append(before + n))
        )
        queue.wait_for(1)
    pause.told.set()
    with pytest.raises(SupersededError):
        left.result(PATIENCE_SECONDS)
    assert passed == []
    end(inside, first, *others)
    assert passed == list(range(before + after))
    assert turns.taken == 1 + before + after
    assert enter(turns, never_pause) == "through"


def test_who_leaves_just_as_the_turn_comes_passes_it_on(turns, threads):
    passed, pause = [], Leaving()
    inside, first, _ = in_line(turns, threads, passed, 0)
    left = threads.submit(enter, turns, pause)
    assert pause.waits.wait(PATIENCE_SECONDS)
    queue = Queue()
    behind = threads.submit(enter, turns, queue)
    queue.wait_for(1)
    # The turn is given to one who is in `pause`, and will never take it.
    end(inside, first)
    assert not behind.done()
    pause.told.set()
    with pytest.raises(SupersededError):
        left.result(PATIENCE_SECONDS)
    assert behind.result(PATIENCE_SECONDS) == "through"


def test_who_fails_inside_lets_the_next_pass(turns, threads):
    inside, queue = Computation(OSError("no memory")), Queue()
    failing = threads.submit(enter, turns, never_pause, inside)
    assert inside.started.wait(PATIENCE_SECONDS)
    behind = threads.submit(enter, turns, queue)
    queue.wait_for(1)
    inside.allowed.set()
    with pytest.raises(OSError, match="no memory"):
        failing.result(PATIENCE_SECONDS)
    assert behind.result(PATIENCE_SECONDS) == "through"


def test_turns_are_counted(turns):
    assert turns.taken == 0
    for count in range(1, 4):
        enter(turns, never_pause)
        assert turns.taken == count
    with pytest.raises(ZeroDivisionError):
        enter(turns, never_pause, lambda: 1 // 0)
    assert turns.taken == 4


def test_no_turn_is_lost_among_many(turns, threads):
    together, most, served = [], [], []

    def stay(number):
        together.append(number)
        most.append(len(together))
        served.append(number)
        together.remove(number)

    def take_turns(thread):
        queue = Queue()
        for turn in range(25):
            number = 25 * thread + turn
            enter(turns, queue, lambda number=number: stay(number))

    for call in [threads.submit(take_turns, thread) for thread in range(8)]:
        call.result(3 * PATIENCE_SECONDS)
    assert sorted(served) == list(range(200))
    assert set(most) == {1}
    assert turns.taken == 200


def test_there_is_a_pause_after_each_attempt_that_was_not_the_last():
    events = []
    answers = iter([False, False, True])

    def done():
        events.append("done?")
        return next(answers)

    wait_until(done, lambda: events.append("pause"))
    assert events == ["done?", "pause", "done?", "pause", "done?"]


def test_the_turns_are_busy_while_somebody_is_inside(turns):
    assert not turns.busy
    with turns.hold(never_pause):
        assert turns.busy
    assert not turns.busy


def test_who_asks_for_a_turn_within_a_turn_is_told_so_and_waits_for_nobody(turns):
    with turns.hold(never_pause), pytest.raises(RuntimeError, match="one turn at a time"):
        enter(turns, never_pause)
    assert enter(turns, never_pause) == "through"
