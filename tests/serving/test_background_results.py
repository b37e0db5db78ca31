"""Results computed in the background: shared, behind waiting runs, dropped and retried."""

import threading

import pytest

from tests.support.threads import PATIENCE_SECONDS, wait_for
from vgg_viz.serving import background_results
from vgg_viz.serving import results as results_module
from vgg_viz.serving.results import Results
from vgg_viz.serving.shared import Shared


@pytest.fixture
def results():
    return Results(Shared(limit=None))


@pytest.fixture
def gate():
    """Return an event that computations wait for; it is set at the end of the test."""
    gate = threading.Event()
    yield gate
    gate.set()


def idle(results):
    return results.shared.background._thread is None


def test_a_value_is_computed_once_for_all_who_ask_and_they_do_not_wait(results, gate):
    computed = []

    def compute(background):
        computed.append(threading.current_thread())
        assert gate.wait(PATIENCE_SECONDS)
        return background.cached("key", lambda: "value")

    for _ in range(3):
        assert results.soon("key", compute) is None
    gate.set()
    wait_for(lambda: idle(results))
    assert results.soon("key", compute) == "value"
    assert len(computed) == 1
    assert threading.current_thread() not in computed


def test_an_error_is_reported_once_and_the_next_request_tries_again(results, caplog):
    def fail(_):
        raise MemoryError("too little")

    assert results.soon("key", fail) is None
    wait_for(lambda: idle(results))
    with pytest.raises(MemoryError, match="too little"):
        results.soon("key", fail)
    assert "Could not compute a result in the background" in caplog.text
    # It waits for a quick value.
    assert results.soon("key", lambda one: one.cached("key", lambda: 7), PATIENCE_SECONDS) == 7


def test_a_computation_ends_if_no_page_asks_again(results, monkeypatch):
    clock, steps = [0.0], []
    monkeypatch.setattr(results_module, "TIME_SLICE_SECONDS", 0.0)
    monkeypatch.setattr(background_results, "monotonic", lambda: clock[0])

    def begin():
        for step in range(3):
            steps.append(step)
            clock[0] += background_results.ACTIVE_SECONDS / 2
            yield step / 3
        return "value"

    results.soon("slices", lambda one: one.cached_in_slices("slices", begin), PATIENCE_SECONDS)
    results.soon("later", lambda _: steps.append("later"))
    wait_for(lambda: idle(results))
    assert steps == [0, 1, "later"]
    assert results.shared.values.peek("slices") is None


def test_runs_that_wait_for_the_network_go_first(results, gate, threads):
    order, lock = [], results.shared.network_lock

    def take(name):
        Results(results.shared).cached(name, lambda: order.append(name), network=True)

    def compute(background):
        assert gate.wait(PATIENCE_SECONDS)
        background.cached("key", lambda: order.append("background") or 7, network=True)

    with lock.hold(lambda: None):
        results.soon("key", compute)
        gate.set()
        wait_for(lambda: len(lock._waiting) == 1)
        viewer = threads.submit(take, "viewer")
        wait_for(lambda: len(lock._waiting) == 2)
    viewer.result(PATIENCE_SECONDS)
    wait_for(lambda: idle(results))
    assert order == ["viewer", "background"]
