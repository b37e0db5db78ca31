"""Where a value comes from: its inputs, its arithmetic, its field; by hand and brute force."""

import subprocess
import sys
from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from tests.support import REPOSITORY
from tests.support.maps import BiasedWeights, all_layers, frozen, random_array
from vgg_viz.interpretability.decomposition import (
    explain,
    layer_input,
    pixel_colors,
    previous_conv,
    receptive_fields,
    source_position,
)
from vgg_viz.interpretability.map_statistics import histogram, ranks, statistics
from vgg_viz.model.architecture import VGG19, Architecture
from vgg_viz.model.network import build_model, preprocess, tiles_first
from vgg_viz.model.weights import UntrainedWeights

CONV_LAYERS = pytest.mark.parametrize("layer", VGG19.conv_layers, ids=lambda layer: layer.name)

# Small enough to be gone through by hand: 8 x 8 maps, then 4 x 4 ones.
SMALL = Architecture("small", ((1, 4), (2, 5)), dense=(), input_side=8)
# One filter a layer: all positions, strides and pools of VGG19, and next to nothing to compute.
THIN = Architecture("thin", tuple((depth, 1) for depth, _ in VGG19.blocks), dense=())


class ThinOnes:
    """All weights 1: whatever is seen is passed on, and nothing cancels."""

    label = "ones"

    def read(self, layer_name):
        layer = THIN.layer(layer_name)
        return np.ones(layer.kernel_shape, np.float32), np.zeros(layer.filters, np.float32)


@pytest.fixture(scope="module")
def thin_network():
    return all_layers(build_model(ThinOnes(), THIN), THIN)


# -- what a layer works on


def test_the_conv_layer_before_a_conv_layer():
    layers = VGG19.conv_layers
    assert [previous_conv(layer) for layer in layers] == [None, *layers[:-1]]


def test_a_network_of_another_plan_has_its_own_layers_before():
    assert previous_conv(SMALL.conv_layers[2], SMALL) is SMALL.conv_layers[1]


@pytest.mark.parametrize("name", ["input", "block2_pool", "fc1"])
def test_only_a_conv_layer_can_be_looked_into(name, photograph):
    layer = VGG19.layer(name)
    for call in (
        lambda: previous_conv(layer),
        lambda: layer_input(layer, photograph, None),
        lambda: receptive_fields(layer),
        lambda: source_position(layer, None, np.ones((3, 3)), 0, 0, 0),
    ):
        with pytest.raises(ValueError, match=f"expected a conv layer, got {name}"):
            call()


def test_the_first_layer_works_on_the_preprocessed_picture(photograph):
    array = layer_input(VGG19.conv_layers[0], photograph, None)
    assert (array.dtype, array.shape) == (np.float32, (3, 224, 224))
    for channel, (color, mean) in enumerate([(2, 103.939), (1, 116.779), (0, 123.68)]):
        expected = photograph[..., color].astype(np.float64) - mean
        np.testing.assert_allclose(array[channel], expected, atol=1e-4)


def test_inside_a_block_a_layer_works_on_the_maps_before_it(photograph):
    maps = random_array(5, 4, 4)
    array = layer_input(SMALL.conv_layers[2], photograph, maps, SMALL)
    assert array.dtype == np.float32
    np.testing.assert_array_equal(array, maps)


def test_the_first_layer_of_a_block_works_on_pooled_maps(photograph):
    maps = random_array(4, 8, 8)
    array = layer_input(SMALL.conv_layers[1], photograph, maps, SMALL)
    assert (array.dtype, array.shape) == (np.float32, (4, 4, 4))
    for n, row, column in np.ndindex(array.shape):
        four = maps[n, 2 * row : 2 * row + 2, 2 * column : 2 * column + 2]
        assert array[n, row, column] == max(four.ravel())


def test_a_pool_drops_an_odd_last_row_as_keras_does(photograph):
    odd = Architecture("odd", ((1, 1), (1, 1)), dense=(), input_side=5)
    maps = frozen(np.arange(25, dtype=np.float32).reshape(1, 5, 5))
    array = layer_input(odd.conv_layers[1], photograph, maps, odd)
    assert array.tolist() == [[[6, 8], [16, 18]]]


@pytest.mark.parametrize("shape", [(4, 4, 4), (4, 8, 7), (5, 8, 8), (8, 8, 4), (4, 8)])
def test_maps_of_another_layer_are_refused(shape, photograph):
    maps = np.zeros(shape, np.float32)
    layer = SMALL.conv_layers[1]
    with pytest.raises(ValueError, match=r"maps of block1_conv1, \(4, 8, 8\), got \("):
        layer_input(layer, photograph, maps, SMALL)
    with pytest.raises(ValueError, match=r"maps of block1_conv1, \(4, 8, 8\), got \("):
        source_position(layer, maps, np.ones((3, 3)), 0, 0, 0, SMALL)


def test_a_deeper_layer_needs_the_maps_before_it(photograph):
    with pytest.raises(ValueError, match=r"maps of block1_conv1, .* got None"):
        layer_input(SMALL.conv_layers[1], photograph, None, SMALL)


# -- the arithmetic, against the network


def positions_to_try(side, seed):
    """All corners, a position on every border, and some anywhere."""
    last, random = side - 1, np.random.default_rng(seed)
    along = random.integers(1, last, 4).tolist()
    borders = [(0, along[0]), (last, along[1]), (along[2], 0), (along[3], last)]
    anywhere = random.integers(0, side, (8, 2)).tolist()
    return [*product((0, last), repeat=2), *borders, *map(tuple, anywhere)]


@CONV_LAYERS
def test_an_explanation_adds_up_to_what_the_network_computed(layer, photograph, computed_maps):
    previous = previous_conv(layer)
    seen = layer_input(layer, photograph, computed_maps[previous.name] if previous else None)
    maps = computed_maps[layer.name]
    kernel, bias = BiasedWeights().read(layer.name)
    filters = tiles_first(kernel)
    random = np.random.default_rng(layer.index)
    for row, column in positions_to_try(maps.shape[1], layer.index):
        largest = int(maps[:, row, column].argmax())
        for index in (largest, *random.integers(0, layer.filters, 4)):
            computed = maps[index, row, column]
            told = explain(seen, filters[index], bias[index], computed, row, column)
            assert told.agrees
            assert told.computed == computed
            parts = sum(told.contributions.tolist()) + told.bias
            assert told.total == pytest.approx(parts, rel=1e-12, abs=1e-9)
            assert told.result == max(told.total, 0)
            if index == largest:
                assert told.result == pytest.approx(computed, rel=1e-4)


@CONV_LAYERS
def test_an_explanation_of_another_number_does_not_add_up(layer, photograph, computed_maps):
    """Each part of it counts: the position, the filter, the way it lies, the bias."""
    previous = previous_conv(layer)
    seen = layer_input(layer, photograph, computed_maps[previous.name] if previous else None)
    maps = computed_maps[layer.name]
    kernel, bias = BiasedWeights().read(layer.name)
    filters = tiles_first(kernel)
    row, column = maps.shape[1] // 3, maps.shape[1] // 2
    index = int(maps[:, row, column].argmax())
    right = (seen, filters[index], bias[index], maps[index, row, column], row, column)
    assert explain(*right).agrees
    for place, wrong in [
        (0, seen[::-1]),
        (1, filters[index - 1]),
        (1, filters[index][:, ::-1, ::-1]),
        (1, filters[index].transpose(0, 2, 1)),
        (2, 0.0),
        (3, maps[index, row, column] * 1.01),
        (4, row + 1),
        (5, column + 1),
    ]:
        assert not explain(*right[:place], wrong, *right[place + 1 :]).agrees, place


def test_a_number_of_the_network_that_the_page_uses_adds_up(untrained_network, photograph):
    layer = VGG19.layer("block2_conv1")
    previous_maps = untrained_network.feature_maps(photograph, "block1_conv2")
    maps = untrained_network.feature_maps(photograph, layer.name)
    kernel, bias = UntrainedWeights().read(layer.name)
    seen = layer_input(layer, photograph, previous_maps)
    for row, column in positions_to_try(112, seed=1):
        index = int(maps[:, row, column].argmax())
        computed = maps[index, row, column]
        assert explain(seen, tiles_first(kernel)[index], bias[index], computed, row, column).agrees


# -- the arithmetic, by hand


def test_an_explanation_by_hand():
    seen = frozen(np.arange(2 * 4 * 4, dtype=np.float32).reshape(2, 4, 4))
    kernel = np.zeros((2, 3, 3), np.float32)
    kernel[0, 0, 2], kernel[1, 2, 1] = 10, -1
    told = explain(seen, frozen(kernel), 0.5, 21.5, 1, 2)
    assert told.patch.tolist() == [
        [[1, 2, 3], [5, 6, 7], [9, 10, 11]],
        [[17, 18, 19], [21, 22, 23], [25, 26, 27]],
    ]
    assert told.patch.dtype == np.float32
    assert told.inside.dtype == bool
    assert told.inside.all()
    assert (told.products[0, 0, 2], told.products[1, 2, 1]) == (30, -26)
    assert np.count_nonzero(told.products) == 2
    assert told.contributions.tolist() == [30, -26]
    assert told.contributions.dtype == told.products.dtype == np.float64
    assert (told.bias, told.total, told.result, told.computed) == (0.5, 4.5, 4.5, 21.5)
    assert not told.agrees
    assert {type(number) for number in (told.bias, told.total, told.result, told.computed)} == {
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
def test_a_patch_is_zero_beyond_the_border(row, column, patch, inside):
    seen = frozen(np.arange(1, 10, dtype=np.float32).reshape(1, 3, 3))
    told = explain(seen, np.ones((1, 3, 3), np.float32), 0, 0, row, column)
    assert told.patch[0].tolist() == patch
    assert told.inside.astype(int).tolist() == inside
    assert told.total == np.sum(patch)


def test_a_map_need_not_be_square():
    seen = frozen(np.arange(1, 11, dtype=np.float32).reshape(1, 2, 5))
    told = explain(seen, np.ones((1, 3, 3), np.float32), 0, 0, 1, 4)
    assert told.patch[0].tolist() == [[4, 5, 0], [9, 10, 0], [0, 0, 0]]


def test_relu_leaves_nothing_of_a_negative_sum():
    told = explain(np.ones((1, 3, 3)), -np.ones((1, 3, 3)), -1, 0, 1, 1)
    assert (told.total, told.result, told.agrees) == (-10, 0, True)


def test_products_are_added_up_in_double_precision():
    seen = np.array([2**24, 1, -(2**24)], np.float32)[:, None, None] * np.ones((3, 3, 3), "f4")
    told = explain(seen, np.ones((3, 3, 3), np.float32), 0, 9, 1, 1)
    assert told.total == 9


@pytest.mark.parametrize(
    ("computed", "agrees"),
    [(90, True), (90.008, True), (89.992, True), (90.01, False), (89.99, False), (0, False)],
)
def test_without_cancellation_a_number_agrees_to_1e_4_of_itself(computed, agrees):
    told = explain(np.ones((10, 3, 3), np.float32), np.ones((10, 3, 3)), 0, computed, 1, 1)
    assert told.result == 90
    assert told.agrees is agrees


@pytest.mark.parametrize(
    ("computed", "agrees"), [(1, True), (1.009, True), (0.991, True), (1.02, False), (0.98, False)]
)
def test_where_sums_cancel_it_agrees_to_1e_6_of_what_was_added(computed, agrees):
    """5000 - 4999 + 1 - 1: of 10,001 in all, one is left, and 0.01 is allowed."""
    kernel = np.zeros((2, 3, 3))
    kernel[0, 0, 0], kernel[1, 1, 1], kernel[0, 2, 2] = 5000, -4999, 1
    told = explain(np.ones((2, 3, 3), np.float32), kernel, -1, computed, 1, 1)
    assert told.tolerance == pytest.approx(0.010001, rel=1e-6)
    assert told.agrees is agrees


def test_nothing_agrees_with_what_is_not_a_number():
    told = explain(np.ones((1, 3, 3)), np.ones((1, 3, 3)), 0, float("nan"), 1, 1)
    assert not told.agrees


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
def test_the_strongest_contributors_by_hand(count, positive, negative):
    amounts = [5, -8, -1, 2, 7, 0, -3]
    kernel = np.zeros((7, 3, 3))
    kernel[:, 1, 1] = amounts
    told = explain(np.ones((7, 3, 3), np.float32), kernel, 0, 0, 1, 1)
    found = told.strongest(count)
    assert [indices.tolist() for indices in found] == [positive, negative]


@pytest.mark.parametrize("shape", [(2, 3, 3), (3, 3, 2), (3, 3), (3, 5, 5), (1, 3, 3, 3)])
def test_a_filter_that_does_not_fit_is_refused(shape):
    with pytest.raises(ValueError, match=r"expected a filter \(3, 3, 3\), got \("):
        explain(np.ones((3, 4, 4)), np.ones(shape), 0, 0, 1, 1)


# -- receptive fields


def test_the_thin_network_has_the_geometry_of_vgg19():
    for thin, layer in zip(THIN.conv_layers, VGG19.conv_layers, strict=True):
        assert thin.name == layer.name
        assert thin.output_shape[:2] == layer.output_shape[:2]
        assert replace(thin, output_shape=(), parameters=0, kernel_shape=None) == replace(
            layer, output_shape=(), parameters=0, kernel_shape=None
        )


def pixels_to_change():
    """Corners, borders, the neighbors of a pool's edges, and some anywhere."""
    chosen = [*product((0, 223), repeat=2), (0, 100), (223, 17), (64, 0), (159, 223)]
    chosen += [(111, 112), (112, 127), (15, 16), (16, 208), (207, 31)]
    return chosen + np.random.default_rng(3).integers(0, 224, (12, 2)).tolist()


@pytest.mark.parametrize("pixel", pixels_to_change(), ids=str)
def test_a_pixel_changes_the_values_whose_fields_it_lies_in_and_no_others(pixel, thin_network):
    """On a black picture the one lit pixel is all there is: a value is 0 unless it sees it."""
    row, column = pixel
    picture = np.zeros((1, 224, 224, 3), np.float32)
    picture[0, row, column] = 1
    for name, maps in thin_network(picture).items():
        first, end = np.array(receptive_fields(VGG19.layer(name))).T
        rows, columns = ((first <= place) & (place < end) for place in pixel)
        np.testing.assert_array_equal(maps[0] > 0, np.outer(rows, columns), err_msg=name)


@CONV_LAYERS
def test_every_position_has_a_field_of_the_known_side_a_stride_from_the_next(layer):
    fields = receptive_fields(layer)
    assert len(fields) == layer.output_shape[0]
    assert {end - first for first, end in fields} == {layer.receptive_field}
    assert set(np.diff([first for first, _ in fields]).tolist()) == {layer.stride}


@pytest.mark.parametrize(
    ("name", "position", "field"),
    [
        ("block1_conv1", 0, (-1, 2)),
        ("block1_conv1", 223, (222, 225)),
        ("block1_conv2", 10, (8, 13)),
        ("block2_conv1", 50, (96, 106)),
        ("block5_conv4", 7, (-6, 246)),
    ],
)
def test_a_field_may_reach_beyond_the_border(name, position, field):
    assert receptive_fields(VGG19.layer(name))[position] == field


def test_a_field_is_told_in_plain_numbers():
    fields = receptive_fields(VGG19.conv_layers[3])
    assert {type(number) for field in fields for number in field} == {int}


# -- one layer back


def source_by_brute_force(maps, kernel, row, column, *, pooled):
    """All positions that have a part in it, one by one, by the definition."""
    side = len(maps) // 2 if pooled else len(maps)
    best, found = 0.0, None
    for down, right in product(range(3), repeat=2):
        at = row + down - 1, column + right - 1
        if not (0 <= at[0] < side and 0 <= at[1] < side):
            continue
        behind = [(2 * at[0] + i, 2 * at[1] + j) for i in (0, 1) for j in (0, 1)]
        source = max(behind, key=lambda place: maps[place]) if pooled else at
        magnitude = abs(float(maps[source]) * float(kernel[down, right]))
        if magnitude > best:
            best, found = magnitude, source
    return found


@pytest.mark.parametrize("number", [2, 3])
@pytest.mark.parametrize("channel", [0, 3])
def test_the_source_of_every_position_is_that_of_brute_force(number, channel):
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
def test_the_source_in_the_networks_own_maps_is_that_of_brute_force(name, computed_maps):
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


def test_a_large_negative_product_is_a_source_too():
    maps = np.zeros((5, 4, 4), np.float32)
    maps[2, 1, 1], maps[2, 2, 2] = 3, 4
    kernel = np.zeros((3, 3), np.float32)
    kernel[0, 0], kernel[1, 1] = -2, 1
    assert source_position(SMALL.conv_layers[2], maps, kernel, 2, 2, 2, SMALL) == (1, 1)


def test_of_equal_sources_the_first_is_told():
    maps = np.ones((4, 8, 8), np.float32)
    layer = SMALL.conv_layers[1]
    assert source_position(layer, maps, np.ones((3, 3)), 0, 2, 2, SMALL) == (2, 2)
    assert source_position(layer, maps, np.ones((3, 3)), 0, 0, 0, SMALL) == (0, 0)


@pytest.mark.parametrize(("row", "column"), [(0, 0), (0, 3), (3, 3)])
def test_a_window_of_zeros_has_no_source(row, column):
    maps = np.ones((5, 4, 4), np.float32)
    maps[1, max(row - 1, 0) : row + 2, max(column - 1, 0) : column + 2] = 0
    layer = SMALL.conv_layers[2]
    assert source_position(layer, maps, np.ones((3, 3)), 1, row, column, SMALL) is None
    assert source_position(layer, maps, np.ones((3, 3)), 0, row, column, SMALL) is not None


def test_a_kernel_that_reaches_only_padding_has_no_source():
    kernel = np.zeros((3, 3))
    kernel[0] = 1
    layer, maps = SMALL.conv_layers[2], np.ones((5, 4, 4), np.float32)
    assert source_position(layer, maps, kernel, 0, 0, 1, SMALL) is None
    assert source_position(layer, maps, kernel, 0, 1, 1, SMALL) == (0, 0)


def test_there_is_no_layer_before_the_first():
    assert source_position(VGG19.conv_layers[0], None, np.ones((3, 3)), 2, 5, 5) is None


@pytest.mark.parametrize("channel", [-1, 5, 512])
def test_a_channel_that_does_not_exist_is_refused(channel):
    layer, maps = SMALL.conv_layers[2], np.ones((5, 4, 4))
    with pytest.raises(IndexError, match=f"expected a channel from 0 to 4, got {channel}"):
        source_position(layer, maps, np.ones((3, 3)), channel, 0, 0, SMALL)


@pytest.mark.parametrize("shape", [(5, 3, 3), (3,), (2, 2)])
def test_a_kernel_of_another_shape_is_refused(shape):
    layer, maps = SMALL.conv_layers[2], np.ones((5, 4, 4))
    with pytest.raises(ValueError, match=r"expected a kernel \(3, 3\), got \("):
        source_position(layer, maps, np.ones(shape), 0, 0, 0, SMALL)


# -- positions that do not exist


BAD_POSITIONS = pytest.mark.parametrize(
    ("row", "column"), [(-1, 0), (0, -1), (4, 0), (0, 4), (4, 4), (10**9, 2)]
)


@BAD_POSITIONS
def test_a_position_outside_is_refused_everywhere(row, column):
    expected = f"row from 0 to 3 and a column from 0 to 3, got {row} and {column}"
    layer = SMALL.conv_layers[2]
    with pytest.raises(IndexError, match=expected):
        explain(np.ones((5, 4, 4)), np.ones((5, 3, 3)), 0, 0, row, column)
    with pytest.raises(IndexError, match=expected):
        source_position(layer, np.ones((5, 4, 4)), np.ones((3, 3)), 0, row, column, SMALL)


@pytest.mark.parametrize("bad", [1.5, float("nan"), "1", None])
def test_a_position_that_is_not_a_whole_number_is_refused(bad):
    with pytest.raises(TypeError):
        explain(np.ones((1, 4, 4)), np.ones((1, 3, 3)), 0, 0, 0, bad)


# -- the pixels' own colors


def test_a_patch_of_the_picture_shows_its_own_pixels(photograph):
    seen = layer_input(VGG19.conv_layers[0], photograph, None)
    for row, column in [(1, 1), (100, 57), (222, 222)]:
        told = explain(seen, np.ones((3, 3, 3)), 0, 0, row, column)
        colors = pixel_colors(told.patch)
        assert colors.dtype == np.uint8
        expected = photograph[row - 1 : row + 2, column - 1 : column + 2]
        np.testing.assert_array_equal(colors, expected)


def test_every_color_comes_back():
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


# -- nothing is changed, nothing heavy is imported


def test_inputs_are_left_as_they_were(photograph):
    """Writable on purpose: the other tests pass arrays that nobody can write to."""
    maps = np.array(random_array(4, 8, 8))
    kernel = np.array(random_array(4, 3, 3))
    pixels = np.array(photograph)
    before = [array.copy() for array in (maps, kernel, pixels)]
    seen = layer_input(SMALL.conv_layers[1], pixels, maps, SMALL)
    told = explain(seen, kernel, 0.5, 1.0, 0, 3)
    told.patch[:] = 99
    told.products[:] = 99
    told.strongest(2)
    source_position(SMALL.conv_layers[1], maps, kernel[0], 0, 0, 3, SMALL)
    ranks(statistics(maps).mean)
    histogram(maps[0])
    first = layer_input(VGG19.conv_layers[0], pixels, None)
    pixel_colors(first)
    for array, copy in zip((maps, kernel, pixels), before, strict=True):
        np.testing.assert_array_equal(array, copy)


def test_an_explanation_cannot_be_changed():
    told = explain(np.ones((1, 3, 3)), np.ones((1, 3, 3)), 0, 9, 1, 1)
    with pytest.raises(AttributeError):
        told.total = 1.0
    assert not replace(told, result=1.0).agrees


def test_looking_into_a_number_needs_neither_tensorflow_nor_streamlit():
    heavy = {"tensorflow", "keras", "streamlit", "matplotlib", "h5py"}
    modules = "vgg_viz.interpretability.decomposition, vgg_viz.interpretability.map_statistics"
    program = f"import sys, {modules}; print(*{heavy} & set(sys.modules))"
    command = [sys.executable, "-c", program]
    result = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == ""
