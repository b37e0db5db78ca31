"""Number field and name of the chosen channel, for views that have no inspector."""

import streamlit as st

from vgg_viz.model.architecture import ConvLayer
from vgg_viz.ui.state import mode, selection, trail
from vgg_viz.ui.widgets import components, controls


def choose(layer: ConvLayer) -> int | None:
    """Show a number field for a channel; return the chosen channel's number, or None."""
    if not mode.in_lecture():
        with st.container(key="inspector-fields", horizontal=True):
            controls.number("Channel", selection.CHANNEL, layer.filters, has_room=True)
    selected = selection.current()
    channel = selected.channel if selected else None
    reveals, _ = trail.revealed()
    title = f"Channel {channel} of {layer.name}" if channel else ""
    header = {"channel": channel, "title": title, "reveal": reveals}
    components.mount("channel", "chosen-channel", components.pack(header))
    return channel
