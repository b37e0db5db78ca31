"""Exported files are saved in all formats, and the image shows what the screen shows."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Download, Page

from tests.support.reading import settle
from vgg_viz.export.formats import FORMATS

pytestmark = pytest.mark.browser

# The tiles' values as they are painted, one RGB a tile's pixel, without gaps and titles.
TILES = """(canvas) => {
  const mosaic = canvas.getRootNode().mosaic ?? canvas.closest(".mosaic").parentNode.mosaic;
  const picture = document.createElement("canvas");
  [picture.width, picture.height] = [mosaic.bitmap.width, mosaic.bitmap.height];
  const context = picture.getContext("2d");
  context.drawImage(mosaic.bitmap, 0, 0);
  const { data } = context.getImageData(0, 0, picture.width, picture.height);
  return { width: picture.width, height: picture.height, data: [...data],
           columns: mosaic.header.columns, side: mosaic.header.side };
}"""


BUTTONS = [file_format.label for file_format in FORMATS.values()]


def export(page: Page, button: str) -> Download:
    with page.expect_download() as download:
        page.get_by_role("button", name=button).click()
    return download.value


def test_the_image_holds_the_tiles_on_the_screen(open_page):
    page = open_page("view=maps&layer=block3_conv1&maps=9&order=mean&scale=layer&colors=viridis")
    settle(page)
    shown = page.locator("canvas[data-shown]").evaluate(TILES)
    page.get_by_role("button", name="Export").click()
    given = [export(page, button) for button in BUTTONS]
    paths = {Path(one.suggested_filename).suffix: Path(one.path()) for one in given}
    assert set(paths) == {f".{name}" for name in FORMATS}
    painted = np.array(shown["data"], np.uint8).reshape(shown["height"], shown["width"], 4)
    with Image.open(paths[".png"]) as picture:
        pixels = np.array(picture.convert("RGB"))
    side, factors = shown["side"], range(1, 13)
    for tile in range(9):
        row, column = divmod(tile, shown["columns"])
        on_screen = painted[row * side : (row + 1) * side, column * side : (column + 1) * side, :3]
        factors = [factor for factor in factors if contains(pixels, on_screen, factor)]
        assert factors, f"tile {tile + 1} of the screen is not in the file"


def contains(picture: np.ndarray, tile: np.ndarray, factor: int) -> bool:
    """Return whether the picture contains the tile, enlarged by that factor."""
    large = tile.repeat(factor, axis=0).repeat(factor, axis=1)
    height, width = large.shape[:2]
    if height > picture.shape[0] or width > picture.shape[1]:
        return False
    starts = (picture[: -height + 1 or None, : -width + 1 or None] == large[0, 0]).all(axis=2)
    return any(
        np.array_equal(picture[row : row + height, column : column + width], large)
        for row, column in zip(*np.nonzero(starts), strict=True)
    )
