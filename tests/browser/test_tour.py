"""The tour and lecture mode, as a lecturer uses them."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.support import REPOSITORY
from tests.support.reading import listening, settle
from tests.support.server import running_app
from tests.support.truth import CheapDense
from tests.support.weights_files import write_full_weights
from vgg_viz import links
from vgg_viz.model.weights import UntrainedWeights
from vgg_viz.samples import sample
from vgg_viz.tours import built_in

pytestmark = pytest.mark.browser

PANEL = ".st-key-tour-panel"
STEPS = len(built_in().steps)

OWN_TOUR = """
title = "Mine"

[[step]]
title = "Four maps"
text = "Look."
page = "?view=Feature maps&layer=3 · block2_conv1&maps=4"

[[step]]
title = "The blocks"
text = "And look again."
page = "?view=blocks&blocks=5"
"""


def title(page: Page):
    return page.locator(f"{PANEL} h3")


def test_the_tour_is_played_by_arrow_keys_from_start_to_end(open_page):
    page = open_page()
    settle(page)
    page.get_by_role("button", name="Tour").click()
    steps = built_in().steps
    for number, step in enumerate(steps, start=1):
        expect(title(page)).to_have_text(f"{number} of {len(steps)} · {step.title}")
        settle(page)
        expect(page.locator('[data-testid="stException"]')).to_have_count(0)
        expect(page.get_by_role("radio", name=links.VIEWS[step.page["view"]].label)).to_be_checked()
        # What a layer has anyway, an address need not say.
        shown = links.effective_values(links.read(page.url))
        for key, value in step.page.items():
            assert shown[key] == value, (number, key)
        if step.words.question:
            expect(page.locator(PANEL)).to_contain_text(step.words.question[:40])
            expect(page.locator(f'{PANEL} [data-testid="stAlert"]')).to_have_count(0)
            page.keyboard.press("ArrowRight")
            expect(page.locator(f'{PANEL} [data-testid="stAlert"]')).to_be_visible()
            settle(page)
        page.keyboard.press("ArrowRight")
    expect(page.locator(PANEL)).to_have_count(0)
    expect(page.locator("h2").first).to_have_text("What early and late layers show")
    assert links.read(page.url) == {"view": "conclusion"}


def test_back_and_leaving_keep_what_is_shown(open_page):
    page = open_page("tour=3")
    expect(title(page)).to_contain_text(f"3 of {STEPS}")
    settle(page)
    page.keyboard.press("ArrowLeft")
    expect(title(page)).to_contain_text(f"2 of {STEPS}")
    expect(page.locator("h2").first).to_have_text("Filters of block1_conv1")
    settle(page)
    page.get_by_role("button", name="Leave tour").click()
    expect(page.locator(PANEL)).to_have_count(0)
    expect(page.locator("h2").first).to_have_text("Filters of block1_conv1")
    assert "tour" not in page.url


@pytest.fixture(scope="module")
def imagenets(tmp_path_factory):
    """Run an app that takes a file of random weights for ImageNet's; yield its address."""
    folder = tmp_path_factory.mktemp("imagenet")
    weights = folder / "random.h5"
    write_full_weights(weights, UntrainedWeights(seed=7), CheapDense(7))
    environment = {"VGG_VIZ_WEIGHTS": str(weights), "PYTHONPATH": str(REPOSITORY)}
    script = "tests/support/as_imagenet.py"
    with running_app(folder / "server.log", script, **environment) as address:
        yield address
    weights.unlink()


def fits(page: Page) -> bool:
    """Return whether a step's panel, its grids and the diagram are wholly on the screen."""
    shown = page.locator(f"{PANEL}, canvas[data-shown], .st-key-diagram svg")
    boxes = [part.bounding_box() for part in shown.all() if part.is_visible()]
    return len(boxes) > 1 and all(
        box["y"] + box["height"] <= 720 and box["x"] + box["width"] <= 1280 for box in boxes
    )


@pytest.mark.parametrize("lecture", ["false", "true"])
def test_every_step_fits_one_screen_with_its_answer(open_page, imagenets, lecture):
    """Write a screenshot of every step to ``build/tour``, for a person to look at."""
    page = open_page(f"tour=1&lecture={lecture}", imagenets)
    listening(page)
    steps = built_in().steps
    alert = page.locator(f'{PANEL} [data-testid="stAlert"]')
    for number, step in enumerate(steps, start=1):
        expect(title(page)).to_have_text(f"{number} of {len(steps)} · {step.title}")
        for answered in range(2 if step.words.question else 1):
            expect(alert).to_have_count(answered)
            settle(page)
            expect(page.locator("canvas[data-shown], .st-key-diagram svg").first).to_be_visible()
            name = f"{number:02}{'-lecture' * (lecture == 'true')}{'-answer' * answered}"
            page.screenshot(path=REPOSITORY / "build" / "tour" / f"{name}.png")
            assert fits(page), name
            page.keyboard.press("PageDown")
    expect(page.locator(PANEL)).to_have_count(0)


def test_an_answer_moves_no_grid(open_page, imagenets):
    page = open_page("tour=4", imagenets)
    listening(page)
    grid = page.locator("canvas[data-shown]")
    expect(grid).to_be_visible()
    settle(page)
    before = grid.bounding_box()
    page.keyboard.press("PageDown")
    expect(page.locator(f'{PANEL} [data-testid="stAlert"]')).to_contain_text("Map 10.")
    settle(page)
    assert grid.bounding_box() == before


def test_a_clickers_keys_go_on_and_back(open_page):
    page = open_page("tour=2")
    listening(page)
    expect(title(page)).to_contain_text(f"2 of {STEPS}")
    page.keyboard.press("PageDown")
    expect(page.locator(f'{PANEL} [data-testid="stAlert"]')).to_be_visible()
    page.keyboard.press("PageDown")
    expect(title(page)).to_contain_text(f"3 of {STEPS}")
    settle(page)
    page.keyboard.press("PageUp")
    expect(title(page)).to_contain_text(f"2 of {STEPS}")
    settle(page)
    page.keyboard.press("PageUp")
    expect(title(page)).to_contain_text(f"1 of {STEPS}")
    settle(page)
    # There is nothing before: neither a step nor a scroll.
    page.keyboard.press("PageUp")
    expect(title(page)).to_contain_text(f"1 of {STEPS}")
    # In a field the keys are the field's.
    page.keyboard.press("ArrowRight")
    expect(title(page)).to_contain_text(f"2 of {STEPS}")
    settle(page)
    page.get_by_role("slider").first.focus()
    page.keyboard.press("PageDown")
    settle(page)
    expect(page.locator(f'{PANEL} [data-testid="stAlert"]')).to_have_count(0)


def test_keys_in_a_lecture(visit):
    layer = "layer=block3_conv3"
    page = visit(f"view=maps&{layer}&maps=16&lecture=true")
    listening(page)
    heading = page.locator("h2")
    page.keyboard.press("PageDown")
    expect(heading).to_have_text(["Feature maps of block3_conv4"])
    settle(page)
    page.keyboard.press("PageUp")
    expect(heading).to_have_text(["Feature maps of block3_conv3"])
    settle(page)
    page.keyboard.press("Escape")
    expect(page.locator('[data-testid="stSidebar"]')).to_be_visible()
    expect(page.get_by_role("button", name="Lecture mode")).to_be_visible()
    settle(page)
    assert "lecture" not in links.read(page.url)
    # Outside of a lecture Esc is nobody's, and the clicker's keys scroll.
    page.keyboard.press("Escape")
    page.keyboard.press("PageDown")
    page.wait_for_function(SCROLLED)
    expect(heading).to_have_text(["Feature maps of block3_conv3"])


SCROLLED = "() => document.querySelector('[data-testid=\"stMain\"]').scrollTop > 0"
AT_TOP = "() => document.querySelector('[data-testid=\"stMain\"]').scrollTop === 0"


def test_the_keyboard_alone_scrolls_the_page(open_page):
    page = open_page("view=blocks")
    listening(page)
    assert page.evaluate("document.activeElement === document.body")
    page.wait_for_function(AT_TOP)
    for key in ("PageDown", " ", "End", "ArrowDown"):
        page.keyboard.press(key)
        page.wait_for_function(SCROLLED)
        page.keyboard.press("Home")
        page.wait_for_function(AT_TOP)


def test_a_lectures_view_picture_and_number_are_changed_without_leaving_it(open_page):
    page = open_page("view=maps&maps=16&lecture=true")
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
    page.locator("h2").focus()
    page.keyboard.press("Escape")
    expect(sidebar).to_be_hidden()
    settle(page)
    assert links.read(page.url)["lecture"] is True


def test_esc_closes_what_is_open_first(open_page):
    page = open_page("view=maps&maps=16&lecture=true")
    listening(page)
    page.keyboard.press("m")
    page.locator('[data-testid="stSidebar"]').get_by_role("combobox", name="Layer").click()
    expect(page.get_by_role("listbox").first).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("option")).to_have_count(0)
    expect(page.locator('[data-testid="stSidebar"]')).to_be_visible()


@pytest.mark.parametrize("query", ["view=maps&maps=64", "view=filters", "tour=4", "tour=8"])
@pytest.mark.parametrize("width", [1100, 1280, 1920])
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
    for part in words.all():
        for box in boxes:
            assert not overlap(box, part.bounding_box()), part


def overlap(one, other):
    if other is None:
        return False
    return all(
        one[start] < other[start] + other[size] and other[start] < one[start] + one[size]
        for start, size in (("x", "width"), ("y", "height"))
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("lecture", ["true", "false"])
def test_the_buttons_of_tour_and_lecture_can_be_read(visit, scheme, lecture):
    page = visit(f"tour=2&lecture={lecture}", color_scheme=scheme)
    for name in ("tour-next", "tour-back", "tour-leave", "lecture-switch"):
        words, ground = page.locator(f".st-key-{name} button").evaluate(
            """button => {
              const seen = (element) => {
                const color = getComputedStyle(element).backgroundColor;
                return /, 0\\)$/.test(color) ? seen(element.parentElement) : color;
              };
              return [getComputedStyle(button.querySelector("p")).color, seen(button)];
            }"""
        )
        assert contrast(words, ground) >= 4.5, (name, words, ground)


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colors by WCAG 2."""

    def luminance(color: str) -> float:
        shares = [int(part) / 255 for part in re.findall(r"[0-9]+", color)[:3]]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in shares]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("lecture", ["true", "false"])
def test_the_photograph_that_a_step_speaks_of_is_in_sight(visit, lecture):
    page = visit(f"tour=6&lecture={lecture}")
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


def test_a_tour_from_a_file_and_a_broken_one(open_page, tmp_path):
    good, broken = tmp_path / "mine.toml", tmp_path / "broken.toml"
    good.write_text(OWN_TOUR)
    broken.write_text(OWN_TOUR.replace("block2_conv1", "block9_conv9"))
    page = open_page("tour=2")
    settle(page)
    page.get_by_role("button", name="Another tour").click()
    chooser = page.locator('[data-testid="stFileUploader"] input[type="file"]')
    chooser.set_input_files(broken)
    alert = page.locator('[data-testid="stAlert"]').filter(has_text="Step 1 of the tour")
    expect(alert).to_contain_text("block9_conv9")
    expect(title(page)).to_contain_text(f"2 of {STEPS}")
    chooser.set_input_files(good)
    expect(title(page)).to_have_text("1 of 2 · Four maps")
    expect(page.locator("h2").first).to_have_text("Feature maps of block2_conv1")
    expect(page.locator('[data-testid="stMain"]')).to_contain_text("4 of 128 maps shown")
    assert "tour" not in links.read(page.url)
    page.keyboard.press("Escape")
    settle(page)
    page.get_by_role("button", name="Next").click()
    expect(title(page)).to_have_text("2 of 2 · The blocks")


def test_lecture_mode_by_its_key_and_layers_by_arrow_keys(visit):
    page = visit("view=maps&layer=block3_conv3&maps=16")
    settle(page)
    page.keyboard.press("l")
    expect(page.locator('[data-testid="stSidebar"]')).to_be_hidden()
    expect(page.locator("h1")).to_be_hidden()
    settle(page)
    page.keyboard.press("ArrowRight")
    expect(page.locator("h2")).to_have_text(["Feature maps of block3_conv4"])
    settle(page)
    page.keyboard.press("ArrowLeft")
    expect(page.locator("h2")).to_have_text(["Feature maps of block3_conv3"])
    settle(page)
    # All of it on one screen, in letters of 16 pixels at least.
    caption = page.locator('[data-testid="stMain"] [data-testid="stCaptionContainer"]')
    expect(caption).to_have_count(1)
    box = caption.bounding_box()
    assert box["y"] + box["height"] <= 720
    height, size = caption.locator("p").evaluate(
        "p => [p.clientHeight, parseFloat(getComputedStyle(p).fontSize)]"
    )
    assert size >= 20
    assert height < 2 * size  # one line
    page.keyboard.press("l")
    expect(page.locator('[data-testid="stSidebar"]')).to_be_visible()
    assert links.read(page.url) == {"view": "maps", "layer": "block3_conv3", "maps": 16}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_lecture_mode_has_the_highest_contrast(visit, scheme):
    page = visit("view=maps&lecture=true&maps=4", color_scheme=scheme)
    settle(page)
    ink, ground = ("rgb(0, 0, 0)", "rgb(255, 255, 255)")
    if scheme == "dark":
        ink, ground = ground, ink
    heading = page.locator("h2")
    expect(heading).to_have_css("color", ink)
    expect(page.locator('[data-testid="stApp"]')).to_have_css("background-color", ground)


def test_the_guide_for_lecturers_is_where_the_page_says():
    assert Path("docs/tours.md").exists()
    assert re.search(
        r"docs/tours\.md", Path("vgg_viz/ui/page/tour_panel.py").read_text(encoding="utf-8")
    )
