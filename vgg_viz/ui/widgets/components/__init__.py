"""Our own components: what Python sends them, and what comes back.

Each is plain HTML, CSS and JavaScript beside this file. A component gets one array of bytes,
which the browser keeps by its hash, so that nothing is sent twice:

    header's length (uint32, little-endian) | header (JSON) | arrays and pictures

What comes back is a message from a browser: see `vgg_viz.ui.state.picked`.
"""

import json
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import streamlit as st

FOLDER = Path(__file__).parent
ON_EVERY_PAGE = "address"  # what concerns the whole page comes with it


@lru_cache(maxsize=8)
def registered(name: str) -> Callable[..., object]:
    """The component with that name, from its HTML, CSS and JavaScript; registered once."""
    html, css, js = (
        (FOLDER / f"{name}.{kind}").read_text(encoding="utf-8") for kind in ("html", "css", "js")
    )
    if name == ON_EVERY_PAGE:
        js += (FOLDER / "translation.js").read_text(encoding="utf-8")
    return st.components.v2.component(f"vgg_viz.{name}", html=html, css=css, js=js)


def mount(name: str, key: str, payload: bytes, on_pick: Callable[[], None] | None = None) -> None:
    """Show a component; ``on_pick`` is called when the visitor picks something in it."""
    calls = {"on_picked_change": on_pick} if on_pick else {}
    registered(name)(key=key, data=payload, **calls)


def pack(header: Mapping[str, Any], *parts: bytes) -> bytes:
    """Put a header and what it describes into one array of bytes."""
    encoded = json.dumps(header, separators=(",", ":"), allow_nan=False).encode()
    # Padded, so that the arrays behind it are aligned.
    encoded += b" " * (-len(encoded) % 4)
    return b"".join([len(encoded).to_bytes(4, "little"), encoded, *parts])
