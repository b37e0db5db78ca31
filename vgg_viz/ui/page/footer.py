"""The line at the foot of the page: the version, and with ``?debug`` what the server takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st
from streamlit.runtime import Runtime, exists

from vgg_viz import __version__
from vgg_viz.serving import memory
from vgg_viz.ui.state import mode
from vgg_viz.ui.state.shared_instance import shared_so_far

if TYPE_CHECKING:
    from vgg_viz.serving.shared import Shared

PARAMETER = "debug"


def show() -> None:
    """Show the line, as a caption; to be called at the end of a run."""
    if mode.in_lecture():
        return
    parts = measured(shared_so_far()) if PARAMETER in st.query_params else []
    st.caption(" · ".join([f"VGG Viz {__version__}", *parts]))


def measured(shared: Shared | None) -> list[str]:
    """Memory, caches, forward passes and viewers, as far as there is something to say of them.

    ``shared`` is what viewers share, or None where no view has needed it so far.
    """
    limit = memory.limit_bytes()
    of_limit = f" of {megabytes(limit)}" if limit else ""
    parts = [
        f"memory {megabytes(memory.taken_bytes())}{of_limit} MB",
        f"with mapped files {megabytes(memory.resident_bytes())} MB, "
        f"at most {megabytes(memory.peak_bytes())} MB",
    ]
    if shared is not None:
        parts += used(shared)
    viewers = viewer_count()
    return parts if viewers is None else [*parts, count(viewers, "viewer", "viewers")]


def used(shared: Shared) -> list[str]:
    """How full the caches are, and how often the network has run."""
    caches = {"values": shared.values, "drawings": shared.drawn}
    parts = [
        f"{name} {megabytes(cache.used_bytes)} of {megabytes(cache.max_bytes)} MB"
        for name, cache in caches.items()
    ]
    return [*parts, count(shared.network_lock.taken, "forward pass", "forward passes")]


def viewer_count() -> int | None:
    """How many browsers are connected; None outside of a server, as in a test."""
    if not exists():
        return None
    # Streamlit has no public way to ask.
    manager = getattr(Runtime.instance(), "_session_mgr", None)
    count_sessions = getattr(manager, "num_active_sessions", None)
    return int(count_sessions()) if count_sessions else None


def megabytes(size: int) -> str:
    """Bytes in whole millions."""
    return f"{size / 1e6:,.0f}"


def count(number: int, one: str, many: str) -> str:
    """A number with its noun."""
    return f"{number:,} {one if number == 1 else many}"
