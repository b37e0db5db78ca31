"""Examples in docstrings."""

import doctest
import importlib

import vgg_viz
from tests.support import REPOSITORY

MODULES = [
    path.relative_to(REPOSITORY).with_suffix("").as_posix().replace("/", ".")
    for path in sorted((REPOSITORY / vgg_viz.__name__).rglob("[!_]*.py"))
    if "templates" not in path.parts
]


def test_examples_run():
    results = [doctest.testmod(importlib.import_module(name)) for name in MODULES]
    assert sum(result.failed for result in results) == 0
    assert sum(result.attempted for result in results) >= 90
