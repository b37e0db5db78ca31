"""The tab that a page is open in: the token of the viewer's uploads, which it holds and sends."""

from streamlit.testing.v1.element_tree import Element

from tests.load.widgets import TRIGGER_PREFIX, TRIGGER_SUFFIX
from tests.support.pages import Page, unpacked
from vgg_viz.ui.state import reloads


def tab_of(page: Page) -> Element:
    """Return the component that holds the token in the browser's tab."""
    return next(one for one in page.get("bidi_component") if one.key == reloads.COMPONENT)


def header(page: Page) -> dict:
    """Return what the page has told this component."""
    return unpacked(tab_of(page).proto.bytes)[0]


def token_of(page: Page) -> str:
    """Return the token that the browser has got."""
    return header(page)["token"]


def answer(page: Page, token: str) -> Page:
    """Send a token from the tab that the page is open in, as after a reload; return the page."""
    states = page._tree.get_widget_states()
    state = states.widgets.add(id=f"{TRIGGER_PREFIX}{tab_of(page).proto.id}{TRIGGER_SUFFIX}")
    state.json_trigger_value = f'[{{"event": "picked", "value": "{token}"}}]'
    return page._run(states)
