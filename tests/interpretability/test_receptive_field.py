"""Receptive fields and restricted passes, against NumPy, Keras and TensorFlow's gradient tape."""

import numpy as np
import pytest

from tests.support.maps import BiasedWeights, all_layers, frozen
from tests.support.thin import outcome
from vgg_viz.interpretability.receptive_field import (
    ReceptiveFieldPass,
    middle,
    receptive_fields,
    receptive_intervals,
)
from vgg_viz.model.architecture import VGG19, Architecture
from vgg_viz.model.network import build_model, network_input, preprocess

LAYERS = {layer.name: layer for layer in VGG19.conv_layers}
SIDE = VGG19.input_side
MEAN_COLOR = (124, 117, 104)
MEANS = [103.939, 116.779, 123.68]

# One filter a layer: VGG19's geometry with little to compute.
THIN = Architecture("thin", tuple((depth, 1) for depth, _ in VGG19.blocks), dense=())


class ThinOnes:
    """Weights of 1, so that every input counts and nothing cancels."""

    label = "ones"

    def read(self, layer_name):
        layer = THIN.layer(layer_name)
        return np.ones(layer.kernel_shape, np.float32), np.zeros(layer.filters, np.float32)


@pytest.fixture(scope="module")
def thin_network():
    return all_layers(build_model(ThinOnes(), THIN), THIN)


def noise(count, side, seed=0):
    random = np.random.default_rng([side, seed])
    return frozen(random.integers(0, 256, (count, side, side, 3)).astype(np.float32))


def forward_backward(network, layer, pictures, channels):
    field = ReceptiveFieldPass(network, layer, pictures.shape[1])
    (values, gradient), _ = outcome(field.values(pictures, channels))
    assert (values.dtype, values.shape) == (np.float32, (len(pictures),))
    assert (gradient.dtype, gradient.shape) == (np.float32, pictures.shape)
    return values, gradient


def first_pixel(layer, side):
    """Return the first pixel of an image centered in the receptive field."""
    start, stop = receptive_fields(layer)[middle(layer)]
    return (start + stop - side) // 2


def amid_mean_color(picture, layer):
    """Return an image of mean color, uint8, with a small image centered in the receptive field."""
    whole = np.full((SIDE, SIDE, 3), MEAN_COLOR, np.uint8)
    part = slice(first_pixel(layer, len(picture)), first_pixel(layer, len(picture)) + len(picture))
    whole[part, part] = picture
    return whole


def by_numpy(pictures, layer):
    """Compute all channels before ReLU for images of the whole field, unpadded, in float64."""
    values = pictures[..., ::-1].astype(np.float64) - MEANS
    for step in VGG19.layers[1 : layer.index + 1]:
        count, side, _, channels = values.shape
        if step.kind == "pool":
            half = side // 2
            values = values.reshape(count, half, 2, half, 2, channels).max(axis=(2, 4))
            continue
        kernel, bias = (array.astype(np.float64) for array in BiasedWeights().read(step.name))
        rows, columns = np.arange(side - 2)[:, None], np.arange(side - 2)
        shifted = [
            values[:, rows + y, columns + x] @ kernel[y, x] for y in range(3) for x in range(3)
        ]
        before_relu = sum(shifted) + bias
        values = np.maximum(before_relu, 0)
    return before_relu[:, 0, 0]


# -- receptive fields


# Corners, pixels on borders and beside pooling windows, and any others.
PIXELS = [(0, 0), (223, 223), (0, 100), (223, 17), (111, 112), (15, 16), (207, 31), (89, 150)]


@pytest.mark.parametrize("pixel", PIXELS, ids=str)
def test_pixel_changes_exactly_the_values_with_it_in_their_field(pixel, thin_network):
    """With one nonzero input pixel, a value is 0 unless its field contains the pixel."""
    row, column = pixel
    picture = np.zeros((1, 224, 224, 3), np.float32)
    picture[0, row, column] = 1
    for name, maps in thin_network(picture).items():
        first, end = np.array(receptive_fields(VGG19.layer(name))).T
        rows, columns = ((first <= index) & (index < end) for index in pixel)
        np.testing.assert_array_equal(maps[0] > 0, np.outer(rows, columns), err_msg=name)


def test_fields_may_reach_beyond_the_border():
    known = {
        ("block1_conv1", 0): (-1, 2),
        ("block1_conv1", 223): (222, 225),
        ("block2_conv1", 50): (96, 106),
        ("block5_conv4", 7): (-6, 246),
    }
    for (name, position), field in known.items():
        assert receptive_fields(LAYERS[name])[position] == field


# -- passes restricted to the receptive field


def test_receptive_intervals_are_the_fields_within_the_image():
    for layer in VGG19.conv_layers:
        for position, (start, stop) in enumerate(receptive_fields(layer)):
            intervals = receptive_intervals(layer, position)
            assert len(intervals) == layer.index + 1
            assert intervals[0] == (max(start, 0), min(stop, SIDE))
            assert intervals[-1] == (position, position + 1)


@pytest.mark.parametrize("name", ["block1_conv1", "block2_conv1", "block3_conv1"])
def test_values_before_relu_match_numpy(name, biased_network):
    layer = LAYERS[name]
    pictures = noise(3, layer.receptive_field)
    expected = by_numpy(pictures, layer)
    # One below zero and one above.
    channels = [int(expected[0].argmin()) + 1, int(expected[1].argmax()) + 1, layer.filters]
    values, _ = forward_backward(biased_network, layer, pictures, channels)
    expected_values = expected[np.arange(3), np.array(channels) - 1]
    assert expected_values[0] < 0 < expected_values[1]
    np.testing.assert_allclose(values, expected_values, rtol=0, atol=1e-5 * np.abs(expected).max())


# The fields of a block's layers have one center, so an image that fits into the smallest field is
# centered in all of them. The last two layers' fields reach beyond the border.
@pytest.mark.parametrize(
    ("side", "names"),
    [
        (7, ["block2_conv1", "block2_conv2"]),
        (24, ["block3_conv1", "block3_conv4"]),
        (102, ["block5_conv1", "block5_conv4"]),
    ],
    ids=str,
)
def test_values_match_the_network_on_an_image_amid_mean_color(side, names, biased_network):
    (picture,) = noise(1, side)
    whole = network_input(amid_mean_color(picture, LAYERS[names[0]]))
    for pool in VGG19.pools[: LAYERS[names[0]].block - 1]:
        (whole,) = biased_network.run((pool.name,), whole)
    for name in names:
        layer = LAYERS[name]
        expected = biased_network.run((name,), whole)[0][:, middle(layer), middle(layer)]
        channel = int(expected.argmax()) + 1
        values, _ = forward_backward(biased_network, layer, picture[None], [channel])
        np.testing.assert_allclose(values, expected.max(), rtol=1e-4)


@pytest.mark.parametrize("side", [1, 4])
def test_values_of_several_small_images_match_the_network(side, biased_network):
    layer = LAYERS["block1_conv2"]
    pictures = noise(6, side)
    expected = [
        biased_network.feature_maps(amid_mean_color(picture, layer), layer.name)[
            channel, middle(layer), middle(layer)
        ]
        for channel, picture in enumerate(pictures)
    ]
    values, _ = forward_backward(biased_network, layer, pictures, range(1, 7))
    assert 0 < np.count_nonzero(expected) < 6
    np.testing.assert_allclose(values.clip(0), expected, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize(
    ("name", "side"),
    [("block1_conv2", 5), ("block2_conv2", 13), ("block3_conv2", 32), ("block4_conv1", 40)],
)
def test_gradients_match_a_tape_through_the_whole_network(name, side, biased_network):
    import tensorflow as tf

    layer = LAYERS[name]
    pictures = noise(2 if layer.block < 3 else 1, side)
    model, center = biased_network.submodel(name), middle(layer)
    channels, expected = [], []
    for picture in pictures:
        seen = tf.constant(preprocess(amid_mean_color(picture, layer)))
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(seen)
            activations = model(seen)[0, center, center]
            strongest = tf.reduce_max(activations)
        channels.append(int(np.argmax(activations)) + 1)
        first = first_pixel(layer, side)
        whole = tape.gradient(strongest, seen).numpy()[0, :, :, ::-1]
        expected.append(whole[first : first + side, first : first + side])
    _, gradient = forward_backward(biased_network, layer, pictures, channels)
    for found, one in zip(gradient, expected, strict=True):
        np.testing.assert_allclose(found, one, rtol=0, atol=1e-5 * np.abs(one).max())


def test_inactive_channel_has_a_gradient(biased_network):
    layer = LAYERS["block3_conv1"]
    pictures = noise(1, layer.receptive_field)
    channel = int(by_numpy(pictures, layer)[0].argmin()) + 1
    values, gradient = forward_backward(biased_network, layer, pictures, [channel])
    # A step along the gradient, small enough for the linear approximation.
    step = 0.01 * abs(values[0]) / np.square(gradient).sum()
    moved = by_numpy(pictures + step * gradient, layer)[0, channel - 1]
    increase = moved - by_numpy(pictures, layer)[0, channel - 1]
    assert values[0] < 0 < increase
    assert increase == pytest.approx(0.01 * abs(values[0]), rel=0.02)


def test_pass_can_be_reused_and_does_not_modify_its_images(biased_network):
    layer = LAYERS["block2_conv1"]
    pictures, others = noise(2, 6), noise(2, 6, seed=1)
    field = ReceptiveFieldPass(biased_network, layer, 6)
    first, steps = outcome(field.values(pictures, [1, 2]))
    second, _ = outcome(field.values(others, [1, 2]))
    third, fewer = outcome(field.values(pictures, [1, 2]))
    assert not np.array_equal(first[0], second[0])
    np.testing.assert_array_equal(first[0], third[0])
    np.testing.assert_array_equal(first[1], third[1])
    # Three layers forward and backward, and once a block of the surroundings.
    assert (steps, fewer) == (3 * 2 + 1, 3 * 2)
