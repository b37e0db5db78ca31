"""The page in an iframe of another site, where browsers block its cookie."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser import cases
from tests.support import REPOSITORY
from tests.support.file_server import serve

pytestmark = pytest.mark.browser

PHOTO = REPOSITORY / "assets" / "coffee.jpg"
OWN = "view=maps&picture=own&layer=block3_conv1&maps=4"
REFUSED = "Uploads are blocked here"


@pytest.fixture(scope="module")
def context(browser) -> Iterator[BrowserContext]:
    """Keep one context, whose process has then read Streamlit's scripts."""
    context = browser.new_context()
    yield context
    context.close()


@pytest.fixture
def visit(context):
    """Open an address without failing on errors: a refused upload is one."""
    context.clear_cookies()

    def open_one(address: str) -> Page:
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.goto(address)
        return page

    yield open_one
    for page in context.pages[1:]:  # the first keeps the process alive
        page.close()


def give_photo(page) -> None:
    page.locator('input[type="file"]').set_input_files(PHOTO)


def main(page):
    return page.locator('[data-testid="stMain"]')


def test_in_a_foreign_frame_the_page_says_where_a_file_can_be_given(visit, app):
    # Another name for this machine: another site.
    page_address = f"{app.replace('127.0.0.1', 'localhost')}/?{OWN}"
    around = f"<!doctype html><iframe src='{page_address}' width=1200 height=700></iframe>"
    with serve(around.encode()) as moodle:
        page = visit(moodle.url)
        frame = page.frame_locator("iframe")
        expect(main(frame)).to_contain_text("Cat (stretched)")
        frame.locator(".st-key-maps-mosaic .save").click()
        expect(frame.locator(".st-key-maps-mosaic .message")).to_contain_text("If no file arrives")
        warning = frame.locator('[data-testid="stSidebar"]').get_by_text(REFUSED)
        expect(warning).to_be_visible()
        give_photo(frame)
        expect(frame.locator('[data-testid="stSidebar"]')).to_contain_text("status code 403")
        expect(main(frame)).to_contain_text("Cat (stretched)")

        with page.expect_popup() as opened:
            frame.get_by_test_id("stSidebar").get_by_role("link", name="Open in a tab").click()
        tab = opened.value
        expect(main(tab)).to_contain_text("Cat (stretched)")
        assert tab.url == page_address
        expect(tab.get_by_text(REFUSED)).to_have_count(0)
        give_photo(tab)
        expect(main(tab)).to_contain_text("Your picture (stretched)")


FORBIDS = "his frame forbids downloads: open the page in its own tab."
SANDBOX = "allow-scripts allow-same-origin"


@pytest.mark.parametrize(
    "frame",
    cases(
        {"forbids": ("", True, f"T{FORBIDS}")},
        {
            "elsewhere": ("", False, f"If no file arrives, t{FORBIDS}"),
            "allows": (" allow-downloads", True, f"If no file arrives, t{FORBIDS}"),
        },
    ),
)
def test_in_a_frame_the_page_says_what_that_may_forbid(visit, app, frame):
    """A frame of another origin does not tell its flags; one of the same may be in another."""
    more, same, said = frame
    around = app if same else app.replace("127.0.0.1", "localhost")
    page = visit(f"{around}/_stcore/health")
    query = "view=maps&maps=4&channel=2&tab=experiments&experiment=distance&change=mirror"
    page.set_content(
        f"<iframe sandbox='{SANDBOX}{more}' src='{app}/?{query}' width=1200 height=900>"
    )
    frame = page.frame_locator("iframe")
    may_forbid = frame.get_by_text(f"If no file arrives, t{FORBIDS}")
    frame.get_by_role("button", name="CSV").wait_for()
    expect(may_forbid).to_be_visible()
    frame.get_by_role("radio", name="Statistics").click()
    frame.get_by_test_id("stVegaLiteChart").first.hover()
    save = frame.get_by_role("button", name="Download as PNG").first
    expect(save).to_be_visible(visible=said[0] != "T")
    frame.locator(".st-key-maps-mosaic .save").click()
    message = frame.locator(".st-key-maps-mosaic .message")
    expect(message).to_have_text(f"{said} Open in a tab")
    expect(message.get_by_role("link")).to_have_attribute("href", re.compile("view=maps"))
    frame.get_by_role("button", name="Export").click()
    expect(may_forbid.last).to_be_visible()
