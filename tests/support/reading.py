"""The text of a page, and waiting until it is at rest."""

from difflib import unified_diff

from playwright.sync_api import Page, TimeoutError

# Some steps of a tour have a heading that is not to be seen.
AT_REST = """() => document.querySelector("h2")
    && !document.querySelector('[data-testid="stSkeleton"]')
    && document.querySelector('[data-test-script-state="notRunning"]')
    && !document.querySelector('[data-stale="true"]')
    && !document.querySelector(".st-key-patches-pulse, .st-key-conclusion-pulse")
    && !document.querySelector("[data-testid=stMain][style*=overflow-anchor]")  // scrolls back
    && [...document.images].every((image) => image.complete && image.naturalWidth)"""
# The sidebar's own button is there only while the pointer is near.
WORDS = """() => {
    const parts = '[data-testid="stMain"], [data-testid="stSidebar"]';
    const all = (what) => [...document.querySelectorAll(parts)].flatMap(
        (part) => [...part.querySelectorAll(what)]);
    const said = [...document.querySelectorAll(parts)].map((part) =>
        part.innerText.replace("keyboard_double_arrow_left", "").replace(/\\s+/g, " ").trim());
    const fields = all("input").map((field) => `${field.ariaLabel}: ${field.value}`);
    const chosen = all('[aria-checked="true"]').map((choice) => choice.innerText);
    return [...said, ...fields, ...chosen].join("\\n");
}"""
# The parts that reach beyond the page's right border; large tables, and on a phone the maps of all
# layers, scroll by themselves.
WIDER = """() => {
    const width = document.documentElement.clientWidth, found = [];
    const look = (root) => root.querySelectorAll("*").forEach((part) => {
        const { right } = part.getBoundingClientRect();
        const seen = part.matches("canvas, img, table, td, button, h2, h3, p, input");
        const beside = part.closest(
            'details:not([open]), [data-testid="stMarkdown"] table, .st-key-overview');
        if (seen && !beside && right > width + 1) found.push([part.tagName, right]);
        if (part.shadowRoot && !beside) look(part.shadowRoot);
    });
    look(document.querySelector('[data-testid="stMain"]'));
    return found;
}"""


def settle(page: Page) -> None:
    """Wait until the run is over and everything it sent is drawn, pictures too."""
    page.wait_for_function(AT_REST)


def listening(page: Page) -> None:
    """Wait until the page listens to keys."""
    page.locator(".st-key-keys [data-listening]").wait_for(state="attached")


def words(page: Page) -> str:
    """Return all text and values of the page and its sidebar, without what fades out."""
    settle(page)
    return page.evaluate(WORDS)


def wait_for_words(page: Page, wanted: str) -> None:
    """Wait until the page is at rest with that text; the message has the differences."""
    script = f"(wanted) => ({AT_REST})() && ({WORDS})() === wanted"
    try:
        page.wait_for_function(script, arg=wanted, timeout=60_000)
    except TimeoutError:
        differences = unified_diff(wanted.split(), words(page).split(), "wanted", "said", n=1)
        raise AssertionError(" ".join(differences)) from None


def wait_for_other_words(page: Page, before: str) -> None:
    """Wait until the page is at rest with another text."""
    page.wait_for_function(f"(before) => ({AT_REST})() && ({WORDS})() !== before", arg=before)


def assert_sound(page: Page) -> None:
    """Check that no exception and no error box is shown, and nothing is wider than the page."""
    wrong = '[data-testid="stException"], [data-testid="stAlertContentError"]'
    assert page.locator(wrong).count() == 0
    page.wait_for_function(f"() => ({WIDER})().length === 0")  # a grid follows its column
