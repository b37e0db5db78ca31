"""State of the server that all viewers share: networks, caches, locks and memory limit."""

from collections.abc import Callable
from typing import get_args

from vgg_viz.model import weights
from vgg_viz.model.networks import NetworkChoice
from vgg_viz.model.weights import Weights, WeightsError
from vgg_viz.serving.background_files import DenseLoader
from vgg_viz.serving.cache import Cache
from vgg_viz.serving.loading import Loader, OnProgress
from vgg_viz.serving.locks import FairLock
from vgg_viz.serving.memory import MemoryGuard, cache_bytes
from vgg_viz.serving.optimization_worker import OptimizationWorker


class Shared:
    """Caches, locks, loaders and the worker that exist once per process; thread-safe.

    Attributes:
        values: cache of computed arrays and numbers, such as feature maps.
        drawn: cache of drawn mosaics.
        network_lock: held during every forward and backward pass.
        dense_lock: held while the dense layers are read from disk.
        short_job_lock: held by a job in time slices, which takes the network lock in each slice.
        long_job_lock: held by a long job in time slices, so that short jobs do not wait for it.
        memory: evicts cached values when the process nears its memory limit.
        optimization_worker: optimizes images in the background.
        dense: loads dense layers and class names.
        loaders: loader of each network, by its name (``"imagenet"`` or ``"untrained"``).
    """

    def __init__(self, limit: int | None) -> None:
        """Create empty caches and start no work.

        Args:
            limit: bytes of memory that the process may take; None for no limit.
        """
        budgets = cache_bytes(limit)
        self.values = Cache(budgets.values)
        self.drawn = Cache(budgets.drawn)
        self.network_lock = FairLock()
        self.dense_lock = FairLock()
        self.short_job_lock = FairLock()
        self.long_job_lock = FairLock()
        self.memory = MemoryGuard(limit)
        self.optimization_worker = OptimizationWorker(
            self.values, self.network_lock, self.make_room, self.memory.tidy
        )
        self.dense = DenseLoader()
        self.loaders = {choice: Loader(SOURCES[choice]) for choice in get_args(NetworkChoice)}

    def make_room(self) -> None:
        """Evict cached values if memory is short."""
        self.memory.free_if_short(self.values, self.drawn)

    def give_up(self, damaged: Weights, error: WeightsError) -> None:
        """Replace damaged weights and their network by failures, and drop work for that network."""
        for loader in self.loaders.values():
            # A copy of the error: its own traceback would keep the network.
            loader.fail(damaged, WeightsError(str(error)))
        self.optimization_worker.give_up(damaged)

    def trained_name(self) -> str:
        """Return the name of the trained network; "untrained" if its weights failed to load."""
        label = self.loaders["imagenet"].label() or weights.IMAGENET_LABEL
        return label.removeprefix(weights.FILE_LABEL)


def untrained(on_progress: OnProgress) -> Weights:
    """Return random weights at once, without reporting progress."""
    return weights.UntrainedWeights()


def trained(on_progress: OnProgress) -> Weights:
    """Load the trained weights from disk, or download them and report the progress."""
    return weights.obtain(on_progress=on_progress)


SOURCES: dict[NetworkChoice, Callable[[OnProgress], Weights]] = {
    "imagenet": trained,
    "untrained": untrained,
}
