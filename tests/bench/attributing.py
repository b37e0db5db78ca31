"""What values come from, and what ablated maps change: speed, memory, and others beside it."""

import subprocess
import sys
import threading
from collections.abc import Generator, Hashable, Iterator
from contextlib import contextmanager, suppress
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
from vgg_viz.model.architecture import VGG19
from vgg_viz.model.network import Network
from vgg_viz.model.weights import UntrainedWeights
from vgg_viz.serving.results import Results
from vgg_viz.serving.run import Run
from vgg_viz.serving.shared import Shared

# Of values in the middle of these layers, back to the pixels: at most so many seconds.
TIMED = {
    "block1_conv2": 0.05,
    "block2_conv2": 0.05,
    "block3_conv4": 0.05,
    "block4_conv4": 0.3,
    "block5_conv4": 1.6,
}
MEMORY_BYTES = 100 * 10**6
SOME_STEPS = 100  # of integrated gradients from block5_conv4: three of the 50 points
MUTED = (3, 7)  # maps
ABLATED = ("block1_conv1", "block3_conv4")
LONGER_SECONDS = 0.5  # five turns, each of which waits for one of the others

_fresh = count()


def rows(effort: Effort) -> Iterator[Row]:
    """Measure everything here."""
    yield attempt("Memory of attributions", partial(memory, effort))
    network = Network(UntrainedWeights())
    for name in list(TIMED)[: effort.layers]:
        yield attempt(f"Attribution from {name}", partial(at_once, network, name, effort))
        yield attempt(f"Integrated gradients, {name}", partial(many_points, network, name))
    for name in ABLATED[-effort.layers :]:
        yield attempt(f"Silencing {name}", partial(ablation, network, name, effort))
    yield attempt("A forward pass beside it", partial(beside, network, effort))


def at_once(network: Network, layer_name: str, effort: Effort) -> Row:
    """Contribution and guided backpropagation, as the page has them, and once more from cache."""
    shared, methods = shared_without_store(), ("input_x_gradient", "guided_backpropagation")
    clocks = {
        method: timed(partial(found, shared, question(layer_name, method), network))
        for method in methods
    }
    interleaved(1, clocks)  # for warming up
    seconds = interleaved(effort.passes, clocks)
    kept = timed(
        partial(found, shared, question(layer_name, "guided_backpropagation"), network, "kept")
    )
    again = [kept() for _ in range(2)][-1]
    ours = ", ".join(f"{method} {durations(seconds[method])}" for method in methods)
    most = max(middle(one) for one in seconds.values())
    what = f"what a value of {layer_name} comes from, of the pixels"
    bound = TIMED[layer_name]
    return bounded(what, most, bound, f"{ours}; kept {duration(again)}", duration(bound))


def many_points(network: Network, layer_name: str) -> Row:
    """Integrated gradients: there and back at 50 points. Once, since it may take long."""
    work = partial(
        found, shared_without_store(), question(layer_name, "integrated_gradients"), network
    )
    seconds = timed(work)()
    bound = TIMED[layer_name]
    what = f"the same for {layer_name} by integrated gradients"
    return bounded(what, seconds, bound, duration(seconds), duration(bound))


def ablation(network: Network, layer_name: str, effort: Effort) -> Row:
    """How all later maps change if two are ablated, beside one forward pass from the pixels."""
    pixels, layer = cat(), VGG19.conv_layer(layer_name)
    maps = network.feature_maps(pixels, layer_name)
    clocks = {
        "pass": timed(lambda: network.feature_maps(pixels, LAST)),
        "ours": timed(lambda: outcome(later_changes(network, layer, maps, MUTED))),
    }
    interleaved(1, clocks)  # for warming up
    seconds = interleaved(effort.passes, clocks)
    return Row(
        f"how two ablated maps of {layer_name} change all later ones",
        durations(seconds["ours"]),
        baseline=f"{durations(seconds['pass'])}, one forward pass",
        ratio=f"{middle(seconds['ours']) / middle(seconds['pass']):.2f} times",
    )


def beside(network: Network, effort: Effort) -> Row:
    """Another viewer's new picture in five blocks: alone, and beside integrated gradients."""
    shared = shared_without_store()
    visit(shared, network)  # builds
    alone = [visit(shared, network) for _ in range(effort.passes)]
    with following_back(shared, network):
        busy = [visit(shared, network) for _ in range(effort.passes)]
    longer = max(0.0, middle(busy) - middle(alone))
    row = bounded(
        f"another viewer's new picture in five blocks beside integrated gradients of {LAST}",
        longer,
        LONGER_SECONDS,
        f"{durations(busy)}, {duration(longer)} longer",
        f"{duration(LONGER_SECONDS)} longer than alone in the median",
    )
    return Row(**{**vars(row), "baseline": durations(alone)})


def memory(effort: Effort) -> Row:
    """What each of the three takes at most of memory of its own."""
    if not STATUS.exists():
        raise NotRun("only Linux tells how much of a process' memory is anonymous")
    names = list(TIMED)[: effort.layers]
    command = [sys.executable, "-m", "tests.bench.attributing", *names[-2:], ABLATED[0]]
    ran = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    taken = dict(line.rsplit(" ", 1) for line in ran.stdout.splitlines())
    ours = ", ".join(f"{what} {int(number) / 1e6:.0f} MB" for what, number in taken.items())
    most = max(map(int, taken.values()))
    what = "anonymous memory that following a value back, and ablation, take at most"
    return bounded(f"{what}, one after the other", most, MEMORY_BYTES, ours, "100 MB each")


def measure_memory(deep: list[str], ablated: str) -> Iterator[tuple[str, int]]:
    """The bytes of anonymous memory that each takes at most, where the network is at work."""
    network, shared = Network(UntrainedWeights()), shared_without_store()
    for _ in range(3):
        visit(shared, network)
    maps, layer = network.feature_maps(cat(), ablated), VGG19.conv_layer(ablated)
    works: dict[str, Generator[object, None, object]] = {
        **{
            f"{method}, {name}": asked(question(name, method), network)
            for method in ("input_x_gradient", "integrated_gradients")
            for name in deep
        },
        f"ablation {ablated}": later_changes(network, layer, maps, MUTED),
    }
    for what, work in works.items():
        shared.memory.tidy()
        with watching_memory() as taken:
            steps = sum(1 for _ in islice(work, SOME_STEPS))
        work.close()
        assert steps
        yield what, max(taken)


@contextmanager
def following_back(shared: Shared, network: Network) -> Iterator[None]:
    """Have somebody wait for integrated gradients meanwhile, and be superseded at the end."""
    begun, done = threading.Event(), threading.Event()

    def go_on() -> None:
        begun.set()
        if done.is_set():
            raise SupersededError

    run = Run()
    run.started_at = 0.0
    run.show_waiting = run.end_if_superseded = go_on

    def look() -> None:
        with suppress(SupersededError):
            while True:
                found(shared, question(LAST, "integrated_gradients"), network, run=run)

    thread = threading.Thread(target=look)
    thread.start()
    begun.wait()
    try:
        yield
    finally:
        done.set()
        thread.join()


class SupersededError(Exception):
    """Ends what nobody waits for any more."""


def question(layer_name: str, method: str) -> AttributionSpec:
    """What the value in the middle of a map comes from, of the pixels."""
    layer = VGG19.conv_layer(layer_name)
    half = layer.output_shape[0] // 2
    return AttributionSpec(layer, 7, half, half, "input", method)


def asked(one: AttributionSpec, network: Network) -> Generator[float, None, Attribution]:
    """The work of that."""
    return attribute(network, cat(), one)


def found(
    shared: Shared,
    one: AttributionSpec,
    network: Network,
    key: Hashable = None,
    run: Run | None = None,
) -> Attribution:
    """What comes of it, anew if there is no key."""
    work = partial(asked, one, network)
    long = one.method == "integrated_gradients"
    return Results(shared, run).cached_in_slices(key or next(_fresh), work, long=long)


if __name__ == "__main__":
    for what, taken in measure_memory(sys.argv[1:-1], sys.argv[-1]):
        print(what, taken)
