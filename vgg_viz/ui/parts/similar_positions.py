"""Similar positions: where a layer's channel vector resembles that of the chosen position."""

from collections.abc import Sequence
from functools import partial

import numpy as np
import streamlit as st

from vgg_viz.interpretability.experiments.map_distance import cosines, cosines_in_images
from vgg_viz.interpretability.feature_visualization.top_patches import TopPatch, crop_patch
from vgg_viz.ui.parts import available_images, heatmap, patch_grids
from vgg_viz.ui.parts.available_images import AvailableImage
from vgg_viz.ui.parts.layer_maps import LayerMaps
from vgg_viz.ui.state import selection
from vgg_viz.ui.state.selection import Position
from vgg_viz.ui.widgets import export_menu, grid, text_blocks
from vgg_viz.ui.widgets.color_grid import ColorGrid

HERE, ELSEWHERE = "similar-here", "similar-elsewhere"
TEXT = (
    "The **cosine** of the channel vectors at two positions. It is 1 where the layer computes the "
    "same values, up to a factor; 0 where no map is active at both."
)


def show(maps: LayerMaps) -> None:
    """Show where in this and in the other images the layer sees what it sees at a position."""
    chosen = selection.current()
    if chosen is None or chosen.position is None:
        text_blocks.note("Click a map, then a position in it, to find similar positions.")
        return
    vector = maps.values()[:, *chosen.position]
    if not vector.any():
        text_blocks.note("No map is active at this position. Choose another one.")
        return
    left, right = st.columns(2, gap="medium")
    with left:
        st.markdown("**In this image**")
        here, key = cosines(maps.values(), vector), (HERE, chosen.position)
        title, about = maps.picture.title, caption(maps, chosen.position)
        heatmap.show(maps, here, title, key, about, "Similar positions in", 1)
    with right:
        st.markdown("**Best match in each other image**")
        show_elsewhere(maps, vector, chosen.position)
    text_blocks.prose(TEXT)


def show_elsewhere(maps: LayerMaps, vector: np.ndarray, position: Position) -> None:
    """Show the patch of the most similar position of each other image, the most similar first."""
    images = [one for one in available_images.all_images() if one.digest != maps.picture.digest]
    spots = best_matches(maps, vector, position, images)
    layer = maps.layer
    tiles = ColorGrid(
        lambda: [
            crop_patch(images[spot.image].pixels, layer, spot.row, spot.column) for spot in spots
        ],
        [f"{spot.value:.2f} · {images[spot.image].title}" for spot in spots],
        range(1, len(spots) + 1),
        ("similar elsewhere", *maps.key, position, tuple(one.digest for one in images)),
        caption(maps, position),
        name=ELSEWHERE,
        axes={"image_number": range(1, len(spots) + 1)},
        columns=4,
        tooltips=[[f"row {spot.row + 1}, column {spot.column + 1}"] for spot in spots],
        figures={
            "image": [images[spot.image].title for spot in spots],
            "row": [spot.row + 1 for spot in spots],
            "column": [spot.column + 1 for spot in spots],
            "cosine": [spot.value for spot in spots],
        },
    )
    on_pick = partial(patch_grids.open_patch, images, spots, "first")
    grid.show(maps.results, tiles, grid.Placement(ELSEWHERE, on_pick, largest_tile=150))
    own = any(images[spot.image].own for spot in spots)
    title = f"Similar positions {maps.layer.name}"
    export_menu.offer(ELSEWHERE, title, lambda: [tiles], own_picture=own)


def best_matches(
    maps: LayerMaps, vector: np.ndarray, position: Position, images: Sequence[AvailableImage]
) -> list[TopPatch]:
    """Return the position with the largest cosine in each image, the largest first."""
    key = ("cosines", *maps.key, position, tuple(one.digest for one in images))
    found = maps.results.cached_in_slices(
        key,
        lambda: cosines_in_images(maps.network, maps.layer, vector, [one.pixels for one in images]),
    )
    spots = []
    for index, values in enumerate(found):
        row, column = divmod(int(values.argmax()), values.shape[1])
        spots.append(TopPatch(index, float(values[row, column]), row, column))
    return sorted(spots, key=lambda spot: -spot.value)


def caption(maps: LayerMaps, position: Position) -> str:
    """Return the caption of both grids: layer, network, image and position."""
    row, column = (part + 1 for part in position)
    return f"{maps.layer.title} · {maps.subject} · similar to row {row}, column {column}"
