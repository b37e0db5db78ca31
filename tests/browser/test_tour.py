"""The tour and lecture mode, as a lecturer goes through them in front of a room."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.server import REPOSITORY
from tests.browser.test_links import settle
from vgg_viz import links
from vgg_viz.tours import built_in

pytestmark = pytest.mark.browser

PANEL = ".st-key-tour-panel"

OWN_TOUR = """
title = "Mine"

[[step]]
title = "Four maps"
text = "Look."
page = "?view=Feature maps&layer=3 · block2_conv1&maps=4"

[[step]]
title = "The blocks"
text = "And look again."
page = "?view=Blocks&blocks=5"
"""


def title(page: Page):
    return page.locator(f"{PANEL} h3")


def test_the_tour_is_played_by_arrow_keys_from_start_to_end(open_page):
    """Leaves a picture of every step in ``build/tour``, for somebody to look at."""
    page = open_page()
    settle(page)
    page.get_by_role("button", name="Tour").click()
    steps = built_in().steps
    for number, step in enumerate(steps, start=1):
        expect(title(page)).to_have_text(f"{number} of {len(steps)} · {step.title}")
        settle(page)
        page.screenshot(path=REPOSITORY / "build" / "tour" / f"{number:02}.png")
        expect(page.locator('[data-testid="stException"]')).to_have_count(0)
        expect(page.get_by_role("radio", name=links.VIEWS[step.page["view"]])).to_be_checked()
        shown = links.read(page.url)
        for key, value in step.page.items():
            assert shown.get(key, links.FIELDS[key].default) == value, (number, key)
        if step.question:
            expect(page.locator(PANEL)).to_contain_text(step.question[:40])
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
    expect(title(page)).to_contain_text("3 of 11")
    settle(page)
    page.keyboard.press("ArrowLeft")
    expect(title(page)).to_contain_text("2 of 11")
    expect(page.locator("h2").first).to_have_text("Filters of block1_conv1")
    settle(page)
    page.get_by_role("button", name="Leave tour").click()
    expect(page.locator(PANEL)).to_have_count(0)
    expect(page.locator("h2").first).to_have_text("Filters of block1_conv1")
    assert "tour" not in page.url


def test_the_grid_and_the_question_are_on_one_screen(open_page):
    page = open_page("tour=5")
    expect(title(page)).to_contain_text("5 of 11")
    grid = page.locator("canvas[data-shown]")
    expect(grid).to_be_visible()
    settle(page)
    box = grid.bounding_box()
    assert box["y"] + box["height"] <= 720


def test_a_tour_from_a_file_and_a_broken_one(open_page, tmp_path):
    good, broken = tmp_path / "mine.toml", tmp_path / "broken.toml"
    good.write_text(OWN_TOUR)
    broken.write_text(OWN_TOUR.replace("block2_conv1", "block9_conv9"))
    page = open_page("tour=2")
    settle(page)
    page.get_by_role("button", name="Another tour").click()
    chooser = page.locator('[data-testid="stFileUploader"] input[type="file"]')
    chooser.set_input_files(broken)
    alert = page.locator('[data-testid="stAlert"]').filter(has_text="Line 7 of the tour")
    expect(alert).to_contain_text("block9_conv9")
    expect(title(page)).to_contain_text("2 of 11")
    chooser.set_input_files(good)
    expect(title(page)).to_have_text("1 of 2 · Four maps")
    expect(page.locator("h2").first).to_have_text("Feature maps of block2_conv1")
    expect(page.locator('[data-testid="stMain"]')).to_contain_text("4 of 128 maps shown")
    assert "tour" not in links.read(page.url)
    page.keyboard.press("Escape")
    settle(page)
    page.get_by_role("button", name="Next").click()
    expect(title(page)).to_have_text("2 of 2 · The blocks")


def test_lecture_mode_by_its_key_and_layers_by_arrow_keys(open_page):
    page = open_page("view=Feature+maps&layer=7+%C2%B7+block3_conv3&maps=16")
    settle(page)
    page.keyboard.press("l")
    expect(page.locator('[data-testid="stSidebar"]')).to_be_hidden()
    expect(page.locator("h1")).to_be_hidden()
    settle(page)
    page.keyboard.press("ArrowRight")
    expect(page.locator("h2")).to_have_text("Feature maps of block3_conv4")
    settle(page)
    page.keyboard.press("ArrowLeft")
    expect(page.locator("h2")).to_have_text("Feature maps of block3_conv3")
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
def test_lecture_mode_has_the_highest_contrast(open_page, scheme):
    page = open_page("view=Feature+maps&lecture=true&maps=4", color_scheme=scheme)
    settle(page)
    ink, ground = ("rgb(0, 0, 0)", "rgb(255, 255, 255)")
    if scheme == "dark":
        ink, ground = ground, ink
    heading = page.locator("h2")
    expect(heading).to_have_css("color", ink)
    expect(page.locator('[data-testid="stApp"]')).to_have_css("background-color", ground)


def test_the_guide_for_lecturers_is_where_the_page_says():
    assert Path("docs/tours.md").exists()
    assert re.search(r"docs/tours\.md", Path("vgg_viz/ui/touring.py").read_text(encoding="utf-8"))
