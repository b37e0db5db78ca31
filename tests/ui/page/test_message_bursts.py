"""Messages to the browser: together when the run is over, or after a time."""

import asyncio
from types import SimpleNamespace

import pytest
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.runtime.app_session import AppSession, AppSessionState
from streamlit.runtime.forward_msg_queue import ForwardMsgQueue

from vgg_viz.ui.page import message_bursts, process


class Session(SimpleNamespace):
    """A stand-in for a session, with its queue of messages."""

    __hash__ = object.__hash__  # as a session has it

    def enqueue(self, text: str) -> None:
        self._browser_queue.enqueue(ForwardMsg(script_finished=0, hash=text))

    def flush(self) -> list[str]:
        return [message.hash for message in AppSession.flush_browser_queue(self)]


@pytest.fixture
def session(monkeypatch):
    process.prepare()
    loop, asked = asyncio.new_event_loop(), []
    yield Session(
        _browser_queue=ForwardMsgQueue(),
        _event_loop=loop,
        _state=AppSessionState.APP_IS_RUNNING,
        _message_enqueued_callback=lambda: asked.append(True) or loop.stop(),
        asked=asked,
    )
    loop.close()


def test_the_messages_of_a_run_are_sent_together_when_it_is_over(session):
    session.enqueue("first")
    assert session.flush() == []
    session.enqueue("second")
    assert session.flush() == []
    session._state = AppSessionState.APP_NOT_RUNNING
    session.enqueue("third")
    assert session.flush() == ["first", "second", "third"]
    session.enqueue("later")
    assert session.flush() == ["later"]


def test_the_messages_of_another_viewers_run_are_sent_at_once_meanwhile(session):
    other = Session(**vars(session) | {"_browser_queue": ForwardMsgQueue()})
    session.enqueue("ours")
    other.enqueue("theirs")
    assert [session.flush(), other.flush()] == [[], ["theirs"]]
    session._state = AppSessionState.APP_NOT_RUNNING
    assert session.flush() == ["ours"]


def test_a_run_that_goes_on_sends_its_messages_after_a_time(session, monkeypatch):
    monkeypatch.setattr(message_bursts, "SECONDS", 0)
    for text in ("first", "second"):
        session.enqueue(text)
        assert session.flush() == []
        session._event_loop.run_forever()  # until the queue is asked for again
        assert session.flush() == [text]
    assert session.asked == [True, True]
