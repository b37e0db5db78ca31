"""The rooms of the package, and the one way that imports go between them."""

import ast
from pathlib import Path

import pytest

import vgg_viz
from vgg_viz.views import VIEWS

PACKAGE = Path(vgg_viz.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))

# Each may import from those before it, and from itself.
ROOMS = (
    "option",  # the one module of that name, and the version
    "downloads",
    "model",
    "image_io",
    "interpretability",
    "export",
    "",  # links, tours, samples, views
    "serving",
    "ui",  # nothing but the rooms in it
    "ui/state",
    "ui/widgets",
    "ui/parts",
    "ui/views",
    "ui/page",
)


def room(path: Path) -> str:
    """The room in which a module stands; a component's own folder is part of its room."""
    if path in (PACKAGE / "option.py", PACKAGE / "__init__.py"):
        return "option"
    folder = path.parent.relative_to(PACKAGE).as_posix().removeprefix(".")
    inside = [name for name in ROOMS if f"{folder}/".startswith(f"{name}/" * bool(name))]
    return max(inside, key=len)


def imported(path: Path) -> set[str]:
    """The full names of what a module imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def module(name: str) -> Path | None:
    """The module of ours that this name is, or is in; None if it is not ours."""
    parts = name.split(".")
    if parts[0] != "vgg_viz":
        return None
    for length in range(len(parts), 0, -1):
        place = PACKAGE.joinpath(*parts[1:length])
        for path in (place.with_suffix(".py") if length > 1 else place, place / "__init__.py"):
            if path.is_file():
                return path
    return None


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_imports_go_one_way(path):
    reached = {room(found) for name in imported(path) if (found := module(name))}
    allowed = ROOMS[: ROOMS.index(room(path)) + 1]
    assert reached <= set(allowed)


@pytest.mark.parametrize(
    "path",
    [path for path in MODULES if not room(path).startswith("ui")],
    ids=lambda path: path.name,
)
def test_streamlit_is_in_the_page_only_and_threads_are_not_in_the_core(path):
    roots = {name.split(".")[0] for name in imported(path)}
    assert "streamlit" not in roots
    if ROOMS.index(room(path)) < ROOMS.index("serving"):
        # Locks may be: Keras and Matplotlib have state of their own, which threads would confuse.
        assert "concurrent" not in roots
        assert "Thread(" not in path.read_text(encoding="utf-8")


def test_every_view_is_a_module_and_nothing_else_stands_among_them():
    views = {path.stem for path in (PACKAGE / "ui" / "views").glob("[!_]*.py")}
    assert views == {view.module for view in VIEWS.values()}


def test_all_modules_are_in_a_room():
    assert {room(path) for path in MODULES} == set(ROOMS)
    assert {path.name for path in (PACKAGE / "ui").glob("*.py")} == {"__init__.py"}


def test_packages_of_the_core_have_a_docstring_and_at_most_nine_modules():
    core = ROOMS[ROOMS.index("downloads") : ROOMS.index("")]
    for package in (file.parent for name in core for file in (PACKAGE / name).rglob("__init__.py")):
        inside = [*package.glob("[!_]*.py"), *package.glob("*/__init__.py")]
        assert len(inside) <= 9, package
        assert ast.get_docstring(ast.parse((package / "__init__.py").read_text(encoding="utf-8")))


def test_no_two_modules_have_one_name():
    names = [path.stem for path in MODULES if path.stem != "__init__"]
    assert {name for name in names if names.count(name) > 1} == set()


def test_whoever_takes_over_finds_every_module():
    guide = (PACKAGE.parent / "docs" / "contributing.md").read_text(encoding="utf-8")
    names = {path.name for path in MODULES} - {"__init__.py"}
    assert {name for name in names if f"{name}`" not in guide} == set()
