"""Charts: histograms of values, lines, and bars of a property of each of the 16 conv layers."""

from collections.abc import Iterable, Mapping, Sequence
from math import prod
from typing import Any, NamedTuple

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from vgg_viz.export.number_format import figure
from vgg_viz.interpretability.map_statistics import Profile, Statistics, histogram, ranks
from vgg_viz.model.architecture import VGG19
from vgg_viz.ui.parts.layer_maps import LayerMaps
from vgg_viz.ui.state import selection
from vgg_viz.ui.widgets import text_blocks

LOW, HEIGHT, LINES_HEIGHT = 128, 190, 280  # CSS pixels
MOST_COLORS = 6  # of lines that differ in hue
MOST_POINTS = 500  # that are drawn on the lines

# Charts of profiles: a field of each layer's row, its title, its unit and its number format.
PLOTS = (
    ("active", "Active positions", "share above zero", ".0%"),
    ("correlation", "Similarity to the image", "largest correlation", ".2f"),
)


def show_statistics(maps: LayerMaps) -> None:
    """Show the histogram of all maps of a layer, and beside it that of the chosen map."""
    chosen = selection.current()
    left, right = st.columns(2, gap="medium") if chosen else (st.container(),) * 2
    if chosen:
        with left:
            st.markdown(map_statistics(maps.statistics(), chosen.channel))
            show_histogram(maps, chosen.channel)
    with right:
        st.markdown(layer_statistics(maps))
        show_histogram(maps)
    st.caption(
        f"{maps.layer.title} · {text_blocks.escape(maps.subject)} · after ReLU · the count axis "
        "is logarithmic, so that rare values show"
    )


def map_statistics(measured: Statistics, channel: int) -> str:
    """Describe a feature map in words: its range, mean, active positions and ranks in the layer."""
    index = channel - 1
    by_mean, by_maximum = map(ranks, (measured.mean, measured.maximum))
    return (
        f"**Map {channel}**: from {figure(measured.minimum[index])} to "
        f"{figure(measured.maximum[index])}, mean {figure(measured.mean[index])}, active at "
        f"{measured.active[index]:.1%} of positions. Rank among {len(measured.mean)} maps: "
        f"{by_mean[index]} by mean, {by_maximum[index]} by maximum."
    )


def layer_statistics(maps: LayerMaps) -> str:
    """Describe a layer's values in words: their number, share of zeros and maximum."""
    measured = maps.statistics()
    return (
        f"**{prod(maps.layer.output_shape):,} values of {maps.layer.name}**, "
        f"{1 - measured.active.mean():.0%} of them zero after ReLU. Inactive on this image (zero "
        f"everywhere): {measured.inactive} of {maps.layer.filters} maps. The largest value is "
        f"{figure(measured.maximum.max())}."
    )


def show_histogram(maps: LayerMaps, channel: int | None = None) -> None:
    """Show the histogram of one feature map's values, or of those of all maps of the layer."""

    def count() -> tuple[np.ndarray, np.ndarray]:
        return histogram((maps.map(channel) if channel else maps.values()).reshape(1, -1))

    counts, edges = maps.results.cached(("histogram", *maps.key, channel), count)
    rows = [
        {"from": float(low), "to": float(high), "values": int(count)}
        for low, high, count in zip(edges, edges[1:], counts, strict=False)
    ]
    subject = f"map {channel}" if channel else "all maps"
    st.vega_lite_chart(histogram_plot(rows, subject), width="stretch")


def histogram_plot(rows: list[dict[str, Any]], subject: str) -> dict[str, Any]:
    """Return the Vega-Lite specification of a histogram, with one bar per bin."""
    powers = [0, *(10**power for power in range(1, 8))]
    # With domains, as `layer_plot` has.
    most = max(1, *(row["values"] for row in rows))
    x = {
        "field": "from",
        "type": "quantitative",
        "bin": {"binned": True},
        "scale": {"domain": [rows[0]["from"], rows[-1]["to"]]},
        "title": "value",
    }
    y = {
        "field": "values",
        "type": "quantitative",
        "stack": None,
        "scale": {"type": "symlog", "domain": [0, most]},
        "title": "count",
        "axis": {"values": powers, "format": ",d", "labelOverlap": False},
    }
    return {
        "height": HEIGHT,
        "description": f"Histogram of the values of {subject}",
        "data": {"values": rows},
        "mark": {"type": "bar", "tooltip": True, "binSpacing": 1},
        "encoding": {"x": x, "x2": {"field": "to"}, "y": y},
    }


def show_profiles(profiles: Sequence[Profile] | None, places: Sequence[DeltaGenerator]) -> None:
    """Show one chart each of active positions and similarity to the image, in these places.

    Without ``profiles``, one for each conv layer, keep the charts' places.
    """
    rows = layer_rows(map(vars, profiles)) if profiles else []
    for place, (field, title, unit, number_format) in zip(places, PLOTS, strict=True):
        with place:
            st.markdown(f"**{title}**, {unit}")
            show_low(layer_plot(rows, field, title, number_format) if rows else None)


def show_low(plot: dict[str, Any] | None) -> None:
    """Show a low chart without a title below it, or keep its place while there is none yet."""
    if plot:
        x = {**plot["encoding"]["x"], "title": None}
        plot = {**plot, "height": LOW, "encoding": {**plot["encoding"], "x": x}}
        st.vega_lite_chart(plot, width="stretch")
    else:
        st.skeleton(height=LOW)


def profiles_caption(maps: LayerMaps, profiles: Sequence[Profile] | None) -> str:
    """Return a caption of the charts that `show_profiles` shows."""
    ends = [f"{one.correlation:.2f}" for one in (profiles or ())[::15]] or ["…", "…"]
    layers = (layer.name for layer in VGG19.conv_layers[::15])
    first, last = (f"{end} in {name}" for end, name in zip(ends, layers, strict=True))
    return text_blocks.caption(
        f"All 16 conv layers · {text_blocks.escape(maps.subject)} · *Similarity*: largest "
        f"correlation of a map with the image's brightness, {first}, {last} · *Distance*: mean of "
        "2 (1 − cosine) from the unchanged image's maps",
        text_blocks.escape(f"{maps.network.label} · {maps.picture.title} · all 16 conv layers"),
    )


def layer_rows(values: Iterable[Mapping[str, float]]) -> list[dict[str, Any]]:
    """Return the data of a chart, a row per conv layer, without those whose first value is none."""
    return [
        {"number": layer.conv_number, "layer": layer.name, **row}
        for layer, row in zip(VGG19.conv_layers, values, strict=True)
        if np.isfinite(next(iter(row.values())))
    ]


def layer_plot(
    rows: list[dict[str, Any]], field: str, title: str, number_format: str
) -> dict[str, Any]:
    """Return the Vega-Lite specification of a chart with one bar per conv layer."""
    labels = {"labelAngle": 0, "values": [1, 3, 5, 9, 13, 16]}
    axis = {"format": number_format, "tickCount": 5}
    values = [row[field] for row in rows]
    details = {"correlated_map": "Most similar map", "inactive": "Inactive maps"}
    # With a domain, since Streamlit adds the rows later, and Vega warns of an infinite extent.
    scale = {"domain": [min(0, *values), max(0, *values)], "nice": True}
    y = {"field": field, "type": "quantitative", "title": None, "axis": axis}
    return {
        "height": HEIGHT,
        "description": f"{title}, layer by layer",
        "data": {"values": rows},
        "mark": {"type": "bar", "cornerRadiusEnd": 2},
        "encoding": {
            "x": {"field": "number", "type": "ordinal", "title": "conv layer", "axis": labels},
            "y": {**y, "scale": scale, "stack": None},
            "tooltip": [
                {"field": "layer", "title": "Layer"},
                {"field": field, "title": title, "format": number_format},
                *({"field": key, "title": details[key]} for key in details if key in rows[0]),
            ],
        },
    }


class LinePoint(NamedTuple):
    """A point of a line in a chart."""

    x: float
    curve: str  # name of the line
    y: float
    value: float  # in the tooltip


def line_plot(
    points: Sequence[LinePoint],
    x_title: str,
    x_domain: tuple[float, float],
    y_title: str,
    marked: float | None = None,
) -> dict[str, Any]:
    """Return the Vega-Lite specification of a chart of lines, with a dashed line at ``marked``."""
    points = [point for point in points if np.isfinite(point.y)]  # JSON has no other numbers
    names = list(dict.fromkeys(point.curve for point in points))
    heights = [0, *(point.y for point in points)]
    x = {"type": "quantitative", "scale": {"domain": x_domain, "nice": False}}
    y = {"type": "quantitative", "scale": {"domain": [min(heights), max(heights)], "nice": True}}
    # Many lines are in an order, such as that of the layers.
    scheme = "viridis" if len(names) > MOST_COLORS else "tableau10"
    legend = {"columns": 1 + len(names) // 9, "symbolLimit": 0, "rowPadding": 4}
    color = {"field": "curve", "sort": names, "title": None, "scale": {"scheme": scheme}}
    shown = {"curve": "Curve", "x": x_title, "shown": "Value"}
    rows = [{**point._asdict(), "shown": figure(point.value)} for point in points]
    lines = {
        "data": {"values": rows},
        "mark": {"type": "line", "point": len(points) <= MOST_POINTS},
        "encoding": {
            "x": {**x, "field": "x", "title": x_title},
            "y": {**y, "field": "y", "title": y_title},
            "color": {**color, "legend": legend},
            "tooltip": [{"field": field, "title": title} for field, title in shown.items()],
        },
    }
    rule = {
        "data": {"values": [{"x": marked}]},
        "mark": {"type": "rule", "strokeDash": [4, 4], "color": "#888"},  # light and dark
        "encoding": {"x": {**x, "field": "x"}},
    }
    # Without a line there is no layer: an empty one would be an image without a name.
    layers = [lines] if marked is None else [lines, rule]
    return {"height": LINES_HEIGHT, "description": f"{y_title} by {x_title}", "layer": layers}
