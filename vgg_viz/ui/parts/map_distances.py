"""Distance by layer of two images' or networks' maps, and similarity by layer of two networks."""

from collections.abc import Hashable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import streamlit as st

from vgg_viz.interpretability.experiments.map_distance import MapDistance, distances_by_layer
from vgg_viz.interpretability.experiments.network_similarity import (
    ENOUGH_IMAGES,
    ChannelMeans,
    LayerSimilarity,
    channel_means,
    similarities,
)
from vgg_viz.model.architecture import VGG19
from vgg_viz.model.network import Network
from vgg_viz.serving.results import Results
from vgg_viz.ui.parts import charts, heatmap
from vgg_viz.ui.parts.available_images import AvailableImage, all_images
from vgg_viz.ui.parts.layer_maps import LayerMaps
from vgg_viz.ui.widgets import export_menu, layer_bars, picture_chooser, text_blocks

NAME = "map-distance"
FORMULA = (
    "At each position: 2 (1 − cosine) of the two channel vectors, from 0 (alike) to 2. This is the "
    "formula of LPIPS **without its learned weights**, on VGG19 "
    "([Zhang et al. 2018](https://arxiv.org/abs/1801.03924)). **Click a bar** to open its layer."
)
MEASURE = (
    "**Similarity by layer**: unbiased CKA "
    "([Nguyen et al. 2021](https://arxiv.org/abs/2010.15327)) of the two networks, each channel "
    "averaged over its map. 1: equal up to rotation and scale. About 0: unrelated."
)


def show(maps: LayerMaps, other: LayerMaps | None) -> None:
    """Show the distance of each layer's maps from the other half's, or the unchanged image's.

    Of two networks, also show the similarity of each layer over several images.
    """
    unchanged = picture_chooser.unchanged_of(maps.picture)
    other = other or replace(maps, picture=unchanged)
    if maps.key == other.key:
        text_blocks.note(
            "Choose a change of the image, or something to compare with, in the sidebar."
        )
        return
    found = distances(maps, other)
    left, right = st.columns(2, gap="medium")
    with left:
        show_map(maps, other, found[maps.layer.conv_number - 1])
    with right:
        st.markdown(FORMULA)
        layer_bars.show("distance-of-layers", "Mean distance", [one.mean for one in found])
        offer_table(NAME, maps.picture.title, found)
    if maps.network.weights.identity != other.network.weights.identity:
        show_similarity(maps.results, maps.network, other.network)


def distances(maps: LayerMaps, other: LayerMaps) -> Sequence[MapDistance]:
    """Return the distances of all conv layers' maps, computed on first use and then cached."""
    network, pixels = maps.network, maps.picture.pixels
    return maps.results.cached_in_slices(
        key_of(maps, other),
        lambda: distances_by_layer(network, pixels, other.network, other.picture.pixels),
    )


def distances_soon(maps: LayerMaps, other: LayerMaps) -> Sequence[MapDistance] | None:
    """Return the distances of all conv layers; None while a background thread computes them."""
    return maps.results.soon(
        key_of(maps, other), lambda results: distances(replace(maps, results=results), other)
    )


def key_of(maps: LayerMaps, other: LayerMaps) -> Hashable:
    """Return the cache key of the distances of two images' or networks' maps."""
    return ("map distances", maps.subject_key, other.subject_key)


def plot(found: Sequence[MapDistance], number_format: str = ".2~r") -> dict[str, Any] | None:
    """Return the specification of a chart of mean distances; None if none is defined."""
    rows = charts.layer_rows({"distance": one.mean} for one in found)
    return charts.layer_plot(rows, "distance", "Mean distance", number_format) if rows else None


def offer_table(name: str, title: str, found: Sequence[MapDistance]) -> None:
    """Show a button that saves the mean distances of all layers as a CSV file."""
    columns: dict[str, Sequence[object]] = {
        "layer": [layer.name for layer in VGG19.conv_layers],
        "mean_distance": [one.mean for one in found],
        "undefined_share": [one.undefined_share for one in found],
    }
    export_menu.offer_table(name, f"Distance by layer {title}", lambda: columns)


def show_map(maps: LayerMaps, other: LayerMaps, distance: MapDistance) -> None:
    """Show the distance at each position of the page's layer as a heatmap on the photograph."""
    share = distance.undefined_share
    undefined = f" · undefined at {share:.1%} of positions, inactive in both" if share else ""
    st.markdown(f"**{maps.layer.name}**: mean distance {distance.mean:.3f}")
    compared = f"{maps.subject} · distance from {other.subject}"
    caption = f"{maps.layer.title} · {compared}{undefined}"
    values = np.nan_to_num(distance.distances)
    if not values.any():
        st.caption(text_blocks.escape_marks(caption))
        text_blocks.note("The maps are equal in this layer.")
        return
    heatmap.show(maps, values, maps.layer.name, (NAME, other.key), caption, "Distance in")


def show_similarity(results: Results, first: Network, second: Network) -> None:
    """Show the similarity of each conv layer in two networks, and its value by chance."""
    images = all_images()[-ENOUGH_IMAGES:]  # the viewer's own come last
    st.markdown(MEASURE)
    found = results.cached(
        ("similarities", first.identity, second.identity, *(one.digest for one in images)),
        lambda: similarities(
            *([means_of(results, one, image) for image in images] for one in (first, second))
        ),
    )
    chance = [f"Shuffled, at most: {one.by_chance:.2f}" for one in found]
    values = [one.cka for one in found]
    layer_bars.show("similarity-of-layers", "Unbiased CKA", values, details=chance)
    st.caption(similarity_caption(found, len(images)))


def means_of(results: Results, network: Network, image: AvailableImage) -> ChannelMeans:
    """Return the means of a network's channels for an image, computed on first use."""
    return results.cached_in_slices(
        ("channel means", network.identity, image.digest),
        lambda: channel_means(network, image.pixels),
        long=True,
    )


def similarity_caption(found: list[LayerSimilarity], count: int) -> str:
    """Return the caption: the images, the similarity by chance, and how many images are missing."""
    chance = [one.by_chance for one in found if np.isfinite(one.by_chance)]
    parts = [f"Over {count} images: the samples and your own"]
    if chance:
        parts.append(f"shuffled pairs of images give at most {max(chance):.2f}")
    if count < ENOUGH_IMAGES:
        missing = ENOUGH_IMAGES - count
        parts.append(f"rough, since {missing} of {ENOUGH_IMAGES} images are missing: add yours")
    return " · ".join(parts)
