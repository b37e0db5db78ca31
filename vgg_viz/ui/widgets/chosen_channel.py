"""Name of the chosen channel, for views that have no inspector."""

import streamlit as st

from vgg_viz.model.architecture import ConvLayer
from vgg_viz.ui.state import selection, trail
from vgg_viz.ui.widgets import components

REVEALED = "channel-revealed"


def show(layer: ConvLayer) -> int | None:
    """Show the chosen channel's name; return its number, or None."""
    selected = selection.current()
    channel = selected.channel if selected else None
    reveals = trail.revealed_channels()
    title = f"Channel {channel} of {layer.name}" if channel else ""
    # The first choice moves the component beside the grid, where it is mounted anew.
    clicked = reveals != st.session_state.setdefault(REVEALED, reveals)
    st.session_state[REVEALED] = reveals
    header = {"channel": channel, "title": title, "reveal": reveals, "clicked": clicked}
    components.mount("channel", "chosen-channel", components.pack(header))
    return channel
