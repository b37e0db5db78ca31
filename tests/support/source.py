"""Syntax of the source, which several tests look through."""

import ast
from functools import cache
from pathlib import Path


@cache
def nodes(path: Path) -> list[ast.AST]:
    """Return a module and all parts of its syntax tree."""
    return [*ast.walk(ast.parse(path.read_text(encoding="utf-8")))]
