"""Uploads after a reload: a new session of the same tab shows them, and no other one does."""

from urllib.parse import parse_qs

from tests.support.image_files import photo
from tests.support.pages import open_page
from tests.support.tabs import answer, header, token_of
from tests.support.truth import MAPS
from vgg_viz.ui.state import reloads

OWN = {**MAPS, "maps": "1", "picture": "own"}


def reloaded(page, **query):
    """Return the page in a new session of the same tab, opened from its link or another one."""
    return answer(open_page(**(query or OWN | {"own": "1"})), token_of(page))


def test_a_reload_shows_the_uploaded_picture_again():
    before = open_page(**OWN).upload(photo("red"))
    page = open_page(**OWN, own="1")
    assert "Cat (stretched" in page.texts
    answer(page, token_of(before))
    assert page.link == before.link
    assert page.payloads["maps-mosaic"] == before.payloads["maps-mosaic"]
    # Once more, from the new session; and its next upload has the next number.
    again = reloaded(page).upload(photo("blue"))
    assert "own=2" in again.link


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
    before.choose("tour-other", True)
    before.file_uploader(key="tour-file").upload("own.toml", TOUR.encode(), "text/plain").run()
    before.press("tour-next")
    query = parse_qs(before.link)
    page = open_page(**query)
    answer(page, token_of(before))
    assert page.subheader[0].value == "2 of 2 · Second"
    assert not page.warning
    assert page.link == before.link
    # The step lends its picture; the viewer's own choice comes back after it.
    page.press("tour-leave")
    assert "Cat (stretched" in page.texts
    # Another tab has no token.
    page = answer(open_page(**query), "")
    assert "to a tour from a file that this browser does not have" in page.warning[0].value
    page.press("tour-start")
    assert not page.warning


def test_a_picture_that_the_link_does_not_name_is_there_when_it_is_chosen():
    before = open_page(**OWN).upload(photo("red"))
    page = reloaded(before, **OWN | {"picture": "coffee"})
    assert "Coffee (stretched" in page.texts
    assert "own=1" in reloaded(before, **OWN).link


def test_the_other_picture_of_a_comparison_comes_back_too():
    query = {**OWN, "picture": "cat", "compare": "picture", "other": "own"}
    before = open_page(**query).upload(photo("red"))
    assert token_of(before)
    page = reloaded(before, **query)
    assert page.payloads["compared-other"] == before.payloads["compared-other"]
    page.press("own-remove-other")
    assert "Your other picture" not in reloaded(before, **query).texts


def test_no_other_token_shows_a_picture():
    first, second = (open_page(**OWN).upload(photo(color)) for color in ("red", "blue"))
    assert len({token_of(first), token_of(second)}) == 2
    assert len(token_of(first)) == 22  # 128 bits in base64
    for token in ("", "unknown", token_of(first)[:-1], token_of(first) + "="):
        page = open_page(**OWN, own="1")
        assert not header(page)["answered"]
        assert "Your picture" not in answer(page, token).texts
        assert header(page)["answered"]
    # A session that has uploads of its own takes no others.
    shown = second.payloads["maps-mosaic"]
    own = token_of(second)
    assert answer(second, token_of(first)).payloads["maps-mosaic"] == shown
    assert token_of(second) == own


def test_a_page_without_uploads_has_no_token():
    page = open_page(**OWN | {"picture": "cat"})
    assert token_of(page) == ""
    assert reloads.TOKEN not in page.session_state


def test_a_removed_picture_is_not_kept():
    before = open_page(**OWN).upload(photo("red"))
    token = token_of(before.press("own-remove-picture"))
    assert "Your picture" not in answer(open_page(**OWN, own="1"), token).texts
