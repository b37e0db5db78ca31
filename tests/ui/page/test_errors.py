"""Unexpected errors: the message for the viewer, the state of the page, and the log."""

import pytest
import streamlit as st
from streamlit.errors import FragmentHandledException
from streamlit.runtime.scriptrunner_utils.exceptions import RerunException, StopException
from streamlit.testing.v1 import AppTest

from tests.support.pages import open_page
from vgg_viz.ui.page import errors, header, process, tour_panel
from vgg_viz.ui.state import mode
from vgg_viz.ui.views import filters_view


class UnexpectedError(Exception):
    """Raised by the patched functions; no code expects it."""


def fail(*_, **__):
    raise UnexpectedError("/srv/secret")


def error_messages(page):
    return [element.value for element in page.error]


@pytest.mark.parametrize(
    "place", [(header, "address"), (tour_panel, "stage"), (filters_view, "show_first_layer")]
)
def test_an_error_shows_a_message_and_logs_the_traceback(monkeypatch, caplog, place):
    with monkeypatch.context() as patch:
        patch.setattr(*place, fail)
        page = open_page(view="Filters", network="Untrained")
    assert error_messages(page) == [errors.MESSAGE]
    assert "secret" not in page.texts
    [record] = [record for record in caplog.records if record.name == errors.__name__]
    assert record.exc_info[0] is UnexpectedError
    assert "/srv/secret" in caplog.text
    page.press("try-again")
    assert not page.error
    assert page.heading == "Filters of block1_conv1"


def test_the_view_is_unchanged_after_an_error(monkeypatch):
    page = open_page(view="Filters", network="Untrained", filters="12", channels="2")
    page.choose("colors", "magma")
    before = page.texts
    with monkeypatch.context() as patch:
        # Before any of the view's controls.
        patch.setattr(filters_view.controls, "layer", fail)
        page.run()
        assert error_messages(page) == [errors.MESSAGE]
        assert not page.slider
    page.press("try-again")
    assert page.texts == before
    assert [slider.value for slider in page.slider] == [12, 2]
    assert page.shown("colors") == "magma"


def test_an_error_in_a_callback_shows_the_message_and_keeps_the_page(monkeypatch, caplog):
    page = open_page(view="Filters", network="Untrained")
    before = page.texts
    with monkeypatch.context() as patch:
        patch.setattr(mode.state, "change", fail)
        page.press("lecture-switch")
    assert error_messages(page) == [errors.MESSAGE]
    assert page.texts == before
    [record] = [record for record in caplog.records if record.name == errors.__name__]
    assert record.exc_info[0] is UnexpectedError
    page.button(key="lecture-switch").click().run()
    assert not page.error
    assert page.shown("lecture")


def test_an_error_that_streamlit_catches_shows_the_same_message(monkeypatch):
    page = open_page(view="Filters", network="Untrained")
    # Like a fragment's error, which never reaches the boundary.
    monkeypatch.setattr(errors, "error_boundary", fail)
    AppTest._run(page)
    [shown_error] = page.exception
    assert shown_error.value == errors.MESSAGE.replace("**", "")
    assert not shown_error.stack_trace


@pytest.mark.parametrize(
    "exception", [RerunException(None), StopException(), FragmentHandledException()]
)
def test_exceptions_that_end_a_run_pass_through(exception, caplog):
    with pytest.raises(type(exception)), errors.error_boundary():
        raise exception
    assert not [record for record in caplog.records if record.name == errors.__name__]


@pytest.mark.parametrize(
    ("configured", "corrected"),
    [(False, "none"), ("false", "none"), ("none", "none"), ("full", "full")],
)
def test_a_setting_that_shows_tracebacks_is_corrected(configured, corrected):
    before = st.get_option(errors.SHOWN)
    try:
        st.set_option(errors.SHOWN, configured)
        process.prepare.cache_clear()
        process.prepare()
        assert st.get_option(errors.SHOWN) == corrected
    finally:
        st.set_option(errors.SHOWN, before)


def test_developers_see_the_error_itself():
    before = st.get_option(errors.SHOWN)
    try:
        st.set_option(errors.SHOWN, "full")
        with pytest.raises(UnexpectedError), errors.error_boundary():
            fail()
    finally:
        st.set_option(errors.SHOWN, before)
