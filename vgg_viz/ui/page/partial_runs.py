"""Runs of a part of the page for widgets that stand outside of it.

A widget runs the fragment that shows it, and the browser draws everything in that fragment again.
Most controls of a grid change nothing else in the sidebar: for them, the fragment with the grid is
enough.
"""

from contextlib import suppress
from weakref import WeakKeyDictionary

from streamlit.errors import StreamlitAPIException
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from streamlit.runtime.app_session import AppSession
from streamlit.runtime.state import SessionState

from vgg_viz.ui.page.sent_values import valid

PART = "moves"  # key of the fragment with the grid
# Fields whose controls in the sidebar no other control depends on.
FIELDS = ("maps", "order", "scale", "colors")

FILES = "file_uploader_state_value"

# For each session, the last value that the browser sent for every widget, as a hash.
_sent: WeakKeyDictionary[AppSession, dict[str, int]] = WeakKeyDictionary()


def narrowed(session: AppSession, message: BackMsg) -> BackMsg:
    """Return a message that runs only the fragment with the grid if only its controls changed.

    This is an optimization: where another control has changed after all, that fragment runs the
    whole page.
    """
    changed = changed_fields(session, message)
    if not message.rerun_script.fragment_id or not changed or not changed <= {*FIELDS}:
        return message
    with suppress(StreamlitAPIException):  # in another view, or in a comparison
        (fragment_id,) = session._fragment_storage.resolve_target(PART)
        narrow = BackMsg()
        narrow.CopyFrom(message)
        narrow.rerun_script.fragment_id = fragment_id
        return narrow
    return message


def changed_fields(session: AppSession, message: BackMsg) -> set[str]:
    """Return the fields whose widgets have changed since the last request of a session."""
    widgets = message.rerun_script.widget_states.widgets
    before = _sent.get(session, {})
    values = {widget.id: hash(widget.SerializeToString(deterministic=True)) for widget in widgets}
    _sent[session] = values
    return {
        key_of(widget.id).partition("@")[0]  # the field
        for widget in widgets
        if values[widget.id] != before.get(widget.id) and has_changed(session.session_state, widget)
    }


def has_changed(state: SessionState, widget: WidgetState) -> bool:
    """Return whether a widget's value differs from the server's; True if that cannot be read."""
    if widget.WhichOneof("value") == FILES:  # read only in a run; Streamlit logs a warning else
        return True
    try:
        metadata = state._new_widget_state.widget_metadata[widget.id]
        value = valid(widget, metadata)  # Streamlit logs a traceback for some others
        return bool(value != state[key_of(widget.id)])
    except Exception:  # of any kind, since a browser may send anything
        return True


def key_of(widget_id: str) -> str:
    """Return the key of a widget, given its id.

    >>> key_of("$$ID-6a1c88bfbd344a8e-scale@3"), key_of("$$ID-6a1c88bfbd344a8e-maps-mosaic")
    ('scale@3', 'maps-mosaic')
    """
    return widget_id.split("-", 2)[-1]
