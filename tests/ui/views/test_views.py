"""Tests of all views: links, controls, scales, color maps, every layer."""

import re

import pytest

from tests.support.pages import (
    choose,
    heading,
    mosaics,
    open_page,
    payloads,
    shown,
    texts,
    unpacked,
    widget,
)
from vgg_viz.model.architecture import VGG19
from vgg_viz.ui.parts import comparison, pairs
from vgg_viz.ui.parts.layer_maps import LayerMaps
from vgg_viz.ui.state.shared_instance import shared
from vgg_viz.views import VIEWS


@pytest.mark.parametrize("view", VIEWS)
def test_every_view_opens_from_its_link_without_a_notice(view):
    shared().values.shrink_to(0)  # Architecture shows maps at once that are computed
    page = open_page(view=view)
    assert not page.error
    assert not page.warning
    assert heading(page)
    assert len(mosaics(page)) > 0
    assert "ImageNet ·" in texts(page) or not VIEWS[view].shows_network


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("compare", ["none", "picture"])
def test_a_view_without_its_network_has_its_heading(view, compare):
    page = open_page(view=view, network="absent", compare=compare)
    assert heading(page)


def test_only_the_maps_mosaic_follows_the_chosen_map():
    in_blocks = open_page(view="blocks", blocks="3", channel="5")
    in_maps = open_page(view="maps", layer=VGG19.block_ends[2].name, channel="5")
    assert not unpacked(payloads(in_blocks)["block-3"])[0]["follows"]
    assert unpacked(payloads(in_maps)["maps-mosaic"])[0]["follows"]


def test_no_widget_has_the_key_of_a_grid():
    page = open_page(view="filters")
    for layer in list(VGG19.conv_layers)[1:6]:  # each layer gets new widgets
        choose(page, "layer", layer.name)
    choose(page, "view", "blocks")
    choose(page, "beside", True)
    choose(page, "view", "filters")
    assert widget(page, "slider", "filters").value == 8
    choose(page, "view", "blocks")
    assert "filters-3" in payloads(page)


def test_a_scale_that_a_view_does_not_have_is_kept_for_the_view_that_has():
    page = open_page(view="filters", scale="zero")
    assert shown(choose(page, "view", "maps"), "scale") == "own"
    assert shown(choose(page, "view", "filters"), "scale") == "zero"


HOSTILE = "www.evil.example :red[x] **b**"


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
