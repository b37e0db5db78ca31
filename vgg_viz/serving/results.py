"""Computed results, cached and shared by all viewers."""

import logging
from collections.abc import Callable, Generator, Hashable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from threading import current_thread
from time import perf_counter
from typing import Any, TypeVar

import numpy as np

from vgg_viz.image_io.input_image import NetworkInput
from vgg_viz.interpretability.class_evidence.own_head import OwnHead
from vgg_viz.interpretability.feature_visualization.image_store import read_peaks, save_peaks
from vgg_viz.interpretability.feature_visualization.top_patches import Peaks
from vgg_viz.interpretability.map_statistics import Statistics
from vgg_viz.model.dense_layers import ReportingDense
from vgg_viz.model.network import Network, read_only, tiles_first
from vgg_viz.model.weights import LayerWeights, Weights, WeightsError
from vgg_viz.serving.background_files import AnyHead
from vgg_viz.serving.forward_pass import ForwardPass, Overview
from vgg_viz.serving.locks import no_pause
from vgg_viz.serving.run import Run
from vgg_viz.serving.shared import Shared

Value = TypeVar("Value")
Job = Generator[float | None, None, Value]  # yields the fraction done, if known; returns the value

NO_RUN = Run()
TIME_SLICE_SECONDS = 0.05  # how long a job holds the network lock before others may have it

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ValueRange:
    """Smallest and largest value of a layer's maps or filters.

    ``usual`` is the 99.5th percentile of a layer's absolute weights. A color scale around zero ends
    there; otherwise a few large weights would leave all others pale.
    """

    low: float
    high: float
    usual: float = 0.0

    @classmethod
    def of_maps(cls, maps: np.ndarray) -> "ValueRange":
        """Return the value range of a layer's maps."""
        return cls(float(maps.min()), float(maps.max()))

    @classmethod
    def of_statistics(cls, statistics: Statistics) -> "ValueRange":
        """Return the value range of the maps whose statistics are given."""
        return cls(float(statistics.minimum.min()), float(statistics.maximum.max()))

    @classmethod
    def of_filters(cls, filters: np.ndarray) -> "ValueRange":
        """Return the value range of the weights of a layer's filters."""
        usual = np.percentile(np.abs(filters), 99.5)
        return cls(float(filters.min()), float(filters.max()), float(usual))


class Results:
    """Access to cached results for one script run of the page, and for the exports it offers."""

    def __init__(self, shared: Shared, run: Run = NO_RUN) -> None:
        """Serve a script run, which has the calling thread to itself."""
        self.shared = shared
        self._run, self._thread = run, current_thread()
        self._held: dict[Hashable, Any] | None = None

    @property
    def run(self) -> Run:
        """The script run; in other threads, where exports are written, a run that nothing ends."""
        return self._run if current_thread() is self._thread else NO_RUN

    # -- named results

    def kernels(
        self, weights: Weights, layer_name: str, filters: Sequence[int], channels: Sequence[int]
    ) -> np.ndarray:
        """Return kernels of a conv layer by indices, float32 ``(filters, channels, 3, 3)``."""
        key = ("kernels", weights.identity, layer_name, tuple(filters), tuple(channels))
        chosen = np.ix_(filters, channels)
        return self.cached(key, lambda: read_only(self._filters(weights, layer_name)[chosen]))

    def biases(self, weights: Weights, layer_name: str) -> np.ndarray:
        """Return the biases of a conv layer, float32 ``(filters,)``."""
        key = ("biases", weights.identity, layer_name)
        return self.cached(key, lambda: self._read(weights, layer_name)[1])

    def filters_range(self, weights: Weights, layer_name: str) -> ValueRange:
        """Return the value range of all weights of a conv layer's filters."""
        key = ("filters range", weights.identity, layer_name)
        return self.cached(key, lambda: ValueRange.of_filters(self._filters(weights, layer_name)))

    def forward_pass(self, network: Network, picture: NetworkInput) -> ForwardPass:
        """Return the forward pass of an image; call its methods with the network lock held."""
        return ForwardPass(self.shared.values, network, picture)

    def overview(self, network: Network, picture: NetworkInput) -> Overview:
        """Return the most active maps and the statistics of every conv layer for an image."""
        forward = self.forward_pass(network, picture)

        def compute() -> Overview:
            return self._run_in_slices(forward.overview(), 0.0)

        return self.cached(forward.key("overview"), compute)

    def has_overview(self, network: Network, picture: NetworkInput) -> bool:
        """Return whether the overview of an image is cached."""
        key = self.forward_pass(network, picture).key("overview")
        return self.shared.values.peek(key) is not None

    def overview_soon(self, network: Network, picture: NetworkInput) -> Overview | None:
        """Return the overview of an image; None while a background thread computes it."""
        key = self.forward_pass(network, picture).key("overview")
        return self.soon(key, lambda results: results.overview(network, picture))

    def peaks(
        self, network: Network, picture: NetworkInput, *, on_disk: bool = False
    ) -> tuple[Peaks, ...]:
        """Return the strongest activations of all channels for an image, one entry per conv layer.

        After every block of the network, all script runs that wait for it go first. With
        ``on_disk``, the peaks are also stored beside the network's weights: for sample images only,
        never for a viewer's own.
        """
        forward, weights = self.forward_pass(network, picture), network.weights

        def compute() -> tuple[Peaks, ...]:
            if on_disk and (found := read_peaks(weights, network.architecture, picture.digest)):
                return found
            # Between blocks it holds 3 MB, so several viewers' images may take turns.
            found = self._run_in_slices(forward.peaks(), 0.0)
            if on_disk:
                try:
                    save_peaks(weights, picture.digest, found)
                except OSError as error:
                    log.warning("Could not save the top patches of a sample: %s", error)
            return found

        return self.cached(forward.key("peaks"), compute)

    def peaks_soon(
        self, network: Network, picture: NetworkInput, seconds: float, *, on_disk: bool = False
    ) -> tuple[Peaks, ...] | None:
        """Return the peaks of an image; None if a background thread takes longer to find them."""
        key = self.forward_pass(network, picture).key("peaks")
        return self.soon(
            key, lambda results: results.peaks(network, picture, on_disk=on_disk), seconds
        )

    # -- any result

    def cached(
        self, key: Hashable, compute: Callable[[], Value], *, network: bool = False
    ) -> Value:
        """Return a key's cached value; if there is none, compute it once for all script runs.

        If ``compute`` runs the ``network``, it waits for the network lock, in the order in which
        the runs began.
        """
        lock = self._network_lock() if network else None

        def get() -> Value:
            try:
                return self.shared.values.get(key, compute, self.run.show_waiting, within=lock)
            finally:
                self.run.clear_status()

        return self._hold(key, get)

    def soon(
        self, key: Hashable, compute: Callable[["Results"], Value], seconds: float = 0.0
    ) -> Value | None:
        """Return a key's cached value; if there is none, let a background thread compute it.

        None means that the value is not there after so many ``seconds``: ask again within
        `background_results.ACTIVE_SECONDS`. ``compute`` caches the value under this key.
        """
        value: Value | None = self.shared.values.peek(key)
        if value is None:
            shared = self.shared
            future = shared.background.request(key, lambda run: compute(Results(shared, run)))
            with suppress(TimeoutError):
                future.result(seconds)
                value = self.shared.values.peek(key)
        return value

    def cached_in_slices(
        self,
        key: Hashable,
        begin: Callable[[], Job[Value]],
        *,
        long: bool = False,
        after_slice: Callable[[], None] = no_pause,
        dense: AnyHead | None = None,
    ) -> Value:
        """Return a job's cached result; if there is none, run the job in time slices.

        A job passes through the network many times. ``begin`` starts it. A slice holds the network
        lock for `TIME_SLICE_SECONDS`. Between slices, other script runs get the lock, and a
        superseded run ends. A ``long`` job takes many times as long as a forward pass; short jobs
        do not wait for long ones. ``after_slice`` may show an intermediate result, without the
        lock. ``dense`` is the head that the job reads, if any.
        """

        def compute() -> Value:
            # One job of each kind at a time: a job holds up to 100 MB, also between its slices.
            lock = self.shared.long_job_lock if long else self.shared.short_job_lock
            with lock.hold(self.run.show_waiting, self.run.started_at), self._reading(dense):
                return self._run_in_slices(begin(), TIME_SLICE_SECONDS, after_slice)

        return self.cached(key, compute)

    def cached_dense(
        self, key: Hashable, dense: AnyHead, compute: Callable[[AnyHead], Value]
    ) -> Value:
        """Return the cached result of a computation that reads all of a head, or compute it.

        One script run reads at a time; forward passes do not wait for the disk.
        """

        def read() -> Value:
            lock = self.shared.dense_lock
            with lock.hold(self.run.show_waiting, self.run.started_at), self._reading(dense):
                if isinstance(dense, OwnHead):
                    return compute(dense)
                return compute(ReportingDense(dense, self.run.show_reading))

        return self.cached(key, read)

    def cached_drawing(
        self, key: Hashable, draw: Callable[[], Value], *, transient: bool = False
    ) -> Value:
        """Return a mosaic (an image of many maps or filters) from its cache, or draw it.

        Mosaics have a cache of their own, since one layer's maps can be drawn in hundreds of ways.
        A ``transient`` mosaic is soon replaced, and evicted first.
        """
        try:
            return self.shared.drawn.get(key, draw, self.run.show_waiting, transient=transient)
        finally:
            self.run.clear_status()

    @contextmanager
    def holding(self) -> Iterator[None]:
        """Keep all values that are requested within a ``with`` block until its end.

        Otherwise a layer's maps may be evicted between measuring and drawing them. Keep the block
        short: a script run that waits in a queue within it would keep 13 MB.
        """
        self._held = {}
        try:
            yield
        finally:
            self._held = None

    def _hold(self, key: Hashable, get: Callable[[], Value]) -> Value:
        if self._held is None:
            return get()
        if key not in self._held:
            self._held[key] = get()
        return self._held[key]

    @contextmanager
    def _reading(self, dense: AnyHead | None) -> Iterator[None]:
        """Give up a head whose file turns out to be damaged within a ``with`` block."""
        try:
            yield
        except WeightsError as error:
            # The file was damaged after it was opened: a new run reports that.
            if dense:
                self.shared.dense.give_up(dense, error)
                self.run.restart()
            raise

    # -- locks

    @contextmanager
    def _network_lock(self, *, new_place: bool = False) -> Iterator[None]:
        """Hold the network lock within a ``with`` block.

        With ``new_place``, queue behind all runs that already wait, and not by this run's start.
        """
        shared = self.shared
        shared.make_room()
        since = None if new_place else self.run.started_at
        with shared.network_lock.hold(self.run.show_waiting, since):
            self.run.end_if_superseded()
            yield
        shared.memory.tidy()

    def _run_in_slices(
        self, job: Job[Value], seconds: float, after_slice: Callable[[], None] = no_pause
    ) -> Value:
        """Run a job to its end; a slice is at least one step, and further ones for so long."""
        fraction: float | None = 0.0
        while True:
            if fraction is not None:
                self.run.show_computing(fraction)
            with self._network_lock(new_place=True):
                end = perf_counter() + seconds
                try:
                    fraction = next(job)
                    while perf_counter() < end:
                        fraction = next(job)
                except StopIteration as stopped:
                    return stopped.value
            after_slice()

    def _filters(self, weights: Weights, layer_name: str) -> np.ndarray:
        """Return a layer's filters, ``(filters, channels, 3, 3)``; keep them within `holding` only.

        They are not cached, since the filters of all layers take 80 MB.
        """
        key = ("filters", weights.identity, layer_name)
        return self._hold(key, lambda: tiles_first(self._read(weights, layer_name)[0]))

    def _read(self, weights: Weights, layer_name: str) -> LayerWeights:
        try:
            return weights.read(layer_name)
        except WeightsError as error:
            # The file was damaged after it was opened: a new run shows the untrained network
            # throughout.
            self.shared.give_up(weights, error)
            self.run.restart()
            raise
