"""A short walk over the page in Firefox and WebKit."""

import numpy as np
import pytest

from tests.engines import page as parts
from tests.engines.page import Page
from tests.support import REPOSITORY

pytestmark = pytest.mark.browser

MAPS = "view=maps&layer=block3_conv1"


def test_every_view_is_shown(page: Page):
    page.open()
    for view, heading, grids in [
        ("Filters", "Filters of block1_conv1", 1),
        ("Feature maps", "Feature maps of block1_conv1", 1),
        ("Blocks", "The last conv layer of each block", 5),
        ("Conclusion", "What early and late layers show", 1),
        ("Architecture", "The architecture of VGG19", 1),
    ]:
        page.click(parts.VIEW, view)
        page.until_shown(parts.HEADING, heading)
        page.until_painted(parts.GRIDS, grids)
        page.settle()


def test_clicks_are_explained_and_back_and_forward_return_to_them(page: Page):
    page.open(MAPS)
    page.click(parts.GRID, at=(2.5 / 8, 2.6 / 8))
    page.until_painted(parts.INSPECTOR, 2)
    page.settle()
    page.until_address(channel="19")
    page.click(parts.MAP, at=(0.51, 0.51))
    page.until_shown(parts.SUBHEADING, "row 29, column 29 of map 19")
    page.until_shown(parts.AGREED, "matches")
    page.settle()
    page.until_address(row="29", column="29")
    page.click(parts.VIEW, "Filters")
    page.until_shown(parts.HEADING, "Filters of block3_conv1")
    page.settle()
    page.back()
    page.until_shown(parts.SUBHEADING, "row 29, column 29 of map 19")
    page.until_address(row="29")
    page.back()
    page.until_gone(parts.AGREED)
    page.until_painted(parts.MAP)
    page.until_address(channel="19", row=None)
    page.back()
    page.until_gone(parts.MAP)
    page.until_address(channel=None)
    page.forward()
    page.until_painted(parts.MAP)
    page.until_address(channel="19")


def test_a_picture_of_ones_own_is_taken_and_kept(page: Page):
    page.open(MAPS)
    page.click(parts.PICTURE, "Your own")
    page.give(REPOSITORY / "assets" / "coffee.jpg")
    page.until_shown(parts.CAPTION, "Your picture")
    page.settle()
    page.until_painted(parts.GRIDS)
    page.click(parts.PICTURE, "Raccoon")
    page.until_shown(parts.CAPTION, "Raccoon")
    page.settle()
    page.click(parts.PICTURE, "Your own")
    page.until_shown(parts.CAPTION, "Your picture")


def test_a_saved_picture_is_the_grid(page: Page):
    page.open(MAPS)
    page.click(parts.SAVE)
    saved = page.downloaded()
    width, height = page.run(
        "const [canvas] = shown(arguments[0]); return [canvas.width, canvas.height]", parts.GRIDS
    )
    assert saved.size == (width, height)
    assert np.asarray(saved.convert("L")).std() > 10


@pytest.mark.slow
def test_a_grid_fills_the_screen_and_can_be_pointed_at_there(page: Page):
    page.open(MAPS)
    before = page.box(parts.GRID)
    page.click(parts.FULL_SCREEN)
    page.until("return document.fullscreenElement")
    page.until(
        "return shown(arguments[0])[0]?.getBoundingClientRect().width > arguments[1]",
        parts.GRID,
        before["width"],
    )
    page.click(parts.GRID, at=(0.02, 0.1))
    page.until_address(channel="1")


@pytest.mark.slow
def test_in_lecture_mode_the_arrow_keys_go_from_layer_to_layer(page: Page):
    page.open(MAPS)
    page.until_painted(parts.GRIDS)
    page.settle()
    page.click(parts.LECTURE)
    page.until_gone(parts.SIDEBAR)
    page.settle()
    for arrow, layer in [(parts.ARROW_RIGHT, "block3_conv2"), (parts.ARROW_LEFT, "block3_conv1")]:
        page.press(arrow)
        page.until_shown(parts.HEADING, f"Feature maps of {layer}")
        page.settle()
        page.until_painted(parts.GRIDS)
