"""The values of the page's fields, one `View` for each viewer, in sync with the URL.

    link, Back, Forward --> adopt --+
    widget, click, key --> change --+--> requested --> effective --> widgets, URL, views

Requested values are stored as the viewer, link or tour gave them, even where the layer has fewer
maps. So after a small layer, a larger one shows as many maps as requested again. Widgets, URL and
views get the effective values, which are fitted to the layer and view. A tour step overrides the
picture only while the step is shown.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from functools import partial
from threading import local
from typing import Any, ParamSpec, TypeVar
from urllib.parse import urlsplit, urlunsplit
from weakref import ref

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.scriptrunner_utils.script_run_context import ScriptRunContext

from vgg_viz import links
from vgg_viz.fields import FIELDS, HERE, NEXT, OWN, Value
from vgg_viz.host_pictures import host_files
from vgg_viz.model.networks import own_files
from vgg_viz.option import Name
from vgg_viz.passed_on_links import Known, PassedOnLink, read_passed_on
from vgg_viz.tour_list import offered

KEY = "view-values"
MAX_KNOWN_URLS = 20
_HOSTS_NAMES: Known = {
    **dict.fromkeys(("picture", "other"), host_files),
    **dict.fromkeys(("network", "other_network"), own_files),
    "tour_name": offered,
}
Given = ParamSpec("Given")
Result = TypeVar("Result")


@dataclass
class View:
    """Values of all fields of the page, for one viewer."""

    # Values as last given by a link, a widget or a tour.
    requested: dict[str, Value] = field(default_factory=dict)
    # Values that a tour step shows instead of the requested ones.
    overrides: dict[str, Value] = field(default_factory=dict)
    # Requested values from before the URL was adopted.
    before: dict[str, Value] = field(default_factory=dict)
    # What the page shows: requested values and overrides, fitted to the layer and view.
    effective: dict[str, Value] = field(default_factory=partial(links.effective_values, {}))
    # Query parameters of the effective values, and their query string.
    parameters: Mapping[str, Sequence[str]] = field(default_factory=dict)
    address: str = ""
    # Query strings that the browser may still report, newest last.
    known_urls: list[str] = field(default_factory=list)
    # Fields that the viewer has changed since the URL was adopted.
    chosen: set[str] = field(default_factory=set)
    changed: bool = False  # whether any value has changed since the last script run
    # The adopted URL: what could not be read of it, and other programs' parameters.
    link: PassedOnLink = field(default_factory=PassedOnLink)
    # For each field, a sentence on typed text that could not be read.
    input_errors: dict[str, str] = field(default_factory=dict)
    # Number of the own picture shown last: links to other pictures leave it out.
    own: Value = None

    def fit(self) -> None:
        """Update the effective values from the requested values and overrides."""
        values = {"own": self.own, **self.requested, **self.overrides}
        self.effective = links.effective_values(values)
        self.parameters = links.address(self.effective)
        self.address = links.encode(self.parameters)

    def remember(self, address: str) -> None:
        """Remember that the browser has this query string, or will have it soon."""
        self.address = address
        others = [url for url in self.known_urls if url != address]
        self.known_urls = [*others, address][-MAX_KNOWN_URLS:]


# Values that a function reads which runs outside of the viewer's script runs.
_of_then: ContextVar[View | None] = ContextVar("values-of-then", default=None)


class _Known(local):
    """The view that this thread used last, and the script run that used it."""

    view: View

    def __init__(self) -> None:
        self.context: Callable[[], ScriptRunContext | None] = lambda: None


_known = _Known()


def sync() -> bool:
    """Sync the state with the URL; return whether the values were adopted from the URL.

    Call this before anything is shown. Values are adopted on the first visit, and when Back,
    Forward or an embedding page has changed the URL. Otherwise changed values are written into the
    URL.
    """
    view = _view()
    parameters = {name: st.query_params.get_all(name) for name in st.query_params}
    link = read_passed_on(parameters, _HOSTS_NAMES)
    query = links.encode(link.texts | link.unread)
    # A browser that has not received the last change yet still reports an earlier URL.
    expected = view.changed or query in view.known_urls
    goes_back = getattr(get_script_run_ctx(), "is_history_navigation", False)  # or forward
    adopts = not view.known_urls or goes_back or not expected
    view.link.others = link.others
    if adopts:
        _adopt(view, link)
        # Not rewritten: that would add an entry to the history that no action made.
        view.remember(query)
    elif query != view.address:
        _publish(view)
    view.changed = False
    return adopts


def value(key: str) -> Value:
    """Return the effective value of a field: what the page shows."""
    return _view().effective[key]


def choice(key: str, options: Mapping[Name, Any]) -> Name:
    """Return the effective value of a field as one of these options."""
    effective = value(key)
    return next(option for option in options if option == effective)


def number(key: str) -> int | None:
    """Return the effective value of a field if it is a number, else None."""
    effective = value(key)
    return effective if isinstance(effective, int) else None


def largest(key: str) -> int | None:
    """Return the largest number that a field can hold now; None for a field without numbers."""
    return links.upper_limit(key, _view().effective)


def is_on(key: str) -> bool:
    """Return whether a Boolean field is on."""
    return bool(value(key))


def was_chosen(key: str) -> bool:
    """Return whether the viewer set this field on the page, rather than by opening a link."""
    return key in _view().chosen


def with_values_of_now(function: Callable[Given, Result]) -> Callable[Given, Result]:
    """Return a function that reads the values of now, whenever and in whichever thread it runs.

    It is for exports. Outside of script runs, Streamlit has one state of default values for all
    viewers, and logs a warning whenever it is read.
    """
    view = replace(_view())

    def call(*args: Given.args, **kwargs: Given.kwargs) -> Result:
        token = _of_then.set(view)
        try:
            return function(*args, **kwargs)
        finally:
            _of_then.reset(token)

    return call


def shows_own_picture() -> bool:
    """Return whether the page shows the viewer's own picture, which no link includes."""
    other = value("other") if value("compare") == "picture" else None
    return OWN in (value("picture"), other)


def last_own() -> int | None:
    """Return the number of the own picture that the page shows or showed last, if any."""
    view = _view()
    own = view.effective["own"] or view.own
    return own if isinstance(own, int) else None


def has_changed() -> bool:
    """Return whether a value has changed that is not in the URL yet."""
    return _view().changed


def link_problems() -> list[str]:
    """Return a sentence on each part of the URL that could not be read."""
    return _view().link.problems


def beside_address() -> str:
    """Return the part of the opened URL that sets nothing: unreadable, or for other programs."""
    link = _view().link
    return links.encode(link.others | link.unread)


def input_error(key: str) -> str:
    """Return a sentence on the text that the viewer typed for a field, if it could not be read."""
    return _view().input_errors.get(key, "")


def refuse(key: str, problem: str) -> None:
    """Remember why the text that the viewer typed for a field could not be read."""
    _view().input_errors = {key: problem}


def link(*, without: Collection[str] = ()) -> str:
    """Return the query string of a link to the page as shown, except the fields ``without``."""
    parts = _view().parameters
    return links.encode({key: texts for key, texts in parts.items() if key not in without})


def url(*, without: Collection[str] = ()) -> str:
    """Return the URL of the page as shown, except the fields ``without``; see `link`.

    Streamlit removes the slash after a path prefix, without which a proxy may not find the page.
    """
    told = urlsplit(st.context.url or "")
    path, query = f"{told.path.rstrip('/')}/", link(without=without)
    return urlunsplit(told._replace(path=path, query=query, fragment=""))


def change(changes: Mapping[str, Value], *, overrides: Mapping[str, Value] | None = None) -> None:
    """Change values of fields as one entry of the browser's history (widget callback)."""
    view = _view()
    changes = ablation_after(changes, view.effective) | dict(changes)
    if changes.get("change", view.effective["change"]) != view.effective["change"]:
        changes = {"amount": None} | changes  # the usual one
    if overrides is None:
        overrides = {key: one for key, one in view.overrides.items() if key not in changes}
    view.overrides = dict(overrides)
    # The open tab stays, also when what opened it is gone, such as the last ablated map.
    open_tab = view.requested.get("tab") or view.effective["tab"]
    view.requested = view.requested | {"tab": open_tab} | dict(changes)
    view.own = changes.get("own", view.own)
    if view.requested.get("channel") is None:
        view.requested |= {"row": None, "column": None}
    view.chosen |= set(changes)
    view.changed = True
    view.link, view.input_errors = PassedOnLink(others=view.link.others), {}
    view.fit()


def named_fields() -> Collection[str]:
    """Return the names of the fields that the last opened URL sets."""
    return tuple(_view().requested)


def complete(values: Mapping[str, Value], *, overrides: Mapping[str, Value]) -> None:
    """Add the values of a tour step to those of a newly opened URL that names the step.

    A field that the step overrides keeps the value that the viewer requested before opening the
    URL.
    """
    view = _view()
    view.requested = view.requested | dict(values)
    for key in overrides:
        view.requested[key] = view.before.get(key, FIELDS[key].default)
    view.overrides = dict(overrides)
    address = view.address
    view.fit()
    view.address = address


def ablation_after(changes: Mapping[str, Value], shown: Mapping[str, Value]) -> dict[str, Value]:
    """Return how the ablation changes with the layer or the view.

    Numbers of ablated maps would be other maps of another layer. While maps of an earlier layer
    stay ablated, all layers after it are computed without them, in the same view.
    """
    layer, source = str(changes.get("layer", shown["layer"])), str(shown["ablated_in"])
    moves = layer != shown["layer"]
    leaves = source != HERE and changes.get("view", shown["view"]) != shown["view"]
    if moves and not leaves and layer == source:
        return {"ablated_in": HERE, "later_layer": NEXT}
    stays = source != HERE and layer in links.later_layer_options(source)
    if not leaves and (stays or not moves):
        return {}
    return {"ablated": (), "ablated_in": HERE, "later_layer": NEXT}


def _view() -> View:
    if of_then := _of_then.get():
        return of_then
    # A run asks for it 150 times, and each look-up locks the session.
    context = get_script_run_ctx(suppress_warning=True)
    if context is None or _known.context() is not context:
        if context:
            _known.context = ref(context)
        if KEY not in st.session_state:
            st.session_state[KEY] = View()
        _known.view = st.session_state[KEY]
    return _known.view


def _adopt(view: View, link: PassedOnLink) -> None:
    """Take over the values in the URL; fields that it does not name get their defaults."""
    view.own = link.values.get("own", view.own)
    view.link, view.before, view.requested = link, view.requested, link.values
    view.overrides, view.chosen, view.input_errors = {}, set(), {}
    view.fit()


def _publish(view: View) -> None:
    """Write the effective values into the URL, which adds an entry to the browser's history."""
    address = view.parameters
    st.query_params.from_dict({**address, **view.link.others, **address})
    view.remember(links.encode(address))
