"""Fixtures: Firefox and WebKit, each with a page of the app that must log no error."""

from collections.abc import Iterator

import pytest

from tests.engines import webdriver
from tests.engines.page import Page

ENGINES = {"firefox": webdriver.firefox, "webkit": webdriver.webkit}


@pytest.fixture(scope="session", params=ENGINES)
def engine(request, app, tmp_path_factory) -> Iterator[Page]:
    """Start one of the engines."""
    folder = tmp_path_factory.mktemp(request.param)
    with ENGINES[request.param](folder) as send:
        send("SetWindowRect", dict(webdriver.WINDOW))
        yield Page(send, app, folder)


@pytest.fixture
def page(engine) -> Iterator[Page]:
    yield engine
    assert engine.errors == []
