"""Clicks in comparisons in Chromium: each opens the half, network or image that was clicked."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser import cases
from tests.browser.test_pointing import grid
from tests.support.reading import settle
from vgg_viz import links

pytestmark = pytest.mark.browser

VALUE = "layer=block3_conv1&channel=7&row=20&column=31"
# A link, a grid in the right half of a comparison, and the heading of that half.
GRIDS = {
    "maps of two images": (
        "view=maps&maps=4&compare=picture&other=coffee&row=20&column=31&channel=1",
        "compared-other",
        "Coffee",
    ),
}
MORE_GRIDS = {
    "most important maps of two images": (
        "view=prediction&important_maps=4&compare=picture&other=coffee",
        "important-maps-1",
        "Coffee",
    ),
    "top patches in two networks": (
        "view=visualization&maps=4&layer=block3_conv1&channel=1&compare=network",
        "channel-patches-other",
        "Untrained",
    ),
    "maps in two networks": (
        "view=maps&maps=4&compare=network&row=20&column=31&channel=1",
        "compared-other",
        "Untrained",
    ),
    "most important maps in two networks": (
        "view=prediction&important_maps=4&compare=network",
        "important-maps-1",
        "Untrained",
    ),
}


def click_first_tile(page: Page, name: str) -> None:
    mosaic = grid(page, name)
    mosaic.scroll_into_view_if_needed()
    before = page.url  # the click may have changed it before the next line
    mosaic.click(position={"x": 30, "y": 45})
    page.wait_for_function("(before) => location.href !== before", arg=before)


def expect_decomposed(page: Page, heading: str) -> None:
    """Check that the value of the half with this heading is decomposed."""
    choice = page.locator('[class*="st-key-half"] [aria-checked="true"]')
    expect(choice).to_have_text([heading])  # alone, once the one before has left
    settle(page)
    expect(page.locator('[data-testid="stAlertContentSuccess"]').first).to_contain_text("matches")


@pytest.mark.parametrize("grid_", cases(GRIDS, MORE_GRIDS))
def test_a_click_in_the_right_half_opens_the_right_half(visit, grid_):
    link, name, heading = grid_
    page = visit(link)
    click_first_tile(page, name)
    expect_decomposed(page, heading)
    there = links.read(page.url)
    assert (there["view"], there["half"]) == ("maps", "second")
    page.go_back()
    page.wait_for_url(re.compile(re.escape(link.split("&")[0])))
    settle(page)
    assert links.read(page.url) == links.read(link)


def test_a_position_clicked_in_either_inspector_is_decomposed(visit):
    page = visit(f"view=maps&maps=4&{VALUE}&compare=network")
    for name, heading in (("inspector-1", "Untrained"), ("inspector-0", "ImageNet")):
        expect(page.locator(f".st-key-{name} .inspector[data-shown]")).to_be_visible()
        before = page.url
        page.locator(f".st-key-{name} .stage").first.click(position={"x": 40, "y": 60})
        page.wait_for_function("(before) => location.href !== before", arg=before)
        expect_decomposed(page, heading)


def test_a_tile_of_the_sanity_check_opens_its_map_and_network(visit):
    page = visit(f"view=maps&maps=4&{VALUE}&back_to=input&sanity=true&attribution=gradient")
    mosaic = grid(page, "attribution-check")
    titles = mosaic.evaluate("(grid) => grid.getRootNode().mosaic.header.titles")
    other = int(re.match(r"map (\d+):", titles[1])[1])
    expect(page.get_by_text(f"Map {other} is the most active other map")).to_be_visible()
    for tile, wanted in ((2, {"channel": 7, "network": "untrained"}), (1, {"channel": other})):
        mosaic.scroll_into_view_if_needed()
        box, before = mosaic.bounding_box(), page.url
        mosaic.click(position={"x": (tile + 0.5) * box["width"] / 3, "y": 0.6 * box["height"]})
        page.wait_for_function("(before) => location.href !== before", arg=before)
        settle(page)
        there = links.read(page.url)
        assert {name: there.get(name) for name in wanted} == wanted
        assert "back_to" in there
        page.go_back()
        page.wait_for_url(before)
        settle(page)


def test_a_tile_opens_the_map_without_the_ablated_ones_or_the_original(visit):
    page = visit("view=maps&layer=block3_conv1&maps=4&ablated=6&channel=6&row=20&column=31")
    address = page.url
    click_first_tile(page, "ablated-without")
    expect(page.locator("h2")).to_contain_text("Feature maps of block3_conv2")
    settle(page)
    note = page.get_by_text("Computed without map 6 of block3_conv1.")
    expect(note).to_be_visible()
    there = links.read(page.url)
    assert (there["ablated_in"], there["ablated"]) == ("block3_conv1", (6,))
    value = page.locator(".figures dd").last
    success = page.locator('[data-testid="stAlertContentSuccess"]').first
    expect(success).to_contain_text("matches")
    without = value.inner_text()
    page.get_by_role("button", name="Show with it").click()
    expect(note).to_have_count(0)
    expect(value).not_to_have_text(without)
    assert links.read(page.url)["channel"] == there["channel"]
    page.go_back()
    expect(value).to_have_text(without)
    page.go_back()
    page.wait_for_url(address)
    settle(page)
    click_first_tile(page, "ablated-before")
    expect(page.locator("h2")).to_contain_text("Feature maps of block3_conv2")
    assert "ablated" not in links.read(page.url)
