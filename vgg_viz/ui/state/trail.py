"""The trail of a value: the values through which the viewer traced it back, layer by layer.

The session remembers one trail with its context, a network and a picture. It is shown only up to
the selected value, so a viewer who goes elsewhere, or back, sees no trail that was not followed.
"""

from collections.abc import Hashable, Sequence
from typing import NamedTuple

import streamlit as st

from vgg_viz.ui.state import selection
from vgg_viz.ui.state.selection import Position

KEY = "trail"
REVEALED = "revealed"


class TrailStep(NamedTuple):
    """One value: its layer, its map (from 1) and its position (from 0)."""

    layer: str
    channel: int
    position: Position

    @property
    def label(self) -> str:
        """Label on the page, with row and column from 1."""
        row, column = self.position
        return f"{self.layer} {self.channel} ({row + 1}, {column + 1})"


def to(step: TrailStep, context: Hashable) -> list[TrailStep]:
    """Return the trail that ends in this step; the step alone where none was followed to it."""
    remembered_context, steps = st.session_state.get(KEY, (None, []))
    if remembered_context != context or step not in steps:
        return [step]
    return list(steps[: steps.index(step) + 1])


def extend(current: TrailStep, earlier: TrailStep, context: Hashable) -> None:
    """Trace the current value back to an earlier one (widget callback)."""
    st.session_state[KEY] = (context, [*to(current, context), earlier])
    go(earlier)


def go(step: TrailStep) -> None:
    """Select a step's value and scroll to its map, at the top of the page (widget callback)."""
    selection.choose(step.channel, step.position, layer=step.layer)
    reveal(to_top=True)


def reveal(*, to_top: bool = False) -> None:
    """Have the browser scroll the selection into view, or the page to its top."""
    count, _ = revealed()
    st.session_state[REVEALED] = (count + 1, to_top)


def revealed() -> tuple[int, bool]:
    """Return the number of `reveal` calls so far, and ``to_top`` of the last one."""
    count, to_top = st.session_state.get(REVEALED, (0, False))
    return count, to_top


def labels(steps: Sequence[TrailStep]) -> list[str]:
    """Return the labels of a trail; none for a single value, which is no trail."""
    return [step.label for step in steps] if len(steps) > 1 else []
