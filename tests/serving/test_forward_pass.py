"""A picture on its way through a network: what is run, what is kept, what is in hand."""

from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest

from vgg_viz.interpretability import map_statistics
from vgg_viz.interpretability.feature_visualization import top_patches
from vgg_viz.model.architecture import VGG19
from vgg_viz.serving.cache import Cache
from vgg_viz.serving.forward_pass import STRIP, STRIP_SIDE, most_active
from vgg_viz.serving.locks import FairLock
from vgg_viz.serving.results import Results
from vgg_viz.serving.shared import Shared

LAYERS = {layer.name: layer for layer in VGG19.conv_layers}
EVERYTHING = 200 * 2**20


class RecordedTurns(FairLock):
    """Turns that know whether somebody has one."""

    inside = False

    def __init__(self):
        super().__init__()
        self.since = []

    @contextmanager
    def hold(self, pause, since=None):
        assert not self.inside, "expected one turn at a time"
        self.since.append(since)
        with super().hold(pause, since):
            self.inside = True
            try:
                yield
            finally:
                self.inside = False


class Recorded:
    """A network that notes what it is asked to run, in turn only."""

    def __init__(self, network, turns, identity="recorded"):
        self.label, self.identity = network.label, identity
        self.runs = []
        self._network, self._turns = network, turns

    def run(self, layer_names, source):
        assert self._turns.inside, "expected the network to run in turn only"
        self.runs.append(tuple(layer_names))
        return self._network.run(layer_names, source)


@dataclass
class AttributionPass:
    """A picture's way through a network, as the page asks for it."""

    results: Results
    network: Recorded
    picture: SimpleNamespace
    preprocessing: str

    def maps(self, layer):
        forward = self.results.forward_pass(self.network, self.picture, self.preprocessing)
        return self.results.cached(
            forward.key(layer.name), partial(forward.maps, layer), network=True
        )

    def whole(self):
        return self.results.overview(self.network, self.picture)

    def peaks(self):
        return self.results.peaks(self.network, self.picture)


@pytest.fixture
def turns():
    return RecordedTurns()


@pytest.fixture
def network(untrained_network, turns):
    return Recorded(untrained_network, turns)


@pytest.fixture
def start(network, photograph, turns):
    """Send the photograph on its way, with that much room to keep things."""

    def send(max_bytes=EVERYTHING, preprocessing="caffe"):
        shared = Shared(limit=None)
        shared.values, shared.network_lock = Cache(max_bytes), turns
        picture = SimpleNamespace(pixels=photograph, digest="photograph")
        return AttributionPass(Results(shared), network, picture, preprocessing)

    return send


def pools(*blocks):
    return [(f"block{block}_pool",) for block in blocks]


@pytest.mark.parametrize("preprocessing", ["caffe", "rgb"])
@pytest.mark.parametrize("name", ["block1_conv1", "block1_conv2", "block3_conv2", "block5_conv4"])
def test_maps_are_those_of_the_network(name, preprocessing, start, untrained_network, photograph):
    found = start(preprocessing=preprocessing).maps(LAYERS[name])
    expected = untrained_network.feature_maps(photograph, name, preprocessing)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-4 * expected.max())
    assert not found.flags.writeable


def test_a_deep_layer_takes_one_turn_and_each_block_before_it_once(start, network, turns):
    start().maps(LAYERS["block4_conv2"])
    assert network.runs == [*pools(1, 2, 3), ("block4_conv2",)]
    assert turns.taken == 1


def test_another_layer_begins_where_its_block_begins(start, network):
    passage = start()
    passage.maps(LAYERS["block4_conv2"])
    network.runs.clear()
    passage.maps(LAYERS["block4_conv3"])
    assert network.runs == [("block4_conv3",)]
    passage.maps(LAYERS["block2_conv1"])
    assert network.runs[1:] == [("block2_conv1",)]
    passage.maps(LAYERS["block4_conv2"])
    assert len(network.runs) == 2


def test_the_ends_of_all_blocks_take_one_forward_pass(start, network):
    passage = start()
    for end in VGG19.block_ends:
        passage.maps(end)
    assert network.runs == [
        (end.name, pool.name) for end, pool in zip(VGG19.block_ends, VGG19.pools, strict=True)
    ]


def test_what_all_layers_make_of_a_picture_takes_one_turn_and_one_forward_pass(
    start, network, turns
):
    passage = start()
    whole = passage.whole()
    assert turns.taken == 1
    convolutions = [name for names in network.runs for name in names if "conv" in name]
    assert convolutions == list(LAYERS)
    assert passage.whole() is whole
    network.runs.clear()
    passage.maps(LAYERS["block5_conv4"])
    assert network.runs == [("block5_conv4", "block5_pool")]


def test_the_numbers_of_all_layers_are_those_of_each(start, untrained_network, photograph):
    whole = start().whole()
    for index, name in enumerate(LAYERS):
        maps = untrained_network.feature_maps(photograph, name)
        expected = map_statistics.profile(maps, photograph)
        found = whole.profiles[index]
        assert (found.silent, found.likest) == (expected.silent, expected.likest)
        assert found.active == pytest.approx(expected.active, abs=1e-5)
        assert found.likeness == pytest.approx(expected.likeness, abs=1e-5)
        strongest = np.argsort(-maps.mean(axis=(1, 2)), kind="stable")[:STRIP] + 1
        np.testing.assert_array_equal(whole.numbers[index], strongest)
    assert whole.maps.shape == (16, STRIP, STRIP_SIDE, STRIP_SIDE)


def test_the_peaks_of_all_layers_are_those_of_each(start, untrained_network, photograph):
    found = start().peaks()
    for one, (name, layer) in zip(found, LAYERS.items(), strict=True):
        maps = untrained_network.feature_maps(photograph, name)
        np.testing.assert_allclose(one.values[:, 0], maps.max(axis=(1, 2)), rtol=1e-5)
        expected = top_patches.peaks(maps, layer)
        np.testing.assert_allclose(one.values, expected.values, rtol=1e-5)
        assert (one.places == expected.places).mean() > 0.999


def test_peaks_alone_take_one_turn_and_one_forward_pass_and_leave_nothing_else(
    start, network, turns
):
    passage = start()
    found = passage.peaks()
    assert turns.taken == 1
    assert [name for names in network.runs for name in names if "conv" in name] == list(LAYERS)
    channels = sum(layer.filters for layer in LAYERS.values())
    assert passage.results.shared.values.used_bytes == channels * 2 * (4 + 2 + 2)
    assert passage.peaks() is found


def test_peaks_come_with_the_pass_that_shows_all_layers(start, network):
    passage = start()
    passage.whole()
    network.runs.clear()
    found = passage.peaks()
    assert network.runs == []
    for one, alone in zip(found, start().peaks(), strict=True):
        np.testing.assert_array_equal(one.values, alone.values)
        np.testing.assert_array_equal(one.places, alone.places)


def test_who_looks_through_many_pictures_comes_after_all_who_came_meanwhile(start, turns):
    passage = start()
    passage.results.run.started_at = -1.0
    passage.maps(LAYERS["block1_conv1"])
    passage.peaks()
    assert turns.since == [-1.0, None]


def test_the_most_active_maps_are_averaged_or_enlarged_to_one_size():
    large, small = np.zeros((3, 4, 4), np.float32), np.zeros((3, 1, 1), np.float32)
    large[0, :2, :2], large[2] = 8, 4
    small[:, 0, 0] = [1, 3, 2]
    maps, numbers = most_active([large, small], count=2, side=2)
    np.testing.assert_array_equal(numbers, [[3, 1], [2, 3]])
    np.testing.assert_array_equal(maps[0], [[[4, 4], [4, 4]], [[8, 0], [0, 0]]])
    np.testing.assert_array_equal(maps[1], [[[3, 3], [3, 3]], [[2, 2], [2, 2]]])


def test_without_any_room_all_is_right_and_made_anew(start, network, untrained_network, photograph):
    passage = start(max_bytes=0)
    for _ in range(2):
        found = passage.maps(LAYERS["block3_conv1"])
        expected = untrained_network.feature_maps(photograph, "block3_conv1")
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-4 * expected.max())
    assert network.runs == [*pools(1, 2), ("block3_conv1",)] * 2
    passage.whole()


def test_pictures_networks_and_preprocessings_are_kept_apart(start, turns, untrained_network):
    passage = start()
    passage.maps(LAYERS["block2_conv1"])
    elsewhere = SimpleNamespace(pixels=passage.picture.pixels, digest="another picture")
    # Of the same label: it is not by that that networks are told apart.
    another = Recorded(untrained_network, turns, identity="another")
    for other in (
        replace(passage, preprocessing="rgb"),
        replace(passage, picture=elsewhere),
        replace(passage, network=another),
    ):
        other.network.runs.clear()
        other.maps(LAYERS["block2_conv1"])
        assert other.network.runs == [*pools(1), ("block2_conv1",)]


def test_what_a_later_block_works_on_stays_when_room_is_short(start, network):
    passage = start(max_bytes=16 * 2**20)
    passage.maps(LAYERS["block5_conv1"])
    passage.maps(LAYERS["block1_conv1"])  # 12.8 MB
    passage.maps(LAYERS["block1_conv2"])
    network.runs.clear()
    passage.maps(LAYERS["block5_conv2"])
    assert network.runs == [("block5_conv2",)]


def test_the_first_blocks_input_is_not_kept(start):
    passage = start()
    passage.maps(LAYERS["block1_conv1"])
    assert passage.results.shared.values.used_bytes == 64 * 224 * 224 * 4
