"""Occlusion, against passes of the whole network over each covered image."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from tests.support.small_dense import SMALL, small_dense
from tests.support.thin import THIN, RandomWeights, noise, outcome
from vgg_viz.interpretability.class_evidence import evidence
from vgg_viz.interpretability.experiments import occlusion as module
from vgg_viz.interpretability.experiments.occlusion import occlusion, places, rank_correlation
from vgg_viz.interpretability.receptive_field import Area, Interval
from vgg_viz.model.architecture import Architecture
from vgg_viz.model.network import Network

NETWORK, PIXELS = Network(RandomWeights(THIN), THIN), noise(48)


@pytest.mark.parametrize("name", ["block1_conv1", "block3_conv4"])
def test_drops_are_those_of_whole_passes(monkeypatch, name):
    monkeypatch.setattr(module, "SQUARE", 10)
    monkeypatch.setattr(module, "PLACES", 5)
    layer, position = THIN.conv_layer(name), (3, 5)
    drops, steps = outcome(occlusion(NETWORK, PIXELS, layer, position))
    assert steps == 25
    before = NETWORK.feature_maps(PIXELS, name)
    for index, (row, column) in enumerate(places(48)):
        covered = PIXELS.copy()
        covered[max(row - 5, 0) : row + 5, max(column - 5, 0) : column + 5] = [124, 117, 104]
        drop = before - NETWORK.feature_maps(covered, name)
        at = divmod(index, 5)
        tolerance = {"rtol": 1e-4, "atol": 1e-4 * np.abs(before).max()}
        np.testing.assert_allclose(drops.value[at], drop[:, 3, 5], **tolerance)
        np.testing.assert_allclose(drops.mean[at], drop.mean(axis=(1, 2)), **tolerance)
    assert np.abs(drops.mean).max() > 0


def test_drops_of_logits_are_those_of_whole_passes(monkeypatch):
    monkeypatch.setattr(module, "SQUARE", 4)
    monkeypatch.setattr(module, "PLACES", 3)
    monkeypatch.setattr(module, "BATCH", 4)
    blocks = Architecture("two-blocks", ((2, 8), (1, 512)), SMALL.dense, input_side=8)
    network, pixels = Network(RandomWeights(blocks), blocks), noise(8)
    with small_dense() as dense:
        drops, steps = outcome(module.class_occlusion(network, dense, pixels))
        assert (steps, drops.shape) == (9, (3, 3, 300))

        def logits(image):
            return evidence.predict(dense, network.feature_maps(image, "block2_conv1")).logits

        whole = logits(pixels)
        for index, (row, column) in enumerate(places(8)):
            covered = pixels.copy()
            covered[max(row - 2, 0) : row + 2, max(column - 2, 0) : column + 2] = [124, 117, 104]
            expected = whole - logits(covered)
            tolerance = {"rtol": 1e-3, "atol": 1e-4 * np.abs(whole).max()}
            np.testing.assert_allclose(drops[divmod(index, 3)], expected, **tolerance)
    assert np.abs(drops).max() > 0


def test_rank_correlation_shares_the_ranks_of_equal_values():
    first, second = np.array([3, 1, 4, 1, 5]), np.array([2, 7, 1, 8, 2])
    ranks = np.array([3, 1.5, 4, 1.5, 5]), np.array([2.5, 4, 1, 5, 2.5])
    assert abs(rank_correlation(first, second) - np.corrcoef(*ranks)[0, 1]) < 1e-9
    assert rank_correlation(first, second) == pytest.approx(spearmanr(first, second).statistic)
    assert rank_correlation(first, np.ones(5)) is None


def test_attributions_are_summed_within_each_square(monkeypatch):
    monkeypatch.setattr(module, "SQUARE", 4)
    monkeypatch.setattr(module, "PLACES", 2)  # centers at 3 and 9 of 12 pixels
    values = np.arange(36.0).reshape(6, 6)
    sums = module.square_sums(values, Area(Interval(4, 10), Interval(0, 6)), 12)
    # Rows and columns 1 to 4 and 7 to 10 of the image; row 4 is the first of the values.
    assert sums[0, 0] == values[0, 1:5].sum()
    assert sums[1, 0] == values[3:6, 1:5].sum()
    assert not sums[:, 1].any()
