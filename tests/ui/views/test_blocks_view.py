"""Blocks view: any choice of blocks, in any order, with filters beside the maps."""

import numpy as np

from tests.support.pages import open_page
from tests.support.truth import StandIn, assert_shown, ordered
from vgg_viz.model.architecture import VGG19


def test_blocks_and_their_filters_follow_the_order(truth):
    page = open_page(view="blocks", blocks="3", block_maps="9", order="maximum", beside="true")
    layer = VGG19.block_ends[2]
    maps = truth.maps(layer.name)
    numbers = ordered(maps, "maximum", 9)
    header, tiles = page.tiles("block-3")
    assert header["numbers"] == numbers
    assert_shown(tiles, maps[np.array(numbers) - 1])
    header, tiles = page.tiles("filters-3")
    assert header["titles"] == [f"{number}-1" for number in numbers]
    kernel = StandIn().read(layer.name)[0]  # (3, 3, channels, filters)
    assert_shown(tiles, np.moveaxis(kernel[:, :, 0, np.array(numbers) - 1], -1, 0))


def test_blocks_show_any_choice_with_any_number_and_filters_beside():
    page = open_page(view="blocks").choose("blocks", ("2", "5"))
    names = [element.value for element in page.subheader]
    assert names == ["Block 2 · block2_conv2", "Block 5 · block5_conv4"]
    page.choose("block_maps", 100)
    assert "100 of 128 maps shown" in page.texts
    before = len(page.mosaics)
    page.choose("beside", True)
    assert len(page.mosaics) == before + 2
    page.choose("blocks", ())
    assert "at least one block" in page.info[0].value
