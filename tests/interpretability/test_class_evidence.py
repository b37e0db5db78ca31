"""Logits, ablations, gradients and class activation maps against Keras and TensorFlow."""

import numpy as np
import pytest

from tests.support.maps import frozen
from tests.support.small_dense import SMALL, small_dense
from vgg_viz.interpretability.class_evidence import evidence
from vgg_viz.interpretability.class_evidence.deletion import deletion_curves
from vgg_viz.interpretability.class_evidence.evidence_methods import EVIDENCE_METHODS
from vgg_viz.interpretability.decomposition import max_pool
from vgg_viz.model.network import import_keras
from vgg_viz.option import resolve

CLASS = 285

# Two maps and gradients of 2 x 2; the mean gradients are 1 and -1.
SMALL_MAPS = np.array([[[1, 2], [0, 4]], [[0, 1], [3, 0]]], np.float32)
SMALL_GRADIENTS = np.array([[[1, -1], [2, 2]], [[-4, -2], [1, 1]]], np.float32)
BY_HAND = {
    "gradcam": [[1, 1], [-3, 4]],
    "hirescam": [[1, -4], [3, 8]],
    "layercam": [[1, 0], [3, 8]],
}


@pytest.fixture(scope="module")
def dense():
    with small_dense() as found:
        yield found


@pytest.fixture(scope="module")
def maps():
    """Random maps after ReLU: half of the values zero, with many ties in the pooling windows."""
    values = np.random.default_rng(1).normal(0, 2, (512, 4, 4))
    return frozen(np.maximum(values, 0).astype(np.float32))


@pytest.fixture(scope="module")
def keras_head(dense):
    """Keras model from the last conv layer's maps, channels last, to the logits."""
    layers = import_keras().layers
    start = [layers.Input((4, 4, 512)), layers.MaxPooling2D(2), layers.Flatten()]
    activations = ("relu", "relu", None)
    dense_layers = [
        layers.Dense(units, activation, name=name)
        for (name, units), activation in zip(SMALL.dense, activations, strict=True)
    ]
    model = import_keras().Sequential([*start, *dense_layers])
    for name, kernel in dense.kernels.items():
        model.get_layer(name).set_weights([kernel, dense.biases[name]])
    return model


def channels_last(maps):
    return np.moveaxis(maps, 0, -1)[None]


@pytest.fixture(scope="module")
def prediction(dense, maps):
    return evidence.predict(dense, maps)


@pytest.fixture(scope="module")
def gradient(dense, maps, prediction):
    return evidence.logit_gradient(dense, maps, prediction, CLASS)


def test_logits_match_keras(prediction, keras_head, maps):
    expected = np.asarray(keras_head(channels_last(maps)))[0]
    np.testing.assert_allclose(prediction.logits, expected, atol=1e-4 * np.abs(expected).max())


def test_large_logits_do_not_overflow_the_softmax():
    logits = np.array([5000, 4999, -5000], np.float32)
    prediction = evidence.Prediction(logits, logits, logits)
    assert prediction.probabilities == pytest.approx(
        [1 / (1 + np.exp(-1)), np.exp(-1) / (1 + np.exp(-1)), 0]
    )
    assert prediction.most_likely(2) == [0, 1]


def ablated_batch(maps, indices):
    """Return one copy of the maps per index, channels last, with zeros at that index."""
    batch = np.repeat(channels_last(maps), len(indices), axis=0)
    for copy, index in zip(batch, indices, strict=True):
        copy[index] = 0
    return batch


def test_ablating_a_position_matches_a_rerun_by_keras(dense, keras_head, maps, prediction):
    positions = list(np.ndindex(4, 4))
    expected = np.asarray(keras_head(ablated_batch(maps, positions)))
    drop = evidence.logit_drop_by_position(dense, maps)
    assert drop.shape == (4, 4, 300)
    for position, logits in zip(positions, expected, strict=True):
        ablated = prediction.logits - drop[position]
        np.testing.assert_allclose(ablated, logits, atol=1e-4 * np.abs(logits).max())


def test_ablating_a_map_matches_a_rerun_by_keras(dense, keras_head, maps, prediction):
    numbers = [0, 1, 137, 511]
    indices = [(slice(None), slice(None), number) for number in numbers]
    expected = np.asarray(keras_head(ablated_batch(maps, indices)))
    drop = evidence.logit_drop_by_map(dense, maps)
    assert drop.shape == (512, 300)
    ablated = prediction.logits - drop[numbers]
    np.testing.assert_allclose(ablated, expected, atol=1e-4 * np.abs(expected).max())


def test_deletion_curves_match_reruns_by_keras_in_the_order_of_the_evidence(
    dense, keras_head, maps, prediction
):
    ranking = np.random.default_rng(8).permutation(16).reshape(4, 4)
    first, curve = deletion_curves(dense, maps, [-ranking, ranking], CLASS)
    copies = np.repeat(channels_last(maps), 17, axis=0)
    for count, copy in enumerate(copies):
        copy[ranking >= 16 - count] = 0
    expected = np.asarray(keras_head(copies))[:, CLASS]
    np.testing.assert_allclose(curve, expected, atol=1e-4 * np.abs(expected).max())
    np.testing.assert_allclose(curve[0], prediction.logits[CLASS], atol=1e-4)
    assert (first[0], first[-1]) == pytest.approx((curve[0], curve[-1]), abs=1e-4)
    assert not np.allclose(first, curve)
    assert not copies[-1].any()  # the last point is the logit of nothing


def test_gradients_match_tensorflow(keras_head, maps, gradient):
    import tensorflow as tf

    source = tf.constant(channels_last(maps))
    with tf.GradientTape() as tape:
        tape.watch(source)
        logit = keras_head(source)[0, CLASS]
    expected = np.moveaxis(tape.gradient(logit, source).numpy()[0], -1, 0)
    # Where a pooling window is all zero, implementations may choose any of its values.
    tied = np.repeat(np.repeat(max_pool(maps) == 0, 2, axis=1), 2, axis=2)
    largest = np.abs(expected).max()
    np.testing.assert_allclose(gradient.values[~tied], expected[~tied], atol=1e-4 * largest)
    sums = [evidence.windows(values).sum(axis=-1) for values in (gradient.values, expected)]
    np.testing.assert_allclose(*sums, atol=1e-4 * largest)


def test_activation_times_gradient_and_bias_terms_sum_to_the_logit(maps, prediction, gradient):
    products = resolve(EVIDENCE_METHODS["hirescam"].function)(maps, gradient.values)
    total = products.sum(dtype=np.float64) + gradient.bias_terms
    assert total == pytest.approx(prediction.logits[CLASS], rel=1e-4)
    assert gradient.bias_terms != 0


@pytest.mark.parametrize(
    "method",
    [method for method in EVIDENCE_METHODS.values() if method.function],
    ids=lambda method: method.name,
)
def test_class_activation_maps_match_values_worked_by_hand(method):
    evidence_map = resolve(method.function)(SMALL_MAPS, SMALL_GRADIENTS)
    assert evidence_map.tolist() == BY_HAND[method.name]
    assert method.papers


def test_the_first_of_two_maxima_receives_the_gradient():
    maps = np.array([[[1, 5], [5, 0]]], np.float32)
    assert evidence.unpool(maps, np.array([[2]], np.float32)).tolist() == [[[0, 2], [0, 0]]]
