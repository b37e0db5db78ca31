"""Similar positions, against cosines computed one by one."""

import numpy as np

from tests.support.thin import THIN, RandomWeights, noise, outcome
from vgg_viz.interpretability.experiments.map_distance import cosines, cosines_in_images
from vgg_viz.model.network import Network

LAYER = THIN.conv_layer("block2_conv2")


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


def test_the_position_itself_is_the_best_match_in_its_own_image():
    network, images = Network(RandomWeights(THIN), THIN), [noise(48, seed) for seed in (1, 2)]
    vector = network.feature_maps(images[1], LAYER.name)[:, 4, 7]
    (other, own), steps = outcome(cosines_in_images(network, LAYER, vector, images))
    assert steps == 2
    assert np.unravel_index(own.argmax(), own.shape) == (4, 7)
    assert other.max() < own.max()
