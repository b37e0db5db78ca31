"""A visitor's own picture: kept across views and tours, and removable."""

import re

import pytest
from playwright.sync_api import Page, WebSocketRoute, expect

from tests.browser.test_replicas import BACK, RECORD
from tests.support.image_files import photo
from tests.support.reading import settle, wait_for_words, words

pytestmark = pytest.mark.browser

LINK = "view=maps&maps=4"


def give(page: Page, data: bytes) -> None:
    """Choose *Your own* and upload a file."""
    choose(page, "Your own")
    uploader = page.locator('[class*="st-key-own-upload-picture"] input[type=file]')
    uploader.set_input_files({"name": "mine.png", "mimeType": "image/png", "buffer": data})
    shows(page, "Your picture")


def choose(page: Page, name: str) -> None:
    page.get_by_role("radio", name=name, exact=True).click()


def shows(page: Page, title: str) -> None:
    """Check that the sidebar and the grids show the picture of that title."""
    sidebar = page.get_by_test_id("stSidebar")
    expect(sidebar.get_by_text(f"{title}, as VGG19 sees it")).to_be_visible()
    expect(page.get_by_text(re.compile(rf"· {title} \(stretched")).first).to_be_visible()


def test_a_tour_gives_it_back_and_it_stands_among_the_pictures_until_it_is_removed(open_page):
    sockets: list[WebSocketRoute] = []

    def pass_on(socket: WebSocketRoute) -> None:
        sockets.append(socket)
        socket.connect_to_server()

    page = open_page("tour=3", sockets=pass_on)
    own = page.get_by_role("radio", name="Your own", exact=True)
    expect(own).to_have_css("background-image", "none")
    give(page, photo("red"))
    expect(own).to_have_css("background-image", re.compile("^url"))
    page.locator(".st-key-tour-next button").click()
    shows(page, "Bricks")
    page.locator(".st-key-tour-back button").click()
    shows(page, "Your picture")
    page.locator(".st-key-tour-next button").click()
    shows(page, "Bricks")
    page.get_by_role("button", name="Leave tour").click()
    shows(page, "Your picture")

    settle(page)
    before, lost = words(page), len(sockets)
    page.evaluate(RECORD)
    sockets[-1].close()
    page.wait_for_function(BACK)
    assert len(sockets) > lost
    wait_for_words(page, before)
    choose(page, "Coffee")
    shows(page, "Coffee")
    choose(page, "Your own")
    shows(page, "Your picture")
    for view, heading in (("Filters", "Filters of"), ("Feature maps", "Feature maps of")):
        choose(page, view)
        expect(page.locator("h2").first).to_contain_text(heading)
    shows(page, "Your picture")
    page.get_by_role("button", name="Remove it").click()
    shows(page, "Cat")
    expect(own).to_have_css("background-image", "none")
    choose(page, "Your own")
    expect(page.get_by_text("Showing Cat until you add a picture")).to_be_visible()


def test_a_reload_shows_a_dropped_picture_again_and_another_tab_does_not(open_page):
    page = open_page(LINK)
    choose(page, "Your own")
    expect(page.get_by_text("Other viewers cannot see it")).to_be_visible()
    expect(page.get_by_text("connection")).to_have_count(0)  # which a first visitor has not lost
    page.reload()
    expect(page.get_by_text("If it was yours, please add it again.")).to_be_visible()
    settle(page)
    drop(page, "red")  # anywhere on the page
    shows(page, "Your picture")
    choose(page, "Coffee")
    shows(page, "Coffee")
    page.reload()
    choose(page, "Your own")
    shows(page, "Your picture")
    page.reload()
    shows(page, "Your picture")
    token = page.evaluate("Object.values({ ...sessionStorage }).join()")
    assert not any(word in page.url for word in token.split(","))
    other = open_page(page.url.partition("?")[2])
    shows(other, "Cat")
    expect(other.get_by_text("uploaded picture, which links do not include")).to_be_visible()


def drop(page: Page, color: str) -> None:
    """Drop an image file on the page, as soon as it says to what is dragged that it takes it."""
    script = """([bytes, kind]) => {
        const data = new DataTransfer();
        data.items.add(new File([new Uint8Array(bytes)], "a.png", { type: "image/png" }));
        return !document.querySelector("h2").dispatchEvent(new DragEvent(
            kind, { dataTransfer: data, bubbles: true, cancelable: true, composed: true }));
    }"""
    file = [*photo(color)]
    page.wait_for_function(script, arg=[file, "dragover"])
    assert page.evaluate(script, [file, "drop"])
