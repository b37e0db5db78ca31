import io
import math
from dataclasses import fields

import matplotlib
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from vgg_viz.export.appearance import COLOR_MAPS
from vgg_viz.export.mosaic import (
    BACKGROUND,
    FIRST_LEVEL,
    INK,
    INK_STEPS,
    LEVELS,
    MARK,
    MARK_COLOR,
    ScaledTiles,
    TileLayout,
    arrange,
    blend,
    color_levels,
    diagonal,
    draw,
    draw_titles,
    enlarge,
    gray,
    is_flat,
    mosaic,
    near_square,
    overlay_colors,
    overlay_levels,
    png,
    resize_tile,
    scale_tiles,
    shrink,
    tile_layout,
    tile_limits,
    tile_side,
    title_mask,
)

LAST_LEVEL = FIRST_LEVEL + LEVELS - 1
MIDDLE_LEVEL = FIRST_LEVEL + (LEVELS - 1) // 2
NAN, INF = math.nan, math.inf


def tile(*rows):
    return np.array([rows], np.float32)


def random_tiles(count, side, seed=0):
    return np.random.default_rng(seed).standard_normal((count, side, side), dtype=np.float32)


def level_of(value, low, high):
    """Return the level nearest to a value on a scale, in Python's arithmetic."""
    share = (min(max(value, low), high) - low) / (high - low)
    return FIRST_LEVEL + math.floor(share * (LEVELS - 1) + 0.5)


def decode(data):
    """Decode a PNG file to uint8 (h, w, 4)."""
    image = Image.open(io.BytesIO(data))
    assert image.format == "PNG"
    return np.asarray(image.convert("RGBA"))


def test_the_palette_is_full_and_its_scale_has_a_middle():
    assert (BACKGROUND, INK, MARK, FIRST_LEVEL, LAST_LEVEL) == (0, 1, 16, 17, 255)
    assert MIDDLE_LEVEL - FIRST_LEVEL == LAST_LEVEL - MIDDLE_LEVEL


# -- the grid


def test_a_grid_by_hand():
    grid = TileLayout(count=5, columns=3, tile_height=10, tile_width=20, title_height=7, gap=2)
    assert (grid.rows, grid.cell_height, grid.cell_width) == (2, 19, 22)
    assert grid.size == (3 * 20 + 2 * 2, 2 * (7 + 10) + 2)
    corners = [grid.corner(index) for index in range(5)]
    assert corners == [(0, 7), (22, 7), (44, 7), (0, 26), (22, 26)]


@pytest.mark.parametrize("index", [-1, 5, 100])
def test_the_corner_of_a_missing_tile_is_an_error(index):
    with pytest.raises(IndexError, match=f"expected a tile from 0 to 4, got {index}"):
        TileLayout(5, 3, 1, 1).corner(index)


@pytest.mark.parametrize(
    ("count", "columns"),
    [(1, 1), (2, 2), (3, 2), (4, 2), (5, 3), (9, 3), (10, 4), (20, 5), (64, 8), (512, 23)],
)
def test_near_square_by_hand(count, columns):
    assert near_square(count) == columns


def test_near_square_is_the_narrowest_grid_that_is_not_taller_than_wide():
    for count in range(1, 513):
        columns = near_square(count)
        assert math.ceil(count / columns) <= columns
        assert columns == 1 or math.ceil(count / (columns - 1)) > columns - 1


@pytest.mark.parametrize("count", [0, -1])
def test_a_grid_needs_a_tile(count):
    with pytest.raises(ValueError, match=f"expected at least 1 tile, got {count}"):
        near_square(count)


@pytest.mark.parametrize(
    ("side", "columns", "width", "expected"),
    [
        (224, 8, 960, 112),  # 116 wanted: half
        (224, 23, 960, 32),  # 37 wanted: a seventh
        (224, 4, 960, 224),  # 236 wanted: as it is
        (224, 1, 960, 896),  # 956 wanted: four times
        (56, 8, 960, 112),
        (28, 8, 960, 112),
        (14, 8, 960, 112),
        (14, 23, 960, 42),  # 37 wanted: 42 is nearer than 28
        (3, 4, 960, 237),  # 236 wanted: 79 times
        (3, 64, 960, 12),  # 11 wanted
        (7, 23, 10, 1),  # no room at all
        (1, 2, 20, 6),
    ],
)
def test_tile_side_by_hand(side, columns, width, expected):
    assert tile_side(side, columns, width) == expected


@pytest.mark.parametrize("side", [1, 3, 7, 14, 28, 56, 112, 224])
@pytest.mark.parametrize("width", [200, 960, 1460])
def test_tile_side_is_the_nearest_multiple_or_fraction(side, width):
    allowed = [size for size in range(1, 2000) if size % side == 0 or side % size == 0]
    for columns in range(1, 33):
        chosen = tile_side(side, columns, width)
        wanted = max(1, width // columns - 4)
        assert chosen in allowed
        ratios = [max(size / wanted, wanted / size) for size in allowed]
        assert max(chosen / wanted, wanted / chosen) == pytest.approx(min(ratios))


# -- arranging


def test_tiles_are_arranged_row_by_row_and_the_last_row_may_be_short():
    tiles = np.arange(1, 13, dtype=np.uint8).reshape(3, 2, 2)
    canvas = arrange(tiles, TileLayout(3, 2, 2, 2, title_height=1, gap=1))
    expected = [
        [0, 0, 0, 0, 0],
        [1, 2, 0, 5, 6],
        [3, 4, 0, 7, 8],
        [0, 0, 0, 0, 0],
        [0, 0, 0, 0, 0],
        [9, 10, 0, 0, 0],
        [11, 12, 0, 0, 0],
    ]
    np.testing.assert_array_equal(canvas, np.array(expected, np.uint8), strict=True)


def test_tiles_need_not_be_square_nor_the_background_zero():
    tiles = np.arange(1, 13, dtype=np.uint8).reshape(4, 1, 3)
    canvas = arrange(tiles, TileLayout(4, 2, 1, 3, gap=1), background=99)
    expected = [
        [1, 2, 3, 99, 4, 5, 6],
        [99, 99, 99, 99, 99, 99, 99],
        [7, 8, 9, 99, 10, 11, 12],
    ]
    np.testing.assert_array_equal(canvas, np.array(expected, np.uint8), strict=True)


def test_a_single_tile_has_no_gap():
    canvas = arrange(np.full((1, 2, 2), 5, np.uint8), TileLayout(1, 1, 2, 2))
    np.testing.assert_array_equal(canvas, [[5, 5], [5, 5]])


def test_color_tiles_are_arranged_with_their_colors():
    tiles = np.arange(1, 7, dtype=np.uint8).reshape(2, 1, 1, 3)
    canvas = arrange(tiles, TileLayout(2, 1, 1, 1, gap=1))
    np.testing.assert_array_equal(canvas, [[[1, 2, 3]], [[0, 0, 0]], [[4, 5, 6]]])


@pytest.mark.parametrize("shape", [(2, 2, 2), (4, 2, 2), (3, 2, 3), (3, 3, 2)])
def test_tiles_for_another_grid_are_refused(shape):
    with pytest.raises(ValueError, match=r"expected tiles \(3, 2, 2\), got \("):
        arrange(np.zeros(shape, np.uint8), TileLayout(3, 2, 2, 2))


# -- sizes


def test_shrinking_averages_squares():
    tiles = np.arange(32, dtype=np.float32).reshape(2, 4, 4)
    expected = [[[2.5, 4.5], [10.5, 12.5]], [[18.5, 20.5], [26.5, 28.5]]]
    np.testing.assert_array_equal(shrink(tiles, 2), np.array(expected, np.float32), strict=True)


def test_shrinking_by_three_averages_nine_values():
    tiles = tile([9, 0, 0, 1, 1, 1], [0] * 3 + [1] * 3, [0] * 3 + [1] * 3, *[range(6)] * 3)
    np.testing.assert_allclose(shrink(tiles, 2), [[[1, 1], [1, 4]]], rtol=1e-6)


def test_shrinking_to_one_pixel_gives_the_mean():
    tiles = random_tiles(3, 7)
    means = tiles.astype(np.float64).mean(axis=(1, 2), keepdims=True)
    np.testing.assert_allclose(shrink(tiles, 1), means, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("side", [4, 8, 112])
def test_tiles_that_are_small_enough_are_not_shrunk(side):
    tiles = random_tiles(2, 4)
    np.testing.assert_array_equal(shrink(tiles, side), tiles)


@pytest.mark.parametrize(("size", "side"), [(7, 2), (7, 3), (4, 3)])
def test_tiles_shrink_only_to_a_divisor(size, side):
    with pytest.raises(ValueError, match=f"expected a divisor of {size}, got {side}"):
        shrink(random_tiles(1, size), side)


def test_enlarging_repeats_every_pixel():
    tiles = np.array([[[1, 2, 3], [4, 5, 6]]], np.uint8)
    expected = [
        [1, 1, 2, 2, 3, 3],
        [1, 1, 2, 2, 3, 3],
        [4, 4, 5, 5, 6, 6],
        [4, 4, 5, 5, 6, 6],
    ]
    np.testing.assert_array_equal(enlarge(tiles, 2), np.array([expected], np.uint8), strict=True)
    np.testing.assert_array_equal(enlarge(tiles, 1), tiles, strict=True)


def test_enlarging_keeps_colors_together():
    tiles = np.array([[[[1, 2, 3], [4, 5, 6]]]], np.uint8)
    row = [[1, 2, 3], [1, 2, 3], [4, 5, 6], [4, 5, 6]]
    np.testing.assert_array_equal(enlarge(tiles, 2), [[row, row]])


# -- scales


def test_each_tile_reaches_from_the_first_to_the_last_level_of_its_own_scale():
    tiles = np.concatenate([tile([0, 1], [2, 0]), tile([-7, -5], [-6, -7])])
    scaled = scale_tiles(tiles)
    expected = [[[17, 136], [255, 17]], [[17, 255], [136, 17]]]
    np.testing.assert_array_equal(scaled.levels, np.array(expected, np.uint8), strict=True)
    np.testing.assert_array_equal(scaled.low, np.array([0, -7], np.float32), strict=True)
    np.testing.assert_array_equal(scaled.high, np.array([2, -5], np.float32), strict=True)
    np.testing.assert_array_equal(scaled.flat, [False, False])


def test_shared_limits_clip_what_lies_beyond():
    scaled = scale_tiles(tile([-1, 0, 5], [10, 11, 1e30]), limits=(0, 10))
    np.testing.assert_array_equal(scaled.levels, [[[17, 17, 136], [255, 255, 255]]])
    assert (scaled.low.tolist(), scaled.high.tolist()) == ([0], [10])


def test_with_shared_limits_equal_values_have_equal_levels_in_all_tiles():
    tiles = np.concatenate([tile([0, 1], [2, 3]), tile([3, 40], [50, 2])])
    levels = scale_tiles(tiles, limits=(0, 50)).levels
    assert levels[0, 1, 1] == levels[1, 0, 0] == level_of(3, 0, 50)
    assert levels[0, 1, 0] == levels[1, 1, 1] == level_of(2, 0, 50)


@pytest.mark.parametrize("limits", [None, (-1.0, 2.0), (-0.3, 0.3)])
def test_levels_are_the_nearest_ones(limits):
    tiles = random_tiles(6, 9)
    scaled = scale_tiles(tiles, limits)
    for values, levels in zip(tiles.tolist(), scaled.levels.tolist(), strict=True):
        flattened = [value for row in values for value in row]
        low, high = limits or (min(flattened), max(flattened))
        expected = [[level_of(value, low, high) for value in row] for row in values]
        # A value halfway between two levels may fall to either, by the rounding of float32.
        assert np.abs(np.subtract(levels, expected)).max() <= 1
        assert np.mean(np.not_equal(levels, expected)) < 0.02


@pytest.mark.parametrize("limit", [1, 0.1, 1 / 3, 7e-5, 12345.678, 2.5e-20, 1e20])
def test_zero_is_the_middle_level_of_symmetric_limits(limit):
    scaled = scale_tiles(tile([0, -0.0], [-limit, limit]), limits=(-limit, limit))
    expected = [[[MIDDLE_LEVEL] * 2, [FIRST_LEVEL, LAST_LEVEL]]]
    np.testing.assert_array_equal(scaled.levels, expected)


@pytest.mark.parametrize("value", [0, 1, -1, 1 / 3, 123456.79, -1e-20])
def test_a_constant_tile_is_flat_and_on_the_first_level(value):
    scaled = scale_tiles(np.full((1, 4, 4), value, np.float32))
    assert scaled.flat.tolist() == [True]
    assert (scaled.levels == FIRST_LEVEL).all()
    assert scaled.low == scaled.high == np.float32(value)


@pytest.mark.parametrize("value", [1, -3.7, 5e5])
def test_rounding_noise_is_not_stretched_into_a_picture(value):
    tiles = np.full((1, 4, 4), value, np.float32)
    tiles[0, 1, 2] = np.nextafter(np.float32(value), np.float32(INF))
    scaled = scale_tiles(tiles)
    assert scaled.low != scaled.high
    assert scaled.flat.tolist() == [True]
    assert (scaled.levels == FIRST_LEVEL).all()


@pytest.mark.parametrize("value", [1, -3.7, 5e5, 1e-10])
def test_a_weak_contrast_above_rounding_is_shown(value):
    tiles = np.full((1, 2, 2), value, np.float32)
    tiles[0, 0, 0] *= 1 + 1e-4
    scaled = scale_tiles(tiles)
    assert scaled.flat.tolist() == [False]
    assert {int(level) for level in scaled.levels.ravel()} == {FIRST_LEVEL, LAST_LEVEL}


def test_one_value_unlike_the_others_is_no_flat_tile():
    tiles = np.zeros((1, 4, 4), np.float32)
    tiles[0, 3, 1] = 1e-12
    assert scale_tiles(tiles).flat.tolist() == [False]


def test_a_flat_tile_keeps_its_level_on_a_shared_scale():
    scaled = scale_tiles(np.full((1, 2, 2), 5, np.float32), limits=(0, 10))
    assert scaled.flat.tolist() == [True]
    assert (scaled.levels == MIDDLE_LEVEL).all()


@pytest.mark.parametrize("side", [0, 4, 2, 1])
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_limits_by_tile_scale_each_tile_alone(side, kind):
    tiles = random_tiles(9, 8)
    tiles[3] = 0
    tiles[4, 2, 2] = NAN
    tiles[5, 7, 7] = INF
    low = np.array([-1, -3, 0, 0, -2, -1, 5, 0.5, -1e-9], kind)
    high = np.array([1, 3, 2, 0, 2, 1, 6, 0.5, 1e-9], kind)
    limits = low.copy(), high.copy()
    for array in (tiles, *limits):
        array.setflags(write=False)
    found = scale_tiles(tiles, limits, side)
    assert (found.low.dtype, found.high.dtype) == (np.float32, np.float32)
    for n in range(len(tiles)):
        alone = scale_tiles(tiles[n : n + 1], (float(low[n]), float(high[n])), side)
        for field in fields(ScaledTiles):
            np.testing.assert_array_equal(
                getattr(found, field.name)[n], getattr(alone, field.name)[0], err_msg=field.name
            )
    np.testing.assert_array_equal(limits[0], low)
    np.testing.assert_array_equal(limits[1], high)


def test_a_pair_of_tiles_on_their_common_scale_can_be_compared():
    first, second = tile([0, 1], [2, 4]), tile([0, 2], [4, 8])
    limits = np.array([0.0]), np.array([8.0])
    left, right = (scale_tiles(tiles, limits).levels[0] for tiles in (first, second))
    assert right[1, 1] == LAST_LEVEL
    assert left[1, 1] == right[1, 0] == MIDDLE_LEVEL
    assert left[0, 0] == right[0, 0] == FIRST_LEVEL


def test_tiles_on_their_own_limits_are_tiles_on_their_own_scale():
    tiles = random_tiles(20, 6)
    found, own = scale_tiles(tiles, tile_limits(tiles)), scale_tiles(tiles)
    for field in fields(ScaledTiles):
        np.testing.assert_array_equal(getattr(found, field.name), getattr(own, field.name))


@pytest.mark.parametrize("count", [1, 4])
def test_limits_by_tile_need_one_for_each(count):
    tiles = random_tiles(3, 4)
    ends = np.zeros(count), np.ones(count)
    if count == 1:  # one for all, like two plain numbers
        np.testing.assert_array_equal(
            scale_tiles(tiles, ends).levels, scale_tiles(tiles, (0, 1)).levels
        )
        return
    with pytest.raises(ValueError, match="broadcast"):
        scale_tiles(tiles, ends)


def test_limits_without_extent_leave_all_on_the_first_level():
    scaled = scale_tiles(tile([1, 2], [3, 4]), limits=(2, 2))
    assert (scaled.levels == FIRST_LEVEL).all()
    assert scaled.flat.tolist() == [False]


@pytest.mark.parametrize("unknown", [NAN, INF, -INF])
def test_values_that_are_not_finite_are_marked_and_do_not_affect_the_scale(unknown):
    scaled = scale_tiles(tile([0, unknown], [1, 2]))
    np.testing.assert_array_equal(scaled.levels, [[[17, MARK], [136, 255]]])
    assert (scaled.low.tolist(), scaled.high.tolist()) == ([0], [2])
    assert scaled.flat.tolist() == [False]


@pytest.mark.parametrize("unknown", [NAN, INF, -INF])
def test_values_that_are_not_finite_are_marked_on_a_shared_scale(unknown):
    scaled = scale_tiles(tile([0, unknown], [1, 2]), limits=(0, 4))
    np.testing.assert_array_equal(scaled.levels, [[[17, MARK], [77, 136]]])


@pytest.mark.parametrize("limits", [None, (-1.0, 1.0)])
def test_values_that_are_not_finite_change_no_other_tile(limits):
    tiles = random_tiles(3, 5)
    spoilt = tiles.copy()
    spoilt[1, 2, 3], spoilt[1, 0, 0] = NAN, INF
    before, after = scale_tiles(tiles, limits), scale_tiles(spoilt, limits)
    for field in fields(ScaledTiles):
        old, new = getattr(before, field.name), getattr(after, field.name)
        np.testing.assert_array_equal(old[[0, 2]], new[[0, 2]])
    marked = np.argwhere(after.levels == MARK).tolist()
    assert marked == [[1, 0, 0], [1, 2, 3]]


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
@pytest.mark.parametrize("unknown", [NAN, INF])
def test_a_tile_without_finite_values_is_marked_all_over(unknown):
    tiles = np.concatenate([np.full((1, 2, 2), unknown, np.float32), tile([0, 1], [2, 0])])
    scaled = scale_tiles(tiles)
    assert (scaled.levels[0] == MARK).all()
    assert (scaled.low[0], scaled.high[0], scaled.flat[0]) == (0, 0, True)
    np.testing.assert_array_equal(scaled.levels[1], [[17, 136], [255, 17]])


def test_only_the_shrunk_pixel_that_holds_it_is_marked():
    tiles = np.arange(16, dtype=np.float32).reshape(1, 4, 4)
    tiles[0, 0, 1] = NAN
    levels = scale_tiles(tiles, side=2).levels
    assert levels.shape == (1, 2, 2)
    assert (levels == MARK).tolist() == [[[True, False], [False, False]]]


def test_shrunk_tiles_stay_on_the_scale_of_all_their_values():
    tiles = np.zeros((1, 4, 4), np.float32)
    tiles[0, 0, 0], tiles[0, 2:, 2:] = 8, 4
    scaled = scale_tiles(tiles, side=2)
    expected = [[[level_of(2, 0, 8), FIRST_LEVEL], [FIRST_LEVEL, MIDDLE_LEVEL]]]
    np.testing.assert_array_equal(scaled.levels, expected)
    assert (scaled.low.tolist(), scaled.high.tolist()) == ([0], [8])


def test_limits_of_tiles_ignore_values_that_are_not_finite():
    tiles = np.concatenate(
        [tile([1, NAN], [3, -INF]), tile([NAN] * 2, [NAN] * 2), tile([5, 6], [7, 8])]
    )
    low, high = tile_limits(tiles)
    np.testing.assert_array_equal(low, np.array([1, 0, 5], np.float32), strict=True)
    np.testing.assert_array_equal(high, np.array([3, 0, 8], np.float32), strict=True)


def test_each_tile_is_checked_for_contrast():
    low, high = np.array([0, 1, -5], np.float32), np.array([0, 2, -5], np.float32)
    assert is_flat(low, high).tolist() == [True, False, True]


# -- drawing


def numbered_levels(count, side=4):
    """Scaled tiles that tell their number, in the digits of base ``LEVELS``, and all differ."""
    numbers = np.arange(count)
    levels = np.full((count, side, side), FIRST_LEVEL, np.uint8)
    levels[:, 0, 0] = FIRST_LEVEL + numbers // LEVELS
    levels[:, 1, 2] = FIRST_LEVEL + numbers % LEVELS
    levels[:, -1, -1] = LAST_LEVEL
    zeros = np.zeros(count, np.float32)
    return ScaledTiles(levels, zeros, zeros + 1, np.zeros(count, bool))


@pytest.mark.parametrize("columns", [None, 1, 8, 23], ids=lambda columns: f"columns_{columns}")
def test_every_tile_of_every_count_is_found_at_its_corner(columns):
    for count in range(1, 513):
        scaled = numbered_levels(count)
        canvas = draw(scaled, [""] * count, columns or near_square(count))
        grid = tile_layout(scaled.levels, columns or near_square(count))
        assert canvas.shape == grid.size[::-1]
        for index in range(count):
            left, top = grid.corner(index)
            drawn = canvas[top : top + 4, left : left + 4]
            assert (drawn == scaled.levels[index]).all(), f"tile {index} of {count}"
        assert np.count_nonzero(canvas) == count * 16, "something beside the tiles"


def test_fewer_tiles_than_columns_take_no_room_for_more():
    grid = tile_layout(np.zeros((3, 5, 7), np.uint8), columns=8)
    assert (grid.count, grid.columns, grid.tile_height, grid.tile_width) == (3, 3, 5, 7)


def test_tiles_are_drawn_larger_by_a_whole_factor():
    scaled = numbered_levels(3)
    canvas = draw(scaled, ["", "", ""], columns=2, side=12)
    grid = TileLayout(3, 2, 12, 12, title_height=tile_layout(np.zeros((3, 12, 12)), 2).title_height)
    assert canvas.shape == grid.size[::-1]
    for index in range(3):
        left, top = grid.corner(index)
        drawn = canvas[top : top + 12, left : left + 12]
        np.testing.assert_array_equal(drawn, np.kron(scaled.levels[index], np.ones((3, 3))))


@pytest.mark.parametrize(
    ("count", "side", "columns", "drawn_side"),
    [
        (1, 224, 1, 896),
        (2, 112, 2, 448),
        (5, 56, 3, 336),
        (20, 14, 5, 182),
        (63, 28, 8, 112),
        (64, 224, 8, 112),
        (512, 14, 23, 42),
        (12, 3, 4, 237),
    ],
)
@pytest.mark.parametrize("limits", [None, (-2.0, 2.0)], ids=["own", "shared"])
def test_a_mosaic_shows_every_tiles_values(count, side, columns, drawn_side, limits):
    tiles = random_tiles(count, side)
    titles = [str(number) for number in range(1, count + 1)]
    canvas, scaled = mosaic(tiles, titles, columns, 960, limits)
    factor = max(1, drawn_side // side)
    shown_side = min(side, drawn_side)
    group = side // shown_side
    grid = tile_layout(np.zeros((count, drawn_side, drawn_side)), columns)
    assert canvas.shape == grid.size[::-1]
    blocks = tiles.astype(np.float64).reshape(count, shown_side, group, shown_side, group)
    shown = blocks.mean(axis=(2, 4))
    for index in range(count):
        left, top = grid.corner(index)
        drawn = canvas[top : top + drawn_side, left : left + drawn_side]
        low, high = limits or (tiles[index].min(), tiles[index].max())
        share = (shown[index].clip(low, high) - low) / (high - low)
        expected = np.kron(FIRST_LEVEL + share * (LEVELS - 1), np.ones((factor, factor)))
        np.testing.assert_allclose(drawn, expected, atol=0.51, rtol=0)
        assert (scaled.low[index], scaled.high[index]) == (low, high)


def test_a_flat_tile_is_struck_through_and_no_other():
    tiles = np.concatenate([tile(*[range(5)] * 5), np.ones((1, 5, 5), np.float32)])
    canvas, scaled = mosaic(tiles, ["", ""], columns=2, width=18)
    assert scaled.flat.tolist() == [False, True]
    first, second = canvas[-5:, :5], canvas[-5:, -5:]
    assert not (first == MARK).any()
    expected = [
        [16, 16, 17, 17, 17],
        [16, 16, 16, 17, 17],
        [17, 16, 16, 16, 17],
        [17, 17, 16, 16, 16],
        [17, 17, 17, 16, 16],
    ]
    np.testing.assert_array_equal(second, expected)


def test_the_stroke_is_drawn_in_the_tiles_final_size():
    canvas, _ = mosaic(np.zeros((1, 3, 3), np.float32), [""], columns=1, width=100)
    drawn = canvas[-96:]
    assert drawn.shape == (96, 96)
    np.testing.assert_array_equal(drawn == MARK, diagonal(96, 96))


@pytest.mark.parametrize("shape", [(1, 1), (3, 3), (112, 112), (10, 40), (40, 10)])
def test_the_stroke_goes_from_corner_to_corner(shape):
    stroke = diagonal(*shape)
    assert stroke.shape == shape
    assert stroke[0, 0]
    assert stroke[-1, -1]
    assert stroke.any(axis=0).all()
    assert stroke.any(axis=1).all()
    if min(shape) > 2:
        assert not stroke[0, -1]
        assert not stroke[-1, 0]


# -- titles


def trimmed(mask):
    """Crop the empty margins of a mask."""
    rows, columns = mask.any(axis=1).nonzero()[0], mask.any(axis=0).nonzero()[0]
    return mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


@pytest.mark.parametrize("width", [24, 42, 112, 237])
@pytest.mark.parametrize("pattern", ["{}", "{}-1"])
def test_every_title_stands_in_the_middle_above_its_own_tile(width, pattern):
    titles = [pattern.format(number) for number in range(1, 26)]
    grid = tile_layout(np.zeros((25, 5, width)), columns=6)
    canvas = draw_titles(titles, grid)
    assert canvas.shape == grid.size[::-1]
    size = grid.title_height - 5
    for index, title in enumerate(titles):
        left, bottom = grid.corner(index)
        strip = canvas[bottom - grid.title_height : bottom, left : left + width]
        ink = trimmed(strip)
        matches = [
            other
            for other in titles
            if np.array_equal(ink, trimmed(title_mask(other, size)[:, :width]))
        ]
        assert matches == [title]
        columns = strip.any(axis=0).nonzero()[0]
        assert abs(columns[0] + columns[-1] - (width - 1)) <= 4
        strip[:] = 0
    assert not canvas.any(), "ink outside the titles' strips"


def test_a_title_too_long_for_its_tile_is_cut_there():
    grid = tile_layout(np.zeros((2, 5, 10)), columns=2)
    canvas = draw_titles(["123456", ""], grid)
    assert canvas[:, :10].any()
    assert not canvas[:, 10:].any()


def test_as_much_of_a_long_title_is_written_as_fits_with_an_ellipsis():
    title = "Chesapeake Bay retriever"
    grid = tile_layout(np.zeros((1, 5, 80)), columns=1)
    canvas = draw_titles([title], grid)[: grid.title_height]
    beginnings = [f"{title[:count].rstrip()}…" for count in range(1, len(title))]
    masks = [title_mask(beginning, grid.title_height - 5) for beginning in beginnings]
    fitting = [mask for mask in masks if mask.shape[1] <= grid.tile_width]
    assert 0 < len(fitting) < len(masks)
    np.testing.assert_array_equal(trimmed(canvas), trimmed(fitting[-1]))


@pytest.mark.parametrize("count", [0, 1, 2, 4, 100])
def test_every_tile_needs_a_title(count):
    with pytest.raises(ValueError, match=f"expected 3 titles, got {count}"):
        draw(numbered_levels(3), ["x"] * count, columns=2)


@pytest.mark.parametrize("title", ["1", "128", "512", "3-1", "64-12", "block3_conv1"])
@pytest.mark.parametrize("size", [11, 15, 20])
def test_a_title_looks_as_pillow_writes_it(title, size):
    mask = title_mask(title, size)
    image = Image.new("L", mask.shape[::-1])
    font = ImageFont.load_default(size)
    ImageDraw.Draw(image).text((0, size), title, fill=255, font=font, anchor="ls")
    assert INK_STEPS - 1 <= mask.max() <= INK_STEPS
    correlation = np.corrcoef(mask.ravel(), np.asarray(image).ravel())[0, 1]
    assert correlation > 0.98


def test_no_two_numbers_look_alike():
    masks = {title_mask(str(number), 11).tobytes() for number in range(1, 513)}
    assert len(masks) == 512


def test_titles_and_tiles_are_drawn_on_one_canvas():
    titles = ["1", "2", "3"]
    scaled = numbered_levels(3, side=20)
    canvas = draw(scaled, titles, columns=2)
    grid = tile_layout(scaled.levels, 2)
    np.testing.assert_array_equal(
        canvas, arrange(scaled.levels, grid) + draw_titles(titles, grid), strict=True
    )


# -- colors


@pytest.mark.parametrize("name", [*COLOR_MAPS, "RdBu_r"])
def test_color_levels_are_matplotlibs(name):
    color_map = matplotlib.colormaps[name]
    expected = [color_map(level / (LEVELS - 1), bytes=True)[:3] for level in range(LEVELS)]
    levels = color_levels(name)
    np.testing.assert_array_equal(levels, np.array(expected, np.uint8), strict=True)
    assert not levels.flags.writeable


def test_the_gray_scale_goes_evenly_from_black_to_white():
    levels = color_levels("gray")
    assert (levels[0].tolist(), levels[-1].tolist()) == ([0] * 3, [255] * 3)
    evenly = np.linspace(0, 255, LEVELS)[:, None]
    assert np.abs(levels - evenly).max() < 2


def test_zero_is_colorless_on_the_diverging_map():
    middle = color_levels("RdBu_r")[MIDDLE_LEVEL - FIRST_LEVEL].astype(int)
    assert middle.min() > 240
    assert np.ptp(middle) <= 2


def test_an_unknown_color_map_is_an_error():
    with pytest.raises(KeyError):
        color_levels("no-such-map")


# -- over a photograph


def test_a_photograph_under_tiles_is_gray_without_black_and_white():
    photograph = np.array([[[0, 0, 0], [255] * 3, [255, 0, 0], [0, 100, 200]]], np.uint8)
    # 70 + 155 * 0.299 = 116.3; 70 + 155 * (58.7 + 22.8) / 255 = 119.5
    np.testing.assert_array_equal(gray(photograph), np.array([[70, 225, 116, 120]], np.uint8))


def test_an_overlay_is_colored_by_value_and_opaque_by_magnitude():
    scaled = scale_tiles(tile([0, 4], [-4, 2]), limits=(-4, 4))
    tints = overlay_colors(scaled, "RdBu_r")[0]
    # 0.75 * 255 = 191.25; the level nearest to 2 is 120 of 238 above -4: 2.017, half of 4.
    np.testing.assert_array_equal(tints[..., 3], [[0, 191], [191, 96]])
    colors = matplotlib.colormaps["RdBu_r"](np.array([[119, 238], [0, 179]]) / 238, bytes=True)
    np.testing.assert_array_equal(tints[..., :3], colors[..., :3])


def test_opacity_is_the_distance_from_zero_on_any_scale():
    above = overlay_colors(scale_tiles(tile([0, 119], [238, 500]), limits=(0, 238)), "viridis")
    np.testing.assert_array_equal(above[0, ..., 3], [[0, 96], [191, 191]])
    lopsided = overlay_colors(scale_tiles(tile([-1, 0], [2, 5]), limits=(-1, 5)), "viridis")
    # Zero lies between two levels of 6 / 238.
    np.testing.assert_allclose(lopsided[0, ..., 3], [[38, 0], [76, 191]], atol=1)


@pytest.mark.parametrize("value", [0, 5])
@pytest.mark.parametrize("limits", [None, (-5.0, 5.0), (np.zeros(1), np.zeros(1))])
def test_a_flat_tile_is_a_transparent_overlay(value, limits):
    tints = overlay_colors(scale_tiles(np.full((1, 3, 3), value, np.float32), limits), "RdBu_r")
    assert (tints[..., 3] == 0).all()


def test_values_that_are_not_finite_are_opaque_over_a_photograph():
    tints = overlay_colors(scale_tiles(tile([NAN, 0], [1, -1]), limits=(-1, 1)), "RdBu_r")
    assert tints[0, 0, 0].tolist() == [*MARK_COLOR, 255]
    np.testing.assert_array_equal(tints[0, ..., 3], [[255, 0], [191, 191]])


def test_overlays_are_blended_in_sharp_squares():
    clear, full, fifth = [9, 9, 9, 0], [1, 2, 3, 255], [200, 100, 0, 51]
    tints = np.array([[[clear, full], [fifth, clear]]], np.uint8)
    under = np.array([[10, 20, 30, 40], [50, 60, 70, 80], [100] * 4, [200] * 4], np.uint8)
    weak = [[120, 100, 80], [200, 180, 160]]  # 0.8 * 100 + 0.2 * 200, ...
    expected = [
        [[10] * 3, [20] * 3, [1, 2, 3], [1, 2, 3]],
        [[50] * 3, [60] * 3, [1, 2, 3], [1, 2, 3]],
        [weak[0], weak[0], [100] * 3, [100] * 3],
        [weak[1], weak[1], [200] * 3, [200] * 3],
    ]
    tiles = blend(tints, under, 4)
    np.testing.assert_array_equal(tiles, np.array([expected], np.uint8), strict=True)


def test_the_photograph_is_resized_to_the_tiles():
    tints = np.zeros((2, 2, 2, 4), np.uint8)
    tiles = blend(tints, np.full((3, 3), 77, np.uint8), 10)
    np.testing.assert_array_equal(tiles, np.full((2, 10, 10, 3), 77, np.uint8), strict=True)


def test_an_overlay_scale_is_gray_at_zero_and_strongest_at_its_ends():
    levels = overlay_levels("RdBu_r", -3, 3).astype(int)
    assert levels.shape == (LEVELS, 3)
    assert levels[LEVELS // 2].tolist() == [147] * 3
    ends = color_levels("RdBu_r")[[0, -1]] * 0.75 + 147 * 0.25
    np.testing.assert_allclose(levels[[0, -1]], ends, atol=1)


def test_tiles_and_photographs_may_be_read_only_and_stay_as_they_are():
    scaled = scale_tiles(tile([0, NAN], [-4, 2]), limits=(-4, 4))
    photograph = np.random.default_rng(0).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    tints, under = overlay_colors(scaled, "RdBu_r"), gray(photograph)
    arrays = [scaled.levels, scaled.low, scaled.high, scaled.flat, photograph, tints, under]
    before = [array.copy() for array in arrays]
    for array in arrays:
        array.setflags(write=False)
    blend(overlay_colors(scaled, "RdBu_r"), gray(photograph), 4)
    blend(tints, under, 4)
    for array, kept in zip(arrays, before, strict=True):
        np.testing.assert_array_equal(array, kept)


# -- PNG


def test_gray_levels_are_encoded_as_they_are():
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    picture = decode(png(levels, None))
    np.testing.assert_array_equal(picture[..., :3], levels[..., None].repeat(3, axis=2))
    assert (picture[..., 3] == 255).all()


@pytest.mark.parametrize("color_map", ["gray", "viridis", "RdBu_r"])
@pytest.mark.parametrize("ink", [(22, 33, 43), (233, 239, 244)])
def test_every_palette_entry_has_its_color_in_the_file(color_map, ink):
    canvas = np.arange(256, dtype=np.uint8).reshape(8, 32)
    picture = decode(png(canvas, color_map, ink)).reshape(256, 4).tolist()
    assert picture[BACKGROUND][3] == 0
    assert picture[INK:MARK] == [[*ink, 255 * step // 15] for step in range(1, INK_STEPS + 1)]
    assert picture[MARK - 1] == [*ink, 255]
    assert picture[MARK] == [*MARK_COLOR, 255]
    colors = matplotlib.colormaps[color_map](np.arange(LEVELS) / (LEVELS - 1), bytes=True)
    assert picture[FIRST_LEVEL:] == colors.tolist()


def test_a_mosaic_becomes_a_palette_picture_of_its_own_size():
    canvas, _ = mosaic(random_tiles(5, 14), list("12345"), columns=3, width=200)
    image = Image.open(io.BytesIO(png(canvas, "magma", (1, 2, 3))))
    assert image.mode == "P"
    assert image.size == canvas.shape[::-1]
    np.testing.assert_array_equal(np.asarray(image), canvas)


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (5, 1)])
def test_the_smallest_canvases_are_files_too(shape):
    picture = decode(png(np.full(shape, LAST_LEVEL, np.uint8)))
    np.testing.assert_array_equal(picture, np.full((*shape, 4), 255, np.uint8))


def test_an_rgba_canvas_is_encoded_as_it_is():
    canvas = np.random.default_rng(0).integers(0, 256, (9, 13, 4), dtype=np.uint8)
    np.testing.assert_array_equal(decode(png(canvas)), canvas)


# -- inputs


@pytest.mark.parametrize(
    "use",
    [
        lambda tiles: scale_tiles(tiles),
        lambda tiles: scale_tiles(tiles, (-1, 1)),
        lambda tiles: scale_tiles(tiles, side=3),
        lambda tiles: mosaic(tiles, ["1", "2", "3"], 2, 200),
        lambda tiles: mosaic(tiles, ["1", "2", "3"], 2, 10),
        lambda tiles: shrink(tiles, 2),
        lambda tiles: enlarge(tiles, 2),
        lambda tiles: tile_limits(tiles),
    ],
    ids=["own", "shared", "shrunk", "mosaic", "mosaic_shrunk", "shrink", "enlarge", "limits"],
)
@pytest.mark.parametrize("spoilt", [False, True], ids=["finite", "with_nan"])
def test_tiles_may_be_read_only_and_stay_as_they_are(use, spoilt):
    tiles = random_tiles(3, 6)
    tiles[2] = 1
    if spoilt:
        tiles[1, 2, 3], tiles[0, 0, 0] = NAN, INF
    before = tiles.copy()
    tiles.setflags(write=False)
    use(tiles)
    np.testing.assert_array_equal(tiles, before)


def test_the_scale_without_change_of_size_leaves_writable_tiles_alone_too():
    tiles = random_tiles(3, 6)
    tiles[1, 2, 3] = NAN
    before = tiles.copy()
    mosaic(tiles, ["1", "2", "3"], 2, 200)
    np.testing.assert_array_equal(tiles, before)


def test_levels_and_canvas_may_be_read_only_and_stay_as_they_are():
    scaled = numbered_levels(3, side=12)
    flat = ScaledTiles(scaled.levels, scaled.low, scaled.high, np.array([True, False, False]))
    before = scaled.levels.copy()
    for field in fields(ScaledTiles):
        getattr(flat, field.name).setflags(write=False)
    canvas = draw(flat, ["1", "2", "3"], columns=2)
    np.testing.assert_array_equal(scaled.levels, before)
    canvas.setflags(write=False)
    drawn = canvas.copy()
    png(canvas)
    np.testing.assert_array_equal(canvas, drawn)


def test_color_tiles_are_enlarged_sharply_and_shrunk_smoothly():
    picture = np.random.default_rng(0).integers(0, 256, (12, 12, 3), dtype=np.uint8)
    picture.setflags(write=False)
    large = resize_tile(picture, 36)
    np.testing.assert_array_equal(large, np.kron(picture, np.ones((3, 3, 1), np.uint8)))
    small = resize_tile(picture, 4)
    for row, column in np.ndindex(4, 4):
        part = picture[3 * row :, 3 * column :][:3, :3]
        np.testing.assert_allclose(small[row, column], part.mean(axis=(0, 1)), atol=0.5001)
    assert large.dtype == small.dtype == np.uint8
    np.testing.assert_array_equal(resize_tile(picture, 12), picture)


@pytest.mark.parametrize(
    ("picture", "side"),
    [
        (np.zeros((4, 4, 3), np.float32), 4),
        (np.zeros((4, 5, 3), np.uint8), 4),
        (np.zeros((4, 4), np.uint8), 4),
        (np.zeros((4, 4, 4), np.uint8), 4),
        (np.zeros((4, 4, 3), np.uint8), 6),
        (np.zeros((4, 4, 3), np.uint8), 3),
    ],
)
def test_invalid_color_tiles_and_sizes_are_refused(picture, side):
    with pytest.raises(ValueError, match="expected"):
        resize_tile(picture, side)
