"""Inspector: one feature map enlarged, its statistics, and the receptive field of each position.

Until a map is chosen, the inspector shows the image alone. This way the page does not move at the
first click on a map.
"""

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np

from vgg_viz.export.mosaic import color_levels
from vgg_viz.export.number_format import figure, signed
from vgg_viz.fields import Value
from vgg_viz.interpretability.decomposition import Decomposition
from vgg_viz.interpretability.receptive_field import receptive_fields
from vgg_viz.model.architecture import VGG19, Layer
from vgg_viz.serving.results import ValueRange
from vgg_viz.ui import state
from vgg_viz.ui.parts import decomposition_section
from vgg_viz.ui.parts.layer_maps import LayerMaps
from vgg_viz.ui.state import component_values, mode, selection, trail
from vgg_viz.ui.state.selection import Selection
from vgg_viz.ui.state.trail import TrailStep
from vgg_viz.ui.widgets import components, controls
from vgg_viz.ui.widgets.controls import Appearance

HINT = "Click a map to inspect it here: enlarged, and overlaid on the image."
POINT_HINT = (
    "Point at a position to see its receptive field in the image. Click to see how its value is "
    "computed."
)


def choose(layer: Layer) -> None:
    """Show number fields for the inspected map, row and column."""
    if not mode.in_lecture():
        height, width, filters = layer.output_shape
        if controls.number("Map", selection.CHANNEL, filters):
            controls.number("Row", selection.ROW, height)
            controls.number("Column", selection.COLUMN, width)


def select_map(number: int, half: str = "") -> None:
    """Choose the feature map whose tile was clicked in a grid (widget callback).

    In a comparison, ``half`` is the one whose map was clicked.
    """
    # In lecture mode, which has no field to clear, a second click closes the map.
    if mode.in_lecture() and number == state.number(selection.CHANNEL):
        selection.clear()
    else:
        selection.choose(number, half=half)
        trail.reveal_channel()


def show(
    maps: LayerMaps,
    chosen: Selection | None,
    appearance: Appearance,
    name: str = "inspector",
    shown: Sequence[int] = (),
    half: str = "",
    *,
    explains: bool = True,
    offers_filter: bool = False,
) -> decomposition_section.Value | None:
    """Show the chosen feature map enlarged, or the image alone if no map is chosen.

    In a comparison, ``half`` is the one whose map is shown. ``explains`` is whether the tabs below
    can show how the chosen value is computed; ``offers_filter``, whether a button opens the map's
    filter. Returns the decomposition of the chosen value, or None.
    """
    steps, value = [], None
    if chosen and chosen.position:
        # The values that the viewer traced back to reach the chosen one, and that value.
        step = TrailStep(maps.layer.name, chosen.channel, chosen.position)
        steps = trail.to(step, maps.subject_key)
        value = decomposition_section.decompose(maps, chosen.channel, chosen.position)
    header, values, colors = header_and_values(maps, chosen, appearance)
    offered = chosen if offers_filter and not mode.in_lecture() else None
    header |= {
        "lecture": mode.in_lecture(),
        "photo": f"{maps.picture.alt}, as VGG19 sees it",
        "trail": trail.labels(steps),
        "sum": sum_text(value.explanation) if value else "",
        "explains": explains and not mode.in_lecture(),
        "filter": f"Show filter {offered.channel} of {maps.layer.name}" if offered else "",
        "note": missing_text(chosen, shown),
        "reveal": trail.revealed(),
    }
    packed = components.pack(header, values.tobytes(), colors.tobytes(), maps.picture.png)
    components.mount("inspector", name, packed, partial(_on_event, name, maps.layer, steps, half))
    return value


def _on_event(name: str, layer: Layer, steps: Sequence[TrailStep], half: str) -> None:
    """Go to what was clicked: position, step of the trail, filter, tab (widget callback)."""
    event = component_values.raw_value(name)
    if event == "closed":
        selection.clear()
        return
    chosen = selection.current()
    if event == "filter" and chosen:
        selection.open_filter(chosen.channel)
        return
    if event == "explain":
        trail.open_tab("decomposition", half)
        return
    if isinstance(event, Mapping) and "step" in event:
        index = component_values.whole_number(event["step"], 0, len(steps) - 1)
        if index is not None:
            trail.go(steps[index])
        return
    height, width, _ = layer.output_shape
    position = component_values.position(name, height, width)
    if position is not None:
        changes: dict[str, Value] = {"half": half} if half else {}
        state.change(changes | {selection.ROW: position[0] + 1, selection.COLUMN: position[1] + 1})


def header_and_values(
    maps: LayerMaps, chosen: Selection | None, appearance: Appearance
) -> tuple[dict[str, object], np.ndarray, np.ndarray]:
    """Return the data of the inspector component: header, values of the map, colors.

    The values are float32 ``(height, width)``, empty if no map is chosen. The colors are those of
    the color map's levels.
    """
    colors = color_levels(appearance.color_map)
    digest = maps.picture.digest
    header: dict[str, object] = {"levels": len(colors), "channel": None, "height": 0, "width": 0}
    header |= {"row": None, "column": None, "input": VGG19.input_side, "digest": digest}
    if chosen is None:
        title = f"{maps.picture.title}, as VGG19 sees it"
        return header | {"title": title, "hint": HINT}, np.empty(0, "<f4"), colors
    values = maps.map(chosen.channel)
    header |= describe(maps, chosen.channel, values, appearance)
    if chosen.position:
        header |= dict(zip(("row", "column"), chosen.position, strict=True))
    return header, values, colors


def describe(
    maps: LayerMaps, channel: int, values: np.ndarray, appearance: Appearance
) -> dict[str, object]:
    """Return the entries of the inspector's header that describe a feature map."""
    layer = maps.layer
    value_range = (
        ValueRange.of_statistics(maps.statistics())
        if appearance.scale == "layer"
        else ValueRange.of_maps(values)
    )
    # JSON has no infinite numbers, which activations become that overflow.
    low, high = np.nan_to_num([value_range.low, value_range.high]).tolist()
    return {
        "title": f"Map {channel} of {layer.name}",
        "hint": POINT_HINT,
        "channel": channel,
        "height": values.shape[0],
        "width": values.shape[1],
        "low": low,
        "high": high,
        "offset": layer.offset,
        "stride": layer.stride,
        "fields": receptive_fields(layer),
    }


def sum_text(explanation: Decomposition) -> str:
    """Return the decomposition of a value in one line: products, bias, sum and ReLU."""
    products = figure(explanation.contributions.sum())
    bias = signed(explanation.bias).replace("−", "− ").replace("+", "+ ")
    total, result = figure(explanation.total), figure(explanation.result)
    return f"Products {products} {bias} bias = {total}; after ReLU {result}."


def missing_text(chosen: Selection | None, shown: Sequence[int]) -> str:
    """Return a note if the chosen map is not among those in the grid; else empty."""
    if chosen is None or not shown or chosen.channel in shown:
        return ""
    return (
        f"Map {chosen.channel} is not among the {len(shown)} maps shown. To include it, show more "
        "maps or change their order."
    )
