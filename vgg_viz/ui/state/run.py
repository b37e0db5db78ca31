"""This run of the page, as those know it who compute for it; see `vgg_viz.serving.results.Run`.

Streamlit ends a superseded run at its next ``st`` call, by raising what it alone understands.
"""

from time import perf_counter

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from vgg_viz.serving.locks import POLL_SECONDS


class PageRun:
    """One run of the page; ``slot`` is the place where it says that it waits."""

    def __init__(self, slot: DeltaGenerator) -> None:
        """Begin now."""
        self.since = perf_counter()
        self._slot = slot
        self._said_so = False
        self._told = self.since
        self._progress: tuple[float, str] | None = None

    def pause(self) -> None:
        """Say that it waits, and end it here if another one has superseded it."""
        self._slot.caption("Another picture is being computed…")
        self._said_so = True

    def waited(self) -> None:
        """Say so no more."""
        self._progress = None
        if self._said_so:
            self._slot.empty()
            self._said_so = False

    def reading(self, share: float) -> None:
        """Say how much is read of what is read now, 0 to 1, and end it here if superseded.

        Not at each of a hundred words of a reading that takes no time.
        """
        self._go_on(share, "Reading the dense layers…")

    def working(self, share: float) -> None:
        """Say how much is done of a work that takes long, and end it here if superseded."""
        self._go_on(share, f"Through the network and back: {share:.0%}")

    def end_if_superseded(self) -> None:
        """End it here if another one has superseded it: nobody waits for what it would compute."""
        if self._progress:
            # Only a call of Streamlit's ends it; the progress stays as it is.
            self._slot.progress(*self._progress)
            return
        self._slot.empty()
        self._said_so = False

    def start_again(self) -> None:
        """End it here, and begin another one in its place."""
        st.rerun()

    def _go_on(self, share: float, words: str) -> None:
        now = perf_counter()
        if share == 0:
            self._told, self._progress = now, None
        elif now - self._told > POLL_SECONDS:
            self._told, self._progress = now, (share, words)
            self._slot.progress(share, words)
            self._said_so = True
