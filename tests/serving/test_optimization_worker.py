"""Pictures made in the background: once for all, while somebody looks, behind all others."""

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
from vgg_viz.serving.scheduler import FORGET_SECONDS, REST_SECONDS
from vgg_viz.serving.shared import Shared

NETWORK = network_of("mine")
EYES, EDGES = (
    OptimizationSpec(NETWORK, VGG19.conv_layer(name), 0, "regularized")
    for name in ("block3_conv4", "block1_conv1")
)


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """A thread that rests looks at the clock at once."""
    monkeypatch.setattr(optimization_worker, "LISTEN_SECONDS", 0.005)


@pytest.fixture
def clock():
    """Stands still until a test moves it."""
    return SimpleNamespace(now=100.0)


class Gate:
    """Lets units of work through one by one, and says when the next one waits."""

    def __init__(self):
        self._come, self._may = threading.Semaphore(0), threading.Semaphore(0)
        self.open = False

    def __call__(self, _):
        self._come.release()
        if not self.open:
            assert self._may.acquire(timeout=PATIENCE_SECONDS), "never let through"

    def wait_for_one(self):
        assert self._come.acquire(timeout=PATIENCE_SECONDS), "no unit of work has come"

    def let_through(self, count=1):
        """Let so many through; when this returns, the next one waits."""
        for _ in range(count):
            self._may.release()
            self.wait_for_one()

    def let_all_through(self):
        self.open = True
        self._may.release()


@pytest.fixture
def maker_with(clock):
    """A function that makes makers, whose threads come to their end with the test."""
    made = []

    def build(workshop=None, values=None, turns=None, store=None, **others):
        workshop = workshop or Workshop()
        maker = OptimizationWorker(
            values or Cache(2**20),
            turns or FairLock(),
            clock=lambda: clock.now,
            making=workshop.making,
            batch_size=four,
            store_of=lambda weights: store,
            **others,
        )
        made.append((maker, workshop))
        return maker

    yield build
    for maker, workshop in made:
        if isinstance(workshop.before_unit, Gate):
            workshop.before_unit.let_all_through()
        clock.now += FORGET_SECONDS
        wait_for(lambda maker=maker: maker._thread is None)


def wait_for(condition):
    for _ in range(200 * PATIENCE_SECONDS):
        if condition():
            return
        threading.Event().wait(0.005)
    raise AssertionError("waited without end")


def look_until_complete(maker, subject, channels):
    """Look again and again; what there is in the end."""
    wait_for(lambda: maker.look(subject, channels).complete)
    return maker.look(subject, channels)


def are_finished(progress, subject, channels):
    assert [*progress.pictures] == [*channels]
    for channel, found in progress.pictures.items():
        expected = picture(subject.layer, channel, subject.seed, subject.parametrization)
        np.testing.assert_array_equal(found.pixels, expected)
        assert not found.pixels.flags.writeable
        assert (found.value, found.step, found.steps) == (STEPS * channel, STEPS, STEPS)
        assert found.finished
    assert progress.complete
    assert progress.failure == ""
    assert progress.seconds_left is None
    return True


# -- made, and kept


def test_what_somebody_looks_at_is_made(maker_with):
    maker = maker_with()
    channels = (3, 1, 7, 64, 5)
    first = maker.look(EDGES, channels)
    assert (first.complete, first.failure) == (False, "")
    assert are_finished(look_until_complete(maker, EDGES, channels), EDGES, channels)


def test_pictures_grow(maker_with, clock):
    gate = Gate()
    maker = maker_with(Workshop(gate))
    assert maker.look(EYES, (5, 6)).pictures == {}
    gate.wait_for_one()
    for step in (1, 2, 3):
        clock.now += 0.5
        gate.let_through()
        progress = maker.look(EYES, (6, 5, 9))
        assert [*progress.pictures] == [6, 5]
        growing = progress.pictures[6]
        assert (growing.step, growing.steps, growing.value) == (step, STEPS, 6 * step)
        assert not growing.finished
        np.testing.assert_array_equal(
            growing.pixels, picture(EYES.layer, 6, 0, "regularized", step)
        )


def test_how_long_it_takes_is_measured(maker_with, clock):
    gate = Gate()
    maker = maker_with(Workshop(gate, steps=20))
    channels = (1, 2, 3, 4, 5)
    assert maker.look(EYES, channels).seconds_left is None
    gate.wait_for_one()
    for _ in range(3):
        clock.now += 2
        maker.look(EYES, channels)
        gate.let_through()
    assert maker.look(EYES, channels).seconds_left == pytest.approx(2 * (20 - 3) + 2 * 20)


def test_thirty_who_look_at_the_same_have_it_made_once(maker_with, threads):
    workshop = Workshop()
    maker = maker_with(workshop)
    channels = (1, 2, 3, 4, 5, 6)
    seen = threads.map(lambda _: look_until_complete(maker, EYES, channels), range(30))
    assert all(are_finished(progress, EYES, channels) for progress in seen)
    assert workshop.begun == [("block3_conv4", 1, 2, 3, 4), ("block3_conv4", 5, 6)]
    assert len(workshop.units) == 2 * STEPS


def test_what_is_finished_is_there_for_who_asks_for_others_as_well(maker_with):
    workshop = Workshop()
    maker = maker_with(workshop)
    look_until_complete(maker, EYES, (1, 2, 3, 4))
    progress = maker.look(EYES, (9, 3))
    assert progress.pictures[3].finished
    look_until_complete(maker, EYES, (9, 3))
    assert workshop.begun[1:] == [("block3_conv4", 9)]


@pytest.mark.parametrize(
    "other",
    [
        OptimizationSpec(network_of("yours"), EYES.layer, 0, "regularized"),
        OptimizationSpec(NETWORK, VGG19.conv_layer("block3_conv3"), 0, "regularized"),
        OptimizationSpec(NETWORK, EYES.layer, 1, "regularized"),
        OptimizationSpec(NETWORK, EYES.layer, 0, "pixels"),
    ],
)
def test_another_subject_has_other_pictures(maker_with, other):
    maker = maker_with()
    look_until_complete(maker, EYES, (1,))
    assert maker.look(other, (1,)).pictures == {}
    assert are_finished(look_until_complete(maker, other, (1,)), other, (1,))


def test_who_only_asks_what_there_is_has_nothing_made(maker_with):
    workshop = Workshop()
    maker = maker_with(workshop)
    assert maker.there(EYES, (1, 2)).pictures == {}
    assert not maker.there(EYES, (1, 2)).complete
    assert maker._thread is None
    look_until_complete(maker, EYES, (1,))
    assert [*maker.there(EYES, (1, 2)).pictures] == [1]
    assert maker.there(EYES, (1,)).complete
    assert workshop.begun == [("block3_conv4", 1)]


# -- on the disk


@pytest.fixture
def store(tmp_path):
    return ImageStore(tmp_path / "made", "mine")


def test_after_a_restart_all_is_there_at_once(maker_with, store):
    look_until_complete(maker_with(store=store), EYES, (1, 2, 3))
    workshop = Workshop()
    again = maker_with(workshop, store=ImageStore(store.folder, "mine"))
    assert are_finished(again.look(EYES, (2, 1)), EYES, (2, 1))
    assert again._thread is None
    assert workshop.begun == []


def test_what_is_damaged_on_the_disk_is_made_again(maker_with, store):
    look_until_complete(maker_with(store=store), EYES, (1, 2, 3))
    for path in store.folder.glob("*-002-*"):
        path.write_bytes(path.read_bytes()[:-40])
    workshop = Workshop()
    again = maker_with(workshop, store=store)
    assert are_finished(look_until_complete(again, EYES, (1, 2, 3)), EYES, (1, 2, 3))
    assert workshop.begun == [("block3_conv4", 2)]


def test_what_another_process_has_made_meanwhile_is_not_made_again(maker_with, store):
    gate = Gate()
    workshop = Workshop(gate)
    maker = maker_with(workshop, store=store)
    channels = (1, 2, 3, 4, 5, 6)
    maker.look(EYES, channels)
    gate.wait_for_one()
    there = OptimizedImage(picture(EYES.layer, 5, 0, "regularized"), 5.0 * STEPS, STEPS)
    ImageStore(store.folder, "mine").save(EYES.series, {5: there})
    gate.let_all_through()
    assert are_finished(look_until_complete(maker, EYES, channels), EYES, channels)
    assert workshop.begun == [("block3_conv4", 1, 2, 3, 4), ("block3_conv4", 6)]


def test_pictures_are_read_once_for_all(maker_with, store, threads):
    look_until_complete(maker_with(store=store), EYES, (1, 2, 3))
    values, reads, looked = Cache(2**20), [], threading.Semaphore(0)
    read, peek = store.read, values.peek

    def read_when_all_have_looked(series, channel):
        for _ in range(12 if not reads else 0):
            assert looked.acquire(timeout=PATIENCE_SECONDS)
        reads.append(channel)
        return read(series, channel)

    store.read = read_when_all_have_looked
    values.peek = lambda key: (peek(key), looked.release())[0]
    maker = maker_with(values=values, store=store)
    [*threads.map(lambda _: maker.look(EYES, (1, 2, 3)), range(12))]
    assert sorted(reads) == [1, 2, 3]


def test_where_the_disk_takes_nothing_all_goes_on_in_memory(maker_with, store, caplog):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    store.save = full
    maker = maker_with(store=store)
    assert are_finished(look_until_complete(maker, EYES, (1, 2)), EYES, (1, 2))
    assert "No space left on device" in caplog.text


# -- only while somebody looks


def test_it_rests_when_nobody_looks_and_goes_on_where_it_was(maker_with, clock):
    gate = Gate()
    workshop = Workshop(gate)
    maker = maker_with(workshop)
    maker.look(EYES, (1,))
    gate.wait_for_one()
    gate.let_through()
    clock.now += REST_SECONDS
    gate._may.release()  # the unit that was begun
    wait_for(lambda: len(workshop.units) == 2)
    rests_without_work(maker, workshop)
    gate.open = True
    assert are_finished(look_until_complete(maker, EYES, (1,)), EYES, (1,))
    assert workshop.begun == [("block3_conv4", 1)]
    assert len(workshop.units) == STEPS


def rests_without_work(maker, workshop):
    """See the thread look at the clock several times, and do nothing."""
    before, seen = len(workshop.units), threading.Semaphore(0)
    rested = maker._wishes.rested
    maker._wishes.rested = lambda: rested() or seen.release()
    for _ in range(3):
        assert seen.acquire(timeout=PATIENCE_SECONDS)
    assert len(workshop.units) == before
    maker._wishes.rested = rested


def test_it_ends_a_minute_after_the_last_look_and_begins_anew(maker_with, clock):
    gate = Gate()
    workshop = Workshop(gate)
    maker = maker_with(workshop)
    maker.look(EYES, (1,))
    gate.wait_for_one()
    clock.now += FORGET_SECONDS
    gate.let_all_through()
    wait_for(lambda: maker._thread is None)
    assert maker.there(EYES, (1,)).pictures == {}
    assert are_finished(look_until_complete(maker, EYES, (1,)), EYES, (1,))
    assert workshop.begun == [("block3_conv4", 1)] * 2


def test_the_thread_ends_when_all_is_finished(maker_with):
    maker = maker_with()
    maker.look(EYES, (1,))
    wait_for(lambda: maker._thread is None)
    assert maker.look(EYES, (1,)).complete


# -- in nobody's way


def test_others_forward_passes_come_first(maker_with, threads, monkeypatch):
    monkeypatch.setattr(
        optimization_worker, "MOST_ASIDE", 0
    )  # not even where it does not step aside
    gate, turns, order = Gate(), FairLock(), []
    workshop = Workshop(gate)
    maker = maker_with(workshop, turns=turns)
    maker.look(EYES, (1,))
    gate.wait_for_one()  # a unit of work is under way

    def forward_pass(number, queue):
        with turns.hold(queue):
            order.append((number, len(workshop.units)))

    passes = []
    for number in range(3):
        queue = Queue()
        passes.append(threads.submit(forward_pass, number, queue))
        queue.wait_for(1)
    gate.let_through()
    for waiting in passes:
        waiting.result(PATIENCE_SECONDS)
    # All of them after that unit, and before the next one.
    assert order == [(0, 1), (1, 1), (2, 1)]


def test_a_run_that_takes_turn_after_turn_waits_for_one_unit_only(maker_with, monkeypatch):
    monkeypatch.setattr(optimization_worker, "ASIDE_SECONDS", PATIENCE_SECONDS)
    gate, turns = Gate(), FairLock()
    workshop = Workshop(gate)
    maker = maker_with(workshop, turns=turns)
    aside = Gate()
    ending = SimpleNamespace(wait=aside, is_set=lambda: False)
    monkeypatch.setattr(optimization_worker, "_ending", ending)
    maker.look(EYES, (1,))
    gate.wait_for_one()
    gate._may.release()
    wait_for(lambda: len(workshop.units) == 1)
    gate.wait_for_one()
    units = []
    with threading_turn(turns, gate):
        units.append(len(workshop.units))
    aside.wait_for_one()
    for _ in range(4):  # the run's further turns: the maker stands aside
        with turns.hold(lambda: None):
            units.append(len(workshop.units))
    assert units == [2] * 5
    aside.let_through()  # since others have had turns meanwhile
    aside.let_all_through()
    gate.wait_for_one()
    assert len(workshop.units) == 2


def threading_turn(turns, gate):
    """Wait for a turn while a unit of work is under way, and let that come to its end."""
    queue = Queue()

    def pause():
        queue()
        gate._may.release()

    return turns.hold(pause)


def test_memory_is_seen_to_before_and_after(maker_with):
    called = []
    maker = maker_with(
        make_room=lambda: called.append("room"), tidy=lambda: called.append("tidied")
    )
    look_until_complete(maker, EYES, (1, 2, 3, 4, 5))
    wait_for(lambda: called.count("tidied") == 2 * (STEPS + 1))
    assert called.count("room") == 2
    assert called[0] == "room"


# -- what goes wrong


class ResourceExhaustedError(Exception):
    """Called like TensorFlow's own."""


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (MemoryError(), TOO_LITTLE_MEMORY),
        (ResourceExhaustedError(), TOO_LITTLE_MEMORY),
        (ZeroDivisionError(), UNEXPECTED),
    ],
)
def test_an_error_is_a_sentence_and_others_go_on(maker_with, clock, error, sentence):
    broken = [True]

    def fail(making):
        if broken and making.layer is EYES.layer:
            raise error

    maker = maker_with(Workshop(fail))
    maker.look(EYES, (1, 2))
    assert are_finished(look_until_complete(maker, EDGES, (1,)), EDGES, (1,))
    progress = look_until_complete(maker, EYES, (1, 2))
    assert (progress.failure, progress.pictures) == (sentence, {})
    # It stays so as long as somebody looks, and is tried again by who comes later.
    broken.clear()
    clock.now += REST_SECONDS - 0.1
    assert maker.look(EYES, (1, 2)).failure == sentence
    clock.now += REST_SECONDS
    assert maker.look(EYES, (1, 2)).failure == ""
    assert are_finished(look_until_complete(maker, EYES, (1, 2)), EYES, (1, 2))


def test_what_failed_can_be_tried_again_at_once(maker_with):
    broken = [True]

    def fail(making):
        if broken:
            raise MemoryError

    maker = maker_with(Workshop(fail))
    assert look_until_complete(maker, EYES, (1,)).failure
    broken.clear()
    maker.retry(EYES)
    assert are_finished(look_until_complete(maker, EYES, (1,)), EYES, (1,))


def test_a_network_that_cannot_be_begun_with_is_a_sentence_as_well(maker_with):
    workshop = Workshop()
    workshop.making = lambda *_: 1 / 0
    maker = maker_with(workshop)
    assert look_until_complete(maker, EYES, (1,)).failure == UNEXPECTED


def test_a_value_that_is_no_number_costs_its_own_picture_only(maker_with, store):
    def spoil(making):
        making.values = np.where(np.array(making.channels) == 2, np.nan, making.values)

    maker = maker_with(Workshop(spoil), store=store)
    progress = look_until_complete(maker, EYES, (1, 2, 3))
    assert [*progress.pictures] == [1, 3]
    assert progress.failure == (
        "Channel 2 of block3_conv4 could not be made: the value became infinite, or no number "
        "(NaN)."
    )
    assert store.read(EYES.series, 2) is None
    assert store.read(EYES.series, 3)


def test_where_no_value_is_a_number_nothing_is_gone_on_with(maker_with):
    def spoil(making):
        making.values = making.values + np.inf

    workshop = Workshop(spoil)
    progress = look_until_complete(maker_with(workshop), EYES, (1, 2))
    assert progress.failure == (
        "These pictures could not be made: their values became infinite, or no numbers (NaN)."
    )
    assert len(workshop.units) == 1


# -- networks and processes that end


def test_a_network_that_is_given_up_is_not_kept(clock):
    gate = Gate()
    shared = Shared(limit=None)
    shared.maker = maker = OptimizationWorker(
        shared.values,
        shared.network_lock,
        clock=lambda: clock.now,
        making=Workshop(gate).making,
        batch_size=four,
        store_of=lambda weights: None,
    )
    weights = UntrainedWeights()
    network = StandInNetwork(weights)
    kept = weakref.ref(network)
    maker.look(OptimizationSpec(network, EYES.layer, 0, "regularized"), (1, 2))
    del network
    gate.wait_for_one()
    gate.let_through(STEPS - 1)  # the last unit is under way
    shared.give_up(weights, WeightsError("damaged"))
    gate.let_all_through()
    wait_for(lambda: maker._thread is None)
    gc.collect()
    assert kept() is None
    assert shared.values.used_bytes == 0


def test_a_network_is_not_kept_while_nobody_looks(maker_with, clock):
    maker = maker_with()
    network = network_of("mine")
    kept = weakref.ref(network)
    look_until_complete(maker, OptimizationSpec(network, EYES.layer, 0, "regularized"), (1, 2))
    del network
    wait_for(lambda: maker._thread is None)
    gc.collect()
    assert kept() is None


# Ends in the midst of a unit of work, which notes whether the process was still whole.
END_WHILE_MAKING = """
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

def take_down():
    print("Keras is taken down", flush=True)
    thread.join(60)

atexit.register(take_down)
maker = OptimizationWorker(
    Cache(2**20), FairLock(), making=Workshop(unit).making, batch_size=four, store_of=lambda _: None
)
layer = VGG19.conv_layer("block1_conv1")
maker.look(OptimizationSpec(network_of("mine"), layer, 0, "regularized"), (1,))
thread = maker._thread
begun.wait()
atexit.register(ending.set)
"""


def test_a_process_that_ends_waits_for_the_unit_and_begins_no_other():
    command = [sys.executable, "-c", END_WHILE_MAKING]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["unit 0", "Keras is taken down"]
    assert "Traceback" not in done.stderr


# -- with the network itself


def test_real_pictures_are_those_that_are_made_without_anybody_looking(untrained_network, store):
    layer = VGG19.conv_layer("block1_conv1")
    subject = OptimizationSpec(untrained_network, layer, 3, "pixels")
    alone = OptimizationRun(untrained_network, layer, (5, 9), 3, "pixels")
    while not alone.finished:
        alone.advance()
    for _ in range(2):  # made, and found on the disk at the next start
        maker = OptimizationWorker(Cache(2**20), FairLock(), store_of=lambda weights: store)
        progress = look_until_complete(maker, subject, (5, 9))
        for channel, expected in zip((5, 9), alone.results(), strict=True):
            found = progress.pictures[channel]
            np.testing.assert_array_equal(found.pixels, expected.pixels)
            assert (found.value, found.step) == (expected.value, expected.steps)
