"""The inspector: one map of a layer, its numbers, and what each position sees of the picture.

It is on the page from the start, with the photograph alone, so that nothing moves when the first
map is chosen.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
import streamlit as st

from vgg_viz import inspection
from vgg_viz.architecture import Layer
from vgg_viz.figures import figure, signed
from vgg_viz.mosaic import colour_levels
from vgg_viz.serving.results import measure_maps, span_of
from vgg_viz.ui import state
from vgg_viz.ui.page import lecture
from vgg_viz.ui.parts import arithmetic as origin
from vgg_viz.ui.parts.layer_maps import Scene
from vgg_viz.ui.state import selection, trail
from vgg_viz.ui.state.selection import Position
from vgg_viz.ui.state.trail import Stop
from vgg_viz.ui.widgets import components
from vgg_viz.ui.widgets.controls import Appearance

CLICKED = "inspector-clicked"
HINT = "Click a map to look into it here: large, and over the photograph."
POINT_HINT = (
    "Point at the map to see what a position sees of the photograph; click to see where its value "
    "comes from."
)


class Chosen(NamedTuple):
    """A map, from 1, and a position in it, from 0, if there is one."""

    channel: int
    position: Position | None = None


def choose(layer: Layer) -> Chosen | None:
    """Show the number fields, but in a lecture; return what is chosen, if anything is."""
    height, width, filters = layer.output_shape
    if not lecture.is_on():
        with st.container(key="inspector-fields", horizontal=True, gap="small"):
            if selection.field("Map", selection.CHANNEL, filters):
                selection.field("Row", selection.ROW, height)
                selection.field("Column", selection.COLUMN, width)
    return current()


def current() -> Chosen | None:
    """What is chosen, whether there are fields for it or not."""
    names = (selection.CHANNEL, selection.ROW, selection.COLUMN)
    channel, row, column = map(state.number, names)
    if channel is None:
        return None
    return Chosen(channel, (row - 1, column - 1) if row and column else None)


def pick_map(mosaic: str, layer: Layer) -> Callable[[], None]:
    """A callback: look into the map that was clicked in that mosaic."""
    return partial(_pick_map, mosaic, layer.filters)


def _pick_map(mosaic: str, largest: int) -> None:
    number = components.picked_number(mosaic, largest)
    if number is None:
        return
    # In a lecture a map is closed as it was opened.
    if lecture.is_on() and number == state.number(selection.CHANNEL):
        selection.let_go()
        return
    selection.choose(number)
    trail.reveal()


def look_into(
    scene: Scene,
    chosen: Chosen | None,
    appearance: Appearance,
    name: str = "inspector",
    shown: Sequence[int] = (),
) -> origin.Value | None:
    """Show a map of a scene, or the photograph as long as none is chosen.

    Args:
        scene: whose map it is.
        chosen: the map, and perhaps a position in it.
        appearance: its colours, and whether it is on its own scale or its layer's.
        name: the component's key on the page.
        shown: the numbers of the maps beside it.

    Returns:
        What the value at the chosen position was made of, if there is one.
    """
    stops = way(scene, chosen)
    traced = origin.trace(scene, *chosen) if chosen and chosen.position else None
    header, values, colours = looked_into(scene, chosen, appearance)
    header |= {
        "lecture": lecture.is_on(),
        "photo": f"{scene.picture.alt}, as VGG19 sees it",
        "trail": trail.words(stops),
        "sum": sum_words(traced.explanation) if traced else "",
        "note": missing_words(chosen, shown),
        "reveal": trail.revealed(),
    }
    payload = components.pack(header, values.tobytes(), colours.tobytes(), scene.picture.png)
    components.mount("inspector", name, payload, partial(take, name, scene.layer, stops))
    return traced


def take(name: str, layer: Layer, stops: Sequence[Stop]) -> None:
    """A callback's work: a position, a stop of the way here, or the map's end was picked."""
    sent = components.picked(name)
    if sent == "closed":
        selection.let_go()
        return
    if isinstance(sent, Mapping) and "stop" in sent:
        index = components.whole_number(sent["stop"], 0, len(stops) - 1)
        if index is not None:
            trail.go(stops[index])
        return
    st.session_state[CLICKED] = name
    selection.pick_position(name, layer)()


def way(scene: Scene, chosen: Chosen | None) -> list[Stop]:
    """The way that was walked to what is chosen."""
    if chosen is None or chosen.position is None:
        return []
    return trail.to(Stop(scene.layer.name, *chosen), scene.subject_key)


def looked_into(
    scene: Scene, chosen: Chosen | None, appearance: Appearance
) -> tuple[dict[str, object], np.ndarray, np.ndarray]:
    """What the component has to know of the map, its values, and the colours of its levels."""
    colours = colour_levels(appearance.colour_map)
    header: dict[str, object] = {"levels": len(colours), "channel": None, "height": 0, "width": 0}
    header |= {"row": None, "column": None, "measured": ""}
    if chosen is None:
        title = f"{scene.picture.title}, as VGG19 sees it"
        return header | {"title": title, "hint": HINT}, np.empty(0, "<f4"), colours
    values = scene.map(chosen.channel)
    header |= describe(scene, chosen.channel, values, appearance)
    if chosen.position:
        header |= dict(zip(("row", "column"), chosen.position, strict=True))
    return header, values, colours


def describe(
    scene: Scene, channel: int, values: np.ndarray, appearance: Appearance
) -> dict[str, object]:
    """A map in words and numbers."""
    layer = scene.layer
    span = span_of(scene.statistics()) if appearance.scale == "layer" else measure_maps(values)
    counts, edges = inspection.histogram(values)
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
        "receptive_field": layer.receptive_field,
        "measured": numbers(scene.statistics(), channel),
        "histogram": {"counts": counts.tolist(), "edges": edges.tolist()},
    }


def numbers(measured: inspection.Statistics, channel: int) -> str:
    """A map's numbers and its ranks in the layer."""
    index = channel - 1
    by_mean, by_maximum = inspection.ranks(measured.mean), inspection.ranks(measured.maximum)
    return (
        f"Map {channel}: from {figure(measured.minimum[index])} to "
        f"{figure(measured.maximum[index])}, mean {figure(measured.mean[index])}, active at "
        f"{measured.active[index]:.1%} of positions. Of {len(measured.mean)} maps it is number "
        f"{by_mean[index]} by mean and number {by_maximum[index]} by maximum."
    )


def sum_words(explanation: inspection.Explanation) -> str:
    """The arithmetic of a value in one line."""
    products = figure(explanation.contributions.sum())
    bias = signed(explanation.bias).replace("−", "− ").replace("+", "+ ")
    total, result = figure(explanation.total), figure(explanation.result)
    return f"Products {products} {bias} bias = {total}; after ReLU {result}."


def missing_words(chosen: Chosen | None, shown: Sequence[int]) -> str:
    """That the chosen map is not among those shown, where that is so."""
    if chosen is None or not shown or chosen.channel in shown:
        return ""
    return (
        f"Map {chosen.channel} is not among the {len(shown)} maps shown: more maps, or another "
        "order, would bring it there."
    )


def offer_filter(scene: Scene, channel: int, name: str = "inspector") -> None:
    """Show the way to the filter that made the map."""
    st.button(
        f"Its filter: {channel} of {scene.layer.name}",
        icon=":material/grid_on:",
        key=f"{name}-to-filter",
        on_click=selection.open_filter,
        args=(channel,),
    )
