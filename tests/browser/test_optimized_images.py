"""What excites it, made pictures: they grow, are stopped and go on, and what they claim holds."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_pointing import grid
from tests.support.reading import settle

pytestmark = pytest.mark.browser

MADE = "view=visualization&examples=optimized&images=4"  # 2 x 2 tiles
QUICK = f"{MADE}&layer=block2_conv2"
LONG = f"{MADE}&layer=block3_conv4"
STEP = """([grid, least]) => {
    const [line] = grid.getRootNode().mosaic.header.lines;
    const step = Number(line.match(/step (\\d+) of/)?.[1] ?? 0);
    return step > least && step;
}"""


def step_beyond(page: Page, least: int) -> int:
    """Wait until the pictures have taken more steps than that; how many they have taken."""
    mosaic = grid(page, "made-grid").element_handle()
    return page.wait_for_function(STEP, arg=[mosaic, least]).json_value()


def press(page: Page, name: str) -> None:
    """Press that button, by the keyboard alone."""
    button = page.get_by_role("button", name=name, exact=True)
    button.focus()
    button.press("Enter")


def test_pictures_grow_to_their_end_and_one_is_chosen_meanwhile(open_page):
    page = open_page(f"{QUICK}&seed=3", settled=False)
    step_beyond(page, 0)
    page.evaluate("window.isTheSame = true")
    mosaic = grid(page, "made-grid")
    mosaic.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"channel=2\b"))
    expect(page.get_by_role("spinbutton", name="Channel")).to_have_value("2")
    expect(page.locator(".st-key-chosen-channel .title")).to_have_text("Channel 2 of block2_conv2")
    expect(page.get_by_role("button", name="Export")).to_be_visible()
    expect(page.locator(".st-key-made-progress")).to_have_text("Finished.")
    (first, *_) = mosaic.evaluate("(grid) => grid.getRootNode().mosaic.header.lines")
    assert "step" not in first
    assert page.evaluate("window.isTheSame")
    page.go_back()
    expect(page).not_to_have_url(re.compile("channel="))
    expect(page.get_by_role("spinbutton", name="Channel")).to_have_value("")


def test_stop_stops_and_what_goes_on_goes_on_for_all_who_look(open_page):
    page = open_page(f"{LONG}&seed=4", settled=False)
    step_beyond(page, 0)
    press(page, "Stop")
    expect(page.locator(".st-key-made-progress")).to_contain_text("Stopped")
    settle(page)
    stopped = step_beyond(page, 0)
    press(page, "Go on")
    expect(page.get_by_role("button", name="Stop", exact=True)).to_be_visible()
    assert step_beyond(page, stopped)
    # Whoever comes later sees what is begun, and does not begin it anew.
    other = open_page(f"{LONG}&seed=4", settled=False)
    assert step_beyond(other, 0) > stopped


def test_a_number_that_is_typed_while_pictures_grow_stays(open_page):
    page = open_page(f"{LONG}&seed=5", settled=False)
    begun = step_beyond(page, 0)
    field = page.get_by_role("spinbutton", name="Channel")
    field.press_sequentially("6")
    begun = step_beyond(page, begun)  # the page has looked again
    field.press_sequentially("0")
    step_beyond(page, begun)
    expect(field).to_be_focused()
    field.press("Enter")
    expect(page).to_have_url(re.compile(r"channel=60\b"))
    step_beyond(page, begun)
    expect(field).to_have_value("60")
    expect(field).to_be_focused()
    expect(page).to_have_url(re.compile(r"channel=60\b"))


def test_where_one_points_the_map_has_the_value_that_is_claimed(open_page):
    page = open_page(f"{QUICK}&images=1&channel=1&paste=true", settled=False)
    inspector = page.locator(".st-key-pasted .map")
    expect(inspector).to_be_visible()
    settle(page)
    box = inspector.bounding_box()
    inspector.click(position={"x": 0.3 * box["width"], "y": 0.6 * box["height"]})
    expect(page).to_have_url(re.compile(r"row=68\b.*column=34\b"))
    said = page.get_by_text("The network's value there")
    numbers = re.compile(r"there: ([\d,.]+), without .* The value claimed: \1\.")
    expect(said).to_have_text(numbers)
    value = numbers.search(said.inner_text())[1]
    assert float(value.replace(",", "")) > 0
    reading = page.locator(".st-key-pasted .reading")
    expect(reading).to_contain_text(f"Row 68, column 34: {value}")
