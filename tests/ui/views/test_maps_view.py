"""Feature maps view: orders, inactive maps, counts, and the layer's histogram."""

import numpy as np

from tests.support.pages import open_page, rows_of
from tests.support.truth import LAYER, MAPS, NEVER_ACTIVE, assert_shown, ordered, silent
from vgg_viz.interpretability.map_orders import ORDERS
from vgg_viz.links import parse_query, read
from vgg_viz.serving.results import Results
from vgg_viz.ui.state.shared_instance import shared


def test_tiles_follow_the_order_and_keep_their_numbers(truth):
    maps = truth.maps(LAYER.name)
    inactive = silent(maps)
    assert set(NEVER_ACTIVE) < set(inactive)
    page = open_page(**MAPS, maps="256")
    for order, option in ORDERS.items():
        label = option.label
        page.choose("order", order)
        header, tiles = page.tiles("maps-mosaic")
        numbers = ordered(maps, order, 256)
        assert header["numbers"] == numbers
        assert header["titles"] == [str(number) for number in numbers]
        assert_shown(tiles[:24], maps[np.array(numbers[:24]) - 1])
        first = "" if order == "number" else f", largest {label.lower()} first"
        text = f"256 of 256 maps shown{first} · {len(inactive)} of 256 inactive on this image"
        assert text in page.texts
        # Inactive maps come last in every order but that of the numbers.
        assert numbers[-len(inactive) :] == inactive or order == "number"
        flags = zip(numbers, header["flat"], strict=True)
        assert sorted(number for number, flag in flags if flag) == inactive
    assert len({tuple(ordered(maps, order, 24)) for order in ORDERS}) == len(ORDERS)
    # A clicked tile is the map of its number.
    (number,) = ordered(maps, "mean", 1)
    page.choose("order", "mean").choose("channel", number)
    assert page.inspected()["channel"] == number
    assert "Rank among 256 maps: 1 by mean" in page.choose("tab", "statistics").texts


def test_histograms_of_the_chosen_map_and_of_the_layer_stand_in_a_tab(truth):
    page = open_page(**MAPS)
    assert not page.get("vega_lite_chart")
    page.choose("tab", "statistics")
    assert len(page.get("vega_lite_chart")) == 1
    page.choose("channel", 5)
    maps = truth.maps(LAYER.name)
    for chart, values in zip(page.get("vega_lite_chart"), (maps[4], maps), strict=True):
        rows = rows_of(chart)
        counts, edges = np.histogram(values.astype(np.float64), bins=len(rows["values"]))
        assert rows["values"] == counts.tolist()
        np.testing.assert_allclose([*rows["from"], rows["to"][-1]], edges, rtol=1e-9, atol=1e-9)
    text = page.texts
    name = LAYER.name
    assert f"**{maps.size:,} values of {name}**, {(maps == 0).mean():.0%} of them zero" in text
    share = (maps[4] > 0).mean()
    assert f"**Map 5**: from {maps[4].min():.4g} to" in text
    assert f"active at {share:.1%} of positions" in text
    assert f"Inactive on this image (zero everywhere): {len(silent(maps))} of 256 maps." in text
    assert f"The largest value is {maps.max():.4g}." in text


TABS = {
    "decomposition": "Strongest contributors",
    "attribution": "sums to the value before ReLU",
    "ablation": "Enter the maps' numbers",
    "statistics": "Rank among 256 maps",
    "model": "Keras summary",
}


def test_only_the_open_tab_is_computed_and_is_kept_in_the_link():
    page = open_page(**MAPS, channel="5", row="7", column="9")
    for tab in TABS:
        page.choose("tab", tab)
        assert [name for name, words in TABS.items() if words in page.texts] == [tab]
        assert read(page.link).get("tab", "decomposition") == tab or tab == "attribution"
        assert open_page(**parse_query(page.link)).shown("tab") == tab


def test_an_open_tab_stays_when_its_last_ablated_map_is_restored():
    page = open_page(view="maps", layer="block5_conv3", ablated="5")
    assert "later layers" not in page.texts
    page.widget("text_input", "ablated").set_value("")
    assert page.run().shown("tab") == "ablation"
    assert "later layers" in page.texts


def test_a_number_too_large_for_the_next_layer_is_cut_to_it_and_comes_back():
    page = open_page(view="maps", layer="block5_conv4", maps="512")
    assert "512 of 512 maps shown" in page.texts
    assert "37 of 512 maps shown" in page.choose("maps", 37).texts
    page.choose("maps", 512)
    for layer, words in (("block1_conv1", "64 of 64"), ("block5_conv4", "512 of 512")):
        page.selectbox(key="layer").set_value(layer).run()
        assert f"{words} maps shown" in page.texts


def test_other_layers_of_an_image_that_viewers_share_are_prepared(monkeypatch):
    asked: list[str] = []
    monkeypatch.setattr(
        Results, "overview_soon", lambda _, network, image: asked.append(image.title)
    )
    page = open_page(**MAPS, picture="coffee")
    assert not asked  # a new server is busy
    monkeypatch.setattr(shared().loaders["imagenet"].network().result(), "is_compiled", True)
    page.choose("scale", "layer")
    assert asked == ["Coffee"]
    page.choose("change", "blur")
    assert asked == ["Coffee"]
