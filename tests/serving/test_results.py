"""Cached results: locks, holding, time slices and damaged files."""

from contextlib import suppress
from functools import partial
from itertools import takewhile

import numpy as np
import pytest

from tests.support.threads import Queue, SupersededError
from tests.support.truth import CheapDense
from vgg_viz.model import dense_layers as dense_module
from vgg_viz.model.architecture import VGG19
from vgg_viz.model.dense_layers import SLABS
from vgg_viz.model.weights import UntrainedWeights, WeightsError
from vgg_viz.serving.loading import Loader
from vgg_viz.serving.results import Results
from vgg_viz.serving.run import Run
from vgg_viz.serving.shared import Shared


class Recorded(Run):
    """A run that records what it shows and can be superseded."""

    started_at = 0.0

    def __init__(self, *, superseded=False, pause=None):
        self.superseded, self.restarted = superseded, 0
        self.shown = []
        self.show_waiting = pause or super().show_waiting

    def clear_status(self):
        self.shown.append("cleared")

    def show_reading(self, fraction):
        self.shown.append(fraction)
        self.end_if_superseded()

    def show_computing(self, fraction):
        self.shown.append(fraction)

    def end_if_superseded(self):
        if self.superseded:
            raise SupersededError

    def restart(self):
        self.restarted += 1


class Counted(UntrainedWeights):
    """Weights that count how often they are read."""

    label = "counted"

    def __init__(self):
        super().__init__()
        object.__setattr__(self, "reads", [])

    def read(self, layer_name):
        self.reads.append(layer_name)
        return super().read(layer_name)


@pytest.fixture
def shared():
    return Shared(limit=None)


@pytest.fixture
def results(shared):
    return Results(shared)


def test_a_run_superseded_while_waiting_computes_nothing_and_its_export_does(shared, threads):
    ran, waiting = [], Results(shared, Recorded(superseded=True))
    with pytest.raises(SupersededError):
        waiting.cached("key", lambda: ran.append("superseded"), network=True)
    threads.submit(waiting.cached, "key", lambda: ran.append("export"), network=True).result()
    assert ran == ["export"]


def test_networks_of_one_label_share_nothing(results):
    found = [results.kernels(UntrainedWeights(one), "block1_conv1", [0], [0]) for one in (1, 2)]
    assert not np.array_equal(*found)


def test_a_file_damaged_later_restarts_the_run_and_is_given_up(shared):
    class Damaged(UntrainedWeights):
        def read(self, layer_name):
            raise WeightsError("expected a sound file, got a damaged one")

    damaged, run = Damaged(), Recorded()
    shared.loaders["imagenet"] = Loader(lambda on_progress: damaged)
    assert shared.loaders["imagenet"].weights().result() is damaged
    with pytest.raises(WeightsError):
        Results(shared, run).biases(damaged, "block1_conv1")
    assert run.restarted == 1
    assert isinstance(shared.loaders["imagenet"].weights().exception(), WeightsError)


def test_kernels_of_a_page_are_cached_and_the_layers_filters_are_not(results):
    weights = Counted()
    kernel = UntrainedWeights().read("block2_conv1")[0].transpose(3, 2, 0, 1)
    for _ in range(2):
        found = results.kernels(weights, "block2_conv1", range(16, 20), [5, 3])
        np.testing.assert_array_equal(found, kernel[16:20][:, [5, 3]])
    assert not found.flags.writeable
    assert len(weights.reads) == 1
    results.kernels(weights, "block2_conv1", range(20, 24), [5, 3])
    assert len(weights.reads) == 2


@pytest.mark.parametrize("error", [None, SupersededError])
def test_held_filters_are_read_once_and_released(results, error):
    weights = Counted()
    with suppress(SupersededError), results.holding():
        results.kernels(weights, "block1_conv2", range(4), range(4))
        results.filters_range(weights, "block1_conv2")
        assert len(weights.reads) == 1
        if error:
            raise error
    results.kernels(weights, "block1_conv2", range(4, 8), range(4))
    assert len(weights.reads) == 2


def read_two(dense):
    """Sum two slabs of a dense layer."""
    (layer,) = VGG19.dense_layers[-1:]
    return [float(dense.slab(layer, index).sum()) for index in range(2)]


def test_a_superseded_reading_ends_and_the_next_one_is_complete(shared):
    run, dense = Recorded(), CheapDense(7)

    def read(dense):
        first = read_two(dense)
        run.superseded = True
        return first, read_two(dense)

    with pytest.raises(SupersededError):
        Results(shared, run).cached_dense("key", dense, read)
    assert run.shown == [0, 1 / SLABS, 2 / SLABS, "cleared"]
    # Forward passes do not wait for it, nor does it wait for them.
    with shared.network_lock.hold(pause=lambda: None):
        found = Results(shared).cached_dense("key", dense, read_two)
    assert found == read_two(dense)
    # The result is cached, so nothing is read.
    assert Results(shared).cached_dense("key", None, read_two) is found


def test_dense_layers_damaged_later_restart_the_run_and_are_given_up(shared, monkeypatch):
    class Damaged(CheapDense):
        def slab(self, layer, index):
            raise WeightsError("expected 5 bytes, got 4")

    damaged, run = Damaged(7), Recorded()
    monkeypatch.setattr(dense_module, "open_dense", lambda weights: damaged)
    assert shared.dense.weights_for(UntrainedWeights()).result() is damaged
    with pytest.raises(WeightsError):
        Results(shared, run).cached_dense("key", damaged, read_two)
    assert run.restarted == 1
    with pytest.raises(WeightsError, match="expected 5 bytes, got 4"):
        shared.dense.weights_for(UntrainedWeights()).result()


@pytest.fixture
def single_steps(monkeypatch):
    """Make every time slice a single step."""
    monkeypatch.setattr("vgg_viz.serving.results.TIME_SLICE_SECONDS", 0)


def test_the_network_lock_is_free_between_slices_and_progress_is_shown(shared, single_steps):
    run, held, between = Recorded(), [], []

    def work():
        for fraction in (0.25, None, 0.75):
            held.append((shared.network_lock.hold_count, shared.network_lock.busy))
            yield fraction
        return "done"

    def after_slice():  # which shows intermediate results
        between.append((len(held), shared.network_lock.busy))

    assert Results(shared, run).cached_in_slices("key", work, after_slice=after_slice) == "done"
    assert held == [(1, True), (2, True), (3, True)]
    assert between == [(1, False), (2, False), (3, False)]
    assert shared.network_lock.hold_count == 4
    assert not shared.network_lock.busy
    assert run.shown == [0, 0.25, 0.75, "cleared"]
    # The result is cached.
    assert Results(shared, run).cached_in_slices("key", None) == "done"


def test_a_slice_takes_the_steps_that_fit_into_its_time(results, monkeypatch):
    times = iter([0, 0.01, 0.03, 0.06, 1, 1.01, 1.02])
    monkeypatch.setattr("vgg_viz.serving.results.perf_counter", times.__next__)
    slices = []

    def work():
        for _ in range(5):
            slices.append(results.shared.network_lock.hold_count)
            yield
        return "done"

    assert results.cached_in_slices("key", work) == "done"
    assert slices == [1, 1, 1, 2, 2]


def test_results_of_jobs_are_held_too(shared, results):
    begun = []

    def work():
        begun.append(len(begun))
        yield
        return np.ones(3)

    with results.holding():
        results.cached_in_slices("ones", work)
        shared.values.shrink_to(0)  # as other viewers' images would
        results.cached_in_slices("ones", work)
        assert begun == [0]
    results.cached_in_slices("ones", work)
    assert begun == [0, 1]


@pytest.mark.parametrize("error", [SupersededError, ValueError])
def test_a_job_ends_with_an_error_or_a_newer_run_and_the_next_starts_over(
    shared, single_steps, error
):
    run, steps = Recorded(), []

    def work():
        for step in range(3):
            steps.append(step)
            if len(steps) == 2:
                run.superseded = error is SupersededError
                if not run.superseded:
                    raise error
            yield
        return "done"

    with pytest.raises(error):
        Results(shared, run).cached_in_slices("key", work)
    assert steps == [0, 1]
    assert run.shown == [0, "cleared"]
    assert not shared.network_lock.busy
    assert not shared.short_job_lock.busy
    assert Results(shared).cached_in_slices("key", work) == "done"
    assert steps == [0, 1, 0, 1, 2]


def test_waiting_runs_come_before_the_next_slice(shared, threads, single_steps):
    order, entered, queue = [], [], Queue()

    def other():
        with shared.network_lock.hold(queue):
            order.append("other")
            if order == [0, "other"]:
                queue.wait_for(1)  # the job, for its next slice

    def work():
        order.append(0)
        entered.extend(threads.submit(other) for _ in range(2))
        queue.wait_for(2)
        yield
        order.append(1)

    Results(shared, Recorded(pause=queue)).cached_in_slices("key", work)
    assert [one.result() for one in entered] == [None, None]
    assert order == [0, "other", "other", 1]


@pytest.mark.parametrize("long", [False, True])
def test_jobs_wait_for_others_of_their_kind_and_short_ones_pass_long_ones(
    shared, threads, single_steps, long
):
    order, entered, queue = [], [], Queue()

    def run_job(name, *, long):
        results = Results(shared, Recorded(pause=queue))
        return results.cached_in_slices(name, partial(job, name), long=long)

    def submit(name, *, long):
        entered.append(threads.submit(run_job, name, long=long))
        queue.wait_for(1)

    def job(name):
        yield
        order.append(name)

    def first():
        submit("second of its kind", long=long)
        if long:
            submit("short", long=False)  # waits for the network lock only
            yield from takewhile(lambda _: "short" not in order, range(10**5))
        yield
        order.append("first")

    Results(shared, Recorded()).cached_in_slices("key", first, long=long)
    assert [one.result() for one in entered] == [None] * len(entered)
    assert order == [*["short"] * long, "first", "second of its kind"]
