"""Bounds for what a browser may send."""

import asyncio
from unittest.mock import Mock, call

import pytest
import streamlit as st
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.Element_pb2 import Element
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from streamlit.runtime.app_session import AppSession
from streamlit.runtime.forward_msg_queue import ForwardMsgQueue
from streamlit.runtime.scriptrunner_utils.script_requests import ScriptRequestType

from tests.load.widgets import Widget, triggered
from vgg_viz.ui.page import client_messages, process
from vgg_viz.ui.page.client_messages import (
    MOST_BYTES,
    MOST_EXPORTS,
    MOST_FILES,
    MOST_LETTERS,
    MOST_WIDGETS,
    bounded,
)
from vgg_viz.ui.state.shared_instance import shared


def rerun(*states: WidgetState, query: str = "view=maps") -> BackMsg:
    message = BackMsg()
    message.rerun_script.query_string = query
    message.rerun_script.widget_states.widgets.extend(states)
    return message


def operation(name: str) -> BackMsg:
    message = BackMsg()
    getattr(message.backend_operation_request, name).SetInParent()
    return message


def request_for_files(count: int) -> BackMsg:
    message = BackMsg()
    message.file_urls_request.file_names.extend([""] * count)
    return message


@pytest.fixture
def handled(monkeypatch: pytest.MonkeyPatch) -> Mock:
    """Return what takes the messages that are let through."""
    handled = Mock()
    monkeypatch.setattr(client_messages, "_handle", handled)
    process.prepare()
    return handled


LAYER = WidgetState(id="$$ID-1-layer", string_value="7 · block3_conv3")
TOO_LONG = [
    WidgetState(id="$$ID-1-ablated", string_value="217," * (MOST_BYTES // 4)),
    WidgetState(id="$$ID-1-mosaic", json_trigger_value="[" * MOST_BYTES),
    WidgetState(id="$$ID-1-blocks", string_array_value={"data": ["1"] * (MOST_BYTES // 3)}),
    WidgetState(id="$$ID-1-maps", double_array_value={"data": [1.0] * (MOST_BYTES // 8)}),
]


@pytest.mark.parametrize("state", TOO_LONG, ids=lambda state: state.id)
def test_a_value_that_is_too_long_is_dropped_and_the_others_stay(state):
    sent = rerun(state, LAYER)
    assert bounded(sent) == rerun(LAYER)
    assert sent == rerun(state, LAYER)


def test_widgets_beyond_a_number_are_dropped():
    assert bounded(rerun(*[LAYER] * MOST_WIDGETS, LAYER)) == rerun(*[LAYER] * MOST_WIDGETS)


@pytest.mark.parametrize("name", ["", "view-values", "layer", "$$STREAMLIT_INTERNAL_KEY_x", "$$"])
def test_a_key_of_the_sessions_state_is_no_widget(name):
    assert bounded(rerun(WidgetState(id=name, bool_value=True), LAYER)) == rerun(LAYER)


def test_the_events_of_a_component_are_kept():
    event = triggered(Widget(Element(bidi_component={"id": LAYER.id}), ""), "picked", 1)
    assert bounded(rerun(event)) == rerun(event)


def test_a_query_that_is_too_long_is_dropped():
    longest = "view=maps&" + "a" * (MOST_LETTERS - 10)
    assert bounded(rerun(LAYER, query=longest)) == rerun(LAYER, query=longest)
    assert bounded(rerun(LAYER, query=f"{longest}a")) == rerun(LAYER, query="")


@pytest.mark.parametrize("url", ["http://[::1", "http://" + "a" * MOST_LETTERS])
def test_a_url_of_the_page_that_cannot_be_read_is_dropped(url):
    sent = rerun(LAYER)
    sent.rerun_script.context_info.url = url
    assert bounded(sent).rerun_script.context_info.url == ""
    assert bounded(sent).rerun_script.widget_states == sent.rerun_script.widget_states


@pytest.mark.parametrize(
    "message",
    [
        BackMsg(clear_cache=True),
        BackMsg(set_run_on_save=True),
        BackMsg(load_git_info=True),
        BackMsg(debug_shutdown_runtime=True),
        operation("install_skills"),
        operation("dismiss_skills_nudge"),
        request_for_files(MOST_FILES + 1),
        BackMsg(),
    ],
    ids=lambda message: str(message).split("\n")[0][:40] or "empty",
)
def test_messages_that_the_page_never_sends_are_ignored(message, handled):
    AppSession.handle_backmsg(Mock(), message)
    handled.assert_not_called()


@pytest.mark.parametrize(
    "message",
    [
        rerun(LAYER),
        BackMsg(stop_script=True),
        BackMsg(app_heartbeat=True),
        operation("deferred_file"),
        request_for_files(MOST_FILES),
    ],
    ids=["rerun", "stop", "heartbeat", "export", "files"],
)
def test_the_pages_own_messages_are_handled_as_they_are(message, handled):
    session = Mock(_background_tasks={*range(MOST_EXPORTS - 1)})
    AppSession.handle_backmsg(session, message)
    handled.assert_called_once_with(session, message)


def test_a_run_of_an_unknown_fragment_is_ignored(handled):
    message = rerun(LAYER)
    message.rerun_script.fragment_id = "unknown\n2026-12-01 Forged line"
    AppSession.handle_backmsg(Mock(has_fragment=lambda name: False), message)
    handled.assert_not_called()


def test_a_page_exports_only_some_files_at_the_same_time(handled):
    busy, message = Mock(_background_tasks={*range(MOST_EXPORTS)}), operation("deferred_file")
    message.backend_operation_request.request_id = "7"
    AppSession.handle_backmsg(busy, message)
    handled.assert_not_called()
    (answer,) = busy._enqueue_forward_msg.call_args.args
    assert answer.backend_operation_response.request_id == "7"
    assert answer.backend_operation_response.error_msg


@pytest.mark.parametrize("state", ScriptRequestType)
def test_messages_wait_in_their_order_for_what_an_ended_run_has_still_to_send(handled, state):
    """The click's request came last: before the fragment's, it would be undone by older values."""
    session = Mock(_event_loop=asyncio.new_event_loop())
    session._scriptrunner._requests._state = state
    of_fragment, click = rerun(LAYER), rerun()
    of_fragment.rerun_script.fragment_id = "view"
    for message in (of_fragment, click):
        AppSession.handle_backmsg(session, message)
    assert bool(handled.mock_calls) == (state is not ScriptRequestType.STOP)
    session._event_loop.call_soon(session._event_loop.stop)
    session._event_loop.run_forever()
    session._event_loop.close()
    assert handled.mock_calls == [call(session, of_fragment), call(session, click)]


def element(index: int, fragment: str = "") -> ForwardMsg:
    message = ForwardMsg()
    message.metadata.delta_path[:] = [1, index]
    message.delta.new_element.text.body = f"{index}"
    message.delta.fragment_id = fragment
    return message


def test_a_fragments_run_drops_no_element_that_waits_to_be_sent():
    process.prepare()
    queue, waiting = ForwardMsgQueue(), [element(0), element(1, "view"), element(2)]
    for message in waiting:
        queue.enqueue(message)
    queue.clear(retain_lifecycle_msgs=True, fragment_ids_this_run=["view"])
    queue.enqueue(again := element(1, "view"))
    assert queue.flush() == [*waiting, again]  # without the second, the third has no place


def test_a_whole_run_drops_the_elements_of_the_run_before():
    process.prepare()
    queue = ForwardMsgQueue()
    queue.enqueue(element(0))
    queue.clear(retain_lifecycle_msgs=True)
    assert queue.is_empty()


def test_clearing_streamlits_caches_leaves_what_viewers_share():
    before = shared()
    st.cache_resource.clear()
    assert shared() is before
