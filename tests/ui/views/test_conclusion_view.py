"""Conclusion view: its charts, and texts that fit the network shown."""

import json

import numpy as np
import pytest

from tests.support.pages import network_of, open_page, rows_of
from tests.support.truth import OfAFile, ordered
from vgg_viz.interpretability.experiments.changes import ChosenChange
from vgg_viz.interpretability.experiments.image_changes import change_pixels
from vgg_viz.interpretability.experiments.map_distance import map_distance
from vgg_viz.interpretability.map_statistics import profile
from vgg_viz.model.architecture import VGG19
from vgg_viz.serving.results import Results
from vgg_viz.ui.parts.layer_maps import LayerMaps
from vgg_viz.ui.state.shared_instance import shared
from vgg_viz.ui.views import conclusion_view


def test_charts_show_all_16_layers_and_the_lessons_are_in_numbers(truth):
    page = open_page(view="conclusion")
    assert not [*page.error, *page.warning]
    plots = [rows_of(chart) for chart in page.get("vega_lite_chart")]
    assert len(plots) == 3
    for rows in plots:
        assert rows["number"] == list(range(1, 17))
        assert rows["layer"] == [layer.name for layer in VGG19.conv_layers]
    for index in (0, 7, 15):
        maps = truth.maps(VGG19.conv_layers[index].name)
        expected = profile(maps, truth.pictures["cat"])
        row = {name: values[index] for name, values in plots[0].items()}
        assert row["active"] == pytest.approx(expected.active, rel=1e-4)
        assert row["inactive"] == expected.inactive
        assert row["correlation"] == pytest.approx(expected.correlation, abs=2e-3)
        assert row["correlated_map"] == expected.correlated_map
    assert f"{plots[0]['correlation'][0]:.2f} in block1_conv1" in page.texts
    fields = [
        json.loads(chart.proto.spec)["encoding"]["y"]["field"]
        for chart in page.get("vega_lite_chart")
    ]
    assert fields == ["active", "correlation", "distance"]
    for layer in (VGG19.block_ends[0], VGG19.block_ends[2], VGG19.block_ends[4]):
        maps, side, field = truth.maps(layer.name), layer.output_shape[0], layer.receptive_field
        inactive = np.count_nonzero(~(maps > 0).any(axis=(1, 2)))
        shown_maps = page.inspected(f"lesson-{layer.block}")["numbers"]
        assert shown_maps == sorted(ordered(maps, "mean", conclusion_view.MAPS_SHOWN))
        assert (
            f"**{side} × {side}** positions · receptive field **{field} × {field}** · "
            f"**{1 - np.mean(maps > 0):.0%}** of values zero · **{inactive}** of {len(maps)} maps"
        ) in page.texts


def test_the_lessons_do_not_wait_for_the_charts(monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(Results, "soon", lambda *_: None)
        page = open_page(view="conclusion")
        assert len(page.mosaics) == 3
        assert not page.get("vega_lite_chart")
        assert len(page.get("skeleton")) == 3
        assert "largest correlation" in page.texts
        assert page.has_pulse("conclusion-pulse")
    page.run()
    assert len(page.get("vega_lite_chart")) == 3
    assert not page.get("skeleton")
    assert not page.has_pulse("conclusion-pulse")


def test_the_experiment_is_the_distance_by_layer(truth):
    page = open_page(view="conclusion")
    network = shared().loaders["imagenet"].network().result()
    rows = rows_of(page.get("vega_lite_chart")[-1])
    changed = change_pixels(truth.pictures["cat"], ChosenChange("shift_x", 8))
    for layer in VGG19.conv_layers[:8:7]:
        maps = network.feature_maps(changed, layer.name)
        expected = map_distance(truth.maps(layer.name), maps).mean
        assert rows["distance"][layer.conv_number - 1] == pytest.approx(expected, rel=1e-3)


# The image is shifted by 8 pixels unless the viewer has chosen a change.
@pytest.mark.usefixtures("nothing_overviewed")
@pytest.mark.parametrize(
    ("query", "opened", "phrase"),
    [
        ({}, ("shift_x", 8), "shifted right by 8 pixels"),
        ({"change": "mirror"}, ("mirror", 1), "mirrored"),
    ],
)
def test_a_click_opens_the_experiment(monkeypatch, query, opened, phrase):
    def record(*sides):
        compared.append([side.picture.caption for side in sides])

    compared = []
    monkeypatch.setattr(conclusion_view, "show_lesson", lambda *_: None)
    monkeypatch.setattr(conclusion_view.map_distances, "distances_soon", record)
    monkeypatch.setattr(conclusion_view.map_distances, "show", lambda *_: None)
    page = open_page(view="conclusion", **query)
    next(one for one in page.button if one.label == "Open this experiment").click().run()
    assert compared == [[f"Cat, {phrase} (stretched)", "Cat (stretched)"]]
    assert (page.shown("change"), page.shown("amount")) == opened
    assert [page.shown(key) for key in ("view", "experiment")] == ["maps", "distance"]


@pytest.mark.usefixtures("nothing_overviewed")
def test_texts_fit_the_network_shown(monkeypatch):
    monkeypatch.setattr(
        LayerMaps, "values", lambda maps: np.zeros(maps.layer.output_shape[::-1], np.float32)
    )
    with network_of(OfAFile()):
        page = open_page(view="conclusion")
        assert any("describes the ImageNet network" in text for text in page.captions)
        page.choose("network", "untrained")
        assert not any("describes the ImageNet network" in text for text in page.captions)
        titles = " ".join(part.value for part in page.subheader)
        assert "abstract features" not in titles
        assert "coarse and random" in titles
