"""The inspector: one map of a layer, its numbers, and what each position sees of the picture.

It is on the page from the start, with the photograph alone, so that nothing moves when the first
map is chosen.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np
import streamlit as st

from vgg_viz.export.mosaic import color_levels
from vgg_viz.export.number_format import figure, signed
from vgg_viz.interpretability import map_statistics
from vgg_viz.interpretability.decomposition import Explanation, receptive_fields
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

CLICKED = "inspector-clicked"
HINT = "Click a map to look into it here: large, and over the photograph."
POINT_HINT = (
    "Point at the map to see what a position sees of the photograph; click to see where its value "
    "comes from."
)


def choose(layer: Layer) -> Selection | None:
    """Show the number fields, but in a lecture; return what is chosen, if anything is."""
    height, width, filters = layer.output_shape
    if not mode.in_lecture():
        with st.container(key="inspector-fields", horizontal=True, gap="small"):
            if controls.number("Map", selection.CHANNEL, filters):
                controls.number("Row", selection.ROW, height)
                controls.number("Column", selection.COLUMN, width)
    return selection.current()


def pick_map(mosaic: str, layer: Layer) -> Callable[[], None]:
    """A callback: look into the map that was clicked in that mosaic."""
    return partial(_pick_map, mosaic, layer.filters)


def _pick_map(mosaic: str, largest: int) -> None:
    number = component_values.number(mosaic, largest)
    if number is None:
        return
    # In a lecture a map is closed as it was opened.
    if mode.in_lecture() and number == state.number(selection.CHANNEL):
        selection.clear()
        return
    selection.choose(number)
    trail.reveal()


def look_into(
    maps: LayerMaps,
    chosen: Selection | None,
    appearance: Appearance,
    name: str = "inspector",
    shown: Sequence[int] = (),
) -> decomposition_section.Value | None:
    """Show one of these maps, or the photograph as long as none is chosen.

    Args:
        maps: those of which it is one.
        chosen: the map, and perhaps a position in it.
        appearance: its colors, and whether it is on its own scale or its layer's.
        name: the component's key on the page.
        shown: the numbers of the maps beside it.

    Returns:
        What the value at the chosen position was made of, if there is one.
    """
    stops = way(maps, chosen)
    traced = None
    if chosen and chosen.position:
        traced = decomposition_section.trace(maps, chosen.channel, chosen.position)
    header, values, colors = looked_into(maps, chosen, appearance)
    header |= {
        "lecture": mode.in_lecture(),
        "photo": f"{maps.picture.alt}, as VGG19 sees it",
        "trail": trail.labels(stops),
        "sum": sum_words(traced.explanation) if traced else "",
        "note": missing_words(chosen, shown),
        "reveal": trail.revealed(),
    }
    data = components.pack(header, values.tobytes(), colors.tobytes(), maps.picture.png)
    components.mount("inspector", name, data, partial(take, name, maps.layer, stops))
    return traced


def take(name: str, layer: Layer, stops: Sequence[TrailStep]) -> None:
    """A callback's work: a position, a stop of the way here, or the map's end was picked."""
    sent = component_values.raw_value(name)
    if sent == "closed":
        selection.clear()
        return
    if isinstance(sent, Mapping) and "stop" in sent:
        index = component_values.whole_number(sent["stop"], 0, len(stops) - 1)
        if index is not None:
            trail.go(stops[index])
        return
    st.session_state[CLICKED] = name
    selection.select_position(name, layer)


def way(maps: LayerMaps, chosen: Selection | None) -> list[TrailStep]:
    """The way that was walked to what is chosen."""
    if chosen is None or chosen.position is None:
        return []
    stop = TrailStep(maps.layer.name, chosen.channel, chosen.position)
    return trail.to(stop, maps.subject_key)


def looked_into(
    maps: LayerMaps, chosen: Selection | None, appearance: Appearance
) -> tuple[dict[str, object], np.ndarray, np.ndarray]:
    """What the component has to know of the map, its values, and the colors of its levels."""
    colors = color_levels(appearance.color_map)
    header: dict[str, object] = {"levels": len(colors), "channel": None, "height": 0, "width": 0}
    header |= {"row": None, "column": None, "measured": "", "input": VGG19.input_side}
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
    """A map in words and numbers."""
    layer = maps.layer
    span = (
        ValueRange.of_statistics(maps.statistics())
        if appearance.scale == "layer"
        else ValueRange.of_maps(values)
    )
    counts, edges = map_statistics.histogram(values)
    return {
        "title": f"Map {channel} of {layer.name}",
        "hint": POINT_HINT,
        "channel": channel,
        "height": values.shape[0],
        "width": values.shape[1],
        "low": span.low,
        "high": span.high,
        "offset": layer.offset,
        "stride": layer.stride,
        "fields": receptive_fields(layer),
        "measured": numbers(maps.statistics(), channel),
        "histogram": {"counts": counts.tolist(), "edges": edges.tolist()},
    }


def numbers(measured: map_statistics.Statistics, channel: int) -> str:
    """A map's numbers and its ranks in the layer."""
    index = channel - 1
    by_mean, by_maximum = (
        map_statistics.ranks(measured.mean),
        map_statistics.ranks(measured.maximum),
    )
    return (
        f"Map {channel}: from {figure(measured.minimum[index])} to "
        f"{figure(measured.maximum[index])}, mean {figure(measured.mean[index])}, active at "
        f"{measured.active[index]:.1%} of positions. Of {len(measured.mean)} maps it is number "
        f"{by_mean[index]} by mean and number {by_maximum[index]} by maximum."
    )


def sum_words(explained: Explanation) -> str:
    """The arithmetic of a value in one line."""
    products = figure(explained.contributions.sum())
    bias = signed(explained.bias).replace("−", "− ").replace("+", "+ ")
    total, result = figure(explained.total), figure(explained.result)
    return f"Products {products} {bias} bias = {total}; after ReLU {result}."


def missing_words(chosen: Selection | None, shown: Sequence[int]) -> str:
    """That the chosen map is not among those shown, where that is so."""
    if chosen is None or not shown or chosen.channel in shown:
        return ""
    return (
        f"Map {chosen.channel} is not among the {len(shown)} maps shown: more maps, or another "
        "order, would bring it there."
    )


def offer_filter(maps: LayerMaps, channel: int, name: str = "inspector") -> None:
    """Show the way to the filter that made the map."""
    st.button(
        f"Its filter: {channel} of {maps.layer.name}",
        icon=":material/grid_on:",
        key=f"{name}-to-filter",
        on_click=selection.open_filter,
        args=(channel,),
    )
