"""Sending of a run's messages to the browser in bursts.

Streamlit sends each element at once. The browser then draws the page anew for every few of them,
and the event loop that sends them takes turns with the thread that makes the next. Together they
take a quarter of the time of a move (``make bench``).
"""

from asyncio import TimerHandle
from functools import wraps
from weakref import WeakKeyDictionary

from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.runtime.app_session import AppSession, AppSessionState

SECONDS = 0.06  # that a message waits at most, while its run goes on; most runs are over before

_flush = AppSession.flush_browser_queue
# Of sessions whose messages wait; None once the time is over.
_waits: WeakKeyDictionary[AppSession, TimerHandle | None] = WeakKeyDictionary()


def prepare() -> None:
    """Make Streamlit send the messages of a run together once it is over, or every `SECONDS`."""
    AppSession.flush_browser_queue = _flush_burst  # type: ignore[assignment, method-assign]


@wraps(_flush)
def _flush_burst(session: AppSession) -> list[ForwardMsg]:
    """Return the messages to be sent now, and remove them from the queue (on the event loop)."""
    is_running = session._state is AppSessionState.APP_IS_RUNNING
    if is_running and session not in _waits and not session._browser_queue.is_empty():
        _waits[session] = session._event_loop.call_later(SECONDS, _end_wait, session)
    if is_running and _waits.get(session):
        return []
    if timer := _waits.pop(session, None):
        timer.cancel()
    return _flush(session)


def _end_wait(session: AppSession) -> None:
    _waits[session] = None
    if session._message_enqueued_callback:
        session._message_enqueued_callback()  # which asks for the queue once more
