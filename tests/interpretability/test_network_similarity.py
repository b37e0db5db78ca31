"""Similarity of two networks' layers, against NumPy and networks whose similarity is known."""

from itertools import permutations

import numpy as np
import pytest

from tests.support.thin import THIN, Changed, RandomWeights, noise, outcome
from vgg_viz.interpretability.experiments.network_similarity import (
    channel_means,
    shuffled_cka,
    similarities,
    unbiased_cka,
)
from vgg_viz.model.network import Network

IMAGES = [noise(48, seed) for seed in range(6)]
random = np.random.default_rng(25)


def features(images, count):
    return random.standard_normal((images, count))


def test_means_are_those_of_every_layers_maps(thin_network):
    found, steps = outcome(channel_means(thin_network, IMAGES[0]))
    assert steps == len(found) == 16
    for layer, means in list(zip(THIN.conv_layers, found, strict=True))[::5]:
        maps = thin_network.feature_maps(IMAGES[0], layer.name).astype(np.float64)
        np.testing.assert_allclose(means, maps.mean(axis=(1, 2)), rtol=1e-5)


def test_layers_before_a_change_are_equal_and_later_ones_are_not(thin_network):
    change = {"block3_conv1": lambda kernel, bias: (kernel[..., ::-1] * [-1, 1, -1, 1, 1], bias)}
    second = Network(Changed(RandomWeights(THIN), change), THIN)
    networks = thin_network, second
    found = similarities(
        *([outcome(channel_means(one, image))[0] for image in IMAGES] for one in networks)
    )
    assert len(found) == 16
    np.testing.assert_allclose([one.cka for one in found[:4]], 1, rtol=1e-9)
    assert found[4].cka < 0.99


def test_a_layer_has_its_similarity_and_the_largest_one_by_chance():
    images = [[one] for one in features(40, 512)]
    (equal,) = similarities(images[:20], images[:20])
    (unrelated,) = similarities(images[:20], images[20:])
    assert (round(equal.cka, 9), abs(equal.by_chance) < 0.2) == (1, True)
    assert abs(unrelated.cka) < 0.2
    first, second = np.concatenate(images[:20]), np.concatenate(images[20:])
    assert unrelated.by_chance == shuffled_cka(first, second).max()


def hsic_of_quadruples(first, second):
    """Average over all ordered quadruples of images: the definition of the estimate."""
    k, m = first @ first.T, second @ second.T
    terms = [
        k[i, j] * (m[i, j] + m[q, r] - 2 * m[i, q])
        for i, j, q, r in permutations(range(len(first)), 4)
    ]
    return sum(terms) / len(terms)


@pytest.mark.parametrize("images", [4, 7])
def test_unbiased_cka_matches_the_average_over_quadruples(images):
    first = features(images, 30)
    second = 3 * first[:, :20] + 0.5 * features(images, 20) + 7
    own = hsic_of_quadruples(first, first) * hsic_of_quadruples(second, second)
    expected = hsic_of_quadruples(first, second) / np.sqrt(own)
    assert unbiased_cka(first, second) == pytest.approx(expected, rel=1e-9)
    assert np.isnan(unbiased_cka(np.ones((5, 2)), features(5, 2)))  # without a positive estimate


def test_shuffling_keeps_the_pairs_values_apart_and_is_repeatable():
    first, second = features(6, 9), features(6, 9)
    found = shuffled_cka(first, second, repeats=5, seed=3)
    orders = np.random.default_rng(3)
    expected = [unbiased_cka(first, second[orders.permutation(6)]) for _ in range(5)]
    np.testing.assert_allclose(found, expected)
