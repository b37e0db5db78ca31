"""What was just picked in a component: a message from a browser, so whatever somebody sends.

`number` and `position` take what is sound and turn the rest into None.
"""

from collections.abc import Mapping
from typing import Any

import streamlit as st


def raw_value(key: str) -> Any:
    """What the component of that key has just sent, unchecked; None if nothing."""
    state = st.session_state.get(key)
    return state.get("picked") if isinstance(state, Mapping) else None


def number(key: str, largest: int) -> int | None:
    """The number from 1 to ``largest`` that the visitor picked; None if it is not one."""
    return whole_number(raw_value(key), 1, largest)


def position(key: str, height: int, width: int) -> tuple[int, int] | None:
    """The position, row and column from 0, that the visitor picked; None if it is not one."""
    given = raw_value(key)
    if not isinstance(given, Mapping):
        return None
    row = whole_number(given.get("row"), 0, height - 1)
    column = whole_number(given.get("column"), 0, width - 1)
    return None if row is None or column is None else (row, column)


def whole_number(value: Any, smallest: int, largest: int) -> int | None:
    """The value if it is a whole number within these bounds, else None."""
    # JSON knows one kind of number: 3.0 is as whole as 3. True is an int to Python.
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
        return None
    return int(value) if smallest <= value <= largest and value == int(value) else None
