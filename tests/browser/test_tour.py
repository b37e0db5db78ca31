"""The tour and lecture mode, as a lecturer uses them."""

from contextlib import suppress

import pytest
from playwright.sync_api import Page, TimeoutError, expect

from tests.browser import cases
from tests.browser.test_layout import overlap
from tests.support import REPOSITORY
from tests.support.reading import listening, settle
from vgg_viz import links
from vgg_viz.fields import TOURS
from vgg_viz.languages import words_in
from vgg_viz.samples import sample
from vgg_viz.tour_list import built_in

pytestmark = pytest.mark.browser

PANEL = ".st-key-tour-panel"
STEPS = len(built_in().steps)


def title(page: Page):
    return page.locator(f"{PANEL} h3")


def fits(page: Page) -> bool:
    """Return whether a step's panel, its grids and the diagram are wholly on the screen."""
    shown = page.locator(f"{PANEL}, canvas[data-shown], .st-key-diagram svg")
    boxes = [part.bounding_box() for part in shown.all() if part.is_visible()]
    return len(boxes) > 1 and all(
        box["y"] + box["height"] <= 720 and box["x"] + box["width"] <= 1280 for box in boxes
    )


@pytest.mark.slow
@pytest.mark.parametrize("lecture", ["false", "true"])
@pytest.mark.parametrize("tour", TOURS)
def test_every_step_fits_one_screen_with_its_answer(open_page, tour, lecture):
    """Write a screenshot of every step to ``build/tour``, for a person to look at."""
    page = open_page(f"tour=1&tour_name={tour}&lecture={lecture}")
    listening(page)
    steps, step_of = built_in(tour).steps, words_in(built_in(tour).language).step
    alert = page.locator(f'{PANEL} [data-testid="stAlert"]')
    for number, step in enumerate(steps, start=1):
        # Alone, once the panel of the step before has left.
        counted = step_of.format(number=number, count=len(steps))
        expect(title(page)).to_have_text([f"{counted} · {step.title}"])
        for answered in range(2 if step.words.question else 1):
            expect(alert).to_have_count(answered)
            settle(page)
            expect(page.locator("canvas[data-shown], .st-key-diagram svg").first).to_be_visible()
            name = f"{tour}-{number:02}{'-lecture' * (lecture == 'true')}{'-answer' * answered}"
            page.screenshot(path=REPOSITORY / "build" / "tour" / f"{name}.png")
            # Tabs below the map are for scrolling.
            assert fits(page) or "tab" in step.page, name
            page.keyboard.press("PageDown")
    expect(page.locator(PANEL)).to_have_count(0)
    shown = {"view": "conclusion"} | ({"lecture": True} if lecture == "true" else {})
    assert links.read(page.url) == shown


def test_an_answer_moves_no_grid(visit):
    page = visit("tour=4")
    listening(page)
    grid = page.locator("canvas[data-shown]")
    expect(grid).to_be_visible()
    settle(page)
    before = grid.bounding_box()
    page.keyboard.press("PageDown")
    expect(page.locator(f'{PANEL} [data-testid="stAlert"]')).to_contain_text("Map 10.")
    settle(page)
    assert grid.bounding_box() == before


def test_a_clickers_keys_go_on_and_back(visit):
    page = visit("tour=2")
    listening(page)
    page.keyboard.press("PageDown")
    expect(page.locator(f'{PANEL} [data-testid="stAlert"]')).to_be_visible()
    for key, number in [("PageDown", 3), ("PageUp", 2), ("ArrowLeft", 1), ("ArrowRight", 2)]:
        page.keyboard.press(key)
        expect(title(page)).to_contain_text(f"{number} of {STEPS}")
        settle(page)
        if number == 1:
            page.keyboard.press("PageUp")  # there is nothing before: neither a step nor a scroll
            expect(title(page)).to_contain_text(f"1 of {STEPS}")
    # In a field the keys are the field's.
    page.get_by_role("slider").first.focus()
    page.keyboard.press("PageDown")
    settle(page)
    expect(page.locator(f'{PANEL} [data-testid="stAlert"]')).to_have_count(0)


SCROLLED = "() => document.querySelector('[data-testid=\"stMain\"]').scrollTop > 0"
AT_TOP = "() => document.querySelector('[data-testid=\"stMain\"]').scrollTop === 0"


def test_the_keyboard_alone_scrolls_the_page(visit):
    page = visit("view=architecture")
    listening(page)
    assert page.evaluate("document.activeElement === document.body")
    page.wait_for_function(AT_TOP)
    for key in ("PageDown", " ", "End", "ArrowDown"):
        page.keyboard.press(key)
        page.wait_for_function(SCROLLED)
        page.keyboard.press("Home")
        page.wait_for_function(AT_TOP)


def test_a_lectures_view_picture_and_number_are_changed_without_leaving_it(visit):
    page = visit("view=maps&maps=16&lecture=true")
    listening(page)
    sidebar = page.locator('[data-testid="stSidebar"]')
    grid = page.locator("canvas[data-shown]")
    expect(grid).to_be_visible()
    before = grid.bounding_box()
    expect(sidebar).to_be_hidden()
    page.keyboard.press("m")
    expect(sidebar).to_be_visible()
    assert grid.bounding_box() == before  # the grid stays as it is beneath them
    page.get_by_role("radio", name="Coffee").click()
    expect(page.locator('[data-testid="stMain"]')).to_contain_text("Coffee · 16 of 64 maps")
    settle(page)
    page.get_by_role("slider").first.focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator('[data-testid="stMain"]')).to_contain_text("Coffee · 17 of 64 maps")
    settle(page)
    page.get_by_role("radio", name="Blocks").click()
    expect(page.locator("h2")).to_have_text(["The last conv layer of each block"])
    settle(page)
    page.get_by_role("button", name="Close controls").click()
    expect(sidebar).to_be_hidden()
    assert links.read(page.url)["lecture"] is True
    page.keyboard.press("m")
    expect(sidebar).to_be_visible()
    settle(page)  # the key that closes them comes with the rest of the run
    page.locator("h2").focus()
    page.keyboard.press("Escape")
    expect(sidebar).to_be_hidden()
    settle(page)
    assert links.read(page.url)["lecture"] is True


def test_esc_closes_what_is_open_first(visit):
    page = visit("view=maps&maps=16&lecture=true")
    listening(page)
    page.keyboard.press("m")
    sidebar = page.locator('[data-testid="stSidebar"]')
    sidebar.get_by_role("combobox", name="Layer").click()
    expect(page.get_by_role("listbox").first).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("option")).to_have_count(0)
    expect(sidebar).to_be_visible()
    page.get_by_role("button", name="Close controls").click()
    expect(sidebar).to_be_hidden()


@pytest.mark.parametrize(
    "query",
    cases(
        {"maps": "view=maps&maps=64", "tour": "tour=4"},
        {"filters": "view=filters", "step": "tour=13"},
    ),
)
@pytest.mark.parametrize("width", cases({"1100": 1100}, {"1920": 1920}))
def test_nothing_lies_over_a_lectures_words(visit, query, width):
    size = {"width": width, "height": 720}
    page = visit(f"{query}&lecture=true&answer=true", viewport=size)
    expect(page.locator("canvas[data-shown]").first).to_be_visible()
    settle(page)
    tools = page.locator(".st-key-page-tools button").all()
    boxes = [one.bounding_box() for one in tools if one.is_visible()]
    assert len(boxes) >= 2
    words = page.locator(
        '[data-testid="stMain"] :is(h2, h3, [data-testid="stCaptionContainer"]), canvas'
    )
    for part in words.locator("visible=true").all():
        for box in boxes:
            assert overlap(box, part.bounding_box()) <= 0, part


@pytest.mark.parametrize("lecture", ["true", "false"])
def test_the_photograph_that_a_step_speaks_of_is_in_sight(visit, lecture):
    page = visit(f"tour=7&lecture={lecture}")
    expect(page.locator("canvas[data-shown]")).to_be_visible()
    settle(page)
    photographs = page.get_by_alt_text(sample("hopper").alt).all()
    seen = [one.bounding_box() for one in photographs if one.is_visible()]
    assert len(seen) == 1
    assert seen[0]["width"] > 100
    assert seen[0]["y"] + seen[0]["height"] <= 720


def test_the_browsers_tab_names_the_view(visit):
    page = visit("view=blocks")
    expect(page).to_have_title("Blocks · VGG Viz")
    page.get_by_role("radio", name="Feature maps").click()
    expect(page).to_have_title("Feature maps · VGG Viz")


@pytest.mark.parametrize("scheme", cases({"dark": "dark"}, {"light": "light"}))
def test_lecture_mode_by_its_key_in_high_contrast_and_layers_by_arrow_keys(visit, scheme):
    page = visit("view=maps&layer=block3_conv3&maps=16", color_scheme=scheme)
    listening(page)
    heading, sidebar = page.locator("h2"), page.locator('[data-testid="stSidebar"]')
    page.keyboard.press("l")
    expect(sidebar).to_be_hidden()
    expect(page.locator("h1")).to_be_hidden()
    settle(page)
    ink, ground = ("rgb(0, 0, 0)", "rgb(255, 255, 255)")[:: 1 if scheme == "light" else -1]
    expect(heading).to_have_css("color", ink)
    expect(page.locator('[data-testid="stApp"]')).to_have_css("background-color", ground)
    for key, number in [("ArrowRight", 4), ("ArrowLeft", 3), ("PageDown", 4), ("PageUp", 3)]:
        page.keyboard.press(key)
        expect(heading).to_have_text([f"Feature maps of block3_conv{number}"])
        settle(page)
    # All of it on one screen, in large letters.
    caption = page.locator('[data-testid="stMain"] [data-testid="stCaptionContainer"]')
    expect(caption).to_have_count(1)
    box = caption.bounding_box()
    assert box["y"] + box["height"] <= 720
    height, size = caption.locator("p").evaluate(
        "p => [p.clientHeight, parseFloat(getComputedStyle(p).fontSize)]"
    )
    assert size >= 20
    assert height < 2 * size  # one line
    page.keyboard.press("l" if scheme == "light" else "Escape")
    expect(sidebar).to_be_visible()
    expect(page.locator(".st-key-map-tabs")).to_be_visible()  # which a lecture does not have
    settle(page)
    assert links.read(page.url) == {"view": "maps", "layer": "block3_conv3", "maps": 16}
    # Outside of a lecture Esc is nobody's, and the clicker's keys scroll.
    page.keyboard.press("Escape")
    page_down(page)
    expect(heading).to_have_text(["Feature maps of block3_conv3"])


def page_down(page: Page) -> None:
    """Press the key until the page scrolls: on a busy machine, Chromium lost one of 50 scrolls.

    The page had the focus then, and nothing had prevented the key's default action.
    """
    for _ in range(3):
        page.keyboard.press("PageDown")
        with suppress(TimeoutError):
            page.wait_for_function(SCROLLED, timeout=5_000)
            return
    raise AssertionError("expected the page to scroll")
