"""The inspector: every click's result is in sight, on a laptop and on a phone."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import FloatRect, Locator, Page, expect

from tests.browser import PHONE, cases
from tests.browser.test_pointing import LAYER, grid, tile_center
from tests.support.reading import settle

pytestmark = pytest.mark.browser


def part(page: Page, name: str, inspector: str = "inspector") -> Locator:
    return page.locator(f".st-key-{inspector} .{name}")


def looked_into(page: Page, number: int, inspector: str = "inspector") -> None:
    """Wait until the inspector shows that map."""
    expect(part(page, f'inspector[data-shown="{number}"]', inspector)).to_be_visible()
    settle(page)


def assert_in_sight(*things: Locator) -> None:
    for thing in things:
        expect(thing).to_be_in_viewport(ratio=0.999)


def scroll(page: Page, top: int) -> None:
    page.locator('[data-testid="stMain"]').evaluate("(main, top) => main.scrollTo(0, top)", top)


def scrolled(page: Page) -> float:
    return page.locator('[data-testid="stMain"]').evaluate("(main) => main.scrollTop")


def assert_short(page: Page) -> None:
    main = page.locator('[data-testid="stMain"]')
    assert main.evaluate("(main) => main.scrollHeight") <= 1900


# -- on a laptop


def test_a_clicked_map_and_its_photograph_are_in_sight_and_large(visit):
    page = visit(LAYER)
    mosaic = grid(page)
    assert_in_sight(part(page, "photo-stage"))
    expect(part(page, "reading")).to_contain_text("Click a map")
    mosaic.click(position=tile_center(mosaic, 11))
    looked_into(page, 12)
    assert part(page, "map-stage").bounding_box()["width"] >= 320
    assert part(page, "photo-stage").bounding_box()["width"] >= 150
    assert_in_sight(part(page, "map-stage"), part(page, "photo-stage"))
    part(page, "map-stage").click(position={"x": 100, "y": 100})
    expect(part(page, "sum")).to_contain_text("after ReLU")
    assert_in_sight(
        part(page, "map-stage"), part(page, "photo-stage"), part(page, "field"), part(page, "sum")
    )


def test_the_first_choice_moves_nothing_and_takes_nothing(open_page):
    """Zoom, the grid's place and size, and the keyboard focus stay as they are."""
    page = open_page(LAYER)
    mosaic = grid(page)
    page.locator(".st-key-maps-mosaic .zoom-in").click()
    mosaic.evaluate("(grid) => (grid.marked = true)")
    mosaic.focus()
    page.keyboard.press("ArrowRight")
    before = mosaic.bounding_box()
    page.keyboard.press("Enter")
    looked_into(page, 2)
    assert mosaic.evaluate("(grid) => grid.marked")
    assert mosaic.bounding_box() == before
    assert mosaic.evaluate("(grid) => grid.getRootNode().activeElement === grid")


def test_the_panel_stays_while_the_maps_scroll(visit):
    page = visit(f"{LAYER}&channel=12")
    looked_into(page, 12)
    scroll(page, 250)
    assert_in_sight(part(page, "map-stage"), part(page, "photo-stage"))
    mosaic = grid(page)
    mosaic.click(position=tile_center(mosaic, 43))
    looked_into(page, 44)
    assert scrolled(page) == 250


def test_walking_back_leads_to_heading_and_map_with_a_trail_that_can_be_clicked(visit):
    page = visit(f"{LAYER}&channel=7&row=29&column=29")
    looked_into(page, 7)
    part(page, "explain").click()
    assert_in_sight(grid(page, "patch"), page.get_by_text("The value at row 29, column 29"))
    expect(part(page, "trail")).to_be_hidden()
    stops = ["block3_conv1 7 (29, 29)"]
    for layer in ("block2_conv2", "block2_conv1"):
        contributors = grid(page, "contributors")
        contributors.click(position={"x": 40, "y": 60})
        expect(page.locator("h2")).to_have_text([f"Feature maps of {layer}"])
        settle(page)
        assert_in_sight(page.locator("h2"), part(page, "map-stage"), part(page, "photo-stage"))
        last = part(page, "trail li").last
        expect(last).to_have_text(re.compile(rf"^{layer} \d+ \(\d+, \d+\)$"))
        stops.append(last.text_content())
        expect(part(page, "trail li")).to_have_text(stops)
    part(page, "trail button").nth(1).click()
    expect(page.locator("h2")).to_have_text(["Feature maps of block2_conv2"])
    expect(part(page, "trail li")).to_have_text(stops[:2])
    settle(page)
    page.go_back()
    expect(page.locator("h2")).to_have_text(["Feature maps of block2_conv1"])
    expect(part(page, "trail li")).to_have_text(stops)
    settle(page)
    # A position that was not walked to has no trail.
    part(page, "map-stage").click(position={"x": 10, "y": 10})
    expect(part(page, "trail")).to_be_hidden()


LARGE = {"width": 1366, "height": 768}
PICTURES = {
    "Attribution": ".st-key-attributions canvas",
    "Statistics": '[data-testid="stVegaLiteChart"]',
    "Decomposition": ".st-key-patch canvas",
}


def test_with_a_position_the_page_is_short_and_each_tabs_picture_is_in_sight(visit):
    page = visit(f"{LAYER}&channel=12&row=20&column=30", viewport=LARGE)
    looked_into(page, 12)
    switch = page.get_by_text("Ablate this map")
    assert_in_sight(switch, part(page, "photo-stage"), part(page, "explain"))
    for name, picture in PICTURES.items():
        scroll(page, 0)
        page.get_by_role("radio", name=name).click()
        expect(page.locator(picture).first).to_be_in_viewport(ratio=0.999)
        settle(page)
        assert_short(page)
    scroll(page, 0)
    switch.click()
    expect(page.locator(".st-key-ablated-before canvas")).to_be_in_viewport(ratio=0.999)
    settle(page)
    assert_short(page)


VALUE = f"{LAYER}&channel=12&row=20&column=30"
TABS = {
    "decomposition": VALUE,
    "two ablated maps": f"{VALUE}&ablated=4,12",
    "similar positions": f"{VALUE}&change=rotate&tab=experiments&experiment=similar",
}
MORE_TABS = {
    "attribution": f"{VALUE}&back_to=input&sanity=true",
    "to a layer": f"{VALUE}&back_to=block2_conv1",
    "statistics": f"{VALUE}&tab=statistics",
    "model": f"{VALUE}&tab=model",
    "distance": f"{VALUE}&change=red&tab=experiments&experiment=distance",
    "occlusion": f"{VALUE}&change=rotate&tab=experiments&experiment=occlusion",
    "gratings": f"{VALUE}&change=rotate&tab=experiments&experiment=gratings",
}


@pytest.mark.parametrize("query", cases(TABS, MORE_TABS))
def test_every_tab_is_short_and_its_texts_begin_at_one_line(visit, query):
    page = visit(query, viewport=LARGE)
    expect(page.locator(".st-key-map-tabs")).to_be_visible()
    settle(page)
    assert_short(page)
    for numbers in page.locator(".figures").all():
        column = numbers.locator("xpath=ancestor::*[@data-testid='stVerticalBlock'][1]")
        first = numbers.locator("dt").first
        assert first.bounding_box()["x"] == pytest.approx(column.bounding_box()["x"], abs=1)


def test_a_map_that_is_not_among_those_shown_is_said(visit):
    page = visit(f"{LAYER}&channel=200")
    looked_into(page, 200)
    expect(part(page, "note")).to_contain_text("Map 200 is not among the 64 maps shown")


def test_a_narrow_page_shows_the_fields_numbers_and_no_shade_below_the_photograph(visit):
    page = visit(f"{LAYER}&channel=112&row=20&column=30", viewport={"width": 1024, "height": 720})
    looked_into(page, 112)
    stage, photograph = (part(page, name).bounding_box() for name in ("photo-stage", "photo"))
    assert stage["height"] == pytest.approx(photograph["height"], abs=1)
    for name in ("Map", "Row", "Column"):
        field = page.get_by_role("spinbutton", name=name)
        room = field.evaluate(
            """(field) => {
                const context = document.createElement("canvas").getContext("2d");
                const style = getComputedStyle(field);
                context.font = style.font;
                const padding = parseFloat(style.paddingLeft) + parseFloat(style.paddingRight);
                return field.clientWidth - padding - context.measureText("224").width;
            }"""
        )
        assert room >= 0


def test_a_new_view_opens_at_its_top(visit):
    page = visit()
    strips = grid(page, "overview")
    strips.scroll_into_view_if_needed()
    assert scrolled(page) > 0
    box = strips.bounding_box()
    strips.click(position={"x": box["width"] * 0.5, "y": box["height"] * 0.5})
    expect(page.locator("h2")).to_contain_text(["Feature maps of"])
    settle(page)
    assert scrolled(page) == 0
    assert_in_sight(page.locator("h2"), part(page, "map-stage"))
    scroll(page, 300)
    page.get_by_role("radio", name="Conclusion").click()
    expect(page.locator("h2").first).not_to_contain_text("Feature maps")
    settle(page)
    assert scrolled(page) == 0


# -- on a phone


def test_on_a_phone_a_tap_brings_the_map_into_sight_and_a_button_leads_back(open_page):
    page = open_page(LAYER, **PHONE)
    mosaic = grid(page)
    assert_in_sight(page.locator(".st-key-maps-photo img"))
    expect(part(page, "photo-stage")).to_be_hidden()  # it is seen once
    mosaic.tap(position=tile_center(mosaic, 34))
    looked_into(page, 35)
    assert_in_sight(part(page, "map-stage"), part(page, "photo-stage"))
    stage = part(page, "map-stage")
    stage.tap(position={"x": 100, "y": 100})
    expect(part(page, "sum")).to_contain_text("after ReLU")
    settle(page)
    assert_in_sight(stage, part(page, "field"), part(page, "sum"))
    part(page, "return").tap()
    assert_in_sight(page.locator(".st-key-maps-mosaic .selected"))


def test_a_finger_that_rests_and_moves_on_the_map_shows_the_field(open_page):
    page = open_page(f"{LAYER}&channel=12", **PHONE)
    looked_into(page, 12)
    stage, touch = part(page, "map-stage"), fingers(page)
    stage.scroll_into_view_if_needed()
    box = stage.bounding_box()
    touch("touchStart", within(box, 0.2))
    expect(part(page, "point")).to_be_visible()
    for share in (0.4, 0.51):
        touch("touchMove", within(box, share))
    touch("touchEnd")
    expect(part(page, "reading")).to_contain_text("Row 29, column 29")
    expect(part(page, "field")).to_be_visible()
    assert stage.bounding_box() == box


@pytest.mark.parametrize("stage", cases({"map": "map-stage"}, {"photograph": "photo-stage"}))
def test_fingers_scroll_and_zoom_the_page_from_the_map(open_page, stage):
    page = open_page(f"{LAYER}&channel=12", **PHONE)
    looked_into(page, 12)
    part(page, stage).scroll_into_view_if_needed()
    before, box, touch = scrolled(page), part(page, stage).bounding_box(), fingers(page)
    touch("touchStart", within(box, 0.5))
    for down in (50, 100, 200):
        touch("touchMove", within(box, 0.5, down))
    touch("touchEnd")
    page.wait_for_function(
        "(most) => document.querySelector('[data-testid=stMain]').scrollTop < most",
        arg=before - 100,
    )
    expect(part(page, "point")).to_be_hidden()
    box = part(page, stage).bounding_box()
    for kind, apart in (("touchStart", 20), ("touchMove", 60), ("touchMove", 120)):
        touch(kind, within(box, 0.5, -apart), within(box, 0.5, apart))
    touch("touchEnd")
    page.wait_for_function("visualViewport.scale > 1.2")
    expect(part(page, "point")).to_be_hidden()


def fingers(page: Page) -> Callable[..., object]:
    """Return a function that moves fingers to these points of the window."""
    session = page.context.new_cdp_session(page)
    return lambda kind, *points: session.send(
        "Input.dispatchTouchEvent", {"type": kind, "touchPoints": list(points)}
    )


def within(box: FloatRect, share: float, down: float = 0) -> dict[str, float]:
    """Return the point at that share of a box's width and height, or so many pixels below it."""
    return {"x": box["x"] + share * box["width"], "y": box["y"] + share * box["height"] + down}


def test_on_a_phone_a_tour_shows_the_photograph_in_its_panel_alone(open_page):
    page = open_page("tour=4", **PHONE)
    expect(page.locator(".st-key-tour-photograph img")).to_be_visible()
    for other in (page.locator(".st-key-maps-photo img"), part(page, "photo-stage")):
        expect(other).to_be_hidden()


# -- in a lecture


def test_in_a_lecture_the_grid_has_the_width_until_a_map_opens_beside_it(visit):
    page = visit(f"{LAYER}&maps=16&lecture=true")
    mosaic = grid(page)
    photograph = page.locator(".st-key-maps-photo img")
    assert_in_sight(mosaic, photograph)
    wide = mosaic.bounding_box()
    first = {"x": 30, "y": 45}
    mosaic.click(position=first)
    looked_into(page, 1)
    assert_in_sight(mosaic, part(page, "map-stage"), part(page, "photo-stage"))
    expect(photograph).to_be_hidden()  # the inspector shows it
    part(page, "map-stage").hover(position={"x": 100, "y": 100})
    assert_in_sight(part(page, "field"))
    page.keyboard.press("Escape")
    expect(part(page, "map-stage")).to_have_count(0)
    expect(page).not_to_have_url(re.compile("channel="))
    settle(page)
    assert mosaic.bounding_box() == wide
    mosaic.click(position=first)
    looked_into(page, 1)
    mosaic.click(position=first)
    expect(part(page, "map-stage")).to_have_count(0)
    expect(page.locator(".st-key-maps-mosaic .selected")).to_be_hidden()


def tile_side(page: Page) -> float:
    """Return the side of the first tile, in CSS pixels, when its outline is shown."""
    grid(page).hover(position={"x": 30, "y": 60})
    return page.locator(".st-key-maps-mosaic .hovered").bounding_box()["width"]


@pytest.mark.parametrize(
    "query", cases({"tour": "tour=4"}, {"maps": "view=maps&layer=block3_conv4", "step": "tour=8"})
)
def test_a_lecture_makes_no_tile_smaller(visit, query):
    viewport = {"width": 1024, "height": 768}
    smaller = tile_side(visit(query, viewport=viewport))
    assert tile_side(visit(f"{query}&lecture=true", viewport=viewport)) >= smaller


# -- two maps side by side


def test_two_inspectors_point_together(visit):
    page = visit(f"{LAYER}&compare=picture&channel=12")
    for name in ("inspector-0", "inspector-1"):
        looked_into(page, 12, name)
    stage = part(page, "map-stage", "inspector-1")
    stage.scroll_into_view_if_needed()
    box = stage.bounding_box()
    stage.hover(position={"x": 0.51 * box["width"], "y": 0.51 * box["height"]})
    for name in ("inspector-0", "inspector-1"):
        expect(part(page, "reading", name)).to_contain_text("Row 29, column 29")
        expect(part(page, "point", name)).to_be_visible()
