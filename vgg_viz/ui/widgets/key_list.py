"""List of all keyboard shortcuts, from which buttons get their keys and viewers the help text.

It also lists keys that components handle themselves, such as the arrow keys in a grid.
"""

from collections.abc import Collection
from typing import NamedTuple

PAGE = "On the page"
LECTURE = "In lecture mode"
TOUR = "On a tour"
GRID = "In a grid (press Tab to go there)"
MAP = "In the inspector's map"
DIAGRAM = "In the diagram"
BARS = "In bars of the layers (press Tab to go there)"
PHOTOGRAPH = "In the photograph with a covered square"
CONTEXTS = (PAGE, LECTURE, TOUR, GRID, MAP, DIAGRAM, BARS, PHOTOGRAPH)

ARROWS = ("ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown")
# Keys that Streamlit ties to buttons, by its names. Its Esc would also work in fields and menus.
STREAMLIT_KEYS = {"ArrowLeft": "Left", "ArrowRight": "Right", "l": "L", "m": "M"}
CAPS = {
    **{"ArrowLeft": "←", "ArrowRight": "→", "ArrowUp": "↑", "ArrowDown": "↓"},
    **{" ": "Space", "Escape": "Esc", "PageUp": "Page up", "PageDown": "Page down"},
}


class Key(NamedTuple):
    """One entry of the shortcut list: keys that have the same action."""

    context: str  # heading under which the entry is listed, such as "On a tour"
    names: tuple[str, ...]  # names of the keys, as in a browser's `KeyboardEvent.key`
    action: str  # description of the action
    button: str = ""  # Streamlit key of the button that these keys press; empty if they press none


KEYS = (
    Key(PAGE, ("?",), "this list", "key-list"),
    Key(PAGE, ("l",), "lecture mode on or off", "lecture-switch"),
    Key(PAGE, (" ", "PageUp", "PageDown", "Home", "End", "ArrowUp", "ArrowDown"), "scroll"),
    # Presenters have the page keys.
    Key(LECTURE, ("ArrowRight", "PageDown"), "next layer", "next-layer"),
    Key(LECTURE, ("ArrowLeft", "PageUp"), "previous layer", "previous-layer"),
    Key(LECTURE, ("m",), "show or hide the controls", "lecture-menu"),
    Key(LECTURE, ("Escape",), "close the map, then the controls, then leave", "lecture-switch"),
    Key(TOUR, ("ArrowRight", "PageDown"), "answer or next step", "tour-next"),
    Key(TOUR, ("ArrowLeft", "PageUp"), "previous step", "tour-back"),
    Key(GRID, ARROWS, "move between tiles; in a heatmap overlay, with Shift, between positions"),
    Key(GRID, ("Home", "End"), "first or last tile"),
    Key(GRID, ("Enter", " "), "choose the tile"),
    Key(GRID, ("Escape",), "leave the grid"),
    Key(MAP, ARROWS, "move between positions"),
    Key(MAP, ("Enter",), "explain the value at this position"),
    Key(DIAGRAM, ("Enter", " "), "open the layer, or the choice of a picture"),
    Key(BARS, ("ArrowLeft", "ArrowRight"), "move between bars"),
    Key(BARS, ("Home", "End"), "first or last bar"),
    Key(BARS, ("Enter", " "), "open the layer"),
    Key(PHOTOGRAPH, ARROWS, "move the square"),
)


def shortcut(button: str) -> str:
    """Return the keyboard shortcut of a button, in Streamlit's notation.

    >>> shortcut("tour-next")
    'Right'
    """
    names = (name for key in KEYS if key.button == button for name in key.names)
    return next(STREAMLIT_KEYS[name] for name in names if name in STREAMLIT_KEYS)


def bindings(contexts: Collection[str]) -> dict[str, str]:
    """Return which button each key presses, for keys that Streamlit cannot bind to buttons."""
    return {
        name: key.button
        for context in contexts
        for key in KEYS
        if key.context == context and key.button
        for name in key.names
        if name not in STREAMLIT_KEYS
    }


def markdown() -> str:
    """Return the list of all keyboard shortcuts in Markdown, one section per context."""
    parts = []
    for context in CONTEXTS:
        lines = [f"- {key_caps(key.names)} {key.action}" for key in KEYS if key.context == context]
        parts.append("\n".join([f"**{context}**\n", *lines]))
    return "\n\n".join(parts)


def key_caps(names: Collection[str]) -> str:
    """Format names of keys as labeled on a keyboard, in Markdown.

    >>> key_caps(("l", "ArrowLeft"))
    '`L` `←`'
    """
    upper = (name.upper() if len(name) == 1 else name for name in names)
    return " ".join(f"`{CAPS.get(name, name)}`" for name in upper)
