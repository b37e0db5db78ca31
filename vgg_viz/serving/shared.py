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
    """Caches, locks, loaders and the worker that exist once per process; thread-safe."""

    def __init__(self, limit: int | None) -> None:
        """Create empty caches of a process that may take ``limit`` bytes; None for no limit."""
        budgets = cache_bytes(limit)
        self.values = Cache(budgets.values)  # arrays and numbers, such as feature maps
        self.drawn = Cache(budgets.drawn)  # mosaics
        self.network_lock = FairLock()  # held during every forward and backward pass
        self.dense_lock = FairLock()  # held while the dense layers are read from disk
        # Held by a job in time slices. Short jobs do not wait for long ones.
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


SOURCES: dict[NetworkChoice, Callable[[OnProgress], Weights]] = {
    "imagenet": lambda on_progress: weights.obtain(on_progress=on_progress),
    "untrained": lambda _: weights.UntrainedWeights(),
}
