"""The line at the foot of the page: the version, and with ``?debug`` what the server takes."""

import sys
from types import ModuleType

import streamlit as st
from streamlit.runtime import Runtime, exists

from vgg_viz import __version__
from vgg_viz.ui.page import lecture

PARAMETER = "debug"
RESULTS = "vgg_viz.serving.results"


def show() -> None:
    """Show the line, as a caption; to be called at the end of a run."""
    # Asked of the modules there are: the first page stands before NumPy is imported.
    if lecture.is_on():
        return
    parts = measured(sys.modules.get(RESULTS)) if PARAMETER in st.query_params else []
    st.caption(" · ".join([f"VGG Viz {__version__}", *parts]))


def measured(results: ModuleType | None) -> list[str]:
    """Memory, caches, forward passes and viewers, as far as there is something to say of them.

    ``results`` is the module that has the shelves, or None where no view has needed it so far.
    """
    from vgg_viz.serving import memory

    limit = memory.limit_bytes()
    parts = [
        f"memory {megabytes(memory.resident_bytes())} MB, at most {megabytes(memory.peak_bytes())}"
        + (f" of {megabytes(limit)} MB" if limit else " MB")
    ]
    if results is not None:
        parts += shelved(results.shelves())
    viewers = viewer_count()
    return parts if viewers is None else [*parts, count(viewers, "viewer", "viewers")]


def shelved(shelves: object) -> list[str]:
    """How full the shelves are, and how often the network has run."""
    parts = []
    for name, words in (("values", "values"), ("drawn", "drawings")):
        shelf = getattr(shelves, name, None)
        if shelf is not None:
            used, most = megabytes(shelf.used_bytes), megabytes(shelf.max_bytes)
            parts.append(f"{words} {used} of {most} MB")
    turns = getattr(getattr(shelves, "forward_pass", None), "turns", 0)
    return [*parts, count(turns, "forward pass", "forward passes")]


def viewer_count() -> int | None:
    """How many browsers are connected; None outside of a server, as in a test."""
    if not exists():
        return None
    # Streamlit has no public way to ask.
    manager = getattr(Runtime.instance(), "_session_mgr", None)
    return manager.num_active_sessions() if hasattr(manager, "num_active_sessions") else None


def megabytes(size: int) -> str:
    """Bytes in whole millions."""
    return f"{size / 1e6:,.0f}"


def count(number: int, one: str, many: str) -> str:
    """A number with its noun."""
    return f"{number:,} {one if number == 1 else many}"
