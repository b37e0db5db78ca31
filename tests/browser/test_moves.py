"""A move costs little: few messages, and the browser restyles only what changes."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page

from tests.browser import cases
from tests.support.reading import settle

pytestmark = pytest.mark.browser


LAYER = "view=maps&layer=block3_conv3"
MOST_MESSAGES = 30
# Counts the messages from the server, and their bytes, in pages opened after this.
COUNT = """
window.received = window.bytes = 0;
window.WebSocket = class extends WebSocket {
  constructor(...settings) {
    super(...settings);
    this.addEventListener("message", ({ data }) => {
      window.received += 1;
      window.bytes += data.byteLength ?? data.size;
    });
  }
};
"""


def click_tile(page: Page) -> None:
    page.locator(".st-key-maps-mosaic .grid").click(position={"x": 30, "y": 30})


def click_position(page: Page) -> None:
    page.locator(".st-key-inspector .map-stage").click(position={"x": 30, "y": 30})


def click_scale(page: Page) -> None:
    page.get_by_role("radio", name="Layer", exact=True).click()


def move_slider(page: Page) -> None:
    page.get_by_role("slider", name="Number of feature maps").press("ArrowLeft")


def press_arrow(page: Page) -> None:
    page.keyboard.press("ArrowRight")


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


def test_a_move_does_not_restyle_the_whole_page(visit):
    """A rule of the style sheet can make each change restyle all elements that have a class."""
    page = visit("view=maps&layer=block3_conv3")
    for scale in ("Layer", "Each tile"):  # the first time, Streamlit adds styles of its own
        page.get_by_role("radio", name=scale, exact=True).click()
        settle(page)
    assert restyled(page, "Layer") < page.evaluate("document.querySelectorAll('*').length")


# Moves with the link where they begin. Those of one kind cost the same.
MOVES = {"position and scale": (f"{LAYER}&channel=7&row=2&column=2", click_position, click_scale)}
MORE_MOVES = {
    "slider and map": (LAYER, move_slider, click_tile),
    "lecture": (f"{LAYER}&lecture=true", press_arrow),
}


@pytest.mark.parametrize("moves", cases(MOVES, MORE_MOVES))
def test_a_move_takes_few_messages(open_page, moves: tuple[str, *tuple[Callable[[Page], None]]]):
    query, *actions = moves
    page = open_page(query, begin=COUNT)
    for act in actions:
        before, address = page.evaluate("window.received"), page.url
        act(page)
        page.wait_for_function("(address) => location.href !== address", arg=address)
        settle(page)
        assert page.evaluate("window.received") - before <= MOST_MESSAGES
