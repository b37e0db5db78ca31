"""Adversarial examples and gradients of the pixels, against Keras and TensorFlow alone."""

import keras
import numpy as np
import pytest

from tests.support import slow
from tests.support.small_dense import SMALL, small_dense
from tests.support.thin import RandomWeights, noise, outcome
from vgg_viz.interpretability.class_evidence import evidence
from vgg_viz.interpretability.class_evidence.pixel_gradient import pixel_attribution, pixel_gradient
from vgg_viz.interpretability.experiments import adversarial
from vgg_viz.interpretability.experiments.adversarial import adversarial_example, magnified, toward
from vgg_viz.model.architecture import Architecture
from vgg_viz.model.network import Network

TWO_BLOCKS = Architecture("two-blocks", ((2, 8), (1, 512)), SMALL.dense, input_side=8)
NETWORK, PIXELS = Network(RandomWeights(TWO_BLOCKS), TWO_BLOCKS), noise(8)


@pytest.fixture
def dense():
    with small_dense() as found:
        yield found


@pytest.fixture
def keras_model(dense):
    """Return a Keras model of all layers, from preprocessed pixels to the logits."""
    layers = keras.layers
    model = keras.Sequential([keras.Input((8, 8, 3))])
    for layer in TWO_BLOCKS.spatial_layers:
        if layer.kind == "pool":
            model.add(layers.MaxPooling2D())
            continue
        model.add(layers.Conv2D(layer.filters, 3, padding="same", activation="relu"))
        model.layers[-1].set_weights(RandomWeights(TWO_BLOCKS).read(layer.name))
    model.add(layers.Flatten())
    for layer in SMALL.dense_layers:
        model.add(layers.Dense(layer.units, None if layer.name == "predictions" else "relu"))
        model.layers[-1].set_weights([dense.kernels[layer.name], dense.biases[layer.name]])
    return model


def keras_input(pixels):
    return keras.applications.vgg19.preprocess_input(np.array(pixels, np.float32)[None])


def tensorflow_gradient(model, source, weights):
    """Return the gradient of a weighted sum of logits by the input, (8, 8, 3)."""
    import tensorflow as tf

    source = tf.constant(source)
    with tf.GradientTape() as tape:
        tape.watch(source)
        total = tf.reduce_sum(model(source)[0] * weights.astype(np.float32))
    return tape.gradient(total, source).numpy()[0]


def test_gradients_of_the_pixels_match_tensorflow(dense, keras_model):
    weights = np.random.default_rng(2).normal(size=300)
    found, steps = outcome(pixel_gradient(NETWORK, dense, PIXELS, lambda _: weights))
    expected = tensorflow_gradient(keras_model, keras_input(PIXELS), weights)[:, :, ::-1]  # BGR
    assert steps == 9
    np.testing.assert_allclose(found, expected, atol=1e-4 * np.abs(expected).max())


def test_pixels_are_attributed_by_input_times_gradient(dense, keras_model):
    signed, weights = NETWORK.preprocessed("signed"), np.eye(300)[4]  # of another scale and order
    found, _ = outcome(pixel_attribution(signed, dense, PIXELS, lambda _: weights))
    source = (PIXELS / 127.5 - 1).astype(np.float32)
    expected = (source * tensorflow_gradient(keras_model, source[None], weights)).sum(axis=-1)
    np.testing.assert_allclose(found, expected, atol=1e-4 * np.abs(expected).max())


def test_the_objective_is_the_slope_of_the_log_probability():
    logits = np.array([1.0, -2.0, 0.5])
    slope = toward(1, evidence.Prediction(logits))
    for index in range(3):
        step = np.eye(3)[index] * 1e-6
        high, low = (
            np.log(evidence.Prediction(logits + sign * step).probabilities[1]) for sign in (1, -1)
        )
        assert slope[index] == pytest.approx((high - low) / 2e-6, abs=1e-6)
    assert toward(1, evidence.Prediction(logits, output="sigmoid")).tolist() == [0, 1, 0]


@pytest.mark.parametrize("epsilon", [16, *slow(1)])
def test_each_pixel_changes_by_at_most_epsilon_toward_the_class(dense, keras_model, epsilon):
    before = np.asarray(keras_model(keras_input(PIXELS)))[0]
    target = int(np.argsort(-before)[1])
    found, _ = outcome(adversarial_example(NETWORK, dense, PIXELS, target, epsilon))
    assert found.dtype == np.uint8
    assert 0 < np.abs(found.astype(int) - PIXELS).max() <= epsilon
    after = np.asarray(keras_model(keras_input(found)))[0]
    first, last = (keras.ops.softmax(logits)[target] for logits in (before, after))
    assert last > first
    if epsilon == 16:
        assert after.argmax() == target != before.argmax()


def test_without_a_change_or_without_steps_the_example_is_the_image(dense, monkeypatch):
    np.testing.assert_array_equal(
        outcome(adversarial_example(NETWORK, dense, PIXELS, 5, 0))[0], PIXELS
    )
    monkeypatch.setattr(adversarial, "STEPS", 0)
    np.testing.assert_array_equal(
        outcome(adversarial_example(NETWORK, dense, PIXELS, 5, 4))[0], PIXELS
    )


def test_the_magnified_difference_is_gray_where_nothing_changes():
    before = np.array([100, 100, 100, 0], np.uint8)
    after = np.array([100, 98, 102, 1], np.uint8)
    assert magnified(before, after, 2).tolist() == [128, 1, 255, 192]
