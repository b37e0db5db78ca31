"""A real browser, and clocks inside its pages, where Playwright's own time does not count."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from tests.bench.measure import NotRun
from tests.support.server import CHROMIUM, CHROMIUM_OPTIONS

LOADING_MILLISECONDS = 60_000
VIEWPORT = {"width": 1366, "height": 768}
REST_MILLISECONDS = 150

# The one place that knows how a grid gets on the page: a mosaic names what its canvas shows as soon
# as that is painted; on a page without components, the picture. Null for no grid.
GRID = """
window.shownGrid = () => {
  const component = '[data-testid="stMain"] [data-testid="stBidiComponentIsolated"]';
  for (const host of document.querySelectorAll(component)) {
    const canvas = host.shadowRoot?.querySelector("canvas[data-shown]");
    if (canvas) return canvas.dataset.shown;
  }
  const image = document.querySelector('[data-testid="stMain"] [data-testid="stImage"] img');
  return image?.complete && image.naturalWidth ? image.src : null;
};
"""

# What a visitor does, and what of the page tells that it is done.
ACTS = """
const part = (key, selector) => document
  .querySelector(`.st-key-${key} [data-testid="stBidiComponentIsolated"]`)
  ?.shadowRoot?.querySelector(selector);
const words = (selector) =>
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
Object.assign(window, { part, words, press, key, pointAt });
"""

OTHER_SCALE = "press('.st-key-scale [role=radio][aria-checked=false]')"

TITLE = """[...document.querySelectorAll('[data-testid="stMain"] h1')].some(
    (title) => title.checkVisibility() && title.innerText.trim() !== "")"""
SIDEBAR = """[...document.querySelectorAll('[data-testid="stSidebar"] label')].some(
    (label) => label.checkVisibility() && label.getBoundingClientRect().right > 0)"""

# Milliseconds from the start of the navigation to the frame after something is on the page.
WATCH = """
window.shownAt = new Promise((resolve) => {
  const look = () => requestAnimationFrame(
    (now) => (%s) ? requestAnimationFrame(() => resolve(performance.now())) : look());
  look();
});
"""

# Milliseconds from an event of the page to the frame after something else than before is shown.
CHANGE = """
async () => {
  const frame = () => new Promise(requestAnimationFrame);
  const shown = () => %(shown)s;
  const before = shown();
  const start = performance.now();
  %(act)s;
  do {
    await frame();
    if (performance.now() > start + 30_000) throw Error(`still ${before} after half a minute`);
  } while ([before, null, undefined].includes(shown()));
  await frame();
  return performance.now() - start;
}
"""

# When messages go out to the server and come in from it, in a page that is opened after this.
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

# Milliseconds from an event of the page to what came of it, stage by stage.
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
    """The system's Chromium.

    Raises:
        NotRun: there is none.
    """
    if not Path(CHROMIUM).exists():
        raise NotRun(f"needs Chromium at {CHROMIUM}")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_OPTIONS)
        with browser:
            yield browser


@contextmanager
def new_page(browser: Browser) -> Iterator[Page]:
    """A page of a visitor who has never been here: nothing is cached."""
    with browser.new_context(viewport=VIEWPORT) as context:
        page = context.new_page()
        page.set_default_timeout(LOADING_MILLISECONDS)
        page.add_init_script(GRID + ACTS)
        yield page


def seconds_until_title(browser: Browser, url: str, *, sidebar: bool) -> float:
    """From the start of the navigation to the title, and the sidebar's controls, in sight."""
    condition = f"{TITLE} && {SIDEBAR}" if sidebar else TITLE
    return seconds_until(browser, url, condition)


def seconds_until_grid(browser: Browser, url: str) -> float:
    """From the start of the navigation to the first grid in sight."""
    return seconds_until(browser, url, "shownGrid()")


def seconds_until(browser: Browser, url: str, condition: str) -> float:
    """From the start of the navigation to the frame after a condition first holds."""
    with new_page(browser) as page:
        page.add_init_script(WATCH % condition)
        page.goto(url, wait_until="commit")
        page.wait_for_function("window.shownAt.then(() => true)")
        return page.evaluate("window.shownAt") / 1000


def seconds_until_changed(page: Page, act: str, shown: str) -> float:
    """From an act to the frame after something else is shown, both in JavaScript."""
    seconds = page.evaluate(CHANGE % {"act": act, "shown": shown}) / 1000
    wait_until_idle(page)
    return seconds


def stages_until_changed(page: Page, act: str, shown: str) -> list[float]:
    """Seconds from an act to each stage of what comes of it, and the number of messages.

    The request goes out, the first answer is there, the last one, something else is shown.
    """
    *stages, messages = page.evaluate(STAGES % (CHANGE % {"act": act, "shown": shown}))
    wait_until_idle(page)
    return [*(milliseconds / 1000 for milliseconds in stages), messages]


def shown_in(key: str, selector: str, what: str) -> str:
    """The JavaScript for what an element of one of the page's own components has, or null."""
    return f"part({key!r}, {selector!r})?.{what} ?? null"


def wait_until_idle(page: Page) -> None:
    """Wait until the server's run is over and its grid shown, and then a moment."""
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
