"""What a run of the page asks for: in turn, held as long as need be, a part of the filters."""

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
from vgg_viz.serving.results import Results, run_slice
from vgg_viz.serving.run import Run
from vgg_viz.serving.shared import Shared


class SupersededError(Exception):
    """What Streamlit's own calls raise in a run that a newer one has superseded."""


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


def test_a_run_that_was_superseded_while_it_waited_computes_nothing(shared):
    ran = []
    run = Superseded()
    with pytest.raises(SupersededError):
        Results(shared, run).cached("key", lambda: ran.append("the superseded one"), network=True)
    Results(shared).cached("key", lambda: ran.append("the next one"), network=True)
    assert ran == ["the next one"]


def test_an_export_has_its_turn_outside_of_any_run(shared):
    run = Superseded()
    assert Results(shared, run).for_export().cached("key", lambda: 7, network=True) == 7


def test_networks_of_one_label_share_nothing(results):
    found = [
        results.kernels(UntrainedWeights(seed=seed), "block1_conv1", [0], [0]) for seed in (1, 2)
    ]
    assert not np.array_equal(*found)


def test_a_file_that_is_damaged_later_ends_the_run_and_is_given_up(shared):
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


def test_the_kernels_of_a_page_are_kept_and_the_layers_filters_are_not(results):
    weights = Counted()
    kernel = UntrainedWeights().read("block2_conv1")[0].transpose(3, 2, 0, 1)
    for _ in range(2):
        found = results.kernels(weights, "block2_conv1", range(16, 20), [5, 3])
        np.testing.assert_array_equal(found, kernel[16:20][:, [5, 3]])
    assert not found.flags.writeable
    assert len(weights.reads) == 1
    results.kernels(weights, "block2_conv1", range(20, 24), [5, 3])
    assert len(weights.reads) == 2


def test_what_is_held_is_read_once_and_let_go(results):
    weights = Counted()
    with results.holding():
        results.kernels(weights, "block3_conv1", range(4), range(4))
        results.filters_range(weights, "block3_conv1")
        assert len(weights.reads) == 1
    results.kernels(weights, "block3_conv1", range(4, 8), range(4))
    assert len(weights.reads) == 2


def test_what_takes_steps_is_held_too(shared, results):
    begun = []

    def work():
        begun.append(len(begun))
        yield
        return np.ones(3)

    with results.holding():
        results.cached_in_slices("ones", work)
        shared.values.shrink_to(0)  # as others' pictures would
        results.cached_in_slices("ones", work)
        assert begun == [0]
    results.cached_in_slices("ones", work)
    assert begun == [0, 1]


def test_what_was_held_is_let_go_where_the_run_ends_meanwhile(results):
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
    """The sums of two slabs."""
    (layer,) = VGG19.dense_layers[-1:]
    return [float(dense.slab(layer, index).sum()) for index in range(2)]


def test_a_reading_that_was_superseded_ends_and_the_next_one_is_whole(shared):
    run, dense = Reading(), CheapDense(7)
    with pytest.raises(SupersededError):
        Results(shared, run).cached_dense("key", dense, read_two)
    assert run.fractions == [0, 1 / SLABS]
    expected = read_two(dense)
    assert Results(shared).cached_dense("key", dense, read_two) == expected
    # It is kept: nothing is read any more.
    assert Results(shared).cached_dense("key", None, read_two) == expected


def test_dense_layers_that_are_damaged_later_are_given_up_and_the_run_begins_anew(
    shared, monkeypatch
):
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


def test_a_reading_does_not_wait_for_the_forward_passes_of_others(shared):
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
def no_time(monkeypatch):
    """A turn has one step."""
    monkeypatch.setattr("vgg_viz.serving.results.TIME_SLICE_SECONDS", 0)


def test_between_steps_others_have_their_turn(shared, no_time):
    run, turns = Going(), []

    def work():
        for step in range(3):
            turns.append((step, shared.network_lock.busy))
            yield
        return "done"

    before = shared.network_lock.taken
    assert Results(shared, run).cached_in_slices("key", work) == "done"
    assert turns == [(0, True), (1, True), (2, True)]
    assert shared.network_lock.taken == before + 4
    assert not shared.network_lock.busy
    # It is kept.
    assert Results(shared, run).cached_in_slices("key", None) == "done"


def test_a_turn_has_the_steps_that_fit_into_its_time():
    times = iter([0, 0.01, 0.03, 0.06, 1, 1.01, 1.02])
    steps, found = [], []

    def work():
        for step in range(5):
            steps.append(step)
            yield
        return "done"

    begun = work()
    run_slice(begun, found, times.__next__)
    assert steps == [0, 1, 2]
    assert found == []
    run_slice(begun, found, times.__next__)
    assert steps == [0, 1, 2, 3, 4]
    assert found == ["done"]


def test_a_superseded_run_ends_between_two_steps_and_the_next_one_begins_anew(shared, no_time):
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


def test_all_who_come_meanwhile_come_before_the_next_step(shared, threads, no_time):
    order, entered, queue, run = [], [], Queue(), Going()
    run.show_waiting = queue

    def other():
        with shared.network_lock.hold(queue):
            order.append("other")
            if order == [0, "other"]:
                queue.wait_for(1)  # the work, for its next turn

    def work():
        order.append(0)
        entered.extend(threads.submit(other) for _ in range(2))
        queue.wait_for(2)
        yield
        order.append(1)

    Results(shared, run).cached_in_slices("key", work)
    assert [one.result() for one in entered] == [None, None]
    assert order == [0, "other", "other", 1]


def test_one_such_work_ends_before_the_next_one_begins(shared, threads, no_time):
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


def test_what_is_long_lets_short_ones_pass_but_no_other_long_one(shared, threads, no_time):
    order, entered, queue, run = [], [], Queue(), Going()
    run.show_waiting = queue

    def begun(name, *, long):
        results, work = Results(shared, run), partial(short, name)
        return threads.submit(results.cached_in_slices, name, work, long=long)

    def short(name):
        yield
        order.append(name)

    def work():
        entered.append(begun("long too", long=True))
        queue.wait_for(1)
        entered.append(begun("short", long=False))
        queue.wait_for(1)  # for its turn
        yield from takewhile(lambda _: "short" not in order, range(10**5))
        order.append("long")

    Results(shared, Going()).cached_in_slices("key", work, long=True)
    assert [one.result() for one in entered] == [None, None]
    assert order == ["short", "long", "long too"]


def test_a_run_is_told_how_much_is_done_and_when_it_is_over(shared, no_time):
    run = Going()

    def work():
        yield 0.25
        yield 0.75
        return "done"

    Results(shared, run).cached_in_slices("key", work)
    assert run.progress == [0, 0.25, 0.75, "cleared"]


def test_what_fails_in_a_step_is_told_and_lets_others_go_on(shared):
    def work():
        yield
        raise ValueError("too large")

    run = Going()
    with pytest.raises(ValueError, match="too large"):
        Results(shared, run).cached_in_slices("key", work)
    assert run.progress == [0, "cleared"]
    assert not shared.network_lock.busy
    assert not shared.short_job_lock.busy
