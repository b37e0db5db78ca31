"""Distance and similarity by layer of two networks on the page, and clicks on their bars."""

import json

import numpy as np
import pytest
from streamlit.proto.WidgetStates_pb2 import WidgetState

from tests.support.pages import open_page, rows_of, shown, texts
from tests.support.truth import LAYER, MAPS
from tests.ui.page.test_sent_values import send
from vgg_viz.interpretability.experiments.network_similarity import LayerSimilarity
from vgg_viz.model.architecture import VGG19
from vgg_viz.samples import SAMPLES
from vgg_viz.ui.parts import available_images, charts, map_distances

DISTANCE = {"maps": "4", "tab": "experiments", "experiment": "distance"}


def features(_, network, image):
    """Return random features in place of the channels' means; those of three layers are equal."""
    same = [layer.conv_number <= 3 for layer in VGG19.conv_layers]
    random = [
        np.random.default_rng([*image.title.encode(), index, 0 if equal else len(network.label)])
        for index, equal in enumerate(same)
    ]
    return [one.standard_normal(64) for one in random]


@pytest.fixture
def page(monkeypatch):
    monkeypatch.setattr(map_distances, "means_of", features)
    monkeypatch.setattr(available_images, "SAMPLES", SAMPLES)
    return open_page(**MAPS, **DISTANCE, compare="network")


def chart(page, field):
    (found,) = (one for one in page.get("vega_lite_chart") if field in rows_of(one))
    return found


def test_two_networks_are_compared_over_the_images_at_hand(page):
    rows = rows_of(chart(page, "similarity"))
    assert rows["layer"] == [layer.name for layer in VGG19.conv_layers]
    np.testing.assert_allclose(rows["similarity"][:3], 1)
    assert max(rows["similarity"][3:]) < 0.9
    assert "Over 8 images: the samples and your own" in texts(page)
    assert f"at most {max(rows['by_chance']):.2f}" in texts(page)
    assert "12 of 20 images are missing" in texts(page)


def test_a_click_on_a_bar_opens_its_layer(page):
    assert shown(page, "layer") == LAYER.name
    clicked = {"selection": {"clicked": [{"number": 2}]}}
    bars = chart(page, "distance").proto.id
    send(page, WidgetState(id=bars, string_value=json.dumps(clicked, separators=(",", ":"))))
    assert shown(page, "layer") == "block1_conv2"
    assert chart(page, "distance").proto.id != bars
    for number in (0, 17, "x", None, [], 1e999):
        clicked["selection"]["clicked"][0]["number"] = number
        bars = chart(page, "distance").proto.id
        send(page, WidgetState(id=bars, string_value=json.dumps(clicked)))
        assert shown(page, "layer") == "block1_conv2"


def test_images_of_one_network_are_not_compared_over_several_images():
    page = open_page(**MAPS, **DISTANCE, change="mirror", compare="unchanged")
    assert "Unbiased CKA" not in texts(page)
    assert len(page.get("vega_lite_chart")) == 1


def test_undefined_similarities_have_no_bar_and_enough_images_are_said_to_be_enough():
    found = [LayerSimilarity(float("nan"), float("nan"))] * 16
    assert charts.layer_rows({"similarity": one.cka} for one in found) == []
    assert map_distances.similarity_caption(found, 20) == "Over 20 images: the samples and your own"
