"""Optimization of images in the background: its speed, memory and effect on other viewers."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from types import SimpleNamespace

import numpy as np

from tests.bench.measure import Effort, NotRun, Row, attempt, bounded, duration, durations, middle
from tests.bench.predicting import STATUS, watching_memory
from tests.support import REPOSITORY
from vgg_viz.interpretability.feature_visualization.optimization import (
    OptimizationRun,
    OptimizationSpec,
    batch_size,
)
from vgg_viz.model.architecture import VGG19
from vgg_viz.model.network import Network
from vgg_viz.model.weights import UntrainedWeights
from vgg_viz.serving.optimization_worker import OptimizationWorker
from vgg_viz.serving.results import Results
from vgg_viz.serving.shared import Shared

TIMED = ("block1_conv1", "block2_conv2", "block3_conv4", "block4_conv4", "block5_conv4")
BESIDE = "block3_conv4"
SHARED = "block2_conv2"

UNIT_SECONDS, LONGER_SECONDS = 0.1, 0.2
MEMORY_BYTES = 150 * 10**6
VIEWERS = 30
RENEWAL_SECONDS = 0.5  # between two requests of a page


def rows(effort: Effort) -> Iterator[Row]:
    """Measure speed, memory and the effect on other viewers."""
    yield attempt("Memory of optimization", memory)
    network = Network(UntrainedWeights())
    for name in TIMED[: effort.layers]:
        yield attempt(f"Optimizing {name}", lambda name=name: steps(network, name, effort))
    yield attempt("Forward passes meanwhile", lambda: beside(network, effort))
    yield attempt("Many viewers", lambda: viewers(network, effort))


def steps(network: Network, layer_name: str, effort: Effort) -> Row:
    """Measure the steps of a batch, and the longest unit of work in them."""
    layer = VGG19.conv_layer(layer_name)
    channels = range(1, batch_size(layer) + 1)
    run = OptimizationRun(spec_of(network, layer_name), channels)
    units, taken = [], []
    count = max(2, effort.passes // 3)
    while run.step < count:
        step, start = run.step, time.perf_counter()
        while run.step == step:
            before = time.perf_counter()
            run.advance()
            units.append((step, time.perf_counter() - before))
        taken.append(time.perf_counter() - start)
    longest = max(seconds for step, seconds in units if step)  # the first unit builds
    each = run.steps * middle(taken[1:]) / len(channels)
    images = "1 optimized image" if len(channels) == 1 else f"{len(channels)} optimized images"
    what = f"a step of {images} of {layer_name} ({run.steps} steps)"
    ours = f"{durations(taken[1:])}; {duration(each)} per image, {duration(longest)} per unit"
    return bounded(what, longest, UNIT_SECONDS, ours, f"{duration(UNIT_SECONDS)} per unit of work")


def beside(network: Network, effort: Effort) -> Row:
    """Measure a new image in the Blocks view: alone, and during an optimization."""
    shared = shared_without_store()
    spec = spec_of(network, BESIDE)
    for _ in range(2):
        visit(shared, network)  # the first visit builds
    alone = [visit(shared, network) for _ in range(effort.passes)]
    with requesting(shared.optimization_worker, spec):
        wait_for_snapshot(shared.optimization_worker, spec)
        busy = [visit(shared, network) for _ in range(effort.passes)]
    longer = max(busy) - middle(alone)
    ours = f"{durations(busy)}, at most {duration(max(longer, 0.0))} longer"
    row = bounded(
        f"another viewer's new image in the Blocks view during optimization of {BESIDE}",
        longer,
        LONGER_SECONDS,
        ours,
        f"{duration(LONGER_SECONDS)} longer than alone",
    )
    return replace(row, baseline=durations(alone))


def viewers(network: Network, effort: Effort) -> Row:
    """Measure the time from the first request to the last image, for 1 and for 30 viewers."""
    layer_name = SHARED if effort.passes > 1 else TIMED[0]
    seconds = {}
    for count in (1, VIEWERS):
        shared = shared_without_store()
        spec = spec_of(network, layer_name)
        start = time.perf_counter()
        with ThreadPoolExecutor(count) as pool:
            outcomes = [
                pool.submit(request_until_complete, shared.optimization_worker, spec)
                for _ in range(count)
            ]
            assert all(future.result() for future in outcomes)
        seconds[count] = time.perf_counter() - start
    ratio = seconds[VIEWERS] / seconds[1]
    what = f"16 optimized images of {layer_name} for {VIEWERS} viewers; baseline: one viewer"
    row = bounded(what, ratio, 1.5, duration(seconds[VIEWERS]), "1.5 times as long")
    return replace(row, baseline=duration(seconds[1]))


def memory() -> Row:
    """Measure the peak memory of optimization."""
    if not STATUS.exists():
        raise NotRun("only Linux reports anonymous memory")
    command = [sys.executable, "-m", "tests.bench.optimizing"]
    ran = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    taken = int(ran.stdout)
    what = f"peak anonymous memory of optimizing {TIMED[2]} to {TIMED[4]}"
    return bounded(what, taken, MEMORY_BYTES, f"{taken / 1e6:.0f} MB", "150 MB")


def measure_memory() -> int:
    """Measure the peak anonymous memory of optimization after forward passes, in bytes."""
    network = Network(UntrainedWeights())
    shared = shared_without_store()
    for _ in range(3):
        visit(shared, network)
    shared.memory.tidy()
    with watching_memory() as taken:
        for name in TIMED[2:]:
            layer = VGG19.conv_layer(name)
            run = OptimizationRun(spec_of(network, name), range(1, batch_size(layer) + 1))
            while run.step < 3:
                run.advance()
            run.images()
    return max(taken)


def shared_without_store() -> Shared:
    """Return shared state that saves no optimized images to disk."""
    shared = Shared(limit=None)
    shared.optimization_worker = OptimizationWorker(
        shared.values, shared.network_lock, shared.make_room, shared.memory.tidy
    )
    shared.optimization_worker._store_of = lambda weights: None
    return shared


def spec_of(network: Network, layer_name: str) -> OptimizationSpec:
    """Return the specification of a layer's images."""
    return OptimizationSpec(network, VGG19.conv_layer(layer_name), 1, "regularized")


def visit(shared: Shared, network: Network) -> float:
    """Compute a new random image's maps at the ends of all blocks; return the seconds."""
    random = np.random.default_rng()
    pixels = random.integers(0, 256, (224, 224, 3), np.uint8)
    picture = SimpleNamespace(pixels=pixels, digest=random.bytes(8))
    threading.Event().wait(0.1)  # a viewer pauses before the next click
    start = time.perf_counter()
    results = Results(shared)
    forward = results.forward_pass(network, picture)
    for layer in VGG19.block_ends:
        results.cached(
            forward.key(layer.name), lambda layer=layer: forward.maps(layer), network=True
        )
    return time.perf_counter() - start


@contextmanager
def requesting(worker: OptimizationWorker, spec: OptimizationSpec) -> Iterator[None]:
    """Keep requesting a layer's first images within the context."""
    done = threading.Event()

    def renew() -> None:
        worker.request(spec, range(1, 17))
        while not done.wait(RENEWAL_SECONDS):
            worker.request(spec, range(1, 17))

    thread = threading.Thread(target=renew)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def wait_for_snapshot(worker: OptimizationWorker, spec: OptimizationSpec) -> None:
    """Wait for the first snapshot."""
    while not worker.progress(spec, (1,)).images:
        threading.Event().wait(0.05)


def request_until_complete(worker: OptimizationWorker, spec: OptimizationSpec) -> bool:
    """Renew a request like a page until it is complete; return whether nothing failed."""
    while (progress := worker.request(spec, tuple(range(1, 17)))).missing:
        threading.Event().wait(RENEWAL_SECONDS)
    return not progress.failure


if __name__ == "__main__":
    print(measure_memory())
