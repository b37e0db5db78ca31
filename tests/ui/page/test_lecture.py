"""Lecture mode: pictures, one line of text each, and buttons to change the layer."""

import pytest

from tests.support.pages import (
    captions,
    choose,
    heading,
    link_of,
    open_page,
    payloads,
    press,
    shown,
    texts,
    tiles_of,
)
from tests.support.truth import LAYER, MAPS
from vgg_viz.links import read
from vgg_viz.model.architecture import VGG19


@pytest.mark.parametrize("view", ["Architecture", "Feature maps", "Blocks"])
def test_a_lecture_keeps_the_pictures_and_drops_text(view):
    page = open_page(view=view, layer=LAYER.title, channel="3")
    shown, words = set(payloads(page)), len(texts(page))
    exports = "export-" in str([part.key for part in page.get("popover")])
    assert exports == (view != "Architecture")
    press(page, "lecture-switch")
    assert read(link_of(page))["lecture"] is True
    assert not page.get("popover")
    assert not page.number_input
    assert not page.expander
    assert "copy-link" in payloads(page)
    assert set(payloads(page)) == shown
    assert len(texts(page)) < words
    assert [part.key for part in page.sidebar.get("button_group")]
    press(page, "lecture-switch")
    assert "lecture" not in page.query_params
    assert len(texts(page)) == words


def test_a_lecture_shows_one_line_under_a_grid():
    page = open_page(**MAPS, maps="9", lecture="true")
    assert captions(page) == ["ImageNet · Cat · 9 of 256 maps"]
    assert tiles_of(payloads(page)["maps-mosaic"])[0]["tools"] is False
    choose(page, "compare", "preprocessing")
    assert captions(page) == [
        "ImageNet · Cat · 9 of 256 maps",
        "ImageNet · Cat · RGB / 255 instead of BGR − mean · 9 of 256 maps",
    ]


@pytest.mark.parametrize("view", ["Filters", "Feature maps"])
def test_lecture_buttons_change_the_layer(view):
    page = open_page(view=view, lecture="true", layer=VGG19.conv_layers[14].title)
    press(page, "next-layer")
    assert heading(page).endswith("block5_conv4")
    assert page.button(key="next-layer").disabled
    assert not page.button(key="previous-layer").disabled
    press(page, "previous-layer")
    press(page, "previous-layer")
    assert heading(page).endswith("block5_conv2")
    assert read(link_of(page))["layer"] == "block5_conv2"
    choose(page, "layer", "block1_conv1")
    assert page.button(key="previous-layer").disabled
    press(page, "next-layer")
    assert shown(page, "layer") == "block1_conv2"
    press(page, "lecture-switch")
    assert not {"next-layer", "previous-layer"} & {button.key for button in page.button}
