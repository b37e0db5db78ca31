"""Widgets that show and change the page's fields.

A field gets a new widget, with a new key, when the page itself has changed what the widget shows:
its value, its range, or the labels of its options, which Streamlit's widgets send. A browser that
has not received the change yet keeps sending the old widget's value, which must not count as the
viewer's choice.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, cast

import streamlit as st

from vgg_viz.fields import FIELDS, Choice, LinkError, Numbers, Value
from vgg_viz.links import texts_of
from vgg_viz.ui.state import values

KEY = "field-widgets"
NO_LABELS: Mapping[Any, str] = MappingProxyType({})


@dataclass
class FieldWidgets:
    """The widgets of one field: how many there were, and what the newest shows."""

    content: object
    largest: int | None  # end of its range
    labels: Mapping[Any, str]  # of its options
    edition: int = 0
    # For the keys of the last two widgets, the value that each shows.
    shown: dict[str, object] = field(default_factory=dict)

    def renew(
        self, key: str, content: object, largest: int | None, labels: Mapping[Any, str]
    ) -> str:
        """Note what a widget is to show; return its key, a new one if that has changed."""
        relabeled = any(self.labels.get(name, label) != label for name, label in labels.items())
        self.edition += relabeled or (content, largest) != (self.content, self.largest)
        self.content, self.largest, self.labels = content, largest, labels
        # No other key contains "@"; "filters-3" is a grid of the Blocks view.
        newest = f"{key}@{self.edition}" if self.edition else key
        self.shown.pop(newest, None)
        self.shown[newest] = content
        for old in list(self.shown)[:-2]:
            del self.shown[old]
            st.session_state.pop(old, None)
        return newest


@dataclass
class Widgets:
    """All fields' widgets, for one viewer."""

    fields: dict[str, FieldWidgets] = field(default_factory=dict)
    # View whose widgets the browser has; empty while a run has not sent all of another view's.
    sent: Value = ""


def bind(
    key: str, largest: int | None = None, labels: Mapping[Any, str] = NO_LABELS
) -> dict[str, Any]:
    """Return keyword arguments for a Streamlit widget that bind it to a field.

    The range ends at ``largest``, or where the field's does. A value that came from the widget is
    not sent back to it, since the viewer may have pressed the next key already. But after a change
    of the view, a value that a late request brought says nothing of the browser's new widget.
    """
    widgets, content = _widgets(), _content(key, values.value(key))
    if widgets.sent != values.value("view"):
        widgets.sent = ""
    largest = largest or values.largest(key)
    if largest is not None and isinstance(content, int):
        content = min(content, largest)
    of_field = widgets.fields.setdefault(key, FieldWidgets(content, largest, labels))
    widget_key = of_field.renew(key, content, largest, labels)
    is_shown = widgets.sent and widget_key in st.session_state
    if not is_shown or st.session_state[widget_key] != content:
        st.session_state[widget_key] = content
    return {"key": widget_key, "on_change": _take, "args": (key, widget_key)}


def bind_options(key: str, labels: Mapping[Any, str]) -> dict[str, Any]:
    """Return keyword arguments that bind a widget with these options, by name, to a field."""
    options = {"options": list(labels), "format_func": labels.__getitem__}
    return options | bind(key, labels=labels)


def finish() -> None:
    """Note that the browser has all widgets of the current view, at the end of a run."""
    _widgets().sent = values.value("view")


def _take(key: str, widget_key: str) -> None:
    """Take over the new value of a field's widget (widget callback).

    A browser that has not received a widget's removal keeps sending the widget's value, which
    Streamlit reports as a change. Values of removed widgets are ignored.
    """
    of_field, content = _widgets().fields.get(key), st.session_state.get(widget_key)
    if of_field is None or of_field.shown.get(widget_key, content) == content:
        return
    if content is not None and content not in (of_field.labels or (content,)):
        return
    try:
        new = _read(key, content)
    except LinkError as error:
        if isinstance(FIELDS[key], Numbers):
            values.refuse(key, str(error))
        return  # the next run shows the last valid value
    of_field.shown[widget_key] = content
    if _content(key, new) == content:
        of_field.content = content
    values.change({key: new})


def _read(key: str, content: Any) -> Value:
    """Return the value of a field whose widget holds ``content``; a LinkError if it is invalid."""
    field_ = FIELDS[key]
    if isinstance(field_, Numbers):
        limit = values.largest(key) or field_.largest
        field_, content = replace(field_, largest=limit), content.strip() or None
    if content is None:
        # Streamlit lets a viewer empty a number field, and deselect a required option.
        return values.value(key) if isinstance(field_, Choice) else field_.default
    return field_.read(content if isinstance(content, list) else texts_of(content))


def _content(key: str, effective: Value) -> object:
    """Convert a field's effective value to the type that the field's widget holds."""
    if isinstance(FIELDS[key], Numbers):
        return ", ".join(map(str, effective or ()))  # type: ignore[arg-type]
    return list(effective) if isinstance(effective, tuple) else effective


def _widgets() -> Widgets:
    if KEY not in st.session_state:
        st.session_state[KEY] = Widgets()
    return cast(Widgets, st.session_state[KEY])
