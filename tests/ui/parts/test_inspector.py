"""Inspector, and decomposition of a value."""

import pyarrow as pa
import pytest

from tests.support.pages import (
    choose,
    figures,
    heading,
    inspected,
    link_of,
    mosaics,
    open_page,
    press,
    shown,
    texts,
)
from tests.support.pages import run as run_page
from tests.support.truth import MAPS, number
from vgg_viz.links import read


def test_a_chosen_map_is_inspected():
    page = open_page(view="maps", layer="block3_conv1", channel="12")
    assert inspected(page)["title"] == "Map 12 of block3_conv1"
    assert len(mosaics(page)) == 1
    assert not page.subheader
    page.number_input(key="row").set_value(56)
    page.number_input(key="column").set_value(1)
    run_page(page)
    assert "row 56, column 1 of map 12" in texts(page)
    assert "the sum matches" in page.success[0].value
    assert len(figures(page)) == 5


def test_filter_button_opens_the_filter():
    page = open_page(view="maps", layer="block3_conv1", channel="100")
    press(page, "inspector-to-filter")
    assert heading(page) == "Filters of block3_conv1"
    assert "Filters 97 to 100 of 100" in texts(page)


def test_contributions_of_all_channels_are_charted_when_opened():
    page = open_page(**MAPS, channel="5", row="7", column="9")
    assert not page.get("vega_lite_chart")
    choose(page, "contributions", True)
    (chart,) = page.get("vega_lite_chart")
    table = pa.ipc.open_stream(chart.proto.datasets[0].data.data).read_all()
    # Channels count from 1, as everywhere on the page.
    assert table["input channel"].to_pylist() == list(range(1, 129))
    values = table["contribution"].to_numpy()
    assert values.sum() == pytest.approx(number(figures(page)[0]), rel=0.01)


def test_clearing_the_map_clears_the_position():
    page = open_page(**MAPS, channel="12", row="3", column="4")
    assert inspected(page)["channel"] == 12
    page.number_input(key="channel").set_value(None)
    run_page(page)
    assert not {"channel", "row", "column"} & set(read(link_of(page)))
    assert inspected(page)["channel"] is None
    choose(page, "channel", 12)
    assert [shown(page, name) for name in ("channel", "row", "column")] == [12, None, None]
