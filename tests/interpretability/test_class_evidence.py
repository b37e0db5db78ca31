"""The answer and its evidence against Keras' own layers and TensorFlow's gradients."""

from collections.abc import Callable

import numpy as np
import pytest

from vgg_viz.interpretability.class_evidence import evidence
from vgg_viz.model.architecture import VGG19, DenseLayer
from vgg_viz.model.dense_layers import UntrainedDense, slab_count
from vgg_viz.model.network import import_keras

SEED = 19
CLASS = 285


class Biased(UntrainedDense):
    """Untrained dense layers with biases that are not zero, as a trained network has them."""

    def bias(self, layer: DenseLayer) -> np.ndarray:
        random = np.random.default_rng([self._seed, layer.index])
        return random.normal(0, 0.1, layer.units).astype(np.float32)


class Held(Biased):
    """The same, drawn once: so that a test does not draw 124 million numbers each time."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self._held: dict[tuple[str, int], np.ndarray] = {}

    def slab(self, layer: DenseLayer, index: int) -> np.ndarray:
        key = (layer.name, index)
        if key not in self._held:
            self._held[key] = super().slab(layer, index)
        return self._held[key]


@pytest.fixture(scope="module")
def dense() -> Held:
    return Held(SEED)


@pytest.fixture(scope="module")
def maps() -> np.ndarray:
    """Maps as after a ReLU: half of the values zero, many ties in the pool's windows."""
    return np.maximum(np.random.default_rng(1).normal(0, 2, (512, 14, 14)), 0).astype(np.float32)


@pytest.fixture(scope="module")
def keras_head(dense: Held) -> Callable[[object], object]:
    """Keras' own layers from the last conv layer's maps, channels last, to the logits."""
    keras = import_keras()
    layers = keras.layers
    units = dict(VGG19.dense)
    model = keras.Sequential(
        [
            keras.Input((14, 14, 512)),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dense(units["fc1"], "relu", kernel_initializer="zeros", name="fc1"),
            layers.Dense(units["fc2"], "relu", kernel_initializer="zeros", name="fc2"),
            layers.Dense(units["predictions"], kernel_initializer="zeros", name="predictions"),
        ]
    )
    for layer in VGG19.dense_layers:
        slabs = [dense.slab(layer, index) for index in range(slab_count(layer))]
        model.get_layer(layer.name).set_weights([np.concatenate(slabs), dense.bias(layer)])
    return model


def channels_last(maps: np.ndarray) -> np.ndarray:
    return np.moveaxis(maps, 0, -1)[None]


@pytest.fixture(scope="module")
def found(dense: Held, maps: np.ndarray) -> evidence.Prediction:
    return evidence.answer(dense, maps)


@pytest.fixture(scope="module")
def gradient(dense: Held, maps: np.ndarray, found: evidence.Prediction) -> evidence.Gradient:
    return evidence.gradient(dense, maps, found, CLASS)


def test_the_logits_are_those_of_keras(found, keras_head, maps):
    expected = np.asarray(keras_head(channels_last(maps)))[0]
    np.testing.assert_allclose(found.logits, expected, atol=1e-4 * np.abs(expected).max())


def test_the_probabilities_are_those_of_tensorflow(found):
    import tensorflow as tf

    expected = tf.nn.softmax(found.logits.astype(np.float64)).numpy()
    np.testing.assert_allclose(found.probabilities, expected, rtol=1e-12)
    assert found.most_likely(5) == np.argsort(-expected)[:5].tolist()


def test_large_logits_make_no_overflow():
    logits = np.array([5000, 4999, -5000], np.float32)
    found = evidence.Prediction(logits, logits, logits)
    assert found.probabilities == pytest.approx(
        [1 / (1 + np.exp(-1)), np.exp(-1) / (1 + np.exp(-1)), 0]
    )


def without(maps: np.ndarray, gone: list[tuple]) -> np.ndarray:
    """The maps without what each of these indices names, channels last, one after the other."""
    copies = np.repeat(channels_last(maps), len(gone), axis=0)
    for copy, index in zip(copies, gone, strict=True):
        copy[index] = 0
    return copies


def test_taking_away_a_place_is_the_network_run_without_it(dense, keras_head, maps, found):
    gone = [(0, 0), (0, 13), (13, 0), (6, 7), (7, 6), (13, 13)]
    expected = np.asarray(keras_head(without(maps, gone)))
    lost = evidence.logit_drop_by_position(dense, maps)
    assert lost.shape == (14, 14, 1000)
    for place, logits in zip(gone, expected, strict=True):
        left = found.logits - lost[place]
        np.testing.assert_allclose(left, logits, atol=1e-4 * np.abs(logits).max())


def test_taking_away_a_map_is_the_network_run_without_it(dense, keras_head, maps, found):
    numbers = [0, 1, 137, 511]
    gone = [(slice(None), slice(None), number) for number in numbers]
    expected = np.asarray(keras_head(without(maps, gone)))
    lost = evidence.logit_drop_by_map(dense, maps)
    assert lost.shape == (512, 1000)
    left = found.logits - lost[numbers]
    np.testing.assert_allclose(left, expected, atol=1e-4 * np.abs(expected).max())


def test_where_nothing_is_there_is_nothing_to_lose(dense, maps):
    silent = maps.copy()
    silent[:, 3, 4] = 0
    silent[7] = 0
    assert not evidence.logit_drop_by_position(dense, silent)[3, 4].any()
    assert not evidence.logit_drop_by_map(dense, silent)[7].any()


def test_the_gradients_are_those_of_tensorflow(keras_head, maps, gradient):
    import tensorflow as tf

    source = tf.constant(channels_last(maps))
    with tf.GradientTape() as tape:
        tape.watch(source)
        logit = keras_head(source)[0, CLASS]
    expected = np.moveaxis(tape.gradient(logit, source).numpy()[0], -1, 0)
    # Where all four values of a window are zero, it is a matter of taste which one gets it.
    tied = np.repeat(np.repeat(evidence.pool(maps) == 0, 2, axis=1), 2, axis=2)
    largest = np.abs(expected).max()
    np.testing.assert_allclose(gradient.values[~tied], expected[~tied], atol=1e-4 * largest)
    sums = [evidence.windows(values).sum(axis=-1) for values in (gradient.values, expected)]
    np.testing.assert_allclose(*sums, atol=1e-4 * largest)


def test_activation_times_gradient_and_the_biases_make_the_logit(maps, found, gradient):
    products = evidence.hires_cam(maps, gradient.values).sum(dtype=np.float64)
    assert products + gradient.biases == pytest.approx(found.logits[CLASS], rel=1e-4)
    assert gradient.biases != 0


def test_the_cams_as_worked_by_hand():
    maps = np.array([[[1, 2], [0, 4]], [[0, 1], [3, 0]]], np.float32)
    gradients = np.array([[[1, -1], [2, 2]], [[-4, -2], [1, 1]]], np.float32)
    # The means of the gradients are 1 and -1.
    assert evidence.grad_cam(maps, gradients).tolist() == [[1, 1], [-3, 4]]
    assert evidence.hires_cam(maps, gradients).tolist() == [[1, -4], [3, 8]]
    assert evidence.layer_cam(maps, gradients).tolist() == [[1, 0], [3, 8]]


def test_what_the_pool_loses_as_worked_by_hand():
    maps = np.array([[[5, 3], [5, 0]], [[7, 0], [0, 0]]], np.float32)
    # Of the first map two fives: one stands in for the other. Of the second the only value.
    assert evidence.places_lost(maps).tolist() == [[[0, 7], [0, 0], [0, 0], [0, 0]]]


def test_the_first_largest_in_reading_order_gets_the_gradient():
    maps = np.array([[[1, 5], [5, 0]]], np.float32)
    assert evidence.unpool(maps, np.array([[2]], np.float32)).tolist() == [[[0, 2], [0, 0]]]


def test_nothing_changes_its_input(dense, maps, found):
    before = maps.copy()
    for work in (evidence.answer, evidence.logit_drop_by_position, evidence.logit_drop_by_map):
        work(dense, maps)
    evidence.gradient(dense, maps, found, 0)
    assert (maps == before).all()
