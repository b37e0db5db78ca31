"""One script run of the page, which shows its waiting and progress to the viewer.

A run that a newer run has superseded ends at the next call of `give_way`, by an exception of
Streamlit's own.
"""

from time import perf_counter

import streamlit as st
from streamlit.delta_generator import DeltaGenerator
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.scriptrunner_utils.script_requests import ScriptRequestType
from streamlit.runtime.scriptrunner_utils.script_run_context import ThreadState

from vgg_viz.serving.locks import POLL_SECONDS
from vgg_viz.serving.run import Run


class PageRun(Run):
    """A script run that shows messages on waiting and progress in one container on the page."""

    def __init__(self, place: DeltaGenerator) -> None:
        """Record the run's start, and the container for its messages."""
        self.started_at: float = perf_counter()
        self._place = place
        self._slot: DeltaGenerator | None = None  # in the container, once there was a message
        self._shows_message = False
        self._reported_at = self.started_at

    def show_waiting(self) -> None:
        """Show that the run waits, or end it if a newer one has superseded it."""
        self._message_slot().caption("Waiting for another computation…")
        give_way()

    def clear_status(self) -> None:
        """Remove the message on waiting or progress."""
        if self._slot and self._shows_message:
            self._slot.empty()
            self._shows_message = False

    def show_reading(self, fraction: float) -> None:
        """Show the fraction of the dense layers read (0 to 1), or end a superseded run."""
        self._show_progress(fraction, "Reading the dense layers…")

    def show_computing(self, fraction: float) -> None:
        """Show the fraction of a computation done (0 to 1), or end a superseded run."""
        self._show_progress(fraction, f"Computing: {fraction:.0%}")

    def end_if_superseded(self) -> None:
        """End the run if a newer run has superseded it."""
        give_way()

    def restart(self) -> None:
        """End this script run and start a new one."""
        st.rerun()

    def _show_progress(self, fraction: float, message: str) -> None:
        """Show a progress bar, at most once in `POLL_SECONDS`; quick computations show none."""
        now = perf_counter()
        if fraction == 0:
            self._reported_at = now
        elif now - self._reported_at > POLL_SECONDS:
            self._reported_at = now
            self._message_slot().progress(fraction, message)
        give_way()

    def _message_slot(self) -> DeltaGenerator:
        if self._slot is None:
            # CSS lets it float above the page, so that nothing moves when it comes or goes.
            self._slot = self._place.container(key=f"run-status-{id(self)}").empty()
        self._shows_message = True
        return self._slot


def give_way() -> None:
    """End this script run if the viewer has clicked since, and begin anew with that click.

    For a click within a fragment, Streamlit would wait until the current run has ended, since what
    that run shows outside of the fragment would be lost. So a whole run that gives way begins anew
    as a whole run. A fragment that reruns at intervals (``run_every``) goes on waiting.
    """
    context = get_script_run_ctx(suppress_warning=True)
    if context is None or context.script_requests is None:
        return
    context.yield_check()  # ends this run if a whole run has been requested
    # Streamlit has no public interface for these.
    state, data = context.script_requests._state, context.script_requests._rerun_data
    if state is ScriptRequestType.RERUN and not data.is_auto_rerun:
        # Streamlit reruns only a fragment that was asked for, not one within it.
        is_own = ThreadState.get().fragment_id in (context.fragment_ids_this_run or ())
        st.rerun(scope="fragment" if is_own else "app")
