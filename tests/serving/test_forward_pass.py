"""Forward pass of one image: layers that run, values that are cached."""

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


class RecordedLock(FairLock):
    """A lock that records its holds and whether it is held."""

    held = False

    def __init__(self):
        super().__init__()
        self.since = []

    @contextmanager
    def hold(self, pause, since=None):
        assert not self.held, "expected the lock to be free"
        self.since.append(since)
        with super().hold(pause, since):
            self.held = True
            try:
                yield
            finally:
                self.held = False


class Recorded:
    """A network that records its runs, which must hold the lock."""

    def __init__(self, network, lock, identity="recorded"):
        self.label, self.identity = network.label, identity
        self.architecture = network.architecture
        self.runs = []
        self._network, self._lock = network, lock

    def run(self, layer_names, source):
        assert self._lock.held, "expected the network to run while the lock is held"
        self.runs.append(tuple(layer_names))
        return self._network.run(layer_names, source)


@dataclass
class Requests:
    """Requests of the page for one image."""

    results: Results
    network: Recorded
    picture: SimpleNamespace
    preprocessing: str

    def maps(self, layer):
        forward = self.results.forward_pass(self.network, self.picture, self.preprocessing)
        return self.results.cached(
            forward.key(layer.name), partial(forward.maps, layer), network=True
        )

    def overview(self):
        return self.results.overview(self.network, self.picture)

    def peaks(self):
        return self.results.peaks(self.network, self.picture)


@pytest.fixture
def lock():
    return RecordedLock()


@pytest.fixture
def network(untrained_network, lock):
    return Recorded(untrained_network, lock)


@pytest.fixture
def start(network, photograph, lock):
    """Create requests for the photograph, with a cache of that size."""

    def create(max_bytes=EVERYTHING, preprocessing="caffe"):
        shared = Shared(limit=None)
        shared.values, shared.network_lock = Cache(max_bytes), lock
        picture = SimpleNamespace(pixels=photograph, digest="photograph")
        return Requests(Results(shared), network, picture, preprocessing)

    return create


def pools(*blocks):
    return [(f"block{block}_pool",) for block in blocks]


@pytest.mark.parametrize("preprocessing", ["caffe", "rgb"])
@pytest.mark.parametrize("name", ["block1_conv1", "block1_conv2", "block3_conv2", "block5_conv4"])
def test_maps_equal_the_networks(name, preprocessing, start, untrained_network, photograph):
    found = start(preprocessing=preprocessing).maps(LAYERS[name])
    expected = untrained_network.feature_maps(photograph, name, preprocessing)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-4 * expected.max())
    assert not found.flags.writeable


def test_a_deep_layer_holds_the_lock_once_and_runs_each_block_once(start, network, lock):
    start().maps(LAYERS["block4_conv2"])
    assert network.runs == [*pools(1, 2, 3), ("block4_conv2",)]
    assert lock.hold_count == 1


def test_another_layer_starts_from_its_cached_block_input(start, network):
    requests = start()
    requests.maps(LAYERS["block4_conv2"])
    network.runs.clear()
    requests.maps(LAYERS["block4_conv3"])
    assert network.runs == [("block4_conv3",)]
    requests.maps(LAYERS["block2_conv1"])
    assert network.runs[1:] == [("block2_conv1",)]
    requests.maps(LAYERS["block4_conv2"])
    assert len(network.runs) == 2


def test_the_ends_of_all_blocks_take_one_forward_pass(start, network):
    requests = start()
    for end in VGG19.block_ends:
        requests.maps(end)
    assert network.runs == [
        (end.name, pool.name) for end, pool in zip(VGG19.block_ends, VGG19.pools, strict=True)
    ]


def test_an_overview_holds_the_lock_once_for_one_forward_pass(start, network, lock):
    requests = start()
    overview = requests.overview()
    assert lock.hold_count == 1
    convolutions = [name for names in network.runs for name in names if "conv" in name]
    assert convolutions == list(LAYERS)
    assert requests.overview() is overview
    network.runs.clear()
    requests.maps(LAYERS["block5_conv4"])
    assert network.runs == [("block5_conv4", "block5_pool")]


def test_an_overview_has_the_statistics_of_each_layer(start, untrained_network, photograph):
    overview = start().overview()
    for index, name in enumerate(LAYERS):
        maps = untrained_network.feature_maps(photograph, name)
        expected = map_statistics.profile(maps, photograph)
        found = overview.profiles[index]
        assert (found.inactive, found.correlated_map) == (
            expected.inactive,
            expected.correlated_map,
        )
        assert found.active == pytest.approx(expected.active, abs=1e-5)
        assert found.correlation == pytest.approx(expected.correlation, abs=1e-5)
        strongest = np.argsort(-maps.mean(axis=(1, 2)), kind="stable")[:STRIP] + 1
        np.testing.assert_array_equal(overview.numbers[index], strongest)
    assert overview.maps.shape == (16, STRIP, STRIP_SIDE, STRIP_SIDE)


def test_peaks_equal_those_of_each_layer(start, untrained_network, photograph):
    found = start().peaks()
    for one, (name, layer) in zip(found, LAYERS.items(), strict=True):
        maps = untrained_network.feature_maps(photograph, name)
        np.testing.assert_allclose(one.values[:, 0], maps.max(axis=(1, 2)), rtol=1e-5)
        expected = top_patches.find_peaks(maps, layer)
        np.testing.assert_allclose(one.values, expected.values, rtol=1e-5)
        assert (one.positions == expected.positions).mean() > 0.999


def test_peaks_take_one_forward_pass_and_cache_nothing_else(start, network, lock):
    requests = start()
    found = requests.peaks()
    assert lock.hold_count == 1
    assert [name for names in network.runs for name in names if "conv" in name] == list(LAYERS)
    channels = sum(layer.filters for layer in LAYERS.values())
    assert requests.results.shared.values.used_bytes == channels * 2 * (4 + 2 + 2)
    assert requests.peaks() is found


def test_an_overview_caches_the_peaks(start, network):
    requests = start()
    requests.overview()
    network.runs.clear()
    found = requests.peaks()
    assert network.runs == []
    for one, alone in zip(found, start().peaks(), strict=True):
        np.testing.assert_array_equal(one.values, alone.values)
        np.testing.assert_array_equal(one.positions, alone.positions)


def test_peaks_of_many_images_queue_behind_other_runs(start, lock):
    requests = start()
    requests.results.run.started_at = -1.0
    requests.maps(LAYERS["block1_conv1"])
    requests.peaks()
    assert lock.since == [-1.0, None]


def test_the_most_active_maps_are_averaged_or_enlarged_to_one_size():
    large, small = np.zeros((3, 4, 4), np.float32), np.zeros((3, 1, 1), np.float32)
    large[0, :2, :2], large[2] = 8, 4
    small[:, 0, 0] = [1, 3, 2]
    maps, numbers = most_active([large, small], count=2, side=2)
    np.testing.assert_array_equal(numbers, [[3, 1], [2, 3]])
    np.testing.assert_array_equal(maps[0], [[[4, 4], [4, 4]], [[8, 0], [0, 0]]])
    np.testing.assert_array_equal(maps[1], [[[3, 3], [3, 3]], [[2, 2], [2, 2]]])


def test_a_cache_without_room_recomputes_correct_maps(
    start, network, untrained_network, photograph
):
    requests = start(max_bytes=0)
    for _ in range(2):
        found = requests.maps(LAYERS["block3_conv1"])
        expected = untrained_network.feature_maps(photograph, "block3_conv1")
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-4 * expected.max())
    assert network.runs == [*pools(1, 2), ("block3_conv1",)] * 2
    requests.overview()


def test_images_networks_and_preprocessings_have_separate_keys(start, lock, untrained_network):
    requests = start()
    requests.maps(LAYERS["block2_conv1"])
    elsewhere = SimpleNamespace(pixels=requests.picture.pixels, digest="another picture")
    # The label is the same: the identity tells networks apart.
    another = Recorded(untrained_network, lock, identity="another")
    for other in (
        replace(requests, preprocessing="rgb"),
        replace(requests, picture=elsewhere),
        replace(requests, network=another),
    ):
        other.network.runs.clear()
        other.maps(LAYERS["block2_conv1"])
        assert other.network.runs == [*pools(1), ("block2_conv1",)]


def test_later_block_inputs_stay_cached_when_room_is_short(start, network):
    requests = start(max_bytes=16 * 2**20)
    requests.maps(LAYERS["block5_conv1"])
    requests.maps(LAYERS["block1_conv1"])  # 12.8 MB
    requests.maps(LAYERS["block1_conv2"])
    network.runs.clear()
    requests.maps(LAYERS["block5_conv2"])
    assert network.runs == [("block5_conv2",)]


def test_the_first_blocks_input_is_not_cached(start):
    requests = start()
    requests.maps(LAYERS["block1_conv1"])
    assert requests.results.shared.values.used_bytes == 64 * 224 * 224 * 4
