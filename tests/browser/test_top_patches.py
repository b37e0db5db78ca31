"""Top patches in a browser: from a channel to its patches, and on to a position of its map."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import FilePayload, Page, expect

from tests.browser import PHONE
from tests.browser.test_own_picture import drop, give, shows
from tests.browser.test_pointing import grid
from tests.support.image_files import photo
from tests.support.reading import settle
from vgg_viz import links
from vgg_viz.fields import OWN, PICTURES
from vgg_viz.image_io.limits import MAX_BYTES

pytestmark = pytest.mark.browser

# 3 x 3 tiles in the layer's grid and in a channel's.
TOP_PATCHES = "view=visualization&layer=block3_conv1&maps=9"


def click_tile(page: Page, name: str, tile: int) -> None:
    mosaic = grid(page, name)
    mosaic.scroll_into_view_if_needed()
    box = mosaic.bounding_box()
    row, column = divmod(tile, 3)
    spot = {"x": (column + 0.5) * box["width"] / 3, "y": (row + 0.6) * box["height"] / 3}
    mosaic.click(position=spot)


def lines(page: Page, name: str) -> list[str]:
    """Return the tooltip of each tile of a mosaic."""
    return grid(page, name).evaluate("(grid) => grid.getRootNode().mosaic.header.lines")


def expect_channel(page: Page, channel: int) -> None:
    name = page.locator(".st-key-chosen-channel .title")
    expect(name).to_have_text(f"Channel {channel} of block3_conv1")
    settle(page)


COLORS = [
    {"name": f"{color}.png", "mimeType": "image/png", "buffer": photo(color)}
    for color in ("red", "green", "blue")
]


def add(page: Page, *files: FilePayload | Path) -> None:
    """Upload files together as pictures to search."""
    page.locator('[class*="st-key-own-upload-several"] input[type=file]').set_input_files(files)


def test_click_leads_to_a_channels_patches_to_a_position_and_back(visit):
    page = visit(TOP_PATCHES)
    click_tile(page, "patches", 4)
    expect_channel(page, 5)
    said = lines(page, "channel-patches")[1]
    value, title, row, column = re.match(r"(\S+) on (.+)\nrow (\d+), column (\d+)", said).groups()
    click_tile(page, "channel-patches", 1)
    reading = page.locator(".st-key-inspector .reading")
    expect(reading).to_contain_text(f"Row {row}, column {column}: {value}.")
    there = links.read(page.url)
    assert there["view"] == "maps"
    assert PICTURES[there.get("picture", "cat")].label == title
    assert (there["channel"], there["row"], there["column"]) == (5, int(row), int(column))
    page.go_back()
    expect_channel(page, 5)
    assert lines(page, "channel-patches")[1] == said
    expect(page.locator(".st-key-patches .selected")).to_be_visible()


def test_phone_scrolls_to_the_channel_and_back(open_page):
    page = open_page(TOP_PATCHES, **PHONE)
    click_tile(page, "patches", 0)
    expect_channel(page, 1)
    expect(grid(page, "channel-patches")).to_be_in_viewport()
    page.get_by_role("button", name="Back to the channels").click()
    expect(page.locator(".st-key-patches .selected")).to_be_in_viewport()


@pytest.mark.slow
def test_pictures_dropped_together_are_added_together(open_page):
    page = open_page(TOP_PATCHES)
    drop(page, "red", "green")
    expect(page.get_by_text("top patches from 10 images, 2 of them yours").first).to_be_visible()


def test_added_pictures_are_searched_and_become_the_viewers_own_until_back(open_page, tmp_path):
    page = open_page("view=maps&maps=4&layer=block3_conv1&channel=5")
    give(page, photo("yellow"))
    page.get_by_role("radio", name="Feature visualization", exact=True).click()
    files = {one["name"]: one["buffer"] for one in COLORS}
    files |= {"words.png": b"words", "large.png": photo("red") + bytes(MAX_BYTES)}
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    add(page, *(tmp_path / name for name in files))
    expect(page.get_by_text("Larger than 20 MB, so not added: “large.png”.")).to_be_visible()
    expect(page.get_by_text("top patches from 12 images, 4 of them yours").first).to_be_visible()
    expect(page.get_by_text("Could not read as a picture: “words.png”.")).to_be_visible()
    settle(page)
    said = lines(page, "channel-patches")
    mine = next(tile for tile, line in enumerate(said) if re.search(" on (red|green|blue)", line))
    color = re.search(" on (red|green|blue)", said[mine])[1]
    click_tile(page, "channel-patches", mine)
    expect(page.get_by_text(f"{color}, as VGG19 sees it").first).to_be_visible()
    assert links.read(page.url)["picture"] == OWN
    for heading in ("Top patches of", "Feature maps of"):
        page.go_back()
        expect(page.locator("h2").first).to_contain_text(heading)
        settle(page)
    shows(page, "Your picture")
    page.get_by_role("radio", name="Feature visualization", exact=True).click()
    expect(page.get_by_text("top patches from 12 images, 4 of them yours").first).to_be_visible()
    page.get_by_role("button", name="Remove them").click()
    expect(page.get_by_text("top patches from this page's 8 images").first).to_be_visible()


def test_no_picture_is_to_be_chosen_where_none_is_used(visit):
    page = visit(TOP_PATCHES)
    pictures = page.locator('[class*="st-key-picture"]')
    expect(page.get_by_role("radio", name="Cropped", exact=True)).to_be_visible()
    expect(pictures).to_have_count(0)
    page.get_by_role("radio", name="Optimized images", exact=True).click()
    expect(page.locator("h2").first).to_contain_text("Optimized images")
    expect(pictures).to_have_count(0)
    page.get_by_text("Paste into my picture").click()
    expect(pictures).to_be_visible()
