"""A real browser with clocks inside its pages, which exclude Playwright's own time."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from tests.bench.measure import NotRun
from tests.support.server import CHROMIUM, CHROMIUM_OPTIONS

LOADING_MILLISECONDS = 60_000
VIEWPORT = {"width": 1366, "height": 768}
REST_MILLISECONDS = 150

# Identifies the grid that the page shows: the name on a painted mosaic's canvas, or the image on a
# page without components. Null without a grid.
GRID = """
window.shownGrid = () => {
  const component = '[data-testid="stMain"] [data-testid="stBidiComponentIsolated"]';
  for (const host of document.querySelectorAll(component)) {
    const canvas = host.shadowRoot?.querySelector("canvas[data-shown]");
    if (canvas) return canvas.dataset.shown;
  }
  const other = '[data-testid="stMain"] [data-testid="stImage"]:not(.st-key-maps-photo *) img';
  const image = document.querySelector(other);
  return image?.complete && image.naturalWidth ? image.src : null;
};
"""

# Actions of a viewer, and helpers that read the page.
ACTS = """
const part = (key, selector) => document
  .querySelector(`.st-key-${key} [data-testid="stBidiComponentIsolated"]`)
  ?.shadowRoot?.querySelector(selector);
const text = (selector) =>
  [...document.querySelectorAll(selector)].map((each) => each.innerText).join(" ") || null;
const press = (selector) => {
  const control = document.querySelector(selector);
  control.focus();
  control.click();
};
const key = (where, key) => {
  const control = where.nodeType ? where : document.querySelector(where);
  control.focus();
  for (const type of ["keydown", "keyup"])
    control.dispatchEvent(
      new KeyboardEvent(type, { key, code: key, bubbles: true, cancelable: true, composed: true }));
};
const pointAt = (type, key, selector, x, y) => {
  const one = part(key, selector);
  const box = one.getBoundingClientRect();
  const at = { clientX: box.left + x * box.width, clientY: box.top + y * box.height };
  one.dispatchEvent(new PointerEvent(type, { ...at, bubbles: true, composed: true }));
};
Object.assign(window, { part, text, press, key, pointAt });
"""

OTHER_SCALE = "press('.st-key-scale [role=radio][aria-checked=false]')"

TITLE = """[...document.querySelectorAll('[data-testid="stMain"] h1')].some(
    (title) => title.checkVisibility() && title.innerText.trim() !== "")"""
SIDEBAR = """[...document.querySelectorAll('[data-testid="stSidebar"] label')].some(
    (label) => label.checkVisibility() && label.getBoundingClientRect().right > 0)"""

# Milliseconds from the start of the navigation to the frame after a condition holds.
WATCH = """
window.shownAt = new Promise((resolve) => {
  const check = () => requestAnimationFrame(
    (now) => (%s) ? requestAnimationFrame(() => resolve(performance.now())) : check());
  check();
});
"""

# Milliseconds from an action to the frame after the shown value has changed.
CHANGE = """
async () => {
  const frame = () => new Promise(requestAnimationFrame);
  const shown = () => %(shown)s;
  const before = shown();
  const start = performance.now();
  %(action)s;
  do {
    await frame();
    if (performance.now() > start + 30_000) throw Error(`still ${before} after half a minute`);
  } while ([before, null, undefined].includes(shown()));
  await frame();
  return performance.now() - start;
}
"""

# Records when messages are sent and received, in pages opened after this.
SOCKET = """
window.sent = [];
window.received = [];
const send = WebSocket.prototype.send;
WebSocket.prototype.send = function (data) {
  window.sent.push(performance.now());
  return send.call(this, data);
};
window.WebSocket = class extends WebSocket {
  constructor(...settings) {
    super(...settings);
    this.addEventListener("message", () => window.received.push(performance.now()));
  }
};
"""

# Milliseconds from an action to each stage of the response.
STAGES = """
async () => {
  const start = performance.now();
  const after = (times) => times.filter((time) => time >= start).map((time) => time - start);
  const total = await (%s)();
  const received = after(window.received).filter((time) => time <= total);
  return [after(window.sent)[0], received[0], received.at(-1), total, received.length];
}
"""

IDLE = """() => document.querySelector('[data-test-script-state="notRunning"]')
    && !document.querySelector('[data-stale="true"]') && shownGrid()"""


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start the system's Chromium.

    Raises:
        NotRun: it is not installed.
    """
    if not Path(CHROMIUM).exists():
        raise NotRun(f"needs Chromium at {CHROMIUM}")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_OPTIONS)
        with browser:
            yield browser


@contextmanager
def new_page(browser: Browser) -> Iterator[Page]:
    """Open a page in a new browser context, with an empty cache."""
    with browser.new_context(viewport=VIEWPORT) as context:
        page = context.new_page()
        page.set_default_timeout(LOADING_MILLISECONDS)
        page.add_init_script(GRID + ACTS)
        yield page


def seconds_until_title(browser: Browser, url: str, *, sidebar: bool) -> float:
    """Measure the time from the navigation to a visible title, with or without the sidebar."""
    condition = f"{TITLE} && {SIDEBAR}" if sidebar else TITLE
    return seconds_until(browser, url, condition)


def seconds_until_grid(browser: Browser, url: str) -> float:
    """Measure the time from the navigation to the first visible grid."""
    return seconds_until(browser, url, "shownGrid()")


def seconds_until(browser: Browser, url: str, condition: str) -> float:
    """Measure the time from the navigation to the frame after a condition first holds."""
    with new_page(browser) as page:
        page.add_init_script(WATCH % condition)
        page.goto(url, wait_until="commit")
        page.wait_for_function("window.shownAt.then(() => true)")
        return page.evaluate("window.shownAt") / 1000


def seconds_until_changed(page: Page, action: str, shown: str) -> float:
    """Measure the time from an action to the frame after the value of ``shown`` changes.

    Both are JavaScript expressions.
    """
    seconds = page.evaluate(CHANGE % {"action": action, "shown": shown}) / 1000
    wait_until_idle(page)
    return seconds


def stages_until_changed(page: Page, action: str, shown: str) -> list[float]:
    """Measure the seconds from an action to each stage, and count the messages received.

    The stages are: request sent, first message, last message, changed value shown.
    """
    *stages, messages = page.evaluate(STAGES % (CHANGE % {"action": action, "shown": shown}))
    wait_until_idle(page)
    return [*(milliseconds / 1000 for milliseconds in stages), messages]


def shown_in(key: str, selector: str, attribute: str) -> str:
    """Return the JavaScript of an attribute of an element in a component; null without it."""
    return f"part({key!r}, {selector!r})?.{attribute} ?? null"


def wait_until_idle(page: Page) -> None:
    """Wait until the script run has ended and its grid is shown, then a moment longer."""
    page.wait_for_function(IDLE)
    page.wait_for_timeout(REST_MILLISECONDS)


def choose_layer(page: Page, title: str) -> None:
    """Choose a layer in the sidebar and wait for its maps."""
    box = page.get_by_role("combobox", name="Layer")
    box.click()
    box.fill(title)
    box.press("Enter")
    page.get_by_test_id("stMain").get_by_text(f"{title} ·").first.wait_for()
    wait_until_idle(page)
