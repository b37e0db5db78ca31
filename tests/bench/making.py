"""Pictures made in the background: their speed, and what everybody else has of them."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from types import SimpleNamespace

import numpy as np

from tests.bench.answers import STATUS, watching_memory
from tests.bench.measure import (
    Effort,
    NotRun,
    Row,
    attempt,
    bounded,
    duration,
    durations,
    middle,
)
from tests.support import REPOSITORY
from vgg_viz.interpretability.feature_visualization.optimization import OptimizationRun, batch_size
from vgg_viz.model.architecture import VGG19
from vgg_viz.model.network import Network
from vgg_viz.model.weights import UntrainedWeights
from vgg_viz.serving.optimization_worker import OptimizationSpec, OptimizationWorker
from vgg_viz.serving.results import Results
from vgg_viz.serving.shared import Shared

TIMED = ("block1_conv1", "block2_conv2", "block3_conv4", "block4_conv4", "block5_conv4")
BESIDE = "block3_conv4"
LOOKED_AT = "block2_conv2"

UNIT_SECONDS, LONGER_SECONDS = 0.1, 0.2
MEMORY_BYTES = 150 * 10**6
LOOKERS = 30
LOOK_SECONDS = 0.5  # between two looks of a page


def rows(effort: Effort) -> Iterator[Row]:
    """Measure everything here."""
    yield attempt("Memory while pictures are made", memory)
    network = Network(UntrainedWeights())
    for name in TIMED[: effort.layers]:
        yield attempt(f"Making {name}", lambda name=name: steps(network, name, effort))
    yield attempt("A forward pass beside it", lambda: beside(network, effort))
    yield attempt("Many who look", lambda: lookers(network, effort))


def steps(network: Network, layer_name: str, effort: Effort) -> Row:
    """A step of a batch of pictures, and the longest unit of work in it."""
    layer = VGG19.conv_layer(layer_name)
    channels = range(1, batch_size(layer) + 1)
    making = OptimizationRun(network, layer, channels, 1, "regularized")
    units, taken = [], []
    count = max(2, effort.passes // 3)
    while making.step < count:
        step, start = making.step, time.perf_counter()
        while making.step == step:
            before = time.perf_counter()
            making.advance()
            units.append((step, time.perf_counter() - before))
        taken.append(time.perf_counter() - start)
    longest = max(seconds for step, seconds in units if step)  # the first builds
    each = making.steps * middle(taken[1:]) / len(channels)
    what = f"a step of {len(channels)} made pictures of {layer_name} ({making.steps} steps)"
    ours = f"{durations(taken[1:])}; {duration(each)} a picture, {duration(longest)} a unit"
    return bounded(what, longest, UNIT_SECONDS, ours, f"{duration(UNIT_SECONDS)} a unit of work")


def beside(network: Network, effort: Effort) -> Row:
    """Another viewer's new picture in five blocks: alone, and while pictures are made."""
    shared = shared_for_making()
    subject = subject_of(network, BESIDE)
    for _ in range(2):
        visit(shared, network)  # the first builds
    alone = [visit(shared, network) for _ in range(effort.passes)]
    with looking(shared.optimization_worker, subject):
        wait_until_pictures_grow(shared.optimization_worker, subject)
        busy = [visit(shared, network) for _ in range(effort.passes)]
    longer = max(busy) - middle(alone)
    ours = f"{durations(busy)}, at most {duration(max(longer, 0.0))} longer"
    row = bounded(
        f"another viewer's new picture in five blocks while {BESIDE} is made",
        longer,
        LONGER_SECONDS,
        ours,
        f"{duration(LONGER_SECONDS)} longer than alone",
    )
    return Row(**{**vars(row), "baseline": durations(alone)})


def lookers(network: Network, effort: Effort) -> Row:
    """From the first look to the last picture, for one who looks and for thirty."""
    layer_name = LOOKED_AT if effort.passes > 1 else TIMED[0]
    seconds = {}
    for count in (1, LOOKERS):
        shared = shared_for_making()
        subject = subject_of(network, layer_name)
        start = time.perf_counter()
        with ThreadPoolExecutor(count) as pool:
            counted = [
                pool.submit(look_until_complete, shared.optimization_worker, subject)
                for _ in range(count)
            ]
            assert all(future.result() for future in counted)
        seconds[count] = time.perf_counter() - start
    ratio = seconds[LOOKERS] / seconds[1]
    what = f"16 pictures of {layer_name} for {LOOKERS} who look, beside one"
    row = bounded(what, ratio, 1.5, duration(seconds[LOOKERS]), "1.5 times as long")
    return Row(**{**vars(row), "baseline": duration(seconds[1])})


def memory() -> Row:
    """What making takes at most of memory of its own."""
    if not STATUS.exists():
        raise NotRun("only Linux tells how much of a process' memory is anonymous")
    command = [sys.executable, "-m", "tests.bench.making"]
    ran = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    taken = int(ran.stdout)
    what = f"anonymous memory that making pictures of {TIMED[2]} to {TIMED[4]} takes at most"
    return bounded(what, taken, MEMORY_BYTES, f"{taken / 1e6:.0f} MB", "150 MB")


def measure_memory() -> int:
    """The bytes of anonymous memory that making takes at most, where the network is at work."""
    network = Network(UntrainedWeights())
    shared = shared_for_making()
    for _ in range(3):
        visit(shared, network)
    shared.memory.tidy()
    with watching_memory() as taken:
        for name in TIMED[2:]:
            layer = VGG19.conv_layer(name)
            making = OptimizationRun(
                network, layer, range(1, batch_size(layer) + 1), 1, "regularized"
            )
            while making.step < 3:
                making.advance()
            making.pictures()
    return max(taken)


def shared_for_making() -> Shared:
    """What all viewers share, without anything being put on the disk."""
    shared = Shared(limit=None)
    shared.optimization_worker = OptimizationWorker(
        shared.values,
        shared.network_lock,
        shared.make_room,
        shared.memory.tidy,
        store_of=lambda weights: None,
    )
    return shared


def subject_of(network: Network, layer_name: str) -> OptimizationSpec:
    """What is made."""
    return OptimizationSpec(network, VGG19.conv_layer(layer_name), 1, "regularized")


def visit(shared: Shared, network: Network) -> float:
    """Have the maps at the ends of all blocks for a picture that nobody has seen; the seconds."""
    random = np.random.default_rng()
    pixels = random.integers(0, 256, (224, 224, 3), np.uint8)
    picture = SimpleNamespace(pixels=pixels, digest=random.bytes(8))
    threading.Event().wait(0.1)  # as long as somebody looks before the next click
    start = time.perf_counter()
    results = Results(shared)
    forward = results.forward_pass(network, picture)
    for layer in VGG19.block_ends:
        results.cached(
            forward.key(layer.name), lambda layer=layer: forward.maps(layer), network=True
        )
    return time.perf_counter() - start


@contextmanager
def looking(worker: OptimizationWorker, subject: OptimizationSpec) -> Iterator[None]:
    """Have somebody look at a subject's first pictures meanwhile."""
    done = threading.Event()

    def look() -> None:
        worker.request(subject, range(1, 17))
        while not done.wait(LOOK_SECONDS):
            worker.request(subject, range(1, 17))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def wait_until_pictures_grow(worker: OptimizationWorker, subject: OptimizationSpec) -> None:
    """Wait for the first step."""
    while not worker.progress(subject, (1,)).snapshots:
        threading.Event().wait(0.05)


def look_until_complete(worker: OptimizationWorker, subject: OptimizationSpec) -> bool:
    """Look as a page does until all is there; whether nothing failed."""
    while not (progress := worker.request(subject, tuple(range(1, 17)))).complete:
        threading.Event().wait(LOOK_SECONDS)
    return not progress.failure


if __name__ == "__main__":
    print(measure_memory())
