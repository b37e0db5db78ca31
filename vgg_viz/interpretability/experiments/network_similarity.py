"""Similarity of two networks' layers over several images: unbiased CKA of their channels' means."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass

import numpy as np

from vgg_viz.interpretability.map_statistics import means
from vgg_viz.model.network import Network

ENOUGH_IMAGES = 20  # with fewer, the estimate varies much

# Mean of each channel of each conv layer for one image, float64 ``(channels,)`` each.
ChannelMeans = Sequence[np.ndarray]


@dataclass(frozen=True)
class LayerSimilarity:
    """Similarity of a layer in two networks, and the largest one by chance."""

    cka: float  # unbiased, see `unbiased_cka`; NaN if undefined
    by_chance: float  # largest of 20 values with one network's images in random order


def channel_means(network: Network, pixels: np.ndarray) -> Generator[float, None, ChannelMeans]:
    """Compute the mean of each channel of all conv layers for an image."""
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
    pairs = [tuple(map(np.stack, both)) for both in layers]
    return [LayerSimilarity(unbiased_cka(*one), float(shuffled_cka(*one).max())) for one in pairs]


def unbiased_cka(first: np.ndarray, second: np.ndarray) -> float:
    """Compute the similarity of two layers' outputs for the same images, ``(images, features)``.

    About 0 for independent features, 1 for features that agree up to rotation and scale. Linear
    centered kernel alignment, Kornblith et al. (2019), https://arxiv.org/abs/1905.00414, with the
    unbiased estimate of Song et al. (2012), https://jmlr.org/papers/v13/song12a.html, as Nguyen et
    al. (2021), https://arxiv.org/abs/2010.15327: the biased one is near 1 for few images.

    NaN if a layer's own estimate is not positive. It needs at least four images.
    """
    return _alignment(_similarities(first), _similarities(second))


def shuffled_cka(
    first: np.ndarray, second: np.ndarray, *, repeats: int = 20, seed: int = 0
) -> np.ndarray:
    """Compute CKA with the second layer's images in random orders: by chance, ``(repeats,)``."""
    similarities, others = _similarities(first), _similarities(second)
    random = np.random.default_rng(seed)
    orders = (random.permutation(len(others)) for _ in range(repeats))
    return np.array([_alignment(similarities, others[np.ix_(order, order)]) for order in orders])


def _similarities(features: np.ndarray) -> np.ndarray:
    """Compute the dot products of each image's features with another's, and 0 with its own."""
    # The estimate ignores the mean, whose products would only round others away.
    centered = features - features.mean(axis=0, dtype=np.float64)
    products: np.ndarray = centered @ centered.T
    np.fill_diagonal(products, 0)
    return products


def _alignment(first: np.ndarray, second: np.ndarray) -> float:
    own = _hsic(first, first), _hsic(second, second)
    return float(_hsic(first, second) / np.sqrt(np.prod(own))) if min(own) > 0 else float("nan")


def _hsic(first: np.ndarray, second: np.ndarray) -> float:
    """Estimate the Hilbert-Schmidt independence criterion, Song et al., equation 5."""
    n = len(first)
    total = np.sum(first * second)
    total += first.sum() * second.sum() / ((n - 1) * (n - 2))
    total -= 2 / (n - 2) * (first.sum(axis=0) @ second.sum(axis=0))
    return float(total / (n * (n - 3)))
