"""Networks that load in the background, while other viewers' runs come to their ends."""

import os
import subprocess
import sys
from concurrent.futures import Future

import pytest
from streamlit.runtime.scriptrunner import script_runner

from tests.support import REPOSITORY
from vgg_viz.model.network import import_keras
from vgg_viz.model.weights import UntrainedWeights
from vgg_viz.serving import loading

# Ends as soon as the compiling has begun, which goes on when the process is on its way out.
END_WHILE_COMPILING = """
import threading
from vgg_viz.model.network import Network
from vgg_viz.serving import loading
from vgg_viz.model.weights import UntrainedWeights

begun = threading.Event()
compile_pass = Network._pass

def compile_when_the_end_has_come(*arguments):
    begun.set()
    threading.main_thread().join()
    return compile_pass(*arguments)

Network._pass = compile_when_the_end_has_come
loading.SETTLING_SECONDS = 0.0
network = loading.Loader(lambda on_progress: UntrainedWeights()).network()
begun.wait()
"""


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


def test_a_process_may_end_while_passes_are_compiled():
    command = [sys.executable, "-c", END_WHILE_COMPILING]
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True)
    assert done.returncode == 0
    assert "Traceback" not in done.stderr


@pytest.fixture(autouse=True)
def sessions_left_alone():
    """What the other tests of this process count on, however a test here ends."""
    yield
    loading.leave_sessions_alone()
