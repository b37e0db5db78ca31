"""Cached results: locks, holding, time slices and damaged files."""

from functools import partial
from itertools import takewhile
from unittest.mock import Mock

import numpy as np
import pytest

from tests.support.threads import Queue
from tests.support.truth import CheapDense
from vgg_viz.model import dense_layers as dense_module
from vgg_viz.model.architecture import VGG19
from vgg_viz.model.dense_layers import SLABS
from vgg_viz.model.weights import UntrainedWeights, WeightsError
from vgg_viz.serving.loading import Loader
from vgg_viz.serving.results import Results
from vgg_viz.serving.run import Run
from vgg_viz.serving.shared import Shared


class SupersededError(Exception):
    """Raised in place of Streamlit's own exception, which ends a superseded run."""


class Superseded(Run):
    """A run that a newer one superseded while it waited."""

    started_at = 0.0

    def end_if_superseded(self):
        raise SupersededError


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


def test_a_run_superseded_while_waiting_computes_nothing(shared):
    ran = []
    run = Superseded()
    with pytest.raises(SupersededError):
        Results(shared, run).cached("key", lambda: ran.append("the superseded one"), network=True)
    Results(shared).cached("key", lambda: ran.append("the next one"), network=True)
    assert ran == ["the next one"]


def test_an_export_computes_outside_any_run(shared):
    run = Superseded()
    assert Results(shared, run).for_export().cached("key", lambda: 7, network=True) == 7


def test_networks_of_one_label_share_nothing(results):
    found = [
        results.kernels(UntrainedWeights(seed=seed), "block1_conv1", [0], [0]) for seed in (1, 2)
    ]
    assert not np.array_equal(*found)


def test_a_file_damaged_later_restarts_the_run_and_is_given_up(shared):
    class Damaged(UntrainedWeights):
        def read(self, layer_name):
            raise WeightsError("expected a sound file, got a damaged one")

    damaged = Damaged()
    shared.loaders["imagenet"] = Loader(lambda on_progress: damaged)
    assert shared.loaders["imagenet"].weights().result() is damaged
    run = Run()
    run.restart = Mock()
    with pytest.raises(WeightsError):
        Results(shared, run).biases(damaged, "block1_conv1")
    run.restart.assert_called_once()
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


def test_held_filters_are_read_once_and_released(results):
    weights = Counted()
    with results.holding():
        results.kernels(weights, "block3_conv1", range(4), range(4))
        results.filters_range(weights, "block3_conv1")
        assert len(weights.reads) == 1
    results.kernels(weights, "block3_conv1", range(4, 8), range(4))
    assert len(weights.reads) == 2


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


def test_held_values_are_released_when_the_run_ends(results):
    weights = Counted()

    def look():
        with results.holding():
            results.kernels(weights, "block3_conv1", range(4), range(4))
            raise SupersededError

    with pytest.raises(SupersededError):
        look()
    results.filters_range(weights, "block3_conv1")
    assert len(weights.reads) == 2


class Reading(Run):
    """A run that records the fractions read, and is superseded at the second one."""

    def __init__(self):
        self.fractions = []
        self.restarted = False

    def show_reading(self, fraction):
        self.fractions.append(fraction)
        if len(self.fractions) > 1:
            raise SupersededError

    def restart(self):
        self.restarted = True


def read_two(dense):
    """Sum two slabs of a dense layer."""
    (layer,) = VGG19.dense_layers[-1:]
    return [float(dense.slab(layer, index).sum()) for index in range(2)]


def test_a_superseded_reading_ends_and_the_next_one_is_complete(shared):
    run, dense = Reading(), CheapDense(7)
    with pytest.raises(SupersededError):
        Results(shared, run).cached_dense("key", dense, read_two)
    assert run.fractions == [0, 1 / SLABS]
    expected = read_two(dense)
    assert Results(shared).cached_dense("key", dense, read_two) == expected
    # The result is cached, so nothing is read.
    assert Results(shared).cached_dense("key", None, read_two) == expected


def test_dense_layers_damaged_later_restart_the_run_and_are_given_up(shared, monkeypatch):
    class Damaged(CheapDense):
        def slab(self, layer, index):
            raise WeightsError("expected 5 bytes, got 4")

    damaged, run = Damaged(7), Reading()
    monkeypatch.setattr(dense_module, "open_dense", lambda weights: damaged)
    assert shared.dense.weights_for(UntrainedWeights()).result() is damaged
    with pytest.raises(WeightsError):
        Results(shared, run).cached_dense("key", damaged, read_two)
    assert run.restarted
    with pytest.raises(WeightsError, match="expected 5 bytes, got 4"):
        shared.dense.weights_for(UntrainedWeights()).result()


def test_reading_does_not_wait_for_forward_passes(shared):
    with shared.network_lock.hold(pause=lambda: None):
        assert Results(shared).cached_dense("key", CheapDense(7), read_two)


class Going(Run):
    """A run that records its progress and can be superseded."""

    started_at = 0.0

    def __init__(self):
        self.superseded = False
        self.progress = []

    def clear_status(self):
        self.progress.append("cleared")

    def show_computing(self, fraction):
        self.progress.append(fraction)

    def end_if_superseded(self):
        if self.superseded:
            raise SupersededError


@pytest.fixture
def single_steps(monkeypatch):
    """Make every time slice a single step."""
    monkeypatch.setattr("vgg_viz.serving.results.TIME_SLICE_SECONDS", 0)


def test_the_network_lock_is_free_between_slices(shared, single_steps):
    run, steps = Going(), []

    def work():
        for step in range(3):
            steps.append((step, shared.network_lock.busy))
            yield
        return "done"

    before = shared.network_lock.hold_count
    assert Results(shared, run).cached_in_slices("key", work) == "done"
    assert steps == [(0, True), (1, True), (2, True)]
    assert shared.network_lock.hold_count == before + 4
    assert not shared.network_lock.busy
    # The result is cached.
    assert Results(shared, run).cached_in_slices("key", None) == "done"


def test_a_slice_takes_the_steps_that_fit_into_its_time(shared, monkeypatch):
    times = iter([0, 0.01, 0.03, 0.06, 1, 1.01, 1.02])
    monkeypatch.setattr("vgg_viz.serving.results.perf_counter", times.__next__)
    before, holds = shared.network_lock.hold_count, []

    def work():
        for _ in range(5):
            holds.append(shared.network_lock.hold_count - before)
            yield
        return "done"

    assert Results(shared).cached_in_slices("key", work) == "done"
    assert holds == [1, 1, 1, 2, 2]


def test_a_superseded_job_ends_between_slices_and_the_next_starts_over(shared, single_steps):
    run, steps = Going(), []

    def work():
        for step in range(3):
            steps.append(step)
            run.superseded = step == 1
            yield
        return "done"

    with pytest.raises(SupersededError):
        Results(shared, run).cached_in_slices("key", work)
    assert steps == [0, 1]
    assert not shared.network_lock.busy
    assert not shared.short_job_lock.busy
    assert Results(shared).cached_in_slices("key", work) == "done"
    assert steps == [0, 1, 0, 1, 2]


def test_waiting_runs_come_before_the_next_slice(shared, threads, single_steps):
    order, entered, queue, run = [], [], Queue(), Going()
    run.show_waiting = queue

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

    Results(shared, run).cached_in_slices("key", work)
    assert [one.result() for one in entered] == [None, None]
    assert order == [0, "other", "other", 1]


def test_one_job_ends_before_the_next_begins(shared, threads, single_steps):
    order, entered, queue = [], [], Queue()

    def work(name):
        order.append(f"{name} begins")
        if name == "first":
            run = Going()
            run.show_waiting = queue
            second = partial(
                Results(shared, run).cached_in_slices, "second", partial(work, "second")
            )
            entered.append(threads.submit(second))
            queue.wait_for(1)
        yield
        order.append(f"{name} ends")

    Results(shared, Going()).cached_in_slices("first", partial(work, "first"))
    entered[0].result()
    assert order == ["first begins", "first ends", "second begins", "second ends"]


def test_a_long_job_lets_short_jobs_pass_but_not_other_long_jobs(shared, threads, single_steps):
    order, entered, queue, run = [], [], Queue(), Going()
    run.show_waiting = queue

    def submit(name, *, long):
        results, work = Results(shared, run), partial(short, name)
        return threads.submit(results.cached_in_slices, name, work, long=long)

    def short(name):
        yield
        order.append(name)

    def work():
        entered.append(submit("second long", long=True))
        queue.wait_for(1)
        entered.append(submit("short", long=False))
        queue.wait_for(1)  # for the network lock
        yield from takewhile(lambda _: "short" not in order, range(10**5))
        order.append("long")

    Results(shared, Going()).cached_in_slices("key", work, long=True)
    assert [one.result() for one in entered] == [None, None]
    assert order == ["short", "long", "second long"]


def test_a_jobs_progress_is_shown_and_cleared(shared, single_steps):
    run = Going()

    def work():
        yield 0.25
        yield 0.75
        return "done"

    Results(shared, run).cached_in_slices("key", work)
    assert run.progress == [0, 0.25, 0.75, "cleared"]


def test_an_error_in_a_job_is_raised_and_releases_the_locks(shared):
    def work():
        yield
        raise ValueError("too large")

    run = Going()
    with pytest.raises(ValueError, match="too large"):
        Results(shared, run).cached_in_slices("key", work)
    assert run.progress == [0, "cleared"]
    assert not shared.network_lock.busy
    assert not shared.short_job_lock.busy
