import os
import subprocess
import sys
from threading import Barrier

import numpy as np
import pytest

from tests.support import REPOSITORY
from tests.support.maps import BiasedWeights, zeros_vgg19
from tests.support.numpy_network import NumpyNetwork
from tests.support.thin import RandomWeights, noise
from vgg_viz.model.architecture import VGG19, Architecture
from vgg_viz.model.network import (
    Network,
    color_images,
    import_keras,
    network_input,
)
from vgg_viz.model.preprocessing import PREPROCESSINGS

TINY = Architecture("Tiny", blocks=((1, 2), (1, 3)), dense=(), input_side=8)
MEAN_RED, MEAN_GREEN, MEAN_BLUE = 123.68, 116.779, 103.939


def numpy_maps(pixels, preprocessing="caffe"):
    """Compute all maps of the tiny network in float64, by layer name."""
    return NumpyNetwork(TINY, RandomWeights(TINY), network_input(pixels, preprocessing)).after


@pytest.fixture(scope="module")
def tiny():
    return Network(RandomWeights(TINY), TINY)


def test_inputs_match_values_worked_by_hand():
    pixels = np.array([[[255, 51, 0]]], np.uint8)
    expected = [0 - MEAN_BLUE, 51 - MEAN_GREEN, 255 - MEAN_RED]
    for found, values in (
        (network_input(pixels), expected),
        (network_input(pixels, "rgb"), [1, 0.2, 0]),
        (network_input(pixels, "signed"), [1, -0.6, -1]),
    ):
        assert (found.shape, found.dtype) == ((3, 1, 1), np.float32)
        assert not found.flags.writeable
        np.testing.assert_allclose(found.ravel(), values, rtol=1e-6)


@pytest.mark.parametrize("preprocessing", PREPROCESSINGS.values(), ids=lambda one: one.name)
def test_inverting_a_preprocessing_returns_the_pixels_and_its_gradient_is_the_slope(preprocessing):
    pixels = noise(9)[:5]
    np.testing.assert_array_equal(preprocessing.invert(preprocessing.apply(pixels)), pixels)
    weights = np.random.default_rng(1).normal(size=pixels.shape).astype(np.float32)
    brighter = pixels.astype(np.float32)
    brighter[2, 3, 0] += 8
    change = weights * (preprocessing.apply(brighter) - preprocessing.apply(pixels))
    gradient = preprocessing.backward(weights)
    assert 8 * gradient[2, 3, 0] == pytest.approx(change.sum(dtype=np.float64), rel=1e-4)


def test_filter_colors_are_rgb_with_zero_at_mid_gray():
    filters = np.zeros((4, 3, 3, 3), np.float32)
    filters[0, 2, 0, 1] = 4  # red, above the middle
    filters[0, 1, 1, 2] = -2  # green, right of it
    filters[0, 0, 2, 0] = -4  # blue, in the lower left corner
    gray = [128, 128, 128]
    expected = [
        [gray, [255, 128, 128], gray],
        [gray, gray, [128, 64, 128]],
        [[128, 128, 0], gray, gray],
    ]
    filters[1:3] = 1e-3 * filters[0], 1e3 * filters[0]  # on their own scales; the last is zero
    colors = color_images(filters)
    np.testing.assert_array_equal(colors[:3], np.array([expected] * 3, np.uint8), strict=True)
    assert (colors[3] == 128).all()


def test_maps_of_a_small_network_match_numpy(tiny):
    pixels = noise(8)
    expected, source = numpy_maps(pixels), network_input(pixels)
    for name in ("block1_conv1", "block2_conv1"):
        found, source = tiny.run((name, name.replace("conv1", "pool")), source)
        for maps in (found, tiny.feature_maps(pixels, name)):
            assert (maps.shape, maps.dtype) == (expected[name].shape, np.float32)
            assert not maps.flags.writeable
            np.testing.assert_allclose(maps, expected[name], rtol=1e-5, atol=1e-4)
    wrong = tiny.preprocessed("rgb").feature_maps(pixels, "block2_conv1")
    np.testing.assert_allclose(wrong, numpy_maps(pixels, "rgb")["block2_conv1"], 1e-5, 1e-6)


@pytest.fixture(scope="module")
def keras_vgg19():
    """Keras' own VGG19 without dense layers, with the weights of the biased network."""
    model = zeros_vgg19(include_top=False, input_shape=(224, 224, 3))
    for layer in VGG19.conv_layers:
        model.get_layer(layer.name).set_weights(BiasedWeights().read(layer.name))
    return model


def test_maps_of_all_layers_match_keras(biased_network, keras_vgg19, photograph):
    import keras

    outputs = {layer.name: layer.output for layer in keras_vgg19.layers[1:]}
    model = keras.Model(keras_vgg19.input, outputs)
    batch = np.moveaxis(network_input(photograph), 0, -1)[None]
    expected = {
        name: np.moveaxis(np.asarray(values)[0], -1, 0) for name, values in model(batch).items()
    }

    def assert_near(found, name):
        assert (found.shape, found.dtype) == (expected[name].shape, np.float32)
        assert np.abs(found - expected[name]).max() <= 1e-5 * np.abs(expected[name]).max()
        assert not found.flags.writeable

    source = network_input(photograph)
    for block, end in enumerate(VGG19.block_ends, start=1):
        maps = biased_network.run_block(block, source)
        maps[end.name + " alone"], pooled = biased_network.run(
            (end.name, f"block{block}_pool"), source
        )
        for name, values in maps.items():
            assert_near(values, name.removesuffix(" alone"))
        assert_near(pooled, f"block{block}_pool")
        source = pooled
    for name in ("block1_conv1", "block3_conv2"):
        assert_near(biased_network.feature_maps(photograph, name), name)


def test_summary_is_that_of_keras_up_to_the_layer(biased_network):
    summary = biased_network.summary("block2_conv1")
    for name in ("block1_conv1", "block1_conv2", "block1_pool", "block2_conv1"):
        assert name in summary
    assert "block2_conv2" not in summary
    assert f"Total params: {1_792 + 36_928 + 73_856:,}" in summary


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
    network = Network(RandomWeights(TINY), TINY)
    network.compile_passes(lambda: False)
    assert len(compiled) == 6  # each layer, each pool, and each block's last layer with its pool
    source = network_input(noise(8))
    for block in (1, 2):
        conv, pool = f"block{block}_conv1", f"block{block}_pool"
        network.run((conv,), source)
        network.run((pool,), source)
        _, source = network.run((conv, pool), source)
    assert len(compiled) == 6


def test_compiling_can_be_stopped(compiled):
    network, calls = Network(RandomWeights(TINY), TINY), []

    def should_stop():
        calls.append(True)
        return len(calls) > 2

    network.compile_passes(should_stop)
    assert len(compiled) == 2


@pytest.mark.parametrize("attempt", range(2))
def test_first_calls_may_come_from_four_threads_at_once(attempt, threads):
    network, start = Network(RandomWeights(TINY), TINY), Barrier(4)
    pictures = [noise(8, 4 * attempt + number) for number in range(4)]
    names = ["block1_conv1", *["block2_conv1"] * 3]

    def run(pixels, name):
        start.wait(timeout=60)
        return network.feature_maps(pixels, name)

    results = threads.map(run, pictures, names)
    for pixels, maps, name in zip(pictures, results, names, strict=True):
        np.testing.assert_allclose(maps, numpy_maps(pixels)[name], rtol=1e-5, atol=1e-4)


def test_keras_gets_its_folder_without_a_tilde(monkeypatch, tmp_path):
    """Keras would create a folder of the name "~" where the server was started."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("KERAS_HOME", "~/keras")
    import_keras()
    assert os.environ["KERAS_HOME"] == str(tmp_path / "keras")


@pytest.mark.slow
def test_keras_settings_of_the_machine_are_ignored(tmp_path):
    (tmp_path / "keras.json").write_text(
        '{"image_data_format": "channels_first", "floatx": "float16", "backend": "jax"}'
    )
    script = (
        "from vgg_viz.model.network import import_keras; config = import_keras().config\n"
        "print(config.backend(), config.image_data_format(), config.floatx())"
    )
    environment = {**os.environ, "KERAS_HOME": str(tmp_path), "KERAS_BACKEND": "torch"}
    command = [sys.executable, "-c", script]
    run = subprocess.run(
        command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=True
    )
    assert run.stdout.split() == ["tensorflow", "channels_last", "float32"]
