"""Chart of a channel's responses to gratings, by orientation and width of the stripes."""

from typing import Any

import numpy as np
import streamlit as st

from vgg_viz.export.number_format import figure
from vgg_viz.interpretability.experiments.gratings import ORIENTATIONS, PERIODS, grating_responses
from vgg_viz.ui.parts.layer_maps import LayerMaps
from vgg_viz.ui.state import selection
from vgg_viz.ui.widgets import export_menu, text_blocks

HEIGHT = 320  # CSS pixels
TEXT = (
    "Gray stripes in the middle of the receptive field, without a photograph: 12 orientations, 8 "
    "widths. Two phases make one magnitude, so that it does not matter where the stripes lie. In "
    "block1_conv1 it is that of the kernel's **Fourier transform**."
)


def show(maps: LayerMaps) -> None:
    """Show how strongly the chosen channel responds to gratings."""
    chosen = selection.current()
    if chosen is None:
        text_blocks.note("Click a map to see how its channel responds to stripes.")
        return
    found = maps.results.cached_in_slices(
        ("gratings", maps.network.identity, maps.layer.name),
        lambda: grating_responses(maps.network, maps.layer),
        long=True,
    )
    responses = found[:, :, chosen.channel - 1]
    left, right = st.columns([3, 2], gap="medium")
    with left:
        st.vega_lite_chart(plot(responses), width="stretch")
        subject = f"{maps.layer.name} channel {chosen.channel}"
        export_menu.offer_table("gratings", f"Gratings {subject}", lambda: table(responses))
    with right:
        text_blocks.prose(TEXT)
        st.markdown(strongest(responses, chosen.channel))


def strongest(responses: np.ndarray, channel: int) -> str:
    """Return in words to which stripes a channel responds most."""
    row, column = np.unravel_index(int(responses.argmax()), responses.shape)
    return (
        f"Channel {channel} responds most to stripes turned by **{degrees(int(row))}°** with a "
        f"period of **{PERIODS[column]} pixels**: {figure(float(responses.max()))}."
    )


def degrees(orientation: int) -> int:
    """Return how far stripes are turned clockwise from vertical ones, in degrees."""
    return 180 * orientation // ORIENTATIONS


def table(responses: np.ndarray) -> dict[str, list[float]]:
    """Return the columns of the responses' CSV file, one row per grating."""
    rows, columns = np.indices(responses.shape).reshape(2, -1)
    return {
        "degrees": [degrees(int(row)) for row in rows],
        "period": [PERIODS[column] for column in columns],
        "response": responses.ravel().tolist(),
    }


def plot(responses: np.ndarray) -> dict[str, Any]:
    """Return the Vega-Lite specification of a heatmap of the responses."""
    columns = table(responses)
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    x = {
        "field": "period",
        "type": "ordinal",
        "title": "period in pixels",
        "axis": {"labelAngle": 0},
    }
    y = {"field": "degrees", "type": "ordinal", "title": "degrees from vertical stripes"}
    scale = {"scheme": "viridis", "domain": [0, float(responses.max()) or 1.0]}
    color = {"field": "response", "type": "quantitative", "scale": scale, "title": "response"}
    tooltip = [
        {"field": "degrees", "title": "Degrees"},
        {"field": "period", "title": "Period"},
        {"field": "response", "title": "Response", "format": ".4~g"},
    ]
    return {
        "height": HEIGHT,
        "description": "Responses to gratings by orientation and period",
        "data": {"values": rows},
        "mark": "rect",
        "encoding": {"x": x, "y": y, "color": color, "tooltip": tooltip},
    }
