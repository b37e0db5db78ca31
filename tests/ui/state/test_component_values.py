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


def test_valid_values_are_returned(send, monkeypatch):
    for sent in (1, 64, 64.0):
        send(sent)
        number = component_values.number("mosaic", 64)
        assert (number, type(number)) == (sent, int)
    send({"row": 0, "column": 13})
    assert component_values.position("mosaic", 14, 14) == (0, 13)
    monkeypatch.setattr(st, "session_state", {})
    assert component_values.number("mosaic", 64) is None
