"""Code that tests of several rooms share; no tests."""

from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
