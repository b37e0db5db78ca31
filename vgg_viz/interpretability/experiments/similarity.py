"""Similarity of the channel vectors at different positions, of one image or of several."""

from collections.abc import Generator, Sequence

import numpy as np

from vgg_viz.model.architecture import ConvLayer
from vgg_viz.model.network import Network


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
