"""The trail of a value: the values through which the viewer traced it back, layer by layer.

The session stores one trail with its context, a network and a picture. The page shows it only up to
the selected value. If the selected value is not part of the trail, or the context has changed, the
page shows none.
"""

from collections.abc import Hashable, Mapping, Sequence
from typing import Literal, NamedTuple

import streamlit as st

from vgg_viz.ui import state
from vgg_viz.ui.state import selection
from vgg_viz.ui.state.selection import Position

Place = Literal["top", "tabs"]

KEY = "trail"
REVEALED = "revealed"
CHANNELS = "channels-revealed"


class TrailStep(NamedTuple):
    """One value on a trail: its layer, the number of its map (from 1) and its position (from 0)."""

    layer: str
    channel: int
    position: Position

    @property
    def label(self) -> str:
        """Label of the value on the page, with row and column from 1."""
        row, column = self.position
        return f"{self.layer} {self.channel} ({row + 1}, {column + 1})"


def to(step: TrailStep, context: Hashable) -> list[TrailStep]:
    """Return the stored trail up to this step, or only the step if it is not on the trail."""
    remembered_context, steps = st.session_state.get(KEY, (None, []))
    if remembered_context != context or step not in steps:
        return [step]
    return list(steps[: steps.index(step) + 1])


def extend(current: TrailStep, earlier: TrailStep, context: Hashable) -> None:
    """Trace the trail's current value back to a value of an earlier layer (widget callback)."""
    st.session_state[KEY] = (context, [*to(current, context), earlier])
    go(earlier)


def follow(
    steps: Mapping[int, TrailStep], context: Hashable, start: TrailStep | None, number: int
) -> None:
    """Go to the step of the clicked tile, if it has one (widget callback).

    The step is added to the trail after ``start``, the current value, if there is one.
    """
    step = steps.get(number)
    if step and start:
        extend(start, step, context)
    elif step:
        go(step)


def go(step: TrailStep) -> None:
    """Select the value of a trail's step and scroll to the top of the page (widget callback)."""
    selection.choose(step.channel, step.position, layer=step.layer)
    reveal("top")


def reveal(place: Place) -> None:
    """Make the browser scroll to the top of the page or to the tabs below."""
    count, _ = revealed()
    st.session_state[REVEALED] = (count + 1, place)


def revealed() -> tuple[int, Place]:
    """Return the number of calls of `reveal` so far, and the ``place`` of the last call."""
    count, place = st.session_state.get(REVEALED, (0, "top"))
    return count, place


def reveal_channel() -> None:
    """Make the browser scroll to the details of the chosen channel, where they are out of sight."""
    st.session_state[CHANNELS] = revealed_channels() + 1


def revealed_channels() -> int:
    """Return the number of calls of `reveal_channel` so far."""
    return int(st.session_state.get(CHANNELS, 0))


def open_tab(name: str, half: str) -> None:
    """Open a tab below the feature maps, for one half of a comparison (widget callback)."""
    state.change({"tab": name} | ({"half": half} if half else {}))
    reveal("tabs")


def labels(steps: Sequence[TrailStep]) -> list[str]:
    """Return the labels of a trail's steps; none for a single value, which is no trail."""
    return [step.label for step in steps] if len(steps) > 1 else []
