"""Cosines of channel vectors: of one with those of all positions, or of two images' or networks'.

The formula of the distance is that of LPIPS without its learned weights: Zhang et al., "The
Unreasonable Effectiveness of Deep Features as a Perceptual Metric" (2018),
https://arxiv.org/abs/1801.03924.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass

import numpy as np

from vgg_viz.model.architecture import ConvLayer
from vgg_viz.model.network import Network


@dataclass(frozen=True)
class MapDistance:
    """Distance of a layer's maps at each position, 0 to 2, float64 ``(h, w)``.

    2 (1 - cosine) of the two channel vectors; 1 for an inactive vector (all zero) and an active
    one, NaN for two inactive ones.
    """

    distances: np.ndarray

    @property
    def mean(self) -> float:
        """Mean over the positions where the distance is defined; NaN if there are none."""
        defined = self.distances[~np.isnan(self.distances)]
        return float(defined.mean()) if defined.size else float("nan")

    @property
    def undefined_share(self) -> float:
        """Share of positions where both vectors are inactive, 0 to 1."""
        return float(np.isnan(self.distances).mean())


def map_distance(first: np.ndarray, second: np.ndarray) -> MapDistance:
    """Compute the distance of two layers' maps, both ``(channels, h, w)``, at each position.

    >>> one = np.array([[[3.0, 0.0, 1.0]], [[4.0, 0.0, 0.0]]])
    >>> other = np.array([[[6.0, 0.0, 0.0]], [[8.0, 0.0, 2.0]]])
    >>> map_distance(one, other).distances.tolist()
    [[0.0, nan, 2.0]]
    """
    first, second = _scaled(first), _scaled(second)
    products = _dot(first, second)
    # The root of the product, not the product of the roots: the cosine of equal vectors is 1.
    norms = np.sqrt(_dot(first, first) * _dot(second, second))
    active = first.any(axis=0), second.any(axis=0)
    cosines = np.full(norms.shape, 0.5)  # distance 1
    np.divide(products, norms, out=cosines, where=active[0] & active[1])
    distances = 2 - 2 * np.clip(cosines, -1, 1)
    distances[~(active[0] | active[1])] = np.nan
    return MapDistance(distances)


def _scaled(maps: np.ndarray) -> np.ndarray:
    """Divide by the largest absolute value, so that no square overflows or vanishes."""
    largest = np.abs(maps).max()
    return maps / largest if largest > 0 else maps


def _dot(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return np.einsum("chw,chw->hw", first, second).astype(np.float64)


def distances_by_layer(
    first: Network, pixels: np.ndarray, second: Network, other_pixels: np.ndarray
) -> Generator[float, None, list[MapDistance]]:
    """Compute the distance of all conv layers' maps, of one network and image from another's.

    Yields the fraction done after each layer, and between the two forward passes of a block.
    """
    found: list[MapDistance] = []
    others = second.conv_maps(other_pixels)
    for maps in first.conv_maps(pixels):
        yield len(found) / len(first.architecture.conv_layers)
        found.append(map_distance(maps, next(others)))
        yield len(found) / len(first.architecture.conv_layers)
    return found


def cosines(maps: np.ndarray, vector: np.ndarray) -> np.ndarray:
    """Compute the cosine of a vector with the channel vector at each position, float32 ``(h, w)``.

    Maps are ``(channels, h, w)``, the vector is ``(channels,)``. At inactive positions it is 0.

    >>> maps = np.array([[[3.0, 0.0, 1.0]], [[4.0, 0.0, 0.0]]])
    >>> cosines(maps, np.array([1.0, 0.0])).round(2).tolist()
    [[0.6000000238418579, 0.0, 1.0]]
    """
    products = np.tensordot(vector, maps, 1)
    norms = np.linalg.norm(vector) * np.sqrt(np.einsum("chw,chw->hw", maps, maps))
    cosine = np.zeros(maps.shape[1:], np.float32)
    np.divide(products, norms, out=cosine, where=norms > 0, casting="same_kind")
    return cosine


def cosines_in_images(
    network: Network, layer: ConvLayer, vector: np.ndarray, images: Sequence[np.ndarray]
) -> Generator[float, None, list[np.ndarray]]:
    """Compute the cosines at all positions of several images, RGB uint8 ``(224, 224, 3)``."""
    found: list[np.ndarray] = []
    for pixels in images:
        found.append(cosines(network.feature_maps(pixels, layer.name), vector))
        yield len(found) / len(images)
    return found
