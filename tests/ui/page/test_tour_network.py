"""A tour's step says what is true of the network that is shown, and outlines what it names."""

import pytest

from tests.support.pages import network_of, open_page, unavailable, weights_from
from tests.support.truth import OfAFile
from vgg_viz import tour_list
from vgg_viz.links import read
from vgg_viz.ui.state import values

STEPS = tour_list.built_in().steps
# Numbers of steps that have words of their own for the untrained network.
EDGES = 4
TRAINING = next(number for number, step in enumerate(STEPS, 1) if "training" in step.title)


def words(page):
    return "\n".join(part.value for part in page.main.markdown)


def outlined(page):
    return {
        key: page.inspected(key)["outlined"]
        for key in page.payloads
        if key in ("maps-mosaic", "compared-this", "compared-other")
    }


def test_with_imagenets_weights_the_answer_outlines_the_map_that_it_names():
    page = open_page(tour=str(EDGES))
    assert STEPS[EDGES - 1].words.text in words(page)
    assert outlined(page) == {"maps-mosaic": []}
    page.press("tour-next")
    assert page.success[0].value == STEPS[EDGES - 1].words.answer
    assert outlined(page) == {"maps-mosaic": [10]}
    page.press("tour-next")  # a step that compares two images
    assert outlined(page) == {"compared-this": [], "compared-other": []}
    page = open_page(tour=str(TRAINING), answer="true")
    assert outlined(page) == {"compared-this": [6, 8], "compared-other": [6, 8]}
    # Compared networks may be in either order.
    page.choose("network", "untrained")
    assert page.success[0].value == STEPS[TRAINING - 1].words.answer


@pytest.mark.parametrize("number", [EDGES, EDGES + 1, EDGES + 2, TRAINING])
def test_without_weights_steps_show_their_untrained_text_and_an_answer_only_if_they_ask(number):
    step = STEPS[number - 1]
    asks = bool(step.untrained.question)
    with weights_from(unavailable):
        page = open_page(tour=str(number))
        assert step.untrained.text in words(page)
        shown_texts = [part.value for part in page.main.markdown]
        assert (step.words.text in shown_texts) == (step.words.text == step.untrained.text)
        assert "This text describes the **untrained** network shown here." in page.captions
        assert page.button(key="tour-next").label == ("Answer" if asks else "Next")
        page.press("tour-next")
    assert [part.value for part in page.success] == [step.untrained.answer] * asks
    assert read(page.link)["tour"] == number + (not asks)
    if asks:
        assert all(shown == list(step.untrained.outlined) for shown in outlined(page).values())


def test_the_untrained_network_gets_its_text_when_chosen():
    page = open_page(tour=str(EDGES), answer="true")
    page.choose("network", "untrained")
    step = STEPS[EDGES - 1]
    assert step.untrained.text in words(page)
    assert page.success[0].value == step.untrained.answer
    assert outlined(page) == {"maps-mosaic": [15]}
    # The next step sets the page anew.
    page.press("tour-next")
    assert STEPS[EDGES].words.text in words(page)


@network_of(OfAFile())
def test_a_weights_file_gets_the_question_without_the_answer():
    page = open_page(tour=str(EDGES))
    step = STEPS[EDGES - 1]
    assert step.words.text in words(page)
    assert step.words.question in words(page)
    note = "This text describes the ImageNet network; you see weights of \\*mine\\*\\.h5."
    assert note in page.captions
    # There is no answer to go to, but a link may ask for it.
    assert page.button(key="tour-next").label == "Next"
    page.press("tour-next")
    assert read(page.link)["tour"] == EDGES + 1
    page = open_page(tour=str(EDGES), answer="true")
    assert not page.success
    assert "The answer holds only for the ImageNet network." in page.info[0].value
    assert outlined(page) == {"maps-mosaic": []}


def test_a_page_that_diverges_from_its_step_offers_to_return():
    page = open_page(tour=str(EDGES), answer="true")
    # Counts and colors do not count.
    page.choose("maps", 64)
    page.choose("colors", "viridis")
    assert "tour-again" not in [button.key for button in page.button]
    assert outlined(page) == {"maps-mosaic": [10]}
    for key, other in {"layer": "block3_conv1", "picture": "coffee", "order": "mean"}.items():
        page.session_state[values.KEY].overrides = {}
        page.choose(key, other)
        note = "This step is about **Feature maps · 2 · block1_conv2 · Bricks**."
        assert any(note in said for said in page.captions)
        assert outlined(page) == {"maps-mosaic": []}
        page.press("tour-again")
        assert page.shown(key) != other
        assert "tour-again" not in [button.key for button in page.button]


def test_a_tours_blocks_and_lessons_stand_beside_each_other():
    page = open_page(tour="11")
    heights = [page.tiles(f"block-{block}")[0]["columns"] for block in range(1, 6)]
    assert heights == [3] * 5
    titles = [column.markdown[0].value for column in page.main.columns if column.markdown]
    assert [title for title in titles if title.startswith("**Block ")] == [
        f"**Block {block}** · {side} × {side}"
        for block, side in enumerate((224, 112, 56, 28, 14), start=1)
    ]
    assert not [part.key for part in page.get("popover") if "export" in str(part.key)]
