"""Sending of a run's messages to the browser in bursts.

Streamlit sends each element at once. The browser then draws the page anew for every few of them,
and the event loop that sends them takes turns with the thread that makes the next. Both take a
fifth of the time until a clicked map is shown (docs/performance.md).
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
    """Make Streamlit send a run's messages together when it is over, or every `SECONDS`."""
    AppSession.flush_browser_queue = _flush_burst  # type: ignore[assignment, method-assign]


@wraps(_flush)
def _flush_burst(session: AppSession) -> list[ForwardMsg]:
    """Return the messages to be sent now, and remove them from the queue (on the event loop)."""
    is_running = session._state is AppSessionState.APP_IS_RUNNING
    # Sending a whole burst keeps the other viewers waiting, so only one gathers at a time.
    is_free = session not in _waits and not any(_waits.values())
    if is_running and is_free and not session._browser_queue.is_empty():
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
