"""Heads of own networks against Keras: answers, ablations, gradients and bias terms."""

import keras
import numpy as np
import pytest

from vgg_viz.interpretability.class_evidence import evidence
from vgg_viz.interpretability.class_evidence.own_head import OwnHead
from vgg_viz.model.own_networks.head import Head


class Saved:
    """An own network with a head, in place of a file."""

    label = identity = "saved"

    def __init__(self, layers, output="softmax", start="block5_pool"):
        side = 7 if start == "block5_pool" else 14
        self.model = keras.Sequential([keras.Input((side, side, 512)), *layers])
        for layer in self.model.layers:
            shapes = [weight.shape for weight in layer.weights]
            random = np.random.default_rng(len(shapes))
            layer.set_weights(
                [random.uniform(0.1, 1, shape) - 0.3 * (len(shapes) < 4) for shape in shapes]
            )
        self.head = Head(start=start, classes=self.model.output_shape[-1], output=output)

    def build_head(self):
        return self.model


def pooled(units, activation=None, pooling="GlobalAveragePooling2D"):
    norm = keras.layers.BatchNormalization()
    dense = [keras.layers.Dense(16, activation), norm, keras.layers.Dense(units)]
    return [getattr(keras.layers, pooling)(), *dense]


HEADS = {
    "average": lambda: Saved(pooled(5, "relu")),
    "largest, by label": lambda: Saved(
        pooled(3, "relu", "GlobalMaxPooling2D"), "sigmoid", "block5_conv4"
    ),
    "flattened": lambda: Saved([keras.layers.Flatten(), keras.layers.Dense(2)]),
}


@pytest.fixture(scope="module", params=HEADS)
def saved(request):
    return HEADS[request.param]()


@pytest.fixture(scope="module")
def maps():
    values = np.random.default_rng(7).normal(size=(512, 14, 14)).astype(np.float32)
    return np.maximum(values, 0)


def keras_logits(saved, maps):
    """Compute logits by Keras alone, for a batch of maps (n, 512, 14, 14)."""
    x = np.moveaxis(maps, 1, -1)
    if saved.head.start == "block5_pool":
        x = keras.ops.max_pool(x, 2, 2)
    return np.asarray(saved.model(x, training=False))


def test_logits_and_probabilities_are_those_of_keras(saved, maps):
    prediction = evidence.predict(OwnHead(saved), maps)
    expected = keras_logits(saved, maps[None])
    np.testing.assert_allclose(prediction.logits, expected[0], rtol=1e-4, atol=1e-4)
    function = getattr(keras.ops, saved.head.output)
    np.testing.assert_allclose(prediction.probabilities, function(expected)[0], atol=1e-4)
    copies = np.stack([maps, maps[::-1]])
    found = evidence.logits_of(OwnHead(saved), copies)
    np.testing.assert_allclose(found, keras_logits(saved, copies), rtol=1e-4, atol=1e-4)


def test_ablations_are_reruns_without_a_position_or_a_map(saved, maps):
    head, whole = OwnHead(saved), keras_logits(saved, maps[None])
    by_position = evidence.logit_drop_by_position(head, maps)
    by_map = evidence.logit_drop_by_map(head, maps)
    assert (by_position.shape, by_map.shape) == ((14, 14, whole.size), (512, whole.size))
    for row, column in ((0, 0), (6, 13), (13, 2)):
        without = maps.copy()
        without[:, row, column] = 0
        expected = whole[0] - keras_logits(saved, without[None])[0]
        np.testing.assert_allclose(by_position[row, column], expected, rtol=1e-3, atol=1e-3)
    for index in (0, 27, 511):
        without = maps.copy()
        without[index] = 0
        expected = whole[0] - keras_logits(saved, without[None])[0]
        np.testing.assert_allclose(by_map[index], expected, rtol=1e-3, atol=1e-3)


def test_gradients_are_slopes_and_sum_with_the_bias_terms_to_the_logit(saved, maps):
    head = OwnHead(saved)
    prediction = evidence.predict(head, maps)
    found = evidence.logit_gradient(head, maps, prediction, 1)
    # In the gradient's direction: elsewhere, float32's rounding hides the change.
    step = np.float32(1e-3) * np.sign(found.values) * (maps > 0.1)
    change = keras_logits(saved, np.stack([maps + step, maps - step]))[:, 1]
    slope = (step * found.values).sum(dtype=np.float64)
    assert slope == pytest.approx((change[0] - change[1]) / 2, rel=0.02)
    total = (maps * found.values).sum(dtype=np.float64) + found.bias_terms
    assert total == pytest.approx(prediction.logits[1], rel=1e-3, abs=1e-3)
