"""One script run of the page, which shows its waiting and progress to the viewer.

When a newer run has superseded a run, Streamlit ends the older one at its next ``st`` call, by
raising an exception of its own. For a run of a fragment, Streamlit would let the older one compute
to its end; `give_way` ends that one too.
"""

from time import perf_counter

import streamlit as st
from streamlit.delta_generator import DeltaGenerator
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.scriptrunner_utils.script_requests import ScriptRequestType

from vgg_viz.serving.locks import POLL_SECONDS
from vgg_viz.serving.run import Run


class PageRun(Run):
    """A script run that shows messages on waiting and progress at one place on the page."""

    def __init__(self, slot: DeltaGenerator) -> None:
        """Record the run's start."""
        self.started_at: float = perf_counter()
        self._slot = slot
        self._slot_used = False
        self._reported_at = self.started_at
        self._progress: tuple[float, str] | None = None

    def show_waiting(self) -> None:
        """Show that the run waits, or end it if a newer one has superseded it."""
        self._slot.caption("Waiting for another computation…")
        self._slot_used = True
        give_way()

    def clear_status(self) -> None:
        """Remove the message on waiting or progress."""
        self._progress = None
        if self._slot_used:
            self._slot.empty()
            self._slot_used = False

    def show_reading(self, fraction: float) -> None:
        """Show the fraction of the dense layers read (0 to 1), or end a superseded run."""
        self._show_progress(fraction, "Reading the dense layers…")

    def show_computing(self, fraction: float) -> None:
        """Show the fraction of a computation done (0 to 1), or end a superseded run."""
        self._show_progress(fraction, f"Computing: {fraction:.0%}")

    def end_if_superseded(self) -> None:
        """End the run if a newer run has superseded it."""
        give_way()
        if self._progress:
            # Only an ``st`` call ends the run; this one leaves the progress as it is.
            self._slot.progress(*self._progress)
            return
        self._slot.empty()
        self._slot_used = False

    def restart(self) -> None:
        """End this script run and start a new one."""
        st.rerun()

    def _show_progress(self, fraction: float, message: str) -> None:
        """Show a progress bar, at most once in `POLL_SECONDS`; quick computations show none."""
        now = perf_counter()
        if fraction == 0:
            self._reported_at, self._progress = now, None
        elif now - self._reported_at > POLL_SECONDS:
            self._reported_at, self._progress = now, (fraction, message)
            self._slot.progress(fraction, message)
            self._slot_used = True


def give_way() -> None:
    """End this script run if the viewer's next click waits for it, and begin anew with that click.

    Streamlit lets a fragment's run wait until the current run has ended, since what is outside the
    fragment would be lost with it. So a whole run that gives way begins anew as a whole run. A
    fragment that reruns at intervals (``run_every``) goes on waiting.
    """
    context = get_script_run_ctx(suppress_warning=True)
    if context is None or context.script_requests is None:
        return
    # Streamlit has no public interface for these.
    state, data = context.script_requests._state, context.script_requests._rerun_data
    if state is ScriptRequestType.RERUN and not data.is_auto_rerun:
        st.rerun(scope="fragment" if context.fragment_ids_this_run else "app")
