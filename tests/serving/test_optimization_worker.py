"""Background optimization: sharing, storage, pauses, priorities and errors."""

import errno
import gc
import os
import subprocess
import sys
import threading
import weakref
from types import SimpleNamespace

import numpy as np
import pytest

from tests.support import REPOSITORY
from tests.support.making import STEPS, StandInNetwork, Workshop, four, network_of, picture
from tests.support.threads import PATIENCE_SECONDS, Queue
from vgg_viz.interpretability.feature_visualization.image_store import ImageStore
from vgg_viz.interpretability.feature_visualization.optimization import (
    OptimizationRun,
    OptimizedImage,
)
from vgg_viz.model.architecture import VGG19
from vgg_viz.model.weights import UntrainedWeights, WeightsError
from vgg_viz.serving import optimization_worker
from vgg_viz.serving.background_files import UNEXPECTED
from vgg_viz.serving.cache import Cache
from vgg_viz.serving.locks import FairLock
from vgg_viz.serving.optimization_worker import (
    TOO_LITTLE_MEMORY,
    OptimizationSpec,
    OptimizationWorker,
)
from vgg_viz.serving.scheduler import ACTIVE_SECONDS, EXPIRY_SECONDS
from vgg_viz.serving.shared import Shared

NETWORK = network_of("mine")
EYES, EDGES = (
    OptimizationSpec(NETWORK, VGG19.conv_layer(name), 0, "regularized")
    for name in ("block3_conv4", "block1_conv1")
)


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Let an idle thread check the clock at once."""
    monkeypatch.setattr(optimization_worker, "IDLE_POLL_SECONDS", 0.005)


@pytest.fixture
def clock():
    """A clock that stands still until a test moves it."""
    return SimpleNamespace(now=100.0)


class Gate:
    """Gate that admits units of work one by one and reports when the next one waits."""

    def __init__(self):
        self._come, self._may = threading.Semaphore(0), threading.Semaphore(0)
        self.open = False

    def __call__(self, _):
        self._come.release()
        if not self.open:
            assert self._may.acquire(timeout=PATIENCE_SECONDS), "expected to be let through"

    def wait_for_one(self):
        assert self._come.acquire(timeout=PATIENCE_SECONDS), "expected a unit of work"

    def let_through(self, count=1):
        """Admit so many units and wait for the next one."""
        for _ in range(count):
            self._may.release()
            self.wait_for_one()

    def let_all_through(self):
        self.open = True
        self._may.release()


@pytest.fixture
def create_worker(clock):
    """A function that creates workers, whose threads end with the test."""
    made = []

    def build(workshop=None, values=None, network_lock=None, store=None, **others):
        workshop = workshop or Workshop()
        worker = OptimizationWorker(
            values or Cache(2**20),
            network_lock or FairLock(),
            clock=lambda: clock.now,
            create_run=workshop.create_run,
            batch_size=four,
            store_of=lambda weights: store,
            **others,
        )
        made.append((worker, workshop))
        return worker

    yield build
    for worker, workshop in made:
        if isinstance(workshop.before_unit, Gate):
            workshop.before_unit.let_all_through()
        clock.now += EXPIRY_SECONDS
        wait_for(lambda worker=worker: worker._thread is None)


def wait_for(condition):
    for _ in range(200 * PATIENCE_SECONDS):
        if condition():
            return
        threading.Event().wait(0.005)
    raise AssertionError("expected the condition in time")


def request_until_complete(worker, spec, channels):
    """Renew the request until it is complete; return the final progress."""
    wait_for(lambda: worker.request(spec, channels).complete)
    return worker.request(spec, channels)


def are_finished(progress, spec, channels):
    assert [*progress.snapshots] == [*channels]
    for channel, found in progress.snapshots.items():
        expected = picture(spec.layer, channel, spec.seed, spec.parametrization)
        np.testing.assert_array_equal(found.pixels, expected)
        assert not found.pixels.flags.writeable
        assert (found.value, found.step, found.steps) == (STEPS * channel, STEPS, STEPS)
        assert found.finished
    assert progress.complete
    assert progress.failure == ""
    assert progress.seconds_left is None
    return True


# -- optimized and cached


def test_requested_images_are_optimized(create_worker):
    worker = create_worker()
    channels = (3, 1, 7, 64, 5)
    first = worker.request(EDGES, channels)
    assert (first.complete, first.failure) == (False, "")
    assert are_finished(request_until_complete(worker, EDGES, channels), EDGES, channels)


def test_snapshots_show_every_step(create_worker, clock):
    gate = Gate()
    worker = create_worker(Workshop(gate))
    assert worker.request(EYES, (5, 6)).snapshots == {}
    gate.wait_for_one()
    for step in (1, 2, 3):
        clock.now += 0.5
        gate.let_through()
        progress = worker.request(EYES, (6, 5, 9))
        assert [*progress.snapshots] == [6, 5]
        growing = progress.snapshots[6]
        assert (growing.step, growing.steps, growing.value) == (step, STEPS, 6 * step)
        assert not growing.finished
        np.testing.assert_array_equal(
            growing.pixels, picture(EYES.layer, 6, 0, "regularized", step)
        )


def test_seconds_left_follow_measured_steps(create_worker, clock):
    gate = Gate()
    worker = create_worker(Workshop(gate, steps=20))
    channels = (1, 2, 3, 4, 5)
    assert worker.request(EYES, channels).seconds_left is None
    gate.wait_for_one()
    for _ in range(3):
        clock.now += 2
        worker.request(EYES, channels)
        gate.let_through()
    assert worker.request(EYES, channels).seconds_left == pytest.approx(2 * (20 - 3) + 2 * 20)


def test_thirty_viewers_share_one_optimization(create_worker, threads):
    workshop = Workshop()
    worker = create_worker(workshop)
    channels = (1, 2, 3, 4, 5, 6)
    seen = threads.map(lambda _: request_until_complete(worker, EYES, channels), range(30))
    assert all(are_finished(progress, EYES, channels) for progress in seen)
    assert workshop.started == [("block3_conv4", 1, 2, 3, 4), ("block3_conv4", 5, 6)]
    assert len(workshop.units) == 2 * STEPS


def test_finished_images_are_shared_between_requests(create_worker):
    workshop = Workshop()
    worker = create_worker(workshop)
    request_until_complete(worker, EYES, (1, 2, 3, 4))
    progress = worker.request(EYES, (9, 3))
    assert progress.snapshots[3].finished
    request_until_complete(worker, EYES, (9, 3))
    assert workshop.started[1:] == [("block3_conv4", 9)]


@pytest.mark.parametrize(
    "other",
    [
        OptimizationSpec(network_of("yours"), EYES.layer, 0, "regularized"),
        OptimizationSpec(NETWORK, VGG19.conv_layer("block3_conv3"), 0, "regularized"),
        OptimizationSpec(NETWORK, EYES.layer, 1, "regularized"),
        OptimizationSpec(NETWORK, EYES.layer, 0, "pixels"),
    ],
)
def test_another_spec_has_other_images(create_worker, other):
    worker = create_worker()
    request_until_complete(worker, EYES, (1,))
    assert worker.request(other, (1,)).snapshots == {}
    assert are_finished(request_until_complete(worker, other, (1,)), other, (1,))


def test_progress_starts_no_work(create_worker):
    workshop = Workshop()
    worker = create_worker(workshop)
    assert worker.progress(EYES, (1, 2)).snapshots == {}
    assert not worker.progress(EYES, (1, 2)).complete
    assert worker._thread is None
    request_until_complete(worker, EYES, (1,))
    assert [*worker.progress(EYES, (1, 2)).snapshots] == [1]
    assert worker.progress(EYES, (1,)).complete
    assert workshop.started == [("block3_conv4", 1)]


# -- on the disk


@pytest.fixture
def store(tmp_path):
    return ImageStore(tmp_path / "made", "mine")


def test_saved_images_are_available_after_a_restart(create_worker, store):
    request_until_complete(create_worker(store=store), EYES, (1, 2, 3))
    workshop = Workshop()
    again = create_worker(workshop, store=ImageStore(store.folder, "mine"))
    assert are_finished(again.request(EYES, (2, 1)), EYES, (2, 1))
    assert again._thread is None
    assert workshop.started == []


def test_damaged_image_files_are_optimized_again(create_worker, store):
    request_until_complete(create_worker(store=store), EYES, (1, 2, 3))
    for path in store.folder.glob("*-002-*"):
        path.write_bytes(path.read_bytes()[:-40])
    workshop = Workshop()
    again = create_worker(workshop, store=store)
    assert are_finished(request_until_complete(again, EYES, (1, 2, 3)), EYES, (1, 2, 3))
    assert workshop.started == [("block3_conv4", 2)]


def test_images_saved_by_another_process_are_not_repeated(create_worker, store):
    gate = Gate()
    workshop = Workshop(gate)
    worker = create_worker(workshop, store=store)
    channels = (1, 2, 3, 4, 5, 6)
    worker.request(EYES, channels)
    gate.wait_for_one()
    there = OptimizedImage(picture(EYES.layer, 5, 0, "regularized"), 5.0 * STEPS, STEPS)
    ImageStore(store.folder, "mine").save(EYES.series, {5: there})
    gate.let_all_through()
    assert are_finished(request_until_complete(worker, EYES, channels), EYES, channels)
    assert workshop.started == [("block3_conv4", 1, 2, 3, 4), ("block3_conv4", 6)]


def test_each_image_file_is_read_once(create_worker, store, threads):
    request_until_complete(create_worker(store=store), EYES, (1, 2, 3))
    values, reads, looked = Cache(2**20), [], threading.Semaphore(0)
    read, peek = store.read, values.peek

    def read_when_all_have_looked(series, channel):
        for _ in range(12 if not reads else 0):
            assert looked.acquire(timeout=PATIENCE_SECONDS)
        reads.append(channel)
        return read(series, channel)

    store.read = read_when_all_have_looked
    values.peek = lambda key: (peek(key), looked.release())[0]
    worker = create_worker(values=values, store=store)
    [*threads.map(lambda _: worker.request(EYES, (1, 2, 3)), range(12))]
    assert sorted(reads) == [1, 2, 3]


def test_a_full_disk_does_not_stop_the_worker(create_worker, store, caplog):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    store.save = full
    worker = create_worker(store=store)
    assert are_finished(request_until_complete(worker, EYES, (1, 2)), EYES, (1, 2))
    assert "No space left on device" in caplog.text


# -- only while requested


def test_a_paused_request_resumes_where_it_stopped(create_worker, clock):
    gate = Gate()
    workshop = Workshop(gate)
    worker = create_worker(workshop)
    worker.request(EYES, (1,))
    gate.wait_for_one()
    gate.let_through()
    clock.now += ACTIVE_SECONDS
    gate._may.release()  # the current unit
    wait_for(lambda: len(workshop.units) == 2)
    assert_idle(worker, workshop)
    gate.open = True
    assert are_finished(request_until_complete(worker, EYES, (1,)), EYES, (1,))
    assert workshop.started == [("block3_conv4", 1)]
    assert len(workshop.units) == STEPS


def assert_idle(worker, workshop):
    """Assert that the thread checks the clock several times and does no work."""
    before, checked = len(workshop.units), threading.Semaphore(0)
    stop_timing = worker._scheduler.stop_timing
    worker._scheduler.stop_timing = lambda: stop_timing() or checked.release()
    for _ in range(3):
        assert checked.acquire(timeout=PATIENCE_SECONDS)
    assert len(workshop.units) == before
    worker._scheduler.stop_timing = stop_timing


def test_an_expired_request_starts_over(create_worker, clock):
    gate = Gate()
    workshop = Workshop(gate)
    worker = create_worker(workshop)
    worker.request(EYES, (1,))
    gate.wait_for_one()
    clock.now += EXPIRY_SECONDS
    gate.let_all_through()
    wait_for(lambda: worker._thread is None)
    assert worker.progress(EYES, (1,)).snapshots == {}
    assert are_finished(request_until_complete(worker, EYES, (1,)), EYES, (1,))
    assert workshop.started == [("block3_conv4", 1)] * 2


def test_the_thread_ends_when_all_images_are_finished(create_worker):
    worker = create_worker()
    worker.request(EYES, (1,))
    wait_for(lambda: worker._thread is None)
    assert worker.request(EYES, (1,)).complete


# -- behind script runs


def test_forward_passes_come_before_units_of_work(create_worker, threads, monkeypatch):
    monkeypatch.setattr(optimization_worker, "MAX_YIELDS", 0)  # not even without yielding
    gate, lock, order = Gate(), FairLock(), []
    workshop = Workshop(gate)
    worker = create_worker(workshop, network_lock=lock)
    worker.request(EYES, (1,))
    gate.wait_for_one()  # a unit of work is under way

    def forward_pass(number, queue):
        with lock.hold(queue):
            order.append((number, len(workshop.units)))

    passes = []
    for number in range(3):
        queue = Queue()
        passes.append(threads.submit(forward_pass, number, queue))
        queue.wait_for(1)
    gate.let_through()
    for waiting in passes:
        waiting.result(PATIENCE_SECONDS)
    # All of them ran after that unit and before the next one.
    assert order == [(0, 1), (1, 1), (2, 1)]


def test_repeated_forward_passes_wait_for_one_unit_only(create_worker, monkeypatch):
    monkeypatch.setattr(optimization_worker, "YIELD_SECONDS", PATIENCE_SECONDS)
    gate, lock = Gate(), FairLock()
    workshop = Workshop(gate)
    worker = create_worker(workshop, network_lock=lock)
    aside = Gate()
    exiting = SimpleNamespace(wait=aside, is_set=lambda: False)
    monkeypatch.setattr(optimization_worker, "_exiting", exiting)
    worker.request(EYES, (1,))
    gate.wait_for_one()
    gate._may.release()
    wait_for(lambda: len(workshop.units) == 1)
    gate.wait_for_one()
    units = []
    with hold_after_unit(lock, gate):
        units.append(len(workshop.units))
    aside.wait_for_one()
    for _ in range(4):  # the run's further passes: the worker yields
        with lock.hold(lambda: None):
            units.append(len(workshop.units))
    assert units == [2] * 5
    aside.let_through()  # since others have held the lock meanwhile
    aside.let_all_through()
    gate.wait_for_one()
    assert len(workshop.units) == 2


def hold_after_unit(lock, gate):
    """Hold the lock after the current unit of work, which is let through."""
    queue = Queue()

    def pause():
        queue()
        gate._may.release()

    return lock.hold(pause)


def test_memory_is_checked_before_batches_and_tidied_after_units(create_worker):
    called = []
    worker = create_worker(
        make_room=lambda: called.append("room"), tidy=lambda: called.append("tidied")
    )
    request_until_complete(worker, EYES, (1, 2, 3, 4, 5))
    wait_for(lambda: called.count("tidied") == 2 * (STEPS + 1))
    assert called.count("room") == 2
    assert called[0] == "room"


# -- errors


class ResourceExhaustedError(Exception):
    """Raised in place of TensorFlow's error of the same name."""


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (MemoryError(), TOO_LITTLE_MEMORY),
        (ResourceExhaustedError(), TOO_LITTLE_MEMORY),
        (ZeroDivisionError(), UNEXPECTED),
    ],
)
def test_an_error_is_reported_and_other_requests_continue(create_worker, clock, error, sentence):
    broken = [True]

    def fail(making):
        if broken and making.layer is EYES.layer:
            raise error

    worker = create_worker(Workshop(fail))
    worker.request(EYES, (1, 2))
    assert are_finished(request_until_complete(worker, EDGES, (1,)), EDGES, (1,))
    progress = request_until_complete(worker, EYES, (1, 2))
    assert (progress.failure, progress.snapshots) == (sentence, {})
    # The failure stays while the request is renewed; a later request tries again.
    broken.clear()
    clock.now += ACTIVE_SECONDS - 0.1
    assert worker.request(EYES, (1, 2)).failure == sentence
    clock.now += ACTIVE_SECONDS
    assert worker.request(EYES, (1, 2)).failure == ""
    assert are_finished(request_until_complete(worker, EYES, (1, 2)), EYES, (1, 2))


def test_failed_images_can_be_retried_at_once(create_worker):
    broken = [True]

    def fail(making):
        if broken:
            raise MemoryError

    worker = create_worker(Workshop(fail))
    assert request_until_complete(worker, EYES, (1,)).failure
    broken.clear()
    worker.retry(EYES)
    assert are_finished(request_until_complete(worker, EYES, (1,)), EYES, (1,))


def test_an_error_while_starting_a_batch_is_reported(create_worker):
    workshop = Workshop()
    workshop.create_run = lambda *_: 1 / 0
    worker = create_worker(workshop)
    assert request_until_complete(worker, EYES, (1,)).failure == UNEXPECTED


def test_a_nan_value_fails_only_its_own_image(create_worker, store):
    def spoil(making):
        making.values = np.where(np.array(making.channels) == 2, np.nan, making.values)

    worker = create_worker(Workshop(spoil), store=store)
    progress = request_until_complete(worker, EYES, (1, 2, 3))
    assert [*progress.snapshots] == [1, 3]
    assert progress.failure == (
        "Could not optimize channel 2 of block3_conv4: the value became infinite or "
        "undefined (NaN)."
    )
    assert store.read(EYES.series, 2) is None
    assert store.read(EYES.series, 3)


def test_a_batch_without_finite_values_stops(create_worker):
    def spoil(making):
        making.values = making.values + np.inf

    workshop = Workshop(spoil)
    progress = request_until_complete(create_worker(workshop), EYES, (1, 2))
    assert progress.failure == (
        "Could not optimize these images: the value became infinite or undefined (NaN)."
    )
    assert len(workshop.units) == 1


# -- end of networks and processes


def test_a_network_that_was_given_up_is_released(clock):
    gate = Gate()
    shared = Shared(limit=None)
    shared.optimization_worker = worker = OptimizationWorker(
        shared.values,
        shared.network_lock,
        clock=lambda: clock.now,
        create_run=Workshop(gate).create_run,
        batch_size=four,
        store_of=lambda weights: None,
    )
    weights = UntrainedWeights()
    network = StandInNetwork(weights)
    kept = weakref.ref(network)
    worker.request(OptimizationSpec(network, EYES.layer, 0, "regularized"), (1, 2))
    del network
    gate.wait_for_one()
    gate.let_through(STEPS - 1)  # the last unit is under way
    shared.give_up(weights, WeightsError("damaged"))
    gate.let_all_through()
    wait_for(lambda: worker._thread is None)
    gc.collect()
    assert kept() is None
    assert shared.values.used_bytes == 0


def test_an_idle_worker_releases_the_network(create_worker, clock):
    worker = create_worker()
    network = network_of("mine")
    kept = weakref.ref(network)
    request_until_complete(worker, OptimizationSpec(network, EYES.layer, 0, "regularized"), (1, 2))
    del network
    wait_for(lambda: worker._thread is None)
    gc.collect()
    assert kept() is None


# Exits during a unit of work, which prints whether Keras was still there.
EXIT_DURING_UNIT = """
import atexit, threading
from tests.support.making import Workshop, four, network_of
from vgg_viz.model.architecture import VGG19
from vgg_viz.serving.cache import Cache
from vgg_viz.serving.optimization_worker import OptimizationSpec, OptimizationWorker
from vgg_viz.serving.locks import FairLock

begun, ending = threading.Event(), threading.Event()

def unit(making):
    begun.set()
    ending.wait(60)
    print("unit", making.step, flush=True)

def shut_down():
    print("Keras is shut down", flush=True)
    thread.join(60)

atexit.register(shut_down)
worker = OptimizationWorker(
    Cache(2**20), FairLock(), create_run=Workshop(unit).create_run, batch_size=four,
    store_of=lambda _: None,
)
layer = VGG19.conv_layer("block1_conv1")
worker.request(OptimizationSpec(network_of("mine"), layer, 0, "regularized"), (1,))
thread = worker._thread
begun.wait()
atexit.register(ending.set)
"""


def test_an_exiting_process_waits_for_the_unit_and_starts_no_other():
    command = [sys.executable, "-c", EXIT_DURING_UNIT]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["unit 0", "Keras is shut down"]
    assert "Traceback" not in done.stderr


# -- with a real network


def test_images_equal_those_of_a_run_without_the_worker(untrained_network, store):
    layer = VGG19.conv_layer("block1_conv1")
    spec = OptimizationSpec(untrained_network, layer, 3, "pixels")
    alone = OptimizationRun(untrained_network, layer, (5, 9), 3, "pixels")
    while not alone.finished:
        alone.advance()
    for _ in range(2):  # optimized, then read from disk
        worker = OptimizationWorker(Cache(2**20), FairLock(), store_of=lambda weights: store)
        progress = request_until_complete(worker, spec, (5, 9))
        for channel, expected in zip((5, 9), alone.results(), strict=True):
            found = progress.snapshots[channel]
            np.testing.assert_array_equal(found.pixels, expected.pixels)
            assert (found.value, found.step) == (expected.value, expected.steps)
