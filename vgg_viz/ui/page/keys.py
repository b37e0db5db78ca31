"""The page's keys beyond those that Streamlit ties to buttons: clickers' keys, Esc, scrolling.

Streamlit ties one key to a button, and its Esc would work in fields and open menus as well.
"""

from vgg_viz.ui.state import mode
from vgg_viz.ui.widgets import components


def listen() -> None:
    """Have the browser press the buttons that keys stand for."""
    components.registered("keys")(key="keys", data=bindings())


def bindings() -> dict[str, str]:
    """For each key the button that it presses; one that is not on the page leaves its key alone.

    A clicker's keys do what the arrow keys do: they go through the tour, else through the layers.
    """
    pressed: dict[str, str] = {}
    if mode.on_tour():
        pressed |= {"PageDown": "tour-next", "PageUp": "tour-back"}
    elif mode.in_lecture():
        pressed |= {"PageDown": "next-layer", "PageUp": "previous-layer"}
    if mode.in_lecture():
        pressed["Escape"] = "lecture-menu" if mode.controls_are_open() else "lecture-switch"
    return pressed
