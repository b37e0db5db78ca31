"""Responses to a change of the image, against passes of their own and NumPy's correlation."""

import numpy as np

from tests.support.thin import THIN, RandomWeights, noise, outcome
from vgg_viz.interpretability.experiments.changes import ChosenChange
from vgg_viz.interpretability.experiments.image_changes import change_pixels
from vgg_viz.interpretability.experiments.responses import (
    amounts_of,
    correlations_by_layer,
    layer_responses,
)
from vgg_viz.model.network import Network

NETWORK, PIXELS = Network(RandomWeights(THIN), THIN), noise(48)
LAYER, POSITION = THIN.conv_layer("block3_conv2"), (4, 7)
CHANGE = ChosenChange("rotate", 7)


def maps_of(layer_name: str, amount: int) -> np.ndarray:
    changed = change_pixels(PIXELS, CHANGE._replace(amount=amount))
    return NETWORK.feature_maps(changed, layer_name)


def test_the_curves_of_a_layer_are_those_of_separate_passes():
    points = []
    job = layer_responses(NETWORK, PIXELS, CHANGE, LAYER, POSITION, points.append)
    responses, steps = outcome(job)
    assert responses.amounts == amounts_of("rotate")
    assert steps == len(points) == len(responses.amounts) == 21
    assert points[0].amounts == [0]  # the unchanged image comes first
    unchanged = maps_of(LAYER.name, 0)
    for index, amount in enumerate(responses.amounts):
        maps = maps_of(LAYER.name, amount)
        assert np.array_equal(responses.maximum[index], maps.max(axis=(1, 2)))
        np.testing.assert_allclose(responses.mean[index], maps.mean(axis=(1, 2)), rtol=1e-5)
        assert np.array_equal(responses.value[index], maps[:, 4, 7])
        expected = np.corrcoef(unchanged.ravel(), maps.ravel())[0, 1]
        assert abs(responses.correlation[index] - expected) < 1e-5


def test_the_correlations_of_all_layers_are_those_of_separate_passes():
    found, _ = outcome(correlations_by_layer(NETWORK, PIXELS, CHANGE, lambda _: None))
    assert sorted(found) == amounts_of("rotate")
    assert np.allclose(found[0], 1, atol=1e-5)
    for layer, value in list(zip(THIN.conv_layers, found[90], strict=True))[::5]:
        first, second = (maps_of(layer.name, amount).ravel() for amount in (0, 90))
        assert abs(value - np.corrcoef(first, second)[0, 1]) < 1e-5
