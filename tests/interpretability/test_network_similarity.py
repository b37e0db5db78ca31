"""Similarity of two networks' layers, against NumPy and networks whose similarity is known."""

import numpy as np

from tests.support.thin import THIN, Changed, RandomWeights, noise, outcome
from vgg_viz.interpretability.experiments.network_similarity import channel_means, similarities
from vgg_viz.model.network import Network

IMAGES = [noise(48, seed) for seed in range(6)]


def test_means_are_those_of_every_layers_maps():
    network = Network(RandomWeights(THIN), THIN)
    found, steps = outcome(channel_means(network, IMAGES[0]))
    assert steps == len(found) == 16
    for layer, means in zip(THIN.conv_layers, found, strict=True):
        maps = network.feature_maps(IMAGES[0], layer.name).astype(np.float64)
        np.testing.assert_allclose(means, maps.mean(axis=(1, 2)), rtol=1e-5)


def test_layers_before_a_change_are_equal_and_later_ones_are_not():
    first = Network(RandomWeights(THIN), THIN)
    change = {"block3_conv1": lambda kernel, bias: (kernel[..., ::-1] * [-1, 1, -1, 1, 1], bias)}
    second = Network(Changed(RandomWeights(THIN), change), THIN)
    found = similarities(
        *([outcome(channel_means(one, image))[0] for image in IMAGES] for one in (first, second))
    )
    assert len(found) == 16
    np.testing.assert_allclose([one.cka for one in found[:4]], 1, rtol=1e-9)
    assert found[4].cka < 0.99


def test_independent_features_are_as_similar_as_shuffled_ones():
    random = np.random.default_rng(25)
    images = [[random.standard_normal(512)] for _ in range(40)]
    (equal,) = similarities(images[:20], images[:20])
    (unrelated,) = similarities(images[:20], images[20:])
    assert (round(equal.cka, 9), abs(equal.by_chance) < 0.2) == (1, True)
    assert abs(unrelated.cka) < 0.2
    assert -0.2 < unrelated.by_chance < 0.2
