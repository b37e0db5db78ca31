"""Ablated maps on the page: its numbers against a network with their kernels and biases zero."""

import re

import numpy as np
import pytest

from tests.support.maps import all_layers
from tests.support.pages import (
    choose,
    held_bytes,
    inspected,
    link_of,
    network_of,
    open_page,
    payloads,
    run,
    shown,
    texts,
    tiles_of,
    widget,
)
from tests.support.thin import Changed
from tests.support.truth import LAYER, MAPS, NEVER_ACTIVE, StandIn, assert_shown
from vgg_viz.links import read
from vgg_viz.model.architecture import VGG19
from vgg_viz.model.network import Network, preprocess
from vgg_viz.ui.parts.ablated_maps import largest
from vgg_viz.ui.parts.ablation_section import percent
from vgg_viz.ui.state.shared_instance import shared

NUMBERS = (5, 12)
ABLATED = {**MAPS, "maps": "4", "ablated": "5,12"}
LATER = VGG19.conv_layers[LAYER.conv_number :]


def mute(kernel, bias):
    """Nothing is left of what makes these maps."""
    which = np.array(NUMBERS) - 1
    kernel, bias = kernel.copy(), bias.copy()
    kernel[..., which], bias[which] = 0, 0
    return kernel, bias


@pytest.fixture(scope="module")
def loud(truth):
    """What each layer of the page's own network makes of the cat."""
    with network_of(StandIn()):
        network = shared().loaders["imagenet"].network().result()
    return all_layers(network.model, VGG19)(preprocess(truth.pictures["cat"]))


@pytest.fixture(scope="module")
def quiet(truth):
    """The same of a network where nothing makes these maps."""
    network = Network(Changed(StandIn(), {LAYER.name: mute}))
    return all_layers(network.model, VGG19)(preprocess(truth.pictures["cat"]))


def number(text):
    return float(text.replace("−", "-").replace(",", ""))


def apart(loud, quiet, layer):
    """How far each map is from what it was on the mean, and its mean before."""
    before = loud[layer.name].astype(np.float64)
    return np.abs(quiet[layer.name] - before).mean(axis=(1, 2)), before.mean(axis=(1, 2))


def most(loud, quiet, layer, count):
    """The numbers of the maps that change most."""
    mean, _ = apart(loud, quiet, layer)
    return (np.argsort(-mean, kind="stable")[:count] + 1).tolist()


def grids(page):
    return {name: tiles_of(data) for name, data in payloads(page).items() if "ablated-" in name}


def test_every_later_layer_says_which_maps_change_most_and_by_how_much(loud, quiet):
    rows = re.findall(r"^\| (block\S+) \| (\S+) \| (.*) \|$", texts(open_page(**ABLATED)), re.M)
    assert [name for name, *_ in rows] == [one.name for one in LATER]
    for layer, (_, whole, told) in zip(LATER, rows, strict=True):
        mean, before = apart(loud, quiet, layer)
        share = mean.sum() / before.sum()
        assert whole == (f"{share:.0%}" if share >= 0.01 else "<1%")
        found = re.findall(r"\*\*(\d+)\*\* by (\S+) \((\d+)%\)", told)
        assert [int(one) for one, *_ in found] == most(loud, quiet, layer, 3)
        for one, by, share in found:
            index = int(one) - 1
            assert number(by) == pytest.approx(mean[index], rel=0.01)
            assert int(share) == pytest.approx(100 * mean[index] / before[index], abs=0.51)


@pytest.mark.parametrize("later_layer", ["block3_conv2", "block4_conv1"])
def test_what_changes_most_is_shown_as_it_was_and_without(later_layer, loud, quiet):
    layer = VGG19.conv_layer(later_layer)
    page = open_page(**ABLATED, later_layer=later_layer)
    numbers = most(loud, quiet, layer, 16)
    which = np.array(numbers) - 1
    sides = loud[later_layer][which], quiet[later_layer][which]
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
    mean, _ = apart(loud, quiet, layer)
    for title, one in zip(found["ablated-without"][0]["titles"], numbers, strict=True):
        assert number(title.split(": ")[1]) == pytest.approx(mean[one - 1], rel=0.01)
    choose(page, "shown_as", "difference")
    ((header, tiles),) = grids(page).values()
    values = sides[1] - sides[0]
    largest = np.abs(values).max(axis=(1, 2))
    assert header["numbers"] == numbers
    assert_shown(tiles, values, -largest, largest)


@pytest.mark.parametrize("layer", ["block2_conv2", "block3_conv1", "block5_conv3"])
def test_a_value_of_the_next_layer_loses_what_the_maps_had_contributed(layer, loud):
    page = open_page(
        view="Feature maps", maps="4", layer=VGG19.layer(layer).title, ablated="5,12,64"
    )
    lost, contributed = (number(one.value) for one in page.metric)
    assert lost == pytest.approx(contributed, rel=1e-3)
    assert lost > 1e-3
    following = VGG19.conv_layers[VGG19.conv_layer(layer).conv_number].name
    told = r"in (\S+), that of map (\d+) at row (\d+), column (\d+), is (\S+) before .* (\S+) wit"
    ((name, *place, before, after),) = re.findall(told, texts(page))
    assert name == following
    channel, row, column = (int(one) - 1 for one in place)
    value = float(loud[following][channel, row, column])
    assert value == pytest.approx(max(0, number(before)), rel=1e-3)
    assert abs(number(before) - number(after)) == pytest.approx(lost, rel=0.01)
    # The labels say in which direction.
    gains = number(after) > number(before)
    assert [("gains" in page.metric[0].label), ("taken" in page.metric[1].label)] == [gains] * 2


def test_that_value_is_the_one_that_changes_most(loud, quiet):
    page, name = open_page(**ABLATED), LATER[0].name
    (channel, row, column) = map(
        int, *re.findall(r"that of map (\d+) at row (\d+), column (\d+)", texts(page))
    )
    change = np.abs(quiet[name] - loud[name])[channel - 1]
    assert channel == most(loud, quiet, LATER[0], 1)[0]
    assert change[row - 1, column - 1] == pytest.approx(change.max(), rel=1e-4)
    assert number(page.metric[0].value) >= change.max() * 0.999


def test_the_switch_takes_the_chosen_map_out_and_puts_it_back():
    page = open_page(**MAPS, maps="4", channel="12")
    assert not grids(page)
    (switch,) = page.toggle
    assert (switch.label, switch.value) == ("Ablate this map", False)
    switch.set_value(True)
    run(page)
    assert read(link_of(page))["ablated"] == (12,)
    assert len(grids(page)) == 2
    assert widget(page, "text_input", "ablated").value == "12"
    choose(page, "channel", 5)
    (switch,) = page.toggle
    assert not switch.value
    switch.set_value(True)
    run(page)
    assert read(link_of(page))["ablated"] == (5, 12)
    page.toggle[0].set_value(False)
    run(page)
    assert read(link_of(page))["ablated"] == (12,)
    # What is ablated in another way shows in the switch as well.
    choose(page, "ablated", (5, 30))
    assert page.toggle[0].value
    assert read(link_of(page))["ablated"] == (5, 30)


def test_what_a_switch_goes_on_to_say_that_has_not_heard_of_a_change_is_no_choice():
    page = open_page(**MAPS, maps="4", channel="12")
    late = page._tree.get_widget_states()
    choose(page, "ablated", (12,))
    page._run(late)
    assert not page.exception
    assert read(link_of(page))["ablated"] == (12,)
    assert page.toggle[0].value


def test_at_most_16_are_ablated():
    several = ",".join(map(str, range(1, 17)))
    page = open_page(**MAPS, maps="4", channel="20", ablated=several)
    assert page.toggle[0].disabled
    assert "block3_conv1 without 16 maps" in [part.value for part in page.subheader]
    choose(page, "channel", 3)
    assert not page.toggle[0].disabled


def written(page, text):
    widget(page, "text_input", "ablated").set_value(text)
    return run(page)


def test_several_are_written_as_numbers():
    page = written(open_page(**MAPS, maps="4", channel="4"), "30, 4 17,4")
    assert shown(page, "ablated") == (4, 17, 30)
    assert widget(page, "text_input", "ablated").value == "4, 17, 30"
    assert "block3_conv1 without maps 4, 17 and 30" in [part.value for part in page.subheader]
    assert inspected(page)["channel"] == 4
    titles = tiles_of(payloads(page)["maps-mosaic"])[0]["titles"]
    assert titles == ["1", "2", "3", "4 ✕"]
    written(page, "")
    assert "ablated" not in link_of(page)
    assert not grids(page)


@pytest.mark.parametrize("nonsense", ["abc", "0", "257", "1-3", "4; 5", "<b>"])
def test_of_nonsense_there_is_one_sentence_and_nothing_changes(nonsense):
    page = written(open_page(**ABLATED), nonsense)
    (warning,) = page.warning
    words = warning.value.replace("\\", "")
    assert words == (
        f"Expected up to 16 numbers from 1 to 256, such as 4, 17, 30, got “{nonsense}”."
    )
    assert shown(page, "ablated") == NUMBERS
    assert widget(page, "text_input", "ablated").value == "5, 12"
    assert len(grids(page)) == 2
    written(page, "7")
    assert not page.warning
    assert shown(page, "ablated") == (7,)


def test_another_layer_lets_go_of_what_is_ablated():
    page = open_page(**ABLATED, later_layer="9 · block4_conv1")
    page.selectbox(key="layer").set_value("block3_conv2")
    run(page)
    assert read(link_of(page)).keys() & {"ablated", "later_layer"} == set()
    assert not grids(page)


def test_maps_that_were_silent_already_change_nothing():
    one = ",".join(map(str, NEVER_ACTIVE))
    page = open_page(**MAPS, maps="4", ablated=one)
    (info,) = page.info
    assert info.value == "Maps 2, 7 and 100 were silent already: nothing changes."
    assert not grids(page)
    assert not page.metric
    page = open_page(**MAPS, maps="4", ablated="2,5")
    (info,) = page.info
    assert info.value == "Map 2 was silent already: it changes nothing."
    assert len(grids(page)) == 2


def test_after_the_last_layer_there_is_none_that_could_change():
    page = open_page(view="Feature maps", maps="4", layer="16 · block5_conv4", ablated="5")
    (info,) = page.info
    assert info.value.startswith("block5_conv4 is the last conv layer")
    assert not grids(page)


@pytest.mark.parametrize("lecture", ["false", "true"])
def test_numbers_that_are_too_large_end_in_a_sentence(lecture):
    class Overflowing(StandIn):
        identity = "overflowing"

        def read(self, layer_name):
            kernel, bias = super().read(layer_name)
            return (kernel * np.float32(1e20) if "conv3" in layer_name else kernel), bias

    with network_of(Overflowing()):
        page = open_page(**ABLATED, lecture=lecture)
    (warning,) = page.warning
    assert "too large for single precision" in warning.value
    assert not grids(page)


def test_in_a_lecture_the_pair_stands_in_the_grids_place(loud, quiet):
    page = open_page(**ABLATED, channel="5", lecture="true")
    assert "maps-mosaic" not in payloads(page)
    for header, _ in grids(page).values():
        assert header["numbers"] == most(loud, quiet, LATER[0], 9)
        assert header["name"] == "block3_conv2 · Cat · 9 of 256 maps"
    # What controls them is in the sidebar, which M opens.
    assert [one.label for one in page.sidebar.toggle] == ["Ablate this map"]
    assert [one.label for one in page.sidebar.text_input] == ["Ablated maps"]
    assert "Seen in" in [one.label for one in page.sidebar.selectbox]
    assert not [*page.main.toggle, *page.main.text_input, *page.metric]
    written(page, "")
    assert "maps-mosaic" in payloads(page)


def test_on_a_tour_it_does_too():
    page = open_page(**ABLATED, tour="5")
    assert "maps-mosaic" not in payloads(page)
    assert len(grids(page)) == 2
    assert "Seen in" in [one.label for one in page.sidebar.selectbox]


def test_to_silence_a_map_is_no_part_of_a_step_that_does_not():
    page = open_page(tour="5")
    assert "You have changed the page" not in texts(page)
    assert "You have changed the page" in texts(choose(page, "ablated", (4,)))


def test_beside_another_picture_nothing_is_ablated():
    page = open_page(**ABLATED, compare="Another picture", channel="5")
    assert not grids(page)
    assert not [*page.toggle, *page.text_input]
    choose(page, "compare", "none")
    assert len(grids(page)) == 2


def test_sessions_hold_no_maps():
    assert held_bytes(open_page(**ABLATED)) < 500_000


def test_the_largest_change_has_either_sign():
    assert largest(np.array([[1, 2, 0], [0, -3, 2.5]])) == (1, 1)
    assert largest(np.array([[1, 4, 0], [0, -3, 2.5]])) == (0, 1)


def test_shares_of_next_to_nothing_are_told():
    shares = [percent(*both) for both in ((0.0, 0.0), (2.0, 0.0), (0.1, 100), (3, 2))]
    assert shares == ["0%", "was silent", "<1%", "150%"]
