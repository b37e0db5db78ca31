"""Everything that the page shows is in its address, and an address shows the same page again."""

import re
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.support.reading import settle, words
from vgg_viz import links

pytestmark = pytest.mark.browser

# Links that between them set every control to something other than its default.
LINKS = [
    "view=Feature+maps&picture=Coffee&fit=Cropped&stored=true&layer=4+%C2%B7+block2_conv2&maps=7&scale=Layer"
    "&colors=Magma&order=Variance&network=Untrained&channel=9&row=100&column=20",
    "view=Filters&layer=9+%C2%B7+block4_conv1&filters=40&channels=40&filter_page=2&channel_page=3",
    "view=Blocks&blocks=2&blocks=4&block_maps=6&beside=true&filter_channel=5",
    "view=Feature+maps&layer=4+%C2%B7+block2_conv2&maps=4&channel=9&row=7&column=2"
    "&back_to=The+pixels&attributed=Gradient&sanity=true",
    "view=Feature+maps&layer=4+%C2%B7+block2_conv2&maps=4&silenced=4%2C17%2C30"
    "&seen_in=9+%C2%B7+block4_conv1&shown_as=Difference",
    "view=Feature+maps&compare=Another+picture&other=Bricks&pair_scale=Layer&maps=4&own_tour=3",
    "view=Feature+maps&compare=Wrong+preprocessing&shown_as=Difference&maps=4",
    "view=Feature+maps&picture=Your+own&source=Camera",
    "view=Feature+maps&lecture=true&maps=9",
    "view=What+excites+it&excited_by=Made&made=2&recipe=Plain+pixels&seed=7&channel=2&paste=true",
    "view=Classes&answers=7&class=285&against=0&evidence=HiResCAM&counting=5&side=Against+it",
    "tour=5&answer=true&view=Feature+maps&picture=Test+pattern&maps=16",
]


def grids(page: Page) -> list[str]:
    """The mosaics as they are drawn, pixel by pixel."""
    canvases = page.locator('[data-testid="stMain"] .grid canvas')
    # A canvas that nothing was drawn to has the size that HTML gives it.
    for canvas in canvases.all():
        expect(canvas).not_to_have_js_property("width", 300)
    return canvases.evaluate_all("(all) => all.map((canvas) => canvas.toDataURL())")


def query(page: Page) -> dict[str, list[str]]:
    return parse_qs(urlsplit(page.url).query)


def test_the_links_have_every_field():
    values = [item for link in LINKS for item in links.read(link).items()]
    changed = {key for key, value in values if value != links.FIELDS[key].default}
    assert changed == set(links.FIELDS)


@pytest.mark.parametrize("link", LINKS)
def test_a_link_is_read_kept_and_opens_the_same_view_elsewhere(visit, open_page, link):
    if "excited_by=Made" in link:
        # What is made while one looks is there at once for who comes later.
        made = open_page(link, settled=False).locator(".st-key-made-progress")
        expect(made).to_have_text("Finished.")
    first = visit(link)
    said = words(first)
    assert query(first) == parse_qs(link)
    # On the way of a visitor: the address as the page has it now, in another browser.
    second = open_page(urlsplit(first.url).query)
    assert words(second) == said
    assert grids(second) == grids(first)
    assert query(second) == query(first)


def test_what_is_clicked_stands_in_the_address_and_a_default_does_not(visit):
    page = visit("view=Feature+maps")
    settle(page)
    page.get_by_role("radio", name="Layer", exact=True).click()
    expect(page).to_have_url(re.compile("scale=Layer"))
    page.get_by_role("radio", name="Each tile").click()
    expect(page).to_have_url(re.compile(r"^((?!scale).)*$"))
    thumb = page.get_by_role("slider", name="Number of maps (1 to 64)")
    thumb.focus()
    page.keyboard.press("ArrowLeft")
    expect(page).to_have_url(re.compile("maps=63"))
    page.keyboard.press("ArrowRight")
    expect(page).to_have_url(re.compile(r"^((?!maps=).)*$"))


def test_a_choice_outlives_a_visit_to_another_view(visit):
    page = visit("view=Feature+maps&maps=5&channel=3")
    said = words(page)
    page.get_by_role("radio", name="Architecture").click()
    expect(page.locator("h2").first).to_have_text("The architecture of VGG19")
    page.get_by_role("radio", name="Feature maps").click()
    expect(page.locator("h2").first).to_have_text("Feature maps of block1_conv1")
    assert words(page) == said


def test_copy_link_copies_the_address(open_page):
    page = open_page("view=Feature+maps&maps=5", permissions=["clipboard-read", "clipboard-write"])
    settle(page)
    page.get_by_role("button", name="Copy link").click()
    expect(page.get_by_role("status").filter(has_text="Link copied.")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == page.url


def test_without_permission_the_link_is_there_to_be_copied_with_its_note(open_page):
    page = open_page("view=Feature+maps&picture=Your+own")
    settle(page)
    page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(); }")
    page.get_by_role("button", name="Copy link").click()
    expect(page.get_by_text("It does not carry your own picture.")).to_be_visible()
    assert page.get_by_label("Link to this view").input_value() == page.url


def test_nonsense_in_all_values_is_the_default_page(visit, open_page):
    default = visit("view=Feature+maps")
    said = words(default)
    keys = sorted(set(links.FIELDS) - {"view", "lecture"})
    nonsense = "&".join(f"{key}=%3Cscript%3Ealert(1)%3C%2Fscript%3E" for key in keys)
    page = open_page(f"view=Feature+maps&{nonsense}")
    settle(page)
    warning = page.get_by_test_id("stAlert")
    expect(warning).to_contain_text("Not all of this link was understood")
    warning.evaluate("(element) => element.remove()")
    assert words(page) == said
