"""The page's address and its controls: what is set in one of them stands in the other.

Most controls are tied to the address by Streamlit itself. It takes a control for another one as
soon as its range changes, as with the layer, and then believes the address: so those whose range
changes are tied here.
"""

import re
from collections.abc import Callable
from contextlib import suppress
from typing import TypedDict

import streamlit as st
from streamlit.errors import StreamlitAPIException

from vgg_viz.links import FIELDS, OWN, LinkError, Value


class Tie(TypedDict):
    """What ties a control to the address: arguments for any of Streamlit's."""

    key: str
    on_change: Callable[[str], None]
    args: tuple[str]


def put(key: str, value: Value) -> None:
    """Set a control, whether it is on the page or will be with the next view.

    One that Streamlit ties to the address, and is on the page, takes the address along; for all
    others it is written here.
    """
    # The blocks' choice holds numbers, everything else what a link says.
    held = [int(name) for name in value] if isinstance(value, tuple) else value
    st.session_state[key] = held
    with suppress(StreamlitAPIException):
        write(key, value)


def write(key: str, value: Value) -> None:
    """Write a control's value to the address; a default is left out."""
    field = FIELDS[key]
    if value == field.default:
        st.query_params.pop(key, None)
    else:
        st.query_params[key] = list(field.write(value))


def tie(key: str, largest: int) -> Tie:
    """Tie a control for a number from 1 to ``largest`` to the address.

    It gets what was chosen before, cut to its range, or what the address says.
    """
    default = FIELDS[key].default
    number = number_at(key, largest)
    st.session_state[key] = min(default, largest) if number is None and default else number
    return {"key": key, "on_change": note, "args": (key,)}


def note(key: str) -> None:
    """Write what was just chosen to the address."""
    write(key, st.session_state[key])


def chosen(key: str) -> Value:
    """What is chosen under that key, or what the address says of it."""
    if key in st.session_state:
        return st.session_state[key]
    try:
        return FIELDS[key].read(st.query_params.get_all(key))
    except (IndexError, LinkError):
        return FIELDS[key].default


def shows_own_picture() -> bool:
    """Whether the page shows a picture of the visitor's own, which no link carries."""
    other = chosen("other") if chosen("compare") == "picture" else None
    return OWN in (chosen("picture"), other)


def number_at(key: str, largest: int) -> int | None:
    """The number chosen under that key, cut to ``largest``; None if there is none.

    Read from the address where its control was not on the page a moment ago, or says nothing: a
    browser whose click was followed at once by another one has not heard of the number yet, while
    whoever empties the field empties the address, too.
    """
    value = st.session_state.get(key)
    value = st.query_params.get(key) if value is None else value
    # Five digits: a link may hold any number, and Python refuses to read one of thousands.
    number = int(value) if isinstance(value, int) or re.fullmatch(r"[0-9]{1,5}", str(value)) else 0
    return min(number, largest) if number >= 1 else None
