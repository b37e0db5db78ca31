"""The page's footer: its version and, with ``?debug``, the server's memory use."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st
from streamlit.runtime import Runtime, exists

from vgg_viz import __version__
from vgg_viz.serving import memory
from vgg_viz.ui.state import mode
from vgg_viz.ui.state.shared_instance import shared_if_created

if TYPE_CHECKING:
    from vgg_viz.serving.shared import Shared

PARAMETER = "debug"


def show() -> None:
    """Show the page's footer, at the end of a script run; lecture mode has none."""
    if mode.in_lecture():
        return
    parts = server_use(shared_if_created()) if PARAMETER in st.query_params else []
    st.caption(" · ".join([f"VGG Viz {__version__}", *parts]))


def server_use(shared: Shared | None) -> list[str]:
    """Return phrases on the server's memory, caches, network lock and viewers, as far as known.

    ``shared`` is the state shared by all viewers, or None if no view has needed it yet.
    """
    limit = memory.limit_bytes()
    of_limit = f" of {megabytes(limit)}" if limit else ""
    parts = [
        f"memory {megabytes(memory.taken_bytes())}{of_limit} MB",
        f"resident {megabytes(memory.resident_bytes())} MB",
        f"peak {megabytes(memory.peak_bytes())} MB",
    ]
    if shared is not None:
        parts += cache_use(shared)
    viewers = viewer_count()
    return parts if viewers is None else [*parts, count(viewers, "viewer", "viewers")]


def cache_use(shared: Shared) -> list[str]:
    """Return phrases on each cache's size and how often the network lock was held so far."""
    caches = {"cached values": shared.values, "cached drawings": shared.drawn}
    parts = [
        f"{name} {megabytes(cache.used_bytes)} of {megabytes(cache.max_bytes)} MB"
        for name, cache in caches.items()
    ]
    return [*parts, f"network lock held {count(shared.network_lock.hold_count, 'time', 'times')}"]


def viewer_count() -> int | None:
    """Return the number of connected browsers; None outside a Streamlit server, as in a test."""
    if not exists():
        return None
    # Streamlit has no public interface for this.
    manager = getattr(Runtime.instance(), "_session_mgr", None)
    count_sessions = getattr(manager, "num_active_sessions", None)
    return int(count_sessions()) if count_sessions else None


def megabytes(size: int) -> str:
    """Format a number of bytes as whole megabytes.

    >>> megabytes(1_234_567_890)
    '1,235'
    """
    return f"{size / 1e6:,.0f}"


def count(number: int, one: str, many: str) -> str:
    """Format a number with its noun in the singular or plural.

    >>> count(1, "viewer", "viewers")
    '1 viewer'
    """
    return f"{number:,} {one if number == 1 else many}"
