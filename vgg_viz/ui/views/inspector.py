"""The inspector: one map of a layer, its numbers, and what each position sees of the picture."""

import streamlit as st

from vgg_viz import inspection
from vgg_viz.architecture import Layer
from vgg_viz.mosaic import colour_levels
from vgg_viz.ui import components, selection
from vgg_viz.ui.controls import Appearance
from vgg_viz.ui.results import measure_maps, span_of
from vgg_viz.ui.scenes import Scene
from vgg_viz.ui.selection import Position


def choose(layer: Layer) -> tuple[int, Position | None] | None:
    """Show the number fields; return the chosen map, from 1, and position, from 0, if there are."""
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
    return channel, (row - 1, column - 1) if row and column else None


def show(
    scene: Scene,
    channel: int,
    position: Position | None,
    appearance: Appearance,
    name: str = "inspector",
) -> None:
    """Show a map of a scene; ``name`` is the component's key on the page."""
    layer = scene.layer
    st.markdown(numbers(scene.statistics(), channel))
    payload = describe(scene, channel, position, appearance)
    components.mount("inspector", name, payload, selection.pick_position(name, layer))
    st.button(
        f"Its filter: {channel} of {layer.name}",
        icon=":material/grid_on:",
        key=f"{name}-to-filter",
        on_click=selection.open_filter,
        args=(channel,),
    )


def numbers(measured: inspection.Statistics, channel: int) -> str:
    """A map's numbers and its ranks in the layer."""
    index = channel - 1
    by_mean, by_maximum = inspection.ranks(measured.mean), inspection.ranks(measured.maximum)
    return (
        f"**Map {channel}**: from {measured.minimum[index]:.4g} to {measured.maximum[index]:.4g}, "
        f"mean {measured.mean[index]:.4g}, active at {measured.active[index]:.1%} of positions. Of "
        f"{len(measured.mean)} maps it is number **{by_mean[index]}** by mean and number "
        f"**{by_maximum[index]}** by maximum."
    )


def describe(
    scene: Scene, channel: int, position: Position | None, appearance: Appearance
) -> bytes:
    """Everything that the inspector's component draws."""
    layer = scene.layer
    values = scene.map(channel)
    shared = span_of(scene.statistics()) if appearance.scale == "layer" else measure_maps(values)
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
    return components.pack(header, values.tobytes(), colours.tobytes(), scene.picture.png)
