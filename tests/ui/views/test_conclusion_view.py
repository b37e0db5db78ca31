"""Conclusion view: its charts, and texts that fit the network shown."""

import json

import pytest

from tests.support.pages import captions, choose, network_of, open_page, rows_of, texts
from tests.support.truth import OfAFile
from vgg_viz.interpretability.map_statistics import profile
from vgg_viz.model.architecture import VGG19


def test_charts_show_all_16_layers(truth):
    page = open_page(view="conclusion")
    plots = [rows_of(chart) for chart in page.get("vega_lite_chart")]
    assert len(plots) == 3
    for rows in plots:
        assert rows["number"] == list(range(1, 17))
        assert rows["layer"] == [layer.name for layer in VGG19.conv_layers]
        assert rows["receptive_field"] == [layer.receptive_field for layer in VGG19.conv_layers]
    for index in (0, 7, 15):
        maps = truth.maps(VGG19.conv_layers[index].name)
        expected = profile(maps, truth.pictures["cat"])
        row = {name: values[index] for name, values in plots[0].items()}
        assert row["active"] == pytest.approx(expected.active, rel=1e-4)
        assert row["inactive"] == expected.inactive
        assert row["correlation"] == pytest.approx(expected.correlation, abs=2e-3)
        assert row["map"] == expected.correlated_map
    assert f"{plots[0]['correlation'][0]:.2f} in block1_conv1" in texts(page)
    fields = [
        json.loads(chart.proto.spec)["encoding"]["y"]["field"]
        for chart in page.get("vega_lite_chart")
    ]
    assert fields == ["active", "receptive_field", "correlation"]


def test_texts_fit_the_network_shown():
    with network_of(OfAFile()):
        page = open_page(view="conclusion")
        assert any("describes the ImageNet network" in text for text in captions(page))
        choose(page, "network", "untrained")
        assert not any("describes the ImageNet network" in text for text in captions(page))
        titles = " ".join(part.value for part in page.subheader)
        assert "abstract features" not in titles
        assert "coarse and random" in titles
