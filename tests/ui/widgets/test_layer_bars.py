"""Bars of the layers: heights, ticks and words."""

import numpy as np
import pytest

from tests.support.pages import unpacked
from vgg_viz.model.architecture import VGG19
from vgg_viz.ui import state
from vgg_viz.ui.widgets import layer_bars
from vgg_viz.ui.widgets.layer_bars import number, percentage


@pytest.fixture(autouse=True)
def current(monkeypatch):
    monkeypatch.setattr(state, "value", lambda name: "block2_conv1")


def header(*values, text_of=number):
    others = len(VGG19.conv_layers) - len(values)  # undefined, so without a bar
    padded = [*values, *[np.nan] * others]
    return layer_bars.metadata("Height", padded, text_of, [""] * len(padded))


def test_bars_and_ticks_have_one_scale_with_zero():
    found = header(-0.1, 0.4, 0.2)
    assert [text for _, text in found["ticks"]] == ["−0.1", "0", "0.1", "0.2", "0.3", "0.4"]
    shares = [share for share, _ in found["ticks"]]
    np.testing.assert_allclose(shares, np.linspace(0, 1, 6), atol=1e-9)
    np.testing.assert_allclose([bar["share"] for bar in found["bars"]], [0, 1, 0.6], atol=1e-9)
    assert found["zero"] == pytest.approx(0.2)


def test_a_layer_that_did_not_change_has_no_height():
    found = header(0.0, 0.0, text_of=percentage)
    assert [bar["share"] for bar in found["bars"]] == [found["zero"]] * 2 == [0, 0]
    assert found["bars"][1]["lines"] == "block1_conv2\nHeight: 0%"


def test_a_bars_name_begins_with_the_number_that_is_seen():
    found = header(0.1, 0.2, 0.3)
    assert [bar["name"].partition(":")[0] for bar in found["bars"]] == ["1", "2", "3"]
    assert found["current"] == 3


@pytest.mark.parametrize("largest", [1e-9, 0.07, 1.0, 1.99, 123.0])
def test_the_largest_tick_is_near_the_largest_value(largest):
    values = layer_bars.ticks([largest])
    assert largest <= values[-1] <= 2 * largest
    assert 3 <= len(values) <= 6


def test_an_undefined_value_has_no_bar(monkeypatch):
    sent = []
    monkeypatch.setattr(layer_bars.components, "mount", lambda *parts: sent.append(parts[2]))
    layer_bars.show("bars", "Height", [float("nan"), *[0.5] * 15])
    (data,) = sent
    header, _ = unpacked(data)
    assert header["numbers"] == [*range(2, 17)]
