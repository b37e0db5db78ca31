"""The page's keys beyond those that Streamlit ties to buttons: clickers' keys, Esc, scrolling.

Streamlit ties one key to a button, and its Esc would work in fields and open menus as well.
"""

from vgg_viz.ui.page import lecture
from vgg_viz.ui.page import tour as touring
from vgg_viz.ui.widgets import components


def listen() -> None:
    """Have the browser press the buttons that keys stand for."""
    components.registered("keys")(key="keys", data=bindings())


def bindings() -> dict[str, str]:
    """For each key the button that it presses; one that is not on the page leaves its key alone.

    A clicker's keys do what the arrow keys do: they go through the tour, else through the layers.
    """
    pressed: dict[str, str] = {}
    if touring.is_on():
        pressed |= {"PageDown": "tour-next", "PageUp": "tour-back"}
    elif lecture.is_on():
        pressed |= {"PageDown": "next-layer", "PageUp": "previous-layer"}
    if lecture.is_on():
        pressed["Escape"] = "lecture-menu" if lecture.menu_is_open() else "lecture-switch"
    return pressed
