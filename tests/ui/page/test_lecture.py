"""Lecture mode: pictures, one line of text each, and buttons to change the layer."""

import pytest

from tests.support import slow
from tests.support.pages import open_page
from tests.support.truth import LAYER, MAPS
from vgg_viz.links import read
from vgg_viz.model.architecture import VGG19


@pytest.mark.parametrize("view", ["Architecture", "Feature maps", *slow("Blocks")])
def test_a_lecture_keeps_the_pictures_and_drops_text(view):
    page = open_page(view=view, layer=LAYER.title, channel="3")
    shown, words = set(page.payloads), len(page.texts)
    exports = "export-" in str([part.key for part in page.get("popover")])
    assert exports == (view != "Architecture")
    page.press("lecture-switch")
    assert read(page.link)["lecture"] is True
    assert not page.get("popover")
    assert not page.number_input
    assert not page.expander
    assert "copy-link" in page.payloads
    assert set(page.payloads) == shown
    assert len(page.texts) < words
    assert [part.key for part in page.sidebar.get("button_group")]
    page.press("lecture-switch")
    assert "lecture" not in page.query_params
    assert len(page.texts) == words


def test_a_lecture_shows_one_line_under_a_grid():
    page = open_page(**MAPS, maps="9", lecture="true")
    assert page.captions == ["ImageNet · Cat · 9 of 256 maps"]
    assert page.tiles("maps-mosaic")[0]["tools"] is False
    page.choose("compare", "preprocessing")
    assert page.captions == [
        "ImageNet · Cat · 9 of 256 maps",
        "ImageNet · Cat · RGB / 255 instead of BGR − mean · 9 of 256 maps",
    ]


@pytest.mark.parametrize("view", ["Filters", *slow("Feature maps")])
def test_lecture_buttons_change_the_layer(view):
    page = open_page(view=view, lecture="true", layer=VGG19.conv_layers[14].title)
    page.press("next-layer")
    assert page.heading.endswith("block5_conv4")
    assert page.button(key="next-layer").disabled
    assert not page.button(key="previous-layer").disabled
    page.press("previous-layer")
    page.press("previous-layer")
    assert page.heading.endswith("block5_conv2")
    assert read(page.link)["layer"] == "block5_conv2"
    page.choose("layer", "block1_conv1")
    assert page.button(key="previous-layer").disabled
    page.press("next-layer")
    assert page.shown("layer") == "block1_conv2"
    page.press("lecture-switch")
    assert not {"next-layer", "previous-layer"} & {button.key for button in page.button}
