"""Check of the values that a browser sends for widgets, before anything reads them.

Any client can send any value for any widget, and a browser that has not received a change yet sends
values of before. Streamlit raises an error for some of them, and replaces others by a default. Here
a widget keeps its last value instead.
"""

from functools import wraps
from typing import Any

from streamlit.proto.WidgetStates_pb2 import WidgetState, WidgetStates
from streamlit.runtime.state.common import WidgetMetadata, unpack_widget_state_value
from streamlit.runtime.state.session_state import Serialized, SessionState, Value, WStates

NUMBERS = {"int_value", "double_value"}  # of which a number field may send either
JSON = {"json_value", "json_trigger_value"}  # of the page's own components, which check it
FILES = "file_uploader_state_value"

_receive = SessionState.set_widgets_from_proto
_register = SessionState._set_widget_metadata


def prepare() -> None:
    """Make Streamlit drop values that are none of their widget's."""
    SessionState.set_widgets_from_proto = (  # type: ignore[method-assign]
        _receive_valid  # type: ignore[assignment]
    )
    SessionState._set_widget_metadata = (  # type: ignore[method-assign]
        _register_with_valid  # type: ignore[assignment]
    )


@wraps(_receive)
def _receive_valid(state: SessionState, sent: WidgetStates) -> None:
    _receive(state, sent)
    for widget in sent.widgets:
        drop_invalid(state._new_widget_state, widget.id)


@wraps(_register)
def _register_with_valid(state: SessionState, metadata: WidgetMetadata[Any]) -> None:
    _register(state, metadata)
    # A browser that reconnects to a restarted server sends values before there are widgets.
    drop_invalid(state._new_widget_state, metadata.id)


def drop_invalid(states: WStates, widget_id: str) -> None:
    """Read the value that was sent for a widget, if the widget is known; drop an invalid one."""
    sent, metadata = states.states.get(widget_id), states.widget_metadata.get(widget_id)
    if metadata is None or not isinstance(sent, Serialized):
        return
    try:
        states.states[widget_id] = Value(valid(sent.value, metadata))
    except Exception:  # of any kind, such as a RecursionError for JSON
        del states.states[widget_id]


def valid(sent: WidgetState, metadata: WidgetMetadata[Any]) -> Any:
    """Return the value that was sent for a widget; raise an error if it is none of the widget's."""
    kind, expected = sent.WhichOneof("value"), metadata.value_type
    if kind not in (None, expected) and not {kind, expected} <= NUMBERS:
        raise TypeError(f"expected {expected}, got {kind}")
    given = unpack_widget_state_value(sent)
    if expected == "json_value" and not isinstance(given, dict):
        raise TypeError(f"expected a JSON object, got {type(given)}")
    value = metadata.deserializer(given)
    if expected in JSON or isinstance(value, dict):  # what is selected in a chart is JSON, too
        return value
    # Streamlit reads a default from what is none of the widget's values.
    known = metadata.serializer(value)
    if expected == FILES:
        known, given = file_ids(known), file_ids(given)
    if known != given:
        raise ValueError(f"expected a value of {metadata.id}")
    return value


def file_ids(sent: Any) -> list[str]:
    """Return the ids of the files that are on the server, or that a browser names."""
    return [file.file_id for file in sent.uploaded_file_info] if sent else []
