"""Scroll position after Back, and the keyboard's focus after changes of the page."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser import cases
from tests.support.reading import settle

pytestmark = pytest.mark.browser

MAPS = "view=maps&layer=block3_conv1&maps=64&channel=7&row=20&column=31"
# Nothing pushes the page to its position any more, and it is there.
AT_REST_THERE = """([main, top]) => {
    const { scrollTop, style } = document.querySelector(main);
    return Math.abs(scrollTop - top) < 2 && style.overflowAnchor === "";
}"""
FIELD = "view=maps&layer=block3_conv1&maps=4&ablated=3&tab=ablation"
MAIN = '[data-testid="stMain"]'


def scroll_to(page: Page, top: int) -> None:
    page.locator(MAIN).evaluate("(main, top) => main.scrollTo(0, top)", top)
    page.wait_for_function("(top) => history.state?.vggVizScroll === top", arg=top)


def expect_scrolled(page: Page, top: int) -> None:
    script = "([main, top]) => Math.abs(document.querySelector(main).scrollTop - top) < 2"
    page.wait_for_function(script, arg=[MAIN, top])


def go_to_view(page: Page, name: str) -> None:
    page.get_by_role("radio", name=name, exact=True).evaluate("(button) => button.click()")
    expect(page.get_by_role("radio", name=name, exact=True)).to_be_checked()


def test_back_and_forward_scroll_to_where_the_page_was(visit):
    page = visit(MAPS)
    scroll_to(page, 700)
    go_to_view(page, "Architecture")
    expect(page.locator("h2").first).to_have_text("The architecture of VGG19")
    expect_scrolled(page, 0)
    scroll_to(page, 300)
    go_to_view(page, "Filters")
    expect(page.locator("h2").first).to_contain_text("Filters of")
    for step, heading, top in (
        (page.go_back, "The architecture of VGG19", 300),
        (page.go_back, "Feature maps of", 700),
        (page.go_forward, "The architecture of VGG19", 300),
    ):
        step()
        expect(page.locator("h2").first).to_contain_text(heading)
        page.wait_for_function(AT_REST_THERE, arg=[MAIN, top])


def test_who_scrolls_meanwhile_is_not_scrolled_back(visit):
    page = visit(MAPS)
    scroll_to(page, 700)
    go_to_view(page, "Architecture")
    expect(page.locator("h2").first).to_have_text("The architecture of VGG19")
    page.go_back()
    page.mouse.wheel(0, 10)
    expect(page.locator("h2").first).to_contain_text("Feature maps of")
    settle(page)
    assert page.locator(MAIN).evaluate("(main) => main.scrollTop") < 100


@pytest.mark.parametrize(
    "typed",
    cases(
        {"tidied by Enter": ("17, 4", "Enter"), "left by Tab": ("6", "Tab")},
        {"by Enter": ("6", "Enter"), "tidied by Tab": ("17, 4", "Tab")},
    ),
)
def test_the_focus_stays_where_controls_are_replaced(visit, typed):
    numbers, key = typed
    page = visit(FIELD)
    field = page.get_by_role("textbox", name="Ablated maps")
    field.fill(numbers)
    field.press(key)
    page.wait_for_url(re.compile(f"ablated=({numbers}|4%2C17)(&|$)"))
    settle(page)
    if key == "Enter":
        focused = page.locator('[class*="st-key-ablated"] input:focus')
        expect(focused).to_have_value(", ".join(sorted(numbers.split(", "), key=int)))
    else:
        expect(page.get_by_role("combobox", name="Later layer")).to_be_focused()


def test_who_leaves_a_control_does_not_get_the_focus_back(visit):
    page = visit(FIELD)
    page.get_by_role("textbox", name="Ablated maps").fill("17, 4")
    page.locator("h2").first.click()
    page.wait_for_url(re.compile("ablated=4"))
    settle(page)
    expect(page.locator("input:focus")).to_have_count(0)
