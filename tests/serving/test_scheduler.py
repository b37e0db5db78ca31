"""Order of batches and time estimates, with a clock that is a number."""

import pytest

from tests.support.making import StandInNetwork, four, network_of
from vgg_viz.model.architecture import VGG19
from vgg_viz.model.weights import UntrainedWeights
from vgg_viz.serving.scheduler import (
    ACTIVE_SECONDS,
    EXPIRY_SECONDS,
    MAX_BATCHES,
    OptimizationSpec,
    Scheduler,
)

NETWORK = network_of("mine")
EDGES, EYES, OTHER = (
    OptimizationSpec(NETWORK, VGG19.conv_layer(name), 0, "regularized")
    for name in ("block1_conv1", "block3_conv4", "block2_conv1")
)


@pytest.fixture
def scheduler():
    return Scheduler(four)


def request(scheduler, spec, channels, now):
    scheduler.renew(spec, channels, channels, now)


def finish(scheduler, now):
    """Finish the next batch; return its layer and channels."""
    batch = scheduler.next_batch(now)
    scheduler.batches.remove(batch)
    scheduler.settle(batch.spec, batch.channels, now)
    return batch.spec.layer.name, *batch.channels


def test_no_requests_have_no_batch(scheduler):
    assert scheduler.next_batch(0.0) is None
    assert not scheduler


def test_a_request_is_split_into_batches_in_order(scheduler):
    request(scheduler, EYES, (9, 1, 5, 3, 256, 2), 0.0)
    assert finish(scheduler, 1.0) == ("block3_conv4", 9, 1, 5, 3)
    assert finish(scheduler, 2.0) == ("block3_conv4", 256, 2)
    assert scheduler.next_batch(2.0) is None


def test_a_begun_batch_continues(scheduler):
    request(scheduler, EYES, (1, 2, 3, 4, 5), 0.0)
    assert scheduler.next_batch(0.0) is scheduler.next_batch(1.0)
    assert len(scheduler.batches) == 1


def test_the_request_that_waits_longest_is_next(scheduler):
    request(scheduler, EYES, tuple(range(1, 13)), 0.0)
    request(scheduler, EDGES, tuple(range(1, 9)), 0.1)
    request(scheduler, OTHER, (1,), 0.2)
    finished = [finish(scheduler, 1.0 + step / 10)[0] for step in range(6)]
    expected = ["block3_conv4", "block1_conv1", "block2_conv1", "block3_conv4", "block1_conv1"]
    assert finished == [*expected, "block3_conv4"]


def test_a_new_request_does_not_interrupt_a_batch(scheduler):
    request(scheduler, EYES, (1, 2, 3, 4, 5), 0.0)
    batch = scheduler.next_batch(0.0)
    request(scheduler, EDGES, (1,), 0.1)
    assert scheduler.next_batch(0.2) is batch


def test_shared_channels_are_optimized_once(scheduler):
    request(scheduler, EYES, (1, 2, 3, 4), 0.0)
    request(scheduler, EYES, (3, 4, 5), 0.1)
    assert finish(scheduler, 1.0) == ("block3_conv4", 1, 2, 3, 4)
    assert finish(scheduler, 1.1) == ("block3_conv4", 5)
    scheduler.drop_expired(1.2)
    assert not scheduler


def test_networks_with_equal_weights_share_batches(scheduler):
    again = OptimizationSpec(network_of("mine"), EYES.layer, 0, "regularized")
    request(scheduler, EYES, (1, 2), 0.0)
    request(scheduler, again, (2, 3), 0.1)
    assert finish(scheduler, 1.0) == ("block3_conv4", 1, 2, 3)


def test_a_batch_is_filled_from_other_requests_for_the_layer(scheduler):
    request(scheduler, EYES, (7,), 0.0)
    request(scheduler, EDGES, (1,), 0.1)
    for number in (2, 3, 4, 5):
        request(scheduler, EYES, (number,), 0.2)
    assert finish(scheduler, 1.0) == ("block3_conv4", 7, 2, 3, 4)
    assert finish(scheduler, 1.1) == ("block1_conv1", 1)
    assert finish(scheduler, 1.2) == ("block3_conv4", 5)


def test_begun_channels_are_in_no_other_batch(scheduler):
    request(scheduler, EYES, tuple(range(1, 9)), 0.0)
    scheduler.next_batch(0.0)
    request(scheduler, EYES, (9,), 0.1)
    scheduler.settle(EYES, {8}, 0.2)
    assert finish(scheduler, 0.3) == ("block3_conv4", 9, 5, 6, 7)


def test_a_request_that_is_not_renewed_makes_way(scheduler):
    request(scheduler, EYES, (1, 2), 0.0)
    begun = scheduler.next_batch(0.0)
    request(scheduler, EDGES, (1,), 1.0)
    assert scheduler.next_batch(ACTIVE_SECONDS - 0.1) is begun
    assert scheduler.next_batch(ACTIVE_SECONDS).spec is EDGES
    # A renewed request finds its batch again, and does not interrupt the current one.
    request(scheduler, EYES, (1, 2), ACTIVE_SECONDS + 0.5)
    assert finish(scheduler, ACTIVE_SECONDS + 0.6) == ("block1_conv1", 1)
    assert scheduler.next_batch(ACTIVE_SECONDS + 0.7) is begun


def test_begun_batches_expire_after_a_minute(scheduler):
    request(scheduler, EYES, (1, 2), 0.0)
    begun = scheduler.next_batch(0.0)
    scheduler.drop_expired(EXPIRY_SECONDS - 0.1)
    assert scheduler.batches == [begun]
    scheduler.drop_expired(EXPIRY_SECONDS)
    assert not scheduler
    assert scheduler.batches == []


def test_a_batch_stays_for_another_request(scheduler):
    request(scheduler, EYES, (1, 2), 0.0)
    begun = scheduler.next_batch(0.0)
    request(scheduler, EYES, (2, 3), EXPIRY_SECONDS - 1)
    scheduler.drop_expired(EXPIRY_SECONDS)
    assert scheduler.batches == [begun]
    assert scheduler.next_batch(EXPIRY_SECONDS) is begun


def test_paused_batches_are_limited(scheduler):
    begun = []
    for seed in range(MAX_BATCHES + 2):
        request(
            scheduler, OptimizationSpec(NETWORK, EYES.layer, seed, "regularized"), (1,), 5.0 * seed
        )
        begun.append(scheduler.next_batch(5.0 * seed))
        scheduler.record(begun[-1], 0, 5, 5.0 * seed)
    assert scheduler.batches == begun[-MAX_BATCHES:]


def test_batches_of_a_damaged_network_are_dropped(scheduler):
    sound, damaged = UntrainedWeights(), UntrainedWeights(seed=3)
    for weights in (sound, damaged):
        request(
            scheduler,
            OptimizationSpec(StandInNetwork(weights), EYES.layer, 0, "regularized"),
            (1,),
            0.0,
        )
        scheduler.next_batch(0.0)
    scheduler.drop_expired(0.0, damaged)
    assert [batch.spec.network.weights for batch in scheduler.batches] == [sound]
    finish(scheduler, 0.0)
    assert scheduler.next_batch(0.0) is None


# -- how long it takes


def work(scheduler, start, seconds, steps=10, until=None):
    """Work on the next batch with so many seconds per step; return the time after it."""
    batch = scheduler.next_batch(start)
    now = start
    for step in range(batch.step + 1, (until or steps) + 1):
        now += seconds
        scheduler.record(batch, step, steps, now)
    return now


def test_seconds_left_are_unknown_before_a_step_is_measured(scheduler):
    request(scheduler, EYES, (1, 2), 0.0)
    assert scheduler.seconds_left(EYES, (1, 2), 0.0) is None
    # The first step includes compilation, so it is not measured.
    now = work(scheduler, 0.0, 2.0, until=1)
    assert scheduler.seconds_left(EYES, (1, 2), now) is None
    assert scheduler.seconds_left(EYES, (7,), now) is None


def test_seconds_left_include_later_batches(scheduler):
    channels = tuple(range(1, 11))  # three batches
    request(scheduler, EYES, channels, 0.0)
    now = work(scheduler, 0.0, 0.1, until=4)
    assert scheduler.seconds_left(EYES, channels, now) == pytest.approx((6 + 10 + 10) * 0.1)
    work(scheduler, now, 0.1)
    finish(scheduler, now)
    assert scheduler.seconds_left(EYES, channels, now) == pytest.approx(2.0)


def test_seconds_left_include_alternating_batches_of_others(scheduler):
    for spec in (EYES, EDGES):
        request(scheduler, spec, (1, 2, 3, 4), 0.0)
        work(scheduler, 0.0, 0.2 if spec is EYES else 0.1)
        finish(scheduler, 1.0)
    short, long = (1, 2, 3, 4, 5), tuple(range(1, 41))
    request(scheduler, EYES, short, 2.0)
    request(scheduler, EDGES, long, 2.0)
    # Five channels are two batches; they alternate with two of the other's ten.
    assert scheduler.seconds_left(EYES, short, 2.0) == pytest.approx(2 * 2.0 + 2 * 1.0)
    assert scheduler.seconds_left(EDGES, long, 2.0) == pytest.approx(10 * 1.0 + 2 * 2.0)
    # Requests that are not renewed do not count.
    later = 2.0 + ACTIVE_SECONDS
    request(scheduler, EDGES, long, later)
    assert scheduler.seconds_left(EDGES, long, later) == pytest.approx(10 * 1.0)


def test_pauses_do_not_count_toward_a_step(scheduler):
    request(scheduler, EYES, (1, 2), 0.0)
    now = work(scheduler, 0.0, 0.1, until=4)
    scheduler.stop_timing()
    request(scheduler, EYES, (1, 2), now + 50)
    now = work(scheduler, now + 50, 0.1, until=8)
    assert scheduler.seconds_left(EYES, (1, 2), now) == pytest.approx(0.2)


def test_batches_in_between_do_not_count_toward_a_step(scheduler):
    request(scheduler, EYES, (1, 2), 0.0)
    eyes = scheduler.next_batch(0.0)
    now = work(scheduler, 0.0, 0.1, until=4)
    request(scheduler, EDGES, (1,), now + 3)
    now = work(scheduler, now + 3, 1.0, until=5)
    request(scheduler, EYES, (1, 2), now)
    for step in (5, 6):
        now += 0.1
        scheduler.record(eyes, step, 10, now)
    request(scheduler, EYES, (1, 2), now)
    eyes_alone = scheduler.seconds_left(EYES, (1, 2), now + ACTIVE_SECONDS - 0.1)
    assert eyes_alone == pytest.approx(0.4)


def test_estimates_follow_a_slower_machine(scheduler):
    request(scheduler, EYES, (1,), 0.0)
    now = work(scheduler, 0.0, 0.1, steps=100, until=20)
    now = work(scheduler, now, 0.4, steps=100, until=40)
    assert scheduler.seconds_left(EYES, (1,), now) == pytest.approx(60 * 0.4, rel=0.05)
