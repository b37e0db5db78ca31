"""The attribution of a value in Chromium: trail and lecture."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.test_state import option
from tests.support.reading import listening, settle
from vgg_viz import links

pytestmark = pytest.mark.browser

VALUE = "view=maps&maps=4&layer=block3_conv1&channel=7&row=20&column=31"


def choose(page: Page, label: str, name: str) -> None:
    option(label, name)(page)
    settle(page)


def drawn(page: Page) -> Locator:
    return page.locator(".st-key-attributions canvas[data-shown]")


def test_enter_on_a_map_goes_to_its_largest_attribution(visit):
    page = visit(f"{VALUE}&back_to=block1_conv2")
    expect(drawn(page)).to_be_visible()
    grid = page.locator(".st-key-attributions .grid")
    grid.focus()
    page.keyboard.press("ArrowRight")
    named = grid.locator(".focused").get_attribute("aria-label")
    page.keyboard.press("Enter")
    expect(page.locator(".st-key-inspector .trail")).to_contain_text("block3_conv1 7 (20, 31)")
    there = links.read(page.url)
    assert there["layer"] == "block1_conv2"
    assert there["channel"] == int(re.match(r"\d+", named)[0])
    assert {"row", "column"} <= set(there)


def test_in_a_lecture_it_takes_the_place_of_the_maps_and_m_shows_its_controls(visit):
    page = visit(f"{VALUE}&lecture=true")
    listening(page)
    expect(page.locator(".st-key-maps-mosaic canvas[data-shown]")).to_be_visible()
    page.keyboard.press("m")
    page.get_by_role("radio", name="Attribution").click()
    settle(page)
    page.get_by_role("button", name="Close controls").click()
    expect(page.locator(".st-key-maps-mosaic")).to_have_count(0)
    expect(drawn(page)).to_be_in_viewport(ratio=0.999)
    main = page.locator('[data-testid="stMain"]')
    expect(main.get_by_text(re.compile("pixels .*, bias terms .*; sum ")).first).to_be_visible()


def test_scale_redraws_at_once_during_integrated_gradients(visit):
    # Long enough to be seen; the server goes on when the page has left it.
    at = "layer=block4_conv4&channel=7&row=13&column=13"
    page = visit(f"view=maps&maps=4&{at}&attribution=integrated")
    mosaic = page.locator(".st-key-maps-mosaic canvas")
    place = mosaic.bounding_box()
    page.get_by_role("radio", name="Attribution").click()
    computing = page.get_by_text(re.compile("^Computing: "))
    expect(computing).to_be_in_viewport()
    page.locator('[data-testid="stMain"]').evaluate("main => main.scrollTo(0, 0)")
    assert mosaic.bounding_box() == place
    before = mosaic.get_attribute("data-shown")
    page.get_by_role("radio", name="Layer", exact=True).click()
    expect(mosaic).not_to_have_attribute("data-shown", before)
    expect(computing).to_be_visible()
