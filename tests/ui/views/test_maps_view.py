"""Feature maps view: orders, inactive maps, counts, and the layer's histogram."""

import numpy as np

from tests.support.pages import choose, inspected, open_page, payloads, rows_of, texts, tiles_of
from tests.support.truth import LAYER, MAPS, NEVER_ACTIVE, assert_shown, ordered, silent
from vgg_viz.interpretability.map_orders import ORDERS


def test_tiles_follow_the_order_and_keep_their_numbers(truth):
    maps = truth.maps(LAYER.name)
    inactive = silent(maps)
    assert set(NEVER_ACTIVE) < set(inactive)
    page = open_page(**MAPS, maps="256")
    for order, option in ORDERS.items():
        label = option.label
        choose(page, "order", order)
        header, tiles = tiles_of(payloads(page)["maps-mosaic"])
        numbers = ordered(maps, order, 256)
        assert header["numbers"] == numbers
        assert header["titles"] == [str(number) for number in numbers]
        assert_shown(tiles[:24], maps[np.array(numbers[:24]) - 1])
        first = "" if order == "number" else f", largest {label.lower()} first"
        text = f"256 of 256 maps shown{first}, {len(inactive)} inactive on this image"
        assert text in texts(page)
        # Inactive maps come last in every order but that of the numbers.
        assert numbers[-len(inactive) :] == inactive or order == "number"
        flags = zip(numbers, header["flat"], strict=True)
        assert sorted(number for number, flag in flags if flag) == inactive
    assert len({tuple(ordered(maps, order, 24)) for order in ORDERS}) == len(ORDERS)


def test_a_clicked_tile_is_the_map_of_its_number():
    page = open_page(**MAPS, order="mean", maps="4")
    number = tiles_of(payloads(page)["maps-mosaic"])[0]["numbers"][0]
    choose(page, "channel", number)
    assert inspected(page)["channel"] == number
    assert "Rank among 256 maps: 1 by mean" in inspected(page)["measured"]


def test_histogram_is_computed_when_it_is_opened(truth):
    page = open_page(**MAPS)
    assert not page.get("vega_lite_chart")
    choose(page, "numbers", True)
    maps = truth.maps(LAYER.name)
    (chart,) = page.get("vega_lite_chart")
    rows = rows_of(chart)
    counts, edges = np.histogram(maps.astype(np.float64), bins=len(rows["values"]))
    assert rows["values"] == counts.tolist()
    np.testing.assert_allclose([*rows["from"], rows["to"][-1]], edges, rtol=1e-9, atol=1e-9)
    text = texts(page)
    assert f"**{maps.size:,} values**, {(maps == 0).mean():.0%} of them zero" in text
    assert f"Inactive on this image (zero everywhere): {len(silent(maps))} of 256 maps." in text
    assert f"The largest value is {maps.max():.4g}." in text


def test_a_number_too_large_for_the_next_layer_is_cut_to_it_and_comes_back():
    page = open_page(view="maps", layer="block5_conv4", maps="512")
    assert "512 of 512 maps shown" in texts(page)
    assert "37 of 512 maps shown" in texts(choose(page, "maps", 37))
    choose(page, "maps", 512)
    for layer, words in (("block1_conv1", "64 of 64"), ("block5_conv4", "512 of 512")):
        page.selectbox(key="layer").set_value(layer).run()
        assert not page.exception
        assert f"{words} maps shown" in texts(page)
