"""Decomposition of a value into its terms, by hand, by brute force and against the network."""

import subprocess
import sys
from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from tests.support import REPOSITORY
from tests.support.maps import BiasedWeights, frozen, random_array
from vgg_viz.interpretability.decomposition import (
    decompose,
    layer_input,
    pixel_colors,
    previous_conv,
    source_position,
)
from vgg_viz.interpretability.map_statistics import histogram, ranks, statistics
from vgg_viz.model.architecture import VGG19, Architecture
from vgg_viz.model.network import preprocess, tiles_first
from vgg_viz.model.weights import UntrainedWeights

CONV_LAYERS = pytest.mark.parametrize("layer", VGG19.conv_layers, ids=lambda layer: layer.name)

# Small enough to check by hand: 8 x 8 maps, then 4 x 4 maps.
SMALL = Architecture("small", ((1, 4), (2, 5)), dense=(), input_side=8)


# -- input of a layer


def test_previous_conv_layer_is_the_one_before():
    layers = VGG19.conv_layers
    assert [previous_conv(layer) for layer in layers] == [None, *layers[:-1]]


def test_previous_conv_layer_depends_on_the_architecture():
    assert previous_conv(SMALL.conv_layers[2], SMALL) is SMALL.conv_layers[1]


@pytest.mark.parametrize("name", ["input", "block2_pool", "fc1"])
def test_other_layers_than_conv_layers_are_an_error(name, photograph):
    layer = VGG19.layer(name)
    for call in (
        lambda: previous_conv(layer),
        lambda: layer_input(layer, photograph, None),
        lambda: source_position(layer, None, np.ones((3, 3)), 0, 0, 0),
    ):
        with pytest.raises(ValueError, match=f"expected a conv layer, got {name}"):
            call()


def test_input_of_the_first_layer_is_the_preprocessed_image(photograph):
    array = layer_input(VGG19.conv_layers[0], photograph, None)
    assert (array.dtype, array.shape) == (np.float32, (3, 224, 224))
    for channel, (color, mean) in enumerate([(2, 103.939), (1, 116.779), (0, 123.68)]):
        expected = photograph[..., color].astype(np.float64) - mean
        np.testing.assert_allclose(array[channel], expected, atol=1e-4)


def test_input_within_a_block_is_the_previous_layers_maps(photograph):
    maps = random_array(5, 4, 4)
    array = layer_input(SMALL.conv_layers[2], photograph, maps, SMALL)
    assert array.dtype == np.float32
    np.testing.assert_array_equal(array, maps)


def test_input_of_a_blocks_first_layer_is_pooled(photograph):
    maps = random_array(4, 8, 8)
    array = layer_input(SMALL.conv_layers[1], photograph, maps, SMALL)
    assert (array.dtype, array.shape) == (np.float32, (4, 4, 4))
    for n, row, column in np.ndindex(array.shape):
        four = maps[n, 2 * row : 2 * row + 2, 2 * column : 2 * column + 2]
        assert array[n, row, column] == max(four.ravel())


def test_pool_drops_an_odd_last_row_like_keras(photograph):
    odd = Architecture("odd", ((1, 1), (1, 1)), dense=(), input_side=5)
    maps = frozen(np.arange(25, dtype=np.float32).reshape(1, 5, 5))
    array = layer_input(odd.conv_layers[1], photograph, maps, odd)
    assert array.tolist() == [[[6, 8], [16, 18]]]


@pytest.mark.parametrize("shape", [(4, 4, 4), (4, 8, 7), (5, 8, 8), (8, 8, 4), (4, 8)])
def test_maps_of_another_layer_are_an_error(shape, photograph):
    maps = np.zeros(shape, np.float32)
    layer = SMALL.conv_layers[1]
    with pytest.raises(ValueError, match=r"maps of block1_conv1, \(4, 8, 8\), got \("):
        layer_input(layer, photograph, maps, SMALL)
    with pytest.raises(ValueError, match=r"maps of block1_conv1, \(4, 8, 8\), got \("):
        source_position(layer, maps, np.ones((3, 3)), 0, 0, 0, SMALL)


def test_missing_maps_of_the_previous_layer_are_an_error(photograph):
    with pytest.raises(ValueError, match=r"maps of block1_conv1, .* got None"):
        layer_input(SMALL.conv_layers[1], photograph, None, SMALL)


# -- terms, against the network


def positions_to_try(side, seed):
    """Return all corners, a position on each border and random ones."""
    last, random = side - 1, np.random.default_rng(seed)
    along = random.integers(1, last, 4).tolist()
    borders = [(0, along[0]), (last, along[1]), (along[2], 0), (along[3], last)]
    anywhere = random.integers(0, side, (8, 2)).tolist()
    return [*product((0, last), repeat=2), *borders, *map(tuple, anywhere)]


@CONV_LAYERS
def test_terms_sum_to_the_networks_value(layer, photograph, computed_maps):
    previous = previous_conv(layer)
    source = layer_input(layer, photograph, computed_maps[previous.name] if previous else None)
    maps = computed_maps[layer.name]
    kernel, bias = BiasedWeights().read(layer.name)
    filters = tiles_first(kernel)
    random = np.random.default_rng(layer.index)
    for row, column in positions_to_try(maps.shape[1], layer.index):
        largest = int(maps[:, row, column].argmax())
        for index in (largest, *random.integers(0, layer.filters, 4)):
            computed = maps[index, row, column]
            terms = decompose(source, filters[index], bias[index], computed, row, column)
            assert terms.agrees
            assert terms.computed == computed
            parts = sum(terms.contributions.tolist()) + terms.bias
            assert terms.total == pytest.approx(parts, rel=1e-12, abs=1e-9)
            assert terms.result == max(terms.total, 0)
            if index == largest:
                assert terms.result == pytest.approx(computed, rel=1e-4)


@CONV_LAYERS
def test_terms_of_another_value_do_not_agree(layer, photograph, computed_maps):
    """A wrong position, filter, orientation or bias is noticed."""
    previous = previous_conv(layer)
    source = layer_input(layer, photograph, computed_maps[previous.name] if previous else None)
    maps = computed_maps[layer.name]
    kernel, bias = BiasedWeights().read(layer.name)
    filters = tiles_first(kernel)
    row, column = maps.shape[1] // 3, maps.shape[1] // 2
    index = int(maps[:, row, column].argmax())
    right = (source, filters[index], bias[index], maps[index, row, column], row, column)
    assert decompose(*right).agrees
    for argument, wrong in [
        (0, source[::-1]),
        (1, filters[index - 1]),
        (1, filters[index][:, ::-1, ::-1]),
        (1, filters[index].transpose(0, 2, 1)),
        (2, 0.0),
        (3, maps[index, row, column] * 1.01),
        (4, row + 1),
        (5, column + 1),
    ]:
        arguments = [*right[:argument], wrong, *right[argument + 1 :]]
        assert not decompose(*arguments).agrees, argument


def test_terms_sum_to_the_untrained_networks_value(untrained_network, photograph):
    layer = VGG19.layer("block2_conv1")
    previous_maps = untrained_network.feature_maps(photograph, "block1_conv2")
    maps = untrained_network.feature_maps(photograph, layer.name)
    kernel, bias = UntrainedWeights().read(layer.name)
    source = layer_input(layer, photograph, previous_maps)
    for row, column in positions_to_try(112, seed=1):
        index = int(maps[:, row, column].argmax())
        computed = maps[index, row, column]
        assert decompose(
            source, tiles_first(kernel)[index], bias[index], computed, row, column
        ).agrees


# -- terms, by hand


def test_terms_match_values_worked_by_hand():
    source = frozen(np.arange(2 * 4 * 4, dtype=np.float32).reshape(2, 4, 4))
    kernel = np.zeros((2, 3, 3), np.float32)
    kernel[0, 0, 2], kernel[1, 2, 1] = 10, -1
    terms = decompose(source, frozen(kernel), 0.5, 21.5, 1, 2)
    assert terms.patch.tolist() == [
        [[1, 2, 3], [5, 6, 7], [9, 10, 11]],
        [[17, 18, 19], [21, 22, 23], [25, 26, 27]],
    ]
    assert terms.patch.dtype == np.float32
    assert terms.inside.dtype == bool
    assert terms.inside.all()
    assert (terms.products[0, 0, 2], terms.products[1, 2, 1]) == (30, -26)
    assert np.count_nonzero(terms.products) == 2
    assert terms.contributions.tolist() == [30, -26]
    assert terms.contributions.dtype == terms.products.dtype == np.float64
    assert (terms.bias, terms.total, terms.result, terms.computed) == (0.5, 4.5, 4.5, 21.5)
    assert not terms.agrees
    assert {type(number) for number in (terms.bias, terms.total, terms.result, terms.computed)} == {
        float
    }


@pytest.mark.parametrize(
    ("row", "column", "patch", "inside"),
    [
        (0, 0, [[0, 0, 0], [0, 1, 2], [0, 4, 5]], [[0, 0, 0], [0, 1, 1], [0, 1, 1]]),
        (0, 2, [[0, 0, 0], [2, 3, 0], [5, 6, 0]], [[0, 0, 0], [1, 1, 0], [1, 1, 0]]),
        (2, 0, [[0, 4, 5], [0, 7, 8], [0, 0, 0]], [[0, 1, 1], [0, 1, 1], [0, 0, 0]]),
        (2, 1, [[4, 5, 6], [7, 8, 9], [0, 0, 0]], [[1, 1, 1], [1, 1, 1], [0, 0, 0]]),
        (1, 1, [[1, 2, 3], [4, 5, 6], [7, 8, 9]], [[1, 1, 1], [1, 1, 1], [1, 1, 1]]),
    ],
)
def test_patch_is_zero_beyond_the_border(row, column, patch, inside):
    source = frozen(np.arange(1, 10, dtype=np.float32).reshape(1, 3, 3))
    terms = decompose(source, np.ones((1, 3, 3), np.float32), 0, 0, row, column)
    assert terms.patch[0].tolist() == patch
    assert terms.inside.astype(int).tolist() == inside
    assert terms.total == np.sum(patch)


def test_maps_may_be_rectangular():
    source = frozen(np.arange(1, 11, dtype=np.float32).reshape(1, 2, 5))
    terms = decompose(source, np.ones((1, 3, 3), np.float32), 0, 0, 1, 4)
    assert terms.patch[0].tolist() == [[4, 5, 0], [9, 10, 0], [0, 0, 0]]


def test_relu_sets_a_negative_sum_to_zero():
    terms = decompose(np.ones((1, 3, 3)), -np.ones((1, 3, 3)), -1, 0, 1, 1)
    assert (terms.total, terms.result, terms.agrees) == (-10, 0, True)


def test_products_are_summed_in_float64():
    source = np.array([2**24, 1, -(2**24)], np.float32)[:, None, None] * np.ones((3, 3, 3), "f4")
    terms = decompose(source, np.ones((3, 3, 3), np.float32), 0, 9, 1, 1)
    assert terms.total == 9


@pytest.mark.parametrize(
    ("computed", "agrees"),
    [(90, True), (90.008, True), (89.992, True), (90.01, False), (89.99, False), (0, False)],
)
def test_tolerance_without_cancellation_is_1e_4_of_the_value(computed, agrees):
    terms = decompose(np.ones((10, 3, 3), np.float32), np.ones((10, 3, 3)), 0, computed, 1, 1)
    assert terms.result == 90
    assert terms.agrees is agrees


@pytest.mark.parametrize(
    ("computed", "agrees"), [(1, True), (1.009, True), (0.991, True), (1.02, False), (0.98, False)]
)
def test_tolerance_with_cancellation_is_1e_6_of_the_terms(computed, agrees):
    """5000 - 4999 + 1 - 1: the magnitudes sum to 10,001, the value is 1."""
    kernel = np.zeros((2, 3, 3))
    kernel[0, 0, 0], kernel[1, 1, 1], kernel[0, 2, 2] = 5000, -4999, 1
    terms = decompose(np.ones((2, 3, 3), np.float32), kernel, -1, computed, 1, 1)
    assert terms.tolerance == pytest.approx(0.010001, rel=1e-6)
    assert terms.agrees is agrees


def test_nan_never_agrees():
    terms = decompose(np.ones((1, 3, 3)), np.ones((1, 3, 3)), 0, float("nan"), 1, 1)
    assert not terms.agrees


@pytest.mark.parametrize(
    ("count", "positive", "negative"),
    [
        (1, [4], [1]),
        (2, [4, 0], [1, 6]),
        (3, [4, 0, 3], [1, 6, 2]),
        (9, [4, 0, 3], [1, 6, 2]),
        (0, [], []),
    ],
)
def test_strongest_channels_match_values_worked_by_hand(count, positive, negative):
    amounts = [5, -8, -1, 2, 7, 0, -3]
    kernel = np.zeros((7, 3, 3))
    kernel[:, 1, 1] = amounts
    terms = decompose(np.ones((7, 3, 3), np.float32), kernel, 0, 0, 1, 1)
    found = terms.strongest(count)
    assert [indices.tolist() for indices in found] == [positive, negative]


@pytest.mark.parametrize("shape", [(2, 3, 3), (3, 3, 2), (3, 3), (3, 5, 5), (1, 3, 3, 3)])
def test_filter_of_another_shape_is_an_error(shape):
    with pytest.raises(ValueError, match=r"expected a filter \(3, 3, 3\), got \("):
        decompose(np.ones((3, 4, 4)), np.ones(shape), 0, 0, 1, 1)


# -- source in the previous layer


def source_by_brute_force(maps, kernel, row, column, *, pooled):
    """Find the position with the largest product by a loop over all positions."""
    side = len(maps) // 2 if pooled else len(maps)
    largest, best = 0.0, None
    for down, right in product(range(3), repeat=2):
        at = row + down - 1, column + right - 1
        if not (0 <= at[0] < side and 0 <= at[1] < side):
            continue
        window = [(2 * at[0] + i, 2 * at[1] + j) for i in (0, 1) for j in (0, 1)]
        source = max(window, key=lambda position: maps[position]) if pooled else at
        magnitude = abs(float(maps[source]) * float(kernel[down, right]))
        if magnitude > largest:
            largest, best = magnitude, source
    return best


@pytest.mark.parametrize("number", [2, 3])
@pytest.mark.parametrize("channel", [0, 3])
def test_source_of_every_position_matches_brute_force(number, channel):
    layer = SMALL.conv_layers[number - 1]
    pooled = number == 2
    maps = random_array(layer.channels, *(layer.output_shape[0] * (1 + pooled),) * 2, seed=number)
    maps = frozen(np.maximum(maps, 0))
    for seed, (row, column) in enumerate(product(range(4), repeat=2)):
        kernel = random_array(3, 3, seed=seed)
        found = source_position(layer, maps, kernel, channel, row, column, SMALL)
        expected = source_by_brute_force(maps[channel], kernel, row, column, pooled=pooled)
        assert found == expected
        if found is not None:
            assert [type(number) for number in found] == [int, int]


@pytest.mark.parametrize("name", ["block1_conv2", "block3_conv1", "block4_conv3", "block5_conv1"])
def test_source_in_the_networks_maps_matches_brute_force(name, computed_maps):
    layer = VGG19.layer(name)
    previous = previous_conv(layer)
    maps = computed_maps[previous.name]
    kernel = tiles_first(BiasedWeights().read(name)[0])[5]
    side = layer.output_shape[0]
    assert maps.shape[1] == side * (1 + (previous.block != layer.block))
    for channel, (row, column) in enumerate(positions_to_try(side, seed=layer.index)):
        found = source_position(layer, maps, kernel[channel], channel, row, column)
        assert found == source_by_brute_force(
            maps[channel], kernel[channel], row, column, pooled=len(maps[0]) > side
        )


def test_source_may_have_a_negative_product():
    maps = np.zeros((5, 4, 4), np.float32)
    maps[2, 1, 1], maps[2, 2, 2] = 3, 4
    kernel = np.zeros((3, 3), np.float32)
    kernel[0, 0], kernel[1, 1] = -2, 1
    assert source_position(SMALL.conv_layers[2], maps, kernel, 2, 2, 2, SMALL) == (1, 1)


def test_first_of_equal_sources_is_returned():
    maps = np.ones((4, 8, 8), np.float32)
    layer = SMALL.conv_layers[1]
    assert source_position(layer, maps, np.ones((3, 3)), 0, 2, 2, SMALL) == (2, 2)
    assert source_position(layer, maps, np.ones((3, 3)), 0, 0, 0, SMALL) == (0, 0)


@pytest.mark.parametrize(("row", "column"), [(0, 0), (0, 3), (3, 3)])
def test_window_of_zeros_has_no_source(row, column):
    maps = np.ones((5, 4, 4), np.float32)
    maps[1, max(row - 1, 0) : row + 2, max(column - 1, 0) : column + 2] = 0
    layer = SMALL.conv_layers[2]
    assert source_position(layer, maps, np.ones((3, 3)), 1, row, column, SMALL) is None
    assert source_position(layer, maps, np.ones((3, 3)), 0, row, column, SMALL) is not None


def test_kernel_that_reaches_only_padding_has_no_source():
    kernel = np.zeros((3, 3))
    kernel[0] = 1
    layer, maps = SMALL.conv_layers[2], np.ones((5, 4, 4), np.float32)
    assert source_position(layer, maps, kernel, 0, 0, 1, SMALL) is None
    assert source_position(layer, maps, kernel, 0, 1, 1, SMALL) == (0, 0)


def test_first_layer_has_no_source():
    assert source_position(VGG19.conv_layers[0], None, np.ones((3, 3)), 2, 5, 5) is None


@pytest.mark.parametrize("channel", [-1, 5, 512])
def test_unknown_channel_is_an_error(channel):
    layer, maps = SMALL.conv_layers[2], np.ones((5, 4, 4))
    with pytest.raises(IndexError, match=f"expected a channel from 0 to 4, got {channel}"):
        source_position(layer, maps, np.ones((3, 3)), channel, 0, 0, SMALL)


@pytest.mark.parametrize("shape", [(5, 3, 3), (3,), (2, 2)])
def test_kernel_of_another_shape_is_an_error(shape):
    layer, maps = SMALL.conv_layers[2], np.ones((5, 4, 4))
    with pytest.raises(ValueError, match=r"expected a kernel \(3, 3\), got \("):
        source_position(layer, maps, np.ones(shape), 0, 0, 0, SMALL)


# -- invalid positions


BAD_POSITIONS = pytest.mark.parametrize(
    ("row", "column"), [(-1, 0), (0, -1), (4, 0), (0, 4), (4, 4), (10**9, 2)]
)


@BAD_POSITIONS
def test_position_outside_the_map_is_an_error(row, column):
    expected = f"row from 0 to 3 and a column from 0 to 3, got {row} and {column}"
    layer = SMALL.conv_layers[2]
    with pytest.raises(IndexError, match=expected):
        decompose(np.ones((5, 4, 4)), np.ones((5, 3, 3)), 0, 0, row, column)
    with pytest.raises(IndexError, match=expected):
        source_position(layer, np.ones((5, 4, 4)), np.ones((3, 3)), 0, row, column, SMALL)


@pytest.mark.parametrize("bad", [1.5, float("nan"), "1", None])
def test_position_that_is_not_an_integer_is_an_error(bad):
    with pytest.raises(TypeError):
        decompose(np.ones((1, 4, 4)), np.ones((1, 3, 3)), 0, 0, 0, bad)


# -- colors of a patch


def test_patch_of_the_image_has_its_pixels(photograph):
    source = layer_input(VGG19.conv_layers[0], photograph, None)
    for row, column in [(1, 1), (100, 57), (222, 222)]:
        terms = decompose(source, np.ones((3, 3, 3)), 0, 0, row, column)
        colors = pixel_colors(terms.patch)
        assert colors.dtype == np.uint8
        expected = photograph[row - 1 : row + 2, column - 1 : column + 2]
        np.testing.assert_array_equal(colors, expected)


def test_pixel_colors_invert_the_preprocessing():
    values = np.arange(256, dtype=np.uint8)
    pixels = np.stack([values, values[::-1], np.roll(values, 100)], axis=-1)[None]
    patch = np.moveaxis(preprocess(pixels)[0], -1, 0)
    np.testing.assert_array_equal(pixel_colors(frozen(patch)), pixels)


def test_padding_has_the_mean_color():
    assert pixel_colors(frozen(np.zeros((3, 1, 1), np.float32))).tolist() == [[[124, 117, 104]]]


@pytest.mark.parametrize("shape", [(3, 3), (64, 3, 3), (1, 3, 3, 3)])
def test_only_three_channels_have_colors(shape):
    with pytest.raises(ValueError, match=r"expected a patch \(3, height, width\), got shape \("):
        pixel_colors(np.zeros(shape))


# -- side effects and imports


def test_inputs_are_not_modified(photograph):
    """The arrays are writable, while other tests pass read-only ones."""
    maps = np.array(random_array(4, 8, 8))
    kernel = np.array(random_array(4, 3, 3))
    pixels = np.array(photograph)
    before = [array.copy() for array in (maps, kernel, pixels)]
    source = layer_input(SMALL.conv_layers[1], pixels, maps, SMALL)
    terms = decompose(source, kernel, 0.5, 1.0, 0, 3)
    terms.patch[:] = 99
    terms.products[:] = 99
    terms.strongest(2)
    source_position(SMALL.conv_layers[1], maps, kernel[0], 0, 0, 3, SMALL)
    ranks(statistics(maps).mean)
    histogram(maps[0])
    first = layer_input(VGG19.conv_layers[0], pixels, None)
    pixel_colors(first)
    for array, copy in zip((maps, kernel, pixels), before, strict=True):
        np.testing.assert_array_equal(array, copy)


def test_decomposition_is_frozen():
    terms = decompose(np.ones((1, 3, 3)), np.ones((1, 3, 3)), 0, 9, 1, 1)
    with pytest.raises(AttributeError):
        terms.total = 1.0
    assert not replace(terms, result=1.0).agrees


def test_decomposition_imports_neither_tensorflow_nor_streamlit():
    heavy = {"tensorflow", "keras", "streamlit", "matplotlib", "h5py"}
    modules = "vgg_viz.interpretability.decomposition, vgg_viz.interpretability.map_statistics"
    program = f"import sys, {modules}; print(*{heavy} & set(sys.modules))"
    command = [sys.executable, "-c", program]
    result = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == ""
