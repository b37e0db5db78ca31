"""The trail from value to value, and the part of it that is shown."""

import pytest
import streamlit as st

from vgg_viz.ui.state import selection, trail
from vgg_viz.ui.state.trail import TrailStep

CONTEXT = ("network", "picture")
FIRST = TrailStep("block3_conv1", 7, (28, 28))
SECOND = TrailStep("block2_conv2", 12, (57, 56))
THIRD = TrailStep("block2_conv1", 3, (56, 57))
ELSEWHERE = TrailStep("block2_conv2", 13, (0, 0))


@pytest.fixture(autouse=True)
def visited(monkeypatch):
    """Return the steps that the page went to, in a session of their own."""
    steps: list[TrailStep] = []

    def go(channel, position, layer):
        steps.append(TrailStep(layer, channel, position))

    monkeypatch.setattr(st, "session_state", {})
    monkeypatch.setattr(selection, "choose", go)
    return steps


def test_a_single_value_is_no_trail():
    assert trail.to(FIRST, CONTEXT) == [FIRST]
    assert trail.labels([FIRST]) == []


def test_the_trail_grows_step_by_step(visited):
    trail.extend(FIRST, SECOND, CONTEXT)
    trail.extend(SECOND, THIRD, CONTEXT)
    assert visited == [SECOND, THIRD]
    assert trail.to(THIRD, CONTEXT) == [FIRST, SECOND, THIRD]
    assert trail.to(FIRST, CONTEXT) == [FIRST]  # an earlier step of the same trail
    assert trail.labels(trail.to(SECOND, CONTEXT)) == [
        "block3_conv1 7 (29, 29)",
        "block2_conv2 12 (58, 57)",
    ]


def test_tracing_from_an_earlier_step_replaces_the_rest():
    trail.extend(FIRST, SECOND, CONTEXT)
    trail.extend(SECOND, THIRD, CONTEXT)
    trail.extend(FIRST, ELSEWHERE, CONTEXT)
    assert trail.to(ELSEWHERE, CONTEXT) == [FIRST, ELSEWHERE]
    assert trail.to(THIRD, CONTEXT) == [THIRD]


@pytest.mark.parametrize("start", [FIRST, None])
def test_a_click_follows_the_step_of_its_tile(visited, start):
    for number in (3, 12):
        assert not visited
        trail.follow({12: SECOND}, CONTEXT, start, number)
    assert visited == [SECOND]
    assert trail.to(SECOND, CONTEXT) == ([FIRST, SECOND] if start else [SECOND])


def test_other_values_and_contexts_have_no_trail():
    trail.extend(FIRST, SECOND, CONTEXT)
    assert trail.to(ELSEWHERE, CONTEXT) == [ELSEWHERE]
    assert trail.to(SECOND, ("network", "another picture")) == [SECOND]


def test_tracing_back_scrolls_to_the_top_and_selecting_a_channel_to_its_details():
    assert trail.revealed() == (0, "top")
    trail.extend(FIRST, SECOND, CONTEXT)
    assert trail.revealed() == (1, "top")
    trail.reveal("tabs")
    assert trail.revealed() == (2, "tabs")
    trail.reveal_channel()
    assert (trail.revealed(), trail.revealed_channels()) == ((2, "tabs"), 1)
