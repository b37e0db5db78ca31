"""The page's layout in windows of every width: nothing is cut, covered or pushed away."""

from itertools import combinations

import pytest
from playwright.sync_api import FloatRect, Locator, Page, expect

from tests.browser import cases
from tests.support.reading import listening, settle

pytestmark = pytest.mark.browser

LARGE = {"width": 1366, "height": 768}
SMALL_LAPTOP = {"width": 1024, "height": 768}
TABLET = {"width": 800, "height": 600}
PHONE = {"width": 390, "height": 844}

# Positions, on the page, of the heading and of the tables below the maps, one for each frame in
# which they changed.
RECORD = """
window.positions = [];
const record = () => {
    const tables = document.querySelector('[data-testid="stMetric"]');
    if (tables) {
        const parts = [document.querySelector("h2"), tables];
        const tops = parts.map((part) => Math.round(part.getBoundingClientRect().top)).join();
        if (tops !== positions.at(-1)) positions.push(tops);
    }
    requestAnimationFrame(record);
};
requestAnimationFrame(record);
"""


def overlapping(buttons: Locator) -> list[str]:
    """Return the labels of those buttons that cover each other, by more than a shared border."""
    boxes = buttons.evaluate_all(
        """(buttons) => buttons.filter((button) => button.checkVisibility()).map((button) => {
            const { x, y, width, height } = button.getBoundingClientRect();
            return [button.innerText, { x, y, width, height }];
        })"""
    )
    return [
        f"{first} and {second}"
        for (first, a), (second, b) in combinations(boxes, 2)
        if overlap(a, b) > 2
    ]


def overlap(a: FloatRect, b: FloatRect) -> float:
    """Return the pixels by which two boxes cover each other; negative if they do not."""
    return min(
        min(a[start] + a[size], b[start] + b[size]) - max(a[start], b[start])
        for start, size in (("x", "width"), ("y", "height"))
    )


def header_buttons(page: Page) -> Locator:
    return page.locator('.st-key-page-tools button, [class*="st-key-view"] button')


@pytest.mark.slow
@pytest.mark.parametrize("size", [LARGE, SMALL_LAPTOP])
def test_the_sign_of_a_run_covers_no_button(open_page, size):
    page = open_page("view=prediction&occlusion=true", settled=False, viewport=size)
    expect(page.locator(".classes button").first).to_be_visible()
    sign = page.get_by_test_id("stStatusWidget")
    expect(sign).to_be_visible()
    buttons = header_buttons(page)
    assert buttons.count() > 9
    assert overlapping(buttons.or_(sign)) == []


@pytest.mark.parametrize(
    "query", cases({"tour": "tour=4"}, {"view": "view=maps&maps=4", "blocks": "tour=11"})
)
@pytest.mark.parametrize("width", cases({"small laptop": 1024}, {"1280": 1280, "1440": 1440}))
def test_the_views_stand_in_one_row_on_a_laptop(visit, query, width):
    page = visit(query, viewport={"width": width, "height": 768})
    expect(page.locator("canvas[data-shown]").first).to_be_visible()
    settle(page)
    views = page.locator('[class*="st-key-view"] button')
    tops = views.evaluate_all("(all) => all.map((one) => one.getBoundingClientRect().top)")
    assert len(tops) == 7
    assert len(set(tops)) == 1
    assert overlapping(header_buttons(page)) == []


@pytest.mark.parametrize(
    "size",
    cases(
        {"laptop": {"width": 1280, "height": 720}, "phone": PHONE},
        {"small laptop": SMALL_LAPTOP, "tablet": TABLET},
    ),
)
def test_open_controls_cover_no_button_of_a_lecture(visit, size):
    page = visit("view=maps&maps=4&lecture=true", viewport=size)
    listening(page)
    page.keyboard.press("m")
    expect(page.get_by_role("button", name="Close controls")).to_be_visible()
    settle(page)
    assert overlapping(header_buttons(page)) == []
    sidebar = page.get_by_test_id("stSidebar").bounding_box()
    assert sidebar["width"] >= 200
    for view in page.locator('[class*="st-key-view"] button').all():
        name = view.get_by_text(view.inner_text()).bounding_box()
        assert name["height"] <= 60, "a name breaks within a word"
    page.get_by_role("button", name="Close controls").click()
    expect(page.get_by_test_id("stSidebar")).to_be_hidden()


@pytest.mark.parametrize("size", cases({"small laptop": SMALL_LAPTOP}, {"phone": PHONE}))
def test_maps_of_the_architecture_move_nothing_when_they_come(open_page, size):
    page = open_page("view=architecture", viewport=size, begin=RECORD)
    expect(page.locator("canvas[data-shown]")).to_be_visible()
    settle(page)
    assert len(page.evaluate("positions")) == 1, page.evaluate("positions")


# The share of the main area's part in the window that is picture.
SHARE = """() => {
    const main = document.querySelector('[data-testid="stMain"]').getBoundingClientRect();
    let area = 0;
    const look = (root) => root.querySelectorAll("*").forEach((part) => {
        if (part.shadowRoot) look(part.shadowRoot);
        const box = part.getBoundingClientRect();
        if (!part.matches("canvas, img") || part.closest('[data-testid="stSidebar"]')) return;
        const [wide, high] = [box.right - box.left, Math.min(box.bottom, innerHeight) - box.top];
        if (part.checkVisibility()) area += wide * Math.max(0, high);
    });
    look(document.body);
    return area / (main.width * innerHeight);
}"""


@pytest.mark.parametrize(
    "view",
    cases(
        {name: name for name in ("maps", "blocks")},
        {name: name for name in ("filters", "visualization")},
    ),
)
def test_half_of_the_main_area_is_picture(visit, view):
    page = visit(f"view={view}&layer=block2_conv2", viewport=LARGE)
    page.wait_for_function(f"({SHARE})() >= 0.5")


def test_grids_beside_each_other_begin_at_one_height(visit):
    page = visit("tour=5", viewport=SMALL_LAPTOP)
    headings = page.locator(".st-key-compared-pair h3")
    heights = headings.evaluate_all("(all) => all.map((one) => one.offsetHeight)")
    assert len(set(heights)) == 2, "expected one heading of two lines"
    grids = page.locator(".st-key-compared-pair canvas[data-shown]")
    expect(grids).to_have_count(2)
    tops = grids.evaluate_all("(all) => all.map((one) => one.getBoundingClientRect().top)")
    assert tops[0] == pytest.approx(tops[1], abs=1)


@pytest.mark.parametrize(
    "step",
    cases({"maps": 6, "filters": 2}, {"colors": 7, "patches": 9, "optimized": 10, "pixels": 13}),
)
def test_next_is_in_sight_below_a_long_answer_of_a_lecture(visit, step):
    page = visit(f"tour={step}&answer=true&lecture=true", viewport=SMALL_LAPTOP)
    expect(page.locator(".st-key-tour-panel .stAlert")).to_be_visible()
    for name in ("Back", "Next"):
        button = page.locator(".st-key-tour-buttons").get_by_role("button", name=name)
        expect(button).to_be_in_viewport(ratio=0.999)


def test_the_photograph_is_seen_once(visit):
    page = visit("view=maps&layer=block2_conv2", viewport=LARGE)
    in_sidebar = page.locator('[data-testid="stSidebar"] [data-testid="stImage"] img')
    expect(page.locator(".st-key-inspector .photo-stage")).to_be_visible()
    expect(in_sidebar).to_be_hidden()
    page.get_by_role("radio", name="Blocks").click()
    expect(in_sidebar).to_be_visible()


def test_a_caption_in_a_narrow_column_has_its_width(visit):
    page = visit("tour=2")
    expect(page.locator("canvas[data-shown]")).to_have_count(2)
    settle(page)
    captions = page.locator('[data-testid="stColumn"] [data-testid="stColumn"]').get_by_test_id(
        "stCaptionContainer"
    )
    widths = captions.evaluate_all(
        """(all) => all.map((one) => one.getBoundingClientRect().width
            / one.closest('[data-testid="stColumn"]').getBoundingClientRect().width)"""
    )
    assert len(widths) == 2
    assert min(widths) > 0.9


def test_grids_beside_each_other_in_a_lecture_fill_their_columns(visit):
    # The captions are shorter than the columns, and of different widths.
    page = visit("view=maps&maps=4&compare=picture&lecture=true", viewport=LARGE)
    grids = [page.locator(f".st-key-compared-{name} .scroller") for name in ("this", "other")]
    widths = [found.bounding_box()["width"] for found in grids]
    assert 0.45 * LARGE["width"] < widths[0] == pytest.approx(widths[1], abs=1)


def test_a_comparison_shows_each_photograph_beside_its_map(visit):
    page = visit("view=maps&maps=4&compare=picture&channel=1&row=20&column=31", viewport=LARGE)
    inspector = page.locator(".st-key-inspector-0")
    parts = [inspector.locator(name).bounding_box() for name in (".map-stage", ".photo-stage")]
    assert parts[0]["y"] == parts[1]["y"]
    assert 200 < parts[0]["width"] == pytest.approx(parts[1]["width"], abs=1)
