"""Optimized images in a browser: progress, typing meanwhile, and pasting."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_pointing import grid
from tests.support.reading import settle

pytestmark = pytest.mark.browser

OPTIMIZED = "view=visualization&examples=optimized&images=4"  # 2 x 2 tiles
QUICK = f"{OPTIMIZED}&layer=block2_conv2"
LONG = f"{OPTIMIZED}&layer=block3_conv4"
STEP = """([grid, least]) => {
    const [line] = grid.getRootNode().mosaic.header.lines;
    const step = Number(line.match(/step (\\d+) of/)?.[1] ?? 0);
    return step > least && step;
}"""


def step_beyond(page: Page, least: int) -> int:
    """Wait until more steps than ``least`` are taken; return their number."""
    mosaic = grid(page, "optimized-grid").element_handle()
    return page.wait_for_function(STEP, arg=[mosaic, least]).json_value()


def test_number_typed_during_optimization_stays(open_page):
    page = open_page(f"{LONG}&seed=5", settled=False)
    begun = step_beyond(page, 0)
    field = page.get_by_role("spinbutton", name="Channel")
    field.press_sequentially("6")
    begun = step_beyond(page, begun)  # the fragment has rerun
    field.press_sequentially("0")
    step_beyond(page, begun)
    expect(field).to_be_focused()
    field.press("Enter")
    expect(page).to_have_url(re.compile(r"channel=60\b"))
    step_beyond(page, begun)
    expect(field).to_have_value("60")
    expect(field).to_be_focused()
    expect(page).to_have_url(re.compile(r"channel=60\b"))


def test_pasted_image_has_its_value_at_the_clicked_position(visit):
    page = visit(f"{QUICK}&images=1&channel=1&paste=true")
    inspector = page.locator(".st-key-pasted .map")
    expect(inspector).to_be_visible()
    settle(page)
    box = inspector.bounding_box()
    # The center of the position, since browsers round a click to whole pixels.
    x, y = 33.5 / 112 * box["width"], 67.5 / 112 * box["height"]
    inspector.click(position={"x": x, "y": y})
    expect(page).to_have_url(re.compile(r"row=68\b.*column=34\b"))
    said = page.get_by_text("Value at this position")
    numbers = re.compile(r"position: ([\d,.]+), without .* Value of the optimized image: \1\.")
    expect(said).to_have_text(numbers)
    value = numbers.search(said.inner_text())[1]
    assert float(value.replace(",", "")) > 0
    reading = page.locator(".st-key-pasted .reading")
    expect(reading).to_contain_text(f"Row 68, column 34: {value}")
