"""Custom Streamlit components: their registration, and the data that Python sends to them.

A component is plain HTML, CSS and JavaScript in this folder. Streamlit takes a component's script
as one piece, so functions imported from other scripts are inserted into it. A component receives
one array of bytes, which the browser caches by hash, so that unchanged data is not sent again:

    header's length (uint32, little-endian) | header (JSON) | arrays and pictures

`vgg_viz.ui.state.component_values` reads the values that components send back.
"""

import json
import re
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st

FOLDER = Path(__file__).parent
IMPORT = re.compile(
    r'^import \{ (?P<names>[\w, ]+) \} from "\./(?P<module>\w+)\.js";$', re.MULTILINE
)
EXPORT = re.compile(r"^export (?!default)", re.MULTILINE)


@cache
def registered(name: str) -> Callable[..., object]:
    """Register the component made of this folder's files ``name.html``, ``.css`` and ``.js``."""
    html, css = (
        (FOLDER / f"{name}.{kind}").read_text(encoding="utf-8") for kind in ("html", "css")
    )
    return st.components.v2.component(f"vgg_viz.{name}", html=html, css=css, js=script(name))


def script(name: str) -> str:
    """Return the script ``name.js``, in which the code of imported scripts replaces its imports."""
    text = (FOLDER / f"{name}.js").read_text(encoding="utf-8")

    def imported(found: re.Match[str]) -> str:
        scope, names = EXPORT.sub("", script(found["module"])), found["names"]
        return f"const {{ {names} }} = (() => {{\n{scope}\nreturn {{ {names} }};\n}})();"

    return IMPORT.sub(imported, text)


def mount(name: str, key: str, data: bytes, on_pick: Callable[[], None] | None = None) -> None:
    """Show a custom component on the page."""
    calls = {"on_picked_change": on_pick} if on_pick else {}
    registered(name)(key=key, data=data, **calls)


def rerun() -> None:
    """Run the page again, as every callback does (widget callback)."""


def pack(header: Mapping[str, Any], *parts: bytes) -> bytes:
    """Pack a JSON header, and the arrays and pictures that it describes, into one byte array."""
    encoded = json.dumps(header, separators=(",", ":"), allow_nan=False).encode()
    # Padded, so that the following arrays are aligned.
    encoded += b" " * (-len(encoded) % 4)
    return b"".join([len(encoded).to_bytes(4, "little"), encoded, *parts])
