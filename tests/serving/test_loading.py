"""Loading of networks in the background, while other viewers' runs end."""

import os
import subprocess
import sys
from concurrent.futures import Future
from threading import Event, Thread

import pytest
from streamlit.runtime.scriptrunner import script_runner

from tests.support import REPOSITORY
from tests.support.thin import THIN, RandomWeights
from vgg_viz.model.network import Network, import_keras
from vgg_viz.model.weights import UntrainedWeights
from vgg_viz.serving import loading
from vgg_viz.serving.loading import Loader
from vgg_viz.serving.shared import Shared

# Exits once compilation has started, which then continues during the exit.
END_WHILE_COMPILING = """
import threading
from vgg_viz.model.network import Network
from vgg_viz.serving import loading
from vgg_viz.model.weights import UntrainedWeights

started = threading.Event()
compile_pass = Network._pass

def compile_during_exit(*arguments):
    started.set()
    threading.main_thread().join()
    return compile_pass(*arguments)

Network._pass = compile_during_exit
loading.SETTLING_SECONDS = 0.0
network = loading.Loader(lambda on_progress: UntrainedWeights()).network()
started.wait()
"""


class InterruptedWeights(RandomWeights):
    """Weights that end another run while they are read, and record Keras' name counters."""

    def __init__(self, architecture):
        super().__init__(architecture)
        self.counters = []

    def read(self, layer_name):
        keras = import_keras()
        self.counters.append(keras.backend.get_uid("counted"))
        script_runner._clean_problem_modules()
        self.counters.append(keras.backend.get_uid("counted"))
        return super().read(layer_name)


def test_ending_runs_do_not_reset_keras_while_a_network_is_built(monkeypatch):
    keras = import_keras()
    monkeypatch.setattr(keras.backend, "clear_session", keras.utils.clear_session)
    keras.utils.clear_session()
    weights, future = InterruptedWeights(THIN), Future()
    future.set_result(weights)
    monkeypatch.setattr(loading, "Network", lambda weights: Network(weights, THIN))
    loading.build(future)
    assert weights.counters == [*range(1, 2 * len(THIN.conv_layers) + 1)]


def test_the_exit_waits_for_the_compilation_that_it_stops(compiled_ahead, monkeypatch):
    started, stopped = Event(), []

    class Compiled:
        def compile_passes(self, should_stop):
            started.set()
            while not should_stop():
                Event().wait(0.001)
            stopped.append(True)

    monkeypatch.setattr(loading, "_exiting", Event())
    future = Future()
    future.set_result(Compiled())
    thread = Thread(target=loading.compile_passes, args=(Event(), future))
    thread.start()
    started.wait()
    loading.stop_compiling()
    assert stopped == [True]
    thread.join()


def test_the_compilation_of_damaged_weights_stops(monkeypatch):
    given_up = []
    monkeypatch.setattr(loading, "build", lambda future: future.result())
    monkeypatch.setattr(loading, "compile_passes", lambda event, future: given_up.append(event))
    damaged = UntrainedWeights()
    loader = loading.Loader(lambda _: damaged)
    for _ in range(2):
        loader.network().result()
        while len(given_up) < 1:
            Event().wait(0.001)
        event = given_up.pop()
        loader.fail(UntrainedWeights(seed=20), ValueError("another network's"))
        assert loader.network().result() is damaged
        assert not event.is_set()
        loader.fail(damaged, ValueError("damaged"))
        assert event.is_set()
        assert str(loader.network().exception()) == "damaged"
        loader.retry()


def test_the_networks_used_last_stay_in_memory(monkeypatch):
    stopped = []
    monkeypatch.setattr(loading, "build", lambda future: future.result())
    monkeypatch.setattr(loading, "compile_passes", lambda event, future: stopped.append(event))
    shared = Shared(limit=None)
    loaders = [Loader(lambda _, seed=seed: UntrainedWeights(seed)) for seed in range(5)]
    for loader in loaders:
        loader.network().result()
        shared.use(loader)
    assert [loader.is_built for loader in loaders] == [False, False, True, True, True]
    shared.use(loaders[2])
    loaders[0].network().result()
    shared.use(loaders[0])
    assert [loader.is_built for loader in loaders] == [True, False, True, False, True]
    monkeypatch.setattr(shared.memory, "free_if_short", lambda *_: True)
    shared.make_room()
    assert [loader.is_built for loader in loaders] == [True, False, False, False, False]
    assert sum(event.is_set() for event in stopped) == 5


@pytest.mark.slow
def test_a_process_may_end_while_passes_are_compiled():
    command = [sys.executable, "-c", END_WHILE_COMPILING]
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True)
    assert done.returncode == 0
    assert "Traceback" not in done.stderr


@pytest.fixture(autouse=True)
def disabled_session_resets():
    """Disable session resets again after every test, for the other tests of this process."""
    yield
    loading.disable_session_resets()
