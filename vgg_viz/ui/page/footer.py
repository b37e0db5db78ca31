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
    """Return phrases on the server's memory, caches, network lock and viewers, as far as known."""
    limit = memory.limit_bytes()
    of_limit = f" of {megabytes(limit)}" if limit else ""
    parts = [
        f"memory {megabytes(memory.taken_bytes())}{of_limit} MB",
        f"resident {megabytes(memory.resident_bytes())} MB",
        f"peak {megabytes(memory.peak_bytes())} MB",
    ]
    if shared is not None:
        for name, cache in {"values": shared.values, "drawings": shared.drawn}.items():
            used, most = megabytes(cache.used_bytes), megabytes(cache.max_bytes)
            parts.append(f"cached {name} {used} of {most} MB")
        parts.append(f"network lock held {shared.network_lock.hold_count:,} times")
    # Streamlit has no public interface for this; a test's mock of the server lacks it.
    if exists() and (sessions := getattr(Runtime.instance(), "_session_mgr", None)):
        parts.append(f"{sessions.num_active_sessions():,} viewers")
    return parts


def megabytes(size: int) -> str:
    """Format a number of bytes as whole megabytes.

    >>> megabytes(1_234_567_890)
    '1,235'
    """
    return f"{size / 1e6:,.0f}"
