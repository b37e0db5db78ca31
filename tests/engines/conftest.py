"""Firefox and WebKit, each with a page of the app; no page may have met an error."""

from collections.abc import Iterator

import pytest

from tests.browser.conftest import app  # noqa: F401
from tests.engines import webdriver
from tests.engines.page import Page
from tests.support import REPOSITORY

ENGINES = {"firefox": webdriver.firefox, "webkit": webdriver.webkit}


@pytest.fixture(scope="session", params=ENGINES)
def engine(request, app, tmp_path_factory) -> Iterator[Page]:  # noqa: F811
    """One of the engines."""
    folder = tmp_path_factory.mktemp(request.param)
    try:
        with ENGINES[request.param](folder) as send:
            send("SetWindowRect", dict(webdriver.WINDOW))
            yield Page(send, app, folder)
    except webdriver.NotInstalled as reason:
        pytest.skip(str(reason))


@pytest.fixture
def page(engine, request) -> Iterator[Page]:
    """The page; leaves a picture of its end in ``build/engines``, for somebody to look at."""
    yield engine
    engine.screenshot(REPOSITORY / "build" / "engines" / f"{request.node.name}.png")
    assert engine.errors == []
