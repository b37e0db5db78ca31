"""Every view in Chromium."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.support.reading import settle
from vgg_viz.views import VIEWS

pytestmark = pytest.mark.browser

LOOKS = {
    "light": {"color_scheme": "light"},
    "dark": {"color_scheme": "dark"},
    "phone": {"color_scheme": "light", "viewport": {"width": 390, "height": 844}},
}


def assert_sound(page: Page) -> None:
    """Check that no exception and no error box is shown, and nothing is wider than the page."""
    assert (
        page.locator('[data-testid="stException"], [data-testid="stAlertContentError"]').count()
        == 0
    )
    widths = page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
    assert widths[0] <= widths[1]


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("look", LOOKS)
def test_every_view_opens(visit, view, look):
    page = visit(f"view={view}", **LOOKS[look])
    assert_sound(page)
    radio = page.get_by_role("radio", name=VIEWS[view].label, exact=True)
    assert radio.get_attribute("aria-checked") == "true"
    if VIEWS[view].shows_network:
        pictures = page.locator("canvas[data-shown]")
        expect(pictures.first).to_be_visible()
        settle(page)
        assert all(box["width"] <= page.viewport_size["width"] for box in boxes(pictures))


def boxes(locator):
    return [locator.nth(number).bounding_box() for number in range(locator.count())]


def test_a_click_opens_each_view_and_the_url_follows(open_page):
    page = open_page()
    for view in [*VIEWS.values()][1:]:
        page.get_by_role("radio", name=view.label, exact=True).click()
        expect(page).to_have_url(re.compile(rf"view={view.name}"))
        settle(page)
        assert_sound(page)


def test_returning_to_a_view_sends_little(open_page):
    page = open_page(settled=False)
    received = []
    page.on(
        "websocket",
        lambda socket: socket.on("framereceived", lambda frame: received.append(len(frame))),
    )
    page.reload()
    sizes = []
    for view in ("blocks", "maps", "filters", "conclusion", "blocks"):
        received.clear()
        page.get_by_role("radio", name=VIEWS[view].label, exact=True).click()
        expect(page).to_have_url(re.compile(rf"view={view}"))
        expect(page.locator("canvas[data-shown]").first).to_be_visible()
        settle(page)
        sizes.append(sum(received))
    assert sizes[0] > 1_000_000
    assert sizes[-1] < 100_000


def test_a_link_restores_layer_count_scale_and_picture(open_page):
    page = open_page("view=maps&layer=block3_conv1&maps=100&scale=layer&picture=Coffee")
    caption = page.locator('[data-testid="stMain"] [data-testid="stCaptionContainer"]').first
    expect(caption).to_contain_text("5 · block3_conv1")
    expect(caption).to_contain_text("Coffee (stretched)")
    expect(caption).to_contain_text("100 of 256 maps shown")
    expect(caption).to_contain_text("one scale for the whole layer")
    page.reload()
    settle(page)
    expect(caption).to_contain_text("100 of 256 maps shown")


def test_a_thumbnail_is_one_click(visit):
    page = visit("view=maps")
    page.get_by_role("radio", name="Raccoon").click()
    expect(page.locator('[data-testid="stMain"]')).to_contain_text("Raccoon (stretched)")
    settle(page)
    assert_sound(page)


def test_an_upload_is_shown_and_a_broken_one_is_one_sentence(open_page, tmp_path):
    page = open_page("view=maps&picture=own")
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"\xff\xd8 not a photo")
    page.locator('input[type="file"]').set_input_files(broken)
    alert = page.locator('[data-testid="stAlert"]')
    expect(alert).to_contain_text("Choose a JPEG")
    expect(page.locator('[data-testid="stMain"]')).to_contain_text("Cat (stretched)")
    settle(page)  # until then the uploader that was used and the next one are both there
    page.locator('input[type="file"]').set_input_files("assets/coffee.jpg")
    expect(page.locator('[data-testid="stMain"]')).to_contain_text("Your picture (stretched)")
    expect(alert).to_have_count(0)


def test_layer_by_keyboard(visit):
    page = visit("view=filters")
    page.get_by_role("combobox", name="Layer").click()
    page.get_by_role("option", name="2 · block1_conv2").click()
    expect(page.locator("h2")).to_have_text(["Filters of block1_conv2"])
