"""Tiles drawn by the app against published figures of the real VGG19."""

import io
from itertools import product

import numpy as np
import pytest
from PIL import Image

from tests.support import slow
from tests.support.photographs import load_image
from tests.support.weights_files import ReferenceWeights, reference_folder
from vgg_viz.export.mosaic import mosaic, png
from vgg_viz.model.network import Network, tiles_first

LAYER = "block1_conv2"
SIDE = 224
FRAME = 2  # the plot's frame, and what it bleeds into, round every published tile
FILES = [
    "vgg19_blocks1-3.npz",
    "bird.jpg",
    "published_filters_block1_conv2.png",
    "published_maps_block1_conv2.png",
    "published_block1_grid.png",
]
MISSING = [name for name in FILES if not (reference_folder() / name).is_file()]

pytestmark = pytest.mark.skipif(
    bool(MISSING), reason=f"there is no {', '.join(MISSING)} in {reference_folder()}"
)


def runs(flags, least=30):
    """Return the runs of at least ``least`` set flags, as pairs (first, behind the last)."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]])))
    return [(first, end) for first, end in edges.reshape(-1, 2).tolist() if end - first >= least]


def published_tiles(file_name, rows, columns):
    """Read a figure's tiles, row by row, with their frames: gray from 0 to 255, (n, h, w).

    Titles are lower than 30 pixels, and so fall through. The boxes differ by a pixel; what the
    larger ones have too much, at their right and lower edge, is left out.
    """
    figure = Image.open(reference_folder() / file_name).convert("RGBA")
    paper = Image.new("RGBA", figure.size, "white")
    paper.alpha_composite(figure)
    gray = np.asarray(paper.convert("L"))
    printed = gray < 250
    tops, lefts = runs(printed.any(axis=1)), runs(printed.any(axis=0))
    assert (len(tops), len(lefts)) == (rows, columns)
    height, width = (min(end - first for first, end in ends) for ends in (tops, lefts))
    return np.array(
        [
            gray[top : top + height, left : left + width]
            for (top, _), (left, _) in product(tops, lefts)
        ]
    )


def drawn_tiles(tiles, columns, side):
    """Draw a mosaic, encode and decode it, and crop its tiles in gray."""
    canvas, grid, _ = mosaic(tiles, columns, columns * (side + 4))
    picture = Image.open(io.BytesIO(png(canvas))).convert("RGBA").convert("L")
    assert (picture.size, grid.side) == (grid.size, side)
    corners = [grid.corner(index) for index in range(len(tiles))]
    return [picture.crop((left, top, left + side, top + side)) for left, top in corners]


@pytest.fixture(scope="module")
def maps():
    """Tiles of all 64 feature maps for the image of the bird."""
    pixels = load_image((reference_folder() / "bird.jpg").read_bytes(), "stretch")
    values = Network(ReferenceWeights()).feature_maps(pixels, LAYER)
    return drawn_tiles(values, 8, SIDE)


@pytest.fixture(scope="module")
def filters():
    """Tiles of all filters, 64 for each of 64 channels, as 3 × 3 gray levels."""
    values = tiles_first(ReferenceWeights().read(LAYER)[0]).reshape(-1, 3, 3)
    tiles = drawn_tiles(values, 64, 3)
    return np.array([np.asarray(tile) for tile in tiles]).reshape(64, 64, 3, 3)


def correlations(published, candidates):
    """Compute the correlation of each published tile with each candidate, both (n, ...)."""
    flattened = []
    for tiles in (published, candidates):
        values = np.reshape(tiles, (len(tiles), -1)).astype(np.float64)
        values -= values.mean(axis=1, keepdims=True)
        norms = np.linalg.norm(values, axis=1, keepdims=True)
        flattened.append(values / np.where(norms > 0, norms, np.inf))
    return flattened[0] @ flattened[1].T


def placed(tile, shape, top, left, missing):
    """Resize a tile to a published one without its frame.

    The plot's axes begin at ``(top, left)`` and are smaller than the frame by ``missing``; where
    they lie, to a fraction of a pixel, is not known.
    """
    height, width = shape
    vertical, horizontal = SIDE / (height - missing), SIDE / (width - missing)
    box = (
        (FRAME - left) * horizontal,
        (FRAME - top) * vertical,
        (width - FRAME - left) * horizontal,
        (height - FRAME - top) * vertical,
    )
    size = (width - 2 * FRAME, height - 2 * FRAME)
    return np.asarray(tile.resize(size, Image.Resampling.BILINEAR, box=box))


def best_correlations(published, candidates):
    """Compute the `correlations` of each pair at its best-fitting placement."""
    shape = published.shape[1:]
    inner = published[:, FRAME:-FRAME, FRAME:-FRAME]
    shifts = (-1, 0)
    return np.max(
        [
            correlations(
                inner, np.array([placed(tile, shape, top, left, missing) for tile in candidates])
            )
            for top, left, missing in product(shifts, shifts, (0, 0.5, 1))
        ],
        axis=0,
    )


@pytest.mark.parametrize(
    ("file_name", "rows", "columns"),
    [("published_block1_grid.png", 8, 8), *slow(("published_maps_block1_conv2.png", 5, 4))],
)
def test_published_maps_match_our_maps_with_their_numbers_only(file_name, rows, columns, maps):
    published = published_tiles(file_name, rows, columns)
    fits = best_correlations(published, maps)
    np.testing.assert_array_equal(fits.argmax(axis=1), np.arange(rows * columns))
    own = fits.diagonal()
    assert own.min() > 0.97
    assert np.median(own) > 0.99


def test_published_filters_match_our_filters_with_their_numbers_only(filters):
    # A row a filter, a column a channel; each of the nine values is read at its square's center.
    published = np.array(
        [
            np.asarray(Image.fromarray(tile[1:-1, 1:-1]).resize((3, 3), Image.Resampling.NEAREST))
            for tile in published_tiles("published_filters_block1_conv2.png", 5, 4)
        ]
    )
    own = [64 * filter_index + channel for filter_index in range(5) for channel in range(4)]
    fits = correlations(published, filters.reshape(-1, 3, 3))
    np.testing.assert_array_equal(fits.argmax(axis=1), own)
    assert fits[range(20), own].min() > 0.999
    # Not only alike but equally bright, so on the same scale, to the rounding of 256 grays.
    np.testing.assert_allclose(
        filters[:5, :4].reshape(published.shape).astype(int), published, rtol=0, atol=3
    )
