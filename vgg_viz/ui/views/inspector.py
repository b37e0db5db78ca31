"""The inspector: one map of a layer, its numbers, and what each position sees of the picture."""

import numpy as np
import streamlit as st

from vgg_viz import inspection
from vgg_viz.architecture import Layer
from vgg_viz.mosaic import colour_levels
from vgg_viz.ui import components, selection
from vgg_viz.ui.controls import Appearance
from vgg_viz.ui.picture import Picture
from vgg_viz.ui.results import measure_maps
from vgg_viz.ui.selection import Position


def show(
    chosen: Picture,
    layer: Layer,
    maps: np.ndarray,
    appearance: Appearance,
) -> Position | None:
    """Show the chosen map of a layer; return the chosen position in it, from 0, if there is one."""
    height, width, filters = layer.output_shape
    with st.container(key="inspector-fields"):
        fields = st.columns(3)
        with fields[0]:
            channel = selection.field("Map", selection.CHANNEL, filters)
        if channel is None:
            st.caption("Click a map, or give its number, to look into it.")
            return None
        with fields[1]:
            row = selection.field("Row", selection.ROW, height)
        with fields[2]:
            column = selection.field("Column", selection.COLUMN, width)
    position = (row - 1, column - 1) if row and column else None
    st.markdown(numbers(maps, channel))
    payload = describe(chosen, layer, maps, channel, position, appearance)
    components.mount("inspector", "inspector", payload, selection.pick_position("inspector", layer))
    st.button(
        f"Its filter: {channel} of {layer.name}",
        icon=":material/grid_on:",
        key="to-filter",
        on_click=selection.open_filter,
        args=(channel,),
    )
    return position


def numbers(maps: np.ndarray, channel: int) -> str:
    """A map's numbers and its ranks in the layer."""
    measured = inspection.statistics(maps)
    index = channel - 1
    by_mean, by_maximum = inspection.ranks(measured.mean), inspection.ranks(measured.maximum)
    return (
        f"**Map {channel}**: from {measured.minimum[index]:.4g} to {measured.maximum[index]:.4g}, "
        f"mean {measured.mean[index]:.4g}, active at {measured.active[index]:.1%} of positions. Of "
        f" {len(maps)} maps it is number **{by_mean[index]}** by mean and number "
        f"**{by_maximum[index]}** by maximum."
    )


def describe(
    chosen: Picture,
    layer: Layer,
    maps: np.ndarray,
    channel: int,
    position: Position | None,
    appearance: Appearance,
) -> bytes:
    """Everything that the inspector's component draws."""
    values = np.ascontiguousarray(maps[channel - 1], "<f4")
    shared = measure_maps(maps if appearance.scale == "layer" else values)
    counts, edges = inspection.histogram(values)
    row, column = position or (None, None)
    colours = colour_levels(appearance.colour_map)
    header = {
        "levels": len(colours),
        "title": f"Map {channel} of {layer.name}",
        "channel": channel,
        "height": values.shape[0],
        "width": values.shape[1],
        "low": shared.low,
        "high": shared.high,
        "row": row,
        "column": column,
        "offset": layer.offset,
        "stride": layer.stride,
        "receptive_field": layer.receptive_field,
        "histogram": {"counts": counts.tolist(), "edges": edges.tolist()},
    }
    return components.pack(header, values.tobytes(), colours.tobytes(), chosen.png)
