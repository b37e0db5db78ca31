"""Order of batches and time estimates, with a clock that is a number."""

from types import SimpleNamespace

import pytest

from tests.support.making import four, network_of
from vgg_viz.interpretability.feature_visualization.optimization import OptimizationSpec
from vgg_viz.model.architecture import VGG19
from vgg_viz.serving import scheduler as scheduler_module
from vgg_viz.serving.scheduler import ACTIVE_SECONDS, EXPIRY_SECONDS, MAX_BATCHES, Scheduler

NETWORK = network_of("mine")
EDGES, EYES, OTHER = (
    OptimizationSpec(NETWORK, VGG19.conv_layer(name), 0, "regularized")
    for name in ("block1_conv1", "block3_conv4", "block2_conv1")
)


@pytest.fixture
def scheduler(monkeypatch):
    monkeypatch.setattr(scheduler_module, "batch_size", four)
    return Scheduler()


def request(scheduler, spec, channels, now):
    scheduler.renew(spec, channels, channels, now)


def finish(scheduler, now):
    """Finish the next batch; return its layer and channels."""
    batch = scheduler.next_batch(now)
    scheduler.remove(batch)
    return batch.spec.layer.name, *batch.channels


def test_a_request_is_split_into_batches_in_order(scheduler):
    assert scheduler.next_batch(0.0) is None
    request(scheduler, EYES, (9, 1, 5, 3, 256, 2), 0.0)
    assert scheduler.next_batch(0.0) is scheduler.next_batch(1.0)
    assert len(scheduler.batches) == 1
    assert finish(scheduler, 1.0) == ("block3_conv4", 9, 1, 5, 3)
    assert finish(scheduler, 2.0) == ("block3_conv4", 256, 2)
    assert scheduler.next_batch(2.0) is None
    assert not scheduler.requests


def test_requests_take_turns_after_each_batch(scheduler):
    request(scheduler, EYES, tuple(range(1, 13)), 0.0)
    begun = scheduler.next_batch(0.0)
    request(scheduler, EDGES, tuple(range(1, 9)), 0.1)
    request(scheduler, OTHER, (1,), 0.2)
    assert scheduler.next_batch(0.3) is begun  # a new request does not interrupt it
    request(scheduler, EYES, tuple(range(1, 13)), 0.4)  # renewed, at the same place
    finished = [finish(scheduler, 1.0 + step / 10)[0] for step in range(6)]
    expected = ["block3_conv4", "block1_conv1", "block2_conv1", "block3_conv4", "block1_conv1"]
    assert finished == [*expected, "block3_conv4"]


def test_shared_channels_are_optimized_once(scheduler):
    """The second network has equal weights."""
    again = OptimizationSpec(network_of("mine"), EYES.layer, 0, "regularized")
    request(scheduler, EYES, (1, 2, 3, 4), 0.0)
    request(scheduler, again, (3, 4, 5), 0.1)
    assert finish(scheduler, 1.0) == ("block3_conv4", 1, 2, 3, 4)
    assert finish(scheduler, 1.1) == ("block3_conv4", 5)
    assert not scheduler.requests


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


def test_a_begun_batch_expires_with_its_last_request(scheduler):
    request(scheduler, EYES, (1, 2), 0.0)
    begun = scheduler.next_batch(0.0)
    request(scheduler, EYES, (2, 3), 1.0)
    scheduler.drop_expired(EXPIRY_SECONDS)
    assert scheduler.batches == [begun]
    assert len(scheduler.requests) == 1
    scheduler.drop_expired(EXPIRY_SECONDS + 0.9)
    assert scheduler.batches == [begun]
    scheduler.drop_expired(EXPIRY_SECONDS + 1)
    assert scheduler.batches == []
    assert not scheduler.requests


def test_paused_batches_are_limited(scheduler):
    begun = []
    for seed in range(MAX_BATCHES + 2):
        spec = OptimizationSpec(NETWORK, EYES.layer, seed, "regularized")
        request(scheduler, spec, (1,), 5.0 * seed)
        begun.append(scheduler.next_batch(5.0 * seed))
    assert scheduler.batches == begun[-MAX_BATCHES:]


def test_batches_of_a_damaged_network_are_dropped(scheduler):
    damaged = network_of("damaged")
    request(scheduler, OptimizationSpec(damaged, EYES.layer, 0, "regularized"), (1,), 0.0)
    scheduler.next_batch(0.0)
    request(scheduler, EYES, (1,), 0.0)
    scheduler.drop_expired(0.0, damaged.weights)
    assert scheduler.batches == []
    assert [one.spec for one in scheduler.requests.values()] == [EYES]


def work(scheduler, start, seconds, until=10, steps=10):
    """Work on the next batch with so many seconds per step; return the time after it."""
    batch, now = scheduler.next_batch(start), start
    batch.run = batch.run or SimpleNamespace(step=0, steps=steps)
    while batch.run.step < until:
        now += seconds
        batch.run.step += 1
        scheduler.record_step(batch, steps, now)
    return now


def test_seconds_left_include_later_batches(scheduler):
    channels = tuple(range(1, 11))  # three batches
    request(scheduler, EYES, channels, 0.0)
    # The first step includes compilation, so it is not measured.
    now = work(scheduler, 0.0, 2.0, until=1)
    assert scheduler.seconds_left(EYES, channels, now) is None
    now = work(scheduler, now, 0.1, until=4)
    assert scheduler.seconds_left(EYES, channels, now) == pytest.approx((6 + 10 + 10) * 0.1)
    assert scheduler.seconds_left(EYES, (7,), now) is None  # not requested
    work(scheduler, now, 0.1)
    finish(scheduler, now)
    assert scheduler.seconds_left(EYES, channels, now) == pytest.approx(2.0)


def test_seconds_left_are_multiplied_by_the_viewers_who_take_turns(scheduler):
    request(scheduler, EYES, (1, 2, 3, 4), 0.0)
    work(scheduler, 0.0, 0.2, until=5)
    assert scheduler.seconds_left(EYES, (1, 2, 3, 4), 1.0) == pytest.approx(1.0)
    request(scheduler, EYES, (4, 3), 1.0)  # the same images
    request(scheduler, EDGES, tuple(range(1, 41)), 1.0)
    request(scheduler, OTHER, (1,), 1.0 - ACTIVE_SECONDS)  # not active
    assert scheduler.seconds_left(EYES, (1, 2, 3, 4), 1.0) == pytest.approx(2.0)


def test_pauses_and_other_batches_do_not_count_toward_a_step(scheduler):
    request(scheduler, EYES, (1, 2), 0.0)
    now = work(scheduler, 0.0, 0.1, until=4)
    assert scheduler.next_batch(now + 50) is None
    request(scheduler, EYES, (1, 2), now + 50)
    now = work(scheduler, now + 50, 0.1, until=6)
    request(scheduler, EDGES, (1,), now + ACTIVE_SECONDS)
    now = work(scheduler, now + ACTIVE_SECONDS, 0.2)
    finish(scheduler, now)
    request(scheduler, EYES, (1, 2), now)
    now = work(scheduler, now, 0.1, until=8)
    assert scheduler.seconds_left(EYES, (1, 2), now) == pytest.approx(0.2)


def test_estimates_follow_a_slower_machine(scheduler):
    request(scheduler, EYES, (1,), 0.0)
    now = work(scheduler, 0.0, 0.1, steps=100, until=20)
    now = work(scheduler, now, 0.4, steps=100, until=40)
    # A moving average is neither the first value nor the last.
    assert scheduler.seconds_left(EYES, (1,), now) == pytest.approx(60 * 0.4, rel=0.05)
    assert scheduler.seconds_left(EYES, (1,), now) < 60 * 0.399
