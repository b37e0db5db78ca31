"""An optimized image pasted into the viewer's picture, to check the channel's value there."""

from dataclasses import replace

import streamlit as st

from vgg_viz.export.number_format import figure
from vgg_viz.interpretability.experiments.image_changes import with_pixels
from vgg_viz.interpretability.feature_visualization.optimization import (
    OptimizationSpec,
    OptimizedImage,
    paste_image,
)
from vgg_viz.interpretability.receptive_field import receptive_fields
from vgg_viz.ui.parts import inspector
from vgg_viz.ui.parts.layer_maps import LayerMaps
from vgg_viz.ui.state import mode, selection
from vgg_viz.ui.state.selection import Position, Selection
from vgg_viz.ui.state.shared_instance import shared
from vgg_viz.ui.widgets import controls, grid, text_blocks

NAME = "pasted"


def show(maps: LayerMaps, spec: OptimizationSpec) -> None:
    """Show the viewer's picture with the chosen channel's finished image pasted in, or a note."""
    chosen = selection.current()
    if chosen is None:
        text_blocks.note("Choose a channel to paste its optimized image into your picture.")
        return
    progress = shared().optimization_worker.progress(spec, [chosen.channel])
    if progress.missing or not progress.images:
        text_blocks.note("The chosen channel's image is pasted once it is finished.")
        return
    show_pasted(maps, chosen.channel, progress.images[chosen.channel])


def show_pasted(maps: LayerMaps, channel: int, image: OptimizedImage) -> None:
    """Show the picture with a channel's image in it, and the channel's value with and without."""
    st.subheader(f"Pasted into {text_blocks.escape(maps.picture.title)}")
    with st.container(key="pasted-room"):
        left, right = st.columns(2, gap="medium")
    with left:
        text_blocks.prose(
            "**Click** a position to paste the optimized image there, centered on its receptive "
            "field. The map should then reach the image's value at that position."
        )
        position = choose_position(maps)
    pixels = paste_image(maps.picture.pixels, image.pixels, maps.layer, *position)
    picture = with_pixels(maps.picture, pixels, "with an optimized image pasted into it")
    with_image = replace(maps, picture=picture)
    with right:
        inspector.show(
            with_image, Selection(channel, position), grid.OWN_SCALE, NAME, explains=False
        )
    with left:
        value = float(with_image.map(channel)[position])
        before = float(maps.map(channel)[position])
        st.markdown(
            f"Value at this position: **{figure(value)}**, without the optimized image "
            f"{figure(before)}. Value of the optimized image: **{figure(image.value)}**. "
            + difference_note(maps, image, position)
        )


def choose_position(maps: LayerMaps) -> Position:
    """Return the position to paste at, by default the center; outside lectures, show its fields."""
    height, width, _ = maps.layer.output_shape
    if not mode.in_lecture():
        with st.container(key="pasted-fields", horizontal=True, vertical_alignment="bottom"):
            controls.number("Row", selection.ROW, height)
            controls.number("Column", selection.COLUMN, width)
    chosen = selection.current()
    return chosen.position if chosen and chosen.position else (height // 2, width // 2)


def difference_note(maps: LayerMaps, image: OptimizedImage, position: Position) -> str:
    """Return why the values with and without the picture may differ; empty if they should not."""
    layer, side = maps.layer, len(image.pixels)
    if side < layer.receptive_field:
        return (
            f"The optimized image has only {side} × {side} pixels. The rest of the receptive "
            "field shows your picture instead of the mean color, so the values may differ."
        )
    fields = [receptive_fields(layer)[index] for index in position]
    if any(start < 0 or stop > len(maps.picture.pixels) for start, stop in fields):
        return (
            "The receptive field extends beyond the picture's border, which cuts off the "
            "optimized image, so the values may differ."
        )
    return ""
