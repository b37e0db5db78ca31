"""What a run of the page asks for: in turn, held as long as need be, a part of the filters."""

from types import SimpleNamespace

import numpy as np
import pytest
import streamlit as st

from vgg_viz.serving.results import Work
from vgg_viz.weights import UntrainedWeights


class SupersededError(Exception):
    """What Streamlit's own calls raise in a run that a newer one has superseded."""


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
def work():
    st.cache_resource.clear()
    slot = SimpleNamespace(empty=lambda: None, caption=lambda words: None)
    yield Work("untrained", None, slot)
    st.cache_resource.clear()


def test_a_run_that_was_superseded_while_it_waited_computes_nothing(work):
    def leave():
        raise SupersededError

    ran = []
    work.slot.empty, stay = leave, work.slot.empty
    with pytest.raises(SupersededError):
        work._in_turn(lambda: ran.append("the superseded one"))
    work.slot.empty = stay
    work._in_turn(lambda: ran.append("the next one"))
    assert ran == ["the next one"]


def test_an_export_has_its_turn_outside_of_any_run(work):
    work.slot = st.empty()
    assert work._in_turn(lambda: 7) == 7


def test_the_kernels_of_a_page_are_kept_and_the_layers_filters_are_not(work):
    weights = Counted()
    kernel = UntrainedWeights().read("block2_conv1")[0].transpose(3, 2, 0, 1)
    for _ in range(2):
        found = work.kernels(weights, "block2_conv1", range(16, 20), [5, 3])
        np.testing.assert_array_equal(found, kernel[16:20][:, [5, 3]])
    assert not found.flags.writeable
    assert len(weights.reads) == 1
    work.kernels(weights, "block2_conv1", range(20, 24), [5, 3])
    assert len(weights.reads) == 2


def test_what_is_held_is_read_once_and_let_go(work):
    weights = Counted()
    with work.holding():
        work.kernels(weights, "block3_conv1", range(4), range(4))
        work.filters_span(weights, "block3_conv1")
        assert len(weights.reads) == 1
    assert work._held is None
    with pytest.raises(SupersededError), work.holding():
        raise SupersededError
    assert work._held is None
