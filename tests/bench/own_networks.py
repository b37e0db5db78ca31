"""Own networks: the time until one is shown, beside ImageNet's, and the memory of two networks."""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.bench.measure import Effort, NotRun, Row, attempt, bounded, interleaved, within
from tests.bench.pictures import LAST, cat
from tests.bench.predicting import STATUS
from tests.support import REPOSITORY
from tests.support.own_models import nested_in_sequential
from tests.support.weights_files import write_keras_weights
from vgg_viz.downloads.keras_files import fingerprint_of
from vgg_viz.model.architecture import VGG19
from vgg_viz.model.network import import_keras
from vgg_viz.model.own_networks.own_network import open_network
from vgg_viz.model.weights import IMAGENET_LABEL, StoredWeights, UntrainedWeights, Weights
from vgg_viz.serving.loading import Loader
from vgg_viz.serving.memory import taken_bytes
from vgg_viz.serving.shared import Shared

MOST_TIMES = 1.5
MEMORY_BYTES = 350 * 10**6
IMAGENET, OWN = "imagenet.h5", "own.keras"


def rows(effort: Effort) -> Iterator[Row]:
    """Measure all of this module."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        write_keras_weights(folder / IMAGENET, UntrainedWeights())
        nested_in_sequential(import_keras(), VGG19).save(folder / OWN)
        yield attempt("own network shown", lambda: shown(folder, effort))
        yield attempt("memory of two networks", lambda: memory(folder))


def shown(folder: Path, effort: Effort) -> Row:
    """Measure a new process until the last layer's maps, of an own network and of ImageNet's."""
    clocks = {
        name: lambda name=name: float(child("show", folder / name)) for name in (IMAGENET, OWN)
    }
    seconds = interleaved(effort.starts, clocks)
    what = f"own network in a new process to the maps of {LAST}"
    note = "ImageNet's file"
    return within(what, seconds[IMAGENET], seconds[OWN], MOST_TIMES, note=note)


def memory(folder: Path) -> Row:
    """Measure how much anonymous memory an own network takes beside ImageNet's."""
    if not STATUS.exists():
        raise NotRun("expected Linux, which reports a process' anonymous memory")
    more = int(child("memory", folder / IMAGENET, folder / OWN))
    what = "anonymous memory of an own network beside ImageNet's, both with a picture's maps"
    return bounded(what, more, MEMORY_BYTES, f"{more / 1e6:.0f} MB more", "350 MB more")


def child(task: str, *files: Path) -> str:
    """Run a task in a process of its own; return what it prints."""
    command = [sys.executable, "-m", "tests.bench.own_networks", task, *map(str, files)]
    ran = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    return ran.stdout


def show(path: Path) -> None:
    """Load a network as the page does, and compute the last layer's maps."""
    network = Loader(lambda _: weights_of(path)).network().result()
    network.feature_maps(cat(), LAST)


def weights_of(path: Path) -> Weights:
    """Open a file as the page does: Keras' own is recognized by its MD5, others are checked."""
    if path.name == OWN:
        return open_network(path)
    return StoredWeights(path, IMAGENET_LABEL, fingerprint_of(path))


def measure_memory(first: Path, second: Path) -> int:
    """Return how much more memory two networks take than the first."""
    shared, loaders, taken = Shared(limit=None), [], []
    for path in (first, second):
        loaders.append(Loader(lambda _, path=path: weights_of(path)))
        loaders[-1].network().result().feature_maps(cat(), LAST)
        shared.memory.tidy()
        taken.append(taken_bytes())
    return taken[1] - taken[0]


if __name__ == "__main__":
    task, *arguments = sys.argv[1:]
    paths = list(map(Path, arguments))
    if task == "show":
        start = time.perf_counter()
        show(*paths)
        print(time.perf_counter() - start)
    else:
        print(measure_memory(*paths))
