"""The page's keys: one list, by which buttons get theirs and visitors are told.

What scripts do with keys themselves, in a grid for example, stands here as well.
"""

from collections.abc import Collection
from typing import NamedTuple

PAGE = "On the page"
LECTURE = "In lecture mode"
TOUR = "On a tour"
GRID = "In a grid (Tab goes there)"
MAP = "In the map of the inspector"
DIAGRAM = "In the diagram"
PLACES = (PAGE, LECTURE, TOUR, GRID, MAP, DIAGRAM)

ARROWS = ("ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown")
# Those that Streamlit ties to buttons, in its words. Its Esc would work in fields and menus, too.
STREAMLITS = {"ArrowLeft": "Left", "ArrowRight": "Right", "l": "L", "m": "M"}
WORDS = {
    **{"ArrowLeft": "←", "ArrowRight": "→", "ArrowUp": "↑", "ArrowDown": "↓"},
    **{" ": "Space", "Escape": "Esc", "PageUp": "Page up", "PageDown": "Page down"},
}


class Key(NamedTuple):
    """Keys that do the same.

    place: where they do it.
    names: what browsers call them.
    words: what they do.
    button: the key of the button that they press, if it is one.
    """

    place: str
    names: tuple[str, ...]
    words: str
    button: str = ""


KEYS = (
    Key(PAGE, ("?",), "this list", "key-list"),
    Key(PAGE, ("l",), "lecture mode on and off", "lecture-switch"),
    Key(PAGE, (" ", "PageUp", "PageDown", "Home", "End", "ArrowUp", "ArrowDown"), "scroll"),
    # A clicker has the page keys.
    Key(LECTURE, ("ArrowRight", "PageDown"), "the next layer", "next-layer"),
    Key(LECTURE, ("ArrowLeft", "PageUp"), "the layer before", "previous-layer"),
    Key(LECTURE, ("m",), "show or hide all controls", "lecture-menu"),
    Key(LECTURE, ("Escape",), "close the map, then the controls; then leave", "lecture-switch"),
    Key(TOUR, ("ArrowRight", "PageDown"), "the answer, or the next step", "tour-next"),
    Key(TOUR, ("ArrowLeft", "PageUp"), "the step before", "tour-back"),
    Key(GRID, ARROWS, "from tile to tile; over a photograph, with Shift, from place to place"),
    Key(GRID, ("Home", "End"), "the first and the last tile"),
    Key(GRID, ("Enter", " "), "choose the tile"),
    Key(GRID, ("Escape",), "leave the grid"),
    Key(MAP, ARROWS, "from position to position"),
    Key(MAP, ("Enter",), "where the value there comes from"),
    Key(DIAGRAM, ("Enter", " "), "open the layer"),
)


def shortcut(button: str) -> str:
    """The key that Streamlit ties to the button, in its words."""
    names = (name for key in KEYS if key.button == button for name in key.names)
    return next(STREAMLITS[name] for name in names if name in STREAMLITS)


def bindings(places: Collection[str]) -> dict[str, str]:
    """For each further key the button that it presses in these places; the last one decides."""
    return {
        name: key.button
        for place in places
        for key in KEYS
        if key.place == place and key.button
        for name in key.names
        if name not in STREAMLITS
    }


def markdown() -> str:
    """The list as visitors read it, in Markdown."""
    parts = []
    for place in PLACES:
        lines = [f"- {key_caps(key.names)} {key.words}" for key in KEYS if key.place == place]
        parts.append("\n".join([f"**{place}**\n", *lines]))
    return "\n\n".join(parts)


def key_caps(names: Collection[str]) -> str:
    """Keys as they stand on a keyboard."""
    upper = (name.upper() if len(name) == 1 else name for name in names)
    return " ".join(f"`{WORDS.get(name, name)}`" for name in upper)
