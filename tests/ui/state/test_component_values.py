"""Values from components: a browser may send anything, and only valid values count."""

import math

import pytest
import streamlit as st
from hypothesis import given, settings
from hypothesis import strategies as some

from vgg_viz.ui.state import component_values

NONSENSE = [
    None, "", "3", "<script>", True, False, 0, -1, 65, 10**30, 2.5, math.nan, math.inf, -math.inf,
    [], [3], {}, {"row": 3}, b"3", object,
]  # fmt: skip
# All that JSON can hold, and bytes, which a Python client could send.
ANYTHING = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats() | some.text() | some.binary(),
    lambda part: some.lists(part) | some.dictionaries(some.text() | some.just("row"), part),
)
ROW_AND_COLUMN = some.fixed_dictionaries({"row": ANYTHING, "column": ANYTHING})


@pytest.fixture
def send(monkeypatch):
    """Return a function that makes a component send a value."""

    def send_value(value: object) -> None:
        monkeypatch.setattr(st, "session_state", {"mosaic": {"picked": value}})

    return send_value


def test_invalid_values_are_none(send):
    for sent in NONSENSE:
        send(sent)
        assert component_values.number("mosaic", 64) is None, sent
        assert component_values.position("mosaic", 14, 14) is None, sent
        for part in ("row", "column"):
            send({"row": 3, "column": 4} | {part: sent})
            valid = type(sent) is int and sent == 0
            assert (component_values.position("mosaic", 14, 14) is not None) == valid, sent


@pytest.mark.parametrize("sent", [1, 64, 64.0])
def test_a_valid_number_is_an_int(send, sent):
    send(sent)
    number = component_values.number("mosaic", 64)
    assert number == sent
    assert type(number) is int


def test_a_valid_position_is_returned(send):
    send({"row": 0, "column": 13})
    assert component_values.position("mosaic", 14, 14) == (0, 13)


def test_a_component_that_sent_nothing_has_no_number(monkeypatch):
    monkeypatch.setattr(st, "session_state", {})
    assert component_values.number("mosaic", 64) is None


@settings(max_examples=25)
@given(ANYTHING | ROW_AND_COLUMN)
def test_any_message_is_a_number_or_position_or_none(sent):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(st, "session_state", {"mosaic": sent, "grid": {"picked": sent}})
        for key in ("mosaic", "grid"):
            number = component_values.number(key, 64)
            assert number is None or (type(number) is int and 1 <= number <= 64)
            position = component_values.position(key, 14, 28)
            assert position is None or (0 <= position[0] < 14 and 0 <= position[1] < 28)
