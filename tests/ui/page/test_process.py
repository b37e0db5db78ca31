"""Setup of the server process."""

from unittest.mock import Mock

import pytest
from streamlit import config
from streamlit.proto.NewSession_pb2 import CustomThemeConfig
from streamlit.runtime import app_session

from tests.support import REPOSITORY
from vgg_viz.ui.page import process

SECTIONS = ["theme", *(f"theme.{one.value}" for one in config.CustomThemeCategories)]


def test_every_section_of_the_theme_is_sent_as_configured(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(REPOSITORY)
    config.get_config_options(force_reparse=True)
    process.theme.cache_clear()
    whole, expected = CustomThemeConfig(), CustomThemeConfig()
    for section in SECTIONS:
        process.populate_theme(whole, section)
        process._populate_theme(expected, section)
    assert whole == expected
    assert whole.ByteSize()


def test_a_new_session_reads_no_section_twice(monkeypatch: pytest.MonkeyPatch):
    process.prepare()
    process.theme.cache_clear()
    read = Mock(wraps=process._populate_theme)
    monkeypatch.setattr(process, "_populate_theme", read)
    for _ in range(2):
        app_session._populate_theme_msg(CustomThemeConfig(), "theme.dark")
    read.assert_called_once()
