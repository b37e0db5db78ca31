import pytest

from tests.support.maps import zeros_vgg19
from vgg_viz.model.architecture import VGG19, Architecture

LAYER_COUNT = 26
CLASSES = {
    "input": "InputLayer",
    "conv": "Conv2D",
    "pool": "MaxPooling2D",
    "flatten": "Flatten",
    "dense": "Dense",
}


def test_layers_and_parameters_match_keras_vgg19():
    keras_layers = zeros_vgg19().layers
    assert len(keras_layers) == len(VGG19.layers) == LAYER_COUNT
    for index, (layer, keras_layer) in enumerate(zip(VGG19.layers, keras_layers, strict=True)):
        assert layer.index == index
        assert layer.kind == "input" or layer.name == keras_layer.name
        assert CLASSES[layer.kind] == type(keras_layer).__name__
        assert layer.output_shape == keras_layer.output.shape[1:]
        assert layer.parameters == keras_layer.count_params()
        if layer.kind == "conv":
            assert layer.kernel_shape == keras_layer.kernel.shape
            assert (layer.channels, layer.filters) == keras_layer.kernel.shape[2:]
        if layer.kind == "dense":
            assert layer.matrix_shape == keras_layer.kernel.shape
    assert VGG19.parameters == 143_667_240
    assert VGG19.conv_parameters == 20_024_384


def test_blocks_have_2_2_4_4_and_4_conv_layers_and_a_pool():
    for number, depth in enumerate((2, 2, 4, 4, 4), start=1):
        *convs, pool = VGG19.block(number)
        assert len(convs) == depth
        assert (pool, convs[-1]) == (VGG19.pools[number - 1], VGG19.block_ends[number - 1])
        assert {layer.block for layer in (*convs, pool)} == {number}
    outside = [layer.kind for layer in VGG19.layers if layer.block is None]
    assert outside == ["input", "flatten", "dense", "dense", "dense"]


def test_blocks_of_vgg16_give_vgg16():
    vgg16 = Architecture("VGG16", ((2, 64), (2, 128), (3, 256), (3, 512), (3, 512)))
    assert len(vgg16.conv_layers) == 13
    # Keras' documentation: keras.io/api/applications, 138.4 million.
    assert vgg16.parameters == 138_357_544
    assert vgg16.layers[-1].index == len(vgg16.layers) - 1 == 22


def input_pixels(kinds, position):
    """Return the input pixels along one axis that a position depends on, without padding."""
    pixels = {position}
    for kind in reversed(kinds):
        if kind == "conv":
            pixels = {pixel + step for pixel in pixels for step in (-1, 0, 1)}
        elif kind == "pool":
            pixels = {2 * pixel + step for pixel in pixels for step in (0, 1)}
    return pixels


def test_receptive_field_stride_and_offset_match_a_trace_of_pixels():
    for layer in VGG19.layers:
        kinds = [before.kind for before in VGG19.layers[: layer.index + 1]]
        if layer.kind not in ("conv", "pool"):
            assert (layer.receptive_field, layer.stride, layer.offset) == (None, None, None)
            continue
        first, second = input_pixels(kinds, 0), input_pixels(kinds, 1)
        assert first == set(range(min(first), max(first) + 1))
        assert layer.receptive_field == len(first)
        assert layer.offset == (min(first) + max(first)) / 2
        assert layer.stride == min(second) - min(first)


def test_layers_have_titles_and_are_found_by_name():
    assert VGG19.layer("block3_conv3").title == "7 · block3_conv3"
    assert VGG19.layer("fc1").title == "fc1"
    assert VGG19.layer("block4_conv2") is VGG19.layers[13]
    assert VGG19.conv_layer("block3_conv2") is VGG19.conv_layers[5]
    for find, name in ((VGG19.layer, "block6_conv1"), (VGG19.conv_layer, "block3_pool")):
        with pytest.raises(KeyError, match=name):
            find(name)
