"""The first screen: the viewer's picture passing through the network, and three things to try."""

import re

import pytest
from playwright.sync_api import expect

from tests.support.reading import settle

pytestmark = pytest.mark.browser

LAPTOP = {"width": 1366, "height": 768}
PHONE = {"width": 390, "height": 844}
FIRST_STEPS = (".st-key-first-steps button", ".st-key-first-steps span", "[data-layer='1']")
# Whether all of an element is in the window.
IN_WINDOW = """(part) => {
    const { top, left, right, bottom } = part.getBoundingClientRect();
    return top >= 0 && left >= 0 && right <= innerWidth && bottom <= innerHeight;
}"""


@pytest.mark.parametrize("size", [LAPTOP, PHONE], ids=["laptop", "phone"])
def test_the_first_screen_has_picture_network_and_three_things_to_try(open_page, size):
    page = open_page(viewport=size)
    expect(page.locator("canvas[data-shown]")).to_be_visible()
    for selector in ("h1", ".st-key-diagram image", *FIRST_STEPS):
        for part in page.locator(selector).all():
            assert part.evaluate(IN_WINDOW), selector
    href = page.locator(".st-key-diagram image").get_attribute("href")
    size_of = "async (url) => (await createImageBitmap(await (await fetch(url)).blob())).width"
    assert page.evaluate(size_of, href) == 224
    # The maps of the picture begin on this screen.
    assert page.locator("canvas[data-shown]").bounding_box()["y"] < size["height"] - 60
    page.get_by_role("button", name="Choose a picture", exact=True).click()
    chosen = page.locator('[data-testid="stSidebar"] [data-variant="pills"][aria-checked="true"]')
    expect(chosen).to_be_focused()
    assert chosen.evaluate(IN_WINDOW)


def test_the_picture_in_the_diagram_changes_with_the_choice_and_the_tour_starts(visit):
    page = visit("view=architecture")
    image = page.locator(".st-key-diagram image")
    before = image.get_attribute("href")
    page.locator("[data-input]").click()
    page.keyboard.press("ArrowRight")
    page.get_by_role("radio", name="Coffee").click()
    expect(page).to_have_url(re.compile("picture=coffee"))
    settle(page)
    expect(image).not_to_have_attribute("href", before)
    expect(page.locator("[data-input] title")).to_have_text("Coffee: choose another picture")
    page.get_by_role("button", name="Take the tour").click()
    expect(page).to_have_url(re.compile("tour=1"))
    expect(page.locator(".st-key-first-steps")).to_have_count(0)
