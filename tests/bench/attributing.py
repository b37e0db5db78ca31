"""Attribution and ablation: time, memory, and the delay of other viewers."""

import subprocess
import sys
import threading
from collections.abc import Generator, Hashable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from itertools import count, islice

from tests.bench.measure import (
    Effort,
    NotRun,
    Row,
    attempt,
    bounded,
    duration,
    durations,
    interleaved,
    middle,
    timed,
)
from tests.bench.optimizing import shared_without_store, visit
from tests.bench.pictures import LAST, cat
from tests.bench.predicting import STATUS, watching_memory
from tests.support import REPOSITORY
from tests.support.thin import outcome
from vgg_viz.interpretability.ablation import later_changes
from vgg_viz.interpretability.attribution.attribution_pass import (
    Attribution,
    AttributionSpec,
    attribute,
)
from vgg_viz.interpretability.attribution.methods import ATTRIBUTION_METHODS
from vgg_viz.model.architecture import VGG19
from vgg_viz.model.network import Network
from vgg_viz.model.weights import UntrainedWeights
from vgg_viz.serving.results import NO_RUN, Results
from vgg_viz.serving.run import Run
from vgg_viz.serving.shared import Shared

# Most seconds for the attribution of a value in the middle of each layer to the pixels.
TIMED = {
    "block1_conv2": 0.05,
    "block2_conv2": 0.05,
    "block3_conv4": 0.05,
    "block4_conv4": 0.3,
    "block5_conv4": 1.6,
}
MEMORY_BYTES = 100 * 10**6
SOME_STEPS = 100  # of integrated gradients from block5_conv4: two of the 65 points
ABLATED_MAPS = (3, 7)
ABLATED_LAYERS = ("block1_conv1", "block3_conv4")
LONGER_SECONDS = 0.5  # five time slices, each of which waits for another viewer's

_fresh = count()


def rows(effort: Effort) -> Iterator[Row]:
    """Measure all of this module."""
    yield attempt("Memory of attributions", partial(memory, effort))
    network = Network(UntrainedWeights())
    for name in list(TIMED)[: effort.layers]:
        yield attempt(f"Attribution from {name}", partial(at_once, network, name, effort))
        yield attempt(f"Integrated gradients, {name}", partial(many_points, network, name))
    for name in ABLATED_LAYERS[-effort.layers :]:
        yield attempt(f"Ablation in {name}", partial(ablation, network, name, effort))
    yield attempt("A forward pass beside it", partial(beside, network, effort))


def at_once(network: Network, layer_name: str, effort: Effort) -> Row:
    """Measure input × gradient and guided backpropagation, computed and from the cache."""
    shared, methods = shared_without_store(), ("input_x_gradient", "guided_backpropagation")
    clocks = {
        method: timed(partial(attributed, shared, spec_of(layer_name, method), network))
        for method in methods
    }
    interleaved(1, clocks)  # for warming up
    seconds = interleaved(effort.passes, clocks)
    cached = timed(
        partial(
            attributed, shared, spec_of(layer_name, "guided_backpropagation"), network, "cached"
        )
    )
    again = [cached() for _ in range(2)][-1]
    ours = ", ".join(f"{method} {durations(seconds[method])}" for method in methods)
    most = max(middle(one) for one in seconds.values())
    what = f"attribution of a value of {layer_name} to the pixels"
    bound = TIMED[layer_name]
    return bounded(what, most, bound, f"{ours}; cached {duration(again)}", duration(bound))


def many_points(network: Network, layer_name: str) -> Row:
    """Measure integrated gradients, once, since it may take long."""
    work = partial(
        attributed, shared_without_store(), spec_of(layer_name, "integrated_gradients"), network
    )
    seconds = timed(work)()
    bound = TIMED[layer_name]
    what = f"integrated gradients of a value of {layer_name}"
    return bounded(what, seconds, bound, duration(seconds), duration(bound))


def ablation(network: Network, layer_name: str, effort: Effort) -> Row:
    """Measure the change of all later maps if two are ablated, beside one forward pass."""
    pixels, layer = cat(), VGG19.conv_layer(layer_name)
    maps = network.feature_maps(pixels, layer_name)
    clocks = {
        "pass": timed(lambda: network.feature_maps(pixels, LAST)),
        "ours": timed(lambda: outcome(later_changes(network, layer, maps, ABLATED_MAPS))),
    }
    interleaved(1, clocks)  # for warming up
    seconds = interleaved(effort.passes, clocks)
    return Row(
        f"change of all later maps if two of {layer_name} are ablated",
        durations(seconds["ours"]),
        baseline=f"{durations(seconds['pass'])}, one forward pass",
        ratio=f"{middle(seconds['ours']) / middle(seconds['pass']):.2f} times",
    )


def beside(network: Network, effort: Effort) -> Row:
    """Measure another viewer's new image in five blocks, alone and beside integrated gradients."""
    shared = shared_without_store()
    visit(shared, network)  # builds
    alone = [visit(shared, network) for _ in range(effort.passes)]
    with attributing_beside(shared, network):
        busy = [visit(shared, network) for _ in range(effort.passes)]
    longer = max(0.0, middle(busy) - middle(alone))
    row = bounded(
        f"another viewer's new image in five blocks beside integrated gradients of {LAST}",
        longer,
        LONGER_SECONDS,
        f"{durations(busy)}, {duration(longer)} longer",
        f"{duration(LONGER_SECONDS)} longer than alone in the median",
    )
    return replace(row, baseline=durations(alone))


def memory(effort: Effort) -> Row:
    """Measure the most memory that each computation takes."""
    if not STATUS.exists():
        raise NotRun("expected Linux, which reports a process' anonymous memory")
    names = list(TIMED)[: effort.layers]
    command = [sys.executable, "-m", "tests.bench.attributing", *names[-2:], ABLATED_LAYERS[0]]
    ran = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    taken = dict(line.rsplit(" ", 1) for line in ran.stdout.splitlines())
    ours = ", ".join(f"{what} {int(number) / 1e6:.0f} MB" for what, number in taken.items())
    most = max(map(int, taken.values()))
    what = "most anonymous memory of attribution and ablation"
    return bounded(f"{what}, one after the other", most, MEMORY_BYTES, ours, "100 MB each")


def measure_memory(deep: list[str], ablated: str) -> Iterator[tuple[str, int]]:
    """Yield each computation and its most bytes of anonymous memory, with a network in use."""
    network, shared = Network(UntrainedWeights()), shared_without_store()
    for _ in range(3):
        visit(shared, network)
    maps, layer = network.feature_maps(cat(), ablated), VGG19.conv_layer(ablated)
    works: dict[str, Generator[object, None, object]] = {
        **{
            f"{method}, {name}": work_of(spec_of(name, method), network)
            for method in ("input_x_gradient", "integrated_gradients")
            for name in deep
        },
        f"ablation {ablated}": later_changes(network, layer, maps, ABLATED_MAPS),
    }
    for what, work in works.items():
        shared.memory.tidy()
        with watching_memory() as taken:
            steps = sum(1 for _ in islice(work, SOME_STEPS))
        work.close()
        assert steps
        yield what, max(taken)


@contextmanager
def attributing_beside(shared: Shared, network: Network) -> Iterator[None]:
    """Run integrated gradients for another viewer meanwhile, superseded at the end."""
    begun, done = threading.Event(), threading.Event()

    def proceed() -> None:
        begun.set()
        if done.is_set():
            raise SupersededError

    run = Run()
    run.started_at = 0.0
    run.show_waiting = run.end_if_superseded = proceed

    def compute() -> None:
        with suppress(SupersededError):
            while True:
                attributed(shared, spec_of(LAST, "integrated_gradients"), network, run=run)

    thread = threading.Thread(target=compute)
    thread.start()
    begun.wait()
    try:
        yield
    finally:
        done.set()
        thread.join()


class SupersededError(Exception):
    """Raised when a newer run of the viewer has started."""


def spec_of(layer_name: str, method: str) -> AttributionSpec:
    """Return the attribution of the value in the middle of a map to the pixels."""
    layer = VGG19.conv_layer(layer_name)
    half = layer.output_shape[0] // 2
    return AttributionSpec(layer, 7, half, half, "input", method)


def work_of(spec: AttributionSpec, network: Network) -> Generator[float, None, Attribution]:
    """Return the generator that computes an attribution."""
    return attribute(network, cat(), spec)


def attributed(
    shared: Shared, spec: AttributionSpec, network: Network, key: Hashable = None, run: Run = NO_RUN
) -> Attribution:
    """Return the attribution, computed anew unless it has a key."""
    work = partial(work_of, spec, network)
    long = ATTRIBUTION_METHODS[spec.method].many_passes
    return Results(shared, run).cached_in_slices(key or next(_fresh), work, long=long)


if __name__ == "__main__":
    for what, taken in measure_memory(sys.argv[1:-1], sys.argv[-1]):
        print(what, taken)
