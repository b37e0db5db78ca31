"""Occlusion: how a layer's maps change when a square of the image is covered, place by place.

Zeiler and Fergus (2013), https://arxiv.org/abs/1311.2901. Only what a square can reach is computed
again; around it, each layer's input is that of the whole image.
"""

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import numpy as np

from vgg_viz.interpretability.attribution.attribution_pass import correlation
from vgg_viz.interpretability.class_evidence import evidence
from vgg_viz.interpretability.experiments.changes import COVER, ChosenChange, Place
from vgg_viz.interpretability.experiments.image_changes import change_pixels
from vgg_viz.interpretability.receptive_field import (
    Area,
    Interval,
    LayerOperations,
    affected_stages,
    padded_input,
    surrounding_input,
    whole_area,
)
from vgg_viz.model.architecture import ConvLayer
from vgg_viz.model.dense_layers import DenseWeights
from vgg_viz.model.network import Network, tf

PLACES = 14  # per side
BATCH = 28  # of copies of the last conv layer's maps, 400 kB each
SQUARE = 32  # pixels per side: twice the distance of two places


@dataclass(frozen=True)
class Occlusion:
    """Drops of one layer's maps when a square is covered, by the square's row and column."""

    mean: np.ndarray  # drop of each map's mean, float64 `(14, 14, maps)`
    value: np.ndarray  # drop of each map's value at one position, float32 `(14, 14, maps)`


def occlusion(
    network: Network, pixels: np.ndarray, layer: ConvLayer, position: tuple[int, int]
) -> Generator[float, None, Occlusion]:
    """Cover a square of mean color at each of 14 × 14 places; measure the drops of a layer's maps.

    ``position`` is the row and column of the values. Yields the fraction done after each place.
    """
    maps = dict(network.layer_maps(pixels, layer.block))
    unoccluded = maps[layer.name]
    row, column = position
    means, values = [], []
    for place in places(network.architecture.input_side):
        area, changed = occluded_maps(network, pixels, layer, maps, place)
        drop = unoccluded[:, slice(*area.rows), slice(*area.columns)] - changed
        means.append(drop.sum(axis=(1, 2), dtype=np.float64) / unoccluded[0].size)
        inside = row - area.rows.start, column - area.columns.start
        is_reached = 0 <= inside[0] < drop.shape[1] and 0 <= inside[1] < drop.shape[2]
        values.append(drop[:, *inside] if is_reached else np.zeros(len(drop), np.float32))
        yield len(means) / PLACES**2
    shape = (PLACES, PLACES, layer.filters)
    return Occlusion(np.reshape(means, shape), np.reshape(values, shape))


def class_occlusion(
    network: Network, dense: DenseWeights | Any, pixels: np.ndarray
) -> Generator[float, None, np.ndarray]:
    """Compute how much each logit drops when a square is covered, float32 ``(14, 14, classes)``."""
    layer = network.architecture.block_ends[-1]
    maps, found = dict(network.layer_maps(pixels, layer.block)), list[np.ndarray]()
    every = places(network.architecture.input_side)
    for start in range(0, len(every), BATCH):
        # With the unoccluded maps: products of other sizes may round differently.
        copies = [maps[layer.name]]
        for place in every[start : start + BATCH]:
            area, changed = occluded_maps(network, pixels, layer, maps, place)
            copies.append(maps[layer.name].copy())
            copies[-1][:, slice(*area.rows), slice(*area.columns)] = changed
            yield (start + len(copies) - 1) / len(every)
        logits = evidence.logits_of(dense, np.stack(copies))
        found.append(logits[0] - logits[1:])
    return np.concatenate(found).reshape(PLACES, PLACES, -1)


def places(side: int) -> list[tuple[int, int]]:
    """Return the centers of the squares, row by row, in pixels."""
    centers = [int((index + 0.5) * side / PLACES) for index in range(PLACES)]
    return [(row, column) for row in centers for column in centers]


def square(place: tuple[int, int], side: int) -> Area:
    """Return the pixels of the square around a center, as far as they lie in the image."""
    half, whole = SQUARE // 2, Interval(0, side)
    return Area(*(Interval(center - half, center + half).within(whole) for center in place))


def occluded_maps(
    network: Network,
    pixels: np.ndarray,
    layer: ConvLayer,
    maps: dict[str, np.ndarray],
    place: tuple[int, int],
) -> tuple[Area, np.ndarray]:
    """Compute the part of a layer's maps that a covered square can reach, and its area.

    ``maps`` are the image's, of the layer and of those before it.
    """
    cover = ChosenChange(COVER, SQUARE, Place(*place, "mean"))
    source = square(place, len(pixels))
    rows, columns = (slice(*side) for side in source)
    layers = network.architecture.spatial_layers[: layer.index]
    whole = {each: whole_area(each) for each in layers}
    x = tf.constant(np.moveaxis(network.input(change_pixels(pixels, cover)[rows, columns]), 0, -1))
    x, operations = x[None], LayerOperations(network)
    for stage in affected_stages(source, whole):
        before = network.architecture.layers[stage.layer.index - 1]
        padded = padded_input(stage, x, surrounding_input(stage, maps[before.name]))
        x, source = operations.forward(stage, padded), stage.output_area
    return source, np.moveaxis(x[0].numpy(), -1, 0)


def square_sums(values: np.ndarray, area: Area, side: int) -> np.ndarray:
    """Sum attributions to the pixels of an area within each square, float64 ``(14, 14)``."""
    whole = np.zeros((side, side))
    whole[slice(*area.rows), slice(*area.columns)] = values
    squares = (square(place, side) for place in places(side))
    sums = [whole[slice(*one.rows), slice(*one.columns)].sum() for one in squares]
    return np.reshape(sums, (PLACES, PLACES))


def rank_correlation(first: np.ndarray, second: np.ndarray) -> float | None:
    """Compute Spearman's rank correlation of two arrays; None if either is constant.

    >>> rank_correlation(np.array([1, 2, 3, 9]), np.array([5, 6, 7, 8]))
    1.0
    """
    return correlation(*(average_ranks(values.ravel()) for values in (first, second)))


def average_ranks(values: np.ndarray) -> np.ndarray:
    """Return the rank of each value, from 1; equal values share the mean of their ranks."""
    _, index, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return (ends - (counts - 1) / 2)[index]
