"""Every view on a phone, and what returning to a view costs; test_access opens them on a laptop."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.test_moves import COUNT
from tests.support.reading import assert_sound, settle
from vgg_viz.views import VIEWS

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("view", VIEWS)
def test_every_view_opens_on_a_phone(visit, view):
    more = "&class=7&against=3&evidence=all" if view == "prediction" else ""
    page = visit(f"view={view}{more}", viewport={"width": 390, "height": 844})
    radio = page.get_by_role("radio", name=VIEWS[view].label, exact=True)
    assert radio.get_attribute("aria-checked") == "true"
    if VIEWS[view].shows_network:
        expect(page.locator("canvas[data-shown]").first).to_be_visible()
        settle(page)
    assert_sound(page)


def test_returning_to_a_view_sends_little_and_charts_warn_of_nothing(open_page):
    page, sizes, warnings = open_page(begin=COUNT), [], []
    page.on("console", lambda line: warnings.append(line.text) if line.type == "warning" else None)
    for view in ("blocks", "filters", "blocks"):
        page.evaluate("window.bytes = 0")
        page.get_by_role("radio", name=VIEWS[view].label, exact=True).click()
        expect(page).to_have_url(re.compile(rf"view={view}"))
        expect(page.locator("canvas[data-shown]").first).to_be_visible()
        settle(page)
        sizes.append(page.evaluate("window.bytes"))
    assert sizes[0] > 1_000_000
    assert sizes[-1] < 100_000
    page.get_by_role("radio", name=VIEWS["conclusion"].label, exact=True).click()
    expect(page.locator('[data-testid="stVegaLiteChart"] :is(canvas, svg)')).to_have_count(3)
    settle(page)
    assert [line for line in warnings if "extent" in line] == []
