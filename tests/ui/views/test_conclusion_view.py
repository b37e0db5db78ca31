"""Conclusion view: its charts, and texts that fit the network shown."""

import json

import numpy as np
import pytest
from PIL import Image

from tests.support.pages import captions, choose, network_of, open_page, rows_of, texts
from tests.support.truth import OfAFile
from vgg_viz.model.architecture import VGG19


def correlations(maps, image):
    """Compute Pearson's correlation of maps ``(n, h, w)`` with an image ``(h * w,)``."""
    flat = maps.reshape(len(maps), -1).astype(np.float64)
    flat -= flat.mean(axis=1, keepdims=True)
    image = image - image.mean()
    return flat @ image / np.sqrt((flat**2).sum(axis=1) * (image**2).sum())


def test_charts_show_all_16_layers(truth):
    page = open_page(view="conclusion")
    plots = [rows_of(chart) for chart in page.get("vega_lite_chart")]
    assert len(plots) == 3
    gray = np.asarray(Image.fromarray(truth.pictures["cat"]).convert("L"), np.float64)
    for rows in plots:
        assert rows["number"] == list(range(1, 17))
        assert rows["layer"] == [layer.name for layer in VGG19.conv_layers]
        assert rows["receptive_field"] == [layer.receptive_field for layer in VGG19.conv_layers]
    for index in (0, 7, 15):
        layer = VGG19.conv_layers[index]
        maps = truth.maps(layer.name)
        side = maps.shape[1]
        small = gray.reshape(side, 224 // side, side, 224 // side).mean(axis=(1, 3)).ravel()
        live = maps.any(axis=(1, 2))
        like = correlations(maps[live], small)
        row = {name: values[index] for name, values in plots[0].items()}
        assert row["active"] == pytest.approx((maps > 0).mean(), rel=1e-4)
        assert row["inactive"] == np.count_nonzero(~live)
        assert row["correlation"] == pytest.approx(like.max(), abs=2e-3)
        assert row["map"] == np.flatnonzero(live)[int(np.argmax(like))] + 1
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
