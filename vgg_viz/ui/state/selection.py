"""What the visitor has chosen: a map or filter of the layer, and a position in it.

Both are number fields as well; clicks only set them.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from vgg_viz.links import PAGE_FILTERS, Value
from vgg_viz.model.architecture import VGG19, Layer
from vgg_viz.ui import state
from vgg_viz.ui.state import component_values

Position = tuple[int, int]

CHANNEL = "channel"
ROW, COLUMN = "row", "column"


class Selection(NamedTuple):
    """A map, from 1, and a position in it, from 0, if there is one."""

    channel: int
    position: Position | None = None


def current() -> Selection | None:
    """What is chosen, whether there are fields for it or not."""
    channel, row, column = map(state.number, (CHANNEL, ROW, COLUMN))
    if channel is None:
        return None
    return Selection(channel, (row - 1, column - 1) if row and column else None)


def select_position(inspector: str, layer: Layer) -> None:
    """A callback's work: take the position that was clicked in that inspector."""
    height, width, _ = layer.output_shape
    position = component_values.position(inspector, height, width)
    if position is not None:
        state.change({ROW: position[0] + 1, COLUMN: position[1] + 1})


def choose(channel: int, position: Position | None = None, layer: str = "", view: str = "") -> None:
    """Go to a channel, and perhaps to a position in it (from 0), another layer or another view."""
    changes: dict[str, Value] = {CHANNEL: channel}
    if position is not None:
        changes |= {ROW: position[0] + 1, COLUMN: position[1] + 1}
    if layer:
        changes["layer"] = layer
    if view:
        changes["view"] = view
    state.change(changes)


def clear() -> None:
    """Choose no map any more."""
    state.change({CHANNEL: None})


def open_map(mosaic: str, layer: Layer) -> Callable[[], None]:
    """A callback: show the map that was clicked in that mosaic in the Feature maps view."""
    return partial(_open_map, mosaic, layer.name, layer.filters)


def _open_map(mosaic: str, layer_name: str, largest: int) -> None:
    number = component_values.number(mosaic, largest)
    if number is not None:
        choose(number, layer=layer_name, view="maps")


def open_layer(diagram: str) -> None:
    """A callback's work: show the layer that was clicked in the diagram, in Feature maps."""
    number = component_values.number(diagram, len(VGG19.conv_layers))
    if number is not None:
        layer = VGG19.conv_layers[number - 1]
        state.change({"layer": layer.name, "view": "maps"})


def open_filter(channel: int) -> None:
    """Show that filter in the Filters view, on its page."""
    filters = max(channel, state.number("filters") or 0)
    page = (channel - 1) // PAGE_FILTERS + 1
    state.change({"filters": filters, "filter_page": page, "view": "filters"})
