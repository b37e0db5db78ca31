"""The tour: its steps, links to them, and tours from a file."""

import pytest
from streamlit.runtime.uploaded_file_manager import DeletedFile
from streamlit.testing.v1 import AppTest

from tests.support.pages import choose, link_of, open_page, payloads, press, shown, tiles_of
from tests.support.truth import LAYER
from vgg_viz import tours
from vgg_viz.fields import FIELDS, VISIT_FIELDS
from vgg_viz.links import DEFAULTS, read
from vgg_viz.ui.page import tour_panel
from vgg_viz.ui.state import tour_steps

STEPS = tours.built_in().steps


def assert_at(page: AppTest, number: int, steps=STEPS):
    """Assert that the page is at a step, from 1, and shows the step's view and text."""
    step = steps[number - 1]
    assert page.subheader[0].value.startswith(f"{number} of {len(steps)} · ")
    assert not page.warning
    for key, value in step.page.items():
        assert shown(page, key) == value, key
    # Where the control is tied to the address, that says it as well.
    told = read(link_of(page))
    for key, field in FIELDS.items():
        if key not in (*VISIT_FIELDS, *tour_steps.OVERRIDABLE, *DEFAULTS, "channels"):
            assert told.get(key, field.default) == step.page.get(key, field.default), key


def test_the_tour_goes_through_all_its_steps_and_leaves_the_page_as_it_is():
    page = open_page()
    press(page, "tour-start")
    for number, step in enumerate(STEPS, start=1):
        assert_at(page, number)
        assert page.button(key="tour-back").disabled == (number == 1)
        assert step.words.text in [part.value for part in page.markdown]
        if step.words.question:
            assert page.button(key="tour-next").label == "Answer"
            assert not page.success
            press(page, "tour-next")
            assert page.success[0].value == step.words.answer
            assert_at(page, number)
        assert page.button(key="tour-next").label == ("Finish" if number == len(STEPS) else "Next")
        press(page, "tour-next")
    assert "tour" not in page.query_params
    assert "answer" not in page.query_params
    assert "tour-start" in [button.key for button in page.button]
    assert shown(page, "view") == STEPS[-1].page["view"]


def test_the_tour_goes_back_and_can_be_left_anywhere():
    page = open_page(tour="5", picture="Coffee")
    press(page, "tour-back")
    assert_at(page, 4)
    press(page, "tour-next")
    assert page.success
    press(page, "tour-back")
    assert_at(page, 3)
    assert not page.success
    before = payloads(page)["maps-mosaic"]
    press(page, "tour-leave")
    assert "tour" not in page.query_params
    assert not [part for part in page.subheader if f" of {len(STEPS)} · " in part.value]
    assert tiles_of(payloads(page)["maps-mosaic"])[0]["titles"] == tiles_of(before)[0]["titles"]
    assert shown(page, "layer") == STEPS[2].page["layer"]


def test_a_link_to_a_step_alone_sets_the_page():
    # A step beyond the last is the last.
    for query in ({"tour": "5", "answer": "true"}, {"tour": "100", "lecture": "true"}):
        page = open_page(**query)
        assert_at(page, min(int(query["tour"]), len(STEPS)))
        assert bool(page.success) == ("answer" in query)


def test_a_link_to_a_step_with_a_view_shows_that_view():
    page = open_page(tour="5", view="Blocks", blocks=["1", "2"])
    assert page.subheader[0].value.startswith(f"5 of {len(STEPS)} · ")
    assert shown(page, "view") == "blocks"
    assert shown(page, "picture") == "cat"
    assert {"block-1", "block-2"} <= set(payloads(page))
    press(page, "tour-back")
    assert_at(page, 4)


OWN = """
title = "My own"

[[step]]
title = "First [one](https://example.org) of *two*"
text = "Look **here**."
page = "?view=blocks&blocks=2&block_maps=4"

[[step]]
title = "Second"
text = "And there."
page = "?view=filters&layer=3"
question = "Why?"
answer = "Because."
""".replace("layer=3", f"layer={LAYER.title}")


def open_tour(page, data):
    choose(page, "tour-other", True)
    page.file_uploader(key="tour-file").upload("own.toml", data, "application/toml").run()
    assert not page.exception
    return page


def test_a_tour_is_opened_from_a_file():
    page = open_tour(open_page(tour="2"), OWN.encode())
    steps = tours.parse(OWN).steps
    assert_at(page, 1, steps)
    assert "\\[one\\]" in page.subheader[0].value
    assert "tour" not in page.query_params
    assert set(payloads(page)) >= {"block-2"}
    press(page, "tour-next")
    assert_at(page, 2, steps)
    press(page, "tour-next")
    assert page.success[0].value == "Because."
    choose(page, "tour-other", True)
    press(page, "tour-own-again")
    assert_at(page, 1)
    assert read(link_of(page))["tour"] == 1
    open_tour(page, OWN.encode())
    for _ in range(3):
        press(page, "tour-next")
    assert "tour-start" in [button.key for button in page.button]
    press(page, "tour-start")
    assert_at(page, 1)


@pytest.mark.parametrize(
    ("data", "where"),
    [
        (b"title = ", "Line 1 of the tour"),
        (OWN.replace("=filters", "=<script>alert(1)</script>").encode(), "Step 2 of the tour"),
    ],
    ids=["syntax", "view"],
)
def test_an_invalid_tour_shows_one_message_with_the_place(data, where):
    page = open_tour(open_page(tour="2"), data)
    choose(page, "tour-other", True)
    (error,) = page.error
    assert error.value.startswith(where)
    assert "\n" not in error.value
    assert "<script>" not in error.value
    assert_at(page, 2)
    page.file_uploader(key="tour-file").upload("own.toml", OWN.encode(), "application/toml").run()
    assert not page.exception
    assert not page.error
    assert_at(page, 1, tours.parse(OWN).steps)


def test_a_file_that_was_read_before_the_connection_was_lost_changes_nothing(monkeypatch):
    state = {"tour-file": DeletedFile("a"), "tour-problem": "it is no tour"}
    monkeypatch.setattr(tour_panel.st, "session_state", state)
    tour_panel.open_file()
    assert state["tour-problem"] == "it is no tour"
