"""A made picture pasted into the visitor's own: the map lights up there, with the value claimed."""

from dataclasses import replace

import streamlit as st

from vgg_viz.export.mosaic import png
from vgg_viz.export.number_format import figure
from vgg_viz.image_io.images import digest
from vgg_viz.image_io.input_image import InputImage
from vgg_viz.interpretability.decomposition import receptive_fields
from vgg_viz.interpretability.feature_visualization.optimization import pasted
from vgg_viz.serving.optimization_worker import OptimizationSpec, Snapshot
from vgg_viz.ui.parts import inspector
from vgg_viz.ui.parts.layer_maps import LayerMaps
from vgg_viz.ui.state import mode, selection
from vgg_viz.ui.state.selection import Position, Selection
from vgg_viz.ui.state.shared_instance import shared
from vgg_viz.ui.widgets import controls, grid, text_blocks

NAME = "pasted"


def show(maps: LayerMaps, subject: OptimizationSpec) -> None:
    """Show the picture with that of the chosen channel in it, once that is made."""
    chosen = selection.current()
    if chosen is None:
        text_blocks.note("Choose a channel, whose picture is then pasted into yours.")
        return
    made = shared().maker.there(subject, [chosen.channel]).pictures.get(chosen.channel)
    if made is None or not made.finished:
        text_blocks.note("Once the chosen channel’s picture is finished, it is pasted into yours.")
        return
    show_both(maps, chosen.channel, made)


def show_both(maps: LayerMaps, channel: int, made: Snapshot) -> None:
    """Show the picture with the made one in it, and the channel's map of both together."""
    title = text_blocks.escape(maps.picture.title)
    st.subheader(f"Pasted into {title}")
    with st.container(key="pasted-room"):
        about, seen = st.columns(2, gap="medium")
    with about:
        text_blocks.prose(
            "The made picture lies on the photograph where you **point and click**, so that its "
            "middle is what the position sees. The network knows nothing of how it was made: if "
            "the claim is right, the map lights up there, with that value."
        )
        position = choose_position(maps)
    both = replace(maps, picture=with_made(maps, made, position))
    with seen:
        inspector.show(both, Selection(channel, position), grid.OWN_SCALE, NAME)
    with about:
        value = float(both.map(channel)[position])
        before = float(maps.map(channel)[position])
        st.markdown(
            f"The network's value there: **{figure(value)}**, without the made picture "
            f"{figure(before)}. The value claimed: **{figure(made.value)}**. "
            + difference(maps, made, position)
        )


def choose_position(maps: LayerMaps) -> Position:
    """Show the fields of the position, but in a lecture; the middle where none is chosen."""
    height, width, _ = maps.layer.output_shape
    if not mode.in_lecture():
        with st.container(key="pasted-fields", horizontal=True):
            controls.number("Row", selection.ROW, height)
            controls.number("Column", selection.COLUMN, width)
    chosen = selection.current()
    return chosen.position if chosen and chosen.position else (height // 2, width // 2)


def with_made(maps: LayerMaps, made: Snapshot, position: Position) -> InputImage:
    """The photograph with the made picture in it."""
    pixels = pasted(maps.picture.pixels, made.pixels, maps.layer, *position)
    photograph = maps.picture
    return InputImage(
        f"{photograph.title} with a made picture",
        f"{photograph.alt}; on it the made picture",
        pixels,
        png(pixels),
        digest(pixels),
        photograph.fit,
        photograph.notes,
    )


def difference(maps: LayerMaps, made: Snapshot, position: Position) -> str:
    """Why the value is another one than claimed, where it may be."""
    layer, side = maps.layer, len(made.pixels)
    if side < layer.receptive_field:
        return (
            f"Around the made picture of {side} × {side} pixels the position sees the photograph, "
            "which was not there when it was made: the two may differ."
        )
    fields = [receptive_fields(layer)[index] for index in position]
    if any(start < 0 or stop > len(maps.picture.pixels) for start, stop in fields):
        return (
            "The position sees beyond the photograph's border, where there is nothing of the "
            "made picture: the two may differ."
        )
    return ""
