"""Inspector, and decomposition of a value."""

from unittest.mock import Mock

import pyarrow as pa
import pytest

from tests.support.pages import open_page
from tests.support.truth import MAPS, number
from vgg_viz.links import read
from vgg_viz.model.architecture import VGG19
from vgg_viz.ui.parts import inspector
from vgg_viz.ui.state.selection import Selection


def test_a_chosen_map_is_inspected():
    page = open_page(view="maps", layer="block3_conv1", channel="12")
    assert page.inspected()["title"] == "Map 12 of block3_conv1"
    assert page.inspected()["filter"] == "Show filter 12 of block3_conv1"
    assert len(page.mosaics) == 1
    assert not page.subheader
    page.number_input(key="row").set_value(56)
    page.number_input(key="column").set_value(1)
    page.run()
    assert "row 56, column 1 of map 12" in page.texts
    assert "the sum matches" in page.success[0].value
    assert len(page.figures) == 5
    assert not page.press("lecture-switch").inspected()["filter"]


def test_filter_button_opens_the_filter(monkeypatch: pytest.MonkeyPatch):
    opened = Mock()
    monkeypatch.setattr(inspector.component_values, "raw_value", {"inspector": "filter"}.get)
    monkeypatch.setattr(inspector.selection, "current", lambda: Selection(100))
    monkeypatch.setattr(inspector.selection, "open_filter", opened)
    inspector._on_event("inspector", VGG19.conv_layers[4], [], "")
    opened.assert_called_once_with(100)


def test_contributions_of_all_channels_are_charted_when_opened():
    page = open_page(**MAPS, channel="5", row="7", column="9")
    assert not page.get("vega_lite_chart")
    page.choose("contributions", True)
    (chart,) = page.get("vega_lite_chart")
    table = pa.ipc.open_stream(chart.proto.datasets[0].data.data).read_all()
    # Channels count from 1, as everywhere on the page.
    assert table["input channel"].to_pylist() == list(range(1, 129))
    values = table["contribution"].to_numpy()
    assert values.sum() == pytest.approx(number(page.figures[0]), rel=0.01)


def test_clearing_the_map_clears_the_position():
    page = open_page(**MAPS, channel="12", row="3", column="4")
    assert page.inspected()["channel"] == 12
    page.number_input(key="channel").set_value(None)
    page.run()
    assert not {"channel", "row", "column"} & set(read(page.link))
    assert (page.inspected()["channel"], page.inspected()["filter"]) == (None, "")
    page.choose("channel", 12)
    assert [page.shown(name) for name in ("channel", "row", "column")] == [12, None, None]
