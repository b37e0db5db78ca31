"""Uploads after a reload: a new session of the same tab shows them, and no other one does."""

from urllib.parse import parse_qs

from tests.support.image_files import photo
from tests.support.pages import choose, link_of, open_page, payloads, press, texts, upload
from tests.support.tabs import answer, header, token_of
from tests.support.truth import MAPS
from vgg_viz.ui.state import reloads

OWN = {**MAPS, "maps": "1", "picture": "own"}


def reloaded(page, **query):
    """Return the page in a new session of the same tab, opened from its link or another one."""
    return answer(open_page(**(query or OWN | {"own": "1"})), token_of(page))


def test_a_reload_shows_the_uploaded_picture_again():
    before = upload(open_page(**OWN), photo("red"))
    page = open_page(**OWN, own="1")
    assert "Cat (stretched" in texts(page)
    answer(page, token_of(before))
    assert link_of(page) == link_of(before)
    assert payloads(page)["maps-mosaic"] == payloads(before)["maps-mosaic"]
    # Once more, from the new session; and its next upload has the next number.
    again = upload(reloaded(page), photo("blue"))
    assert "own=2" in link_of(again)


TOUR = """
title = "My own"

[[step]]
title = "First"
text = "Look."
page = "?view=blocks"

[[step]]
title = "Second"
text = "And there."
page = "?view=maps&picture=coffee&maps=1"
"""


def test_a_reload_keeps_the_tour_from_a_file_and_its_picture():
    before = open_page(tour="1")
    choose(before, "tour-other", True)
    before.file_uploader(key="tour-file").upload("own.toml", TOUR.encode(), "text/plain").run()
    press(before, "tour-next")
    query = parse_qs(link_of(before))
    page = open_page(**query)
    answer(page, token_of(before))
    assert page.subheader[0].value == "2 of 2 · Second"
    assert not page.warning
    assert link_of(page) == link_of(before)
    # The step lends its picture; the viewer's own choice comes back after it.
    press(page, "tour-leave")
    assert "Cat (stretched" in texts(page)
    # Another tab has no token.
    page = answer(open_page(**query), "")
    assert "to a tour from a file that this browser does not have" in page.warning[0].value
    press(page, "tour-start")
    assert not page.warning


def test_a_picture_that_the_link_does_not_name_is_there_when_it_is_chosen():
    before = upload(open_page(**OWN), photo("red"))
    page = reloaded(before, **OWN | {"picture": "coffee"})
    assert "Coffee (stretched" in texts(page)
    assert "own=1" in link_of(reloaded(before, **OWN))


def test_the_other_picture_of_a_comparison_comes_back_too():
    query = {**OWN, "picture": "cat", "compare": "picture", "other": "own"}
    before = upload(open_page(**query), photo("red"))
    assert token_of(before)
    page = reloaded(before, **query)
    assert payloads(page)["compared-other"] == payloads(before)["compared-other"]
    press(page, "own-remove-other")
    assert "Your other picture" not in texts(reloaded(before, **query))


def test_no_other_token_shows_a_picture():
    first, second = (upload(open_page(**OWN), photo(color)) for color in ("red", "blue"))
    assert len({token_of(first), token_of(second)}) == 2
    assert len(token_of(first)) == 22  # 128 bits in base64
    for token in ("", "unknown", token_of(first)[:-1], token_of(first) + "="):
        page = open_page(**OWN, own="1")
        assert not header(page)["answered"]
        assert "Your picture" not in texts(answer(page, token))
        assert header(page)["answered"]
    # A session that has uploads of its own takes no others.
    shown = payloads(second)["maps-mosaic"]
    own = token_of(second)
    assert payloads(answer(second, token_of(first)))["maps-mosaic"] == shown
    assert token_of(second) == own


def test_a_page_without_uploads_has_no_token():
    page = open_page(**OWN | {"picture": "cat"})
    assert token_of(page) == ""
    assert reloads.TOKEN not in page.session_state


def test_a_removed_picture_is_not_kept():
    before = upload(open_page(**OWN), photo("red"))
    token = token_of(press(before, "own-remove-picture"))
    assert "Your picture" not in texts(answer(open_page(**OWN, own="1"), token))
