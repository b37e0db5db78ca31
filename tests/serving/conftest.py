"""Fixtures for tests of what all viewers share."""

import pytest

from vgg_viz.serving import locks


@pytest.fixture(autouse=True)
def short_polls(monkeypatch):
    """Let waiting threads look ten times as often whether they may go on."""
    monkeypatch.setattr(locks, "POLL_SECONDS", 0.02)
