"""Runs of a part of the page for widgets that stand outside of it."""

from unittest.mock import Mock

import pytest
from streamlit.components.v2.bidi_component.serialization import BidiComponentSerde
from streamlit.elements.widgets.file_uploader import FileUploaderSerde
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.runtime.app_session import AppSession
from streamlit.runtime.fragment import MemoryFragmentStorage
from streamlit.runtime.state import SessionState
from streamlit.runtime.state.common import WidgetMetadata

from vgg_viz.ui.page.partial_runs import FILES, PART, narrowed

VIEW, MOVES = "id of the view's fragment", "id of the part's fragment"
VALUES = {"scale": "own", "maps@2": "64", "layer": "block3_conv3"}


@pytest.fixture
def session() -> Mock:
    storage = MemoryFragmentStorage()
    storage.register(MOVES, Mock(), parent_fragment_id=VIEW, target_key=PART)
    return Mock(AppSession, _fragment_storage=storage, session_state=SessionState())


def request(fragment: str = VIEW, **values: str) -> BackMsg:
    """Return a browser's request, with the values of all widgets."""
    message = BackMsg()
    message.rerun_script.fragment_id = fragment
    for key, text in (VALUES | values).items():
        message.rerun_script.widget_states.widgets.add(id=f"$$ID-6a1c-{key}", string_value=text)
    return message


def fragment_run(session: Mock, message: BackMsg) -> str:
    """Return the fragment that a request runs after one with the usual values."""
    narrowed(session, request())
    sent = message.SerializeToString()
    fragment = narrowed(session, message).rerun_script.fragment_id
    assert message.SerializeToString() == sent
    return fragment


@pytest.mark.parametrize(
    "change", [{"scale": "layer"}, {"maps@2": "63"}, {"scale": "layer", "maps@2": "63"}]
)
def test_a_control_of_the_grid_runs_the_part_with_the_grid(session, change):
    assert fragment_run(session, request(**change)) == MOVES


@pytest.mark.parametrize(
    "change", [{"layer": "block3_conv4"}, {"scale": "layer", "layer": "block3_conv4"}, {}]
)
def test_any_other_control_runs_its_own_fragment(session, change):
    assert fragment_run(session, request(**change)) == VIEW


def test_the_whole_page_runs_where_it_is_asked_for(session):
    assert fragment_run(session, request(fragment="", scale="layer")) == ""


def test_a_first_request_is_compared_with_what_the_server_holds(session):
    assert narrowed(session, request(scale="layer")).rerun_script.fragment_id == VIEW
    state = session.session_state = SessionState()
    for key, text in VALUES.items():
        metadata = WidgetMetadata(f"$$ID-6a1c-{key}", str, str, "string_value")
        state._new_widget_state.set_widget_metadata(metadata)
        state[key] = text
    for change, fragment in (({"scale": "layer"}, MOVES), ({"layer": "block3_conv4"}, VIEW)):
        another = Mock(AppSession, _fragment_storage=session._fragment_storage, session_state=state)
        assert narrowed(another, request(**change)).rerun_script.fragment_id == fragment


@pytest.mark.parametrize(
    ("serde", "kind"),
    [(FileUploaderSerde(accept_multiple_files=True), FILES), (BidiComponentSerde(), "json_value")],
    ids=["files", "another type than the component's"],
)
def test_other_widgets_run_their_own_fragment_and_log_nothing(session, caplog, serde, kind):
    metadata = WidgetMetadata("$$ID-6a1c-other", serde.deserialize, serde.serialize, kind)
    session.session_state._new_widget_state.set_widget_metadata(metadata)
    message = request(scale="layer")
    sent = message.rerun_script.widget_states.widgets.add(id="$$ID-6a1c-other", string_value="")
    if kind == FILES:
        sent.file_uploader_state_value.uploaded_file_info.add(file_id="1", name="cat.jpg")
    assert fragment_run(session, message) == VIEW
    assert not caplog.records


def test_a_view_without_the_part_runs_what_is_asked_for(session):
    session._fragment_storage.delete(MOVES)
    assert fragment_run(session, request(scale="layer")) == VIEW
