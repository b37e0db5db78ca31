"""Page, address, Copy link, Back, Forward and reload agree, however a value was set."""

import re
from collections.abc import Callable
from contextlib import suppress
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, TimeoutError, expect

from tests.support.reading import settle, wait_for_words, words
from vgg_viz import links
from vgg_viz.links import FIELDS

pytestmark = pytest.mark.browser

Action = Callable[[Page], None]
FIFTH = links.LAYERS["block3_conv1"].label
SIXTEENTH = links.LAYERS["block5_conv4"].label


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
        field = page.get_by_role(role, name=label, exact=True)
        field.fill(text)
        field.press("Enter")

    return write


def button(name: str) -> Action:
    """Press the button of that name."""
    return lambda page: page.get_by_role("button", name=name).first.click()


def key(name: str) -> Action:
    """Press a key on the page."""
    return lambda page: page.keyboard.press(name)


def pill(name: str) -> Action:
    """Toggle a block."""
    return lambda page: page.get_by_role("button", name=name, exact=True).first.click()


def switch(name: str) -> Action:
    """Toggle a switch."""
    return lambda page: page.get_by_text(name, exact=True).click()


def tile(mosaic: str, column: int, row: int = 0) -> Action:
    """Click the tile at an index of a mosaic."""

    def click(page: Page) -> None:
        canvas = page.locator(f".st-key-{mosaic} .grid canvas")
        expect(canvas).not_to_have_js_property("width", 300)
        canvas.click(position={"x": 30 + column * 75, "y": 45 + row * 90})

    return click


def position(page: Page) -> None:
    """Click a position of the inspected map."""
    expect(page.locator(".st-key-inspector .inspector[data-shown]")).to_be_visible()
    page.locator(".st-key-inspector .stage").first.click(position={"x": 40, "y": 60})


# What is set, from which view on, by which action.
VISUALIZATION = "view=visualization"
OPTIMIZED = f"{VISUALIZATION}&examples=optimized&images=2"

BY_CONTROL = {
    "view": ("view=maps&maps=4", radio("Filters"), "filters"),
    "picture": ("view=maps&maps=4", radio("Coffee"), "coffee"),
    "fit": ("view=maps&maps=4", radio("Cropped"), "crop"),
    "source": ("view=maps&maps=4&picture=own", radio("Camera"), "camera"),
    "layer": ("view=maps&maps=4", option("Layer", FIFTH), "block3_conv1"),
    "filters": ("view=filters", slide("Number of filters", "ArrowLeft"), 7),
    "channels": (f"view=filters&layer={FIFTH}", slide("Number of channels", "ArrowLeft"), 7),
    "maps": ("view=maps&maps=4", slide("Number of feature maps", "ArrowRight"), 5),
    "blocks": ("view=blocks&block_maps=4", pill("3"), ("1", "2", "4", "5")),
    "block_maps": ("view=blocks&block_maps=4", slide("Feature maps per block", "ArrowRight"), 5),
    "beside": ("view=blocks&block_maps=4", switch("Show filters beside the maps"), True),
    "filter_channel": (
        "view=blocks&block_maps=4&beside=true",
        slide("Input channel of the filters", "ArrowRight"),
        2,
    ),
    "scale": ("view=filters", radio("Around 0"), "zero"),
    "colors": ("view=maps&maps=4", option("Color map", "Magma"), "magma"),
    "order": ("view=maps&maps=4", option("Order", "Variance"), "variance"),
    "back_to": (
        "view=maps&maps=4&channel=2&row=3&column=4",
        option("Attribute to", "The pixels"),
        "input",
    ),
    "attribution": (
        "view=maps&maps=4&channel=2&row=3&column=4&back_to=input",
        option("Method", "Gradient"),
        "gradient",
    ),
    "sanity": (
        "view=maps&maps=4&channel=2&row=3&column=4&back_to=input",
        switch("Sanity check: another map, and an untrained network"),
        True,
    ),
    "ablated": (
        "view=maps&maps=4&channel=2",
        fill("Ablated maps", "17, 4", "textbox"),
        (4, 17),
    ),
    "later_layer": (
        f"view=maps&maps=4&layer={FIFTH}&ablated=4",
        option("Later layer", "9 · block4_conv1"),
        "block4_conv1",
    ),
    "network": ("view=maps&maps=4", radio("Untrained"), "untrained"),
    "compare": ("view=maps&maps=4", option("Compare with", "Another picture"), "picture"),
    "other": (
        "view=maps&maps=4&compare=picture",
        option("The other picture", "Bricks"),
        "bricks",
    ),
    "shown_as": (
        "view=maps&maps=4&compare=picture",
        radio("Difference"),
        "difference",
    ),
    "pair_scale": ("view=maps&maps=4&compare=picture", radio("Layer"), "layer"),
    "channel": ("view=maps&maps=4", fill("Map", "3"), 3),
    "row": ("view=maps&maps=4&channel=3", fill("Row", "30"), 30),
    "column": ("view=maps&maps=4&channel=3&row=5", fill("Column", "40"), 40),
    "examples": (f"{VISUALIZATION}&maps=4", radio("Optimized images"), "optimized"),
    "images": (OPTIMIZED, slide("Number of optimized images", "ArrowRight"), 3),
    "parametrization": (OPTIMIZED, radio("Plain pixels"), "pixels"),
    "seed": (OPTIMIZED, fill("Seed", "3"), 3),
    "paste": (f"{OPTIMIZED}&channel=2", switch("Paste into my picture"), True),
    "classes": ("view=prediction&important_maps=4", slide("Number of classes", "ArrowRight"), 6),
    "class": (
        "view=prediction&important_maps=4",
        option("Evidence for", "made up 3 · n90000003 · class 3"),
        3,
    ),
    "against": (
        "view=prediction&important_maps=4",
        option("Rather than", "made up 4 · n90000004 · class 4"),
        4,
    ),
    "evidence": (
        "view=prediction&important_maps=4",
        option("Evidence method", "Grad-CAM"),
        "gradcam",
    ),
    "important_maps": (
        "view=prediction&important_maps=4",
        slide("Most important maps", "ArrowRight"),
        5,
    ),
    "side": ("view=prediction&important_maps=4", radio("Against"), "against"),
    "lecture": ("view=maps&maps=4", button("Lecture mode"), True),
    "tour": ("view=maps&maps=4", button("Tour"), 1),
    "answer": ("tour=2", button("Answer"), True),
}
BY_CLICK = {
    "the switch": (
        "view=maps&maps=4&channel=3",
        switch("Ablate this map (set it to zero)"),
        {"ablated": (3,)},
    ),
    "a map that changes": (
        f"view=maps&maps=4&layer={FIFTH}&ablated=4&channel=4",
        tile("ablated-without", 0),
        {"layer": "block3_conv2", "ablated": (), "channel": ..., "row": ..., "column": ...},
    ),
    "the layer, where maps are ablated": (
        f"view=maps&maps=4&layer={FIFTH}&ablated=4%2C9&later_layer={SIXTEENTH}",
        option("Layer", SIXTEENTH),
        {"layer": "block5_conv4", "ablated": (), "later_layer": "next"},
    ),
    "a map": ("view=maps&maps=4", tile("maps-mosaic", 0), {"channel": 1}),
    "a position": (
        f"view=maps&maps=4&layer={SIXTEENTH}&channel=3",
        position,
        {"row": ..., "column": ...},
    ),
    "a channel": (
        f"{VISUALIZATION}&maps=4&layer={FIFTH}",
        tile("patches", 0),
        {"view": "visualization", "channel": 1},
    ),
    "a patch": (
        f"{VISUALIZATION}&maps=4&layer={FIFTH}&channel=1",
        tile("channel-patches", 0),
        {"view": "maps", "channel": 1, "row": ..., "column": ...},
    ),
    "a map of a block": (
        "view=blocks&block_maps=4&blocks=3",
        tile("block-3", 0),
        {"view": "maps", "layer": "block3_conv4", "channel": 1},
    ),
    "its filter": (
        f"view=maps&maps=4&layer={FIFTH}&channel=33",
        button("Show filter"),
        {"view": "filters", "filters": 33, "filter_page": 3},
    ),
    "the next layer": (
        "view=maps&maps=4&lecture=true",
        key("ArrowRight"),
        {"layer": "block1_conv2"},
    ),
    "a step of the tour": (
        "tour=3",
        button("Next"),
        {"tour": 4, "picture": "bricks", "layer": "block1_conv2"},
    ),
    "the tour's end": ("tour=4", button("Leave tour"), {"tour": None, "layer": "block1_conv2"}),
}
ACTIONS = {name: (link, act, {name: value}) for name, (link, act, value) in BY_CONTROL.items()}
ACTIONS |= BY_CLICK


def said(page: Page) -> dict:
    """Return the address's values."""
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


def test_every_value_of_the_address_is_set_by_a_control():
    # A tour from a file is opened from its file: test_tour has that; test_pictures has "stored".
    missing = set(FIELDS) - set(BY_CONTROL)
    assert missing == {"filter_page", "channel_page", "own_tour", "stored"}


def optimize_in_advance(open_page, link: str) -> None:
    """Optimize the images of a link in advance, so that later visits find them."""
    if links.read(link).get("examples") == "optimized":
        # The export menu appears when all are finished.
        page = open_page(link, settled=False)
        expect(page.get_by_role("button", name="Export")).to_be_visible()


@pytest.mark.parametrize("name", ACTIONS)
def test_one_action_is_one_step_and_everything_agrees_on_it(open_page, visit, visit_too, name):
    link, act, wanted = ACTIONS[name]
    known = {key: value for key, value in wanted.items() if value is not ...}
    for address in (link, f"{link}&{links.write(known)}"):
        optimize_in_advance(open_page, address)
    page = visit(link, permissions=["clipboard-read", "clipboard-write"])
    wait_until_tidy(page)
    before, steps, address = words(page), entries(page), page.url
    act(page)
    wait_for_change(page, address)
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
    elsewhere = open_page if "tour=" in link + there else visit_too
    wait_for_words(elsewhere(urlsplit(there).query), after)


@pytest.mark.parametrize("name", ["view", "a map", "compare", "class", "a step of the tour"])
def test_who_reloads_the_page_sees_the_same(open_page, name):
    link, act, _ = ACTIONS[name]
    page = open_page(link)
    wait_until_tidy(page)
    steps, address = entries(page), page.url
    act(page)
    wait_for_change(page, address)
    after = words(page)
    page.reload()
    wait_for_words(page, after)
    assert entries(page) == steps + 1


def test_what_a_small_layer_cuts_is_there_again_in_a_large_one(visit):
    page = visit(f"view=maps&layer={links.LAYERS['block3_conv4'].label}&maps=200")
    settle(page)
    for layer, maps in (("block1_conv1", 64), ("block3_conv4", 200)):
        before = page.url
        option("Layer", links.LAYERS[layer].label)(page)
        wait_for_change(page, before)
        slider = page.get_by_role("slider", name=re.compile("^Number of feature maps"))
        expect(slider).to_have_js_property("value", str(maps))
        assert said(page)["maps"] == maps


def test_a_position_is_cut_to_a_smaller_layer_in_the_address_too(visit):
    page = visit("view=maps&channel=3&row=200&column=100")
    before = page.url
    option("Layer", SIXTEENTH)(page)
    wait_for_change(page, before)
    for name in ("Row", "Column"):
        expect(page.get_by_role("spinbutton", name=name, exact=True)).to_have_value("14")
    assert [said(page)[key_] for key_ in ("channel", "row", "column")] == [3, 14, 14]


def test_a_scale_that_a_view_does_not_have_is_kept_for_the_view_that_has(visit):
    page = visit("view=filters&scale=zero")
    chosen = page.locator('[aria-checked="true"]', has_text=re.compile("^(Each tile|Around 0)$"))
    for view, label in (("Feature maps", "Each tile"), ("Filters", "Around 0")):
        before = page.url
        radio(view)(page)
        wait_for_change(page, before)
        expect(chosen).to_have_text(label)
        assert said(page)["scale"] == ("zero" if view == "Filters" else "own")


def test_whoever_empties_the_map_empties_all_that_hangs_on_it(visit):
    page = visit("view=maps&maps=4&channel=3&row=20&column=10")
    expect(page.locator(".st-key-maps-mosaic .selected")).to_be_visible()
    before = page.url
    fill("Map", "")(page)
    wait_for_change(page, before)
    assert urlsplit(page.url).query == "view=maps&maps=4"
    expect(page.locator(".st-key-maps-mosaic .selected")).to_be_hidden()


@pytest.mark.parametrize("link", ["view=maps", "view=maps&layer=block3_conv4", "view=MAPS&layer=5"])
def test_what_a_person_would_type_is_understood_or_said_not_to_be(open_page, link):
    page = open_page(link)
    expect(page.locator("h2").first).to_contain_text("Feature maps of block")
    warning = page.get_by_text("Could not read all of this link")
    expect(warning).to_have_count(1 if link.endswith("=5") else 0)


@pytest.mark.parametrize(
    ("link", "field", "name", "last"),
    [
        ("view=maps&maps=4&channel=3", "spinbutton", "Map", 23),
        ("view=maps&maps=4", "slider", "Number of feature maps", 24),
        ("view=blocks&block_maps=4&blocks=5", "slider", "Feature maps per block", 24),
    ],
)
def test_no_step_of_a_held_key_is_lost_and_all_are_one_step_back(
    open_page, link, field, name, last
):
    page = open_page(link)
    wait_until_tidy(page)
    before, steps = page.url, entries(page)
    control = page.get_by_role(field, name=re.compile(f"^{name}")).first
    control.focus()
    arrow = "ArrowUp" if field == "spinbutton" else "ArrowRight"
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


def test_the_lectures_arrows_go_through_all_layers(visit):
    page = visit("view=maps&maps=4&lecture=true")
    settle(page)
    for layer in list(links.LAYERS)[1:]:
        page.keyboard.press("ArrowRight")
        expect(page.locator("h2").first).to_contain_text(layer)
        settle(page)
    assert said(page)["layer"] == "block5_conv4"


def test_a_click_is_not_undone_by_the_next_one(visit):
    # The browser has not heard of the map when it sends the next click.
    page = visit("view=maps&maps=4")
    settle(page)
    tile("maps-mosaic", 0)(page)
    radio("Layer")(page)
    page.wait_for_url(re.compile("scale=layer"))
    settle(page)
    assert (said(page)["channel"], said(page)["scale"]) == (1, "layer")
    expect(page.get_by_role("spinbutton", name="Map", exact=True)).to_have_value("1")


def test_the_history_is_watched_wherever_the_button_that_copies_stands(open_page):
    page = open_page("tour=4")
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
