import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import numpy as np
import pytest

from tests.support import REPOSITORY
from vgg_viz.model.architecture import VGG19, Architecture
from vgg_viz.model.network import (
    Network,
    build_model,
    filter_colors,
    network_input,
    preprocess,
    preprocess_wrongly,
    steps,
    tiles_first,
)
from vgg_viz.model.weights import UntrainedWeights

CONV_LAYERS = [layer.name for layer in VGG19.conv_layers]
TINY = Architecture("Tiny", blocks=((1, 2), (1, 3)), dense=(), input_side=8)
MEAN_RED, MEAN_GREEN, MEAN_BLUE = 123.68, 116.779, 103.939


def random_pixels(side, seed):
    return np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)


class TinyWeights:
    """Kernels with one or two weights each, so that the maps can be computed by hand."""

    label = "by hand"

    def read(self, layer_name):
        if layer_name == "block1_conv1":
            kernel, bias = np.zeros((3, 3, 3, 2), np.float32), np.array([0, -10], np.float32)
            kernel[1, 1, 2, 0] = 1  # red at the position itself
            kernel[1, 0, 0, 1] = 2  # twice the blue of the left neighbor, minus 10
        else:
            kernel, bias = np.zeros((3, 3, 2, 3), np.float32), np.array([0, 0, 7], np.float32)
            kernel[1, 1, :, 0] = 1  # sum of both maps
            kernel[2, 1, 0, 1], kernel[1, 1, 1, 1] = 1, -0.5  # red below, minus half the blue
        return kernel, bias


def tiny_maps(pixels):
    """Compute the maps of the tiny network's two conv layers by hand."""
    values = pixels.astype(np.float64)
    red, blue = values[..., 0] - MEAN_RED, values[..., 2] - MEAN_BLUE
    left = np.zeros((8, 8))
    left[:, 1:] = blue[:, :-1]
    first = np.maximum([red, 2 * left - 10], 0)
    reds, blues = (  # max pool
        np.array(
            [[map_[y : y + 2, x : x + 2].max() for x in range(0, 8, 2)] for y in range(0, 8, 2)]
        )
        for map_ in first
    )
    below = np.zeros((4, 4))
    below[:-1] = reds[1:]
    second = np.maximum([reds + blues, below - blues / 2, np.full((4, 4), 7)], 0)
    return first, second


@pytest.fixture(scope="module")
def tiny():
    return Network(TinyWeights(), TINY)


# -- the input


@pytest.mark.parametrize("shape", [(224, 224, 3), (8, 8, 3), (2, 5, 3)])
def test_preprocessing_matches_keras(shape):
    import keras

    pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    before = pixels.copy()
    pixels.setflags(write=False)
    prepared = preprocess(pixels)
    expected = keras.applications.vgg19.preprocess_input(pixels.astype(np.float32)[None])
    np.testing.assert_array_equal(prepared, expected, strict=True)
    np.testing.assert_array_equal(pixels, before)


def test_preprocessing_orders_bgr_and_subtracts_the_mean():
    prepared = preprocess(np.array([[[255, 100, 0]]], np.uint8))
    expected = [0 - MEAN_BLUE, 100 - MEAN_GREEN, 255 - MEAN_RED]
    np.testing.assert_allclose(prepared, [[[expected]]], rtol=1e-6)


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((8, 8, 3), np.float32),
        np.zeros((8, 8, 3), np.int64),
        np.zeros((8, 8), np.uint8),
        np.zeros((8, 8, 4), np.uint8),
        np.zeros((1, 8, 8, 3), np.uint8),
    ],
    ids=lambda pixels: f"{pixels.dtype}_{pixels.shape}",
)
def test_only_uint8_rgb_arrays_are_accepted(pixels):
    with pytest.raises(ValueError, match=r"expected uint8 \(height, width, 3\), got"):
        preprocess(pixels)


@pytest.mark.parametrize("shape", [(224, 224, 3), (2, 5, 3)])
def test_wrong_preprocessing_divides_rgb_by_255(shape):
    pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    before = pixels.copy()
    pixels.setflags(write=False)
    prepared = preprocess_wrongly(pixels)
    assert (prepared.shape, prepared.dtype) == ((1, *shape), np.float32)
    np.testing.assert_allclose(prepared[0], pixels.astype(np.float64) / 255, rtol=1e-6)
    np.testing.assert_array_equal(pixels, before)


def test_wrong_preprocessing_of_a_pixel_matches_values_worked_by_hand():
    prepared = preprocess_wrongly(np.array([[[255, 51, 0]]], np.uint8))
    np.testing.assert_allclose(prepared, [[[[1, 0.2, 0]]]], rtol=1e-6)


# -- filters


def test_filters_are_tiles_first():
    kernel = UntrainedWeights().read("block2_conv1")[0]
    before = kernel.copy()
    filters = tiles_first(kernel)
    assert (filters.shape, filters.dtype) == ((128, 64, 3, 3), np.float32)
    for number, channel in [(0, 0), (127, 0), (0, 63), (5, 40)]:
        np.testing.assert_array_equal(filters[number, channel], kernel[:, :, channel, number])
    assert not filters.flags.writeable
    assert kernel.flags.writeable
    np.testing.assert_array_equal(kernel, before)


def test_transposed_kernel_matches_values_worked_by_hand():
    kernel = np.arange(36).reshape(3, 3, 2, 2)
    expected = [
        [[[0, 4, 8], [12, 16, 20], [24, 28, 32]], [[2, 6, 10], [14, 18, 22], [26, 30, 34]]],
        [[[1, 5, 9], [13, 17, 21], [25, 29, 33]], [[3, 7, 11], [15, 19, 23], [27, 31, 35]]],
    ]
    np.testing.assert_array_equal(tiles_first(kernel), expected)


def test_filter_colors_are_rgb_with_zero_at_mid_gray():
    filters = np.zeros((1, 3, 3, 3), np.float32)
    filters[0, 2, 0, 1] = 4  # red, above the middle
    filters[0, 1, 1, 2] = -2  # green, right of it
    filters[0, 0, 2, 0] = -4  # blue, in the lower left corner
    gray = [128, 128, 128]
    expected = [
        [gray, [255, 128, 128], gray],
        [gray, gray, [128, 64, 128]],
        [[128, 128, 0], gray, gray],
    ]
    colors = filter_colors(filters)
    np.testing.assert_array_equal(colors, np.array([expected], np.uint8), strict=True)


def test_colors_of_each_filter_have_their_own_scale():
    filters = np.random.default_rng(0).standard_normal((4, 3, 3, 3), dtype=np.float32)
    scaled = filters * np.array([1, 1e-3, 1e3, 0], np.float32)[:, None, None, None]
    colors = filter_colors(scaled)
    np.testing.assert_array_equal(colors[:3], filter_colors(filters)[:3])
    assert (colors[3] == 128).all()


def test_filter_colors_do_not_modify_the_filters():
    filters = tiles_first(UntrainedWeights().read("block1_conv1")[0])
    before = filters.copy()
    assert filter_colors(filters).shape == (64, 3, 3, 3)
    np.testing.assert_array_equal(filters, before)


@pytest.mark.parametrize("shape", [(64, 64, 3, 3), (3, 3, 3), (2, 1, 3, 3)])
def test_only_filters_of_three_channels_have_colors(shape):
    with pytest.raises(ValueError, match="expected filters of 3 channels, got shape"):
        filter_colors(np.zeros(shape, np.float32))


# -- a network small enough to compute by hand


@pytest.mark.parametrize("seed", range(4))
def test_maps_of_a_tiny_network_match_values_worked_by_hand(tiny, seed):
    pixels = random_pixels(8, seed)
    for layer_name, expected in zip(
        ("block1_conv1", "block2_conv1"), tiny_maps(pixels), strict=True
    ):
        maps = tiny.feature_maps(pixels, layer_name)
        assert (maps.shape, maps.dtype) == (expected.shape, np.float32)
        np.testing.assert_allclose(maps, expected, rtol=1e-5, atol=1e-4)


def test_blocks_of_a_tiny_network_match_values_worked_by_hand(tiny):
    pixels = random_pixels(8, 5)
    first, second = tiny_maps(pixels)
    maps, source = tiny.run(("block1_conv1", "block1_pool"), network_input(pixels))
    np.testing.assert_allclose(maps, first, rtol=1e-5, atol=1e-4)
    maps, _ = tiny.run(("block2_conv1", "block2_pool"), source)
    np.testing.assert_allclose(maps, second, rtol=1e-5, atol=1e-4)


def test_network_has_the_label_of_its_weights_and_its_architecture(tiny):
    assert tiny.label == "by hand"
    assert tiny.architecture is TINY
    assert tiny.model.name == "tiny"


def test_receptive_field_is_the_range_of_pixels_that_change_a_value():
    class Ones:
        label = "ones"

        def read(self, layer_name):
            layer = architecture.layer(layer_name)
            return np.ones(layer.kernel_shape, np.float32), np.zeros(layer.filters, np.float32)

    architecture = Architecture("Ones", blocks=((2, 1), (1, 1), (1, 1)), dense=(), input_side=64)
    network = Network(Ones(), architecture)
    gray = np.full((64, 64, 3), 200, np.uint8)
    for layer in architecture.conv_layers:
        position = layer.output_shape[0] // 2
        before = network.feature_maps(gray, layer.name)[0, position, position]
        changing = []
        for row in range(64):
            brighter = gray.copy()
            brighter[row] = 255
            after = network.feature_maps(brighter, layer.name)[0, position, position]
            if after != before:
                changing.append(row)
        center = layer.offset + position * layer.stride
        first = center - (layer.receptive_field - 1) / 2
        assert changing == [first + step for step in range(layer.receptive_field)], layer.name


# -- VGG19


def test_layers_of_the_model_match_the_architecture(untrained_network):
    layers = untrained_network.model.layers
    assert len(layers) == 22
    for layer in VGG19.layers[1:22]:
        assert layers[layer.index].name == layer.name
        assert tuple(layers[layer.index].output.shape[1:]) == layer.output_shape
        assert layers[layer.index].count_params() == layer.parameters


def test_layers_of_the_model_match_keras_without_dense_layers(untrained_network):
    import keras

    with pytest.MonkeyPatch.context() as patch:
        # The weights do not matter, and drawing random ones takes seconds.
        patch.setattr(
            keras.initializers.GlorotUniform,
            "__call__",
            lambda self, shape, dtype=None, **options: keras.ops.zeros(shape, dtype),
        )
        theirs = keras.applications.VGG19(
            include_top=False, weights=None, input_shape=(224, 224, 3)
        )
    for our_layer, their_layer in zip(untrained_network.model.layers, theirs.layers, strict=True):
        ours, their = our_layer.get_config(), their_layer.get_config()
        settings = {"strides", "padding", "activation", "kernel_size", "pool_size", "use_bias"}
        assert type(our_layer) is type(their_layer)
        assert {name: ours.get(name) for name in settings} == {
            name: their.get(name) for name in settings
        }


def test_model_has_the_given_weights(untrained_network):
    for name in CONV_LAYERS:
        given = UntrainedWeights().read(name)
        for array, expected in zip(
            untrained_network.model.get_layer(name).get_weights(), given, strict=True
        ):
            np.testing.assert_array_equal(array, expected, strict=True)


@pytest.fixture(scope="module")
def maps(untrained_network, photograph):
    """Feature maps of all 16 layers, each from its own forward pass."""
    return {name: untrained_network.feature_maps(photograph, name) for name in CONV_LAYERS}


def relative_error(maps, expected):
    return np.abs(maps - expected).max() / np.abs(expected).max()


@pytest.mark.parametrize("layer", VGG19.conv_layers, ids=lambda layer: layer.name)
def test_maps_are_tiles_first_after_relu_and_read_only(layer, maps):
    height, width, filters = layer.output_shape
    assert maps[layer.name].shape == (filters, height, width)
    assert maps[layer.name].dtype == np.float32
    assert maps[layer.name].min() == 0
    assert maps[layer.name].max() > 0
    assert not maps[layer.name].flags.writeable
    with pytest.raises(ValueError, match="read-only"):
        maps[layer.name][0, 0, 0] = 1


@pytest.mark.parametrize("name", ["block1_conv1", "block2_conv2", "block5_conv4"])
def test_maps_with_wrong_preprocessing_match_keras_on_pixels_over_255(
    name, untrained_network, photograph, maps
):
    import keras

    model = untrained_network.model
    submodel = keras.Model(model.input, model.get_layer(name).output)
    expected = submodel.predict_on_batch(photograph[None].astype(np.float32) / 255)[0]
    found = untrained_network.feature_maps(photograph, name, preprocessing="rgb")
    assert (found.shape, found.dtype) == (maps[name].shape, np.float32)
    assert relative_error(found, expected.transpose(2, 0, 1)) <= 1e-5
    assert not found.flags.writeable
    assert relative_error(found, maps[name]) > 0.1


def test_default_preprocessing_is_vggs_own(untrained_network, photograph, maps):
    found = untrained_network.feature_maps(photograph, "block2_conv2", preprocessing="caffe")
    assert relative_error(found, maps["block2_conv2"]) <= 1e-6


@pytest.mark.parametrize("preprocessing", ["", "RGB", "tf", "torch", None])
def test_unknown_preprocessing_is_a_key_error(preprocessing, tiny):
    with pytest.raises(KeyError, match=f"^{preprocessing!r}$"):
        tiny.feature_maps(random_pixels(8, 0), "block1_conv1", preprocessing)


@pytest.fixture
def compiled(monkeypatch):
    """List of the functions compiled during the test."""
    import tensorflow as tf

    passes, function = [], tf.function

    def recording(*arguments, **options):
        if len(arguments) == 2:  # with the signature of a pass; Keras compiles its own functions
            passes.append(arguments)
        return function(*arguments, **options)

    monkeypatch.setattr(tf, "function", recording)
    return passes


def test_passes_compiled_in_advance_are_not_compiled_again(compiled):
    network = Network(TinyWeights(), TINY)
    network.compile_passes(lambda: False)
    assert len(compiled) == len(set(steps(TINY)))
    pixels = random_pixels(8, 3)
    for name in ("block1_conv1", "block2_conv1"):
        network.feature_maps(pixels, name)
    network.run(("block1_conv1", "block1_pool"), network_input(pixels))
    assert len(compiled) == len(set(steps(TINY)))


def test_compiling_can_be_stopped(compiled):
    network, calls = Network(TinyWeights(), TINY), []

    def should_stop():
        calls.append(True)
        return len(calls) > 2

    network.compile_passes(should_stop)
    assert len(compiled) == 2


def test_forward_passes_do_not_modify_their_input(untrained_network, photograph):
    pixels = photograph.copy()
    untrained_network.feature_maps(pixels, "block1_conv1")
    np.testing.assert_array_equal(pixels, photograph)
    source = network_input(pixels)
    before = source.copy()
    untrained_network.run(("block1_conv2", "block1_pool"), source)
    np.testing.assert_array_equal(source, before)


def convolved(maps, kernel, bias):
    """Convolve (h, w, channels) to (h, w, filters), zero-padded, by shifted products."""
    height, width = maps.shape[:2]
    padded = np.pad(maps, [(1, 1), (1, 1), (0, 0)])
    result = np.broadcast_to(bias, (height, width, len(bias))).astype(np.float64)
    for row in range(3):
        for column in range(3):
            result += padded[row : row + height, column : column + width] @ kernel[row, column]
    return result


def pooled(maps):
    height, width, channels = maps.shape
    return maps.reshape(height // 2, 2, width // 2, 2, channels).max(axis=(1, 3))


@pytest.fixture(scope="module")
def numpy_maps(photograph):
    """Maps of all 16 layers, computed in NumPy in float64, channels last."""
    means = [MEAN_BLUE, MEAN_GREEN, MEAN_RED]
    values = photograph[:, :, ::-1].astype(np.float64) - means
    results, block = {}, "block1"
    for name in CONV_LAYERS:
        if not name.startswith(block):
            values, block = pooled(values), name.split("_")[0]
        kernel, bias = UntrainedWeights().read(name)
        values = np.maximum(convolved(values, kernel.astype(np.float64), bias), 0)
        results[name] = values
    return results


def test_numpy_convolution_matches_scipy():
    scipy_signal = pytest.importorskip("scipy.signal", reason="SciPy is not installed")
    random = np.random.default_rng(0)
    maps, kernel = random.standard_normal((6, 9, 2)), random.standard_normal((3, 3, 2, 4))
    bias = random.standard_normal(4)
    expected = [
        sum(scipy_signal.correlate2d(maps[..., c], kernel[..., c, f], "same") for c in range(2))
        + bias[f]
        for f in range(4)
    ]
    np.testing.assert_allclose(convolved(maps, kernel, bias), np.moveaxis(expected, 0, -1))


@pytest.mark.parametrize("name", CONV_LAYERS)
def test_maps_match_a_network_in_numpy(name, maps, numpy_maps):
    expected = numpy_maps[name].transpose(2, 0, 1)
    assert relative_error(maps[name], expected) <= 1e-4


def test_submodels_match_the_whole_model(untrained_network, photograph, maps):
    import keras

    model = untrained_network.model
    outputs = [model.get_layer(name).output for name in CONV_LAYERS]
    whole = keras.Model(model.input, outputs).predict_on_batch(preprocess(photograph))
    for name, output in zip(CONV_LAYERS, whole, strict=True):
        assert relative_error(maps[name], output[0].transpose(2, 0, 1)) <= 1e-5, name


@pytest.mark.parametrize("name", CONV_LAYERS)
def test_submodel_ends_with_its_layer(name, untrained_network):
    submodel = untrained_network.submodel(name)
    layer = VGG19.layer(name)
    assert submodel.layers[-1].name == name
    assert len(submodel.layers) == layer.index + 1
    assert tuple(submodel.input.shape) == (1, 224, 224, 3)


def test_summary_is_that_of_keras_up_to_the_layer(untrained_network):
    summary = untrained_network.summary("block2_conv1")
    for name in ("block1_conv1", "block1_conv2", "block1_pool", "block2_conv1"):
        assert name in summary
    assert "block2_conv2" not in summary
    assert "73,856" in summary
    assert f"Total params: {1_792 + 36_928 + 73_856:,}" in summary


# -- block by block


def test_input_of_the_first_block_is_tiles_first(photograph):
    for preprocessing, prepare in (("caffe", preprocess), ("rgb", preprocess_wrongly)):
        source = network_input(photograph, preprocessing)
        np.testing.assert_array_equal(source, prepare(photograph)[0].transpose(2, 0, 1))
        assert not source.flags.writeable


def test_steps_cover_each_layer_and_each_block():
    found = list(steps(VGG19))
    assert len(found) == len(set(found)) == 16 + 3 * 5
    assert all(len({name.split("_")[0] for name in names}) == 1 for names in found)
    assert [names for names in found if len(names) == 1 and "conv" in names[0]] == [
        (name,) for name in CONV_LAYERS
    ]
    assert ("block3_conv4", "block3_pool") in found
    assert ("block2_conv1", "block2_conv2", "block2_pool") in found
    assert list(steps(TINY)) == [
        ("block1_conv1",),
        ("block1_pool",),
        ("block1_conv1", "block1_pool"),
        ("block2_conv1",),
        ("block2_pool",),
        ("block2_conv1", "block2_pool"),
    ]


def in_block(block):
    return [name for name in CONV_LAYERS if name.startswith(f"block{block}_")]


@pytest.mark.parametrize("layers", ["last", "all"])
def test_maps_computed_block_by_block_match_single_layers(
    layers, untrained_network, photograph, maps, numpy_maps
):
    source = network_input(photograph)
    for block in range(1, 6):
        names = in_block(block) if layers == "all" else in_block(block)[-1:]
        *found, source = untrained_network.run((*names, f"block{block}_pool"), source)
        for name, values in zip(names, found, strict=True):
            assert (values.shape, values.dtype) == (maps[name].shape, np.float32)
            assert relative_error(values, maps[name]) <= 1e-5
            assert not values.flags.writeable
        expected = pooled(numpy_maps[names[-1]]).transpose(2, 0, 1)
        assert (source.shape, source.dtype) == (expected.shape, np.float32)
        assert relative_error(source, expected) <= 1e-4


@pytest.mark.parametrize(
    "names", [(), ("block1_conv2", "block1_conv1"), ("block1_conv1", "block2_conv1"), ("fc1",)]
)
def test_unsupported_step_is_a_key_error(names, untrained_network, photograph):
    with pytest.raises(KeyError):
        untrained_network.run(names, network_input(photograph))


# -- errors


@pytest.mark.parametrize(
    "name", ["block6_conv1", "BLOCK1_CONV1", "block1_pool", "input", "flatten", "fc1"]
)
def test_unknown_conv_layer_is_a_key_error(name, untrained_network, photograph):
    with pytest.raises(KeyError, match=name):
        untrained_network.feature_maps(photograph, name)
    with pytest.raises(KeyError, match=name):
        untrained_network.submodel(name)
    with pytest.raises(KeyError, match=name):
        untrained_network.summary(name)


def test_weights_of_another_shape_are_an_error():
    with pytest.raises(ValueError, match="shape"):
        build_model(UntrainedWeights(), TINY)


# -- threads


def run_concurrently(*calls):
    """Run calls at the same time, each in its own thread, and return their results."""
    start = Barrier(len(calls))

    def run(call):
        start.wait(timeout=60)
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        return [future.result() for future in [pool.submit(run, call) for call in calls]]


@pytest.mark.parametrize("attempt", range(3))
def test_first_calls_may_come_from_four_threads_at_once(attempt):
    network = Network(TinyWeights(), TINY)
    pictures = [random_pixels(8, 4 * attempt + number) for number in range(4)]
    results = run_concurrently(
        lambda: network.feature_maps(pictures[0], "block1_conv1"),
        lambda: network.feature_maps(pictures[1], "block2_conv1"),
        lambda: network.feature_maps(pictures[2], "block2_conv1"),
        lambda: network.feature_maps(pictures[3], "block2_conv1"),
    )
    for number, (maps, depth) in enumerate(zip(results, (0, 1, 1, 1), strict=True)):
        expected = tiny_maps(pictures[number])[depth]
        np.testing.assert_allclose(maps, expected, rtol=1e-5, atol=1e-4)


def test_concurrent_calls_return_the_maps_of_their_own_image(untrained_network, photograph, maps):
    turned = [np.ascontiguousarray(np.rot90(photograph, turns)) for turns in range(4)]
    name = "block3_conv1"
    alone = [untrained_network.feature_maps(pixels, name) for pixels in turned]
    results = run_concurrently(
        *(lambda pixels=pixels: untrained_network.feature_maps(pixels, name) for pixels in turned)
    )
    for result, expected in zip(results, alone, strict=True):
        assert relative_error(result, expected) <= 1e-5
    assert relative_error(results[0], maps[name]) <= 1e-5
    assert relative_error(results[1], maps[name]) > 0.1


# -- imports


def test_importing_the_module_does_not_import_tensorflow():
    program = (
        "import sys, vgg_viz.model.network\n"
        "print(*{'tensorflow', 'keras', 'h5py', 'streamlit', 'matplotlib'} & set(sys.modules))"
    )
    command = [sys.executable, "-c", program]
    result = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == ""


# -- Keras' own settings


def write_other_settings(folder, backend):
    """Write a ``keras.json`` with another backend, layout and precision."""
    settings = {"image_data_format": "channels_first", "floatx": "float16", "backend": backend}
    (folder / "keras.json").write_text(json.dumps({**settings, "epsilon": 1e-5}))


MAKE_MAPS = """
import sys
import numpy as np
from vgg_viz.model.network import Network
from vgg_viz.model.weights import UntrainedWeights
network = Network(UntrainedWeights())
np.save(sys.argv[2], network.feature_maps(np.load(sys.argv[1]), "block2_conv1"))
"""


@pytest.mark.parametrize(("named", "in_file"), [("torch", "jax"), (None, "torch")])
def test_keras_settings_of_the_machine_are_ignored(named, in_file, tmp_path, photograph, maps):
    write_other_settings(tmp_path, in_file)
    environment = {**os.environ, "KERAS_HOME": str(tmp_path)}
    environment.pop("KERAS_BACKEND", None)
    environment |= {"KERAS_BACKEND": named} if named else {}
    picture, found = tmp_path / "picture.npy", tmp_path / "maps.npy"
    np.save(picture, photograph)
    command = [sys.executable, "-c", MAKE_MAPS, str(picture), str(found)]
    subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, check=True)
    assert np.load(found).dtype == np.float32
    assert relative_error(np.load(found), maps["block2_conv1"]) <= 1e-6
