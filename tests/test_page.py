"""What stands on the page for each of its controls: orders, comparisons, tours, lectures, files."""

import ast
import csv
import io
import json
from dataclasses import dataclass
from functools import partial
from random import Random
from urllib.parse import parse_qs

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from tests.support import hostile
from tests.support.pages import (
    captions,
    choose,
    held_bytes,
    inspected,
    link_of,
    open_page,
    payloads,
    press,
    shown,
    texts,
    tiles_of,
    unavailable,
    unpacked,
    upload,
    weights_from,
    widget,
)
from tests.support.pages import run as run_page
from tests.test_reproduction import assert_near
from tests.test_reproduction import run as run_script
from vgg_viz import exports, images, samples, tours
from vgg_viz.architecture import VGG19
from vgg_viz.figures import figure
from vgg_viz.links import (
    FIELDS,
    NETWORKS,
    ORDERS,
    Choice,
    LinkError,
    Number,
    Several,
    read,
    write,
)
from vgg_viz.mosaic import FIRST_LEVEL, LEVELS
from vgg_viz.ui.state import tour_steps
from vgg_viz.ui.state.serving import shared
from vgg_viz.ui.widgets import export_menu, grid
from vgg_viz.weights import UntrainedWeights

LAYER = VGG19.layer("block3_conv1")
NEVER_ACTIVE = (2, 7, 100)  # the numbers of that layer's maps that no picture wakes
MAPS = {"view": "Feature maps", "layer": LAYER.title}
GAP = 1.01  # levels: what rounding may do


class Weights(UntrainedWeights):
    """Another network than the untrained one, with three filters that are never active."""

    label = "ImageNet"

    def read(self, layer_name):
        kernel, bias = super().read(layer_name)
        random = np.random.default_rng(VGG19.layer(layer_name).index)
        bias = random.standard_normal(bias.shape, dtype=np.float32)
        if layer_name == LAYER.name:
            bias[np.array(NEVER_ACTIVE) - 1] = -1e9
        return kernel[..., ::-1].copy(), bias


@pytest.fixture(scope="module", autouse=True)
def no_real_weights():
    with weights_from(lambda **_: Weights()):
        yield


@dataclass
class Truth:
    """What the page's own networks make of pictures; the networks have tests of their own."""

    cat: np.ndarray
    raccoon: np.ndarray

    def maps(self, layer_name, pixels=None, network="imagenet", preprocessing="caffe"):
        built = shared().loaders[network].network().result()
        pixels = self.cat if pixels is None else pixels
        return built.feature_maps(pixels, layer_name, preprocessing)


@pytest.fixture(scope="module")
def truth(no_real_weights):
    return Truth(*(images.load_picture(samples.sample_bytes(name)) for name in ("cat", "raccoon")))


MEASURES = {
    "number": lambda maps: -np.arange(len(maps)),
    "mean": lambda maps: maps.mean(axis=(1, 2), dtype=np.float64),
    "maximum": lambda maps: maps.max(axis=(1, 2)),
    "variance": lambda maps: maps.astype(np.float64).var(axis=(1, 2)),
    "active": lambda maps: (maps > 0).mean(axis=(1, 2)),
}


def ordered(maps, order, count):
    """The numbers, from 1, of the first maps in that order."""
    return (np.argsort(-MEASURES[order](maps), kind="stable")[:count] + 1).tolist()


def silent(maps):
    """The numbers of the maps that are nowhere above zero."""
    return [number for number, map_ in enumerate(maps, start=1) if not (map_ > 0).any()]


def assert_shown(tiles, values, low=None, high=None):
    """These tiles show these values (n, s, s), from ``low`` to ``high``, or each on its own."""
    low = values.min(axis=(1, 2)) if low is None else np.broadcast_to(low, len(values))
    high = values.max(axis=(1, 2)) if high is None else np.broadcast_to(high, len(values))
    assert len(tiles) == len(values)
    for tile, map_, least, most in zip(tiles, values, low, high, strict=True):
        levels = np.asarray(tile, np.float64) - FIRST_LEVEL
        share = (map_ - least) / (most - least) if most > least else np.zeros_like(map_)
        assert np.abs(levels - share * (LEVELS - 1)).max() <= GAP


# -- orders and silent maps


def test_tiles_follow_the_order_and_keep_their_numbers(truth):
    maps = truth.maps(LAYER.name)
    page = open_page(**MAPS, maps="24")
    for order, label in ORDERS.items():
        choose(page, "order", order)
        header, tiles = tiles_of(payloads(page)["maps-mosaic"])
        numbers = ordered(maps, order, 24)
        assert header["numbers"] == numbers
        assert header["titles"] == [str(number) for number in numbers]
        assert_shown(tiles, maps[np.array(numbers) - 1])
        first = "" if order == "number" else f", the largest {label.lower()} first"
        words = f"24 of 256 maps shown{first}, {len(silent(maps))} silent on this picture"
        assert words in texts(page)
    assert len({tuple(ordered(maps, order, 24)) for order in ORDERS}) == len(ORDERS)


def test_silent_maps_come_last_in_every_order_but_that_of_numbers(truth):
    asleep = silent(truth.maps(LAYER.name))
    assert set(NEVER_ACTIVE) < set(asleep)
    page = open_page(**MAPS, maps="256")
    for order in ORDERS:
        header, _ = tiles_of(payloads(choose(page, "order", order))["maps-mosaic"])
        last = header["numbers"][-len(asleep) :]
        assert last == asleep or order == "number"
        assert sorted(header["numbers"]) == list(range(1, 257))
        flat = [
            number for number, flag in zip(header["numbers"], header["flat"], strict=True) if flag
        ]
        assert flat == asleep


@pytest.mark.parametrize("layer", ["block1_conv1", "block3_conv1", "block5_conv4"])
def test_the_caption_counts_all_silent_maps_of_the_layer(layer, truth):
    maps = truth.maps(layer)
    page = open_page(view="Feature maps", layer=VGG19.layer(layer).title, maps="5")
    assert f"5 of {len(maps)} maps shown, {len(silent(maps))} silent on this picture" in texts(page)


def test_blocks_follow_the_order_and_their_filters_go_along(truth):
    page = open_page(view="Blocks", blocks="3", block_maps="9", order="Maximum", beside="true")
    layer = VGG19.block_ends[2]
    maps = truth.maps(layer.name)
    numbers = ordered(maps, "maximum", 9)
    header, tiles = tiles_of(payloads(page)["block-3"])
    assert header["numbers"] == numbers
    assert_shown(tiles, maps[np.array(numbers) - 1])
    header, tiles = tiles_of(payloads(page)["filters-3"])
    assert header["titles"] == [f"{number}-1" for number in numbers]
    kernel = Weights().read(layer.name)[0]  # (3, 3, channels, filters)
    assert_shown(tiles, np.moveaxis(kernel[:, :, 0, np.array(numbers) - 1], -1, 0))


def test_a_clicked_tile_is_the_map_of_its_number():
    page = open_page(**MAPS, order="Mean", maps="4")
    number = tiles_of(payloads(page)["maps-mosaic"])[0]["numbers"][0]
    choose(page, "channel", number)
    assert inspected(page)["channel"] == number
    assert "number 1 by mean" in inspected(page)["measured"]


# -- comparisons

INSPECTORS = ("inspector-0", "inspector-1")
COMPARED = {
    "picture": ("Cat", "Raccoon"),
    "network": ("ImageNet", "Untrained"),
    "preprocessing": ("Right: BGR − mean", "Wrong: RGB / 255"),
}
SUBJECTS = {
    "picture": ("ImageNet · Cat (stretched)", "ImageNet · Raccoon (stretched)"),
    "network": ("ImageNet · Cat (stretched)", "untrained · Cat (stretched)"),
    "preprocessing": (
        "ImageNet · Cat (stretched)",
        "ImageNet · Cat (stretched) · RGB / 255 instead of BGR − mean",
    ),
}


def both(truth, kind):
    other = {
        "picture": {"pixels": truth.raccoon},
        "network": {"network": "untrained"},
        "preprocessing": {"preprocessing": "rgb"},
    }[kind]
    return truth.maps(LAYER.name), truth.maps(LAYER.name, **other)


def compare(kind, **more):
    return open_page(**MAPS, maps="9", compare=FIELDS["compare"].options[kind], **more)


@pytest.mark.parametrize("kind", COMPARED)
def test_two_grids_show_the_same_maps_on_common_scales(kind, truth):
    this, other = both(truth, kind)
    page = compare(kind, order="Maximum")
    numbers = ordered(this, "maximum", 9)
    this, other = this[np.array(numbers) - 1], other[np.array(numbers) - 1]
    whole = both(truth, kind)
    ends = {
        "pair": [
            np.minimum(this.min(axis=(1, 2)), other.min(axis=(1, 2))),
            np.maximum(this.max(axis=(1, 2)), other.max(axis=(1, 2))),
        ],
        "layer": [min(maps.min() for maps in whole), max(maps.max() for maps in whole)],
        "own": [None, None],
    }
    words = {
        "pair": "the two tiles of a number on one scale",
        "layer": "one scale for the whole layer",
        "own": "each tile on its own scale",
    }
    assert [heading.value for heading in page.main.subheader] == list(COMPARED[kind])
    for scale, limits in ends.items():
        choose(page, "pair_scale", scale)
        shown = payloads(page)
        assert set(shown) == {"copy-link", "compared-this", "compared-other", *INSPECTORS}
        for name, maps in (("compared-this", this), ("compared-other", other)):
            header, tiles = tiles_of(shown[name])
            assert header["numbers"] == numbers
            assert_shown(tiles, maps, *limits)
        said = [line for line in captions(page) if line.startswith(LAYER.title)]
        assert len(said) == 2
        for line, subject in zip(said, SUBJECTS[kind], strict=True):
            assert f"{LAYER.title} · {subject} · 9 of 256 maps shown" in line
            assert words[scale] in line
    assert not page.info


@pytest.mark.parametrize("kind", COMPARED)
def test_a_difference_is_the_other_less_this_around_zero(kind, truth):
    this, other = both(truth, kind)
    page = compare(kind, shown_as="Difference")
    values = other[:9] - this[:9]
    largest = np.abs(values).max(axis=(1, 2))
    assert values.min() < 0 < values.max()
    for scale, most in (("pair", largest), ("layer", largest.max()), ("own", largest)):
        choose(page, "pair_scale", scale)
        assert shown(page, "pair_scale") == ("pair" if scale == "own" else scale)
        assert set(payloads(page)) == {"copy-link", "compared-difference", *INSPECTORS}
        header, tiles = tiles_of(payloads(page)["compared-difference"])
        assert header["numbers"] == list(range(1, 10))
        assert_shown(tiles, values, -most, most)
    first, second = COMPARED[kind]
    assert [part.value for part in page.main.subheader] == [f"Difference: {second} minus {first}"]
    first, second = SUBJECTS[kind]
    assert f"{LAYER.title} · {second} minus {first} · 9 of 256 maps shown" in texts(page)
    assert "blue: less, red: more" in texts(page)


@pytest.mark.parametrize("kind", COMPARED)
@pytest.mark.parametrize("layer", ["block1_conv1", "block3_conv1"])
def test_a_value_of_either_side_is_taken_apart(kind, layer):
    title = VGG19.layer(layer).title
    place = {"layer": title, "channel": "12", "row": "1", "column": "9", "maps": "9"}
    page = open_page(view="Feature maps", compare=FIELDS["compare"].options[kind], **place)
    for name in INSPECTORS:
        assert "after ReLU" in inspected(page, name)["sum"]
        page.session_state["inspector-clicked"] = name
        run_page(page)
        assert "The two agree" in page.success[0].value
        assert not page.error


@pytest.mark.parametrize("kind", COMPARED)
def test_a_map_of_both_sides_is_inspected_side_by_side(kind, truth):
    page = compare(kind, channel="12")
    assert set(payloads(page)) >= set(INSPECTORS)
    bold = [part.value for part in page.main.markdown if part.value.startswith("**")]
    assert [f"**{heading}**" for heading in COMPARED[kind]] == [
        words for words in bold if words.strip("*") in COMPARED[kind]
    ]
    for name, maps in zip(INSPECTORS, both(truth, kind), strict=True):
        reach = f"from {figure(maps[11].min())} to {figure(maps[11].max())}"
        assert reach in inspected(page, name)["measured"]


def test_a_picture_is_the_same_as_itself():
    page = choose(compare("picture"), "other", "cat")
    assert "Both are the same here" in page.info[0].value
    assert "another picture" in page.info[0].value
    choose(page, "shown_as", "difference")
    header, _ = tiles_of(payloads(page)["compared-difference"])
    assert header["flat"] == [1] * 9
    choose(page, "other", "coffee")
    assert not page.info


@pytest.mark.parametrize("choice", NETWORKS)
def test_without_weights_both_networks_are_the_same_and_are_called_so(choice):
    try:
        with weights_from(unavailable):
            page = compare("network", network=NETWORKS[choice])
            assert "only the untrained network" in page.info[0].value
            assert [part.value for part in page.main.subheader] == ["Untrained", "Untrained"]
            assert "· ImageNet ·" not in texts(page)
            page = choose(page, "shown_as", "difference")
            assert "· ImageNet ·" not in texts(page)
    finally:
        shared.clear()


def test_the_other_network_of_the_untrained_one_is_the_trained_one(truth):
    page = compare("network", network="Untrained")
    assert [part.value for part in page.main.subheader] == ["Untrained", "ImageNet"]
    this, other = reversed(both(truth, "network"))
    assert_shown(
        tiles_of(payloads(choose(page, "pair_scale", "own"))["compared-this"])[1], this[:9]
    )
    assert_shown(tiles_of(payloads(page)["compared-other"])[1], other[:9])


def test_wrong_preprocessing_comes_with_its_lesson():
    assert "commonest mistake" in texts(compare("preprocessing"))


# -- numbers


def rows_of(chart):
    """A plot's rows, column by column."""
    return pa.ipc.open_stream(chart.proto.data.data).read_all().to_pydict()


def test_the_layers_numbers_are_there_when_they_are_opened(truth):
    page = open_page(**MAPS)
    assert not page.get("vega_lite_chart")
    choose(page, "numbers", True)
    maps = truth.maps(LAYER.name)
    (chart,) = page.get("vega_lite_chart")
    rows = rows_of(chart)
    counts, edges = np.histogram(maps.astype(np.float64), bins=len(rows["values"]))
    assert rows["values"] == counts.tolist()
    np.testing.assert_allclose([*rows["from"], rows["to"][-1]], edges, rtol=1e-9, atol=1e-9)
    said = texts(page)
    assert f"**{maps.size:,} values**, {(maps == 0).mean():.0%} of them zero" in said
    assert f"{len(silent(maps))} of 256 maps are silent on this picture" in said
    assert f"The largest value is {maps.max():.4g}." in said


def test_every_channels_contribution_is_there_when_it_is_opened():
    page = open_page(**MAPS, channel="5", row="7", column="9")
    assert not page.get("vega_lite_chart")
    choose(page, "contributions", True)
    (chart,) = page.get("vega_lite_chart")
    values = pa.ipc.open_stream(chart.proto.datasets[0].data.data).read_all()["value"].to_numpy()
    assert len(values) == 128
    products = float(page.metric[0].value.replace("−", "-").replace(",", ""))
    assert values.sum() == pytest.approx(products, rel=0.01)


def test_the_conclusion_follows_the_picture_through_all_16_layers(truth):
    page = open_page(view="Conclusion")
    plots = [rows_of(chart) for chart in page.get("vega_lite_chart")]
    assert len(plots) == 3
    grey = np.asarray(Image.fromarray(truth.cat).convert("L"), np.float64)
    for rows in plots:
        assert rows["number"] == list(range(1, 17))
        assert rows["layer"] == [layer.name for layer in VGG19.conv_layers]
        assert rows["field"] == [layer.receptive_field for layer in VGG19.conv_layers]
    for index, layer in enumerate(VGG19.conv_layers):
        maps = truth.maps(layer.name)
        side = maps.shape[1]
        small = grey.reshape(side, 224 // side, side, 224 // side).mean(axis=(1, 3)).ravel()
        live = maps.any(axis=(1, 2))
        like = [np.corrcoef(map_.ravel(), small)[0, 1] for map_ in maps[live]]
        row = {name: values[index] for name, values in plots[0].items()}
        assert row["active"] == pytest.approx((maps > 0).mean(), rel=1e-4)
        assert row["silent"] == np.count_nonzero(~live)
        assert row["likeness"] == pytest.approx(max(like), abs=2e-3)
        assert row["map"] == np.flatnonzero(live)[int(np.argmax(like))] + 1
    assert f"{plots[0]['likeness'][0]:.2f} in block1_conv1" in texts(page)
    fields = [
        json.loads(chart.proto.spec)["encoding"]["y"]["field"]
        for chart in page.get("vega_lite_chart")
    ]
    assert fields == ["active", "field", "likeness"]


# -- lecture mode


@pytest.mark.parametrize(
    "view", ["Architecture", "Filters", "Feature maps", "Blocks", "Conclusion"]
)
def test_a_lecture_has_the_pictures_and_next_to_no_words(view):
    page = open_page(view=view, layer=LAYER.title, channel="3")
    shown, words = set(payloads(page)), len(texts(page))
    assert "export-" in str([part.key for part in page.get("popover")]) or view in (
        "Architecture",
        "Conclusion",
    )
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


def test_a_lecture_has_one_line_under_a_grid():
    page = open_page(**MAPS, maps="9", lecture="true")
    assert captions(page) == ["ImageNet · Cat · 9 of 256 maps"]
    assert tiles_of(payloads(page)["maps-mosaic"])[0]["tools"] is False
    choose(page, "compare", "preprocessing")
    assert captions(page) == [
        "ImageNet · Cat · 9 of 256 maps",
        "ImageNet · Cat · RGB / 255 instead of BGR − mean · 9 of 256 maps",
    ]


@pytest.mark.parametrize("view", ["Filters", "Feature maps"])
def test_a_lectures_buttons_go_from_layer_to_layer(view):
    page = open_page(view=view, lecture="true", layer=VGG19.conv_layers[14].title)
    press(page, "next-layer")
    assert page.header[0].value.endswith("block5_conv4")
    assert page.button(key="next-layer").disabled
    assert not page.button(key="previous-layer").disabled
    press(page, "previous-layer")
    press(page, "previous-layer")
    assert page.header[0].value.endswith("block5_conv2")
    assert read(link_of(page))["layer"] == "block5_conv2"
    choose(page, "layer", "block1_conv1")
    assert page.button(key="previous-layer").disabled
    press(page, "next-layer")
    assert shown(page, "layer") == "block1_conv2"


def test_outside_of_a_lecture_there_are_no_buttons_for_layers():
    keys = [button.key for button in open_page(**MAPS).button]
    assert "next-layer" not in keys
    assert "previous-layer" not in keys


# -- the tour

STEPS = tours.built_in().steps


def held(value):
    """A link's value as the page's widgets hold it."""
    return list(value) if isinstance(value, tuple) else value


def assert_at(page: AppTest, number: int, steps=STEPS):
    """The page is at that step, from 1, and shows what the step says."""
    step = steps[number - 1]
    assert page.subheader[0].value.startswith(f"{number} of {len(steps)} · ")
    assert not page.warning
    for key, value in step.page.items():
        assert shown(page, key) == value, key
    # Where the control is tied to the address, that says it as well.
    told = read(link_of(page))
    for key, field in FIELDS.items():
        if key not in (*tour_steps.WAY, *tour_steps.LENT, "lecture", "channels"):
            assert told.get(key, field.default) == step.page.get(key, field.default), key


def test_the_tour_goes_through_all_its_steps_and_leaves_the_page_as_it_is():
    page = open_page()
    press(page, "tour-start")
    for number, step in enumerate(STEPS, start=1):
        assert_at(page, number)
        assert page.button(key="tour-back").disabled == (number == 1)
        assert step.words.text in [part.value for part in page.markdown]
        if step.words.question:
            assert page.button(key="tour-next").label == "Answer"
            assert not page.success
            press(page, "tour-next")
            assert page.success[0].value == step.words.answer
            assert_at(page, number)
        assert page.button(key="tour-next").label == ("Finish" if number == len(STEPS) else "Next")
        press(page, "tour-next")
    assert "tour" not in page.query_params
    assert "answer" not in page.query_params
    assert "tour-start" in [button.key for button in page.button]
    assert shown(page, "view") == STEPS[-1].page["view"]


def test_the_tour_goes_back_and_can_be_left_anywhere():
    page = open_page(tour="5", picture="Coffee")
    press(page, "tour-back")
    assert_at(page, 4)
    press(page, "tour-next")
    assert page.success
    press(page, "tour-back")
    assert_at(page, 3)
    assert not page.success
    before = payloads(page)["maps-mosaic"]
    press(page, "tour-leave")
    assert "tour" not in page.query_params
    assert not [part for part in page.subheader if " of 11 · " in part.value]
    assert tiles_of(payloads(page)["maps-mosaic"])[0]["titles"] == tiles_of(before)[0]["titles"]
    assert shown(page, "layer") == STEPS[2].page["layer"]


def test_a_link_to_a_step_alone_sets_the_page():
    for query in ({"tour": "5"}, {"tour": "5", "answer": "true"}, {"tour": "9", "lecture": "true"}):
        page = open_page(**query)
        assert_at(page, int(query["tour"]))
        assert bool(page.success) == ("answer" in query)


def test_a_link_to_a_step_with_a_view_says_what_is_shown():
    page = open_page(tour="5", view="Blocks", blocks=["1", "2"])
    assert page.subheader[0].value.startswith("5 of 11 · ")
    assert shown(page, "view") == "blocks"
    assert shown(page, "picture") == "cat"
    assert {"block-1", "block-2"} <= set(payloads(page))
    press(page, "tour-back")
    assert_at(page, 4)


@pytest.mark.parametrize("tour", ["abc", "0", "999", "-1", "", "１", "5.0", "101"])
def test_there_is_no_tour_at_a_step_that_cannot_be(tour):
    page = open_page(tour=tour)
    assert fingerprint(page) == fingerprint(open_page())
    press(page, "tour-start")
    assert_at(page, 1)


def test_a_step_beyond_the_last_is_the_last():
    assert_at(open_page(tour="100"), len(STEPS))


OWN = """
title = "My own"

[[step]]
title = "First [one](https://example.org) of *two*"
text = "Look **here**."
page = "?view=Blocks&blocks=2&block_maps=4"

[[step]]
title = "Second"
text = "And there."
page = "?view=Filters&layer=3"
question = "Why?"
answer = "Because."
""".replace("layer=3", f"layer={LAYER.title}")


def open_tour(page, data):
    choose(page, "tour-other", True)
    page.file_uploader(key="tour-file").upload("own.toml", data, "application/toml").run()
    assert not page.exception
    return page


def test_a_tour_of_ones_own_is_opened_from_its_file():
    page = open_tour(open_page(tour="2"), OWN.encode())
    steps = tours.parse(OWN).steps
    assert_at(page, 1, steps)
    assert "\\[one\\]" in page.subheader[0].value
    assert "tour" not in page.query_params
    assert set(payloads(page)) >= {"block-2"}
    press(page, "tour-next")
    assert_at(page, 2, steps)
    press(page, "tour-next")
    assert page.success[0].value == "Because."
    press(page, "tour-next")
    assert "tour-start" in [button.key for button in page.button]
    press(page, "tour-start")
    assert_at(page, 1)


def test_from_ones_own_tour_there_is_a_way_back_to_the_pages():
    page = open_tour(open_page(tour="2"), OWN.encode())
    choose(page, "tour-other", True)
    press(page, "tour-own-again")
    assert_at(page, 1)
    assert read(link_of(page))["tour"] == 1


@pytest.mark.parametrize(
    ("data", "where"),
    [
        (b"title = ", "Line 1 of the tour"),
        (b"\xff\xfe", "Line 1 of the tour"),
        (OWN.replace("block_maps=4", "block_maps=4000").encode(), "Step 1 of the tour"),
        (OWN.replace("Filters", "<script>alert(1)</script>").encode(), "Step 2 of the tour"),
        (b"a" * 70_000, "The tour"),
    ],
    ids=["syntax", "encoding", "number", "view", "size"],
)
def test_a_broken_tour_is_one_message_that_says_where(data, where):
    page = open_tour(open_page(tour="2"), data)
    choose(page, "tour-other", True)
    (error,) = page.error
    assert error.value.startswith(where)
    assert "\n" not in error.value
    assert "<script>" not in error.value
    assert_at(page, 2)
    page.file_uploader(key="tour-file").upload("own.toml", OWN.encode(), "application/toml").run()
    assert not page.exception
    assert not page.error
    assert_at(page, 1, tours.parse(OWN).steps)


# -- files to take along


@pytest.fixture
def offered(monkeypatch):
    """Open a page and get what its exports are made of, under their names."""
    found = {}

    def offer(name, title, grids, runs):
        found[name] = export_menu.Export(title, grids, runs, "https://example.org/?maps=9", False)

    def open_and_catch(**query):
        found.clear()
        open_page(**query)
        return dict(found)

    monkeypatch.setattr(export_menu, "offer", offer)
    return open_and_catch


def arrays_of(export):
    with np.load(io.BytesIO(export.npz())) as file:
        arrays = {name: file[name] for name in file.files if name != "about"}
        return arrays, json.loads(str(file["about"]))


def csv_rows(export):
    return list(csv.DictReader(io.StringIO(export.csv().decode("utf-8-sig"), newline="")))


def assert_numbers(export, expected):
    """The CSV has NumPy's numbers of these arrays (n, s, s), with these numbers."""
    rows = csv_rows(export)
    assert len(rows) == sum(len(numbers) for _, numbers in expected)
    wanted = [
        (number, map_)
        for maps, numbers in expected
        for number, map_ in zip(numbers, maps, strict=True)
    ]
    for row, (number, map_) in zip(rows, wanted, strict=True):
        values = map_.astype(np.float64)
        assert int(row.get("map") or row["filter"]) == number
        assert np.float32(row["minimum"]) == map_.min()
        assert np.float32(row["maximum"]) == map_.max()
        assert float(row["mean"]) == pytest.approx(values.mean(), rel=1e-4, abs=1e-6)
        assert float(row["variance"]) == pytest.approx(values.var(), rel=1e-3, abs=1e-9)
        assert float(row["active_share"]) == pytest.approx((values > 0).mean())
        assert row["silent"] == ("no" if (values > 0).any() else "yes")


def assert_files(export, caption):
    """The picture, the page and the script of an export say what it is."""
    picture = Image.open(io.BytesIO(export.png()))
    assert 800 <= picture.width <= 2400
    assert np.unique(np.asarray(picture.convert("L"))).size > 20
    assert picture.text["Title"] == export.title
    assert picture.text["Description"].startswith(caption)
    assert picture.text["Source"] == export.link
    assert export.pdf().startswith(b"%PDF-")
    script = export.py().decode()
    ast.parse(script)
    assert caption.split(" · 9 of")[0] in script
    assert export.link in script
    return script


def test_the_files_of_maps_are_those_that_are_shown(offered, truth):
    maps = truth.maps(LAYER.name)
    numbers = ordered(maps, "mean", 9)
    (export,) = offered(**MAPS, maps="9", order="Mean").values()
    arrays, about = arrays_of(export)
    assert list(arrays) == ["maps"]
    np.testing.assert_array_equal(arrays["maps"], maps[np.array(numbers) - 1], strict=True)
    assert about["maps_titles"].split() == [str(number) for number in numbers]
    caption = f"{LAYER.title} · ImageNet · Cat (stretched) · 9 of 256 maps shown, the largest mean"
    assert about["maps_caption"].startswith(caption)
    assert about["link"] == export.link
    assert about["arrays"] == {"maps": "map 9 × row 56 × column 56, float32"}
    assert_numbers(export, [(arrays["maps"], numbers)])
    script = assert_files(export, caption)
    assert f"[{', '.join(map(str, numbers))}]" in script
    assert "'block3_conv1'" in script


def test_silent_maps_are_told_in_the_numbers(offered, truth):
    (export,) = offered(**MAPS, maps="256").values()
    rows = csv_rows(export)
    assert [int(row["map"]) for row in rows if row["silent"] == "yes"] == silent(
        truth.maps(LAYER.name)
    )


@pytest.mark.parametrize("kind", COMPARED)
def test_the_files_of_a_comparison_are_both_sides(kind, offered, truth):
    query = MAPS | {"maps": "9", "order": "Variance", "compare": FIELDS["compare"].options[kind]}
    (export,) = offered(**query).values()
    maps, others = both(truth, kind)
    numbers = ordered(maps, "variance", 9)
    sides = [side[np.array(numbers) - 1] for side in (maps, others)]
    arrays, about = arrays_of(export)
    assert list(arrays) == ["this", "other"]
    for array, side in zip(arrays.values(), sides, strict=True):
        np.testing.assert_array_equal(array, side, strict=True)
    for name, subject in zip(arrays, SUBJECTS[kind], strict=True):
        assert f" · {subject} · 9 of 256 maps shown" in about[f"{name}_caption"]
    assert_numbers(export, [(side, numbers) for side in sides])
    script = assert_files(export, f"{LAYER.title} · {SUBJECTS[kind][0]} · 9 of 256")
    assert SUBJECTS[kind][1] in script
    assert "'this': make_maps(" in script
    assert "'other': make_maps(" in script
    assert ("def rgb(" in script) == (kind == "preprocessing")


def test_the_files_of_a_difference_are_the_difference(offered, truth):
    query = MAPS | {"maps": "9", "compare": "Another picture", "shown_as": "Difference"}
    (export,) = offered(**query).values()
    this, other = both(truth, "picture")
    arrays, about = arrays_of(export)
    np.testing.assert_array_equal(arrays["difference"], other[:9] - this[:9], strict=True)
    assert "Raccoon (stretched) minus ImageNet · Cat (stretched)" in about["difference_caption"]
    assert_numbers(export, [(arrays["difference"], range(1, 10))])
    picture = np.asarray(Image.open(io.BytesIO(export.png())).convert("RGB")).astype(int)
    assert (picture[..., 0] - picture[..., 2]).max() > 50  # red
    assert (picture[..., 2] - picture[..., 0]).max() > 50  # blue


@pytest.mark.parametrize(
    ("shown_as", "names"),
    [("Side by side", ["this", "other"]), ("Difference", ["difference"])],
)
def test_the_script_of_a_comparison_makes_the_arrays_of_its_file(
    shown_as, names, offered, tmp_path
):
    query = MAPS | {"maps": "9", "network": "Untrained", "compare": "Another picture"}
    (export,) = offered(**query, shown_as=shown_as).values()
    file = tmp_path / "exported.npz"
    file.write_bytes(export.npz())
    arrays, _ = arrays_of(export)
    assert list(arrays) == names
    made, said = run_script(export.py().decode(), tmp_path, file)
    for name, array in arrays.items():
        assert_near(made[name], array)
        assert f"{name} (9, 56, 56): largest difference" in said


@pytest.mark.parametrize("layer", [VGG19.conv_layers[0], LAYER], ids=lambda layer: layer.name)
def test_the_files_of_filters_are_their_kernels(layer, offered):
    (export,) = offered(view="Filters", layer=layer.title, filters="20", filter_page="2").values()
    kernel = Weights().read(layer.name)[0].transpose(3, 2, 0, 1)
    channels = min(8, layer.channels)
    arrays, about = arrays_of(export)
    np.testing.assert_array_equal(arrays["filters"], kernel[16:20, :channels], strict=True)
    assert about["filters_titles"].split()[:2] == ["17-1", "17-2"]
    numbers = [number for number in range(17, 21) for _ in range(channels)]
    assert_numbers(export, [(arrays["filters"].reshape(-1, 3, 3), numbers)])
    shown = [int(row["channel"]) for row in csv_rows(export)]
    assert shown == [*range(1, channels + 1)] * 4
    assert (
        about["arrays"]["filters"] == f"filter 4 × channel {channels} × row 3 × column 3, float32"
    )
    script = assert_files(export, f"{layer.title} · ImageNet · 4 of {layer.filters} filters")
    assert "range(17, 21)" in script


def test_the_files_of_blocks_are_each_blocks_maps(offered, truth):
    found = offered(view="Blocks", blocks=["2", "5"], block_maps="9", order="Mean")
    assert list(found) == ["block-2", "block-5"]
    for block, export in zip((2, 5), found.values(), strict=True):
        layer = VGG19.block_ends[block - 1]
        maps = truth.maps(layer.name)
        numbers = ordered(maps, "mean", 9)
        arrays, _ = arrays_of(export)
        np.testing.assert_allclose(
            arrays["maps"], maps[np.array(numbers) - 1], rtol=1e-4, atol=1e-4
        )
        assert_numbers(export, [(arrays["maps"], numbers)])
        assert_files(export, f"{layer.title} · ImageNet · Cat (stretched) · 9 of {layer.filters}")


@pytest.mark.parametrize(
    ("query", "name"),
    [
        (MAPS, "maps"),
        (MAPS | {"compare": "Wrong preprocessing"}, "comparison"),
        ({"view": "Filters"}, "kernels"),
        ({"view": "Blocks", "blocks": "3"}, "block-3"),
    ],
    ids=["maps", "comparison", "kernels", "block"],
)
def test_no_file_is_made_before_somebody_asks_for_it(query, name, monkeypatch):
    for maker in ("sheet_png", "sheet_pdf", "arrays_npz", "numbers_csv"):
        monkeypatch.setattr(exports, maker, partial(pytest.fail, f"{maker} was called"))
    for maker in ("maps_script", "filters_script"):
        monkeypatch.setattr(export_menu, maker, partial(pytest.fail, f"{maker} was called"))
    page = open_page(**query)
    assert not page.get("download_button")
    choose(page, f"export-{name}", True)
    assert [button.label for button in page.get("download_button")] == [
        label for label, _ in export_menu.FILES.values()
    ]
    assert not [line for line in captions(page) if "your own picture" in line]


def test_with_ones_own_picture_the_files_say_what_their_link_lacks():
    page = choose(open_page(**MAPS, picture="Your own"), "export-maps", True)
    assert "The link in them does not carry your own picture." in captions(page)


# -- the address

CONTROLS = ("selectbox", "button_group", "slider", "number_input", "toggle")
EVERY_CONTROL = (
    {"view": "Architecture"},
    {"view": "Filters", "layer": "10 · block4_conv2", "filters": "512", "channels": "512"},
    {**MAPS, "compare": "Another picture", "channel": "3", "picture": "Your own"},
    {**MAPS},
    {"view": "Blocks", "beside": "true"},
    {"view": "Conclusion"},
)


def controls_of(page):
    """The controls of a page that a link may set, under their names."""
    every = [part for kind in CONTROLS for part in page.get(kind)]
    return {part.key: part for part in every if part.key in FIELDS}


def test_the_pages_controls_offer_what_a_link_may_say():
    seen = set()
    for query in EVERY_CONTROL:
        page = open_page(**query)
        for name, control in controls_of(page).items():
            field = FIELDS[name]
            seen.add(name)
            if isinstance(field, Choice | Several):
                labels = list(field.options.values())
                # A view leaves out what has no meaning in it, such as a scale around zero.
                assert control.options == labels[: len(control.options)], name
                assert len(labels) - len(control.options) <= (name == "scale"), name
            elif isinstance(field, Number):
                assert control.proto.min == 1, name
                assert control.proto.max <= field.largest, name
            if name not in query and name != "channels":  # a layer may have fewer than 8
                assert shown(page, name) == field.default, name
    # Pages of filters have a control that AppTest does not know; "stored" is there for pictures
    # that can be stretched (test_app has one); the others are buttons.
    assert set(FIELDS) - seen == {
        *("filter_page", "channel_page", "stored", "lecture", "tour", "own_tour", "answer")
    }


def linked(random, names):
    """A value for each of these controls."""
    values = {}
    for name in names:
        field = FIELDS[name]
        if isinstance(field, Choice):
            values[name] = random.choice([*field.options])
        elif isinstance(field, Several):
            values[name] = tuple(option for option in field.options if random.random() < 0.5)
        elif isinstance(field, Number):
            values[name] = random.randint(1, min(14, field.largest))
        else:
            values[name] = random.random() < 0.5
    return values


@pytest.mark.parametrize("seed", range(6))
def test_a_link_sets_all_controls_that_are_on_the_page(seed):
    random = Random(seed)
    names = [
        name for name in FIELDS if name not in ("tour", "own_tour", "answer", "lecture", "source")
    ]
    values = linked(random, names)
    for name in ("picture", "other"):
        values[name] = random.choice([sample.name for sample in samples.SAMPLES])
    values["view"] = ("maps", "blocks", "filters")[seed % 3]
    if values["view"] != "filters" and values["scale"] == "zero":
        values["scale"] = "layer"
    if values["shown_as"] == "difference" and values["pair_scale"] == "own":
        values["pair_scale"] = "layer"
    page = open_page(**parse_qs(write(values), keep_blank_values=True))
    there = controls_of(page)
    assert len(there) >= 5
    for name, control in there.items():
        value = held(values[name])
        if isinstance(FIELDS[name], Number):
            value = min(value, control.proto.max)  # the layer's own
        assert page.session_state[name] == value, name


NONSENSE = (
    *("", "abc", "-1", "0", "1e9", "NaN", "１２", "<script>alert(1)</script>", "../../etc/passwd"),
    *("%00", "a" * 5000, ["abc", "-1"], "[1, 2]"),
)
# Every control in a view where it matters; what makes it matter there is said rightly.
MATTERS = {
    "architecture": ({}, ("view", "picture", "fit", "lecture", "tour", "answer")),
    "maps": (
        {"view": "Feature maps"},
        (
            *("picture", "fit", "layer", "maps", "compare", "scale", "colours", "order"),
            *("network", "channel", "tour", "lecture"),
        ),
    ),
    "compared": (
        {**MAPS, "compare": "Another picture", "channel": "3"},
        ("other", "shown_as", "pair_scale", "colours", "row", "column"),
    ),
    "a value": ({**MAPS, "channel": "3", "maps": "4"}, ("row", "column")),
    "own picture": ({"view": "Conclusion", "picture": "Your own"}, ("source", "stored", "network")),
    "filters": ({"view": "Filters"}, ("layer", "filters", "channels", "scale", "colours")),
    "pages": (
        {"view": "Filters", "layer": LAYER.title, "filters": "256", "channels": "128"},
        ("filter_page", "channel_page", "network"),
    ),
    "blocks": (
        {"view": "Blocks", "beside": "true"},
        ("blocks", "block_maps", "filter_channel", "scale", "colours", "order"),
    ),
    "beside": ({"view": "Blocks", "blocks": "5"}, ("beside", "answer")),
    "tour": ({"tour": "2"}, ("answer", "own_tour")),
}


def fingerprint(page):
    """All that a page shows and all that its controls hold."""
    words = [(part.type, part.value) for kind in WORDS for part in page.get(kind)]
    held_now = {name: page.session_state[name] for name in controls_of(page)}
    for name, value in held_now.items():
        # Streamlit takes `?view=` for a choice of nothing; the page is then that of the default.
        if value is None:
            held_now[name] = FIELDS[name].default
    return words, held_now, payloads(page)


WORDS = ("title", "header", "subheader", "markdown", "caption", "info", "text", "success", "code")


def is_nonsense(name, given):
    try:
        FIELDS[name].read([given] if isinstance(given, str) else given)
    except LinkError:
        return True
    return False


def test_every_control_is_given_nonsense_where_it_matters():
    assert {name for _, names in MATTERS.values() for name in names} == set(FIELDS)


@pytest.mark.parametrize("where", MATTERS)
def test_nonsense_in_the_address_is_as_if_nothing_were_said(where):
    base, names = MATTERS[where]
    sound = fingerprint(open_page(**base))
    for turn in range(len(NONSENSE)):
        given = {name: NONSENSE[(turn + place) % len(NONSENSE)] for place, name in enumerate(names)}
        given = {name: value for name, value in given.items() if is_nonsense(name, value)}
        page = open_page(**base, **given)
        assert not page.error, given
        assert bool(page.warning) == bool(given), given
        assert fingerprint(page) == sound, given


@pytest.mark.parametrize(
    ("base", "name", "most"),
    [
        ({"view": "Filters"}, "filters", 64),
        ({"view": "Filters"}, "channels", 3),
        ({"view": "Feature maps"}, "maps", 64),
        ({"view": "Feature maps"}, "channel", 64),
        ({"view": "Blocks", "blocks": "5"}, "block_maps", 512),
        ({"view": "Blocks", "blocks": "5", "beside": "true"}, "filter_channel", 64),
        ({"view": "Feature maps", "layer": "16 · block5_conv4", "channel": "3"}, "row", 14),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_number_that_is_too_large_is_cut_to_the_largest(base, name, most):
    page = open_page(**base, **{name: "99999"})
    assert controls_of(page)[name].value == most
    assert not page.error


def test_what_the_page_has_no_control_for_is_left_alone():
    strange = {"x": "1", "layer[]": "5", "VIEW": "Blocks"}
    page = open_page(**strange)
    assert fingerprint(page) == fingerprint(open_page())
    assert all(f"“{name}”" in page.warning[0].value.replace("\\", "") for name in strange)
    # What Streamlit and those who pass links on put into them is no business of the visitor's.
    assert not open_page(utm_source="<script>", fbclid="1", embed="true").warning


def test_a_repeated_control_with_one_right_value_is_no_accident():
    page = open_page(view="Feature maps", maps=["abc", "5"], layer=["nonsense", LAYER.title])
    assert not page.error
    assert shown(page, "maps") in (5, 64)
    assert shown(page, "layer") in ("block1_conv1", LAYER.name)


def test_hostile_uploads_end_in_a_picture_or_one_sentence_on_the_page():
    page = open_page(view="Architecture", picture="Your own")
    for file in [*hostile.strange_names(), *hostile.corpus()[::20]]:
        if set(file.file_name) & {"\ud800", "\0"}:
            continue  # no UTF-8, or refused by Streamlit before any script runs
        upload(page, file.data, file.file_name or "file")
        assert len(page.error) <= 1, file.name
        if file.outcome == "picture":
            assert not page.error, file.name
        elif file.outcome == "refused":
            assert ": please " in page.error[0].value.replace("\\", ""), file.name
            assert "\n" not in page.error[0].value
            # Neither the file's own words nor its name.
            assert "<b>" not in page.error[0].value
            assert "passwd" not in page.error[0].value


def noise(side):
    """A photograph that no format makes small, as PNG."""
    pixels = np.random.default_rng(side).integers(0, 256, (side, side, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def test_a_session_holds_neither_the_maps_nor_the_file_of_its_picture():
    page = open_page(**MAPS, picture="Your own", channel="5", row="7", column="9")
    data = noise(900)  # 2.4 MB
    upload(page, data)
    assert "Your picture" in texts(page)
    assert "strongest contributors" in texts(page)
    # The layer before has 6.4 MB of maps; the picture's pixels and its PNG are 0.3 MB.
    assert held_bytes(page) < 1_000_000


def test_an_upload_under_a_samples_name_is_not_that_sample():
    page = open_page(**MAPS, picture="Bricks", maps="1")
    bricks = payloads(page)["maps-mosaic"]
    choose(page, "picture", "own")
    upload(page, noise(224), "sample bricks")
    assert "Your picture" in texts(page)
    assert payloads(page)["maps-mosaic"] != bricks
    assert payloads(choose(page, "picture", "bricks"))["maps-mosaic"] == bricks


def test_a_mosaic_of_another_view_is_not_taken_for_this_views():
    layer = VGG19.block_ends[2]
    for _ in range(2):
        in_blocks = open_page(view="Blocks", blocks="3", channel="5")
        in_maps = open_page(view="Feature maps", layer=layer.title, channel="5")
        assert not unpacked(payloads(in_blocks)["block-3"])[0]["follows"]
        assert unpacked(payloads(in_maps)["maps-mosaic"])[0]["follows"]


def test_who_empties_the_map_has_no_position_either():
    page = open_page(**MAPS, channel="12", row="3", column="4")
    assert inspected(page)["channel"] == 12
    page.number_input(key="channel").set_value(None)
    run_page(page)
    assert not {"channel", "row", "column"} & set(read(link_of(page)))
    assert inspected(page)["channel"] is None
    choose(page, "channel", 12)
    assert [shown(page, name) for name in ("channel", "row", "column")] == [12, None, None]


def test_tips_and_scales_say_numbers_as_people_do():
    assert grid.in_words(np.array([4237.2, -0.00001234, 0.0])) == ["4,240", "−0.0000123", "0"]
    strip = grid.legend("gray", (0.0, 12345.0))
    assert "<span>0</span><span>12,300</span>" in strip


def test_no_widget_has_the_key_of_a_grid():
    page = open_page(view="Filters")
    for layer in list(VGG19.conv_layers)[1:6]:  # so that each number's widget is made anew
        choose(page, "layer", layer.name)
    choose(page, "view", "blocks")
    choose(page, "beside", True)
    choose(page, "view", "filters")
    assert widget(page, "slider", "filters").value == 8
    choose(page, "view", "blocks")
    assert "filters-3" in payloads(page)


def test_what_a_widget_that_is_gone_goes_on_to_say_is_no_choice():
    page = open_page(view="Feature maps", maps="4")
    # What a browser sends that has not heard yet of what the click has changed.
    late = page._tree.get_widget_states()
    press(page, "tour-start")
    assert link_of(page) == "tour=1"
    for _ in range(2):
        page._run(late)
        assert not page.exception
        assert link_of(page) == "tour=1"
