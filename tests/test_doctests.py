"""Examples in docstrings of modules that import without TensorFlow and Streamlit."""

import doctest
import importlib

import pytest

import vgg_viz
from tests.support import REPOSITORY

MODULES = [
    path.relative_to(REPOSITORY).with_suffix("").as_posix().replace("/", ".")
    for path in sorted((REPOSITORY / vgg_viz.__name__).rglob("[!_]*.py"))
    if "ui" not in path.parts
]


@pytest.mark.parametrize("name", MODULES)
def test_examples_of_a_module_run(name):
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_core_has_examples():
    finder = doctest.DocTestFinder(exclude_empty=True)
    modules = [importlib.import_module(name) for name in MODULES]
    examples = [test for module in modules for test in finder.find(module) if test.examples]
    assert len(examples) >= 20
