"""The list of keys: by its button and its key, on any screen, also in a lecture."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser import cases
from tests.support.reading import listening
from vgg_viz.ui.widgets.key_list import CONTEXTS

pytestmark = pytest.mark.browser


def expect_list(page: Page) -> None:
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("heading", name="Keys")).to_be_visible()
    for context in CONTEXTS:
        expect(dialog.get_by_text(context, exact=True)).to_be_visible()
    sideways = "box => box.scrollWidth > box.clientWidth || box.getBoundingClientRect().left < 0"
    assert not dialog.evaluate(sideways)
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)


@pytest.mark.parametrize("width", cases({"laptop": 1280}, {"phone": 360}))
def test_the_button_and_the_key_open_the_list(visit, width):
    page = visit("view=filters", viewport={"width": width, "height": 720})
    page.get_by_role("button", name="Keys").click()
    expect_list(page)
    listening(page)
    page.keyboard.press("?")
    expect_list(page)


def test_in_a_lecture_the_key_alone_opens_the_list_and_esc_closes_no_more(visit):
    page = visit("view=filters&lecture=true")
    expect(page.get_by_role("button", name="Keys")).to_have_count(0)
    listening(page)
    page.keyboard.press("?")
    expect_list(page)
    expect(page.get_by_role("button", name="Leave")).to_be_visible()


@pytest.mark.parametrize("query", cases({"tour": "tour=4"}, {"view": "view=filters"}))
def test_on_a_phone_the_tools_stand_in_one_row_and_the_views_in_whole_ones(visit, query):
    width = 360
    page = visit(query, viewport={"width": width, "height": 720})
    tools = page.locator(".st-key-page-tools").get_by_role("button")
    views = page.locator('[class*="st-key-view"]').get_by_role("radio")
    # The conclusion has the last row for itself.
    for parts, rows in ((tools, [4]), (views, [3, 3, 1])):
        boxes = [one.bounding_box() for one in parts.all()]
        tops = [box["y"] for box in boxes]
        assert [tops.count(top) for top in sorted({*tops})] == rows
        assert max(box["x"] + box["width"] for box in boxes) <= width
    clipped = "labels => labels.filter((label) => label.scrollWidth > label.clientWidth + 1).length"
    assert views.locator("p").evaluate_all(clipped) == 0


def test_a_question_mark_in_a_field_is_a_question_mark(visit):
    page = visit("view=maps&maps=4")
    field = page.get_by_role("combobox", name="Layer")
    field.click()
    field.press_sequentially("?")
    expect(field).to_have_value("?")
    expect(page.get_by_role("dialog", name="Keys")).to_have_count(0)
