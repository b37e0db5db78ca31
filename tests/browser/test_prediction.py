"""The Prediction view in a browser: by pointer and by keyboard, on every screen."""

import re
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser import cases
from tests.browser.test_pointing import grid
from tests.support.reading import assert_sound, listening, settle, wait_for_words, words
from vgg_viz import links
from vgg_viz.export.number_format import figure

pytestmark = pytest.mark.browser

FEW = "view=prediction&important_maps=4"
PLACES = 14


def rows(page: Page, name: str = "classes-0") -> Locator:
    return page.locator(f".st-key-{name}").get_by_role("button")


def heading(page: Page) -> Locator:
    return page.locator("h3").first


def tip(page: Page, name: str) -> Locator:
    return page.locator(f".st-key-{name} .tip")


def link_values(page: Page) -> dict[str, object]:
    return links.read(page.url)


def evidence(page: Page, of: str = "", name: str = "evidence-0") -> list[float]:
    """Return the values of the evidence for that class, as the page holds them."""
    mosaic = grid(page, name)
    expect(mosaic).to_have_attribute("aria-label", re.compile(rf"Evidence for {of}\b"))
    return mosaic.evaluate("(grid) => [...grid.getRootNode().mosaic.values]")


def number_of(row: Locator) -> int:
    """Return a row's class, from its end: "class 285"; in a lecture "made up 285"."""
    return int(re.search(r"(?:class|made up) (\d+)$", row.inner_text().strip())[1])


def choose_row(page: Page, row: int) -> int:
    """Click a row of the list and return its class."""
    number = number_of(rows(page).nth(row))
    rows(page).nth(row).click()
    expect(heading(page)).to_have_text(re.compile(rf"Evidence for made up {number}\b"))
    settle(page)
    return number


def test_click_on_a_class_shows_its_evidence_and_back_returns(visit):
    page = visit(FEW)
    before, first = words(page), f"made up {number_of(rows(page).nth(0))}"
    values = evidence(page, first)
    number = choose_row(page, 2)
    assert link_values(page)["class"] == number
    expect(rows(page).nth(2)).to_have_attribute("aria-pressed", "true")
    expect(rows(page).nth(0)).to_have_attribute("aria-pressed", "false")
    assert evidence(page, f"made up {number}") != values
    page.go_back()
    wait_for_words(page, before)
    assert evidence(page, first) == values
    expect(rows(page).nth(0)).to_have_attribute("aria-pressed", "true")


def test_class_is_chosen_by_keyboard_and_keeps_the_focus(visit):
    page = visit(FEW)
    page.get_by_role("radio", name="Prediction").focus()
    for _ in range(20):
        page.keyboard.press("Tab")
        if rows(page).nth(1).evaluate("(row) => row.matches(':focus')"):
            break
    expect(rows(page).nth(1)).to_be_focused()
    expect(rows(page).nth(1)).not_to_have_css("outline-style", "none")
    for row, key in ((1, "Enter"), (2, "Space")):
        number = number_of(rows(page).nth(row))
        page.keyboard.press(key)
        expect(heading(page)).to_have_text(re.compile(rf"Evidence for made up {number}\b"))
        settle(page)
        assert link_values(page)["class"] == number
        expect(rows(page).nth(row)).to_be_focused()
        page.keyboard.press("Tab")


def test_important_map_leads_to_its_maximum_and_back(visit):
    page = visit(f"{FEW}&class=7")
    before = words(page)
    important = grid(page, "important-maps-0")
    important.hover(position={"x": 300, "y": 120})
    told = re.match(r"(\d+) · \+.*\nmin .* max (\S+)\n", tip(page, "important-maps-0").inner_text())
    important.click(position={"x": 300, "y": 120})
    expect(page.locator("h2")).to_have_text(["Feature maps of block5_conv4"])
    settle(page)
    fields = [page.get_by_role("spinbutton", name=name) for name in ("Map", "Row", "Column")]
    number, row, column = (int(one.input_value()) for one in fields)
    assert number == int(told[1])
    expect(
        page.get_by_text(f"The value at row {row}, column {column} of map {number}")
    ).to_be_visible()
    # The largest of its map, in as many digits as the tile's tip has.
    value = page.locator(".figures dd").last.inner_text().replace(",", "")
    assert figure(float(value)) == told[2]
    grid(page, "contributors").click(position={"x": 40, "y": 60})
    expect(page.locator("h2")).to_have_text(["Feature maps of block5_conv3"])
    settle(page)
    page.go_back()
    expect(page.locator("h2")).to_have_text(["Feature maps of block5_conv4"])
    settle(page)
    page.go_back()
    wait_for_words(page, before)


def test_two_images_are_compared_for_one_class(visit):
    page = visit(f"{FEW}&compare=picture&other=coffee")
    row = page.locator(".st-key-classes-1 button[aria-pressed=false]").last
    number = number_of(row)
    row.click()
    expect(heading(page)).to_have_text(f"Evidence for made up {number}")
    settle(page)
    for index in (0, 1):
        chosen = page.locator(f".st-key-classes-{index} [aria-pressed=true]")
        expect(chosen).to_contain_text(re.compile(rf"class {number}$"))
    values = [evidence(page, f"made up {number}", f"evidence-{index}") for index in (0, 1)]
    assert values[0] != values[1]


def test_tooltip_shows_the_exported_value_of_a_position(visit):
    page = visit(f"{FEW}&class=7&against=3&evidence=gradcam")
    page.locator(".st-key-export-evidence-0").get_by_role("button").first.click()
    with page.expect_download() as download:
        page.get_by_role("button", name="NumPy arrays (NPZ)").click()
    with np.load(Path(download.value.path())) as arrays:
        (values,) = (arrays[name] for name in arrays.files if np.ndim(arrays[name]) == 3)
    page.keyboard.press("Escape")
    mosaic = grid(page, "evidence-0")
    box = mosaic.bounding_box()
    tile, head = box["width"] / 3, box["height"] - box["width"] / 3
    for index, row, column in ((0, 0, 0), (1, 4, 9), (2, 13, 13)):
        across, down = ((place + 0.5) * tile / PLACES for place in (column, row))
        mosaic.hover(position={"x": index * tile + across, "y": head + down})
        value = figure(float(values[index, row, column]))
        expect(tip(page, "evidence-0")).to_contain_text(
            f"Row {row + 1}, column {column + 1}: {value}\n"
        )
    mosaic.focus()
    page.keyboard.press("Home")
    for key in ("ArrowRight", "ArrowRight", "ArrowDown"):
        page.keyboard.press(f"Shift+{key}")
    expect(page.locator(".st-key-evidence-0 .announced")).to_have_text(
        re.compile(r"^Row \d+, column \d+: \S+$")
    )
    spoken = page.locator(".st-key-evidence-0 .announced").inner_text()
    row, column, value = re.match(r"Row (\d+), column (\d+): (\S+)$", spoken).groups()
    assert value == figure(float(values[0, int(row) - 1, int(column) - 1]))


@pytest.mark.parametrize(
    "query", cases({"two classes": "against=3"}, {"images": "compare=picture"})
)
def test_a_lecture_makes_no_evidence_smaller(visit, query):
    sizes = []
    for more in ("", "&lecture=true"):
        page = visit(f"{FEW}&{query}{more}", viewport={"width": 1366, "height": 768})
        canvas = grid(page, "evidence-0").locator("canvas")
        expect(canvas).to_be_visible()
        settle(page)
        sizes.append(canvas.bounding_box()["width"])
    assert sizes[1] >= sizes[0]
    if "against" in query:  # the headings of a comparison stand above
        expect(canvas).to_be_in_viewport(ratio=0.999)


# As the progress of a network that is loaded does it.
ADD_ABOVE = """(page) => {
    const added = Object.assign(document.createElement("div"), { style: "height: 100px" });
    page.prepend(added);
    return added;
}"""
IS_LOWER = "([canvas, height]) => canvas.clientHeight < height"


def test_a_lecture_enlarges_the_image_when_what_stood_above_has_gone(visit):
    page = visit(f"{FEW}&lecture=true&classes=5")
    canvas = grid(page, "evidence-0").locator("canvas").element_handle()
    height = canvas.evaluate("(canvas) => canvas.clientHeight")
    above = page.get_by_test_id("stMainBlockContainer").evaluate_handle(ADD_ABOVE)
    page.wait_for_function(IS_LOWER, arg=[canvas, height - 50])
    above.evaluate("(added) => added.remove()")
    page.wait_for_function(f"(both) => !({IS_LOWER})(both)", arg=[canvas, height])


def test_lecture_shows_prediction_and_evidence_on_one_screen(visit):
    page = visit(f"{FEW}&lecture=true&classes=5")
    listening(page)
    canvas = grid(page, "evidence-0").locator("canvas")
    for thing in (canvas, rows(page).last):
        expect(thing).to_be_in_viewport(ratio=0.999)
    number = number_of(rows(page).nth(1))
    rows(page).nth(1).click()
    page.wait_for_url(re.compile(rf"class={number}\b"))
    settle(page)
    expect(rows(page).nth(1)).to_have_attribute("aria-pressed", "true")
    box = canvas.bounding_box()
    page.keyboard.press("l")
    expect(heading(page)).to_have_text(f"Evidence for made up {number}")
    # A long list of classes moves nothing, and a small laptop shows all of the width.
    page = visit(f"{FEW}&lecture=true&classes=20")
    expect(rows(page)).to_have_count(20)
    assert canvas.bounding_box() == box
    laptop = {"width": 1024, "height": 600}
    assert_sound(visit(f"{FEW}&against=3&evidence=all&lecture=true", viewport=laptop))


NARROW = {
    "small laptop": ({"width": 1024, "height": 768}, "&lecture=true"),
    "phone": ({"width": 390, "height": 844}, ""),
}
NARROWER = {
    "tablet": ({"width": 800, "height": 600}, "&lecture=true"),
    "enlarged to 200%": ({"width": 683, "height": 384}, "&lecture=true"),
    "lecture on a phone": ({"width": 390, "height": 844}, "&lecture=true"),
    "two images": ({"width": 1024, "height": 768}, "&compare=picture"),
}


@pytest.mark.parametrize("window", cases(NARROW, NARROWER))
def test_a_narrow_list_has_bars_and_whole_words(visit, window):
    size, mode = window
    page = visit(f"{FEW}{mode}", viewport=size)
    classes = page.locator(".st-key-classes-0 table")
    expect(rows(page)).to_have_count(5)
    room, shortest = classes.evaluate(
        """(table) => {
            const bars = [...table.querySelectorAll(".bar div")];
            const lengths = bars.map((bar) => bar.getBoundingClientRect().width);
            // The room of a bar of 100%.
            const room = bars.map((bar) => bar.parentElement.clientWidth);
            return [Math.min(...room), Math.min(...lengths)];
        }"""
    )
    assert room >= 80
    assert room >= 4 * shortest
    # The test's names have three short words, and a lecture omits the number of a class.
    for row in rows(page).all():
        line = row.evaluate("(row) => parseFloat(getComputedStyle(row).fontSize)")
        assert row.bounding_box()["height"] <= 4 * line
    assert_sound(page)
