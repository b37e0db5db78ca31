"""Networks that load in the background, while other viewers' runs come to their ends."""

from concurrent.futures import Future

import pytest
from streamlit.runtime.scriptrunner import script_runner

from vgg_viz.network import import_keras
from vgg_viz.ui import loading
from vgg_viz.weights import UntrainedWeights


class InterruptedWeights(UntrainedWeights):
    """Weights during whose reading another viewer's run ends; note Keras' counters of names."""

    counters: list[int]

    def read(self, layer_name):
        keras = import_keras()
        self.counters.append(keras.backend.get_uid("counted"))
        script_runner._clean_problem_modules()
        self.counters.append(keras.backend.get_uid("counted"))
        return super().read(layer_name)


def test_no_run_that_ends_resets_keras_while_a_network_is_built(monkeypatch):
    keras = import_keras()
    monkeypatch.setattr(keras.backend, "clear_session", keras.utils.clear_session)
    keras.utils.clear_session()
    weights = InterruptedWeights()
    object.__setattr__(weights, "counters", [])
    to_come = Future()
    to_come.set_result(weights)
    network = loading.build(to_come)
    assert weights.counters == [*range(1, 2 * len(network.architecture.conv_layers) + 1)]


@pytest.fixture(autouse=True)
def sessions_left_alone():
    """What the other tests of this process count on, however a test here ends."""
    yield
    loading.leave_sessions_alone()
