"""A browser, a server with a weights file, and pages that fail on any error they print."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.support.reading import settle
from tests.support.server import CHROMIUM, CHROMIUM_OPTIONS, running_app
from tests.support.truth import CheapDense
from tests.support.weights_files import write_full_weights
from vgg_viz.weights import UntrainedWeights

# The first to want a network waits for TensorFlow.
expect.set_options(timeout=60_000)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if not Path(CHROMIUM).exists():
        pytest.skip(f"needs Debian's Chromium at {CHROMIUM}")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_OPTIONS)
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


@pytest.fixture
def open_page(browser: Browser, app: str) -> Iterator[Callable[..., Page]]:
    """Open a page of the app; at the end none may have printed an error."""
    contexts, errors = [], []

    def open_one(
        query: str = "", address: str = app, *, settled: bool = True, **options: object
    ) -> Page:
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 720}, **options})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda line: errors.append(line.text) if line.type == "error" else None)
        page.goto(f"{address}/?{query}")
        if settled:
            settle(page)
        return page

    yield open_one
    for context in contexts:
        context.close()
    assert errors == []
