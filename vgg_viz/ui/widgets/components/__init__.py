"""Our own components: what Python sends them, and what comes back.

Each is plain HTML, CSS and JavaScript beside this file; what a script imports from its neighbors
is put into it here, since Streamlit takes a component's script as one piece. A component gets one
array of bytes, which the browser keeps by its hash, so that nothing is sent twice:

    header's length (uint32, little-endian) | header (JSON) | arrays and pictures

What comes back is a message from a browser: see `vgg_viz.ui.state.component_values`.
"""

import json
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import streamlit as st

FOLDER = Path(__file__).parent
IMPORT = re.compile(
    r'^import \{ (?P<names>[\w, ]+) \} from "\./(?P<module>\w+)\.js";$', re.MULTILINE
)
EXPORT = re.compile(r"^export (?!default)", re.MULTILINE)


@lru_cache(maxsize=8)
def registered(name: str) -> Callable[..., object]:
    """The component with that name, from its HTML, CSS and JavaScript; registered once."""
    html, css = (
        (FOLDER / f"{name}.{kind}").read_text(encoding="utf-8") for kind in ("html", "css")
    )
    return st.components.v2.component(f"vgg_viz.{name}", html=html, css=css, js=script(name))


def script(name: str) -> str:
    """The component's JavaScript, with what it imports in the place of its imports."""
    text = (FOLDER / f"{name}.js").read_text(encoding="utf-8")
    return IMPORT.sub(lambda found: imported(found["module"], found["names"]), text)


def imported(module: str, names: str) -> str:
    """What a script imports of another: from a scope of its own, so that no other names meet."""
    scope = EXPORT.sub("", script(module))
    return f"const {{ {names} }} = (() => {{\n{scope}\nreturn {{ {names} }};\n}})();"


def mount(name: str, key: str, data: bytes, on_pick: Callable[[], None] | None = None) -> None:
    """Show a component; ``on_pick`` is called when the visitor picks something in it."""
    calls = {"on_picked_change": on_pick} if on_pick else {}
    registered(name)(key=key, data=data, **calls)


def pack(header: Mapping[str, Any], *parts: bytes) -> bytes:
    """Put a header and what it describes into one array of bytes."""
    encoded = json.dumps(header, separators=(",", ":"), allow_nan=False).encode()
    # Padded, so that the arrays behind it are aligned.
    encoded += b" " * (-len(encoded) % 4)
    return b"".join([len(encoded).to_bytes(4, "little"), encoded, *parts])
