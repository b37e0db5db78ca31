"""Layers of the package, and the direction of imports between them."""

import ast
import re
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import vgg_viz
from tests.support.source import nodes
from vgg_viz.views import VIEWS

PACKAGE = Path(vgg_viz.__file__).parent
# Templates are scripts, not modules.
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if path.parent.name != "templates")

# Each may import from itself and those before it.
ROOMS = (
    "option",  # the module option.py, and the version
    "downloads",
    "model",
    "image_io",
    "interpretability",
    "export",
    "",  # links, tours, samples, views
    "serving",
    "ui",  # only its subpackages
    "ui/state",
    "ui/widgets",
    "ui/parts",
    "ui/views",
    "ui/page",
)


def room(path: Path) -> str:
    """Return the room of a module; a folder that is no room belongs to the one above it."""
    if path in (PACKAGE / "option.py", PACKAGE / "__init__.py"):
        return "option"
    folder = path.parent.relative_to(PACKAGE).as_posix().removeprefix(".")
    inside = [name for name in ROOMS if f"{folder}/".startswith(f"{name}/" * bool(name))]
    return max(inside, key=len)


@cache
def imported(path: Path) -> set[str]:
    """Return the full names that a module imports, also inside functions."""
    found = set()
    for node in nodes(path):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def module(name: str) -> Path | None:
    """Return the file of this package that a name refers to, or None for another package."""
    parts = name.split(".")
    if parts[0] != "vgg_viz":
        return None
    for length in range(len(parts), 0, -1):
        place = PACKAGE.joinpath(*parts[1:length])
        for path in (place.with_suffix(".py") if length > 1 else place, place / "__init__.py"):
            if path.is_file():
                return path
    return None


def test_imports_go_one_way():
    for path in MODULES:
        reached = {room(found) for name in imported(path) if (found := module(name))}
        assert reached <= set(ROOMS[: ROOMS.index(room(path)) + 1]), path


def test_no_modules_import_each_other():
    graph = {path: {module(name) for name in imported(path)} - {path, None} for path in MODULES}
    TopologicalSorter(graph).prepare()  # raises a CycleError


def test_only_ui_imports_streamlit_and_the_core_starts_no_threads():
    for path in MODULES:
        roots = {name.split(".")[0] for name in imported(path)}
        assert "streamlit" not in roots or room(path).startswith("ui"), path
        if ROOMS.index(room(path)) < ROOMS.index("serving"):
            # Locks are allowed: Keras and Matplotlib have global state.
            assert "concurrent" not in roots, path
            assert "Thread(" not in path.read_text(encoding="utf-8"), path


def test_views_and_modules_correspond():
    views = {path.stem for path in (PACKAGE / "ui" / "views").glob("[!_]*.py")}
    assert views == {f"{view}_view" for view in VIEWS}


def test_every_module_is_in_a_room():
    assert {room(path) for path in MODULES} == set(ROOMS)
    assert {path.name for path in (PACKAGE / "ui").glob("*.py")} == {"__init__.py"}


PACKAGES = [path.parent for path in MODULES if path.name == "__init__.py"][1:]


def modules_of(package: Path) -> list[str]:
    """Return the names of a package's modules and of the packages in it."""
    inside = [*package.glob("[!_]*.py"), *package.glob("*/__init__.py")]
    return [path.parent.name if path.name == "__init__.py" else path.stem for path in inside]


def test_packages_say_what_each_of_their_modules_does():
    for package in PACKAGES:
        text = ast.get_docstring(nodes(package / "__init__.py")[0])
        assert text, package
        named = set(re.findall(r"`([a-z_]+)`", text))
        one_of_a_kind = re.search(r"one module (a|for each) ", text.lower())
        assert one_of_a_kind or set(modules_of(package)) - {"state"} <= named, package


def test_packages_of_the_core_have_at_most_nine_modules():
    core = ROOMS[ROOMS.index("downloads") : ROOMS.index("")]
    for package in PACKAGES:
        if package.relative_to(PACKAGE).parts[0] in core:
            assert len(modules_of(package)) <= 9, package


def test_no_two_modules_have_one_name():
    names = [path.stem for path in MODULES if path.stem != "__init__"]
    assert {name for name in names if names.count(name) > 1} == set()
