"""What a run says of a reading: nothing of a quick one, and now and then of one that takes long."""

from unittest.mock import Mock

import pytest

from vgg_viz.ui.state import run as run_module
from vgg_viz.ui.state.run import PageRun


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Mock:
    now = Mock(return_value=100.0)
    monkeypatch.setattr(run_module, "perf_counter", now)
    return now


def test_a_quick_reading_is_no_word_on_the_page(clock):
    slot = Mock()
    run = PageRun(slot)
    clock.return_value += 5  # of a forward pass before it
    for share in (0, 0.5, 1):
        run.show_reading(share)
        clock.return_value += 0.05
    slot.progress.assert_not_called()


def test_a_long_reading_says_how_far_it_is_and_is_silent_when_it_is_over(clock):
    slot = Mock()
    run = PageRun(slot)
    for share in (0, 0.25, 0.5, 0.75):
        run.show_reading(share)
        clock.return_value += 0.15
    assert [call.args[0] for call in slot.progress.call_args_list] == [0.5]
    run.clear_status()
    slot.empty.assert_called_once()


def test_a_long_work_keeps_its_progress_in_sight_also_where_a_superseded_run_would_end(clock):
    slot = Mock()
    run = PageRun(slot)
    run.show_computing(0)
    run.end_if_superseded()
    slot.empty.assert_called_once()
    clock.return_value += 1
    run.show_computing(0.5)
    shown = slot.progress.call_args
    assert shown.args == (0.5, "Computing: 50%")
    run.show_waiting()
    run.end_if_superseded()
    assert slot.progress.call_args_list == [shown, shown]
    slot.empty.assert_called_once()
    run.clear_status()
    assert slot.empty.call_count == 2
    run.end_if_superseded()
    assert slot.progress.call_count == 2
