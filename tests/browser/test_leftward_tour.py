"""A tour in Persian: its direction, and formulas and layer names in order."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser import cases
from tests.support.reading import settle

pytestmark = pytest.mark.browser

PANEL = ".st-key-tour-panel"
TOUR = """
title = "یک تور"
language = "fa"

[[step]]
chapter = "چه می‌بیند؟"
title = "لایهٔ block3_conv1 با 224 × 112"
text = "تصویر 224 × 112 به لایهٔ block3_conv1 و `conv=2` می‌رسد، پس 640 ÷ 80 = 8."
page = "?view=maps&maps=4"
question = "چند؟"
answer = "مقدار 31 × 17 است."
"""
# Texts, and their parts as they must stand from left to right.
ORDERED = [
    ("h3", ("224", "×", "112")),
    ("p:has(code)", ("224", "×", "112")),
    ("p:has(code)", ("block", "conv1")),
    ("p:has(code)", ("640", "÷", "80", "=", "8")),
    ("code", ("conv", "=", "2")),
    ('[data-testid="stAlert"]', ("31", "×", "17")),
]
# Left edges of words in an element's text, each sought after the one before.
EDGES = """(element, words) => {
  const texts = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
  let node = texts.nextNode(), start = 0;
  return words.map((word) => {
    let at;
    while ((at = node.data.indexOf(word, start)) < 0) [node, start] = [texts.nextNode(), 0];
    start = at + word.length;
    const range = new Range();
    range.setStart(node, at);
    range.setEnd(node, start);
    return range.getBoundingClientRect().left;
  });
}"""


def open_tour(page: Page) -> None:
    """Open the tour from a file, in the menu of the page's own tour."""
    page.get_by_role("button", name="Steps").click()
    page.locator(".st-key-tour-file input[type=file]").set_input_files(
        {"name": "fa.toml", "mimeType": "application/toml", "buffer": TOUR.encode()}
    )
    expect(page.locator(f"{PANEL} h3")).to_contain_text("1 از 1")


@pytest.mark.parametrize("width", cases({"wide": 1366}, {"phone": 390}))
def test_a_persian_tour_runs_from_right_to_left_and_its_formulas_from_left_to_right(
    open_page, width
):
    page = open_page("tour=3", viewport={"width": width, "height": 768})
    open_tour(page)
    page.get_by_role("button", name="پاسخ").click()
    panel = page.locator(PANEL)
    expect(panel.locator('[data-testid="stAlert"]')).to_be_visible()
    settle(page)
    expect(panel).to_have_attribute("lang", "fa")
    for selector, words in ORDERED:
        edges = panel.locator(selector).first.evaluate(EDGES, list(words))
        assert edges == sorted(edges), selector
    # A paragraph begins at the right: its first word stands farther right than its second one.
    first, second = panel.locator("p:has(code)").evaluate(EDGES, ["تصویر", "به"])
    assert first > second
    box, text = panel.bounding_box(), panel.locator("h3").bounding_box()
    assert box["x"] <= text["x"]
    assert text["x"] + text["width"] <= box["x"] + box["width"]
