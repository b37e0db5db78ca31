"""Distances and cosines of channel vectors, against loops written by hand."""

import math

import numpy as np
import pytest

from tests.support.maps import frozen, random_array
from tests.support.thin import THIN, Changed, RandomWeights, noise, outcome
from vgg_viz.interpretability.experiments.map_distance import (
    cosines,
    cosines_in_images,
    distances_by_layer,
    map_distance,
)
from vgg_viz.model.network import Network


def distance_of_vectors(first, second):
    norms = [math.sqrt(sum(float(x) ** 2 for x in vector)) for vector in (first, second)]
    if not any(norms):
        return math.nan
    if not all(norms):
        return 1.0
    products = sum(float(x) * float(y) for x, y in zip(first, second, strict=True))
    return 2 * (1 - products / (norms[0] * norms[1]))


@pytest.fixture
def pair():
    """Return the maps of two images, after ReLU, with inactive positions in either and both."""
    first, second = (np.maximum(random_array(7, 5, 4, seed=seed), 0) for seed in (1, 2))
    first[:, 0, 0] = second[:, 1, 1] = first[:, 2, 2] = second[:, 2, 2] = 0
    return frozen(first), frozen(second)


def test_distance_matches_a_loop_over_positions(pair):
    found = map_distance(*pair)
    expected = np.array(
        [
            [distance_of_vectors(*(maps[:, y, x] for maps in pair)) for x in range(4)]
            for y in range(5)
        ]
    )
    np.testing.assert_allclose(found.distances, expected, rtol=1e-6, atol=1e-6)
    assert (found.distances[0, 0], found.distances[1, 1]) == (1, 1)
    assert np.isnan(found.distances[2, 2])
    assert found.mean == pytest.approx(np.nanmean(expected))
    assert found.undefined_share == 1 / 20


@pytest.mark.parametrize("scale", [1, 3, 1e-30, 1e25])
def test_equal_maps_have_distance_0_whatever_their_scale(pair, scale):
    first = np.delete(pair[0], 0, axis=1)
    found = map_distance(first, first * np.float32(scale))
    assert np.nanmax(found.distances) <= (0 if scale == 1 else 1e-6)
    assert np.isnan(found.distances).sum() == 1


def test_orthogonal_and_opposite_vectors_and_inactive_layers():
    maps = np.array([[[1.0, 1.0]], [[0.0, 0.0]]])
    other = np.array([[[0.0, -2.0]], [[5.0, 0.0]]])
    assert map_distance(maps, other).distances.tolist() == [[2, 4]]
    inactive = map_distance(maps * 0, maps * 0)
    assert np.isnan(inactive.mean)
    assert inactive.undefined_share == 1


def test_distances_by_layer_are_those_of_separate_passes_of_two_images_and_networks(thin_network):
    second = Network(
        Changed(RandomWeights(THIN), {"block3_conv1": lambda *k: (2 * k[0], k[1])}), THIN
    )
    pixels, others = noise(48, 1), noise(48, 2)
    for network, image in ((thin_network, others), (second, pixels)):
        found, steps = outcome(distances_by_layer(thin_network, pixels, network, image))
        assert steps == 2 * 16  # the two passes of a block are steps of their own
        assert len(found) == 16
        for layer, distance in list(zip(THIN.conv_layers, found, strict=True))[::5]:
            maps = (
                one.feature_maps(source, layer.name)
                for one, source in ((thin_network, pixels), (network, image))
            )
            np.testing.assert_array_equal(distance.distances, map_distance(*maps).distances)
    assert [one.mean for one in found[:4]] == [0] * 4  # before the changed layer
    assert found[4].mean > 0


def test_cosines_are_those_of_each_position_and_zero_where_inactive():
    maps = np.random.default_rng(3).standard_normal((5, 4, 6)).astype(np.float32)
    maps[:, 2, 3] = 0
    vector = maps[:, 1, 5]
    found = cosines(maps, vector)
    assert found[2, 3] == 0
    assert abs(found[1, 5] - 1) < 1e-6
    for row, column in ((0, 0), (3, 2), (2, 5)):
        other = maps[:, row, column].astype(np.float64)
        expected = vector @ other / np.linalg.norm(vector) / np.linalg.norm(other)
        assert abs(found[row, column] - expected) < 1e-6
    assert np.allclose(cosines(7 * maps, vector), found, atol=1e-6)  # whatever the contrast


def test_the_position_itself_is_the_best_match_in_its_own_image(thin_network):
    layer, images = THIN.conv_layer("block2_conv2"), [noise(48, seed) for seed in (1, 2)]
    vector = thin_network.feature_maps(images[1], layer.name)[:, 4, 7]
    (other, own), steps = outcome(cosines_in_images(thin_network, layer, vector, images))
    assert steps == 2
    assert np.unravel_index(own.argmax(), own.shape) == (4, 7)
    assert other.max() < own.max()
