"""What a run of the page asks for: in turn, held as long as need be, a part of the filters."""

from types import SimpleNamespace

import numpy as np
import pytest

from tests.support.truth import CheapDense
from vgg_viz import dense as dense_module
from vgg_viz.architecture import VGG19
from vgg_viz.dense import SLABS
from vgg_viz.serving.loading import Loader
from vgg_viz.serving.results import Results
from vgg_viz.serving.shared import Shared
from vgg_viz.weights import UntrainedWeights, WeightsError


class SupersededError(Exception):
    """What Streamlit's own calls raise in a run that a newer one has superseded."""


class Superseded:
    """A run that a newer one has superseded while it waited."""

    since = 0.0

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
    run.pause = run.waited = lambda: None
    with pytest.raises(SupersededError):
        Results(shared, run).computed("key", lambda: ran.append("the superseded one"))
    Results(shared).computed("key", lambda: ran.append("the next one"))
    assert ran == ["the next one"]


def test_an_export_has_its_turn_outside_of_any_run(shared):
    run = Superseded()
    assert Results(shared, run).for_export().computed("key", lambda: 7) == 7


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
    run = SimpleNamespace(since=0.0, pause=None, waited=None, end_if_superseded=None, started=0)
    run.start_again = lambda: setattr(run, "started", run.started + 1)
    with pytest.raises(WeightsError):
        Results(shared, run).biases(damaged, "block1_conv1")
    assert run.started == 1
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
        results.filters_span(weights, "block3_conv1")
        assert len(weights.reads) == 1
    results.kernels(weights, "block3_conv1", range(4, 8), range(4))
    assert len(weights.reads) == 2


def test_what_was_held_is_let_go_where_the_run_ends_meanwhile(results):
    weights = Counted()

    def look():
        with results.holding():
            results.kernels(weights, "block3_conv1", range(4), range(4))
            raise SupersededError

    with pytest.raises(SupersededError):
        look()
    results.filters_span(weights, "block3_conv1")
    assert len(weights.reads) == 2


class Reading:
    """A run that notes how far a reading is, and is superseded at the second word."""

    since = 0.0

    def __init__(self):
        self.shares = []
        self.started_again = False

    def pause(self):
        """Nobody waits here."""

    def waited(self):
        """Nobody waits here."""

    def reading(self, share):
        self.shares.append(share)
        if len(self.shares) > 1:
            raise SupersededError

    def start_again(self):
        self.started_again = True


def read_two(dense):
    """The sums of two slabs."""
    (layer,) = VGG19.dense_layers[-1:]
    return [float(dense.slab(layer, index).sum()) for index in range(2)]


def test_a_reading_that_was_superseded_ends_and_the_next_one_is_whole(shared):
    run, dense = Reading(), CheapDense(7)
    with pytest.raises(SupersededError):
        Results(shared, run).read_through("key", dense, read_two)
    assert run.shares == [0, 1 / SLABS]
    expected = read_two(dense)
    assert Results(shared).read_through("key", dense, read_two) == expected
    # It is kept: nothing is read any more.
    assert Results(shared).read_through("key", None, read_two) == expected


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
        Results(shared, run).read_through("key", damaged, read_two)
    assert run.started_again
    with pytest.raises(WeightsError, match="expected 5 bytes, got 4"):
        shared.dense.weights_for(UntrainedWeights()).result()


def test_a_reading_does_not_wait_for_the_forward_passes_of_others(shared):
    with shared.turns.turn(pause=lambda: None):
        assert Results(shared).read_through("key", CheapDense(7), read_two)
