"""Similarity by layer: unbiased CKA of two networks over the images that the viewer can choose."""

import numpy as np
import streamlit as st

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
from vgg_viz.ui.parts import charts
from vgg_viz.ui.parts.available_images import AvailableImage, all_images
from vgg_viz.ui.widgets import text_blocks

MEASURE = (
    "**Similarity by layer**: unbiased CKA "
    "([Nguyen et al. 2021](https://arxiv.org/abs/2010.15327)) of the two networks, each channel "
    "averaged over its map. 1: equal up to rotation and scale. About 0: unrelated."
)


def show(results: Results, first: Network, second: Network) -> None:
    """Show the similarity of each conv layer in two networks, and its value by chance."""
    images = all_images()[-ENOUGH_IMAGES:]  # the viewer's own come last
    st.markdown(MEASURE)
    found = results.cached(
        ("similarities", first.identity, second.identity, *(one.digest for one in images)),
        lambda: similarities(
            *([means_of(results, one, image) for image in images] for one in (first, second))
        ),
    )
    charts.show_layers(rows(found), "similarity", "Unbiased CKA", ".2f")
    st.caption(caption(found, len(images)))


def means_of(results: Results, network: Network, image: AvailableImage) -> ChannelMeans:
    """Return the means of a network's channels for an image, computed on first use."""
    return results.cached_in_slices(
        ("channel means", network.identity, image.digest),
        lambda: channel_means(network, image.pixels),
        long=True,
    )


def rows(found: list[LayerSimilarity]) -> list[dict[str, object]]:
    """Return the data of the chart, one row per layer with a defined similarity."""
    return [
        {
            "number": layer.conv_number,
            "layer": layer.name,
            "similarity": one.cka,
            "by_chance": round(one.by_chance, 2),
        }
        for layer, one in zip(VGG19.conv_layers, found, strict=True)
        if np.isfinite(one.cka)
    ]


def caption(found: list[LayerSimilarity], count: int) -> str:
    """Return the caption: the images, the similarity by chance, and how many images are missing."""
    chance = [one.by_chance for one in found if np.isfinite(one.by_chance)]
    parts = [f"Over {count} images: the samples and your own"]
    if chance:
        parts.append(f"shuffled pairs of images give at most {max(chance):.2f}")
    if count < ENOUGH_IMAGES:
        missing = ENOUGH_IMAGES - count
        parts.append(f"rough, since {missing} of {ENOUGH_IMAGES} images are missing: add yours")
    return text_blocks.caption(" · ".join(parts), parts[0])
