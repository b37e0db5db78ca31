"""The way that was walked back from value to value, and what is shown of it."""

import pytest
import streamlit as st

from vgg_viz.ui.state import selection, walk
from vgg_viz.ui.state.walk import Stop

ABOUT = ("network", "picture")
FIRST = Stop("block3_conv1", 7, (28, 28))
SECOND = Stop("block2_conv2", 12, (57, 56))
THIRD = Stop("block2_conv1", 3, (56, 57))
ELSEWHERE = Stop("block2_conv2", 13, (0, 0))


@pytest.fixture(autouse=True)
def went(monkeypatch):
    """Where the visitor was sent, in a session of their own."""
    places: list[Stop] = []

    def go(channel, position, layer):
        places.append(Stop(layer, channel, position))

    monkeypatch.setattr(st, "session_state", {})
    monkeypatch.setattr(selection, "choose", go)
    return places


def test_a_place_is_no_way():
    assert walk.to(FIRST, ABOUT) == [FIRST]
    assert walk.words([FIRST]) == []


def test_a_way_is_as_long_as_what_was_walked(went):
    walk.on(FIRST, SECOND, ABOUT)
    walk.on(SECOND, THIRD, ABOUT)
    assert went == [SECOND, THIRD]
    assert walk.to(THIRD, ABOUT) == [FIRST, SECOND, THIRD]
    assert walk.words(walk.to(SECOND, ABOUT)) == [
        "block3_conv1 7 (29, 29)",
        "block2_conv2 12 (58, 57)",
    ]


def test_back_is_an_earlier_place_of_the_same_way():
    walk.on(FIRST, SECOND, ABOUT)
    assert walk.to(FIRST, ABOUT) == [FIRST]
    assert walk.to(SECOND, ABOUT) == [FIRST, SECOND]


def test_who_walks_on_from_an_earlier_place_has_another_way():
    walk.on(FIRST, SECOND, ABOUT)
    walk.on(SECOND, THIRD, ABOUT)
    walk.on(FIRST, ELSEWHERE, ABOUT)
    assert walk.to(ELSEWHERE, ABOUT) == [FIRST, ELSEWHERE]
    assert walk.to(THIRD, ABOUT) == [THIRD]


def test_no_way_leads_to_another_place_picture_or_network():
    walk.on(FIRST, SECOND, ABOUT)
    assert walk.to(ELSEWHERE, ABOUT) == [ELSEWHERE]
    assert walk.to(SECOND, ("network", "another picture")) == [SECOND]


def test_a_walk_leads_to_the_top_and_a_choice_into_sight():
    assert walk.revealed() == (0, False)
    walk.on(FIRST, SECOND, ABOUT)
    assert walk.revealed() == (1, True)
    walk.reveal()
    assert walk.revealed() == (2, False)
