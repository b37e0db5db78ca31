"""The mosaic in lectures, zoomed, in full screen, and in browsers that lack features."""

import re

import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from tests.browser import cases
from tests.browser.test_pointing import LAYER, grid
from tests.support.reading import settle

pytestmark = pytest.mark.browser

MOSAIC = ".st-key-maps-mosaic"
LECTURE = "view=maps&layer=block2_conv2&maps=16&lecture=true"
KERNELS = "view=filters&layer=block3_conv1&lecture=true"
LACKING = "delete Element.prototype.requestFullscreen;"
WITHOUT_STORAGE = """
    for (const name of ["localStorage", "sessionStorage"])
        Object.defineProperty(window, name, {
            get() { throw new DOMException("no storage", "SecurityError"); },
        });
"""
REFUSING = "Element.prototype.requestFullscreen = () => { throw new TypeError('not here'); };"
KEEPING = """
    window.revoked = 0;
    const revoke = URL.revokeObjectURL;
    URL.revokeObjectURL = (address) => { window.revoked++; revoke.call(URL, address); };
"""


def tile_side(mosaic: Locator) -> float:
    """Return a tile's side in screen pixels."""
    return mosaic.evaluate("""(grid) => {
        let part = grid;
        while (!part.mosaic) part = part.parentNode;
        return part.mosaic.layout.tile * devicePixelRatio;
    }""")


def heading(page: Page) -> Locator:
    return page.locator("h2")


def test_arrows_stay_the_pages_after_a_click_in_a_lecture(visit):
    page = visit(LECTURE)
    mosaic = grid(page)
    mosaic.click(position={"x": 40, "y": 60})
    settle(page)
    page.keyboard.press("ArrowRight")
    expect(heading(page)).to_contain_text("block3_conv1")


def test_keyboard_focus_moves_with_arrow_keys_until_escape(visit):
    page = visit(LECTURE)
    mosaic = grid(page)
    page.get_by_role("button", name="Next layer").focus()
    page.keyboard.press("Tab")
    expect(mosaic).to_be_focused()
    # Named before any key: a screen reader says where one is.
    option = page.locator(f"{MOSAIC} .focused")
    expect(option).to_have_attribute("aria-label", re.compile(r"^1\. min"))
    page.keyboard.press("ArrowRight")
    expect(option).to_have_attribute("aria-label", re.compile(r"^2\. min"))
    expect(heading(page)).to_contain_text("block2_conv2")
    page.keyboard.press("Escape")
    expect(mosaic).not_to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(heading(page)).to_contain_text("block3_conv1")


def test_the_tip_under_a_resting_pointer_tells_the_new_layers_numbers(visit):
    page = visit(LECTURE)
    mosaic = grid(page)
    mosaic.hover(position={"x": 40, "y": 60})
    tip = page.locator(f"{MOSAIC} .tip")
    before = tip.inner_text()
    page.keyboard.press("ArrowRight")
    expect(heading(page)).to_contain_text("block3_conv1")
    expect(tip).not_to_have_text(before)
    expect(tip).to_be_visible()


@pytest.mark.parametrize("place", cases({"lecture": LECTURE}, {"tour": "tour=6"}))
def test_tiles_do_not_shrink_when_one_zooms_in(visit, open_page, place):
    whole = tile_side(grid(visit(place)))
    # As a browser does it: fewer, larger pixels in a window of the same size.
    half = {"width": 640, "height": 360}
    window = "Object.defineProperty(window, 'outerWidth', { get: () => 1280 });"
    page = open_page(place, begin=window, viewport=half, device_scale_factor=2)
    # The sidebar, where there is one, takes a little more of the window.
    assert tile_side(grid(page)) >= 0.95 * whole


def test_all_rows_of_filters_are_seen_in_a_lecture(visit):
    box = grid(visit(KERNELS), "kernels").bounding_box()
    assert box["y"] + box["height"] <= 720


def test_the_page_works_without_full_screen_and_with_cookies_blocked(open_page):
    page = open_page(f"{LAYER}&channel=7", begin=LACKING + WITHOUT_STORAGE)
    mosaic = grid(page)
    expect(page.locator(f"{MOSAIC} .fullscreen")).to_be_hidden()
    expect(page.locator(".st-key-inspector .inspector[data-shown]")).to_be_visible()
    page.locator(".st-key-inspector .strength").fill("80")
    mosaic.click(position={"x": 30, "y": 45})
    expect(page).to_have_url(re.compile(r"channel=1\b"))


def test_refused_full_screen_is_said_and_a_saved_pictures_address_lives_on(open_page):
    page = open_page(LAYER, begin=REFUSING + KEEPING)
    grid(page)
    page.locator(f"{MOSAIC} .fullscreen").click()
    expect(page.locator(f"{MOSAIC} .message")).to_have_text("Full screen is blocked here")
    with page.expect_download() as download:
        page.locator(f"{MOSAIC} .save").click()
    name = download.value.suggested_filename
    assert re.fullmatch(r"[\w-]{20,60}\.png", name)
    assert "-ImageNet-Cat-" in name
    assert download.value.path().read_bytes().startswith(b"\x89PNG")
    expect(page.locator(f"{MOSAIC} .message")).to_have_text("Saved")
    assert page.evaluate("window.revoked") == 0


# As in a browser that resists fingerprinting.
NOISY = """
const { toBlob } = HTMLCanvasElement.prototype;
HTMLCanvasElement.prototype.toBlob = function (...given) {
    const context = this.getContext("2d");
    const noise = context.createImageData(this.width, this.height);
    for (let place = 0; place < noise.data.length; place++)
        noise.data[place] = place % 4 === 3 ? 255 : 255 * Math.random();
    context.putImageData(noise, 0, 0);
    toBlob.apply(this, given);
};
"""

# As on a slow machine, where 100 ms pass from each look at the clock to the next. A menu of
# Streamlit's that has just opened, in the last 50 ms, takes no click for one that closes it.
SLOW = "const { now } = Date; let late = 0; Date.now = () => now.call(Date) + 100 * ++late;"


def test_where_the_browser_saves_noise_the_servers_file_is_offered(open_page):
    permissions = ["clipboard-read", "clipboard-write"]
    page = open_page(LAYER, begin=NOISY + SLOW, permissions=permissions)
    grid(page)
    message = page.locator(f"{MOSAIC} .message")
    for button in ("save", "copy"):
        page.locator(f"{MOSAIC} .{button}").click()
        expect(message).to_contain_text("it would save noise. Export")
        page.locator(f"{MOSAIC} .zoom-in").click()
        expect(message).to_have_text("1.5×" if button == "save" else "2×")
    page.locator(f"{MOSAIC} .save").click()
    message.get_by_role("button", name="Export").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="PNG").click()
    with Image.open(download.value.path()) as picture:
        assert picture.getpixel((0, 0))[:3] == (255, 255, 255)
    page.keyboard.press("Escape")
    page.get_by_role("radio", name="Conclusion").click()
    expect(saving_of_a_chart(page)).to_be_hidden()


@pytest.mark.slow
def test_charts_offer_an_image_where_the_browser_saves_it(visit):
    expect(saving_of_a_chart(visit("view=conclusion"))).to_be_visible()


def saving_of_a_chart(page: Page) -> Locator:
    """Point at a chart, and return the button that saves its image."""
    page.get_by_test_id("stVegaLiteChart").first.hover()
    expect(page.get_by_role("button", name="Show data").first).to_be_visible()
    return page.get_by_role("button", name="Download as PNG").first


def test_titles_and_edges_follow_a_theme_that_is_switched(visit):
    page = visit(LAYER, color_scheme="light")
    canvas = grid(page).locator("canvas")
    page.emulate_media(color_scheme="dark")
    page.wait_for_function(
        """(canvas) => {
            // Titles are the only things here that are as light as that.
            const context = canvas.getContext("2d");
            const { data } = context.getImageData(0, 0, canvas.width, 14);
            for (let i = 0; i < data.length; i += 4)
                if (data[i + 3] > 200 && data[i] > 200) return true;
        }""",
        arg=canvas.element_handle(),
    )


@pytest.mark.parametrize("width", cases({"small laptop": 1024}, {"laptop": 1280}))
def test_the_whole_diagram_is_seen_on_a_laptop(visit, width):
    page = visit("view=architecture", viewport={"width": width, "height": 768})
    diagram = page.locator(".st-key-diagram .diagram")
    expect(diagram).to_be_visible()
    shown, drawn = diagram.evaluate("(diagram) => [diagram.clientWidth, diagram.scrollWidth]")
    assert drawn <= shown
