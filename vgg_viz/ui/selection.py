"""What the visitor has picked: a map or filter of the layer, and a position in it.

Both are number fields, tied to the URL like every control; clicks only set them.
"""

import re
from collections.abc import Callable
from contextlib import suppress
from functools import partial

import streamlit as st
from streamlit.errors import StreamlitAPIException

from vgg_viz.architecture import VGG19, Layer
from vgg_viz.ui import components

Position = tuple[int, int]

PAGE_FILTERS = 16  # of the Filters view
FEWEST_FILTERS = 8

CHANNEL = "channel"
ROW, COLUMN = "row", "column"


def pick_channel(mosaic: str, largest: int) -> Callable[[], None]:
    """A callback: take the number that was clicked in that mosaic as the channel."""
    return partial(_pick_channel, mosaic, largest)


def _pick_channel(mosaic: str, largest: int) -> None:
    number = components.picked_number(mosaic, largest)
    if number is not None:
        choose(number)


def pick_position(inspector: str, layer: Layer) -> Callable[[], None]:
    """A callback: take the position that was clicked in that inspector."""
    return partial(_pick_position, inspector, *layer.output_shape[:2])


def _pick_position(inspector: str, height: int, width: int) -> None:
    position = components.picked_position(inspector, height, width)
    if position is not None:
        put(ROW, position[0] + 1)
        put(COLUMN, position[1] + 1)


def choose(channel: int, position: Position | None = None, layer: str = "", view: str = "") -> None:
    """Go to a channel, and perhaps to a position in it (from 0), another layer or another view."""
    put(CHANNEL, channel)
    if position is not None:
        put(ROW, position[0] + 1)
        put(COLUMN, position[1] + 1)
    if layer:
        put("layer", layer, VGG19.layer(layer).title)
    if view:
        st.session_state["view"] = view


def put(key: str, value: int | str, in_url: int | str | None = None) -> None:
    """Set a control, whether it is on the page or will be with the next view.

    One that is on the page takes its URL along; for one that is not, Streamlit leaves the URL as it
    is, so it is written here, as ``in_url``.
    """
    st.session_state[key] = value
    with suppress(StreamlitAPIException):
        st.query_params[key] = str(value if in_url is None else in_url)


def open_map(mosaic: str, layer: Layer) -> Callable[[], None]:
    """A callback: show the map that was clicked in that mosaic in the Feature maps view."""
    return partial(_open_map, mosaic, layer.name, layer.filters)


def _open_map(mosaic: str, layer_name: str, largest: int) -> None:
    number = components.picked_number(mosaic, largest)
    if number is not None:
        choose(number, layer=layer_name, view="maps")


def open_layer(diagram: str) -> None:
    """A callback's work: show the layer that was clicked in the diagram, in Feature maps."""
    number = components.picked_number(diagram, len(VGG19.conv_layers))
    if number is not None:
        layer = VGG19.conv_layers[number - 1]
        put("layer", layer.name, layer.title)
        st.session_state["view"] = "maps"


def open_filter(channel: int) -> None:
    """Show that filter in the Filters view, on its page."""
    put("filters", max(channel, FEWEST_FILTERS))
    put("filter_page", (channel - 1) // PAGE_FILTERS + 1)
    st.session_state["view"] = "filters"


def current(key: str, largest: int) -> int | None:
    """The number that is chosen under that key, from 1 to ``largest``; None if there is none.

    Read from the URL where its field has not been shown yet.
    """
    value = st.session_state.get(key, st.query_params.get(key))
    # Five digits: a link may hold any number, and Python refuses to read one of thousands.
    number = int(value) if isinstance(value, int) or re.fullmatch(r"\d{1,5}", str(value)) else 0
    return min(number, largest) if number >= 1 else None


def field(label: str, key: str, largest: int) -> int | None:
    """Show a number field from 1 to ``largest`` that may be empty; return its number."""
    if (st.session_state.get(key) or 1) > largest:
        st.session_state[key] = largest
    return st.number_input(
        label, 1, largest, value=None, key=key, bind="query-params", placeholder=f"1–{largest}"
    )
