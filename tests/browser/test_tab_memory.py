"""A tab's memory stays small: a view's canvases and listeners go with it."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, CDPSession, Page

from tests.browser import PHONE, cases
from tests.support.reading import settle

pytestmark = pytest.mark.browser

SWITCHES = 2
MOST_MEGABYTES = 40  # more, of the renderer's resident memory; with the leak it was 37 a switch
DRAWN = """(key) => [...document.querySelectorAll(`.st-key-${key} *`)].some(
    (part) => part.shadowRoot?.querySelector("canvas[data-shown]"))"""
LAPTOP = {"device_scale_factor": 1}  # An option, with which a page has a process of its own.


def collect(session: CDPSession) -> None:
    """Run the browser's garbage collection."""
    for _ in range(4):
        session.send("HeapProfiler.collectGarbage")


def canvases(session: CDPSession) -> int:
    """Return the number of canvases in memory, attached or not."""
    made = session.send("Runtime.evaluate", {"expression": "HTMLCanvasElement.prototype"})
    found = session.send("Runtime.queryObjects", {"prototypeObjectId": made["result"]["objectId"]})[
        "objects"
    ]["objectId"]
    count = session.send(
        "Runtime.callFunctionOn",
        {
            "objectId": found,
            "functionDeclaration": "function() { return this.length; }",
            "returnByValue": True,
        },
    )
    session.send("Runtime.releaseObject", {"objectId": found})
    return count["result"]["value"]


def listeners(session: CDPSession) -> dict[str, int]:
    """Return the number of listeners on the window, by event."""
    window = session.send("Runtime.evaluate", {"expression": "window"})["result"]["objectId"]
    found = session.send("DOMDebugger.getEventListeners", {"objectId": window})["listeners"]
    kinds = [one["type"] for one in found]
    return {kind: kinds.count(kind) for kind in sorted(set(kinds))}


def megabytes(browser: Browser) -> dict[int, float]:
    """Return the resident memory of every renderer, by its process."""
    session = browser.new_browser_cdp_session()
    processes = session.send("SystemInfo.getProcessInfo")["processInfo"]
    session.detach()
    sizes = {}
    for number in (one["id"] for one in processes if one["type"] == "renderer"):
        status = Path(f"/proc/{number}/status").read_text()
        sizes[number] = int(re.search(r"VmRSS:\s+([0-9]+)", status)[1]) / 1024
    return sizes


def switch(page: Page, view: str, mosaic: str) -> None:
    """Switch to a view, and wait until one of its mosaics is drawn."""
    page.get_by_role("radio", name=view, exact=True).click()
    page.wait_for_function(DRAWN, arg=mosaic)
    settle(page)


def forward_backward(page: Page, times: int) -> None:
    for _ in range(times):
        switch(page, "Blocks", "block-5")
        page.wait_for_function("window.vggVizAnnounced.size === 0")
        switch(page, "Feature maps", "maps-mosaic")


@pytest.mark.parametrize("device", cases({"phone": PHONE}, {"laptop": LAPTOP}))
def test_views_leave_nothing_behind(open_page, browser, device):
    page = open_page("view=maps&channel=3", **device)
    session = page.context.new_cdp_session(page)
    forward_backward(page, 1)
    collect(session)
    before = (canvases(session), listeners(session), megabytes(browser))
    forward_backward(page, SWITCHES)
    collect(session)
    after = (canvases(session), listeners(session), megabytes(browser))
    assert after[1] == before[1]
    assert after[0] <= before[0] + 2  # the last view may not be collected yet
    grown = {number: size - before[2].get(number, 0) for number, size in after[2].items()}
    assert max(grown.values()) < MOST_MEGABYTES
