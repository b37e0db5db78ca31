"""The last line of defense: an error that nobody expected ends in a sentence with what to try."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

import streamlit as st
from streamlit.elements import exception
from streamlit.errors import FragmentHandledException
from streamlit.runtime.state.session_state import SessionState

WHAT_TO_TRY = (
    "Something went wrong here that should not have. **Reload the page**: its address holds the "
    "view that you were at. If it comes again, choose another picture or another layer; the "
    "server's log says what happened."
)
ICON = ":material/healing:"
IN_CALLBACK = "mishap-in-callback"
SHOWN = "client.showErrorDetails"

_log = logging.getLogger(__name__)


@contextmanager
def error_boundary() -> Iterator[None]:
    """Turn an error of the page into words for the visitor; the log has all of it.

    The controls keep what was chosen. What Streamlit ends runs with is no error, and passes.
    """
    if st.session_state.pop(IN_CALLBACK, False):
        st.error(WHAT_TO_TRY, icon=ICON)
    try:
        yield
    except FragmentHandledException:
        raise  # its fragment has said it already
    except Exception:
        if str(st.get_option(SHOWN)).casefold() in ("full", "true"):
            raise  # to whoever develops it
        _log.exception("The page could not be made.")
        st.error(WHAT_TO_TRY, icon=ICON)
        st.button("Try again", icon=":material/refresh:", key="try-again")


def prepare() -> None:
    """Have Streamlit say the same of what it catches itself, and the page outlive its callbacks.

    Community Cloud would have it show where in the source an error was.
    """
    if str(st.get_option(SHOWN)).casefold() == "false":
        st.set_option(SHOWN, "none")
    words = WHAT_TO_TRY.replace("**", "")
    exception._GENERIC_UNCAUGHT_EXCEPTION_TEXT = words  # type: ignore[misc]
    if SessionState.on_script_will_rerun is _run_callbacks:
        SessionState.on_script_will_rerun = (  # type: ignore[method-assign]
            _run_callbacks_and_go_on  # type: ignore[assignment]
        )


# Streamlit would leave an empty page where a callback has failed.
_run_callbacks = SessionState.on_script_will_rerun


@wraps(_run_callbacks)
def _run_callbacks_and_go_on(state: SessionState, *arguments: Any, **keywords: Any) -> None:
    try:
        _run_callbacks(state, *arguments, **keywords)
    except Exception:
        _log.exception("What a click was to do could not be done.")
        st.session_state[IN_CALLBACK] = True
