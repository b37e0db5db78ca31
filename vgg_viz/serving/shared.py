"""Everything that all viewers share: networks, what was computed and drawn, turns, memory."""

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
    """What is there once in the process; may be used from any thread."""

    def __init__(self, limit: int | None) -> None:
        """Begin with nothing; the process may take ``limit`` bytes, or any number if None."""
        budgets = cache_bytes(limit)
        self.values = Cache(budgets.values)
        self.drawn = Cache(budgets.drawn)
        self.network_lock = FairLock()
        self.dense_lock = FairLock()
        # Held by a job that runs in time slices; within a slice it holds the network lock too.
        self.short_job_lock = FairLock()
        self.long_job_lock = FairLock()
        self.memory = MemoryGuard(limit)
        self.maker = OptimizationWorker(
            self.values, self.network_lock, self.make_room, self.memory.tidy
        )
        self.dense = DenseLoader()
        self.loaders = {choice: Loader(SOURCES[choice]) for choice in get_args(NetworkChoice)}

    def make_room(self) -> None:
        """Give memory back if it is nearly used up."""
        self.memory.give_back_if_short(self.values, self.drawn)

    def give_up(self, damaged: Weights, error: WeightsError) -> None:
        """Take these weights for failed, and the network with them."""
        for loader in self.loaders.values():
            # The error itself is not kept: through its traceback it would hold the network.
            loader.fail(damaged, WeightsError(str(error)))
        self.maker.give_up(damaged)

    def trained_name(self) -> str:
        """What the trained network is called, as far as is known.

        "untrained" if it has no weights.
        """
        label = self.loaders["imagenet"].label() or weights.IMAGENET_LABEL
        return label.removeprefix(weights.FILE_LABEL)


def untrained(on_progress: OnProgress) -> Weights:
    """Weights that nobody has trained, for which there is nothing to wait."""
    return weights.UntrainedWeights()


def trained(on_progress: OnProgress) -> Weights:
    """The weights that are on the disk, or are to be had."""
    return weights.obtain(on_progress=on_progress)


SOURCES: dict[NetworkChoice, Callable[[OnProgress], Weights]] = {
    "imagenet": trained,
    "untrained": untrained,
}
