"""Charts: a layer's values, and what becomes of a picture over all 16 layers."""

from typing import Any

import numpy as np
import streamlit as st

from vgg_viz.export.number_format import figure
from vgg_viz.interpretability.map_statistics import Profile, histogram
from vgg_viz.model.architecture import VGG19
from vgg_viz.ui.parts.layer_maps import LayerMaps
from vgg_viz.ui.widgets import text_blocks

HEIGHT = 190  # pixels

# The three plots: a field of each layer's row, its title, its unit and how its numbers are written.
PLOTS = (
    ("active", "Active positions", "share above zero", "%"),
    ("field", "Receptive field", "pixels a side", "d"),
    ("likeness", "Still recognizable", "largest correlation", ".2f"),
)


def show_layer(maps: LayerMaps) -> None:
    """Show the layer's histogram, for those who open it."""
    title = f"The values of {maps.layer.name} in numbers"
    with st.expander(title, key="numbers", on_change="rerun") as opened:
        if opened.open:
            show_histogram(maps)


def show_histogram(maps: LayerMaps) -> None:
    """Show how many of a layer's values, of all its maps together, are how large."""
    measured = maps.statistics()
    key = ("histogram", *maps.key)
    counts, edges = maps.results.cached(key, lambda: layer_histogram(maps.values()))
    total = int(counts.sum())
    zeros = total * (1 - measured.active.mean())
    st.markdown(
        f"**{total:,} values**, {zeros / total:.0%} of them zero after ReLU. "
        f"{measured.silent} of {maps.layer.filters} maps are silent on this picture: nowhere "
        f"above zero. The largest value is {figure(measured.maximum.max())}."
    )
    rows = [
        {"from": float(low), "to": float(high), "values": int(count)}
        for low, high, count in zip(edges, edges[1:], counts, strict=False)
    ]
    st.vega_lite_chart(histogram_plot(rows), width="stretch")
    st.caption(
        f"{maps.layer.title} · {maps.subject} · after ReLU, zero and above; the bars' scale is "
        "logarithmic, so that rare values show"
    )


def layer_histogram(maps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The histogram of all maps together."""
    return histogram(maps.reshape(1, -1))


def histogram_plot(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """A bar a step of values."""
    return {
        "height": HEIGHT,
        "description": "How many values of the layer are how large",
        "data": {"values": rows},
        "mark": {"type": "bar", "tooltip": True, "binSpacing": 1},
        "encoding": {
            "x": {
                "field": "from",
                "type": "quantitative",
                "bin": {"binned": True},
                "title": "value",
            },
            "x2": {"field": "to"},
            "y": {
                "field": "values",
                "type": "quantitative",
                "scale": {"type": "symlog"},
                "title": "how many",
                "axis": {
                    "values": [0, *(10**power for power in range(1, 8))],
                    "format": ",d",
                    "labelOverlap": False,
                },
            },
        },
    }


def show_profiles(maps: LayerMaps) -> None:
    """Show what becomes of the picture from layer to layer, in three plots."""
    profiles = maps.results.overview(maps.network, maps.picture).profiles
    rows = [
        row(number, layer.name, layer.receptive_field, profile)
        for number, (layer, profile) in enumerate(
            zip(VGG19.conv_layers, profiles, strict=True), start=1
        )
    ]
    for column, (field, title, unit, number_format) in zip(
        st.columns(len(PLOTS)), PLOTS, strict=True
    ):
        with column:
            st.markdown(f"**{title}**, {unit}")
            st.vega_lite_chart(layer_plot(rows, field, title, number_format), width="stretch")
    first, last = profiles[0], profiles[-1]
    caption = text_blocks.caption(
        f"All 16 conv layers · {maps.subject} · *Still recognizable* is the largest correlation "
        f"of a map with the photograph's brightness, both at the map's size: {first.likeness:.2f} "
        f"in {VGG19.conv_layers[0].name} (map {first.likest}), {last.likeness:.2f} in "
        f"{VGG19.conv_layers[-1].name} (map {last.likest})",
        f"{maps.network.label} · {maps.picture.title} · all 16 conv layers",
    )
    st.caption(caption)


def row(number: int, name: str, field: int, profile: Profile) -> dict[str, Any]:
    """A layer's numbers as the plots take them."""
    return {
        "number": number,
        "layer": name,
        "active": profile.active,
        "field": field,
        "likeness": profile.likeness,
        "map": profile.likest,
        "silent": profile.silent,
    }


def layer_plot(
    rows: list[dict[str, Any]], field: str, title: str, number_format: str
) -> dict[str, Any]:
    """A bar a layer."""
    number_format = ".0%" if number_format == "%" else number_format
    return {
        "height": HEIGHT,
        "description": f"{title}, layer by layer",
        "data": {"values": rows},
        "mark": {"type": "bar", "cornerRadiusEnd": 2},
        "encoding": {
            "x": {
                "field": "number",
                "type": "ordinal",
                "title": "conv layer",
                "axis": {"labelAngle": 0, "values": [1, 3, 5, 9, 13, 16]},
            },
            "y": {
                "field": field,
                "type": "quantitative",
                "title": None,
                "axis": {"format": number_format, "tickCount": 5},
            },
            "tooltip": [
                {"field": "layer", "title": "Layer"},
                {"field": field, "title": title, "format": number_format},
                {"field": "map", "title": "Map that is most like the picture"},
                {"field": "silent", "title": "Silent maps"},
            ],
        },
    }
