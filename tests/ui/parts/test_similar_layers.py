"""Distance and similarity by layer of two networks on the page, and clicks on their bars."""

import json

import numpy as np
import pytest
from streamlit.proto.WidgetStates_pb2 import WidgetState

from tests.load.widgets import TRIGGER_PREFIX, TRIGGER_SUFFIX
from tests.support.pages import open_page, payloads, shown, texts, unpacked
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


def header(page, key):
    return unpacked(payloads(page)[key])[0]


def test_two_networks_are_compared_over_the_images_at_hand(page):
    shown_bars = header(page, "similarity-of-layers")
    assert shown_bars["numbers"] == [*range(1, 17)]
    lines = [bar["lines"].splitlines() for bar in shown_bars["bars"]]
    assert [layer for layer, *_ in lines] == [layer.name for layer in VGG19.conv_layers]
    values = [
        float(value.removeprefix("Unbiased CKA: ").replace("−", "-")) for _, value, _ in lines
    ]
    np.testing.assert_allclose(values[:3], 1)
    assert max(values[3:]) < 0.9
    assert "Over 8 images: the samples and your own" in texts(page)
    by_chance = max(float(chance.removeprefix("Shuffled, at most: ")) for *_, chance in lines)
    assert f"at most {by_chance:.2f}" in texts(page)
    assert "12 of 20 images are missing" in texts(page)


def test_a_click_on_a_bar_opens_its_layer(page):
    assert shown(page, "layer") == LAYER.name
    choose(page, 2)
    assert shown(page, "layer") == "block1_conv2"
    assert header(page, "distance-of-layers")["current"] == 2
    for number in (0, 17, "x", None, [], 1e999):
        choose(page, number)
        assert shown(page, "layer") == "block1_conv2"


def choose(page, number):
    """Choose a bar of the distances, as a browser does."""
    (bars,) = (
        part.proto.id for part in page.get("bidi_component") if part.key == "distance-of-layers"
    )
    event = json.dumps([{"event": "picked", "value": number}])
    send(page, WidgetState(id=f"{TRIGGER_PREFIX}{bars}{TRIGGER_SUFFIX}", json_trigger_value=event))


def test_images_of_one_network_are_not_compared_over_several_images():
    page = open_page(**MAPS, **DISTANCE, change="mirror", compare="unchanged")
    assert "distance-of-layers" in payloads(page)
    assert "similarity-of-layers" not in payloads(page)


def test_undefined_similarities_have_no_bar_and_enough_images_are_said_to_be_enough():
    found = [LayerSimilarity(float("nan"), float("nan"))] * 16
    assert charts.layer_rows({"similarity": one.cka} for one in found) == []
    assert map_distances.similarity_caption(found, 20) == "Over 20 images: the samples and your own"
