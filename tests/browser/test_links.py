"""Links: the address holds everything that the page shows, and restores it."""

import re
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.browser import cases
from tests.support.reading import settle, words
from vgg_viz import links
from vgg_viz.fields import FIELDS

pytestmark = pytest.mark.browser

# Links that between them set every control to something other than its default.
LINKS = {
    "attribution": "view=maps&layer=block2_conv2&maps=4&channel=9&row=7&column=2"
    "&back_to=input&attribution=gradient&sanity=true",
    "tour": "tour=6&answer=true&view=maps&picture=test-pattern&maps=16",
}
MORE_LINKS = {
    "prediction": "view=prediction&classes=7&class=285&against=0&evidence=hirescam"
    "&important_maps=5&side=against",
    "maps": "view=maps&picture=coffee&fit=crop&stored=true&layer=block2_conv2&maps=7&scale=layer"
    "&colors=magma&order=variance&network=untrained&channel=9&row=100&column=20",
    "filters": "view=filters&layer=block4_conv1&filters=40&channels=40&filter_page=2"
    "&channel_page=3",
    "blocks": "view=blocks&blocks=2&blocks=4&block_maps=6&beside=true&filter_channel=5",
    "ablation": "view=maps&layer=block2_conv2&maps=4&ablated=4%2C17%2C30"
    "&later_layer=block4_conv1&shown_as=difference",
    "ablated earlier": "view=maps&layer=block2_conv2&maps=4&channel=9&row=7&column=2"
    "&ablated=4%2C17&ablated_in=block1_conv2&tab=statistics",
    "two pictures": "view=maps&compare=picture&other=bricks&pair_scale=layer&maps=4&own_tour=3",
    "experiment": "view=maps&maps=4&change=cover&amount=40&cover_row=50&cover_column=60"
    "&fill=nearest&layer=block2_conv2&channel=9&row=7&column=2&tab=experiments&experiment=similar",
    "deletion curves": "view=prediction&network=untrained&important_maps=4&deletion=true",
    "adversarial example": "view=prediction&network=untrained&important_maps=4&adversarial=2"
    "&toward=3",
    "preprocessing": "view=maps&compare=preprocessing&shown_as=difference&maps=4&channel=2"
    "&row=3&column=4&half=second",
    "another tour": "tour=2&tour_name=your-picture&view=blocks&blocks=2",
    "camera": "view=maps&picture=own&own=2&own_from=camera",
    # The occlusion map, which takes long, is not shown here.
    "lecture": "view=maps&lecture=true&maps=9&occlusion=true",
    "optimized images": "view=visualization&examples=optimized&images=2"
    "&parametrization=pixels&seed=7&channel=2&paste=true",
}


def grids(page: Page) -> list[str]:
    """Return the drawn mosaics, pixel by pixel."""
    canvases = page.locator('[data-testid="stMain"] .grid canvas')
    # A canvas that nothing was drawn to has the size that HTML gives it.
    for canvas in canvases.all():
        expect(canvas).not_to_have_js_property("width", 300)
    return canvases.evaluate_all("(all) => all.map((canvas) => canvas.toDataURL())")


def query(page: Page) -> dict[str, list[str]]:
    return parse_qs(urlsplit(page.url).query)


def test_the_links_have_every_field():
    every = (LINKS | MORE_LINKS).values()
    values = [item for link in every for item in links.read(link).items()]
    changed = {key for key, value in values if value != FIELDS[key].default}
    # Those left out need an own network (tests/ui/widgets/test_own_networks.py).
    assert changed == set(FIELDS) - {"preprocessing", "other_network"}


@pytest.mark.parametrize("link", cases(LINKS, MORE_LINKS))
def test_a_link_is_read_kept_and_opens_the_same_view_elsewhere(visit, visit_too, open_page, link):
    if "examples=optimized" in link:
        # What is made while one looks is there at once for who comes later.
        made = open_page(link, settled=False).locator(".st-key-optimization-progress")
        expect(made).to_have_text("Finished.")
    first = visit(link)
    said = words(first)
    assert query(first) == parse_qs(link)
    # On the way of a visitor: the address as the page has it now, in another browser.
    # What a tour lends comes on top of what was chosen before: nothing where a page is opened.
    second = (open_page if "tour=" in link else visit_too)(urlsplit(first.url).query)
    assert words(second) == said
    assert grids(second) == grids(first)
    assert query(second) == query(first)


def test_a_choice_outlives_a_visit_to_another_view(visit):
    page = visit("view=maps&maps=5&channel=3")
    said = words(page)
    page.get_by_role("radio", name="Architecture").click()
    expect(page.locator("h2").first).to_have_text("The architecture of VGG19")
    page.get_by_role("radio", name="Feature maps").click()
    expect(page.locator("h2").first).to_have_text("Feature maps of block1_conv1")
    assert words(page) == said


def test_other_programs_parameters_stay_in_the_address_and_are_not_copied(open_page):
    strange = "mc_cid=1&source=newsletter&channel=email&layer=block9_conv1"
    link = f"view=maps&#038;maps=4&{strange}&amp;tab=model.#top"
    page = open_page(link, permissions=["clipboard-read", "clipboard-write"])
    settle(page)
    others = {"mc_cid": ["1"], "source": ["newsletter"], "channel": ["email"]}
    own = {"view": ["maps"], "maps": ["4"], "tab": ["model"]}
    page.wait_for_url(re.compile("&tab=model"))  # the browser writes what the server understood
    # A layer that does not exist stays, so that the viewer may mend it.
    assert query(page) == own | others | {"layer": ["block9_conv1"]}
    expect(page.get_by_test_id("stAlert")).to_contain_text("layer: expected one of block1_conv1")
    for more in ({}, {"scale": ["layer"]}):
        page.get_by_role("button", name="Copy link").click()
        expect(page.get_by_role("status").filter(has_text="Link copied.")).to_be_visible()
        copied = page.evaluate("navigator.clipboard.readText()")
        assert parse_qs(urlsplit(copied).query) == own | more
        assert not urlsplit(copied).fragment
        page.get_by_role("radio", name="Layer", exact=True).click()
        page.wait_for_url(re.compile("scale=layer"))
    assert query(page) == own | more | others
    expect(page.get_by_test_id("stAlert")).to_have_count(0)


def test_a_link_is_copied_or_without_permission_shown_with_its_note(visit):
    page = visit("view=maps&picture=own", permissions=["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy link").click()
    expect(page.get_by_role("status").filter(has_text="Link copied.")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == page.url
    page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(); }")
    page.get_by_role("button", name="Copy link").click()
    expect(page.get_by_text("It does not include your own picture.")).to_be_visible()
    assert page.get_by_label("Link to this view").input_value() == page.url
    page.evaluate("() => { delete navigator.clipboard.writeText; }")
