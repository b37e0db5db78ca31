"""What comes back from a browser is whatever somebody sends: only what is sound counts."""

import math

import pytest
import streamlit as st
from hypothesis import given
from hypothesis import strategies as some

from vgg_viz.ui.state import component_values

NONSENSE = [
    None, "", "3", "<script>", True, False, 0, -1, 65, 10**30, 2.5, math.nan, math.inf, -math.inf,
    [], [3], {}, {"row": 3}, b"3", object,
]  # fmt: skip
# Whatever JSON can hold, and what a Python program may put in its place.
ANYTHING = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats() | some.text() | some.binary(),
    lambda part: some.lists(part) | some.dictionaries(some.text() | some.just("row"), part),
)
ROW_AND_COLUMN = some.fixed_dictionaries({"row": ANYTHING, "column": ANYTHING})


@pytest.fixture
def send(monkeypatch):
    """Let a component send something."""

    def send_one(sent: object) -> None:
        monkeypatch.setattr(st, "session_state", {"mosaic": {"picked": sent}})

    return send_one


@pytest.mark.parametrize("sent", NONSENSE, ids=repr)
def test_a_number_that_is_none_changes_nothing(send, sent):
    send(sent)
    assert component_values.number("mosaic", 64) is None


@pytest.mark.parametrize("sent", [1, 64, 64.0])
def test_a_sound_number_counts(send, sent):
    send(sent)
    number = component_values.number("mosaic", 64)
    assert number == sent
    assert type(number) is int


@pytest.mark.parametrize("part", ["row", "column"])
@pytest.mark.parametrize("sent", [value for value in NONSENSE if value != 0], ids=repr)
def test_a_position_with_a_part_that_is_none_changes_nothing(send, part, sent):
    send({"row": 3, "column": 4} | {part: sent})
    assert component_values.position("mosaic", 14, 14) is None


@pytest.mark.parametrize("sent", NONSENSE, ids=repr)
def test_a_position_that_is_none_changes_nothing(send, sent):
    send(sent)
    assert component_values.position("mosaic", 14, 14) is None


def test_a_sound_position_counts(send):
    send({"row": 0, "column": 13})
    assert component_values.position("mosaic", 14, 14) == (0, 13)


def test_before_anything_is_picked_there_is_nothing(monkeypatch):
    monkeypatch.setattr(st, "session_state", {})
    assert component_values.number("mosaic", 64) is None


@given(ANYTHING)
def test_whatever_a_browser_sends_is_a_tile_of_the_mosaic_or_nothing(sent):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(st, "session_state", {"mosaic": sent, "grid": {"picked": sent}})
        for key in ("mosaic", "grid"):
            number = component_values.number(key, 64)
            assert number is None or (type(number) is int and 1 <= number <= 64)


@given(ANYTHING | ROW_AND_COLUMN)
def test_whatever_a_browser_sends_is_a_position_of_the_map_or_nothing(sent):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(st, "session_state", {"inspector": {"picked": sent}})
        position = component_values.position("inspector", 14, 28)
        assert position is None or (0 <= position[0] < 14 and 0 <= position[1] < 28)
