"""State of the server that all viewers share: networks, caches, locks and memory limit."""

from collections.abc import Callable
from threading import Lock
from time import monotonic
from weakref import WeakSet

from vgg_viz.model import weights
from vgg_viz.model.networks import NETWORKS, NetworkChoice, own_files
from vgg_viz.model.own_networks.own_network import open_network
from vgg_viz.model.weights import Weights, WeightsError
from vgg_viz.serving.background_files import DenseLoader
from vgg_viz.serving.background_results import BackgroundResults
from vgg_viz.serving.cache import Cache
from vgg_viz.serving.kept_uploads import KeptUploads
from vgg_viz.serving.loading import Loader, OnProgress
from vgg_viz.serving.locks import FairLock
from vgg_viz.serving.memory import MemoryGuard, cache_bytes
from vgg_viz.serving.optimization_worker import OptimizationWorker

MOST_BUILT = 3  # own networks whose Keras models, of 170 MB each, are in memory


class Shared:
    """Caches, locks, loaders and the worker that exist once per process; thread-safe."""

    def __init__(self, limit: int | None) -> None:
        """Create empty caches of a process that may take ``limit`` bytes; None for no limit."""
        budgets = cache_bytes(limit)
        self.values = Cache(budgets.values)  # arrays and numbers, such as feature maps
        self.drawn = Cache(budgets.drawn)  # mosaics
        self.kept_uploads = KeptUploads()  # for reloads
        self.network_lock = FairLock()  # held during every forward and backward pass
        self.dense_lock = FairLock()  # held while the dense layers are read from disk
        # Held by a job in time slices. Short jobs do not wait for long ones.
        self.short_job_lock = FairLock()
        self.long_job_lock = FairLock()
        self.memory = MemoryGuard(limit)
        self.optimization_worker = OptimizationWorker(
            self.values, self.network_lock, self.make_room, self.memory.tidy
        )
        self.background = BackgroundResults()
        self.dense = DenseLoader(self.memory.has_room)
        self.loaders = {choice: Loader(SOURCES[choice]) for choice in NETWORKS}
        self._own = WeakSet[Loader]()  # own networks' loaders, the host's and the viewers'
        self._own_lock = Lock()

    def make_room(self) -> None:
        """Evict cached values, and networks that are not in use, if memory is short."""
        if self.memory.free_if_short(self.values, self.drawn, self.kept_uploads):
            self._release_own(1)

    def loader(self, choice: NetworkChoice) -> Loader | None:
        """Return the loader of a network; None if the host has no network of this name."""
        if choice not in self.loaders and (path := own_files().get(choice)):
            self.loaders.setdefault(choice, Loader(lambda _: open_network(path, choice)))
        return self.loaders.get(choice)

    def use(self, loader: Loader) -> None:
        """Note that a viewer looks at an own network, and release those looked at before others."""
        loader.used_at = monotonic()
        with self._own_lock:
            self._own.add(loader)
        self._release_own(MOST_BUILT)

    def _release_own(self, kept: int) -> None:
        """Release the Keras models of own networks but the last used ones."""
        with self._own_lock:
            built = sorted((one for one in self._own if one.is_built), key=lambda one: one.used_at)
        for loader in built[:-kept]:
            loader.release()

    def give_up(self, damaged: Weights, error: WeightsError) -> None:
        """Replace damaged weights and their network by failures, and drop work for that network."""
        for loader in {*self.loaders.values(), *self._own}:
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
