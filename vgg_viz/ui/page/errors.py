"""Message for unexpected errors: it tells the viewer what to do; the log has the traceback."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

import streamlit as st
from streamlit.elements import exception
from streamlit.errors import FragmentHandledException
from streamlit.runtime.state.session_state import SessionState

MESSAGE = (
    "Something went wrong. **Reload the page**; its URL restores your view. If the error comes "
    "back, choose another picture or another layer. The server's log has the details."
)
ICON = ":material/healing:"
FAILED_CALLBACK = "failed-callback"
SHOWN = "client.showErrorDetails"

_log = logging.getLogger(__name__)


@contextmanager
def error_boundary() -> Iterator[None]:
    """Return a context manager that shows a message for an unexpected error and logs its traceback.

    The page's controls keep their values. Streamlit's own exceptions, which end a script run, pass
    through.
    """
    if st.session_state.pop(FAILED_CALLBACK, False):
        st.error(MESSAGE, icon=ICON)
    try:
        yield
    except FragmentHandledException:
        raise  # the fragment has shown the message
    except Exception:
        if str(st.get_option(SHOWN)).casefold() in ("full", "true"):
            raise  # to developers
        _log.exception("Could not show the page.")
        st.error(MESSAGE, icon=ICON)
        st.button("Try again", icon=":material/refresh:", key="try-again")


def prepare() -> None:
    """Make Streamlit show this module's message for errors that Streamlit catches itself.

    Streamlit catches errors in callbacks, for example. By default, Streamlit Community Cloud would
    show viewers the line of source code that failed.
    """
    if str(st.get_option(SHOWN)).casefold() == "false":
        st.set_option(SHOWN, "none")
    message = MESSAGE.replace("**", "")
    exception._GENERIC_UNCAUGHT_EXCEPTION_TEXT = message  # type: ignore[misc]
    if SessionState.on_script_will_rerun is _run_callbacks:
        SessionState.on_script_will_rerun = (  # type: ignore[method-assign]
            _run_callbacks_safely  # type: ignore[assignment]
        )


# After a failed callback, Streamlit would leave an empty page.
_run_callbacks = SessionState.on_script_will_rerun


@wraps(_run_callbacks)
def _run_callbacks_safely(state: SessionState, *arguments: Any, **keywords: Any) -> None:
    try:
        _run_callbacks(state, *arguments, **keywords)
    except Exception:
        _log.exception("Could not handle a click.")
        st.session_state[FAILED_CALLBACK] = True
