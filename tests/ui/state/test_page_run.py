"""Waiting and progress messages of a script run."""

from unittest.mock import Mock, call

import pytest
from streamlit.runtime.scriptrunner_utils.script_requests import RerunData, ScriptRequests
from streamlit.runtime.scriptrunner_utils.script_run_context import ThreadState

from vgg_viz.ui.state import page_run
from vgg_viz.ui.state.page_run import PageRun


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Mock:
    now = Mock(return_value=100.0)
    monkeypatch.setattr(page_run, "perf_counter", now)
    return now


def test_quick_reading_shows_no_progress(clock):
    place = Mock()
    run = PageRun(place)
    clock.return_value += 5  # a forward pass before it
    for fraction in (0, 0.5, 1):
        run.show_reading(fraction)
        clock.return_value += 0.05
    run.clear_status()
    assert not place.mock_calls


def test_long_work_shows_progress_in_one_place_and_clears_it(clock):
    place = Mock()
    slot, run = place.container.return_value.empty.return_value, PageRun(place)
    for fraction in (0, 0.25, 0.5, 0.75):
        run.show_computing(fraction)
        run.end_if_superseded()
        clock.return_value += 0.15
    slot.progress.assert_called_once_with(0.5, "Computing: 50%")
    run.show_waiting()
    slot.empty.assert_not_called()
    run.clear_status()
    run.clear_status()
    place.container.assert_called_once()
    slot.empty.assert_called_once()


@pytest.mark.parametrize(
    ("ids", "running", "scope"),
    [
        (["view"], "view", "fragment"),
        (["view"], "result", "app"),  # one within it, which cannot be begun anew alone
        (None, "view", "app"),  # what a whole run has not shown yet would be lost
    ],
    ids=["fragment", "inner", "whole"],
)
@pytest.mark.parametrize(
    ("waiting", "gives_way"),
    [
        (None, False),
        (RerunData(fragment_id="view"), True),
        (RerunData(fragment_id="clock", is_auto_rerun=True), False),
    ],
    ids=["nothing", "click", "clock"],
)
def test_a_run_gives_way_to_a_click_and_not_to_a_clock(
    monkeypatch: pytest.MonkeyPatch, ids, running, scope, waiting, gives_way
):
    requests, rerun = ScriptRequests(), Mock()
    if waiting:
        requests.request_rerun(waiting)
    context = Mock(script_requests=requests, fragment_ids_this_run=ids)
    monkeypatch.setattr(page_run, "get_script_run_ctx", lambda **_: context)
    monkeypatch.setattr(page_run.st, "rerun", rerun)
    ThreadState.initialize(fragment_id=running)
    page_run.give_way()
    assert rerun.mock_calls == [call(scope=scope)] * gives_way
