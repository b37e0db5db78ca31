"""This run of the page, as those know it who compute for it; see `vgg_viz.serving.results.Run`.

Streamlit ends a superseded run at its next ``st`` call, by raising what it alone understands.
"""

from time import perf_counter

import streamlit as st
from streamlit.delta_generator import DeltaGenerator


class PageRun:
    """One run of the page; ``slot`` is the place where it says that it waits."""

    def __init__(self, slot: DeltaGenerator) -> None:
        """Begin now."""
        self.since = perf_counter()
        self._slot = slot
        self._said_so = False

    def pause(self) -> None:
        """Say that it waits, and end it here if another one has superseded it."""
        self._slot.caption("Another picture is being computed…")
        self._said_so = True

    def waited(self) -> None:
        """Say so no more."""
        if self._said_so:
            self._slot.empty()
            self._said_so = False

    def end_if_superseded(self) -> None:
        """End it here if another one has superseded it: nobody waits for what it would compute."""
        self._slot.empty()
        self._said_so = False

    def start_again(self) -> None:
        """End it here, and begin another one in its place."""
        st.rerun()
