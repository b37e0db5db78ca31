"""The way back that a visitor has walked, from a value to one that it was made of, and so on.

It is remembered with what it was walked in, a network and a picture, and shown only as far as it
leads to where the visitor is: whoever goes elsewhere, or Back, sees no way that was not walked.
"""

from collections.abc import Hashable, Sequence
from typing import NamedTuple

import streamlit as st

from vgg_viz.ui.state import selection
from vgg_viz.ui.state.selection import Position

KEY = "trail"
REVEALED = "revealed"


class TrailStep(NamedTuple):
    """A value of a map: its layer, the map's number (from 1) and the position (from 0)."""

    layer: str
    channel: int
    position: Position

    @property
    def label(self) -> str:
        """The stop as it is shown."""
        row, column = self.position
        return f"{self.layer} {self.channel} ({row + 1}, {column + 1})"


def to(here: TrailStep, about: Hashable) -> list[TrailStep]:
    """The way to this stop, which is its end; only itself where no way was walked to it."""
    walked_in, stops = st.session_state.get(KEY, (None, []))
    if walked_in != about or here not in stops:
        return [here]
    return list(stops[: stops.index(here) + 1])


def extend(here: TrailStep, there: TrailStep, about: Hashable) -> None:
    """A callback's work: go a step back, from this stop to that one."""
    st.session_state[KEY] = (about, [*to(here, about), there])
    go(there)


def go(stop: TrailStep) -> None:
    """A callback's work: go to a stop, and to the top of the page, where its map is."""
    selection.choose(stop.channel, stop.position, layer=stop.layer)
    reveal(walked=True)


def reveal(*, walked: bool = False) -> None:
    """Let the browser bring what was chosen into sight, wherever the visitor has scrolled to."""
    times, _ = revealed()
    st.session_state[REVEALED] = (times + 1, walked)


def revealed() -> tuple[int, bool]:
    """How often something was to be brought into sight, and whether by walking back the last."""
    times, walked = st.session_state.get(REVEALED, (0, False))
    return times, walked


def labels(steps: Sequence[TrailStep]) -> list[str]:
    """The way as it is shown: nothing where it is only a place."""
    return [step.label for step in steps] if len(steps) > 1 else []
