"""Grids of color pictures: their data for the browser, and their exports."""

import io
import json

import numpy as np
import pytest

from tests.support.pages import tiles_of
from vgg_viz.export.formats import FORMATS, Export
from vgg_viz.export.sheets import sheet_of
from vgg_viz.ui.widgets import grid
from vgg_viz.ui.widgets.color_grid import ColorGrid


def pictures(count: int, side: int) -> np.ndarray:
    return np.random.default_rng(side).integers(0, 256, (count, side, side, 3), dtype=np.uint8)


def color_grid(source, count: int = 3, **more) -> ColorGrid:
    numbers = range(11, 11 + count)
    titles = [str(number) for number in numbers]
    tooltips = [[f"value {number}", f"Cat, row {number}"] for number in numbers]
    return ColorGrid(source, titles, numbers, "key", "Nine of them", tooltips=tooltips, **more)


def drawn(shown: ColorGrid, width: int = 960) -> tuple[dict, list[np.ndarray], int]:
    """Return the header, the tiles (RGBA) and the number of tiles struck through."""
    placement = grid.Placement("grid", grid.ignore, width=width)
    data, struck = grid.draw(
        shown, placement, grid.metadata(shown, placement), lambda _, compute: compute()
    )
    header, tiles = tiles_of(data)
    return header, [np.asarray(tile) for tile in tiles], struck


def test_the_data_hold_pictures_and_tooltips():
    tiles = pictures(3, 24)
    one_by_one = color_grid(lambda: iter(tiles))
    np.testing.assert_array_equal(one_by_one.values, tiles, strict=True)
    header, shown, struck = drawn(one_by_one)
    np.testing.assert_array_equal(shown, tiles)  # without opacity
    assert header["lines"] == [f"value {n}\nCat, row {n}" for n in (11, 12, 13)]
    assert (struck, header["flat"], header["positions"]) == (0, [0, 0, 0], 0)


def test_empty_tiles_are_transparent_and_struck_through():
    empty = color_grid(pictures(3, 24), empty=[False, True, False])
    header, shown, struck = drawn(empty)
    assert [tile[..., 3].min() for tile in shown] == [255, 0, 255]
    assert not shown[1][..., 3].any()
    assert (struck, header["flat"]) == (1, [0, 1, 0])
    assert (
        grid.full_caption(empty, struck)
        == "Nine of them · 1 tile without a picture is struck through"
    )
    assert "2 tiles without a picture are" in grid.full_caption(empty, 2)
    assert grid.full_caption(color_grid(pictures(3, 24)), 0) == "Nine of them"


@pytest.mark.parametrize(("side", "width", "sent"), [(120, 200, 120), (120, 122, 60), (7, 960, 7)])
def test_pictures_are_not_sent_larger_than_shown(side, width, sent):
    tiles = pictures(2, side)
    header, shown, _ = drawn(color_grid(tiles, 2), width)
    assert header["side"] == sent
    factor = side // sent
    means = tiles[0].reshape(sent, factor, sent, factor, 3).mean(axis=(1, 3))
    np.testing.assert_allclose(shown[0][..., :3], means, atol=0.5001)


def test_metadata_tell_drawings_apart():
    """Drawings are cached by key and metadata, not by the pictures."""
    placement, one = grid.Placement("grid", grid.ignore), color_grid(pictures(1, 3), 1)
    other = color_grid(pictures(1, 3), 1, empty=[True])
    assert json.dumps(grid.metadata(one, placement)) != json.dumps(grid.metadata(other, placement))


def test_an_npz_holds_pictures_and_figures():
    tiles = pictures(4, 5)
    figures = {"value": np.arange(4, dtype=np.float32), "picture": ["Cat", "Dog", "Cat", ""]}
    axes = {"channel": [11, 12], "rank": [1, 2]}
    shown = color_grid(tiles, 4, name="patches", axes=axes, figures=figures)
    file = FORMATS["npz"].encode(Export("Patches", lambda: [shown], lambda: [], ""))
    with np.load(io.BytesIO(file), allow_pickle=False) as arrays:
        np.testing.assert_array_equal(arrays["patches"], tiles.reshape(2, 2, 5, 5, 3), strict=True)
        assert arrays["patches_value"].tolist() == [[0, 1], [2, 3]]
        described = json.loads(arrays["metadata.json"])
        assert described["grids"]["patches"]["texts"] == {"picture": ["Cat", "Dog", "Cat", ""]}
        assert described["arrays"] == {
            "patches": "channel 2 × rank 2 × row 5 × column 5 × color 3, uint8",
            "patches_value": "channel 2 × rank 2, float32",
        }


def test_a_sheet_of_pictures_explains_strokes_and_has_no_scale():
    shown = color_grid(pictures(3, 5), empty=[True, False, True])
    lines = sheet_of(Export("Patches", lambda: [shown], lambda: [], "")).lines
    assert lines[:2] == ["Nine of them", "2 tiles without a picture are struck through"]
    whole = color_grid(pictures(3, 5))
    lines = sheet_of(Export("Patches", lambda: [whole], lambda: [], "")).lines
    assert lines[1].startswith("VGG Viz")
