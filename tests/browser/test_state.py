"""Page, address, Copy link, Back, Forward and reload agree, however a value was set."""

import re
from collections.abc import Callable
from contextlib import suppress
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, TimeoutError, WebSocketRoute, expect
from streamlit.proto.BackMsg_pb2 import BackMsg

from tests.browser import cases
from tests.support.reading import settle, wait_for_other_words, wait_for_words, words
from vgg_viz import links
from vgg_viz.fields import FIELDS, LAYERS
from vgg_viz.views import VIEWS

pytestmark = pytest.mark.browser

Action = Callable[[Page], None]
MAPS, BLOCKS = "view=maps&maps=4", "view=blocks&block_maps=4"
FIFTH = LAYERS["block3_conv1"].label
SIXTEENTH = LAYERS["block5_conv4"].label


def radio(name: str) -> Action:
    """Choose an option of a segmented control."""
    return lambda page: page.get_by_role("radio", name=name, exact=True).first.click()


def option(label: str, name: str) -> Action:
    """Choose an option of a select box."""

    def choose(page: Page) -> None:
        box = page.get_by_role("combobox", name=label, exact=True)
        box.scroll_into_view_if_needed()
        wanted = page.get_by_role("option", name=name, exact=True)
        # A list closes whenever what it hangs on scrolls, as it does for a pointer that goes there.
        for _ in range(20):
            box.press("ArrowDown")
            with suppress(TimeoutError):
                wanted.dispatch_event("click", timeout=1_000)
                expect(page.get_by_role("option")).to_have_count(0)
                return
        raise AssertionError(f"expected {name} among the options of {label}")

    return choose


def slide(label: str, key: str) -> Action:
    """Press a key on a slider."""

    def press(page: Page) -> None:
        page.get_by_role("slider", name=re.compile(f"^{label}")).focus()
        page.keyboard.press(key)

    return press


def fill(label: str, text: str, role: str = "spinbutton") -> Action:
    """Type a text into a field, a number field by default."""

    def write(page: Page) -> None:
        # A number field's label ends with its range.
        field = page.get_by_role(role, name=re.compile(rf"^{label}( \(|$)"))
        field.fill(text)
        field.press("Enter")

    return write


def button(name: str, *, exact: bool = False) -> Action:
    return lambda page: page.get_by_role("button", name=name, exact=exact).first.click()


def key(name: str) -> Action:
    return lambda page: page.keyboard.press(name)


def switch(name: str) -> Action:
    return lambda page: page.get_by_text(name, exact=True).click()


def first_tile(mosaic: str) -> Action:

    def click(page: Page) -> None:
        canvas = page.locator(f".st-key-{mosaic} .grid canvas[data-shown]")
        canvas.click(position={"x": 30, "y": 45})

    return click


def position(page: Page) -> None:
    """Click a position of the inspected map."""
    expect(page.locator(".st-key-inspector .inspector[data-shown]")).to_be_visible()
    page.locator(".st-key-inspector .stage").first.click(position={"x": 40, "y": 60})


# One action of each kind: the link that it begins at, and the values that it changes.
ACTIONS = {
    "segmented control": (MAPS, radio("Filters"), {"view": "filters"}),
    "number": (f"{MAPS}&channel=3", fill("Row", "30"), {"row": 30}),
    "key": (f"{MAPS}&lecture=true", key("ArrowRight"), {"layer": "block1_conv2"}),
    "map": (MAPS, first_tile("maps-mosaic"), {"channel": 1}),
    "tile to another view": (
        f"view=visualization&maps=4&layer={FIFTH}&channel=1",
        first_tile("channel-patches"),
        {"view": "maps", "channel": 1, "row": ..., "column": ...},
    ),
    "step of a tour": (
        "tour=3",
        button("Next"),
        {"tour": 4, "picture": "bricks", "layer": "block1_conv2"},
    ),
}
# Kinds that work as one above does.
MORE_ACTIONS = {
    "select box": (MAPS, option("Layer", FIFTH), {"layer": "block3_conv1"}),
    "slider": (MAPS, slide("Number of feature maps", "ArrowRight"), {"maps": 5}),
    "button": (MAPS, button("Lecture mode"), {"lecture": True}),
    "position": (f"{MAPS}&layer={SIXTEENTH}&channel=3", position, {"row": ..., "column": ...}),
    "pill": (BLOCKS, button("3", exact=True), {"blocks": ("1", "2", "4", "5")}),
    "switch": (BLOCKS, switch("Show filters beside the maps"), {"beside": True}),
    "list of numbers": (
        f"{MAPS}&channel=2&tab=ablation",
        fill("Ablated maps", "17, 4", "textbox"),
        {"ablated": (4, 17)},
    ),
    "button to another view": (
        f"{MAPS}&layer={FIFTH}&channel=33",
        button("Show filter"),
        {"view": "filters", "filters": 33, "filter_page": 3},
    ),
}


def said(page: Page) -> dict:
    return {key: field.default for key, field in FIELDS.items()} | links.read(page.url)


def copied(page: Page) -> str:
    """Return the link that *Copy link* copies."""
    page.locator(".st-key-copy-link button").evaluate("(button) => button.click()")
    page.wait_for_function(
        "() => navigator.clipboard.readText().then((text) => text === location.href)"
    )
    return page.evaluate("navigator.clipboard.readText()")


def entries(page: Page) -> int:
    return page.evaluate("history.length")


def wait_until_tidy(page: Page) -> None:
    """Wait until the page has rewritten the address and watches for changes."""
    page.wait_for_function("() => Object.hasOwn(history, 'pushState')")


def wait_for_change(page: Page, before: str) -> None:
    page.wait_for_function("(before) => location.href !== before", arg=before)
    settle(page)


@pytest.mark.parametrize("action", cases(ACTIONS, MORE_ACTIONS))
def test_one_action_is_one_step_and_everything_agrees_on_it(open_page, visit, visit_too, action):
    link, act, wanted = action
    page = visit(link, permissions=["clipboard-read", "clipboard-write"])
    wait_until_tidy(page)
    before, steps, address = words(page), entries(page), page.url
    act(page)
    wait_for_change(page, address)
    wait_for_other_words(page, before)  # which a second run may bring, after the address
    if "view" in wanted:  # a click within a view runs its part first, then the page
        expect(
            page.get_by_role("radio", name=VIEWS[wanted["view"]].label, exact=True)
        ).to_be_checked()
    after, there = words(page), page.url
    for key_, value in wanted.items():
        assert said(page)[key_] == value or value is ..., key_
    assert entries(page) == steps + 1
    assert copied(page) == there
    page.go_back()
    page.wait_for_url(address)
    wait_for_words(page, before)
    page.go_forward()
    page.wait_for_url(there)
    wait_for_words(page, after)
    assert entries(page) == steps + 1
    # So it is for somebody else, who has the address alone; what a tour lends comes on top of what
    # was chosen before, which is nothing on a page that is opened.
    elsewhere = open_page if "tour=" in link else visit_too
    wait_for_words(elsewhere(urlsplit(there).query), after)


def test_who_reloads_the_page_sees_the_same(visit):
    link, act, _ = ACTIONS["step of a tour"]
    page = visit(link)
    wait_until_tidy(page)
    steps, address = entries(page), page.url
    act(page)
    wait_for_change(page, address)
    after = words(page)
    page.reload()
    wait_for_words(page, after)
    assert entries(page) == steps + 1


HELD_KEYS = {"number": (f"{MAPS}&channel=3", "spinbutton", "Map", "ArrowUp", 23)}
MORE_HELD_KEYS = {"slider": (MAPS, "slider", "Number of feature maps", "ArrowRight", 24)}


@pytest.mark.parametrize("held", cases(HELD_KEYS, MORE_HELD_KEYS))
def test_no_step_of_a_held_key_is_lost_and_all_are_one_step_back(visit, held):
    link, role, name, arrow, last = held
    page = visit(link)
    wait_until_tidy(page)
    before, steps = page.url, entries(page)
    control = page.get_by_role(role, name=re.compile(f"^{name}")).first
    control.focus()
    for _ in range(20):
        page.keyboard.down(arrow)
    page.keyboard.up(arrow)
    expect(control).to_have_js_property("value", str(last))
    page.wait_for_url(re.compile(f"={last}(&|$)"))
    settle(page)
    expect(control).to_have_js_property("value", str(last))
    assert entries(page) == steps + 1
    page.go_back()
    page.wait_for_url(before)


def test_a_click_is_not_undone_by_the_next_one(visit):
    # The browser has not heard of the map when it sends the next click.
    page = visit(MAPS)
    settle(page)
    first_tile("maps-mosaic")(page)
    radio("Layer")(page)
    page.wait_for_url(re.compile("scale=layer"))
    settle(page)
    assert (said(page)["channel"], said(page)["scale"]) == (1, "layer")
    expect(page.get_by_role("spinbutton", name="Map")).to_have_value("1")


def test_the_history_is_watched_wherever_the_button_that_copies_stands(visit):
    page = visit("tour=4")
    wait_until_tidy(page)
    page.evaluate("() => { window.first = history.pushState; }")
    page.keyboard.press("l")  # the page's tools go into the step's panel
    expect(page.locator(".st-key-tour-panel .st-key-copy-link")).to_be_attached()
    page.wait_for_function(
        "() => Object.hasOwn(history, 'pushState') && history.pushState !== first"
    )
    settle(page)
    # What the other one leaves behind is tidied up in a turn of its own.
    page.evaluate("() => new Promise((resolve) => setTimeout(resolve))")
    assert page.evaluate("() => Object.hasOwn(history, 'pushState')")


def test_a_late_request_does_not_keep_a_new_control_from_its_value(open_page):
    """It brings values of controls that the browser no longer has, and Streamlit keeps them."""
    requests, servers = [], []

    def listen(socket: WebSocketRoute) -> None:
        servers.append(socket.connect_to_server())

        def pass_on(message: bytes) -> None:
            requests.append(BackMsg.FromString(message))
            servers[-1].send(message)

        socket.on_message(pass_on)

    page = open_page(BLOCKS, sockets=listen)
    radio("Layer")(page)
    expect(page).to_have_url(re.compile("scale=layer"))
    before = words(page)
    late = next(each for each in reversed(requests) if each.rerun_script.fragment_id)
    radio("Conclusion")(page)
    expect(page).to_have_url(re.compile("view=conclusion"))
    settle(page)
    late.rerun_script.query_string = urlsplit(page.url).query
    servers[-1].send(late.SerializeToString())
    page.go_back()
    wait_for_words(page, before)
