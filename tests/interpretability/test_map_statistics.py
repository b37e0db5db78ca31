"""Statistics of maps and layers, against NumPy, SciPy and Pillow."""

import numpy as np
import pytest
from PIL import Image
from scipy import stats

from tests.support.maps import frozen, random_array
from vgg_viz.interpretability.map_statistics import (
    ORDERS,
    brightness,
    correlations,
    histogram,
    profile,
    ranks,
    statistics,
    strongest,
)


@pytest.mark.parametrize("memory", ["tiles first", "channels last"])
@pytest.mark.parametrize("offset", [0, 1000])
def test_statistics_match_a_loop_over_the_maps(memory, offset):
    maps = np.array(random_array(6, 9, 7)) + np.float32(offset)
    maps[1] = np.maximum(maps[1], 0)
    maps[2] = 0
    maps[3] = -np.abs(maps[3])
    if memory == "channels last":
        maps = np.moveaxis(np.moveaxis(maps, 0, -1).copy(), -1, 0)
    measured = statistics(frozen(maps))
    for n, map_ in enumerate(maps):
        values = map_.ravel().tolist()
        assert measured.minimum[n] == min(values)
        assert measured.maximum[n] == max(values)
        assert measured.mean[n] == pytest.approx(sum(values) / 63, rel=1e-5, abs=1e-7)
        assert measured.variance[n] == pytest.approx(np.var(map_.astype(np.float64)), rel=1e-3)
        assert measured.active[n] == sum(value > 0 for value in values) / 63
    for array in vars(measured).values():
        assert array.shape == (6,)
        assert array.dtype.kind == "f"


def test_ranks_match_scipy():
    for values in (random_array(512), np.array([0, 2, 0, 5, 2, 0])):
        assert ranks(values).tolist() == stats.rankdata(-values, "min").tolist()


@pytest.mark.parametrize("value", [0, 0.1, 1e6])
def test_statistics_of_a_large_constant_map_are_accurate(value):
    """A running float32 sum of 50,176 values would have a relative error of 5e-4."""
    maps = np.moveaxis(np.full((224, 224, 2), value, np.float32), -1, 0)
    measured = statistics(maps)
    np.testing.assert_allclose(measured.mean, float(np.float32(value)), rtol=1e-5)
    np.testing.assert_allclose(measured.variance, 0, atol=(1e-5 * value) ** 2)


def test_map_without_positive_values_is_inactive():
    maps = np.zeros((6, 3, 3), np.float32)
    maps[1, 2, 2] = 1e-30
    maps[2] = -1
    maps[3, 0, 0], maps[3, 1, 1] = -1, 1
    maps[4, 0, 0] = np.nan
    measured = statistics(maps)
    assert measured.inactive == 4
    assert isinstance(measured.inactive, int)
    assert statistics(maps[1:2]).inactive == 0


@pytest.mark.parametrize("by", [name for name in ORDERS if name != "number"])
def test_order_sorts_by_its_statistic(by):
    maps = np.maximum(random_array(40, 6, 6) + random_array(40, 1, 1, seed=1), 0)
    maps[[3, 17, 30]] = 0
    maps[35] = maps[5]
    measured = statistics(frozen(maps))
    values = getattr(measured, by)
    expected = sorted(range(40), key=lambda index: -values[index])  # stable
    found = measured.order(by)
    assert found.tolist() == expected
    assert found.dtype.kind == "i"
    assert expected[-3:] == [3, 17, 30]
    assert expected.index(35) > expected.index(5)
    assert statistics(np.repeat(maps[:1], 300, axis=0)).order(by).tolist() == list(range(300))


def test_strongest_values_match_python_sorting():
    values = np.array([5, -8, -1, 2, 7, 0, -3, 7])
    for count in (0, 1, 2, 3, 9):
        positive, negative = strongest(values, count)
        assert positive.tolist() == [4, 7, 0, 3][:count]
        assert negative.tolist() == [1, 6, 2][:count]


@pytest.mark.parametrize("side", [224, 14, 1])
def test_brightness_matches_pillow_averaged_over_squares(photograph, side):
    factor = 224 // side
    gray = np.asarray(Image.fromarray(photograph).convert("L"), np.float64)
    squares = gray.reshape(side, factor, side, factor)
    found = brightness(photograph, side, side)
    assert (found.shape, found.dtype) == ((side, side), np.float64)
    # Pillow rounds every pixel to a whole number.
    assert np.abs(found - squares.mean(axis=(1, 3))).max() <= 0.51


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_correlations_match_numpy(kind):
    image = 40 * random_array(14, 14, seed=1).astype(np.float64) + 120
    maps = random_array(6, 14, 14).astype(kind)
    maps[1] = image
    maps[2] = -image
    maps[3] = np.maximum(maps[3] + image / 100, 0)
    maps[4] += 1000
    maps[5] *= kind(1e-6)
    found = correlations(frozen(maps), frozen(image))
    assert found.shape == (6,)
    for number, map_ in enumerate(maps.astype(np.float64)):
        expected = np.corrcoef(map_.ravel(), image.ravel())[0, 1]
        assert found[number] == pytest.approx(expected, abs=1e-4)
    assert found[1] == pytest.approx(1, abs=1e-6)
    assert found[2] == pytest.approx(-1, abs=1e-6)


def test_correlation_with_a_constant_is_zero():
    maps, image = random_array(3, 8, 8).copy(), random_array(8, 8, seed=1)
    maps[1] = 0
    maps[2] = 4
    found = correlations(maps, image)
    assert found[0] != 0
    assert found[1:].tolist() == [0, 0]
    assert correlations(maps, np.full((8, 8), 7.0)).tolist() == [0, 0, 0]


def test_profile_matches_values_worked_by_hand():
    pixels = np.zeros((4, 4, 3), np.uint8)
    pixels[:2, :2] = 200
    maps = np.zeros((3, 2, 2), np.float32)
    maps[1, 1, 1] = 5
    maps[2, 0, 0] = 0.5
    measured = profile(frozen(maps), frozen(pixels))
    assert (measured.active, measured.inactive, measured.correlated_map) == (2 / 12, 1, 3)
    assert measured.correlation == pytest.approx(1)
    assert {type(value) for value in vars(measured).values()} == {int, float}


def test_histogram_counts_every_value_once():
    map_ = random_array(14, 14)
    counts, edges = histogram(map_)
    assert (len(counts), len(edges)) == (40, 41)
    assert (edges[0], edges[-1]) == (map_.min(), map_.max())
    np.testing.assert_allclose(np.diff(edges), (edges[-1] - edges[0]) / 40)
    inside = (edges[:-1, None] <= map_.ravel()) & (map_.ravel() < edges[1:, None])
    inside[-1] |= map_.ravel() == edges[-1]
    assert counts.tolist() == inside.sum(axis=1).tolist()
    assert counts.sum() == 196


@pytest.mark.parametrize("value", [0, -7, 1e-30, -3e38])
def test_histogram_of_a_constant_map_is_centered_on_its_value(value):
    counts, edges = histogram(np.full((3, 3), value, np.float32), bins=5)
    assert counts.tolist() == [0, 0, 9, 0, 0]
    assert edges[2] < np.float32(value) < edges[3]
    assert (np.diff(edges) > 0).all()


def test_histogram_has_all_bins_of_neighboring_numbers_and_leaves_out_non_finite_values():
    map_ = np.array([[1e8, np.nextafter(np.float32(1e8), np.float32(2e8))]], np.float32)
    counts, edges = histogram(map_)
    assert (counts[0], counts[-1], counts.sum()) == (1, 1, 2)
    assert (np.diff(edges) > 0).all()
    map_ = np.array([[1, np.nan, np.inf], [-np.inf, 2, 3]], np.float32)
    assert histogram(map_, bins=2)[0].tolist() == [1, 2]
    assert histogram(np.full((2, 2), np.nan, np.float32), bins=2)[0].tolist() == [0, 0]
