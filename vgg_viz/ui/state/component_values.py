"""Checks of the values that the page's custom Streamlit components send.

A browser may send anything, so these functions return None for invalid values.
"""

from collections.abc import Mapping
from typing import Any

import streamlit as st


def raw_value(key: str) -> Any:
    """Return the unchecked value that a custom component has just sent, or None."""
    state = st.session_state.get(key)
    return state.get("picked") if isinstance(state, Mapping) else None


def number(key: str, largest: int) -> int | None:
    """Return the number from 1 to ``largest`` that a custom component sent, or None."""
    return whole_number(raw_value(key), 1, largest)


def position(key: str, height: int, width: int) -> tuple[int, int] | None:
    """Return the row and column, from 0, that a custom component sent, or None."""
    sent = raw_value(key)
    if not isinstance(sent, Mapping):
        return None
    row = whole_number(sent.get("row"), 0, height - 1)
    column = whole_number(sent.get("column"), 0, width - 1)
    return None if row is None or column is None else (row, column)


def whole_number(value: Any, smallest: int, largest: int) -> int | None:
    """Return a value as an int if it is a whole number within the bounds, else None.

    >>> whole_number(3.0, 1, 64), whole_number(65, 1, 64), whole_number(True, 1, 64)
    (3, None, None)
    """
    # JSON has one type of number, so 3.0 is valid. True is an int in Python.
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
        return None
    return int(value) if smallest <= value <= largest and value == int(value) else None
