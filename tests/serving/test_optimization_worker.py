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
from tests.support.making import STEPS, Workshop, four, network_of, picture
from tests.support.threads import PATIENCE_SECONDS, Queue, wait_for
from vgg_viz.interpretability.feature_visualization import optimization
from vgg_viz.interpretability.feature_visualization.image_store import ImageStore
from vgg_viz.interpretability.feature_visualization.optimization import (
    OptimizationRun,
    OptimizationSpec,
)
from vgg_viz.model.architecture import VGG19
from vgg_viz.model.weights import WeightsError
from vgg_viz.serving import optimization_worker, scheduler
from vgg_viz.serving.background_files import UNEXPECTED
from vgg_viz.serving.cache import Cache
from vgg_viz.serving.locks import FairLock
from vgg_viz.serving.optimization_worker import (
    FAILURE_SECONDS,
    TOO_LITTLE_MEMORY,
    OptimizationWorker,
)
from vgg_viz.serving.scheduler import ACTIVE_SECONDS, EXPIRY_SECONDS
from vgg_viz.serving.shared import Shared

NETWORK = network_of("mine")
EYES, EDGES = (
    OptimizationSpec(NETWORK, VGG19.conv_layer(name), 0, "regularized")
    for name in ("block3_conv4", "block1_conv1")
)
NOT_FINITE = "the value became infinite or undefined (NaN)."


class Gate:
    """Gate that admits units of work one by one and reports when the next one waits."""

    def __init__(self):
        self._come, self._may = threading.Semaphore(0), threading.Semaphore(0)
        self.open = False

    def __call__(self, _=None):
        self._come.release()
        if not self.open:
            assert self._may.acquire(timeout=PATIENCE_SECONDS), "expected to be let through"

    def wait_for_one(self):
        assert self._come.acquire(timeout=PATIENCE_SECONDS), "expected a unit of work"

    def admit(self):
        self._may.release()

    def let_through(self, count=1):
        """Admit so many units and wait for the next one."""
        for _ in range(count):
            self.admit()
            self.wait_for_one()

    def let_all_through(self):
        self.open = True
        self.admit()


@pytest.fixture
def clock(monkeypatch):
    """The worker's clock, which stands still until a test moves it."""
    clock = SimpleNamespace(now=100.0)
    monkeypatch.setattr(optimization_worker, "monotonic", lambda: clock.now)
    monkeypatch.setattr(optimization_worker, "IDLE_POLL_SECONDS", 0.005)
    return clock


@pytest.fixture
def create_worker(clock, monkeypatch):
    """A function that creates workers without TensorFlow, whose threads end with the test."""
    created = []

    def create(workshop=None, store=None, values=None, network_lock=None, **others):
        workshop = workshop or Workshop()
        monkeypatch.setattr(scheduler, "batch_size", four)
        monkeypatch.setattr(optimization_worker, "OptimizationRun", workshop.create_run)
        monkeypatch.setattr(optimization_worker, "store_of", lambda weights: store)
        worker = OptimizationWorker(values or Cache(2**20), network_lock or FairLock(), **others)
        created.append((worker, workshop))
        return worker

    yield create
    for worker, workshop in created:
        if isinstance(workshop.before_unit, Gate):
            workshop.before_unit.let_all_through()
        clock.now += EXPIRY_SECONDS
        wait_for_end(worker)


@pytest.fixture
def store(tmp_path):
    return ImageStore(tmp_path / "made")


def wait_for_end(worker):
    wait_for(lambda: worker._thread is None)


def request_until_complete(worker, spec, channels):
    """Renew the request until no image is missing; return the final progress."""
    wait_for(lambda: not worker.request(spec, channels).missing)
    return worker.request(spec, channels)


def are_finished(progress, spec, channels):
    assert [*progress.images] == [*channels]
    for channel, image in progress.images.items():
        np.testing.assert_array_equal(image.pixels, picture(spec, channel))
        assert (image.value, image.step, image.steps) == (STEPS * channel, STEPS, STEPS)
        assert image.finished
    assert (progress.missing, progress.failure, progress.seconds_left) == ([], "", None)
    return True


def test_thirty_viewers_share_one_optimization(create_worker, threads):
    workshop, channels, memory = Workshop(), (3, 1, 7, 64, 5, 6), []
    worker = create_worker(
        workshop, make_room=lambda: memory.append("checked"), tidy=lambda: memory.append("tidied")
    )
    assert worker.progress(EDGES, channels).images == {}  # which starts no work
    assert worker._thread is None
    seen = threads.map(lambda _: request_until_complete(worker, EDGES, channels), range(30))
    assert all(are_finished(progress, EDGES, channels) for progress in seen)
    assert workshop.started == [("block1_conv1", 3, 1, 7, 64), ("block1_conv1", 5, 6)]
    assert len(workshop.units) == 2 * STEPS
    progress = worker.progress(EDGES, (9, 3))
    assert (progress.missing, progress.images[3].finished) == ([9], True)
    request_until_complete(worker, EDGES, (9, 3))
    assert workshop.started[2:] == [("block1_conv1", 9)]
    wait_for_end(worker)
    assert memory == ["checked", *["tidied"] * STEPS] * 3


def test_every_step_and_the_time_left_are_shown(create_worker, clock):
    gate = Gate()
    worker = create_worker(Workshop(gate))
    first = worker.request(EYES, (5, 6, 7, 8, 9))
    assert (first.images, first.missing, first.seconds_left) == ({}, [5, 6, 7, 8, 9], None)
    gate.wait_for_one()
    for step in (1, 2, 3):
        clock.now += 2
        gate.let_through()
        progress = worker.request(EYES, (6, 5, 9))
        assert [*progress.images] == [6, 5]
        image = progress.images[6]
        assert (image.step, image.steps, image.value, image.finished) == (step, STEPS, 6 * step, 0)
        np.testing.assert_array_equal(image.pixels, picture(EYES, 6, step))
    seconds = worker.request(EYES, (5, 6, 7, 8, 9)).seconds_left
    assert seconds == pytest.approx(2 * (STEPS - 3) + 2 * STEPS)


def test_finished_images_need_no_more_time(create_worker, monkeypatch):
    worker, seen = create_worker(), []

    def look(batch, failures, remove=worker._remove):
        seen.append(worker.progress(EYES, (1,)))
        remove(batch, failures)

    # The last image is in the cache for a moment before its batch is removed.
    monkeypatch.setattr(worker, "_remove", look)
    request_until_complete(worker, EYES, (1,))
    wait_for_end(worker)
    assert [are_finished(progress, EYES, (1,)) for progress in seen] == [True]


def test_another_spec_has_other_images(create_worker):
    worker = create_worker()
    request_until_complete(worker, EYES, (1,))
    for other in (
        OptimizationSpec(network_of("yours"), EYES.layer, 0, "regularized"),
        OptimizationSpec(NETWORK, VGG19.conv_layer("block3_conv3"), 0, "regularized"),
        OptimizationSpec(NETWORK, EYES.layer, 1, "regularized"),
        OptimizationSpec(NETWORK, EYES.layer, 0, "pixels"),
    ):
        assert worker.request(other, (1,)).images == {}
        assert are_finished(request_until_complete(worker, other, (1,)), other, (1,))


def test_saved_images_survive_a_restart_and_damaged_ones_are_optimized_again(create_worker, store):
    request_until_complete(create_worker(store=store), EYES, (1, 2, 3))
    workshop = Workshop()
    again = create_worker(workshop, ImageStore(store.folder))
    assert are_finished(again.request(EYES, (2, 1)), EYES, (2, 1))
    assert again._thread is None
    for path in store.folder.glob("*-002-*"):
        path.write_bytes(path.read_bytes()[:-40])
    once_more = create_worker(workshop, store)
    assert are_finished(request_until_complete(once_more, EYES, (1, 2, 3)), EYES, (1, 2, 3))
    assert workshop.started == [("block3_conv4", 2)]


def test_a_full_disk_does_not_stop_the_worker(create_worker, store, caplog):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    store.save = full
    worker = create_worker(store=store)
    assert are_finished(request_until_complete(worker, EYES, (1, 2)), EYES, (1, 2))
    assert "No space left on device" in caplog.text


def test_a_paused_request_resumes_and_an_expired_one_starts_over(create_worker, clock):
    gate = Gate()
    workshop = Workshop(gate)
    worker = create_worker(workshop)
    worker.request(EYES, (1,))
    gate.wait_for_one()
    gate.let_through()
    clock.now += ACTIVE_SECONDS
    gate.admit()  # the current unit
    wait_for(lambda: len(workshop.units) == 2)
    wait_for_idle(worker)
    assert len(workshop.units) == 2
    worker.request(EYES, (1,))
    gate.wait_for_one()
    assert workshop.started == [("block3_conv4", 1)]
    clock.now += EXPIRY_SECONDS
    gate.let_all_through()
    wait_for_end(worker)
    assert worker.progress(EYES, (1,)).images == {}
    assert are_finished(request_until_complete(worker, EYES, (1,)), EYES, (1,))
    assert workshop.started == [("block3_conv4", 1)] * 2


def wait_for_idle(worker):
    """Wait until the thread has looked at the clock several times."""
    looked, next_batch = threading.Semaphore(0), worker._scheduler.next_batch
    worker._scheduler.next_batch = lambda now: looked.release() or next_batch(now)
    for _ in range(3):
        assert looked.acquire(timeout=PATIENCE_SECONDS)


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
    aside, gate, lock = Gate(), Gate(), FairLock()
    monkeypatch.setattr(optimization_worker, "sleep", aside)
    workshop = Workshop(gate)
    worker = create_worker(workshop, network_lock=lock)
    worker.request(EYES, (1,))
    gate.wait_for_one()
    queue, units = Queue(), []
    with lock.hold(lambda: (queue(), gate.admit())):  # after the current unit, which is admitted
        units.append(len(workshop.units))
    aside.wait_for_one()
    for _ in range(4):  # the run's further passes: the worker yields
        with lock.hold(lambda: None):
            units.append(len(workshop.units))
    assert units == [1] * 5
    aside.let_through()  # since others have held the lock meanwhile
    aside.let_all_through()
    gate.wait_for_one()
    assert len(workshop.units) == 1


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

    def fail(run):
        if broken and run.spec is EYES:
            raise error

    worker = create_worker(Workshop(fail))
    worker.request(EYES, (1, 2))
    assert are_finished(request_until_complete(worker, EDGES, (1,)), EDGES, (1,))
    progress = request_until_complete(worker, EYES, (1, 2))
    assert (progress.failure, progress.images) == (sentence, {})
    broken.clear()
    clock.now += FAILURE_SECONDS - 0.1
    assert worker.request(EYES, (1, 2)).failure == sentence
    clock.now += 0.1
    assert worker.request(EYES, (1, 2)).failure == ""
    assert are_finished(request_until_complete(worker, EYES, (1, 2)), EYES, (1, 2))


@pytest.mark.parametrize(
    ("spoiled", "failure", "steps"),
    [({2}, "channel 2 of block3_conv4", STEPS), ({1, 2, 3}, "these images", 1)],
)
def test_images_without_a_finite_value_fail(create_worker, store, spoiled, failure, steps):
    def spoil(run):
        run.values = np.where(np.isin(run.channels, [*spoiled]), np.nan, run.values)

    workshop = Workshop(spoil)
    progress = request_until_complete(create_worker(workshop, store), EYES, (1, 2, 3))
    assert {*progress.images} == {1, 2, 3} - spoiled
    assert progress.failure == f"Could not optimize {failure}: {NOT_FINITE}"
    assert {one for one in (1, 2, 3) if store.read(EYES, one)} == {1, 2, 3} - spoiled
    assert len(workshop.units) == steps


def test_a_network_that_was_given_up_is_released(create_worker):
    gate = Gate()
    shared = Shared(limit=None)
    worker = shared.optimization_worker = create_worker(
        Workshop(gate), values=shared.values, network_lock=shared.network_lock
    )
    network = network_of("mine")
    weights, kept = network.weights, weakref.ref(network)
    worker.request(OptimizationSpec(network, EYES.layer, 0, "regularized"), (1, 2))
    del network
    gate.wait_for_one()
    gate.let_through(STEPS - 1)  # the last unit is under way
    shared.give_up(weights, WeightsError("damaged"))
    gate.let_all_through()
    wait_for_end(worker)
    gc.collect()
    assert kept() is None
    assert shared.values.used_bytes == 0


# Exits during a unit of work, which lasts until the main thread has ended.
EXIT_DURING_UNIT = """
import atexit, threading
from tests.support.making import Workshop, network_of
from vgg_viz.interpretability.feature_visualization.optimization import OptimizationSpec
from vgg_viz.model.architecture import VGG19
from vgg_viz.serving import optimization_worker
from vgg_viz.serving.cache import Cache
from vgg_viz.serving.locks import FairLock

begun = threading.Event()

def unit(run):
    begun.set()
    threading.main_thread().join(60)
    print("unit", run.step, flush=True)

optimization_worker.OptimizationRun = Workshop(unit).create_run
optimization_worker.store_of = lambda weights: None
worker = optimization_worker.OptimizationWorker(Cache(2**20), FairLock())
layer = VGG19.conv_layer("block1_conv1")
worker.request(OptimizationSpec(network_of("mine"), layer, 0, "regularized"), (1,))
begun.wait()
atexit.register(print, "Keras is shut down", flush=True)
"""


def test_an_exiting_process_waits_for_the_unit_and_starts_no_other():
    command = [sys.executable, "-c", EXIT_DURING_UNIT]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == ["unit 0", "Keras is shut down"]


def test_images_equal_those_of_a_run_without_the_worker(untrained_network, store, monkeypatch):
    monkeypatch.setattr(optimization, "STEPS", {1: (2, 1)})
    monkeypatch.setattr(optimization_worker, "store_of", lambda weights: store)
    layer = VGG19.conv_layer("block1_conv1")
    spec = OptimizationSpec(untrained_network, layer, 3, "pixels")
    alone = OptimizationRun(spec, (5, 9))
    while not alone.finished:
        alone.advance()
    for _ in range(2):  # optimized, then read from disk
        worker = OptimizationWorker(Cache(2**20), FairLock())
        progress = request_until_complete(worker, spec, (5, 9))
        for channel, expected in alone.images().items():
            found = progress.images[channel]
            np.testing.assert_array_equal(found.pixels, expected.pixels)
            assert (found.value, found.step) == (expected.value, expected.steps)
