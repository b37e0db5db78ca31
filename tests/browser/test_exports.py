"""Exported files are saved in all formats, and the image shows what the screen shows."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Download, Page, WebSocketRoute, expect
from streamlit.proto.BackMsg_pb2 import BackMsg

from tests.browser import cases
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


def export_all(page: Page) -> list[Download]:
    """Click all buttons of a menu at once, and return their files."""
    given: list[Download] = []
    page.on("download", lambda one: given.append(one))
    buttons = [page.get_by_role("button", name=button).element_handle() for button in BUTTONS]

    def is_last(_: Download) -> bool:
        return len(given) == len(buttons)

    with page.expect_download(is_last):
        page.evaluate("(buttons) => buttons.forEach((button) => button.click())", buttons)
    return given


def test_the_image_holds_the_tiles_on_the_screen(visit):
    page = visit("view=maps&layer=block3_conv1&maps=9&order=mean&scale=layer&colors=viridis")
    shown = page.locator("canvas[data-shown]").evaluate(TILES)
    page.get_by_role("button", name="Export").click()
    given = export_all(page)
    page.keyboard.press("Escape")
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


FAILURE = "Could not make this file. Try again. If that fails, reload the page; its URL restores"


def ask_for_a_forgotten_file(socket: WebSocketRoute) -> None:
    """Let the page ask for a file that the server has forgotten, as after a session's end."""
    server = socket.connect_to_server()

    def pass_on(message: bytes) -> None:
        asked = BackMsg.FromString(message)
        if asked.backend_operation_request.HasField("deferred_file"):
            asked.backend_operation_request.deferred_file.file_id = "forgotten"
        server.send(asked.SerializeToString())

    socket.on_message(pass_on)


def test_a_file_that_the_server_does_not_make_is_said_in_the_pages_words(open_page):
    page = open_page("view=maps&maps=4", sockets=ask_for_a_forgotten_file)
    page.get_by_role("button", name="Export").click()
    # The last, below which there is least room for it; a message stays for some seconds.
    page.get_by_role("button", name=BUTTONS[-1]).click()
    error = page.get_by_test_id("stDownloadButtonError")
    expect(error).to_contain_text(FAILURE)
    expect(error).to_be_in_viewport(ratio=0.999)


@pytest.mark.parametrize(
    "size",
    cases({"laptop": {"width": 1366, "height": 768}}, {"phone": {"width": 390, "height": 844}}),
)
def test_the_menu_shows_all_its_files_at_once(visit, size):
    page = visit("view=maps&channel=12&row=20&column=30", viewport=size)
    menu = page.get_by_role("button", name="Export")
    menu.evaluate("(menu) => menu.scrollIntoView({ block: 'center' })")
    menu.click()
    for button in BUTTONS:
        expect(page.get_by_role("button", name=button)).to_be_in_viewport(ratio=0.999)


def contains(picture: np.ndarray, tile: np.ndarray, factor: int) -> bool:
    """Return whether the picture contains the tile, enlarged by that factor."""
    large = tile.repeat(factor, axis=0).repeat(factor, axis=1)
    height, width = large.shape[:2]
    if height > picture.shape[0] or width > picture.shape[1]:
        return False
    # Its brightest pixel is rarer than a corner, which often is black.
    down, across = np.unravel_index(large.sum(axis=2).argmax(), large.shape[:2])
    searched = picture[down : down - height + 1 or None, across : across - width + 1 or None]
    starts = (searched == large[down, across]).all(axis=2)
    return any(
        np.array_equal(picture[row : row + height, column : column + width], large)
        for row, column in zip(*np.nonzero(starts), strict=True)
    )
