"""Forward pass of one image: layers that run, values that are cached."""

from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest

from tests.support.maps import all_layers
from tests.support.thin import THIN, RandomWeights, noise
from tests.support.threads import PATIENCE_SECONDS, Queue
from vgg_viz.interpretability import map_statistics
from vgg_viz.interpretability.feature_visualization import image_store, top_patches
from vgg_viz.model.network import Network, network_input
from vgg_viz.serving.cache import Cache
from vgg_viz.serving.forward_pass import STRIP, STRIP_SIDE, most_active
from vgg_viz.serving.locks import FairLock
from vgg_viz.serving.results import Results
from vgg_viz.serving.shared import Shared

SMALL = replace(THIN, input_side=112)  # whose layers' sides fit into a strip
LAYERS = {layer.name: layer for layer in SMALL.conv_layers}
PIXELS = noise(SMALL.input_side)


class RecordedLock(FairLock):
    """A lock that records its holds and whether it is held."""

    held = False

    def __init__(self):
        super().__init__()
        self.since = []

    @contextmanager
    def hold(self, pause, since=None):
        self.since.append(since)
        with super().hold(pause, since):
            self.held = True
            yield
            self.held = False


class Recorded:
    """A network that records its runs, which must hold the lock."""

    architecture, label = SMALL, "recorded"

    def __init__(self, network, lock, identity="recorded"):
        self.weights, self.identity = network.weights, identity
        self.runs = []
        self._network, self._lock = network, lock
        self.input = network.input

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

    def maps(self, name):
        forward = self.results.forward_pass(self.network, self.picture)
        compute = partial(forward.maps, LAYERS[name])
        return self.results.cached(forward.key(name), compute, network=True)

    def overview(self):
        return self.results.overview(self.network, self.picture)

    def peaks(self, **options):
        return self.results.peaks(self.network, self.picture, **options)


@pytest.fixture(scope="module")
def small_network():
    return Network(RandomWeights(SMALL), SMALL)


@pytest.fixture(scope="module")
def expected(small_network):
    """Return the maps that Keras computes, for each preprocessing, by layer."""
    run = all_layers(small_network.model, SMALL)
    return {
        one: run(np.moveaxis(network_input(PIXELS, one), 0, -1)[None]) for one in ("caffe", "rgb")
    }


@pytest.fixture
def lock():
    return RecordedLock()


@pytest.fixture
def network(small_network, lock):
    return Recorded(small_network, lock)


@pytest.fixture
def start(network, lock):
    """Create requests for one image, with a cache of that size."""

    def create(max_bytes=2**24, network=network):
        shared = Shared(limit=None)
        shared.values, shared.network_lock = Cache(max_bytes), lock
        picture = SimpleNamespace(pixels=PIXELS, digest="photograph")
        return Requests(Results(shared), network, picture)

    return create


def pools(*blocks):
    return [(f"block{block}_pool",) for block in blocks]


def convolutions(network):
    return [name for names in network.runs for name in names if "conv" in name]


def assert_equal(found, expected):
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4 * expected.max())


@pytest.mark.parametrize(
    ("preprocessing", "max_bytes"), [("caffe", 2**24), ("rgb", 0)], ids=["room", "no room"]
)
def test_maps_equal_keras(preprocessing, max_bytes, start, expected, small_network, lock):
    requests = start(max_bytes, Recorded(small_network.preprocessed(preprocessing), lock))
    for name in ("block5_conv4", "block1_conv1", "block1_conv2", "block3_conv2"):
        found = requests.maps(name)
        assert_equal(found, expected[preprocessing][name])
        assert not found.flags.writeable
    requests.overview()


def test_each_block_runs_once_and_another_layer_starts_from_its_cached_input(start, network, lock):
    requests = start()
    requests.maps("block4_conv2")
    assert network.runs == [*pools(1, 2, 3), ("block4_conv2",)]
    assert lock.hold_count == 1
    network.runs.clear()
    for name in ("block4_conv3", "block2_conv1", "block4_conv2"):
        requests.maps(name)
    assert network.runs == [("block4_conv3",), ("block2_conv1",)]


def test_the_ends_of_all_blocks_take_one_forward_pass(start, network):
    requests = start()
    for end in SMALL.block_ends:
        requests.maps(end.name)
    assert network.runs == [
        (end.name, pool.name) for end, pool in zip(SMALL.block_ends, SMALL.pools, strict=True)
    ]


def test_an_overview_has_each_layers_statistics_after_one_forward_pass(
    start, network, lock, expected
):
    requests = start()
    overview = requests.overview()
    assert lock.hold_count == 5  # once for each block, so that others need not wait for all
    assert convolutions(network) == list(LAYERS)
    assert requests.overview() is overview
    network.runs.clear()
    for end in SMALL.block_ends:  # which other views show
        assert_equal(requests.maps(end.name), expected["caffe"][end.name])
    assert not network.runs
    requests.maps("block5_conv3")
    assert network.runs == [("block5_conv3",)]
    assert overview.maps.shape == (16, STRIP, STRIP_SIDE, STRIP_SIDE)
    for found, numbers, maps in zip(
        overview.profiles, overview.numbers, expected["caffe"].values(), strict=True
    ):
        wanted = map_statistics.profile(maps, PIXELS)
        assert (found.inactive, found.correlated_map) == (wanted.inactive, wanted.correlated_map)
        assert found.active == pytest.approx(wanted.active, abs=1e-3)
        assert found.correlation == pytest.approx(wanted.correlation, abs=1e-4)
        strongest = np.argsort(-maps.mean(axis=(1, 2)), kind="stable")[:STRIP] + 1
        np.testing.assert_array_equal(numbers, strongest)


def test_peaks_equal_those_of_each_layer_and_nothing_else_is_cached(start, network, expected):
    requests = start()
    found = requests.peaks()
    assert convolutions(network) == list(LAYERS)
    for one, (name, maps) in zip(found, expected["caffe"].items(), strict=True):
        wanted = top_patches.find_peaks(maps, LAYERS[name])
        assert_equal(one.values, wanted.values)
        np.testing.assert_array_equal(one.positions, wanted.positions)
    channels = sum(layer.filters for layer in LAYERS.values())
    assert requests.results.shared.values.used_bytes == channels * 2 * (4 + 2 + 2)
    assert requests.peaks() is found


def test_waiting_runs_come_after_every_block_of_peaks(start, network, lock, threads):
    order, waiting = [], []
    requests = start()
    requests.results.run.started_at = -1.0  # an early run, which would come before all others

    def enter(queue, number):
        with lock.hold(queue):
            order.append(f"viewer {number}")

    def run(names, source):
        order.append(names[-1])
        queue = Queue()
        waiting.append(threads.submit(enter, queue, len(waiting)))
        queue.wait_for(1)
        return Recorded.run(network, names, source)

    network.run = run
    requests.peaks()
    for one in waiting:
        one.result(PATIENCE_SECONDS)
    assert order == [
        name for block in range(5) for name in (f"block{block + 1}_pool", f"viewer {block}")
    ]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Return the folder of the network's stored results."""
    store = image_store.ImageStore(tmp_path / "made", "recorded")
    monkeypatch.setattr(image_store, "store_of", lambda _: store)
    return store.folder


def test_peaks_of_samples_are_kept_on_disk_and_those_of_own_images_are_not(start, network, folder):
    start().peaks()
    assert not folder.exists()
    found = start().peaks(on_disk=True)
    network.runs.clear()
    for one, again in zip(found, start().peaks(on_disk=True), strict=True):
        np.testing.assert_array_equal(one.values, again.values)
        np.testing.assert_array_equal(one.positions, again.positions)
    assert network.runs == []
    (file,) = folder.glob("*.npz")
    file.write_bytes(b"damaged")
    start().peaks(on_disk=True)
    assert convolutions(network) == list(LAYERS)


def test_peaks_are_kept_in_memory_where_the_folder_is_not_writable(start, network, folder, caplog):
    folder.write_text("no folder")
    requests = start()
    found = requests.peaks(on_disk=True)
    assert "Could not save the top patches" in caplog.text
    network.runs.clear()
    assert requests.peaks(on_disk=True) is found
    assert network.runs == []


def test_the_most_active_maps_are_averaged_or_enlarged_to_one_size():
    large, small = np.zeros((3, 4, 4), np.float32), np.zeros((3, 1, 1), np.float32)
    large[0, :2, :2], large[2] = 8, 4
    small[:, 0, 0] = [1, 3, 2]
    maps, numbers = most_active([large, small], count=2, side=2)
    np.testing.assert_array_equal(numbers, [[3, 1], [2, 3]])
    np.testing.assert_array_equal(maps[0], [[[4, 4], [4, 4]], [[8, 0], [0, 0]]])
    np.testing.assert_array_equal(maps[1], [[[3, 3], [3, 3]], [[2, 2], [2, 2]]])


def test_images_and_networks_have_separate_keys(start, lock, small_network):
    requests = start()
    requests.maps("block2_conv1")
    # The label is the same: the identity tells networks apart.
    another = Recorded(small_network, lock, identity="another")
    for other in (
        replace(requests, picture=SimpleNamespace(pixels=PIXELS, digest="another picture")),
        replace(requests, network=another),
    ):
        other.network.runs.clear()
        other.maps("block2_conv1")
        assert other.network.runs == [*pools(1), ("block2_conv1",)]


def test_later_block_inputs_stay_cached_when_room_is_short(start, network):
    layer = 4 * 112 * 112 * 4
    requests = start(max_bytes=layer + layer // 2)
    requests.maps("block1_conv1")
    assert requests.results.shared.values.used_bytes == layer  # without its input
    for name in ("block5_conv1", "block1_conv1", "block1_conv2"):
        requests.maps(name)
    network.runs.clear()
    requests.maps("block5_conv2")
    assert network.runs == [("block5_conv2",)]
