"""A browser, a server with a weights file, and pages that fail on any error they print."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    Page,
    ViewportSize,
    expect,
    sync_playwright,
)

from tests.support.reading import settle
from tests.support.server import CHROMIUM, CHROMIUM_OPTIONS, running_app
from tests.support.truth import CheapDense
from tests.support.weights_files import write_full_weights
from vgg_viz.weights import UntrainedWeights

# The first to want a network waits for TensorFlow.
expect.set_options(timeout=60_000)
LAPTOP = ViewportSize(width=1280, height=720)


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
def app(tmp_path_factory) -> Iterator[str]:
    """The address of an app that has found a weights file of full size."""
    folder = tmp_path_factory.mktemp("app")
    weights = folder / "random.h5"
    write_full_weights(weights, UntrainedWeights(seed=7), CheapDense(7))
    with running_app(folder / "server.log", VGG_VIZ_WEIGHTS=str(weights)) as address:
        yield address
    weights.unlink()


@pytest.fixture(scope="session")
def visitors(browser: Browser, app: str) -> Iterator[BrowserContext]:
    """Where most pages are opened. Its first one stands as long, and with it their process.

    To start a process that has yet to read Streamlit's scripts is most of what a page costs.
    """
    context = browser.new_context(reduced_motion="reduce")
    context.new_page().goto(f"{app}/_stcore/health")
    yield context
    context.close()


@pytest.fixture
def open_page(
    browser: Browser, app: str, visitors: BrowserContext
) -> Iterator[Callable[..., Page]]:
    """Open a page of the app, as somebody who has never been there; none may print an error."""
    opened, errors = [], []

    def context_for(address: str, options: dict[str, object]) -> BrowserContext:
        if options or address != app:
            own = browser.new_context(reduced_motion="reduce", **options)
            opened.append(own)
            return own
        visitors.clear_cookies()
        visitors.clear_permissions()
        visitors.pages[0].evaluate("localStorage.clear()")
        return visitors

    def open_one(
        query: str = "",
        address: str = app,
        *,
        settled: bool = True,
        viewport: ViewportSize = LAPTOP,
        color_scheme: str = "light",
        permissions: Sequence[str] = (),
        **options: object,
    ) -> Page:
        context = context_for(address, options)
        context.grant_permissions(permissions)
        page = context.new_page()
        opened.append(page)
        page.set_viewport_size(viewport)
        page.emulate_media(color_scheme=color_scheme)
        page.set_default_timeout(60_000)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda line: errors.append(line.text) if line.type == "error" else None)
        page.goto(f"{address}/?{query}")
        if settled:
            settle(page)
        return page

    yield open_one
    for one in reversed(opened):
        one.close()
    assert errors == []
