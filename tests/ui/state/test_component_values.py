"""Values from components: a browser may send anything, and only valid values count."""

import math

import pytest
import streamlit as st

from vgg_viz.ui.state import component_values

NONSENSE = [
    None, "", "3", "<script>", True, False, 0, -1, 65, 10**30, 2.5, math.nan, math.inf, -math.inf,
    [], [3], {}, {"row": 3}, b"3", object,
]  # fmt: skip


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
