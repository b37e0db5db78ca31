"""Pointing at mosaics and maps in Chromium."""

import re

import numpy as np
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.support.reading import settle
from vgg_viz.export.number_format import figure
from vgg_viz.interpretability.receptive_field import receptive_fields
from vgg_viz.model.architecture import VGG19

pytestmark = pytest.mark.browser

LAYER = "view=maps&layer=block3_conv1"
DISTANCES = "view=maps&maps=4&change=mirror&tab=experiments&experiment=distance"
PIXEL = """(canvas, [x, y]) => {
    const ratio = canvas.width / canvas.getBoundingClientRect().width;
    return [...canvas.getContext("2d").getImageData(x * ratio, y * ratio, 1, 1).data];
}"""


def grid(page: Page, key: str = "maps-mosaic") -> Locator:
    mosaic = page.locator(f".st-key-{key} .grid")
    expect(mosaic.locator("canvas[data-shown]")).to_be_visible()
    return mosaic


def tile_center(mosaic: Locator, tile: int, columns: int = 8) -> dict[str, float]:
    """Return the center of a tile of an 8 x 8 mosaic, in the mosaic."""
    box = mosaic.bounding_box()
    row, column = divmod(tile, columns)
    return {"x": (column + 0.5) * box["width"] / 8, "y": (row + 0.6) * box["height"] / 8}


def test_hovering_tells_a_tiles_numbers_without_a_script_run(visit):
    page = visit(LAYER)
    mosaic = grid(page)
    page.evaluate(
        """() => {
            window.runs = 0;
            const app = document.querySelector("[data-test-script-state]");
            new MutationObserver(() => window.runs++).observe(
                app, { attributes: true, attributeFilter: ["data-test-script-state"] });
        }"""
    )
    mosaic.hover(position=tile_center(mosaic, 10))
    tip = page.locator(".st-key-maps-mosaic .tip")
    expect(tip).to_be_visible()
    expect(tip).to_have_text(re.compile(r"^11\s+min .* max .*\s+mean .*\s+active at \d+% of"))
    expect(page.locator(".st-key-maps-mosaic .hovered")).to_be_visible()
    assert page.evaluate("window.runs") == 0


def test_a_click_selects_is_announced_and_survives_another_scale(visit):
    page = visit(LAYER)
    mosaic = grid(page)
    mosaic.click(position=tile_center(mosaic, 18))
    expect(page).to_have_url(re.compile(r"channel=19\b"))
    announced = page.locator('.st-key-maps-mosaic [role="status"].announced')
    expect(announced).to_have_text("19 selected")
    selected = page.locator(".st-key-maps-mosaic .selected")
    expect(selected).to_be_visible()
    for control in ("Layer", "Each tile"):
        page.get_by_role("radio", name=control, exact=True).click()
        settle(page)
        expect(selected).to_be_visible()
        expect(page.get_by_role("spinbutton", name="Map")).to_have_value("19")


def test_the_keyboard_moves_and_selects(open_page):
    page = open_page(LAYER)
    mosaic = grid(page)
    mosaic.focus()
    option = page.locator(".st-key-maps-mosaic .focused")
    for key, title in [
        ("ArrowRight", "2"),
        ("ArrowDown", "10"),
        ("ArrowLeft", "9"),
        ("ArrowUp", "1"),
        ("ArrowUp", "1"),
        ("End", "64"),
        ("ArrowRight", "64"),
        ("Home", "1"),
        ("ArrowDown", "9"),
    ]:
        page.keyboard.press(key)
        expect(option).to_have_attribute("aria-label", re.compile(rf"^{title}\. "))
    expect(option).to_be_visible()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"channel=9\b"))


def test_pictures_are_pointed_at_walked_through_and_exported_like_maps(visit):
    page = visit("view=filters&layer=block1_conv1")
    mosaic = grid(page, "filter-colors")
    mosaic.hover(position=tile_center(mosaic, 10))
    tip = page.locator(".st-key-filter-colors .tip")
    expect(tip).to_have_text(re.compile(r"^11\s+gray is 0, full color ±0\.\d+$"))
    mosaic.focus()
    page.keyboard.press("End")
    option = page.locator(".st-key-filter-colors .focused")
    expect(option).to_have_attribute("aria-label", re.compile(r"^64\. gray is 0, full color ±"))

    page.get_by_role("button", name="Export").last.click()
    with page.expect_download() as download:
        page.get_by_role("button", name="NumPy arrays (NPZ)").click()
    with np.load(download.value.path()) as arrays:
        colors, largest = arrays["colors"], arrays["colors_largest_weight"]
    middle = tile_center(mosaic, 10)
    painted = mosaic.locator("canvas").evaluate(PIXEL, [middle["x"], middle["y"]])
    assert painted == [*colors[10, 1, 1].tolist(), 255]
    expect(option).to_have_attribute("aria-label", re.compile(re.escape(figure(largest[63]))))

    mosaic.click(position=tile_center(mosaic, 10))
    expect(page).to_have_url(re.compile(r"view=maps.*channel=11\b"))


def test_fullscreen_and_zoom_keep_caption_hover_and_click(visit):
    page = visit(LAYER)
    mosaic, caption = grid(page), page.locator(".st-key-maps-mosaic .caption")
    before = mosaic.bounding_box()["width"]
    page.locator(".st-key-maps-mosaic .zoom-in").click()
    page.wait_for_function(
        "([grid, before]) => grid.getBoundingClientRect().width > 1.4 * before",
        arg=[mosaic.element_handle(), before],
    )
    page.locator(".st-key-maps-mosaic .zoom-out").click()
    expect(caption).to_be_hidden()
    page.locator(".st-key-maps-mosaic .fullscreen").click()
    page.wait_for_function("document.fullscreenElement !== null")
    for part in (mosaic, caption):
        page.wait_for_function(
            "(part) => part.getBoundingClientRect().bottom <= window.innerHeight",
            arg=part.element_handle(),
        )
    expect(caption).to_contain_text("block3_conv1")
    assert mosaic.bounding_box()["width"] > 0.8 * page.viewport_size["width"]
    first_tile = {"x": 30, "y": 45}
    mosaic.hover(position=first_tile)
    expect(page.locator(".st-key-maps-mosaic .tip")).to_have_text(re.compile(r"^1\s"))
    mosaic.click(position=first_tile)
    expect(page).to_have_url(re.compile(r"channel=1\b"))
    settle(page)
    assert page.evaluate("document.fullscreenElement !== null")
    page.evaluate("document.exitFullscreen()")


def test_small_maps_are_drawn_sharp(visit):
    """Neighboring pixels within one of the 14 x 14 positions have one color."""
    page = visit("view=maps&layer=block5_conv4&maps=4")
    canvas = grid(page).locator("canvas")
    colors = canvas.evaluate(
        """(canvas) => {
            const context = canvas.getContext("2d");
            const tile = (canvas.width / 2 - 4) | 0;
            const row = context.getImageData(0, (canvas.height / 4) | 0, tile, 1).data;
            const found = new Set();
            for (let x = 0; x < row.length; x += 4) found.add(row[x]);
            return [found.size, tile];
        }"""
    )
    assert colors[1] > 200
    assert colors[0] <= 14


def test_pointing_at_the_map_shows_what_it_sees_and_a_click_explains_it(visit):
    """The receptive field is the one that the core computes."""
    page = visit(f"{LAYER}&channel=7")
    expect(page.locator(".st-key-inspector .inspector[data-shown]")).to_be_visible()
    stage = page.locator(".st-key-inspector .stage").first
    box, fields = stage.bounding_box(), receptive_fields(VGG19.layer("block3_conv1"))
    reading = page.locator(".st-key-inspector .reading")
    for row, column in [(0, 0), (28, 1), (18, 54), (28, 28)]:
        center = {"x": (column + 0.5) * box["width"] / 56, "y": (row + 0.5) * box["height"] / 56}
        stage.hover(position=center)
        rows, columns = (
            f"{max(first, 0) + 1} to {min(end, 224)}"
            for first, end in (fields[row], fields[column])
        )
        expect(reading).to_contain_text(f"Row {row + 1}, column {column + 1}: ")
        expect(reading).to_contain_text(f"rows {rows}, columns {columns} (24 × 24 pixels")
        cut_off = "cut off at the border" in reading.inner_text()
        assert cut_off == (row == 0 or column in (1, 54))
    expect(page.locator(".st-key-inspector .field")).to_be_visible()
    stage.click(position=center)
    expect(page).to_have_url(re.compile(r"row=29.*column=29|column=29.*row=29"))
    expect(page.get_by_text("The value at row 29, column 29 of map 7")).to_be_visible()
    expect(page.locator('[data-testid="stAlertContentSuccess"]')).to_contain_text("matches")


def test_the_diagram_opens_a_layer(visit):
    page = visit("view=architecture")
    page.get_by_role("button", name="Open block2_conv2").click()
    expect(page.locator("h2")).to_have_text(["Feature maps of block2_conv2"])


def test_the_value_is_to_be_seen_where_a_tile_fills_the_window(visit):
    size = {"width": 1600, "height": 900}
    page = visit("view=prediction&lecture=true", viewport=size)
    mosaic = grid(page, "evidence-0")
    side = mosaic.bounding_box()["width"]
    for share in (0.1, 0.9):
        mosaic.hover(position={"x": side * share, "y": side * share})
        box = page.locator(".st-key-evidence-0 .tip").bounding_box()
        assert box["y"] >= 0
        assert box["y"] + box["height"] <= page.viewport_size["height"]


def test_bars_of_layers_are_reached_and_opened_by_keyboard(visit):
    page = visit(f"{DISTANCES}&layer=block2_conv1")
    bars = page.locator(".st-key-distance-of-layers button")
    expect(bars).to_have_count(16)
    expect(page.locator(".st-key-distance-of-layers [tabindex='0']")).to_have_count(1)
    bars.nth(2).press("ArrowRight")
    expect(bars.nth(3)).to_be_focused()
    expect(bars.nth(3)).to_have_css("outline-style", "solid")
    expect(page.locator(".st-key-distance-of-layers .tip")).to_contain_text("block2_conv2")
    bars.nth(3).press("End")
    bars.nth(15).press("ArrowLeft")
    bars.nth(14).press("Enter")
    page.wait_for_url("**block5_conv3**")
    settle(page)
    expect(bars.nth(14)).to_be_focused()
    expect(bars.nth(14)).to_have_attribute("aria-current", "true")
    bars.nth(1).click()
    page.wait_for_url("**block1_conv2**")
