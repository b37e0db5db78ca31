import io
import math
from dataclasses import fields

import matplotlib
import numpy as np
import pytest
from PIL import Image

from tests.support.maps import frozen, random_array
from vgg_viz.export import mosaic
from vgg_viz.export.appearance import COLOR_MAPS

LAST_LEVEL = 255
MIDDLE_LEVEL = (mosaic.FIRST_LEVEL + LAST_LEVEL) // 2
NAN, INF = math.nan, math.inf


def tile(*rows):
    return frozen(np.array([rows], np.float32))


def level_of(value, low, high):
    """Return the level nearest to a value on a scale, in Python's arithmetic."""
    share = (min(max(value, low), high) - low) / (high - low)
    return mosaic.FIRST_LEVEL + math.floor(share * (mosaic.LEVELS - 1) + 0.5)


@pytest.mark.parametrize("side", [1, 3, 7, 14, 56, 224])
@pytest.mark.parametrize("width", [10, 960])
def test_tile_side_is_the_nearest_multiple_or_fraction(side, width):
    allowed = [size for size in range(1, 1200) if size % side == 0 or side % size == 0]
    for columns in (1, 2, 3, 5, 8, 12, 23, 32, 64):
        chosen = mosaic.tile_side(side, columns, width)
        wanted = max(1, width // columns - 4)
        assert chosen in allowed
        ratios = [max(size / wanted, wanted / size) for size in allowed]
        assert max(chosen / wanted, wanted / chosen) == pytest.approx(min(ratios))


@pytest.mark.parametrize(("width", "size"), [(4, 11), (84, 11), (100, 13), (169, 22), (900, 22)])
def test_letters_grow_with_tiles_within_bounds(width, size):
    assert mosaic.LETTERING.size(width) == size
    _, grid = mosaic.draw(mosaic.scale_tiles(random_array(3, width, width)), 8)
    assert grid == mosaic.TileLayout(3, 3, width, title_height=size + 5, gap=4)


def test_tiles_are_arranged_row_by_row_and_the_last_row_may_be_short():
    tiles = np.arange(1, 13, dtype=np.uint8).reshape(3, 2, 2)
    canvas = mosaic.arrange(tiles, mosaic.TileLayout(3, 2, 2, title_height=1, gap=1))
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


def test_packed_tiles_have_no_gaps_and_keep_their_colors():
    tiles = np.arange(1, 10, dtype=np.uint8).reshape(3, 1, 1, 3)
    expected = [[[1, 2, 3], [4, 5, 6]], [[7, 8, 9], [0, 0, 0]]]
    np.testing.assert_array_equal(mosaic.pack_tiles(tiles, 2), expected)
    assert mosaic.pack_tiles(tiles, 8).shape == (1, 3, 3)


@pytest.mark.parametrize(("size", "side"), [(7, 2), (4, 3)])
def test_tiles_shrink_only_to_a_divisor(size, side):
    with pytest.raises(ValueError, match=f"expected a divisor of {size}, got {side}"):
        mosaic.shrink(random_array(1, size, size), side)


def test_color_tiles_are_enlarged_sharply_and_shrunk_smoothly():
    picture = np.random.default_rng(0).integers(0, 256, (12, 12, 3), dtype=np.uint8)
    large, small, same = (
        mosaic.color_tiles([picture], lambda _, to=to: to)[0] for to in (36, 4, 12)
    )
    np.testing.assert_array_equal(large, np.kron(picture, np.ones((3, 3, 1), np.uint8)))
    means = picture.reshape(4, 3, 4, 3, 3).mean(axis=(1, 3))
    np.testing.assert_allclose(small, means, atol=0.5001)
    assert large.dtype == small.dtype == np.uint8
    np.testing.assert_array_equal(same, picture)


@pytest.mark.parametrize("limit", [1, 1 / 3, 12345.678, 2.5e-20, 1e20])
def test_zero_is_the_middle_level_of_symmetric_limits(limit):
    scaled = mosaic.scale_tiles(tile([0, -0.0], [-limit, limit]), limits=(-limit, limit))
    expected = [[[MIDDLE_LEVEL] * 2, [mosaic.FIRST_LEVEL, LAST_LEVEL]]]
    np.testing.assert_array_equal(scaled.levels, expected)


@pytest.mark.parametrize("value", [0, -3.7, 1 / 3, 5e5, -1e-20])
def test_a_constant_tile_and_one_of_rounding_noise_are_flat_and_on_the_first_level(value):
    tiles = np.full((2, 4, 4), value, np.float32)
    if value:
        tiles[1, 1, 2] = np.nextafter(np.float32(value), np.float32(INF))
        assert tiles[1].max() > tiles[0].max()
    scaled = mosaic.scale_tiles(tiles)
    assert scaled.flat.tolist() == [True, True]
    assert (scaled.levels == mosaic.FIRST_LEVEL).all()
    assert scaled.low[0] == scaled.high[0] == np.float32(value)


@pytest.mark.parametrize("value", [0, -3.7, 5e5, 1e-10])
def test_a_weak_contrast_above_rounding_is_shown(value):
    tiles = np.full((1, 2, 2), value, np.float32)
    tiles[0, 0, 0] += abs(value) * 1e-4 or 1e-12
    scaled = mosaic.scale_tiles(tiles)
    assert scaled.flat.tolist() == [False]
    assert {int(level) for level in scaled.levels.ravel()} == {mosaic.FIRST_LEVEL, LAST_LEVEL}


def test_flat_tiles_keep_their_level_and_limits_without_extent_give_the_first():
    scaled = mosaic.scale_tiles(np.full((1, 2, 2), 5, np.float32), limits=(0, 10))
    assert scaled.flat.tolist() == [True]
    assert (scaled.levels == MIDDLE_LEVEL).all()
    scaled = mosaic.scale_tiles(tile([1, 2], [3, 4]), limits=(2, 2))
    assert scaled.flat.tolist() == [False]
    assert (scaled.levels == mosaic.FIRST_LEVEL).all()


@pytest.mark.parametrize("side", [0, 4, 1])
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_limits_by_tile_scale_each_tile_alone(side, kind):
    tiles = random_array(9, 8, 8).copy()
    tiles[3] = 0
    tiles[4, 2, 2] = NAN
    tiles[5, 7, 7] = INF
    low = frozen(np.array([-1, -3, 0, 0, -2, -1, 5, 0.5, -1e-9], kind))
    high = frozen(np.array([1, 3, 2, 0, 2, 1, 6, 0.5, 1e-9], kind))
    found = mosaic.scale_tiles(frozen(tiles), (low, high), side)
    assert (found.low.dtype, found.high.dtype) == (np.float32, np.float32)
    for n in range(len(tiles)):
        alone = mosaic.scale_tiles(tiles[n : n + 1], (float(low[n]), float(high[n])), side)
        for field in fields(mosaic.ScaledTiles):
            np.testing.assert_array_equal(
                getattr(found, field.name)[n], getattr(alone, field.name)[0], err_msg=field.name
            )


@pytest.mark.parametrize("unknown", [NAN, INF, -INF])
@pytest.mark.parametrize("limits", [None, (0, 4)])
def test_values_that_are_not_finite_are_marked_and_do_not_affect_the_scale(unknown, limits):
    scaled = mosaic.scale_tiles(tile([0, unknown], [1, 2]), limits)
    low, high = limits or (0, 2)
    expected = [[level_of(0, low, high), mosaic.MARK], [level_of(one, low, high) for one in (1, 2)]]
    np.testing.assert_array_equal(scaled.levels, [expected])
    assert (scaled.low.tolist(), scaled.high.tolist()) == ([low], [high])
    assert scaled.flat.tolist() == [False]


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
@pytest.mark.parametrize("unknown", [NAN, INF])
def test_a_tile_without_finite_values_is_marked_all_over(unknown):
    tiles = np.concatenate([np.full((1, 2, 2), unknown, np.float32), tile([0, 1], [2, 0])])
    scaled, alone = mosaic.scale_tiles(tiles), mosaic.scale_tiles(tiles[1:])
    assert (scaled.levels[0] == mosaic.MARK).all()
    assert (scaled.low[0], scaled.high[0], scaled.flat[0]) == (0, 0, True)
    np.testing.assert_array_equal(scaled.levels[1], alone.levels[0])


def test_shrunk_tiles_stay_on_the_scale_of_all_their_values():
    tiles = tile([8, 0, 0, 0], [0] * 4, [0, 0, 4, 4], [NAN, 0, 4, 4])
    scaled = mosaic.scale_tiles(tiles, side=2)
    expected = [[[level_of(2, 0, 8), mosaic.FIRST_LEVEL], [mosaic.MARK, MIDDLE_LEVEL]]]
    np.testing.assert_array_equal(scaled.levels, expected)
    assert (scaled.low.tolist(), scaled.high.tolist()) == ([0], [8])


@pytest.mark.parametrize(
    ("count", "side", "columns", "drawn_side"),
    [(1, 224, 1, 896), (5, 56, 3, 336), (64, 224, 8, 112), (512, 14, 23, 42), (12, 3, 4, 237)],
)
@pytest.mark.parametrize("limits", [None, (-2.0, 2.0)], ids=["own", "shared"])
def test_a_mosaic_shows_every_tiles_values(count, side, columns, drawn_side, limits):
    tiles = random_array(count, side, side)
    canvas, grid, scaled = mosaic.mosaic(tiles, columns, 960, limits)
    factor = max(1, drawn_side // side)
    shown_side = min(side, drawn_side)
    group = side // shown_side
    assert (grid.side, canvas.shape) == (drawn_side, grid.size[::-1])
    blocks = tiles.astype(np.float64).reshape(count, shown_side, group, shown_side, group)
    shown = blocks.mean(axis=(2, 4))
    for index in range(count):
        left, top = grid.corner(index)
        drawn = canvas[top : top + drawn_side, left : left + drawn_side]
        low, high = limits or (tiles[index].min(), tiles[index].max())
        share = (shown[index].clip(low, high) - low) / (high - low)
        expected = np.kron(
            mosaic.FIRST_LEVEL + share * (mosaic.LEVELS - 1), np.ones((factor, factor))
        )
        np.testing.assert_allclose(drawn, expected, atol=0.51, rtol=0)
        assert (scaled.low[index], scaled.high[index]) == (low, high)
    assert np.count_nonzero(canvas != mosaic.BACKGROUND) == count * drawn_side**2


def test_a_flat_tile_is_struck_through_in_its_final_size_and_no_other():
    tiles = np.concatenate([tile(*[range(5)] * 5), np.ones((1, 5, 5), np.float32)])
    canvas, _, scaled = mosaic.mosaic(tiles, columns=2, width=88)
    assert scaled.flat.tolist() == [False, True]
    first, second = canvas[-40:, :40], canvas[-40:, -40:]
    assert not (first == mosaic.MARK).any()
    # From corner to corner, three pixels wide.
    stroke = np.eye(40) + np.eye(40, k=1) + np.eye(40, k=-1)
    expected = np.where(stroke, mosaic.MARK, mosaic.FIRST_LEVEL)
    np.testing.assert_array_equal(second, expected)


def test_a_photograph_under_tiles_is_gray_without_black_and_white():
    photograph = frozen(np.array([[[0, 0, 0], [255] * 3, [255, 0, 0], [0, 100, 200]]], np.uint8))
    # 70 + 155 * 0.299 = 116.3; 70 + 155 * (58.7 + 22.8) / 255 = 119.5
    np.testing.assert_array_equal(
        mosaic.gray(photograph), np.array([[70, 225, 116, 120]], np.uint8)
    )


def test_an_overlay_is_colored_by_value_and_opaque_by_magnitude():
    scaled = mosaic.scale_tiles(tile([0, 4], [-4, NAN]), limits=(-4, 4))
    overlay = mosaic.overlay_colors(scaled, "RdBu_r")[0]
    # 0.75 * 255 = 191.25
    np.testing.assert_array_equal(overlay[..., 3], [[0, 191], [191, 255]])
    colors = matplotlib.colormaps["RdBu_r"](np.array([[0.5, 1], [0, 0]]), bytes=True)
    np.testing.assert_array_equal(overlay[:1, :, :3], colors[:1, :, :3])
    np.testing.assert_array_equal(overlay[1, :, :3], [colors[1, 0, :3], mosaic.MARK_COLOR])


@pytest.mark.parametrize(("low", "high"), [(0, 238), (-1, 5), (-4, 4)])
def test_opacity_is_the_distance_from_zero_on_any_scale(low, high):
    values = np.linspace(low, high, 100).reshape(1, 10, 10).astype(np.float32)
    opacity = mosaic.overlay_colors(mosaic.scale_tiles(values, (low, high)), "viridis")[..., 3]
    expected = 191.25 * np.abs(values) / max(-low, high)
    # A value is drawn as the nearest of 253 levels.
    np.testing.assert_allclose(opacity, expected, atol=0.51 + 191.25 * (high - low) / high / 504)


@pytest.mark.parametrize("value", [0, 5])
@pytest.mark.parametrize("limits", [None, (-5.0, 5.0), (np.zeros(1), np.zeros(1))])
def test_a_flat_tile_is_a_transparent_overlay(value, limits):
    overlay = mosaic.overlay_colors(
        mosaic.scale_tiles(np.full((1, 3, 3), value, np.float32), limits), "RdBu_r"
    )
    assert (overlay[..., 3] == 0).all()


def test_overlays_are_blended_in_sharp_squares():
    clear, full, fifth = [9, 9, 9, 0], [1, 2, 3, 255], [200, 100, 0, 51]
    overlays = frozen(np.array([[[clear, full], [fifth, clear]]], np.uint8))
    under = frozen(np.array([[10, 20, 30, 40], [50, 60, 70, 80], [100] * 4, [200] * 4], np.uint8))
    weak = [[120, 100, 80], [200, 180, 160]]  # 0.8 * 100 + 0.2 * 200, ...
    expected = [
        [[10] * 3, [20] * 3, [1, 2, 3], [1, 2, 3]],
        [[50] * 3, [60] * 3, [1, 2, 3], [1, 2, 3]],
        [weak[0], weak[0], [100] * 3, [100] * 3],
        [weak[1], weak[1], [200] * 3, [200] * 3],
    ]
    tiles = mosaic.blend(overlays, under, 4)
    np.testing.assert_array_equal(tiles, np.array([expected], np.uint8), strict=True)
    resized = mosaic.blend(np.zeros((2, 2, 2, 4), np.uint8), np.full((3, 3), 77, np.uint8), 10)
    np.testing.assert_array_equal(resized, np.full((2, 10, 10, 3), 77, np.uint8), strict=True)


def test_an_overlay_scale_is_gray_at_zero_and_strongest_at_its_ends():
    levels = mosaic.overlay_levels("RdBu_r", -3, 3).astype(int)
    assert levels.shape == (mosaic.LEVELS, 3)
    assert levels[mosaic.LEVELS // 2].tolist() == [147] * 3
    ends = mosaic.color_levels("RdBu_r")[[0, -1]] * 0.75 + 147 * 0.25
    np.testing.assert_allclose(levels[[0, -1]], ends, atol=1)


@pytest.mark.parametrize("color_map", [*COLOR_MAPS, "RdBu_r"])
def test_every_palette_entry_has_its_color_in_the_file(color_map):
    canvas = frozen(np.arange(256, dtype=np.uint8).reshape(8, 32))
    image = Image.open(io.BytesIO(mosaic.png(canvas, color_map)))
    picture = np.asarray(image.convert("RGBA")).reshape(256, 4).tolist()
    assert picture[mosaic.BACKGROUND] == [255, 255, 255, 0]
    assert picture[mosaic.MARK] == [*mosaic.MARK_COLOR, 255]
    colors = matplotlib.colormaps[color_map](
        np.arange(mosaic.LEVELS) / (mosaic.LEVELS - 1), bytes=True
    )
    assert picture[mosaic.FIRST_LEVEL :] == colors.tolist()
    assert not mosaic.color_levels(color_map).flags.writeable
    assert (image.format, image.mode) == ("PNG", "P")
    np.testing.assert_array_equal(np.asarray(image), canvas)
    assert mosaic.recolored(mosaic.png(canvas), color_map) == mosaic.png(canvas, color_map)


def test_only_a_file_with_a_palette_is_recolored():
    with pytest.raises(ValueError, match="palette"):
        mosaic.recolored(mosaic.png(np.zeros((2, 2, 3), np.uint8)), "gray")


@pytest.mark.parametrize("shape", [(16, 16), (1, 1), (1, 7, 3), (9, 13, 4)])
def test_other_images_are_encoded_as_they_are(shape):
    canvas = frozen(np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8))
    image = Image.open(io.BytesIO(mosaic.png(canvas, None)))
    np.testing.assert_array_equal(np.asarray(image), canvas)
