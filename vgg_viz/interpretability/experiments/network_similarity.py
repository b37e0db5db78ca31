"""Similarity of two networks' layers over several images: unbiased CKA of their channels' means."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass

import numpy as np

from vgg_viz.interpretability.map_statistics import means
from vgg_viz.model.network import Network
from vgg_viz.model.own_networks.fine_tuning import shuffled_cka, unbiased_cka

ENOUGH_IMAGES = 20  # with fewer, the estimate varies much

# Mean of each channel of each conv layer for one image, float64 ``(channels,)`` each.
ChannelMeans = Sequence[np.ndarray]


@dataclass(frozen=True)
class LayerSimilarity:
    """Similarity of a layer in two networks, and the largest one by chance."""

    cka: float  # unbiased, see `fine_tuning.unbiased_cka`; NaN if undefined
    by_chance: float  # largest of 20 values with one network's images in random order


def channel_means(network: Network, pixels: np.ndarray) -> Generator[float, None, ChannelMeans]:
    """Compute the mean of each channel of all conv layers for an image.

    Yields the fraction done after each layer.
    """
    found: list[np.ndarray] = []
    for maps in network.conv_maps(pixels):
        found.append(means(maps))
        yield len(found) / len(network.architecture.conv_layers)
    return found


def similarities(
    first: Sequence[ChannelMeans], second: Sequence[ChannelMeans]
) -> list[LayerSimilarity]:
    """Compute the similarity of each conv layer in two networks, given one entry per image each."""
    layers = zip(zip(*first, strict=True), zip(*second, strict=True), strict=True)
    return [_similarity(*map(np.stack, both)) for both in layers]


def _similarity(first: np.ndarray, second: np.ndarray) -> LayerSimilarity:
    """Compute the similarity of a layer's features in two networks, ``(images, channels)``."""
    shuffled = shuffled_cka(first, second)
    return LayerSimilarity(unbiased_cka(first, second), float(shuffled.max()))
