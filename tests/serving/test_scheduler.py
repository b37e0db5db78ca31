"""What is made next, for whom, and how long it takes: by a clock that is a number."""

import pytest

from tests.support.making import StandInNetwork, four, network_of
from vgg_viz.model.architecture import VGG19
from vgg_viz.model.weights import UntrainedWeights
from vgg_viz.serving.scheduler import (
    FORGET_SECONDS,
    MOST_BEGUN,
    REST_SECONDS,
    OptimizationSpec,
    Scheduler,
)

NETWORK = network_of("mine")
EDGES, EYES, OTHER = (
    OptimizationSpec(NETWORK, VGG19.conv_layer(name), 0, "regularized")
    for name in ("block1_conv1", "block3_conv4", "block2_conv1")
)


@pytest.fixture
def wishes():
    return Scheduler(four)


def want(wishes, subject, channels, now):
    wishes.want(subject, channels, channels, now)


def make(wishes, now):
    """Make the next batch; its layer and channels."""
    batch = wishes.next_batch(now)
    wishes.batches.remove(batch)
    wishes.settle(batch.subject, batch.channels, now)
    return batch.subject.layer.name, *batch.channels


def test_nobody_wants_anything(wishes):
    assert wishes.next_batch(0.0) is None
    assert not wishes


def test_a_wish_is_made_batch_by_batch_in_its_order(wishes):
    want(wishes, EYES, (9, 1, 5, 3, 256, 2), 0.0)
    assert make(wishes, 1.0) == ("block3_conv4", 9, 1, 5, 3)
    assert make(wishes, 2.0) == ("block3_conv4", 256, 2)
    assert wishes.next_batch(2.0) is None


def test_a_batch_that_is_begun_is_gone_on_with(wishes):
    want(wishes, EYES, (1, 2, 3, 4, 5), 0.0)
    assert wishes.next_batch(0.0) is wishes.next_batch(1.0)
    assert len(wishes.batches) == 1


def test_who_waits_longest_is_next(wishes):
    want(wishes, EYES, tuple(range(1, 13)), 0.0)
    want(wishes, EDGES, tuple(range(1, 9)), 0.1)
    want(wishes, OTHER, (1,), 0.2)
    made = [make(wishes, 1.0 + step / 10)[0] for step in range(6)]
    turns = ["block3_conv4", "block1_conv1", "block2_conv1", "block3_conv4", "block1_conv1"]
    assert made == [*turns, "block3_conv4"]


def test_who_comes_does_not_break_into_a_batch(wishes):
    want(wishes, EYES, (1, 2, 3, 4, 5), 0.0)
    batch = wishes.next_batch(0.0)
    want(wishes, EDGES, (1,), 0.1)
    assert wishes.next_batch(0.2) is batch


def test_what_two_want_is_made_once(wishes):
    want(wishes, EYES, (1, 2, 3, 4), 0.0)
    want(wishes, EYES, (3, 4, 5), 0.1)
    assert make(wishes, 1.0) == ("block3_conv4", 1, 2, 3, 4)
    assert make(wishes, 1.1) == ("block3_conv4", 5)
    wishes.forget(1.2)
    assert not wishes


def test_another_network_of_the_same_weights_is_no_other_wish(wishes):
    again = OptimizationSpec(network_of("mine"), EYES.layer, 0, "regularized")
    want(wishes, EYES, (1, 2), 0.0)
    want(wishes, again, (2, 3), 0.1)
    assert make(wishes, 1.0) == ("block3_conv4", 1, 2, 3)


def test_room_in_a_batch_is_for_others_who_look_at_the_same_layer(wishes):
    want(wishes, EYES, (7,), 0.0)
    want(wishes, EDGES, (1,), 0.1)
    for number in (2, 3, 4, 5):
        want(wishes, EYES, (number,), 0.2)
    assert make(wishes, 1.0) == ("block3_conv4", 7, 2, 3, 4)
    assert make(wishes, 1.1) == ("block1_conv1", 1)
    assert make(wishes, 1.2) == ("block3_conv4", 5)


def test_what_is_begun_is_in_no_other_batch(wishes):
    want(wishes, EYES, tuple(range(1, 9)), 0.0)
    wishes.next_batch(0.0)
    want(wishes, EYES, (9,), 0.1)
    wishes.settle(EYES, {8}, 0.2)
    assert make(wishes, 0.3) == ("block3_conv4", 9, 5, 6, 7)


def test_a_wish_that_nobody_looks_at_rests_and_makes_way(wishes):
    want(wishes, EYES, (1, 2), 0.0)
    begun = wishes.next_batch(0.0)
    want(wishes, EDGES, (1,), 1.0)
    assert wishes.next_batch(REST_SECONDS - 0.1) is begun
    assert wishes.next_batch(REST_SECONDS).subject is EDGES
    # Who comes back finds what was begun, and does not break into what is being made.
    want(wishes, EYES, (1, 2), REST_SECONDS + 0.5)
    assert make(wishes, REST_SECONDS + 0.6) == ("block1_conv1", 1)
    assert wishes.next_batch(REST_SECONDS + 0.7) is begun


def test_after_a_minute_what_was_begun_is_forgotten(wishes):
    want(wishes, EYES, (1, 2), 0.0)
    begun = wishes.next_batch(0.0)
    wishes.forget(FORGET_SECONDS - 0.1)
    assert wishes.batches == [begun]
    wishes.forget(FORGET_SECONDS)
    assert not wishes
    assert wishes.batches == []


def test_what_was_begun_for_one_stays_for_another(wishes):
    want(wishes, EYES, (1, 2), 0.0)
    begun = wishes.next_batch(0.0)
    want(wishes, EYES, (2, 3), FORGET_SECONDS - 1)
    wishes.forget(FORGET_SECONDS)
    assert wishes.batches == [begun]
    assert wishes.next_batch(FORGET_SECONDS) is begun


def test_not_more_than_some_batches_rest(wishes):
    begun = []
    for seed in range(MOST_BEGUN + 2):
        want(wishes, OptimizationSpec(NETWORK, EYES.layer, seed, "regularized"), (1,), 5.0 * seed)
        begun.append(wishes.next_batch(5.0 * seed))
        wishes.note(begun[-1], 0, 5, 5.0 * seed)
    assert wishes.batches == begun[-MOST_BEGUN:]


def test_a_damaged_network_is_let_go(wishes):
    sound, damaged = UntrainedWeights(), UntrainedWeights(seed=3)
    for weights in (sound, damaged):
        want(
            wishes,
            OptimizationSpec(StandInNetwork(weights), EYES.layer, 0, "regularized"),
            (1,),
            0.0,
        )
        wishes.next_batch(0.0)
    wishes.forget(0.0, damaged)
    assert [batch.subject.network.weights for batch in wishes.batches] == [sound]
    make(wishes, 0.0)
    assert wishes.next_batch(0.0) is None


# -- how long it takes


def work(wishes, start, seconds, steps=10, until=None):
    """Work on the next batch, so many seconds a step; the time then."""
    batch = wishes.next_batch(start)
    now = start
    for step in range(batch.step + 1, (until or steps) + 1):
        now += seconds
        wishes.note(batch, step, steps, now)
    return now


def test_nothing_is_promised_before_a_step_is_measured(wishes):
    want(wishes, EYES, (1, 2), 0.0)
    assert wishes.seconds_left(EYES, (1, 2), 0.0) is None
    # The first is not: what is compiled with it takes longer.
    now = work(wishes, 0.0, 2.0, until=1)
    assert wishes.seconds_left(EYES, (1, 2), now) is None
    assert wishes.seconds_left(EYES, (7,), now) is None


def test_the_rest_of_a_batch_and_those_to_come(wishes):
    channels = tuple(range(1, 11))  # three batches
    want(wishes, EYES, channels, 0.0)
    now = work(wishes, 0.0, 0.1, until=4)
    assert wishes.seconds_left(EYES, channels, now) == pytest.approx((6 + 10 + 10) * 0.1)
    work(wishes, now, 0.1)
    make(wishes, now)
    assert wishes.seconds_left(EYES, channels, now) == pytest.approx(2.0)


def test_others_batches_come_in_between_but_not_more_of_them(wishes):
    for subject in (EYES, EDGES):
        want(wishes, subject, (1, 2, 3, 4), 0.0)
        work(wishes, 0.0, 0.2 if subject is EYES else 0.1)
        make(wishes, 1.0)
    short, long = (1, 2, 3, 4, 5), tuple(range(1, 41))
    want(wishes, EYES, short, 2.0)
    want(wishes, EDGES, long, 2.0)
    # Five channels are two batches; with each goes one of the other's ten.
    assert wishes.seconds_left(EYES, short, 2.0) == pytest.approx(2 * 2.0 + 2 * 1.0)
    assert wishes.seconds_left(EDGES, long, 2.0) == pytest.approx(10 * 1.0 + 2 * 2.0)
    # Who has left does not count.
    later = 2.0 + REST_SECONDS
    want(wishes, EDGES, long, later)
    assert wishes.seconds_left(EDGES, long, later) == pytest.approx(10 * 1.0)


def test_while_it_rests_time_does_not_count(wishes):
    want(wishes, EYES, (1, 2), 0.0)
    now = work(wishes, 0.0, 0.1, until=4)
    wishes.rested()
    want(wishes, EYES, (1, 2), now + 50)
    now = work(wishes, now + 50, 0.1, until=8)
    assert wishes.seconds_left(EYES, (1, 2), now) == pytest.approx(0.2)


def test_anothers_batch_in_between_does_not_count(wishes):
    want(wishes, EYES, (1, 2), 0.0)
    eyes = wishes.next_batch(0.0)
    now = work(wishes, 0.0, 0.1, until=4)
    want(wishes, EDGES, (1,), now + 3)
    now = work(wishes, now + 3, 1.0, until=5)
    want(wishes, EYES, (1, 2), now)
    for step in (5, 6):
        now += 0.1
        wishes.note(eyes, step, 10, now)
    want(wishes, EYES, (1, 2), now)
    eyes_alone = wishes.seconds_left(EYES, (1, 2), now + REST_SECONDS - 0.1)
    assert eyes_alone == pytest.approx(0.4)


def test_a_machine_that_gets_slower_is_noticed(wishes):
    want(wishes, EYES, (1,), 0.0)
    now = work(wishes, 0.0, 0.1, steps=100, until=20)
    now = work(wishes, now, 0.4, steps=100, until=40)
    assert wishes.seconds_left(EYES, (1,), now) == pytest.approx(60 * 0.4, rel=0.05)
