"""A move costs little: the browser restyles what it changes, not the whole page."""

import pytest
from playwright.sync_api import Page

from tests.support.reading import settle

pytestmark = pytest.mark.browser


def restyled(page: Page, scale: str) -> int:
    """Return the number of elements that the browser restyles for another scale."""
    session = page.context.new_cdp_session(page)
    frame = session.send("Page.getFrameTree")["frameTree"]["frame"]["id"]
    events, ended = [], []
    session.on("Tracing.dataCollected", lambda part: events.extend(part["value"]))
    session.on("Tracing.tracingComplete", lambda _: ended.append(True))
    config = {"includedCategories": ["devtools.timeline"]}
    session.send("Tracing.start", {"transferMode": "ReportEvents", "traceConfig": config})
    page.get_by_role("radio", name=scale, exact=True).click()
    settle(page)
    session.send("Tracing.end")
    while not ended:
        page.wait_for_timeout(10)
    session.detach()
    updates = [each["args"] for each in events if each["name"] == "UpdateLayoutTree"]
    return sum(
        update["elementCount"] for update in updates if update["beginData"]["frame"] == frame
    )


def test_a_move_does_not_restyle_the_whole_page(open_page):
    """A rule of the style sheet can make each change restyle all elements that have a class."""
    page = open_page("view=maps&layer=block3_conv3")
    for scale in ("Layer", "Each tile"):  # the first time, Streamlit adds styles of its own
        page.get_by_role("radio", name=scale, exact=True).click()
        settle(page)
    assert restyled(page, "Layer") < page.evaluate("document.querySelectorAll('*').length")
