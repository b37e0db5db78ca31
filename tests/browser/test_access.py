"""Every view, light or dark: it opens without an error, and axe-core finds no violation."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser import cases
from tests.support.reading import assert_sound, settle

pytestmark = pytest.mark.browser

MAPS = "view=maps&layer=block3_conv1"
PLACES = {
    "architecture": "view=architecture",
    "filters": "view=filters",
    "attribution": f"{MAPS}&channel=12&row=7&column=9&back_to=input&sanity=true",
    "ablated": f"{MAPS}&channel=12&ablated=4%2C12",
    "prediction": "view=prediction&against=3",
    "conclusion": "view=conclusion",
    "tour": "tour=5&answer=true",
    "lecture": f"{MAPS}&lecture=true",
    "lecture on a tour": "tour=2&lecture=true",
}
MORE_PLACES = {
    "optimized images": "view=visualization&examples=optimized&images=2&channel=2&paste=true",
    "maps": MAPS,
    "top patches": "view=visualization&channel=12",
    "two networks": "view=visualization&maps=9&channel=12&compare=network",
    "blocks": "view=blocks",
}
# What axe is asked in each scheme. Only colors differ from one to the other.
ASKED = {
    # Experimental, and so not asked by axe unless told to.
    "light": {"rules": {"label-content-name-mismatch": {"enabled": True}}},
    "dark": {"runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}},
}

# Streamlit names its place to drop files at, and says that it is nothing; browsers make it a region
# of that name, and what is to be pressed there is a button.
STREAMLITS = ("presentation-role-conflict", 'data-testid="stFileUploaderDropzone"')


def broken(page: Page, scheme: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Return the violations with the selectors of their elements and axe's messages."""
    asked = ASKED[scheme] | {"resultTypes": ["violations"]}
    for violation in Axe().run(page, options=asked).response["violations"]:
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
    expect(charts).to_have_count(3 if "conclusion" in query else 0)
    for chart in charts.all():
        expect(chart).to_have_attribute("aria-label", re.compile(", layer by layer$"))
