"""Tests of all views: links, controls, scales, color maps, every layer."""

import re

import pytest

from tests.support.pages import open_page
from vgg_viz.model.architecture import VGG19
from vgg_viz.ui.parts import comparison, pairs
from vgg_viz.ui.parts.layer_maps import LayerMaps
from vgg_viz.views import VIEWS


# The patches, and what is computed of all layers, have tests of their own.
@pytest.mark.usefixtures("known_patches", "nothing_overviewed")
@pytest.mark.parametrize("view", VIEWS)
def test_every_view_opens_from_its_link_without_a_notice(view):
    page = open_page(view=view)
    assert not page.error
    assert not page.warning
    assert page.heading
    assert len(page.mosaics) > 0
    assert "ImageNet ·" in page.texts or not VIEWS[view].shows_network


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("compare", ["none", "picture"])
def test_a_view_without_its_network_has_its_heading(view, compare):
    page = open_page(view=view, network="absent", compare=compare)
    assert page.heading


def test_only_the_maps_mosaic_follows_the_chosen_map():
    in_blocks = open_page(view="blocks", blocks="3", channel="5")
    in_maps = open_page(view="maps", layer=VGG19.block_ends[2].name, channel="5")
    assert not in_blocks.inspected("block-3")["follows"]
    assert in_maps.inspected("maps-mosaic")["follows"]


def test_no_widget_has_the_key_of_a_grid():
    page = open_page(view="filters")
    for layer in list(VGG19.conv_layers)[1:6]:  # each layer gets new widgets
        page.choose("layer", layer.name)
    page.choose("view", "blocks")
    page.choose("beside", True)
    page.choose("view", "filters")
    assert page.widget("slider", "filters").value == 8
    page.choose("view", "blocks")
    assert "filters-3" in page.payloads


def test_a_scale_that_a_view_does_not_have_is_kept_for_the_view_that_has():
    page = open_page(view="filters", scale="zero")
    assert page.choose("view", "maps").shown("scale") == "own"
    assert page.choose("view", "filters").shown("scale") == "zero"


def test_all_pages_of_a_large_layer_can_be_reached():
    page = open_page(view="filters", layer="block4_conv2", filters="512", channels="512")
    assert "Filters 1 to 16 of 512" in page.texts
    page.choose("filter_page", 32)
    page.choose("channel_page", 32)
    assert "Filters 497 to 512 of 512" in page.texts
    assert "Channels 497 to 512 of 512" in page.texts


HOSTILE = "www.evil.example :red[x] **b**"


@pytest.mark.usefixtures("known_patches")
@pytest.mark.parametrize(
    "query",
    [
        {"view": "maps", "maps": "4", "channel": "2", "compare": "picture"},
        {"view": "visualization", "maps": "4", "compare": "network"},
        {"view": "maps", "maps": "4", "tab": "statistics"},
        {"view": "maps", "maps": "4", "tab": "experiments", "experiment": "distance"},
        {"view": "conclusion"},
        {"view": "prediction", "compare": "picture"},
    ],
)
def test_names_from_outside_are_no_markdown(monkeypatch, query):
    monkeypatch.setattr(LayerMaps, "subject", HOSTILE)
    monkeypatch.setattr(comparison, "headings", lambda _: (HOSTILE, HOSTILE))
    monkeypatch.setattr(pairs, "network_name", lambda _: HOSTILE)
    page = open_page(**query)
    parts = [*page.markdown, *page.caption, *page.subheader, *page.info, *page.warning]
    said = [part.value for part in parts]
    assert any("evil" in text for text in said)
    assert [text for text in said if re.search(r"www\.|(?<!\\):red\[|\*\*b\*\*", text)] == []
