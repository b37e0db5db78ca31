"""The channel that is chosen, where there is no inspector: its number, and its name."""

import streamlit as st

from vgg_viz.model.architecture import ConvLayer
from vgg_viz.ui.state import mode, selection, trail
from vgg_viz.ui.widgets import components, controls


def choose(layer: ConvLayer) -> int | None:
    """Show the number field, but in a lecture, and the channel's name; return its number.

    Every grid of channels outlines it.
    """
    if not mode.in_lecture():
        with st.container(key="inspector-fields", horizontal=True):
            controls.number("Channel", selection.CHANNEL, layer.filters)
    chosen = selection.current()
    channel = chosen.channel if chosen else None
    times, _ = trail.revealed()
    title = f"Channel {channel} of {layer.name}" if channel else ""
    header = {"channel": channel, "title": title, "reveal": times}
    components.mount("channel", "chosen-channel", components.pack(header))
    return channel
