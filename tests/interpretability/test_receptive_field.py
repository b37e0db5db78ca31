"""Receptive fields and restricted passes, against Keras and NumPy."""

import numpy as np
import pytest

from tests.support import slow
from tests.support.maps import all_layers, frozen
from tests.support.numpy_network import NumpyNetwork
from tests.support.thin import THIN, RandomWeights, outcome
from vgg_viz.interpretability.receptive_field import (
    ReceptiveFieldPass,
    middle,
    receptive_fields,
    receptive_intervals,
)
from vgg_viz.model.architecture import VGG19, Architecture
from vgg_viz.model.network import Network, build_model, network_input

MEAN_COLOR = (124, 117, 104)

# One filter a layer: VGG19's geometry with little to compute.
ONES = Architecture("ones", tuple((depth, 1) for depth, _ in VGG19.blocks), dense=())


class OnesWeights:
    """Weights of 1, so that every input counts and nothing cancels."""

    label = "ones"

    def read(self, layer_name):
        layer = ONES.layer(layer_name)
        return np.ones(layer.kernel_shape, np.float32), np.zeros(layer.filters, np.float32)


@pytest.fixture(scope="module")
def ones_network():
    return all_layers(build_model(OnesWeights(), ONES), ONES)


# Corners, pixels on borders and beside pooling windows, and any others.
PIXELS = [(0, 0), (223, 223), (0, 100), (223, 17), (111, 112), (15, 16), (207, 31), (89, 150)]


@pytest.mark.parametrize("pixel", PIXELS, ids=str)
def test_pixel_changes_exactly_the_values_with_it_in_their_field(pixel, ones_network):
    """With one nonzero input pixel, a value is 0 unless its field contains the pixel."""
    row, column = pixel
    picture = np.zeros((1, 224, 224, 3), np.float32)
    picture[0, row, column] = 1
    for name, maps in ones_network(picture).items():
        first, end = np.array(receptive_fields(VGG19.layer(name))).T
        rows, columns = ((first <= index) & (index < end) for index in pixel)
        np.testing.assert_array_equal(maps[0] > 0, np.outer(rows, columns), err_msg=name)


def test_receptive_intervals_are_the_fields_within_the_image():
    for layer in VGG19.conv_layers:
        for position, (start, stop) in enumerate(receptive_fields(layer)):
            intervals = receptive_intervals(layer, position)
            assert len(intervals) == layer.index + 1
            assert intervals[0] == (max(start, 0), min(stop, VGG19.input_side))
            assert intervals[-1] == (position, position + 1)


def noise(count, side, seed=0):
    random = np.random.default_rng([side, seed])
    return frozen(random.integers(0, 256, (count, side, side, 3)).astype(np.float32))


def first_pixel(layer, side):
    """Return the first pixel of an image centered in the receptive field."""
    start, stop = receptive_fields(layer)[middle(layer)]
    return (start + stop - side) // 2


# The fields of the last two blocks reach beyond the border.
SIDES = {
    "block1_conv1": 3,
    "block1_conv2": 1,
    "block2_conv1": 6,
    "block2_conv2": 13,
    "block3_conv1": 24,
    "block3_conv4": 16,
    "block4_conv1": 40,
    "block5_conv2": 30,
}
CASES = [*((*one, "caffe") for one in SIDES.items()), ("block3_conv1", 24, "signed")]


@pytest.mark.parametrize(("name", "side", "preprocessing"), [*CASES[::2], *slow(*CASES[1::2])])
def test_values_and_gradients_match_numpy_on_images_amid_mean_color(name, side, preprocessing):
    layer, pictures = THIN.conv_layer(name), noise(4, side)
    first, center, channels = first_pixel(layer, side), middle(layer), range(1, 5)
    thin = Network(RandomWeights(THIN), THIN).preprocessed(preprocessing)
    field = ReceptiveFieldPass(thin, layer, side)
    _, steps = outcome(field.values(noise(4, side, seed=1), channels))
    (values, gradient), fewer = outcome(field.values(pictures, channels))
    if name == "block2_conv1":
        # Three layers forward and backward, and once each of the surroundings: input and block 1.
        assert (steps, fewer) == (3 * 2 + 4, 3 * 2)
    assert (values.dtype, gradient.dtype, gradient.shape) == (*["float32"] * 2, pictures.shape)
    for channel, picture in zip(channels, pictures, strict=True):
        whole = np.full((THIN.input_side, THIN.input_side, 3), MEAN_COLOR, np.uint8)
        whole[first : first + side, first : first + side] = picture
        network = NumpyNetwork(THIN, RandomWeights(THIN), network_input(whole, preprocessing))
        expected = network.attribute(layer, channel, center, center, "gradient")
        slopes = np.moveaxis(expected.values["input"], 0, -1)
        slopes = slopes[..., ::-1] if preprocessing == "caffe" else slopes / 127.5
        slopes = slopes[first : first + side, first : first + side]
        assert values[channel - 1] == pytest.approx(expected.value, rel=1e-4, abs=1e-4)
        largest = np.abs(slopes).max()
        np.testing.assert_allclose(gradient[channel - 1], slopes, rtol=0, atol=2e-5 * largest)
