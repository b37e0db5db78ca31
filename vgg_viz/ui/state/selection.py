"""The selected map or filter of a layer, and the selected position in the map.

Number fields on the page show both; a click on a map or a position sets these fields.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from vgg_viz.fields import FIRST, PAGE_FILTERS, Value
from vgg_viz.model.architecture import VGG19, ConvLayer
from vgg_viz.ui import state
from vgg_viz.ui.state import component_values

Position = tuple[int, int]

CHANNEL = "channel"
ROW, COLUMN = "row", "column"


class Selection(NamedTuple):
    """The selected map or filter of a layer, and the selected position in the map."""

    channel: int  # number of the map or filter, from 1
    position: Position | None = None  # row and column, from 0; None if no position is selected


def current() -> Selection | None:
    """Return the selected map and position; None if no map is selected."""
    channel, row, column = map(state.number, (CHANNEL, ROW, COLUMN))
    if channel is None:
        return None
    return Selection(channel, (row - 1, column - 1) if row and column else None)


def choose(
    channel: int,
    position: Position | None = None,
    *,
    layer: str = "",
    view: str = "",
    half: str = "",
) -> None:
    """Select a map or filter by its number, and perhaps a position (from 0), a layer or a view.

    In a comparison, ``half`` is the one whose value is decomposed.
    """
    changes: dict[str, Value] = {CHANNEL: channel}
    if position is not None:
        changes |= {ROW: position[0] + 1, COLUMN: position[1] + 1}
    others = {"layer": layer, "view": view, "half": half}
    state.change(changes | {key: name for key, name in others.items() if name})


def clear() -> None:
    """Clear the selected map and position (widget callback)."""
    state.change({CHANNEL: None})


def open_map(
    layer: ConvLayer,
    number: int,
    peaks: Mapping[int, Position] = MappingProxyType({}),
    half: str = FIRST,
) -> None:
    """Open a map of a layer in the Feature maps view (widget callback).

    It opens at its position in ``peaks``, if any. ``half`` is that of the comparison in which the
    clicked grid stands.
    """
    choose(number, peaks.get(number), layer=layer.name, view="maps", half=half)


def open_layer(component: str, view: str = "") -> None:
    """Open the layer clicked in a diagram or among bars, perhaps in a view (widget callback)."""
    number = component_values.number(component, len(VGG19.conv_layers))
    if number is not None:
        changes = {"layer": VGG19.conv_layers[number - 1].name, "view": view}
        state.change({key: name for key, name in changes.items() if name})


def open_filter(channel: int) -> None:
    """Show the Filters view's page of kernels that contains a filter (widget callback)."""
    filters = max(channel, state.number("filters") or 0)
    page = (channel - 1) // PAGE_FILTERS + 1
    state.change({"filters": filters, "filter_page": page, "view": "filters"})
