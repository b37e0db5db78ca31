"""Ablated maps on the page, against a network with their kernels and biases set to zero."""

import re
from functools import cache

import numpy as np
import pytest

from tests.support.pages import network_of, open_page
from tests.support.thin import outcome
from tests.support.truth import (
    LAYER,
    MAPS,
    NEVER_ACTIVE,
    Overflowing,
    StandIn,
    assert_shown,
    number,
)
from vgg_viz.interpretability.ablation import ablate, later_changes, later_maps
from vgg_viz.links import effective_values, encode, read
from vgg_viz.model.architecture import VGG19
from vgg_viz.ui.state.shared_instance import shared
from vgg_viz.ui.state.values import ablation_after

NUMBERS = (5, 12)
ABLATED = {**MAPS, "maps": "4", "ablated": "5,12"}
# A layer with three later ones of small maps, where the numbers do not matter.
LATE = {**MAPS, "layer": "block5_conv1", "maps": "4"}
LATER = VGG19.conv_layers[LAYER.conv_number :]


@pytest.fixture(scope="module")
def network():
    with network_of(StandIn()):
        return shared().loaders["imagenet"].network().result()


@pytest.fixture(scope="module")
def maps(network, truth):
    """The maps of the layer that is ablated."""
    with network_of(StandIn()):
        return truth.maps(LAYER.name)


@pytest.fixture(scope="module")
def changes(network, maps):
    """Changes of the maps of every later layer, which tests/interpretability/ proves, by name."""
    found, _ = outcome(later_changes(network, LAYER, maps, NUMBERS))
    return {one.layer.name: one for one in found}


@pytest.fixture(scope="module")
def ablated_maps(network, maps):
    """Compute a later layer's maps without the ablated ones."""
    ablated = ablate(maps, NUMBERS)
    return cache(lambda layer: outcome(later_maps(network, LAYER, ablated, layer))[0])


def most_changed(change, count):
    """Return the numbers of the most changed maps."""
    return (change.strongest(count) + 1).tolist()


def grids(page):
    return {name: page.tiles(name) for name in page.payloads if "ablated-" in name}


def test_table_lists_the_most_changed_maps_of_every_later_layer(changes):
    page = open_page(**ABLATED).choose("changes", True)
    assert page.held_bytes() < 500_000  # no maps
    rows = re.findall(r"^\| (block\S+) \| (\S+) \| (.*) \|$", page.texts, re.M)
    assert [name for name, *_ in rows] == [one.name for one in LATER]
    for layer, (_, whole, listed) in zip(LATER, rows, strict=True):
        change = changes[layer.name]
        share = change.mean.sum() / change.before.sum()
        assert whole == (f"{share:.0%}" if share >= 0.01 else "<1%")
        found = re.findall(r"\*\*(\d+)\*\* by (\S+) \((\d+)%\)", listed)
        assert [int(one) for one, *_ in found] == most_changed(change, 3)
        for one, by, share in found:
            index = int(one) - 1
            assert number(by) == pytest.approx(change.mean[index], rel=0.01)
            expected = 100 * change.mean[index] / change.before[index]
            assert int(share) == pytest.approx(expected, abs=0.51)


def test_most_changed_maps_are_shown_and_exported(changes, ablated_maps, truth, offered):
    layer = VGG19.conv_layer("block4_conv1")
    page = open_page(**ABLATED, later_layer=layer.name)
    change = changes[layer.name]
    numbers = most_changed(change, 8)
    indices = np.array(numbers) - 1
    sides = truth.maps(layer.name)[indices], ablated_maps(layer)[indices]
    low, high = (
        (np.minimum(*(one.min(axis=(1, 2)) for one in sides))),
        (np.maximum(*(one.max(axis=(1, 2)) for one in sides))),
    )
    found = grids(page)
    assert list(found) == ["ablated-before", "ablated-without"]
    for (header, tiles), values in zip(found.values(), sides, strict=True):
        assert header["numbers"] == numbers
        assert_shown(tiles, values, low, high)
        assert header["name"].startswith(f"{layer.title} · ImageNet · Cat (stretched) · ")
    for title, one in zip(found["ablated-without"][0]["titles"], numbers, strict=True):
        assert number(title.split(": ")[1]) == pytest.approx(change.mean[one - 1], rel=0.01)
    page.choose("shown_as", "difference")
    ((header, tiles),) = grids(page).values()
    values = sides[1] - sides[0]
    largest = np.abs(values).max(axis=(1, 2))
    assert header["numbers"] == numbers
    assert_shown(tiles, values, -largest, largest)
    export = offered["ablation"]
    (exported,) = export.grids()
    np.testing.assert_allclose(exported.values, values, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(exported.figures["mean_change"], change.mean[indices], rtol=1e-4)
    assert f"without maps 5 and 12 of {LAYER.name} minus original" in exported.caption
    (without,) = (one for one in export.runs() if one.name == "without")
    assert (without.arguments["ablated_in"], without.arguments["ablated"]) == (LAYER.name, NUMBERS)


# A max pool follows the second layer.
@pytest.mark.parametrize("layer", [LAYER.name, "block4_conv4"])
def test_value_of_the_next_layer_changes_by_the_maps_contribution(layer, ablated_maps, truth):
    page = open_page(**ABLATED | {"layer": layer})
    after_relu, change, contribution = map(number, page.figures)
    assert change == pytest.approx(-contribution, rel=1e-3)
    assert abs(change) > 1e-3
    following = VGG19.conv_layers[VGG19.conv_layer(layer).conv_number].name
    sentence = (
        r"in (\S+) is that of map (\d+) at row (\d+), column (\d+)\. .* is (\S+), and (\S+) wit"
    )
    ((name, *position, before, after),) = re.findall(sentence, page.texts)
    assert name == following
    channel, row, column = (int(one) - 1 for one in position)
    value = float(truth.maps(following)[channel, row, column])
    assert value == pytest.approx(max(0, number(before)), rel=1e-3)
    assert number(after) - number(before) == pytest.approx(change, rel=0.01)
    relu = max(0, number(after)) - max(0, number(before))
    assert after_relu == pytest.approx(relu, rel=0.01)
    if layer == LAYER.name:  # it is the most changed value of all maps
        differences = ablated_maps(LATER[0]) - truth.maps(name)
        assert after_relu == pytest.approx(float(differences[channel, row, column]), rel=1e-3)
        assert abs(after_relu) == pytest.approx(np.abs(differences).max(), rel=1e-3)


def test_switch_ablates_and_restores_the_chosen_map_among_at_most_16():
    page = open_page(**LATE, channel="12")
    assert not grids(page)
    assert page.toggle[0].label == "Ablate this map (set it to zero)"
    assert not page.toggle[0].value
    page.toggle[0].set_value(True).run()
    assert read(page.link)["ablated"] == (12,)
    assert len(grids(page)) == 2
    assert page.widget("text_input", "ablated").value == "12"
    page.choose("channel", 5)
    assert not page.toggle[0].value
    page.toggle[0].set_value(True).run()
    assert read(page.link)["ablated"] == (5, 12)
    page.toggle[0].set_value(False).run()
    assert read(page.link)["ablated"] == (12,)
    # The switch follows ablation by other controls.
    page.choose("ablated", tuple(range(1, 17)))
    assert page.toggle[0].value
    assert "Without 16 maps" in [part.value for part in page.subheader]
    assert not page.toggle[0].disabled
    assert page.choose("channel", 20).toggle[0].disabled


def test_ablated_maps_need_no_room_in_the_cache(monkeypatch):
    cache = shared().values
    cache.shrink_to(0)
    monkeypatch.setattr(cache, "max_bytes", 10**6)  # less than the maps of a layer
    page = open_page(**ABLATED)
    assert not page.error
    assert page.figures


def enter(page, text):
    page.widget("text_input", "ablated").set_value(text)
    return page.run()


def test_several_maps_are_ablated_by_number():
    page = enter(open_page(**LATE, channel="4", tab="ablation"), "30, 4 17,4")
    assert page.shown("ablated") == (4, 17, 30)
    assert page.widget("text_input", "ablated").value == "4, 17, 30"
    assert "Without maps 4, 17 and 30" in [part.value for part in page.subheader]
    assert page.inspected()["channel"] == 4
    titles = page.tiles("maps-mosaic")[0]["titles"]
    assert titles == ["1", "2", "3", "4 ✕"]
    for nonsense in ("abc", "513"):
        enter(page, nonsense)
        (warning,) = page.warning
        assert warning.value.replace("\\", "") == (
            f"Expected up to 16 numbers from 1 to 512, such as 4, 17, 30, got “{nonsense}”."
        )
        assert page.shown("ablated") == (4, 17, 30)
        assert page.widget("text_input", "ablated").value == "4, 17, 30"
    enter(page, "")
    assert not page.warning
    assert "ablated" not in page.link
    assert not grids(page)


def test_choosing_another_layer_restores_the_maps():
    page = open_page(**LATE, ablated="5", later_layer="15 · block5_conv3")
    assert read(page.link)["later_layer"] == "block5_conv3"
    page.selectbox(key="layer").set_value("block5_conv4")
    page.run()
    assert read(page.link).keys() & {"ablated", "later_layer"} == set()
    assert not grids(page)
    # The last conv layer has no later layer to change.
    (info,) = page.choose("ablated", (5,)).info
    assert info.value.startswith("block5_conv4 is the last conv layer")
    assert not grids(page)


def test_ablating_inactive_maps_changes_nothing():
    one = ",".join(map(str, NEVER_ACTIVE))
    page = open_page(**MAPS, maps="4", ablated=one)
    (info,) = page.info
    assert info.value == "Maps 2, 7 and 100 are already inactive, so nothing changes."
    assert not grids(page)
    assert not page.figures
    (info,) = page.choose("ablated", (2, 5)).info
    assert info.value == "Map 2 is already inactive, so ablating it changes nothing."
    assert len(grids(page)) == 2


@network_of(Overflowing())
def test_overflow_is_reported_in_a_sentence():
    page = open_page(**ABLATED | {"layer": "block1_conv1"})
    for _ in ("the page", "a lecture"):
        (warning,) = page.warning
        assert "activations overflow float32" in warning.value
        assert not grids(page)
        page.press("lecture-switch")


def test_lecture_shows_the_pair_instead_of_the_grid(changes):
    page = open_page(**ABLATED, channel="5", lecture="true")
    assert "maps-mosaic" not in page.payloads
    for header, _ in grids(page).values():
        assert header["numbers"] == most_changed(changes["block3_conv2"], 9)
        assert header["name"] == "block3_conv2 · Cat · 9 of 256 maps"
    # The controls are in the sidebar, which M opens.
    assert [one.label for one in page.sidebar.toggle] == ["Ablate this map (set it to zero)"]
    assert [one.label for one in page.sidebar.text_input] == ["Ablated maps"]
    assert "Later layer" in [one.label for one in page.sidebar.selectbox]
    assert not [*page.main.toggle, *page.main.text_input, *page.figures]
    enter(page, "")
    assert "maps-mosaic" in page.payloads


def test_ablating_a_map_diverges_from_a_tour_step_and_shows_the_pair():
    page = open_page(tour="8")
    assert "You have changed the page" not in page.texts
    assert "You have changed the page" in page.choose("ablated", (4,)).texts
    assert "maps-mosaic" not in page.payloads
    assert len(grids(page)) == 2
    assert "Later layer" in [one.label for one in page.sidebar.selectbox]


EARLIER = {"view": "maps", "layer": "block4_conv1", "ablated": "5,12", "ablated_in": LAYER.name}


def test_a_later_layer_is_shown_without_the_ablated_maps_of_an_earlier_one(ablated_maps):
    layer = VGG19.conv_layer("block4_conv1")
    page = open_page(**EARLIER, maps="4", channel="7", row="3", column="5")
    maps = ablated_maps(layer)
    header, tiles = page.tiles("maps-mosaic")
    low, high = maps[:4].min(axis=(1, 2)), maps[:4].max(axis=(1, 2))
    assert_shown(tiles, maps[:4], low, high)
    assert f"without maps 5 and 12 of {LAYER.name}" in header["name"]
    assert f"Computed **without maps 5 and 12 of {LAYER.name}**." in page.texts
    assert number(page.figures[4]) == pytest.approx(maps[6, 2, 4], rel=1e-4)
    assert any("the sum matches" in one.value for one in page.success)
    # Attribution and a second ablation would be those of the whole network.
    assert not page.toggle
    page.choose("tab", "ablation")
    assert "end that ablation first" in page.texts
    page.choose("tab", "attribution")
    assert any("end the ablation first" in one.value for one in page.info)
    assert "ablated-without" not in page.payloads
    page.press("ablation-end")
    assert read(page.link).keys().isdisjoint({"ablated", "ablated_in"})
    assert page.shown("channel") == 7


def test_inputs_of_the_next_layer_lack_the_ablated_maps(ablated_maps):
    following = VGG19.conv_layers[LAYER.conv_number]
    value = {"layer": following.name, "channel": "7", "row": "3", "column": "5"}
    page = open_page(**EARLIER | value, maps="4")
    maps = ablated_maps(following)
    assert number(page.figures[4]) == pytest.approx(maps[6, 2, 4], rel=1e-4)
    assert any("the sum matches" in one.value for one in page.success)
    contributors = [int(one) for one in page.inspected("contributors")["numbers"]]
    assert not set(NUMBERS) & set(contributors)


@pytest.mark.parametrize(
    ("key", "value", "kept"),
    [
        ("layer", "block5_conv1", {"ablated": NUMBERS, "ablated_in": LAYER.name}),
        ("layer", LAYER.name, {"ablated": NUMBERS, "ablated_in": "here"}),
        ("layer", "block1_conv2", {"ablated": (), "ablated_in": "here"}),
        ("picture", "coffee", {"ablated": NUMBERS, "ablated_in": LAYER.name}),
        ("view", "blocks", {"ablated": (), "ablated_in": "here"}),
    ],
)
def test_an_earlier_ablation_stays_as_long_as_it_applies(key, value, kept):
    before = effective_values({**read(encode(EARLIER))})
    after = ablation_after({key: value}, before)
    effective = effective_values(before | {key: value} | after)
    assert {name: effective[name] for name in kept} == kept


def test_an_earlier_ablation_is_neither_compared_nor_of_the_shown_layer():
    for more in ({"compare": "network"}, {"layer": LAYER.name}):
        found = effective_values(read(encode(EARLIER | more)))
        assert (found["ablated"], found["ablated_in"]) == ((), "here")
