"""Fixtures: a browser, and pages of the app that fail on any logged error.

A page that is opened anew costs most of what a test does; one that goes from link to link costs a
quarter of that. So `visit` is for what may have been elsewhere before, and `open_page` for what is
about opening, needs a context of its own or leaves more behind than an address undoes. Its
``begin`` and ``sockets`` prepare a page before it loads, so that it need not load twice.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    Page,
    ViewportSize,
    WebSocketRoute,
    expect,
    sync_playwright,
)

from tests.support.reading import settle
from tests.support.server import CHROMIUM, CHROMIUM_OPTIONS

# The first to want a network waits for TensorFlow.
expect.set_options(timeout=60_000)
LAPTOP = ViewportSize(width=1280, height=720)
# As Back and Forward do it. A run that is over at once may never be seen to be running, but what
# it shows is drawn with the first change.
GO = """(query) => {
    document.activeElement?.blur();
    document.querySelector('[data-testid="stMain"]').scrollTo(0, 0);
    window.went = location.search === `?${query}`;
    // Whatever lay ahead after a step back is no more, so that steps can be counted.
    const state = { ...history.state, vggVizScroll: 0 };
    History.prototype.pushState.call(history, state, "", `?${query}`);
    if (window.went) return;
    const observer = new MutationObserver(() => {
        observer.disconnect();
        window.went = true;
    });
    observer.observe(document.querySelector('[data-testid="stApp"]'), {
        attributes: true, characterData: true, childList: true, subtree: true });
    dispatchEvent(new PopStateEvent("popstate", { state: history.state }));
}"""
NARROW = 768  # Streamlit closes its sidebar where a window is no wider, and leaves it so
MOST_STEPS = 40  # of a tab's history; browsers keep 50


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if not Path(CHROMIUM).exists():
        pytest.skip(f"needs Debian's Chromium at {CHROMIUM}")
    with sync_playwright() as playwright:
        options = [*CHROMIUM_OPTIONS, "--process-per-site"]
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=options)
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def context_of(browser: Browser) -> Iterator[Callable[..., BrowserContext]]:
    """Return a function that returns the browser context of an address and options.

    Its first page stays and keeps its process alive: to start a process that has yet to read
    Streamlit's scripts is most of what a page costs.
    """
    contexts: dict[str, BrowserContext] = {}

    def context(address: str, **options: object) -> BrowserContext:
        kind = f"{address} {sorted(options.items())}"
        if kind not in contexts:
            contexts[kind] = browser.new_context(reduced_motion="reduce", **options)
            contexts[kind].new_page().goto(f"{address}/_stcore/health")
        return contexts[kind]

    yield context
    for one in contexts.values():
        one.close()


def forget(context: BrowserContext) -> None:
    """Clear a context's cookies and storage, as for a first visit."""
    context.clear_cookies()
    context.clear_permissions()
    context.pages[0].evaluate("localStorage.clear()")


def watch(page: Page, errors: list[str]) -> None:
    """Collect the errors that a page logs."""
    page.set_default_timeout(60_000)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda line: errors.append(line.text) if line.type == "error" else None)


@pytest.fixture
def open_page(app: str, context_of: Callable[..., BrowserContext]) -> Iterator[Callable[..., Page]]:
    """Return a function that opens a page as a first visit; a logged error fails the test."""
    opened, errors = [], []

    def open_one(
        query: str = "",
        address: str = app,
        *,
        settled: bool = True,
        begin: str = "",
        sockets: Callable[[WebSocketRoute], object] | None = None,
        viewport: ViewportSize = LAPTOP,
        color_scheme: str = "light",
        permissions: Sequence[str] = (),
        **options: object,
    ) -> Page:
        context = context_of(address, **options)
        forget(context)
        context.grant_permissions(permissions)
        page = context.new_page()
        opened.append(page)
        page.set_viewport_size(viewport)
        page.emulate_media(color_scheme=color_scheme)
        watch(page, errors)
        if begin:
            page.add_init_script(begin)
        if sockets:
            page.route_web_socket(re.compile("/_stcore/stream"), sockets)
        page.goto(f"{address}/?{query}")
        if settled:
            settle(page)
        return page

    yield open_one
    for one in reversed(opened):
        one.close()
    assert errors == []


@dataclass
class Tab:
    """A tab that goes from link to link."""

    address: str
    context: BrowserContext
    errors: list[str] = field(default_factory=list)
    page: Page | None = None

    def go(self, query: str, viewport: ViewportSize, color_scheme: str) -> Page:
        """Go to a link in a window of that size; reopen the tab if its history is long."""
        if self.page and not self._may_go_on(viewport):
            self.close()
        stands = self.page is not None
        if stands:
            self.page.bring_to_front()  # behind others it would be drawn once a second
        if self.page is None:
            self.page = self.context.new_page()
            watch(self.page, self.errors)
        self.page.emulate_media(media="null", color_scheme=color_scheme)
        self.page.set_viewport_size(viewport)
        if stands:
            self.page.mouse.move(0, 0)
            # Keys are for the page, as where nobody has been anywhere on it.
            self.page.evaluate("document.activeElement.blur()")
            settle(self.page)
            self.page.evaluate(GO, query)
            self.page.wait_for_function("window.went")
        else:
            self.page.goto(f"{self.address}/?{query}")
        settle(self.page)
        return self.page

    def _may_go_on(self, viewport: ViewportSize) -> bool:
        widths = [size["width"] <= NARROW for size in (viewport, self.page.viewport_size)]
        return widths[0] == widths[1] and self.page.evaluate("history.length") <= MOST_STEPS

    def close(self) -> None:
        if self.page:
            self.page.close()
        self.page = None


@pytest.fixture(scope="session")
def tabs(app: str, context_of: Callable[..., BrowserContext]) -> Iterator[list[Tab]]:
    two = [Tab(app, context_of(app)) for _ in range(2)]
    yield two
    for tab in two:
        tab.close()


@pytest.fixture
def visit(request: pytest.FixtureRequest, tabs: list[Tab]) -> Iterator[Callable[..., Page]]:
    """Return a function that brings one tab to a link, as Back and Forward do."""
    yield from visits(request, tabs[0])


@pytest.fixture
def visit_too(request: pytest.FixtureRequest, tabs: list[Tab]) -> Iterator[Callable[..., Page]]:
    """Return the same function for another viewer, with a session of its own."""
    yield from visits(request, tabs[1])


def visits(request: pytest.FixtureRequest, tab: Tab) -> Iterator[Callable[..., Page]]:
    failed = request.session.testsfailed

    def go(
        query: str = "",
        *,
        viewport: ViewportSize = LAPTOP,
        color_scheme: str = "light",
        permissions: Sequence[str] = (),
    ) -> Page:
        tab.context.clear_permissions()
        tab.context.grant_permissions(permissions)
        return tab.go(query, viewport, color_scheme)

    yield go
    errors, tab.errors[:] = [*tab.errors], []
    if errors or request.session.testsfailed > failed:
        tab.close()
    assert errors == []
