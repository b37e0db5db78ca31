import subprocess
import sys
from types import SimpleNamespace

import pytest

from tests.support import REPOSITORY
from vgg_viz.model.architecture import VGG19, Architecture, format_shape

LAYER_COUNT = 26
CLASSES = {
    "input": "InputLayer",
    "conv": "Conv2D",
    "pool": "MaxPooling2D",
    "flatten": "Flatten",
    "dense": "Dense",
}


@pytest.fixture(scope="module")
def keras_layers():
    """Layers of Keras' own VGG19, without the 574 MB model itself."""
    import keras

    with pytest.MonkeyPatch.context() as patch:
        # The weights do not matter, and drawing 144 million random numbers takes seconds.
        patch.setattr(
            keras.initializers.GlorotUniform,
            "__call__",
            lambda self, shape, dtype=None, **options: keras.ops.zeros(shape, dtype),
        )
        model = keras.applications.VGG19(weights=None)
    return [
        SimpleNamespace(
            name=layer.name,
            kind=type(layer).__name__,
            output_shape=tuple(layer.output.shape[1:]),
            parameters=layer.count_params(),
            kernel_shape=tuple(layer.kernel.shape) if hasattr(layer, "kernel") else None,
        )
        for layer in model.layers
    ]


# -- against Keras


def test_layer_count_matches_keras_vgg19(keras_layers):
    assert len(keras_layers) == len(VGG19.layers) == LAYER_COUNT


@pytest.mark.parametrize("index", range(LAYER_COUNT))
def test_layer_matches_keras_vgg19(index, keras_layers):
    layer, keras_layer = VGG19.layers[index], keras_layers[index]
    assert layer.index == index
    assert layer.kind == "input" or layer.name == keras_layer.name
    assert CLASSES[layer.kind] == keras_layer.kind
    assert layer.output_shape == keras_layer.output_shape
    assert layer.parameters == keras_layer.parameters
    if layer.kind == "conv":
        assert layer.kernel_shape == keras_layer.kernel_shape
        assert (layer.channels, layer.filters) == keras_layer.kernel_shape[2:]


def test_parameters_sum_to_the_published_counts(keras_layers):
    assert VGG19.parameters == sum(layer.parameters for layer in keras_layers) == 143_667_240
    assert VGG19.conv_parameters == 20_024_384


# -- against the walkthrough and the paper


def test_conv_numbers_match_the_walkthroughs_indices():
    assert {layer.conv_number: layer.index for layer in VGG19.conv_layers} == {
        **{1: 1, 2: 2, 3: 4, 4: 5, 5: 7, 6: 8, 7: 9, 8: 10},
        **{9: 12, 10: 13, 11: 14, 12: 15, 13: 17, 14: 18, 15: 19, 16: 20},
    }


def test_only_conv_layers_have_a_number():
    numbered = [layer.kind for layer in VGG19.layers if layer.conv_number is not None]
    assert numbered == ["conv"] * 16


def test_blocks_have_2_2_4_4_and_4_conv_layers():
    blocks = [layer.block for layer in VGG19.conv_layers]
    assert blocks == [1] * 2 + [2] * 2 + [3] * 4 + [4] * 4 + [5] * 4


def test_pool_belongs_to_the_block_before_it():
    pools = [layer for layer in VGG19.layers if layer.kind == "pool"]
    assert [layer.block for layer in pools] == [1, 2, 3, 4, 5]


def test_input_flatten_and_dense_layers_have_no_block():
    outside = [layer.kind for layer in VGG19.layers if layer.block is None]
    assert outside == ["input", "flatten", "dense", "dense", "dense"]


def test_block_ends_are_the_last_conv_layers():
    assert [layer.name for layer in VGG19.block_ends] == [
        "block1_conv2",
        "block2_conv2",
        "block3_conv4",
        "block4_conv4",
        "block5_conv4",
    ]


def test_blocks_of_vgg16_give_vgg16():
    vgg16 = Architecture("VGG16", ((2, 64), (2, 128), (3, 256), (3, 512), (3, 512)))
    assert len(vgg16.conv_layers) == 13
    # Keras' documentation: keras.io/api/applications, 138.4 million.
    assert vgg16.parameters == 138_357_544
    assert vgg16.layers[-1].index == len(vgg16.layers) - 1 == 22


# -- receptive fields


def test_receptive_fields_match_published_values():
    fields = [layer.receptive_field for layer in VGG19.conv_layers]
    assert fields == [3, 5, 10, 14, 24, 32, 40, 48, 68, 84, 100, 116, 156, 188, 220, 252]


def input_pixels(kinds, position):
    """Return the input pixels along one axis that a position depends on, without padding."""
    pixels = {position}
    for kind in reversed(kinds):
        if kind == "conv":
            pixels = {pixel + step for pixel in pixels for step in (-1, 0, 1)}
        elif kind == "pool":
            pixels = {2 * pixel + step for pixel in pixels for step in (0, 1)}
    return pixels


@pytest.mark.parametrize(
    "layer",
    [layer for layer in VGG19.layers if layer.kind in ("conv", "pool")],
    ids=lambda layer: layer.name,
)
def test_receptive_field_stride_and_offset_match_a_trace_of_pixels(layer):
    kinds = [before.kind for before in VGG19.layers[: layer.index + 1]]
    first, second = input_pixels(kinds, 0), input_pixels(kinds, 1)
    assert first == set(range(min(first), max(first) + 1))
    assert layer.receptive_field == len(first)
    assert layer.offset == (min(first) + max(first)) / 2
    assert layer.stride == min(second) - min(first)


def test_flatten_and_dense_layers_have_no_receptive_field():
    for layer in VGG19.layers[-4:]:
        assert (layer.receptive_field, layer.stride, layer.offset) == (None, None, None)


# -- names and errors


def test_layer_is_found_by_its_name():
    assert VGG19.layer("block4_conv2") is VGG19.layers[13]


@pytest.mark.parametrize("name", ["block6_conv1", "block1_conv3", "", "BLOCK1_CONV1"])
def test_unknown_name_is_a_key_error_that_quotes_it(name):
    with pytest.raises(KeyError, match=f"VGG19, got '{name}'"):
        VGG19.layer(name)


def test_title_of_a_conv_layer_has_its_number():
    assert VGG19.layer("block3_conv3").title == "7 · block3_conv3"


def test_title_of_another_layer_is_its_name():
    assert VGG19.layer("fc1").title == "fc1"


@pytest.mark.parametrize("name", ["input", "block1_pool", "flatten", "fc1"])
@pytest.mark.parametrize("attribute", ["channels", "filters"])
def test_only_conv_layers_have_filters_and_channels(name, attribute):
    with pytest.raises(ValueError, match=f"expected a conv layer, got {name}"):
        getattr(VGG19.layer(name), attribute)


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ((224, 224, 64), "224 × 224 × 64"),
        ((3, 3, 3, 64), "3 × 3 × 3 × 64"),
        ((25088,), "25,088"),
        ([7], "7"),
    ],
)
def test_shape_is_formatted_for_the_page(shape, words):
    assert format_shape(shape) == words


# -- imports


@pytest.mark.parametrize(
    ("module", "heavy"),
    [
        ("vgg_viz.model.architecture", "tensorflow keras numpy streamlit matplotlib PIL h5py"),
        ("vgg_viz.ui.views.architecture_view", "tensorflow keras h5py"),
    ],
)
def test_architecture_imports_no_heavy_module(module, heavy):
    program = f"import sys, {module}; print(*set({heavy.split()}) & set(sys.modules))"
    command = [sys.executable, "-c", program]
    result = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == ""


def test_conv_layer_and_block_are_found_by_name():
    layer = VGG19.conv_layer("block3_conv2")
    assert layer is VGG19.conv_layers[5]
    assert [VGG19.block_of(name) for name in ("block3_conv2", "block3_pool")] == [3, 3]
    with pytest.raises(KeyError, match="expected a conv layer of VGG19, got 'block3_pool'"):
        VGG19.conv_layer("block3_pool")
    for name in ("input", "flatten", "fc1"):
        with pytest.raises(KeyError, match="expected a conv or pooling layer of VGG19"):
            VGG19.block_of(name)
