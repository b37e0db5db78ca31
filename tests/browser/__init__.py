"""Tests in Chromium."""

from collections.abc import Mapping

import pytest

PHONE = {
    "viewport": {"width": 390, "height": 844},
    "has_touch": True,
    "is_mobile": True,
    "device_scale_factor": 3,
}


def cases(quick: Mapping[str, object], slow: Mapping[str, object]) -> list:
    """Return a test's parameters, each with its name as the id; mark the slow ones."""
    return [
        *(pytest.param(value, id=name) for name, value in quick.items()),
        *(pytest.param(value, id=name, marks=pytest.mark.slow) for name, value in slow.items()),
    ]
