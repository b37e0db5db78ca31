"""Code that tests of several rooms share; no tests."""

from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]


def slow(*values):
    """Return parameters of a test, or tuples of several, with which only `make test-all` runs."""
    cases = [value if isinstance(value, tuple) else (value,) for value in values]
    return [pytest.param(*case, marks=pytest.mark.slow) for case in cases]
