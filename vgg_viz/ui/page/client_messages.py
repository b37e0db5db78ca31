"""Bounds of what a browser may send, and the order of messages from and to it.

Any client can send any message of Streamlit's protocol. Some act on the entire server, such as
``clear_cache``, and Streamlit enforces the length of a text field in the browser only.
"""

from functools import wraps
from urllib.parse import urlsplit

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.runtime.app_session import AppSession
from streamlit.runtime.forward_msg_queue import ForwardMsgQueue
from streamlit.runtime.scriptrunner_utils.script_requests import ScriptRequestType

from vgg_viz.export.formats import FORMATS
from vgg_viz.ui.page.partial_runs import narrowed

# Messages that the page itself sends; the others change or read the server.
KINDS = {
    "rerun_script",
    "stop_script",
    "app_heartbeat",
    "file_urls_request",
    "backend_operation_request",
}
OPERATIONS = {"deferred_file"}  # an exported file
# Of a page at the same time: all files of a menu. All viewers' exports share a few threads.
MOST_EXPORTS = len(FORMATS)
MOST_BYTES = 131_072  # of one widget's state; 200 files uploaded at once take about 100,000
MOST_LETTERS = 16_384  # of the URL and of its query string
MOST_WIDGETS = 1_000  # of a message; a page has up to 110
MOST_FILES = 1_000  # that are to be uploaded at once
# Beginnings of ids: widgets', and those of components' events. Streamlit takes others for keys of
# the session's state.
IDS = ("$$ID-", "$$STREAMLIT_INTERNAL_KEY_$$ID-")

_handle = AppSession.handle_backmsg
_clear = ForwardMsgQueue.clear


def prepare() -> None:
    """Make Streamlit handle only messages that are within the bounds, and lose no elements."""
    AppSession.handle_backmsg = _handle_bounded  # type: ignore[assignment, method-assign]
    ForwardMsgQueue.clear = _clear_for_whole_runs  # type: ignore[assignment, method-assign]


@wraps(_clear)
def _clear_for_whole_runs(
    queue: ForwardMsgQueue,
    retain_lifecycle_msgs: bool = False,
    fragment_ids_this_run: list[str] | None = None,
) -> None:
    """Clear a queue of messages to the browser, but keep all of them if a fragment is to run.

    Streamlit would drop the fragment's elements that the run before it made and that are not sent
    yet. Elements after or within them then have no place in the browser, and are lost with "Bad
    delta path index" or "'setIn' cannot be called".
    """
    if fragment_ids_this_run:
        queue._delta_index_map = {}  # what the fragment makes follows what is waiting
    else:
        _clear(queue, retain_lifecycle_msgs, fragment_ids_this_run)


@wraps(_handle)
def _handle_bounded(session: AppSession, message: BackMsg) -> None:
    bounded_message, runner = bounded(message), session._scriptrunner
    if bounded_message is None:
        return
    kind = bounded_message.WhichOneof("type")
    if kind == "backend_operation_request" and len(session._background_tasks) >= MOST_EXPORTS:
        session._enqueue_forward_msg(refusal(message))
        return
    fragment = bounded_message.rerun_script.fragment_id
    if fragment and not session.has_fragment(fragment):
        return  # as Streamlit does, which logs the id: any text of any length
    if kind == "rerun_script":
        bounded_message = narrowed(session, bounded_message)
    if runner is not None and runner._requests._state is ScriptRequestType.STOP:
        # The ended run's last elements wait in the event loop. Streamlit would drop them for the
        # run of a fragment, and the browser could not place the fragment's: "Bad delta path index".
        # The other messages wait too: a click must not overtake the request sent before it, whose
        # older values would undo it.
        session._event_loop.call_soon(_handle, session, bounded_message)
    else:
        _handle(session, bounded_message)


def refusal(message: BackMsg) -> ForwardMsg:
    """Return the answer to an export that is not begun; without one, its button stays disabled."""
    answer = ForwardMsg()
    answer.backend_operation_response.request_id = message.backend_operation_request.request_id
    answer.backend_operation_response.error_msg = "Too many exports at the same time"
    return answer


def bounded(message: BackMsg) -> BackMsg | None:
    """Return a message without what is out of bounds; None for one that the page never sends."""
    kind = message.WhichOneof("type")
    if kind not in KINDS:
        return None
    if kind == "backend_operation_request":
        operation = message.backend_operation_request.WhichOneof("payload")
        return message if operation in OPERATIONS else None
    if kind == "file_urls_request" and len(message.file_urls_request.file_names) > MOST_FILES:
        return None
    shorter = BackMsg()
    shorter.CopyFrom(message)
    if kind == "rerun_script":
        shorten(shorter.rerun_script)
    return shorter


def is_url(text: str) -> bool:
    """Return whether a text can be read as a URL, and is short enough."""
    try:
        urlsplit(text)
    except ValueError:
        return False
    return len(text) <= MOST_LETTERS


def shorten(state: ClientState) -> None:
    """Remove what is out of bounds: a widget keeps its last value, a URL opens the first page."""
    widgets = state.widget_states.widgets
    del widgets[MOST_WIDGETS:]
    kept = [one for one in widgets if one.id.startswith(IDS) and one.ByteSize() <= MOST_BYTES]
    del widgets[:]
    widgets.extend(kept)
    if len(state.query_string) > MOST_LETTERS:
        state.query_string = ""
    if not is_url(state.context_info.url):
        state.context_info.url = ""
