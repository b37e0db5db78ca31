"""What a value depends on, and the network there and back: against NumPy, Keras and its tape."""

import numpy as np
import pytest

from tests.support.maps import BiasedWeights, frozen
from tests.support.thin import outcome
from vgg_viz.interpretability.decomposition import receptive_fields
from vgg_viz.interpretability.receptive_field import FieldPass, depends_on, middle
from vgg_viz.model.architecture import VGG19
from vgg_viz.model.network import network_input, preprocess

LAYERS = {layer.name: layer for layer in VGG19.conv_layers}
SIDE = VGG19.input_side
MEAN_COLOR = (124, 117, 104)
MEANS = [103.939, 116.779, 123.68]


def noise(count, side, seed=0):
    random = np.random.default_rng([side, seed])
    return frozen(random.integers(0, 256, (count, side, side, 3)).astype(np.float32))


def forward_backward(network, layer, pictures, channels):
    field = FieldPass(network, layer, pictures.shape[1])
    (values, gradient), _ = outcome(field.values(pictures, channels))
    assert (values.dtype, values.shape) == (np.float32, (len(pictures),))
    assert (gradient.dtype, gradient.shape) == (np.float32, pictures.shape)
    return values, gradient


def first_seen(layer, side):
    """Where a picture in the middle of a field begins."""
    start, stop = receptive_fields(layer)[middle(layer)]
    return (start + stop - side) // 2


def amid_mean_color(picture, layer):
    """A picture in the middle of a field, in a picture of mean color, uint8."""
    whole = np.full((SIDE, SIDE, 3), MEAN_COLOR, np.uint8)
    part = slice(first_seen(layer, len(picture)), first_seen(layer, len(picture)) + len(picture))
    whole[part, part] = picture
    return whole


def by_numpy(pictures, layer):
    """All values that unpadded layers make of whole fields, before the ReLU, in float64."""
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
        made = sum(shifted) + bias
        values = np.maximum(made, 0)
    return made[:, 0, 0]


@pytest.mark.parametrize("layer", VGG19.conv_layers, ids=lambda layer: layer.name)
def test_what_a_value_depends_on_is_its_receptive_field_within_the_picture(layer):
    for position, (start, stop) in enumerate(receptive_fields(layer)):
        needed = depends_on(layer, position)
        assert len(needed) == layer.index + 1
        assert needed[0] == (max(start, 0), min(stop, SIDE))
        assert needed[-1] == (position, position + 1)


@pytest.mark.parametrize(
    "name", ["block1_conv1", "block1_conv2", "block2_conv1", "block3_conv1", "block3_conv4"]
)
def test_values_before_the_relu_are_those_of_numpy_alone(name, biased_network):
    layer = LAYERS[name]
    pictures = noise(3, layer.receptive_field)
    expected = by_numpy(pictures, layer)
    # Some that the ReLU would hide, and others.
    channels = [int(expected[0].argmin()) + 1, int(expected[1].argmax()) + 1, layer.filters]
    values, _ = forward_backward(biased_network, layer, pictures, channels)
    wanted = expected[np.arange(3), np.array(channels) - 1]
    assert wanted[0] < 0 < wanted[1]
    np.testing.assert_allclose(values, wanted, rtol=0, atol=1e-5 * np.abs(expected).max())


# Fields of one block's layers have the same center: what fits into the smallest lies in the middle
# of all, and one pass through the network makes all of their maps. The last two layers' fields
# reach beyond the border.
AMID = {
    1: (3, ["block1_conv1", "block1_conv2"]),
    2: (7, ["block2_conv1", "block2_conv2"]),
    3: (24, ["block3_conv1", "block3_conv2", "block3_conv3", "block3_conv4"]),
    4: (67, ["block4_conv1", "block4_conv2", "block4_conv3", "block4_conv4"]),
    5: (102, ["block5_conv1", "block5_conv2", "block5_conv3", "block5_conv4"]),
}


def test_every_layer_is_looked_at():
    assert [name for _, names in AMID.values() for name in names] == list(LAYERS)


@pytest.mark.parametrize(("side", "names"), AMID.values(), ids=lambda value: str(value))
def test_a_value_is_the_networks_own_of_the_picture_amid_mean_color(side, names, biased_network):
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


@pytest.mark.parametrize("side", [1, 2, 4])
def test_several_small_pictures_have_the_networks_own_values(side, biased_network):
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
    [
        ("block1_conv1", 3),
        ("block1_conv2", 5),
        ("block2_conv2", 13),
        ("block3_conv2", 32),
        ("block5_conv1", 40),
    ],
)
def test_a_gradient_is_that_of_tensorflows_tape_through_the_whole_network(
    name, side, biased_network
):
    import tensorflow as tf

    layer = LAYERS[name]
    pictures = noise(2 if layer.block < 3 else 1, side)
    model, place = biased_network.submodel(name), middle(layer)
    channels, expected = [], []
    for picture in pictures:
        seen = tf.constant(preprocess(amid_mean_color(picture, layer)))
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(seen)
            answers = model(seen)[0, place, place]
            strongest = tf.reduce_max(answers)
        channels.append(int(np.argmax(answers)) + 1)
        first = first_seen(layer, side)
        whole = tape.gradient(strongest, seen).numpy()[0, :, :, ::-1]
        expected.append(whole[first : first + side, first : first + side])
    _, gradient = forward_backward(biased_network, layer, pictures, channels)
    for got, wanted in zip(gradient, expected, strict=True):
        np.testing.assert_allclose(got, wanted, rtol=0, atol=1e-5 * np.abs(wanted).max())


@pytest.mark.parametrize("name", ["block1_conv2", "block3_conv1"])
def test_a_silent_channel_has_a_gradient_too(name, biased_network):
    layer = LAYERS[name]
    pictures = noise(1, layer.receptive_field)
    channel = int(by_numpy(pictures, layer)[0].argmin()) + 1
    values, gradient = forward_backward(biased_network, layer, pictures, [channel])
    # Uphill, by so little that it is the gradient that says how much.
    step = 0.01 * abs(values[0]) / np.square(gradient).sum()
    further = by_numpy(pictures + step * gradient, layer)[0, channel - 1]
    climbed = further - by_numpy(pictures, layer)[0, channel - 1]
    assert values[0] < 0 < climbed
    assert climbed == pytest.approx(0.01 * abs(values[0]), rel=0.02)


def test_its_pictures_stay_as_they_are_and_it_can_be_used_again(biased_network):
    layer = LAYERS["block2_conv1"]
    pictures, others = noise(2, 6), noise(2, 6, seed=1)
    field = FieldPass(biased_network, layer, 6)
    first, steps = outcome(field.values(pictures, [1, 2]))
    second, _ = outcome(field.values(others, [1, 2]))
    third, fewer = outcome(field.values(pictures, [1, 2]))
    assert not np.array_equal(first[0], second[0])
    np.testing.assert_array_equal(first[0], third[0])
    np.testing.assert_array_equal(first[1], third[1])
    # Three layers there and back, and once the block of what is around.
    assert (steps, fewer) == (3 * 2 + 1, 3 * 2)


@pytest.mark.parametrize(
    ("name", "side", "most"),
    [
        ("block1_conv1", 0, 3),
        ("block1_conv1", 4, 3),
        ("block4_conv4", 117, 116),
        # Their fields reach beyond the border, where there is no picture.
        ("block5_conv3", 210, 208),
        ("block5_conv4", 210, 208),
    ],
)
def test_pictures_larger_than_what_is_seen_are_refused(name, side, most, biased_network):
    with pytest.raises(ValueError, match=f"expected 1 to {most} pixels, got {side}"):
        FieldPass(biased_network, LAYERS[name], side)
