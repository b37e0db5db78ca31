"""Decomposition of a value into its terms, by hand, by brute force and against the network."""

from itertools import product

import numpy as np
import pytest

from tests.support.maps import BiasedWeights, frozen, random_array
from vgg_viz.interpretability.decomposition import (
    decompose,
    max_pool,
    previous_conv,
    source_position,
)
from vgg_viz.model.architecture import VGG19
from vgg_viz.model.network import network_input, tiles_first

CONV_LAYERS = pytest.mark.parametrize("layer", VGG19.conv_layers, ids=lambda layer: layer.name)


def positions_to_try(side, seed):
    """Return all corners, a position on each border and random ones."""
    last, random = side - 1, np.random.default_rng(seed)
    along = random.integers(1, last, 4).tolist()
    borders = [(0, along[0]), (last, along[1]), (along[2], 0), (along[3], last)]
    anywhere = random.integers(0, side, (8, 2)).tolist()
    return [*product((0, last), repeat=2), *borders, *map(tuple, anywhere)]


def source_of(layer, photograph, computed_maps):
    """Return the input of a conv layer, from the photograph or the layer before."""
    previous = previous_conv(layer)
    assert previous == ([None, *VGG19.conv_layers])[layer.conv_number - 1]
    if previous is None:
        return network_input(photograph)
    maps = computed_maps[previous.name]
    return maps if len(maps[0]) == layer.output_shape[0] else max_pool(maps)


@CONV_LAYERS
def test_terms_sum_to_the_networks_value(layer, photograph, computed_maps):
    source, maps = source_of(layer, photograph, computed_maps), computed_maps[layer.name]
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
    source, maps = source_of(layer, photograph, computed_maps), computed_maps[layer.name]
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
    assert (terms.products[0, 0, 2], terms.products[1, 2, 1]) == (30, -26)
    assert np.count_nonzero(terms.products) == 2
    assert terms.contributions.tolist() == [30, -26]
    assert terms.contributions.dtype == terms.products.dtype == np.float64
    assert (terms.bias, terms.total, terms.result, terms.computed) == (0.5, 4.5, 4.5, 21.5)
    assert not terms.agrees
    assert [indices.tolist() for indices in terms.strongest(2)] == [[0], [1]]
    negative = decompose(source, -kernel, 0.5, 0, 1, 2)
    assert (negative.total, negative.result, negative.agrees) == (-3.5, 0, True)


@pytest.mark.parametrize(
    ("computed", "agrees"),
    [(90, True), (90.008, True), (89.992, True), (90.01, False), (89.99, False), (np.nan, False)],
)
def test_tolerance_without_cancellation_is_1e_4_of_the_value(computed, agrees):
    terms = decompose(np.ones((10, 3, 3), np.float32), np.ones((10, 3, 3)), 0, computed, 1, 1)
    assert terms.result == 90
    assert terms.agrees is agrees


def test_tolerance_with_cancellation_is_1e_6_of_the_terms():
    """5000 - 4999 + 1 - 1: the magnitudes sum to 10,001, the value is 1."""
    kernel = np.zeros((2, 3, 3))
    kernel[0, 0, 0], kernel[1, 1, 1], kernel[0, 2, 2] = 5000, -4999, 1
    for computed in (0.98, 0.991, 1, 1.009, 1.02):
        terms = decompose(np.ones((2, 3, 3), np.float32), kernel, -1, computed, 1, 1)
        assert terms.tolerance == pytest.approx(0.010001, rel=1e-6)
        assert terms.agrees is (abs(computed - 1) < 0.01)


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


@pytest.mark.parametrize("pooled", [False, True])
def test_source_of_every_position_matches_brute_force(pooled):
    # Whole numbers: of several largest products, the first counts.
    map_ = frozen(np.maximum(np.round(random_array(*(4 * (1 + pooled),) * 2, seed=pooled)), 0))
    for seed, (row, column) in enumerate(product(range(4), repeat=2)):
        kernel = np.round(random_array(3, 3, seed=seed))
        found = source_position(map_, kernel, row, column, pooled=pooled)
        assert found == source_by_brute_force(map_, kernel, row, column, pooled=pooled)


def test_zeros_and_padding_have_no_source():
    map_, kernel = np.ones((4, 4), np.float32), np.zeros((3, 3))
    map_[2:, 2:] = 0
    assert source_position(map_, np.ones((3, 3)), 3, 3, pooled=False) is None
    kernel[0] = 1  # at the first row, it reaches only padding
    assert source_position(map_, kernel, 0, 1, pooled=False) is None
    assert source_position(map_, kernel, 1, 1, pooled=False) == (0, 0)
