"""Grids: formatted numbers, and the data of heatmap overlays."""

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from tests.support.pages import unpacked
from vgg_viz.export.mosaic import pack_tiles
from vgg_viz.serving.results import ValueRange
from vgg_viz.ui.widgets import grid
from vgg_viz.ui.widgets.controls import Appearance


def test_numbers_are_formatted_for_people():
    assert grid.formatted(np.array([4237.2, -0.00001234, 0.0])) == ["4,237", "−0.00001234", "0"]
    assert grid.legend(grid.color_scale("gray", (0.0, 12345.0)))["labels"] == ["0", "12,340"]
    assert "zero in the middle" in grid.scale_name(Appearance("zero", "gray"))


def test_only_a_click_on_a_tile_of_the_grid_counts(monkeypatch):
    picked = []
    for sent in (4, 5, 17, 0, "17", None):
        monkeypatch.setattr(grid.st, "session_state", {"maps": {"picked": sent}})
        grid.pick("maps", {4, 17}, picked.append)
    assert picked == [4, 17]


@pytest.mark.parametrize("overlay", [True, False])
def test_the_legend_of_an_overlay_is_gray_at_zero(overlay):
    scale = grid.color_scale("RdBu_r", (-2.0, 2.0), overlay=overlay)
    assert ("rgb(147,147,147)" in grid.legend(scale)["colors"]) == overlay


def overlay(count: int, side: int = 14) -> grid.Grid:
    """Return a grid of noise, which compresses least, on a photograph of noise."""
    random = np.random.default_rng(count)
    values = random.standard_normal((count, side, side)).astype(np.float32)
    largest = np.abs(values).max(axis=(1, 2))
    return grid.Grid(
        values,
        [f"Class {number}" for number in range(count)],
        range(1, count + 1),
        ("evidence", count),
        columns=2,
        value_range=ValueRange(float(values.min()), float(values.max())),
        appearance=Appearance("pair", "RdBu_r"),
        pair=(-largest, largest),
        photograph=random.integers(0, 256, (196, 196, 3), dtype=np.uint8),
    )


def drawn(shown: grid.Grid) -> tuple[dict, list[bytes]]:
    """Return the header and the parts of a drawn grid."""
    placement = grid.Placement("evidence", grid.ignore)
    data, _ = grid.draw(shown, placement, {}, lambda _, compute: compute())
    header, rest = unpacked(data)
    assert int.from_bytes(data[:4], "little") % 4 == 0  # which aligns the values
    ends = np.cumsum(header["parts"]).tolist()
    assert ends[-1] == len(rest)
    return header, [rest[end - size : end] for end, size in zip(ends, header["parts"], strict=True)]


def test_an_overlay_includes_the_photograph_and_the_values():
    shown = overlay(3)
    header, (tiles, photograph, values) = drawn(shown)
    assert header["positions"] == 14
    np.testing.assert_array_equal(np.frombuffer(values, "<f4").reshape(3, 14, 14), shown.values)
    assert Image.open(io.BytesIO(tiles)).size == (2 * 14, 2 * 14)
    assert Image.open(io.BytesIO(photograph)).size == (196, 196)


def test_page_and_export_agree():
    shown = overlay(2)
    _, (tiles, photograph, _) = drawn(shown)
    under, heatmaps = (Image.open(io.BytesIO(part)) for part in (photograph, tiles))
    page = Image.new("RGBA", (2 * 196, 196))
    for left in (0, 196):
        page.paste(under.convert("RGBA"), (left, 0))
    page.alpha_composite(heatmaps.resize(page.size, Image.Resampling.NEAREST))

    sheet = shown.draw(400)[0][-196:]
    both = pack_tiles(np.stack([sheet[:, :196], sheet[:, -196:]]), 2)
    difference = np.abs(np.asarray(page)[..., :3].astype(int) - both)
    assert difference.max() <= 1  # rounding


@pytest.mark.parametrize("side", [17, 28])
def test_large_overlays_omit_the_values(side):
    header, parts = drawn(overlay(1, side))
    assert (header["positions"], parts[2]) == (0, b"")


def test_tiles_without_a_photograph_are_one_image():
    header, parts = drawn(replace(overlay(2), photograph=None))
    assert (header["positions"], len(parts)) == (0, 1)


@pytest.mark.parametrize(("count", "most"), [(1, 60_000), (12, 400_000)])
def test_the_data_for_the_browser_are_small(count, most):
    assert sum(drawn(overlay(count))[0]["parts"]) < most


def test_the_tooltip_shows_each_tiles_statistics():
    values = np.array([[[0, 1], [2, 5]], [[0, 0], [0, 0]]], np.float32)
    shown = grid.Grid(values, ["1", "2"], [1, 2], "key", value_range=ValueRange(0, 5))
    header, _ = drawn(shown)
    numbers = ["min 0   max 5\nmean 2", "min 0   max 0\nmean 0"]
    shares = ["75%", "0%"]
    assert header["lines"] == [
        f"{words}\nactive at {share} of positions"
        for words, share in zip(numbers, shares, strict=True)
    ]
    assert drawn(replace(shown, rectified=False))[0]["lines"] == numbers
