"""Every view, light or dark: it opens without an error, and axe-core finds no violation."""

import io
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from tests.browser import cases
from tests.support.reading import assert_sound, settle
from tests.support.server import CHROMIUM, CHROMIUM_OPTIONS
from vgg_viz.fields import EXPERIMENTS

pytestmark = pytest.mark.browser

MAPS = "view=maps&layer=block3_conv1"
VALUE = f"{MAPS}&channel=12&row=7&column=9"
CHART = '[data-testid="stVegaLiteChart"]'
PLACES = {
    "architecture": "view=architecture",
    "attribution": f"{VALUE}&back_to=input&sanity=true",
    "prediction": "view=prediction&against=3",
    "conclusion": "view=conclusion",
    "tour": "tour=6&answer=true",
}
MORE_PLACES = {
    "lecture": f"{MAPS}&lecture=true",
    "filters": "view=filters",
    "ablated": f"{MAPS}&channel=12&ablated=4%2C12",
    "lecture on a tour": "tour=2&lecture=true",
    "optimized images": "view=visualization&examples=optimized&images=2&channel=2&paste=true",
    "maps": MAPS,
    "top patches": "view=visualization&channel=12",
    "two networks": "view=visualization&maps=9&channel=12&compare=network",
    "blocks": "view=blocks",
    "deletion": "view=prediction&deletion=true",
    "two images": "view=prediction&compare=picture",
    "difference": f"{VALUE}&compare=picture&shown_as=difference",
    "statistics": f"{VALUE}&tab=statistics",
    "model": f"{VALUE}&tab=model",
    "lecture on the evidence": "view=prediction&lecture=true",
    **{name: f"{VALUE}&change=rotate&tab=experiments&experiment={name}" for name in EXPERIMENTS},
}
CHARTS = {
    "conclusion": 3, "deletion": 1, "statistics": 2,
    "response": 1, "layers": 1, "gratings": 1,
}  # fmt: skip
# What axe is asked in each scheme. Only colors differ from one to the other.
ASKED = {
    # Experimental, and so not asked by axe unless told to.
    "light": {"rules": {"label-content-name-mismatch": {"enabled": True}}},
    "dark": {"runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}},
}

# Streamlit names its place to drop files at, and says that it is nothing; browsers make it a region
# of that name, and what is to be pressed there is a button.
STREAMLITS = ("presentation-role-conflict", 'data-testid="stFileUploaderDropzone"')


def broken(
    page: Page, scheme: str, part: str | None = None
) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Return the violations with the selectors of their elements and axe's messages."""
    asked = ASKED[scheme] | {"resultTypes": ["violations"]}
    for violation in Axe().run(page, part, options=asked).response["violations"]:
        for node in violation["nodes"]:
            if violation["id"] == STREAMLITS[0] and STREAMLITS[1] in node["html"]:
                continue
            # Within a component there is a selector for it and one for the place in it.
            yield violation["id"], " ".join(flat(node["target"])), node


def flat(parts: list[Any]) -> Iterator[str]:
    for part in parts:
        yield from [part] if isinstance(part, str) else flat(part)


def come_to_rest(page: Page) -> None:
    """Wait until no element fades, which axe would call pale."""
    settle(page)
    page.wait_for_function("document.getAnimations().every((one) => one.playState !== 'running')")


@pytest.mark.parametrize("query", cases(PLACES, MORE_PLACES))
def test_no_rule_is_broken(visit, query):
    page = visit(query)
    expect(page.locator("canvas[data-shown]").first).to_be_visible()
    for scheme in ASKED:
        page.emulate_media(color_scheme=scheme)
        expect(page.locator('[data-testid="stApp"]')).to_have_css("color-scheme", scheme)
        come_to_rest(page)
        assert_sound(page)
        found = [
            f"{rule}: {selector}: {node['failureSummary']}\n{node['html'][:200]}"
            for rule, selector, node in broken(page, scheme)
        ]
        assert not found, "\n\n".join([scheme, *found])
    charts = page.locator('[data-testid="stVegaLiteChart"]')
    words = re.split("[=&]", query)
    expect(charts).to_have_count(sum(CHARTS.get(word, 0) for word in words))
    for chart in charts.all():
        expect(chart).to_have_attribute("aria-label", re.compile("\\w+ \\w+"))


@pytest.mark.parametrize("scheme", cases({"light": "light"}, {"dark": "dark"}))
def test_what_was_clicked_is_legible_under_the_pointer(visit, scheme):
    page = visit(f"{MAPS}&maps=4&channel=2", color_scheme=scheme)
    chosen = page.locator("[role=radio][aria-checked=true]")
    for part in ('[class*="st-key-view"]', ".st-key-map-tabs", '[data-testid="stSidebar"]'):
        page.locator(part).locator(chosen).last.hover()
        come_to_rest(page)
        assert [message["html"] for *_, message in broken(page, "dark", part)] == []


def colors(part: Locator) -> np.ndarray:
    """Return the colors of the pixels of a part of the page as it is seen, RGB ``(n, 3)``."""
    part.scroll_into_view_if_needed()
    with Image.open(io.BytesIO(part.screenshot())) as seen:
        return np.asarray(seen.convert("RGB")).reshape(-1, 3)


def variety(part: Locator) -> int:
    return len(np.unique(colors(part), axis=0))


@pytest.mark.parametrize("scheme", cases({"light": "light"}, {"dark": "dark"}))
def test_forced_colors_leave_what_is_chosen_and_what_is_measured(visit, scheme):
    page = visit(f"{MAPS}&maps=4&scale=layer&channel=2&row=9&column=9", color_scheme=scheme)
    page.emulate_media(forced_colors="active", color_scheme=scheme)
    come_to_rest(page)
    chosen, other = (page.locator(f"[role=radio][aria-checked={on}]") for on in ("true", "false"))
    views = page.locator('[class*="st-key-view"]')
    ground = [np.median(colors(views.locator(each).first), axis=0) for each in (chosen, other)]
    assert np.abs(np.subtract(*ground)).max() > 50
    assert variety(page.locator(".legend div").first) > 50
    assert variety(page.get_by_test_id("stSlider").first.locator("[role=group]")) > 20
    assert variety(page.get_by_test_id("stCheckbox").first.locator("label > div").first) > 2
    position = page.locator(".st-key-inspector .chosen")
    assert position.evaluate("(mark) => getComputedStyle(mark).outlineColor") in (
        "rgb(15, 110, 116)",
        "rgb(63, 184, 176)",
    )
    page = visit("view=prediction&against=3", color_scheme=scheme)
    page.emulate_media(forced_colors="active", color_scheme=scheme)
    come_to_rest(page)
    assert variety(page.locator("td.bar").first) > 1
    row = page.locator(".classes button[aria-pressed=true]").first
    expect(row).to_have_css("outline-style", "solid")
    page.emulate_media(forced_colors="none")


@pytest.mark.slow
def test_a_browser_that_darkens_pages_shows_titles_and_photographs(browser, app):
    options = [*CHROMIUM_OPTIONS, "--enable-features=WebContentsForceDark"]
    chromium = browser.browser_type.launch(executable_path=CHROMIUM, args=options)
    page = chromium.new_page()
    page.goto(f"{app}/?{MAPS}&maps=1&picture=bricks")
    page.locator("canvas[data-shown]").wait_for()
    come_to_rest(page)
    title = page.locator(".st-key-maps-mosaic .grid").bounding_box() | {"height": 12}
    seen = np.asarray(Image.open(io.BytesIO(page.screenshot(clip=title))).convert("L"))
    assert np.median(seen) < 50
    assert seen.max() > 200
    thumbnail = page.locator('[class*="st-key-picture"] button[aria-checked=true]')
    assert colors(thumbnail).mean() < 150
    # Chromium darkens drawings itself; their letters are light then.
    for query, drawing in (("architecture", ".st-key-diagram svg text"), ("conclusion", CHART)):
        page.goto(f"{app}/?view={query}")
        come_to_rest(page)
        drawn = colors(page.locator(drawing).first)
        assert np.median(drawn) < 50
        assert drawn.min(axis=1).max() > 200
    chromium.close()
