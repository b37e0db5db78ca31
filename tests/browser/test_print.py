"""The printed page: everything the view shows, dark on white, without buttons."""

import re
from itertools import combinations

import pytest
from playwright.sync_api import expect

from tests.browser import cases
from tests.support.reading import settle

pytestmark = pytest.mark.browser

# What A4 and Letter have between margins of 12 mm, in CSS pixels.
PAPERS = {"A4": (703, 1032), "Letter": (725, 965)}

PAGES = {
    "attribution": "view=maps&maps=9&channel=5&row=9&column=9&back_to=input&sanity=true",
    "prediction": "view=prediction&important_maps=8&class=7&against=3&evidence=all",
    "tour": "tour=4&answer=true",
}
MORE_PAGES = {
    "architecture": "view=architecture",
    "filters": "view=filters",
    "maps": "view=maps&maps=64",
    "top patches": "view=visualization&channel=12",
    "blocks": "view=blocks&block_maps=16",
    "conclusion": "view=conclusion",
    "comparison": "view=maps&maps=16&compare=network",
    "two networks’ patches": "view=visualization&maps=9&channel=12&compare=network",
    "two predictions": "view=prediction&important_maps=8&compare=picture",
    "lecture": "view=maps&maps=16&lecture=true",
}

FEW_PAGES = {"position": "view=maps&maps=9&channel=5&row=9&column=9"}
MORE_FEW_PAGES = {
    "64 maps of a block": "view=blocks",
    **{name: query for name, query in (PAGES | MORE_PAGES).items() if name != "attribution"},
}

PICTURES = "canvas[data-shown], .st-key-diagram svg"

SEEN = """() => {
  const shown = (element) => element.getClientRects().length > 0;
  const boxes = [];
  const walk = (root) => {
    for (const element of root.querySelectorAll("*")) {
      if (element.matches("canvas, svg[role], table, h1, h2, h3, p") && shown(element)) {
        const { left, right, top, bottom, height } = element.getBoundingClientRect();
        boxes.push({ name: element.tagName, left, right, top, bottom, height });
      }
      if (element.shadowRoot) walk(element.shadowRoot);
    }
  };
  walk(document.querySelector('[data-testid="stMain"]'));
  return boxes;
}"""


# A row of the list of classes and a step of the trail are text as well as buttons.
CONTROLS = """() => {
  const controls = "button, input, select, textarea, summary, [role=slider], [role=combobox]";
  const found = [];
  const walk = (root) => {
    for (const element of root.querySelectorAll("*")) {
      const text = element.closest(".classes, .trail, [class*='-notice']");
      if (element.matches(controls) && !text && element.checkVisibility()) {
        found.push(element.outerHTML.slice(0, 120));
      }
      if (element.shadowRoot) walk(element.shadowRoot);
    }
  };
  walk(document.body);
  return found;
}"""


def overlap(one: dict[str, float], other: dict[str, float]) -> float:
    """Return by how many pixels two boxes overlap, horizontally or vertically if that is less."""
    return min(
        min(one[end], other[end]) - max(one[start], other[start])
        for start, end in (("left", "right"), ("top", "bottom"))
    )


@pytest.mark.parametrize("query", cases(PAGES, MORE_PAGES))
def test_print_cuts_nothing_and_has_no_controls(visit, query):
    page = visit(query, color_scheme="dark")
    main = page.get_by_test_id("stMain")
    expect(main.locator(PICTURES).first).to_be_visible()
    settle(page)
    page.emulate_media(media="print")
    for width, height in PAPERS.values():
        page.set_viewport_size({"width": width, "height": height})
        boxes = page.evaluate(SEEN)
        texts = [box for box in boxes if box["name"] in ("H2", "H3", "P")]
        for one, other in combinations(texts, 2):
            assert overlap(one, other) <= 4, (one, other)  # what is empty below a heading
        for box in boxes:
            assert box["left"] >= -1, box
            assert box["right"] <= width + 1, box
            # A picture fits one page, with what stands above it.
            assert box["name"] not in ("canvas", "CANVAS") or box["height"] <= 0.7 * height, box
        # The first page has a picture or the list of classes, not a title alone.
        first = main.locator(f"{PICTURES}, .classes").locator("visible=true").first.bounding_box()
        assert first["y"] + first["height"] <= height
    assert page.evaluate(CONTROLS) == []
    for box in page.locator('[class*="st-key-run-status-"]').all():
        expect(box).to_be_hidden()
    expect(page.locator("body")).to_have_css("background-color", "rgb(255, 255, 255)")
    expect(main.locator("h2, h3").locator("visible=true").first).to_have_css(
        "color", "rgb(0, 0, 0)"
    )


@pytest.mark.parametrize("query", cases(FEW_PAGES, MORE_FEW_PAGES))
def test_a_view_takes_one_or_two_pages(visit, query):
    page = visit(query, color_scheme="dark")
    expect(page.locator("canvas[data-shown], .st-key-diagram svg").first).to_be_visible()
    settle(page)
    for paper in PAPERS:
        pdf = page.pdf(format=paper, print_background=True)
        assert len(re.findall(rb"/Type\s*/Page\b", pdf)) <= 2
    # The page is as it was.
    if "lecture" not in query:
        expect(page.get_by_test_id("stSidebar")).to_be_visible()


def test_what_a_frame_may_forbid_is_not_printed(visit):
    query = "view=maps&maps=4&channel=2&tab=experiments&experiment=distance&change=mirror"
    page = visit(query)
    note = page.locator('[class*="st-key-frame-note"]').first
    note.wait_for(state="attached")
    page.emulate_media(media="print")
    expect(note).to_be_hidden()
    page.emulate_media(media="screen")
