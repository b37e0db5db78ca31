"""Response curves: how feature maps respond to a change of the image, over all its amounts."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import streamlit as st

from vgg_viz.interpretability.experiments.changes import CHANGES, NONE, ChosenChange
from vgg_viz.interpretability.experiments.responses import (
    LayerResponses,
    correlations_by_layer,
    layer_responses,
)
from vgg_viz.model.architecture import VGG19
from vgg_viz.serving.results import Job
from vgg_viz.ui.parts import charts
from vgg_viz.ui.parts.charts import LinePoint
from vgg_viz.ui.parts.layer_maps import LayerMaps
from vgg_viz.ui.state import selection
from vgg_viz.ui.state.selection import Selection
from vgg_viz.ui.widgets import export_menu, image_change, picture_chooser, text_blocks

ALL_MAPS = "Correlation of all maps"
RELATIVE = "relative to the unchanged image"
ZEILER = "[Zeiler and Fergus 2013](https://arxiv.org/abs/1311.2901)"
DASHED = "The dashed line is the amount chosen in the sidebar."
THIS_LAYER = f"Relative to the unchanged image, for which every curve is at 1. {DASHED}"
ALL_LAYERS = (
    "Correlation of each layer's maps with those of the unchanged image: near 1, the change makes "
    f"no difference to the layer ({ZEILER}). {DASHED}"
)
COLUMNS = ("amount", "curve", RELATIVE, "value")


def show_layer(maps: LayerMaps) -> None:
    """Show the curves of the chosen map, or of its layer alone."""
    chosen = selection.current()
    position = chosen.position if chosen and chosen.position else (0, 0)
    measure = partial(layer_responses, layer=maps.layer, position=position)
    key = ("responses", maps.layer.name, position)
    points_of = partial(layer_points, chosen=chosen)
    show(maps, THIS_LAYER, key, measure, points_of, maps.layer.title)


def show_layers(maps: LayerMaps) -> None:
    """Show one curve for each of the 16 conv layers."""
    key, layers = ("correlations",), "all 16 conv layers"
    show(maps, ALL_LAYERS, key, correlations_by_layer, layers_points, layers)


def show(
    maps: LayerMaps,
    text: str,
    key: tuple[object, ...],
    measure: Callable[..., Job[Any]],
    points_of: Callable[[Any], list[LinePoint]],
    layers: str,
) -> None:
    """Show a chart of what is measured over a change's amounts, and meanwhile of the points so far.

    Without a change of the image, show a note.
    """
    change, unchanged = image_change.chosen(), picture_chooser.unchanged_of(maps.picture)
    if change.name == NONE:
        text_blocks.note("Choose a change in the sidebar, under *Change the image*.")
        return
    st.markdown(text)
    slot, so_far = st.empty(), list[Any]()

    def draw(result: Any) -> None:
        slot.vega_lite_chart(plot(points_of(result), change), width="stretch")

    def after_slice() -> None:
        if so_far:
            draw(so_far[-1])
        so_far.clear()

    result = maps.results.cached_in_slices(
        (*key, maps.network.identity, unchanged.digest, change._replace(amount=0)),
        lambda: measure(maps.network, unchanged.pixels, change, on_point=so_far.append),
        long=True,
        after_slice=after_slice,
    )
    draw(result)
    points = points_of(result)
    subject = f"{maps.network.label} · {unchanged.caption}"
    label = CHANGES[change.name].label
    st.caption(text_blocks.escape(f"{subject} · {label} · {layers} · after ReLU"))
    export_menu.offer_table("responses", f"Responses to {label.lower()}", lambda: table(points))


def layer_points(responses: LayerResponses, chosen: Selection | None) -> list[LinePoint]:
    """Return the points of the chosen map's curves, and of the correlation of all maps."""
    curves: dict[str, np.ndarray] = {ALL_MAPS: responses.correlation}
    if chosen:
        index = chosen.channel - 1
        curves[f"Maximum of map {chosen.channel}"] = responses.maximum[:, index]
        curves[f"Mean of map {chosen.channel}"] = responses.mean[:, index]
        if chosen.position:
            row, column = (part + 1 for part in chosen.position)
            curves[f"Value at row {row}, column {column}"] = responses.value[:, index]
    zero = list(responses.amounts).index(0)
    return [
        LinePoint(amount, name, float(value / values[zero]), float(value))
        for name, values in curves.items()
        if values[zero]  # relative to 0 there is no curve
        for amount, value in zip(responses.amounts, values, strict=True)
    ]


def layers_points(found: dict[int, np.ndarray]) -> list[LinePoint]:
    """Return the points of one curve per conv layer."""
    return [
        LinePoint(amount, layer.name, float(value), float(value))
        for layer, values in zip(VGG19.conv_layers, np.transpose(list(found.values())), strict=True)
        for amount, value in zip(found, values, strict=True)
    ]


def plot(points: Sequence[LinePoint], change: ChosenChange) -> dict[str, Any]:
    """Return the Vega-Lite specification of a chart with one line per curve."""
    low, high, _, label = CHANGES[change.name].amount
    x_title = label or CHANGES[change.name].label
    return charts.line_plot(points, x_title, (low, high), RELATIVE, change.amount)


def table(points: Sequence[LinePoint]) -> dict[str, list[object]]:
    """Return the columns of the points' CSV file."""
    return {name: [point[at] for point in points] for at, name in enumerate(COLUMNS)}
