"""Errors that nobody expected: what the visitor sees of them, what is kept, what the log has."""

import pytest
import streamlit as st
from streamlit.errors import FragmentHandledException
from streamlit.runtime.scriptrunner_utils.exceptions import RerunException, StopException

from tests.support.pages import choose, open_page, shown, texts, upload
from vgg_viz import samples
from vgg_viz.ui.page import errors, header, process, tour_panel
from vgg_viz.ui.state import mode
from vgg_viz.ui.views import filters_view, maps_view


class UnexpectedError(Exception):
    """Nobody has thought of it."""


def fail(*_, **__):
    raise UnexpectedError("/srv/secret")


def seen(page):
    return [element.value for element in page.error]


@pytest.mark.parametrize(
    "place", [(header, "address"), (tour_panel, "stage"), (filters_view, "show_first_layer")]
)
def test_an_error_of_the_page_is_a_sentence_on_it_and_whole_in_the_log(monkeypatch, caplog, place):
    with monkeypatch.context() as patch:
        patch.setattr(*place, fail)
        page = open_page(view="Filters", network="Untrained")
    assert seen(page) == [errors.MESSAGE]
    assert "secret" not in texts(page)
    [record] = [record for record in caplog.records if record.name == errors.__name__]
    assert record.exc_info[0] is UnexpectedError
    assert "/srv/secret" in caplog.text
    page.button(key="try-again").click().run()
    assert not page.exception
    assert not page.error
    assert page.header[0].value == "Filters of block1_conv1"


def test_the_view_is_as_it_was_when_the_error_is_over(monkeypatch):
    page = open_page(view="Filters", network="Untrained", filters="12", channels="2")
    choose(page, "colors", "magma")
    before = texts(page)
    with monkeypatch.context() as patch:
        # Before any of the view's controls.
        patch.setattr(filters_view.controls, "layer", fail)
        page.run()
        assert seen(page) == [errors.MESSAGE]
        assert not page.slider
    page.button(key="try-again").click().run()
    assert not page.exception
    assert texts(page) == before
    assert [slider.value for slider in page.slider] == [12, 2]
    assert shown(page, "colors") == "magma"


def test_a_picture_of_ones_own_is_still_there_when_the_error_is_over(monkeypatch):
    page = open_page(view="Feature maps", network="Untrained", picture="Your own")
    upload(page, samples.sample_bytes("coffee"))
    assert "Your picture (stretched)" in texts(page)
    with monkeypatch.context() as patch:
        patch.setattr(maps_view.picture_chooser, "choose", fail)
        page.run()
        assert seen(page) == [errors.MESSAGE]
    page.button(key="try-again").click().run()
    assert not page.exception
    assert "Your picture (stretched)" in texts(page)


def test_an_error_in_a_callback_is_told_on_the_page_as_it_was(monkeypatch, caplog):
    page = open_page(view="Filters", network="Untrained")
    before = texts(page)
    with monkeypatch.context() as patch:
        patch.setattr(mode.state, "change", fail)
        page.button(key="lecture-switch").click().run()
    assert not page.exception
    assert seen(page) == [errors.MESSAGE]
    assert texts(page) == before
    [record] = [record for record in caplog.records if record.name == errors.__name__]
    assert record.exc_info[0] is UnexpectedError
    page.button(key="lecture-switch").click().run()
    assert not page.error
    assert shown(page, "lecture")


def test_an_error_that_streamlit_catches_itself_is_the_same_sentence(monkeypatch):
    page = open_page(view="Filters", network="Untrained")
    # As a fragment's: it never comes to the page.
    monkeypatch.setattr(errors, "error_boundary", fail)
    page.run()
    [told] = page.exception
    assert told.value == errors.MESSAGE.replace("**", "")
    assert not told.stack_trace


@pytest.mark.parametrize("way", [RerunException(None), StopException(), FragmentHandledException()])
def test_what_streamlit_ends_runs_with_passes(way, caplog):
    with pytest.raises(type(way)), errors.error_boundary():
        raise way
    assert not [record for record in caplog.records if record.name == errors.__name__]


@pytest.mark.parametrize(
    ("set_to", "afterwards"),
    [(False, "none"), ("false", "none"), ("none", "none"), ("full", "full")],
)
def test_a_host_that_shows_where_in_the_source_errors_were_is_set_right(set_to, afterwards):
    before = st.get_option(errors.SHOWN)
    try:
        st.set_option(errors.SHOWN, set_to)
        process.prepare.cache_clear()
        process.prepare()
        assert st.get_option(errors.SHOWN) == afterwards
    finally:
        st.set_option(errors.SHOWN, before)


def test_who_develops_the_page_sees_the_error_itself():
    before = st.get_option(errors.SHOWN)
    try:
        st.set_option(errors.SHOWN, "full")
        with pytest.raises(UnexpectedError), errors.error_boundary():
            fail()
    finally:
        st.set_option(errors.SHOWN, before)
