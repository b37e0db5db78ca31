"""The view's values, kept once for each visitor; widgets, address and history are told of them.

    link, Back, Forward --> adopt --+
    widget, click, key --> change --+--> values --> fitted --> widgets, address, views

What was wished for stays as it was said: a layer with fewer maps shows as many as it has, and the
next larger one shows again what was asked for. Everything else, the address included, is told
what is shown. A tour's step lends the page a picture; the visitor's own choice comes back after it.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from types import MappingProxyType
from typing import Any, TypedDict

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from vgg_viz import links
from vgg_viz.links import FIELDS, OWN, LinkError, Numbers, Several, Value
from vgg_viz.option import Name

KEY = "view-values"
KEPT = "debug"  # in the address, for whoever hosts the page
RECENT = 20  # addresses that a browser may still name when it does not know the newest


@dataclass
class View:
    """One visitor's values.

    requested: what was said last.
    overrides: what a step of a tour shows instead.
    before: what was wished for before the address was taken over.
    effective: what the page makes of all that.
    address: what says it, as far as the browser knows or will know.
    known_urls: the addresses that a browser may still believe in, the newest last.
    chosen: the names of what was changed since the address was taken over.
    changed: whether anything was changed since the last run.
    problems: what was not understood of the address.
    input_errors: what was not understood of what was written into the field of a name.
    editions: how often the page, not its widget, changed the value of a name, or its range.
    widgets: its last two widgets' keys, and what each of them shows.
    """

    requested: dict[str, Value] = field(default_factory=dict)
    overrides: dict[str, Value] = field(default_factory=dict)
    before: dict[str, Value] = field(default_factory=dict)
    effective: dict[str, Value] = field(default_factory=partial(links.fitted, {}))
    address: str = ""
    known_urls: list[str] = field(default_factory=list)
    chosen: set[str] = field(default_factory=set)
    changed: bool = False
    problems: list[str] = field(default_factory=list)
    input_errors: dict[str, str] = field(default_factory=dict)
    editions: dict[str, int] = field(default_factory=dict)
    widgets: dict[str, dict[str, object]] = field(default_factory=dict)

    def fit(self, said: Mapping[str, Value] = MappingProxyType({})) -> None:
        """Work out what is shown; ``said`` is what a widget shows already."""
        before, self.effective = self.effective, links.fitted(self.requested | self.overrides)
        for key, now in self.effective.items():
            ranges = [links.largest(key, values) for values in (before, self.effective)]
            if self.known_urls and (now != said.get(key, before[key]) or ranges[0] != ranges[1]):
                self.editions[key] = self.editions.get(key, 0) + 1
        self.address = links.encode(links.address(self.effective))

    def tell(self, address: str) -> None:
        """Note that the browser has that address, or will have it."""
        self.address = address
        self.known_urls = [*[one for one in self.known_urls if one != address], address][-RECENT:]


class Binding(TypedDict):
    """What ties a widget to a value: arguments for any of Streamlit's."""

    key: str
    on_change: Callable[[str, str], None]
    args: tuple[str, str]


def sync() -> bool:
    """Begin a run: take over a new address, and tell the browser of new values.

    To be called before anything is shown. Returns whether an address was taken over: at the first
    visit, and where Back, Forward or the page around this one brought another.
    """
    view = _view()
    given = links.encode(_given())
    # A browser that has not heard of the last change yet names an address of before.
    adopts = (
        not view.known_urls
        or _went_through_history()
        or not (view.changed or given in view.known_urls)
    )
    if adopts:
        _adopt(view)
        # Left as it came: to write it anew would be a step of the history that nobody made.
        view.tell(given)
    elif given != view.address:
        _publish(view)
    view.changed = False
    return adopts


def value(key: str) -> Value:
    """What the page shows of the field of that name."""
    return _view().effective[key]


def choice(key: str, options: Mapping[Name, Any]) -> Name:
    """The one of these options that the page shows of the field of that name."""
    shown = value(key)
    return next(option for option in options if option == shown)


def number(key: str) -> int | None:
    """The number that the page shows under that name, or None."""
    shown = value(key)
    return shown if isinstance(shown, int) else None


def is_on(key: str) -> bool:
    """Whether the switch of that name is on."""
    return bool(value(key))


def was_chosen(key: str) -> bool:
    """Whether the visitor has chosen that value here, rather than come to it by an address."""
    return key in _view().chosen


def shows_own_picture() -> bool:
    """Whether the page shows a picture of the visitor's own, which no link carries."""
    other = value("other") if value("compare") == "picture" else None
    return OWN in (value("picture"), other)


def has_changed() -> bool:
    """Whether something was changed that the address does not say yet."""
    return _view().changed


def link_problems() -> list[str]:
    """What was not understood of the address, a sentence each, until something is changed."""
    return _view().problems


def input_error(key: str) -> str:
    """What was not understood of what was just written there, a sentence, or nothing."""
    return _view().input_errors.get(key, "")


def link(*, without: Collection[str] = ()) -> str:
    """The part of a link behind its question mark that shows what the page shows."""
    parts = links.address(_view().effective)
    return links.encode({key: texts for key, texts in parts.items() if key not in without})


def change(changes: Mapping[str, Value], *, overrides: Mapping[str, Value] | None = None) -> None:
    """Change values in one step of the browser's history (widget callback).

    Args:
        changes: all fields that the viewer's action changes.
        overrides: fields that a tour step shows instead of the viewer's choice; an empty mapping
            removes the overrides, None keeps them.
    """
    _change(changes, overrides, said={})


def named_fields() -> Collection[str]:
    """The names that the address which was taken over last has said something of."""
    return tuple(_view().requested)


def complete(values: Mapping[str, Value], *, overrides: Mapping[str, Value]) -> None:
    """Complete an address that was just taken over by what the step of a tour in it means.

    What the step lends was not chosen by the visitor, whose choice is what it was before.
    """
    view = _view()
    view.requested = view.requested | dict(values)
    for key in overrides:
        view.requested[key] = view.before.get(key, FIELDS[key].default)
    view.overrides = dict(overrides)
    told = view.address
    view.fit()
    view.address = told


def bind(key: str) -> Binding:
    """Bind a widget to the value of that name.

    A value that the page has changed itself gets a new widget, as one with another range does: a
    browser that has not heard of the change yet goes on to send what the old one shows, and that
    must not be taken for what the visitor wants. What a widget has said itself is not sent back to
    it: by then the next key may have made more of it.
    """
    view = _view()
    edition = view.editions.get(key, 0)
    # No other key has this sign: "filters-3" is a grid of the Blocks view.
    own = f"{key}@{edition}" if edition else key
    held = _held(key, view.effective[key])
    _remember(view.widgets.setdefault(key, {}), own, held)
    if own not in st.session_state or st.session_state[own] != held:
        st.session_state[own] = held
    return {"key": own, "on_change": _take, "args": (key, own)}


def _remember(widgets: dict[str, object], own: str, held: object) -> None:
    """Note what a widget shows, and let go of those of before but the last."""
    widgets.pop(own, None)
    widgets[own] = held
    for old in list(widgets)[:-2]:
        del widgets[old]
        st.session_state.pop(old, None)


def _held(key: str, shown: Value) -> object:
    """A value as widgets hold it."""
    field_ = FIELDS[key]
    if isinstance(field_, Numbers):
        return ", ".join(field_.write(shown)[0].split(","))
    return list(shown) if isinstance(shown, tuple) else shown


def _take(key: str, own: str) -> None:
    """Take over what was just chosen in a widget.

    A browser that has not heard of a widget's end goes on to say what it showed, which Streamlit,
    for whom it is gone, takes for a change.
    """
    widgets, chosen = _view().widgets.get(key, {}), st.session_state.get(own)
    if own not in widgets or widgets[own] == chosen:
        return
    widgets[own] = chosen
    value_, field_ = chosen, FIELDS[key]
    if isinstance(field_, Numbers):
        _write(key, field_, str(chosen or ""))
        return
    if isinstance(field_, Several):
        value_ = tuple(name for name in field_.options if name in (chosen or ()))
    elif chosen is None:
        # Streamlit lets a required choice be taken back; an emptied number is none.
        value_ = field_.default
    _change({key: value_}, None, said={key: value_} if _held(key, value_) == chosen else {})


def _write(key: str, field_: Numbers, text: str) -> None:
    """Take over numbers that were just written, or say what is wrong with them."""
    view = _view()
    field_ = replace(field_, largest=links.largest(key, view.effective) or field_.largest)
    try:
        numbers = field_.read([text]) if text.strip() else field_.default
    except LinkError as error:
        view.input_errors = {key: str(error)}
        return
    _change({key: numbers}, None, said={key: numbers} if _held(key, numbers) == text else {})


def _change(
    changes: Mapping[str, Value], overrides: Mapping[str, Value] | None, said: Mapping[str, Value]
) -> None:
    view = _view()
    if changes.get("layer", view.effective["layer"]) != view.effective["layer"]:
        # Another layer's maps of these numbers are other maps.
        let_go: dict[str, Value] = {"ablated": (), "later_layer": links.NEXT}
        changes = let_go | dict(changes)
    view.overrides = {key: one for key, one in view.overrides.items() if key not in changes}
    if overrides is not None:
        view.overrides = dict(overrides)
    view.requested = view.requested | dict(changes)
    if view.requested.get("channel") is None:
        view.requested |= {"row": None, "column": None}
    view.chosen |= set(changes)
    view.changed = True
    view.problems, view.input_errors = [], {}
    view.fit(said)


def _view() -> View:
    if KEY not in st.session_state:
        st.session_state[KEY] = View()
    view: View = st.session_state[KEY]
    return view


def _given() -> dict[str, list[str]]:
    """What the browser's address says, what is not ours left out."""
    return {key: st.query_params.get_all(key) for key in st.query_params if key != KEPT}


def _went_through_history() -> bool:
    context = get_script_run_ctx()
    return context is not None and getattr(context, "is_history_navigation", False)


def _adopt(view: View) -> None:
    """Take over the address whole: what it does not name has its default."""
    try:
        texts = links.parts(links.encode(_given()))
        said, view.problems = links.understand(texts, cuts=True)
    except LinkError as error:
        said, view.problems = {}, [str(error)]
    view.before, view.requested, view.overrides, view.chosen = view.requested, said, {}, set()
    view.input_errors = {}
    view.fit()


def _publish(view: View) -> None:
    """Write what is shown into the address, which is one step of the history."""
    address = links.address(view.effective)
    kept = {KEPT: st.query_params.get_all(KEPT)} if KEPT in st.query_params else {}
    st.query_params.from_dict(address | kept)
    view.tell(links.encode(address))
