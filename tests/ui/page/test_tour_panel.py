"""The tour: its steps, links to them, and tours from a file."""

import pytest
from streamlit.runtime.uploaded_file_manager import DeletedFile

from tests.support.pages import Page, open_page
from tests.support.truth import LAYER
from vgg_viz import tour_list, tours
from vgg_viz.fields import FIELDS, VISIT_FIELDS
from vgg_viz.links import DEFAULTS, read
from vgg_viz.ui.page import tour_menu, tour_panel
from vgg_viz.ui.state import tour_steps

STEPS = tour_list.built_in().steps


def assert_at(page: Page, number: int, steps=STEPS):
    """Assert that the page is at a step, from 1, and shows the step's view and text."""
    step = steps[number - 1]
    assert page.subheader[0].value.startswith(f"{number} of {len(steps)} · ")
    assert not page.warning
    for key, value in step.page.items():
        assert page.shown(key) == value, key
    # Where the control is tied to the address, that says it as well.
    told = read(page.link)
    for key, field in FIELDS.items():
        if key not in (*VISIT_FIELDS, *tour_steps.OVERRIDABLE, *DEFAULTS, "channels"):
            assert told.get(key, field.default) == step.page.get(key, field.default), key


@pytest.mark.usefixtures("known_patches", "nothing_overviewed")
def test_the_tour_goes_through_all_its_steps_and_leaves_the_page_as_it_is():
    page = open_page()
    page.press("tour-start")
    for number, step in enumerate(STEPS, start=1):
        assert_at(page, number)
        assert page.button(key="tour-back").disabled == (number == 1)
        assert step.words.text in [part.value for part in page.markdown]
        if step.words.question:
            assert page.button(key="tour-next").label == "Answer"
            assert not page.success
            page.press("tour-next")
            assert page.success[0].value == step.words.answer
            assert_at(page, number)
        assert page.button(key="tour-next").label == ("Finish" if number == len(STEPS) else "Next")
        page.press("tour-next")
    assert "tour" not in page.query_params
    assert "answer" not in page.query_params
    assert "tour-start" in [button.key for button in page.button]
    assert page.shown("view") == STEPS[-1].page["view"]


def test_the_tour_goes_back_and_can_be_left_anywhere():
    page = open_page(tour="5", picture="Coffee")
    page.press("tour-back")
    assert_at(page, 4)
    page.press("tour-next")
    assert page.success
    page.press("tour-back")
    assert_at(page, 3)
    assert not page.success
    before = page.tiles("maps-mosaic")[0]["titles"]
    page.press("tour-leave")
    assert "tour" not in page.query_params
    assert not [part for part in page.subheader if f" of {len(STEPS)} · " in part.value]
    assert page.tiles("maps-mosaic")[0]["titles"] == before
    assert page.shown("layer") == STEPS[2].page["layer"]


@pytest.mark.usefixtures("nothing_overviewed")
def test_a_link_to_a_step_alone_sets_the_page():
    # A step beyond the last is the last.
    for query in ({"tour": "5", "answer": "true"}, {"tour": "100", "lecture": "true"}):
        page = open_page(**query)
        assert_at(page, min(int(query["tour"]), len(STEPS)))
        assert bool(page.success) == ("answer" in query)


def test_a_link_to_a_step_with_a_view_shows_that_view():
    page = open_page(tour="5", view="Blocks", blocks=["1", "2"])
    assert page.subheader[0].value.startswith(f"5 of {len(STEPS)} · ")
    assert page.shown("view") == "blocks"
    assert page.shown("picture") == "cat"
    assert {"block-1", "block-2"} <= set(page.payloads)
    page.press("tour-back")
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
    page.choose("tour-other", True)
    page.file_uploader(key="tour-file").upload("own.toml", data, "application/toml").run()
    return page


def test_a_tour_is_opened_from_a_file():
    page = open_tour(open_page(tour="2"), OWN.encode())
    steps = tours.parse(OWN).steps
    assert_at(page, 1, steps)
    assert "\\[one\\]" in page.subheader[0].value
    assert "tour" not in page.query_params
    assert set(page.payloads) >= {"block-2"}
    page.press("tour-next")
    assert_at(page, 2, steps)
    page.press("tour-next")
    assert page.success[0].value == "Because."
    page.choose("tour-other", True)
    page.press("tour-named-walkthrough")
    assert_at(page, 1)
    assert read(page.link)["tour"] == 1
    open_tour(page, OWN.encode())
    for _ in range(3):
        page.press("tour-next")
    assert "tour-start" in [button.key for button in page.button]
    page.press("tour-start")
    assert_at(page, 1)


def test_an_invalid_tour_shows_one_message_with_the_place():
    page = open_page(tour="2")
    unknown = OWN.replace("=filters", "=<script>alert(1)</script>")
    for text, where in (("title = ", "Line 1 of the tour"), (unknown, "Step 2 of the tour")):
        open_tour(page, text.encode()).choose("tour-other", True)
        (error,) = page.error
        assert error.value.startswith(where)
        assert "\n" not in error.value
        assert "<script>" not in error.value
        assert_at(page, 2)
    open_tour(page, OWN.encode())
    assert not page.error
    assert_at(page, 1, tours.parse(OWN).steps)


def test_a_file_that_was_read_before_the_connection_was_lost_changes_nothing(monkeypatch):
    state = {"tour-file": DeletedFile("a"), "tour-problem": "it is no tour"}
    monkeypatch.setattr(tour_menu.st, "session_state", state)
    tour_menu.open_file()
    assert state["tour-problem"] == "it is no tour"


# A tiny tour in Persian: a formula, an answer, a text for the untrained network, two chapters.
PERSIAN = """
title = "یک تور"
language = "fa"

[[step]]
chapter = "چیست؟"
title = "فیلتر 3 × 3"
text = "هر فیلتر 3 × 3 است."
page = "?view=filters&layer=block1_conv1&filters=4&channels=3"
question = "چرا؟"
answer = "چون 3 × 3 = 9."

[[step]]
chapter = "چه می‌بیند؟"
title = "نقشه"
text = "یک نقشهٔ ویژگی."
page = "?view=maps&maps=4"
network = "imagenet"
"""


@pytest.fixture
def hosts_tour(tmp_path, monkeypatch):
    """Put a tour of two steps in Persian into the host's folder."""
    (tmp_path / "persian.toml").write_text(PERSIAN, encoding="utf-8")
    monkeypatch.setenv(tour_list.TOURS_VARIABLE, str(tmp_path))
    tour_list._offered.cache_clear()
    yield tours.parse(PERSIAN).steps
    tour_list._offered.cache_clear()


def labels(page):
    return {button.key: button.label for button in page.button}


def test_a_hosts_tour_is_shown_in_its_language(hosts_tour):
    page = open_page(tour="1", tour_name="persian")
    one, other = hosts_tour
    formula = "\u20663\xa0×\xa03\u2069"
    assert page.subheader[0].value == f"1 از 2 · فیلتر {formula}"
    assert [part.value for part in page.caption if part.value == one.chapter]
    assert one.words.text.replace("3 × 3", formula) in [part.value for part in page.markdown]
    assert labels(page)["tour-next"] == "پاسخ"
    assert "direction: rtl" in "".join(part.proto.body for part in page.get("html"))
    page.press("tour-next")
    assert page.success[0].value == "چون \u20663\xa0×\xa03\xa0=\xa09\u2069."
    page.press("tour-next")
    assert page.subheader[0].value == f"2 از 2 · {other.title}"
    assert read(page.link)["tour_name"] == "persian"
    page.choose("network", "untrained")
    assert any("شبکهٔ ImageNet" in part.value for part in page.caption)
    page.press("tour-leave")
    assert "tour_name" not in page.query_params
    page.press("tour-start")
    assert_at(page, 1)


def test_in_a_lecture_the_panels_buttons_have_the_tours_language(hosts_tour):
    page = open_page(tour="2", tour_name="persian", lecture="true")
    assert (labels(page)["lecture-menu"], labels(page)["lecture-switch"]) == ("تنظیمات", "خروج")
    page.press("lecture-menu")
    assert labels(page)["lecture-menu"] == "بستن تنظیمات"
    page.press("tour-leave")
    assert labels(page)["lecture-menu"] == "Close controls"
    assert labels(page)["lecture-switch"] == "Leave"


def test_the_menu_goes_to_any_step_and_tour(hosts_tour):
    page = open_page(tour="2")
    page.choose("tour-other", True)
    assert labels(page)["tour-named-persian"] == "یک تور"
    steps = [key for key in labels(page) if str(key).startswith("tour-step-")]
    assert steps == [f"tour-step-{number}" for number in range(1, len(STEPS) + 1)]
    page.press("tour-step-5")
    assert_at(page, 5)
    assert "tour-step-5" not in labels(page)  # the menu has closed
    page.choose("tour-other", True)
    page.press("tour-named-persian")
    assert page.link.startswith("view=filters")
    assert read(page.link)["tour_name"] == "persian"
    page.choose("tour-other", True)
    assert [part.value for part in page.caption if part.value in ("چیست؟", "چه می‌بیند؟")] == [
        "چیست؟",  # above the step
        "چیست؟",
        "چه می‌بیند؟",
    ]
    page.press("tour-named-walkthrough")
    assert_at(page, 1)
    assert "tour_name" not in page.query_params


def test_a_click_on_a_step_that_the_tour_begun_meanwhile_lacks_changes_nothing(hosts_tour):
    page = open_page(tour="2")
    page.choose("tour-other", True)
    page.button(key="tour-named-persian").click()
    page.press("tour-step-5")
    assert not page.error
    assert read(page.link)["tour_name"] == "persian"


def test_the_browsers_language_chooses_the_first_tour(hosts_tour, monkeypatch):
    monkeypatch.setattr(type(tour_panel.st.context), "locale", "fa-IR")
    monkeypatch.setattr(tour_list, "TOURS", {})
    page = open_page()
    assert labels(page)["tour-start"] == "تور راهنما"
    page.press("tour-start")
    assert page.subheader[0].value.startswith("1 از 2 · ")


def test_a_link_to_a_tour_that_the_server_lacks_says_so():
    page = open_page(view="architecture", tour="2", tour_name="gone_away")
    (warning,) = page.warning
    assert "to the tour **gone\\_away**, which this server does not have." in warning.value
    assert page.shown("view") == "architecture"
    page.press("missing-tour-close")
    assert not page.warning
    assert not page.link
    page = open_page(view="architecture", tour="2", tour_name="gone_away")
    page.press("tour-start")
    assert not page.warning
    assert_at(page, 1)
