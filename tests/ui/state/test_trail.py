"""The way that was walked back from value to value, and what is shown of it."""

import pytest
import streamlit as st

from vgg_viz.ui.state import selection, trail
from vgg_viz.ui.state.trail import TrailStep

ABOUT = ("network", "picture")
FIRST = TrailStep("block3_conv1", 7, (28, 28))
SECOND = TrailStep("block2_conv2", 12, (57, 56))
THIRD = TrailStep("block2_conv1", 3, (56, 57))
ELSEWHERE = TrailStep("block2_conv2", 13, (0, 0))


@pytest.fixture(autouse=True)
def went(monkeypatch):
    """Where the visitor was sent, in a session of their own."""
    places: list[TrailStep] = []

    def go(channel, position, layer):
        places.append(TrailStep(layer, channel, position))

    monkeypatch.setattr(st, "session_state", {})
    monkeypatch.setattr(selection, "choose", go)
    return places


def test_a_place_is_no_way():
    assert trail.to(FIRST, ABOUT) == [FIRST]
    assert trail.labels([FIRST]) == []


def test_a_way_is_as_long_as_what_was_walked(went):
    trail.extend(FIRST, SECOND, ABOUT)
    trail.extend(SECOND, THIRD, ABOUT)
    assert went == [SECOND, THIRD]
    assert trail.to(THIRD, ABOUT) == [FIRST, SECOND, THIRD]
    assert trail.labels(trail.to(SECOND, ABOUT)) == [
        "block3_conv1 7 (29, 29)",
        "block2_conv2 12 (58, 57)",
    ]


def test_back_is_an_earlier_place_of_the_same_way():
    trail.extend(FIRST, SECOND, ABOUT)
    assert trail.to(FIRST, ABOUT) == [FIRST]
    assert trail.to(SECOND, ABOUT) == [FIRST, SECOND]


def test_who_walks_on_from_an_earlier_place_has_another_way():
    trail.extend(FIRST, SECOND, ABOUT)
    trail.extend(SECOND, THIRD, ABOUT)
    trail.extend(FIRST, ELSEWHERE, ABOUT)
    assert trail.to(ELSEWHERE, ABOUT) == [FIRST, ELSEWHERE]
    assert trail.to(THIRD, ABOUT) == [THIRD]


def test_no_way_leads_to_another_place_picture_or_network():
    trail.extend(FIRST, SECOND, ABOUT)
    assert trail.to(ELSEWHERE, ABOUT) == [ELSEWHERE]
    assert trail.to(SECOND, ("network", "another picture")) == [SECOND]


def test_a_walk_leads_to_the_top_and_a_choice_into_sight():
    assert trail.revealed() == (0, False)
    trail.extend(FIRST, SECOND, ABOUT)
    assert trail.revealed() == (1, True)
    trail.reveal()
    assert trail.revealed() == (2, False)
