"""The page in these tests shows networks of their own, and never reaches for the real weights."""

from collections.abc import Iterator

import pytest

from tests.support.pages import network_of
from tests.support.truth import StandIn, Truth


@pytest.fixture(autouse=True)
def stand_in() -> Iterator[None]:
    """What the page shows for ImageNet's network; tests may put another one in its place."""
    with network_of(StandIn()):
        yield


@pytest.fixture(scope="session")
def truth() -> Truth:
    return Truth()
