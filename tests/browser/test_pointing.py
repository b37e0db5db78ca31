"""Pointing at mosaics and maps in Chromium."""

import re
from urllib.parse import quote_plus

import numpy as np
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.support.reading import settle
from vgg_viz.export.number_format import figure
from vgg_viz.interpretability.receptive_field import receptive_fields
from vgg_viz.model.architecture import VGG19

pytestmark = pytest.mark.browser

LAYER = "view=maps&layer=block3_conv1"
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


def test_a_click_selects_and_the_choice_survives_scale_colors_and_reload(open_page):
    page = open_page(LAYER)
    mosaic = grid(page)
    mosaic.click(position=tile_center(mosaic, 18))
    expect(page).to_have_url(re.compile(r"channel=19\b"))
    selected = page.locator(".st-key-maps-mosaic .selected")
    expect(selected).to_be_visible()
    for control in ("Layer", "Each tile"):
        page.get_by_role("radio", name=control, exact=True).click()
        settle(page)
        expect(selected).to_be_visible()
        expect(page.get_by_role("spinbutton", name="Map")).to_have_value("19")
    page.reload()
    settle(page)
    expect(page.get_by_role("spinbutton", name="Map")).to_have_value("19")
    expect(selected).to_be_visible()


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


def test_pictures_are_pointed_at_walked_through_and_exported_like_maps(open_page):
    page = open_page("view=filters&layer=block1_conv1")
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
    expect(option).to_have_attribute("aria-label", re.compile(re.escape(figure(largest[63], 3))))

    mosaic.click(position=tile_center(mosaic, 10))
    expect(page).to_have_url(re.compile(r"view=maps.*channel=11\b"))


def test_fullscreen_and_zoom_keep_hover_and_click(open_page):
    page = open_page(LAYER)
    mosaic = grid(page)
    before = mosaic.bounding_box()["width"]
    page.locator(".st-key-maps-mosaic .zoom-in").click()
    page.wait_for_function(
        "([grid, before]) => grid.getBoundingClientRect().width > 1.4 * before",
        arg=[mosaic.element_handle(), before],
    )
    page.locator(".st-key-maps-mosaic .zoom-out").click()
    page.locator(".st-key-maps-mosaic .fullscreen").click()
    page.wait_for_function("document.fullscreenElement !== null")
    page.wait_for_function(
        "(grid) => grid.getBoundingClientRect().bottom <= window.innerHeight",
        arg=mosaic.element_handle(),
    )
    assert mosaic.bounding_box()["width"] > 0.8 * page.viewport_size["width"]
    first_tile = {"x": 30, "y": 45}
    mosaic.hover(position=first_tile)
    expect(page.locator(".st-key-maps-mosaic .tip")).to_have_text(re.compile(r"^1\s"))
    mosaic.click(position=first_tile)
    expect(page).to_have_url(re.compile(r"channel=1\b"))


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


def test_save_downloads_a_picture(open_page):
    page = open_page(LAYER)
    grid(page)
    with page.expect_download() as download:
        page.locator(".st-key-maps-mosaic .save").click()
    assert download.value.suggested_filename.endswith(".png")
    assert download.value.path().read_bytes().startswith(b"\x89PNG")


def test_pointing_at_the_map_shows_what_it_sees_and_a_click_explains_it(visit):
    page = visit(f"{LAYER}&channel=7")
    stage = page.locator(".st-key-inspector .stage").first
    expect(page.locator(".st-key-inspector .inspector[data-shown]")).to_be_visible()
    box = stage.bounding_box()
    stage.hover(position={"x": box["width"] * 0.51, "y": box["height"] * 0.51})
    reading = page.locator(".st-key-inspector .reading")
    expect(reading).to_contain_text(re.compile(r"Row 29, column 29: .*24 × 24 pixels"))
    expect(page.locator(".st-key-inspector .field")).to_be_visible()
    stage.hover(position={"x": 2, "y": 2})
    expect(reading).to_contain_text("cut off at the border")
    stage.click(position={"x": box["width"] * 0.51, "y": box["height"] * 0.51})
    expect(page).to_have_url(re.compile(r"row=29.*column=29|column=29.*row=29"))
    expect(page.locator("h3")).to_contain_text("row 29, column 29 of map 7")
    expect(page.locator('[data-testid="stAlertContentSuccess"]')).to_contain_text("matches")


@pytest.mark.parametrize("name", ["block1_conv2", "block3_conv3", "block5_conv4"])
def test_the_receptive_field_is_the_one_that_the_core_computes(visit, name):
    layer = VGG19.layer(name)
    page = visit(f"view=maps&layer={quote_plus(layer.title)}&maps=4&channel=1")
    expect(page.locator(".st-key-inspector .inspector[data-shown]")).to_be_visible()
    stage = page.locator(".st-key-inspector .stage").first
    box, side = stage.bounding_box(), layer.output_shape[0]
    for row, column in [(0, 0), (side // 2, 1), (side // 3, side - 2)]:
        center = {
            "x": (column + 0.5) * box["width"] / side,
            "y": (row + 0.5) * box["height"] / side,
        }
        stage.hover(position=center)
        fields = receptive_fields(layer)
        rows, columns = (
            f"{max(first, 0) + 1} to {min(end, 224)}"
            for first, end in (fields[row], fields[column])
        )
        expect(page.locator(".st-key-inspector .reading")).to_contain_text(
            f"rows {rows}, columns {columns}"
        )


def test_a_contributor_leads_back_a_layer(visit):
    page = visit(f"{LAYER}&channel=7&row=29&column=29")
    contributors = grid(page, "contributors")
    contributors.click(position={"x": 40, "y": 60})
    expect(page.locator("h2")).to_have_text(["Feature maps of block2_conv2"])
    settle(page)
    expect(page).to_have_url(re.compile(r"layer=block2_conv2"))
    expect(page.locator("h3")).to_contain_text("How the value at row")


def test_a_filter_leads_to_its_map_and_back(visit):
    page = visit("view=filters&layer=block3_conv1")
    kernels = grid(page, "kernels")
    kernels.click(position=tile_center(kernels, 8 * 4))
    expect(page.locator("h2")).to_have_text(["Feature maps of block3_conv1"])
    expect(page.get_by_role("spinbutton", name="Map")).to_have_value("5")
    page.get_by_role("button", name="Show filter 5").click()
    expect(page.locator("h2")).to_have_text(["Filters of block3_conv1"])


def test_the_diagram_and_the_strips_open_a_layer(open_page):
    page = open_page()
    page.get_by_role("button", name="Open block2_conv2").click()
    expect(page.locator("h2")).to_have_text(["Feature maps of block2_conv2"])
    page.get_by_role("radio", name="Architecture").click()
    strips = grid(page, "overview")
    box = strips.bounding_box()
    strips.click(position={"x": box["width"] * 15.5 / 16, "y": box["height"] * 0.5})
    expect(page.locator("h2")).to_have_text(["Feature maps of block5_conv4"])
    expect(page).to_have_url(re.compile(r"channel=\d+"))


def test_on_a_phone_a_tap_selects(open_page):
    page = open_page(LAYER, viewport={"width": 390, "height": 844}, has_touch=True)
    mosaic = grid(page)
    assert mosaic.bounding_box()["width"] <= 390
    mosaic.tap(position=tile_center(mosaic, 1))
    expect(page).to_have_url(re.compile(r"channel=2\b"))


EVIDENCE = "view=prediction&class=281&against=3"
# The tip at each place of a tile of three, one after the other, as a pointer finds them.
ALL_PLACES = """([grid, tip]) => {
    const box = grid.querySelector("canvas").getBoundingClientRect();
    const tile = box.width / 3;
    const said = [];
    for (let row = 0; row < 14; row++)
        for (let column = 0; column < 14; column++) {
            const clientX = box.left + tile + ((column + 0.5) * tile) / 14;
            const clientY = box.bottom - ((13.5 - row) * tile) / 14;
            grid.dispatchEvent(new PointerEvent("pointermove", { clientX, clientY }));
            said.push(tip.innerText);
        }
    return said;
}"""


def test_tiles_over_the_photograph_tell_the_value_at_every_place(visit):
    page = visit(EVIDENCE)
    mosaic = grid(page, "evidence-0")
    tip = page.locator(".st-key-evidence-0 .tip")
    said = page.evaluate(ALL_PLACES, [mosaic.element_handle(), tip.element_handle()])
    places = [re.search(r"Row (\d+), column (\d+): (.+)", words).groups() for words in said]
    each = range(1, 15)
    expected = [(row, column) for row in each for column in each]
    assert [(int(row), int(column)) for row, column, _ in places] == expected
    values = [float(value.replace("−", "-")) for *_, value in places]
    ends = re.search(r"min (\S+)\s+max (\S+)", said[0]).groups()
    told = [float(end.replace("−", "-")) for end in ends]
    assert [min(values), max(values)] == pytest.approx(told, abs=0.01)
    assert len(set(values)) > 100


def test_the_keyboard_walks_from_place_to_place(open_page):
    page = open_page(EVIDENCE)
    grid(page, "evidence-0").focus()
    page.keyboard.press("ArrowRight")
    announced = page.locator(".st-key-evidence-0 .announced")
    for key, place in [("Right", "8, column 8"), ("Up", "7, column 8"), ("Left", "7, column 7")]:
        page.keyboard.press(f"Shift+Arrow{key}")
        expect(announced).to_have_text(re.compile(rf"^Row {place}: −?\d"))
    expect(page.locator(".st-key-evidence-0 .pointed")).to_be_visible()
    page.keyboard.press("ArrowRight")
    expect(page.locator(".st-key-evidence-0 .pointed")).to_be_hidden()


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
