"""Results shared by all viewers, computed once and cached."""

from collections.abc import Callable, Generator, Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from time import perf_counter
from typing import Any, TypeVar

import numpy as np

from vgg_viz.image_io.input_image import NetworkInput
from vgg_viz.interpretability.feature_visualization.top_patches import Peaks
from vgg_viz.interpretability.map_statistics import Statistics
from vgg_viz.model.dense_layers import DenseWeights, ReportingDense
from vgg_viz.model.network import Network, Preprocessing, filter_colors, read_only, tiles_first
from vgg_viz.model.weights import LayerWeights, Weights, WeightsError
from vgg_viz.serving.forward_pass import PEAKS, ForwardPass, Overview
from vgg_viz.serving.run import Run
from vgg_viz.serving.shared import Shared

Value = TypeVar("Value")
Job = Generator[float | None, None, Value]  # yields the fraction done, if known; returns the value

TIME_SLICE_SECONDS = 0.05  # how long a job holds the network lock before others may have it


@dataclass(frozen=True)
class ValueRange:
    """Smallest and largest value of a layer's maps or weights.

    Attributes:
        low: the smallest value.
        high: the largest value.
        usual: of weights, the 99.5th percentile of their absolute values. A scale around zero
            ends there, since a few large weights would make it pale.
    """

    low: float
    high: float
    usual: float = 0.0

    @classmethod
    def of_maps(cls, maps: np.ndarray) -> "ValueRange":
        """Measure the range of these maps."""
        return cls(float(maps.min()), float(maps.max()))

    @classmethod
    def of_statistics(cls, statistics: Statistics) -> "ValueRange":
        """Return the range of the maps with these statistics."""
        return cls(float(statistics.minimum.min()), float(statistics.maximum.max()))

    @classmethod
    def of_filters(cls, filters: np.ndarray) -> "ValueRange":
        """Measure the range of these filters' weights."""
        usual = np.percentile(np.abs(filters), 99.5)
        return cls(float(filters.min()), float(filters.max()), float(usual))


class Results:
    """Access to cached results for one script run or export."""

    def __init__(self, shared: Shared, run: Run | None = None) -> None:
        """Serve this run; without one, an export, which cannot be superseded."""
        self.shared = shared
        self.run = run or Run()
        self._held: dict[Hashable, Any] | None = None

    def for_export(self) -> "Results":
        """Return a copy for exports, which are not tied to a script run."""
        return Results(self.shared)

    # -- named results

    def kernels(
        self, weights: Weights, layer_name: str, filters: Sequence[int], channels: Sequence[int]
    ) -> np.ndarray:
        """Return some kernels of a layer, float32 ``(filters, channels, 3, 3)``.

        Args:
            weights: the network's convolutional weights.
            layer_name: a conv layer.
            filters: indices of the filters, from 0.
            channels: indices of the filters' channels, from 0.
        """
        key = ("kernels", weights.identity, layer_name, tuple(filters), tuple(channels))
        chosen = np.ix_(filters, channels)
        return self.cached(key, lambda: read_only(self._filters(weights, layer_name)[chosen]))

    def biases(self, weights: Weights, layer_name: str) -> np.ndarray:
        """Return a layer's biases, float32 ``(filters,)``."""
        key = ("biases", weights.identity, layer_name)
        return self.cached(key, lambda: self._read(weights, layer_name)[1])

    def filters_range(self, weights: Weights, layer_name: str) -> ValueRange:
        """Return the range of a layer's weights."""
        key = ("filters range", weights.identity, layer_name)
        return self.cached(key, lambda: ValueRange.of_filters(self._filters(weights, layer_name)))

    def filter_colors(self, weights: Weights, layer_name: str) -> np.ndarray:
        """Return the first layer's filters as colors, uint8 ``(filters, 3, 3, 3)``."""
        key = ("filter colors", weights.identity, layer_name)
        return self.cached(key, lambda: filter_colors(self._filters(weights, layer_name)))

    def forward_pass(
        self, network: Network, picture: NetworkInput, preprocessing: Preprocessing = "caffe"
    ) -> ForwardPass:
        """Return the forward pass of a picture; its methods run while holding the network lock."""
        return ForwardPass(self.shared.values, network, picture, preprocessing)

    def overview(self, network: Network, picture: NetworkInput) -> Overview:
        """Return the most active maps and the statistics of every conv layer."""
        forward = self.forward_pass(network, picture)
        return self.cached(forward.key("overview"), forward.overview, network=True)

    def peaks(self, network: Network, picture: NetworkInput) -> tuple[Peaks, ...]:
        """Return the positions of the largest values of all channels, one entry per conv layer.

        Meant for one of many pictures: between two of them, all other waiting runs go first.
        """
        forward = self.forward_pass(network, picture)

        def compute() -> tuple[Peaks, ...]:
            with self._network_lock(new_place=True):
                return forward.peaks()

        return self.cached(forward.key(PEAKS), compute)

    # -- any result

    def cached(
        self, key: Hashable, compute: Callable[[], Value], *, network: bool = False
    ) -> Value:
        """Return the cached value, or compute it once for all runs that ask.

        Args:
            key: names the value; equal keys stand for equal values.
            compute: computes the value if it is not cached.
            network: whether ``compute`` runs the network. It then waits for the network lock, in
                the order in which the runs began.
        """
        held: dict[Hashable, Value] = {} if self._held is None else self._held
        if key not in held:
            lock = self._network_lock() if network else None
            try:
                held[key] = self.shared.values.get(key, compute, self.run.show_waiting, within=lock)
            finally:
                self.run.clear_status()
        return held[key]

    def cached_in_slices(
        self, key: Hashable, begin: Callable[[], Job[Value]], *, long: bool = False
    ) -> Value:
        """Return the cached result of a multi-pass job, or compute it in time slices.

        A slice holds the network lock for `TIME_SLICE_SECONDS`. Between slices other runs get the
        lock, and a superseded run ends.

        Args:
            key: names the value.
            begin: starts the job, a generator that yields the fraction done and returns the value.
            long: whether the job takes many times as long as a forward pass. Long jobs have a
                queue of their own, so that short ones need not wait for them.
        """
        return self.cached(key, partial(self._run_in_slices, begin, long=long))

    def cached_dense(
        self, key: Hashable, dense: DenseWeights, compute: Callable[[DenseWeights], Value]
    ) -> Value:
        """Return the cached result of reading all dense layers, or compute it.

        One run reads at a time. Forward passes do not wait for it, since a cold disk is slow.
        """
        return self.cached(key, partial(self._read_dense, dense, compute))

    def cached_drawing(
        self, key: Hashable, draw: Callable[[], Value], *, transient: bool = False
    ) -> Value:
        """Return a cached mosaic, or draw it.

        Drawings have a cache of their own, since one layer's maps can be drawn in hundreds of
        ways. A ``transient`` one is soon replaced, so it evicts no other.
        """
        show_waiting = self.run.show_waiting
        try:
            return self.shared.drawn.get(key, draw, show_waiting, transient=transient)
        finally:
            self.run.clear_status()

    @contextmanager
    def holding(self) -> Iterator[None]:
        """Hold all cached values that are requested within the context, until its end.

        Otherwise a layer's maps may be evicted between measuring and drawing them. Hold them no
        longer than that: a run that waits in a queue would keep 13 MB.
        """
        self._held = {}
        try:
            yield
        finally:
            self._held = None

    # -- locks

    @contextmanager
    def _network_lock(self, *, new_place: bool = False) -> Iterator[None]:
        """Hold the network lock within the context.

        With ``new_place``, wait behind all runs that came before this call, not before this run.
        """
        shared = self.shared
        shared.make_room()
        since = None if new_place else self.run.started_at
        with shared.network_lock.hold(self.run.show_waiting, since):
            self.run.end_if_superseded()
            yield
        shared.memory.tidy()

    def _run_in_slices(self, begin: Callable[[], Job[Value]], *, long: bool) -> Value:
        # One job of each kind at a time: a job holds up to 100 MB, also between its slices.
        lock = self.shared.long_job_lock if long else self.shared.short_job_lock
        with lock.hold(self.run.show_waiting, self.run.started_at):
            job, results = begin(), list[Value]()
            fraction: float | None = 0.0
            while not results:
                if fraction is not None:
                    self.run.show_computing(fraction)
                with self._network_lock(new_place=True):
                    fraction = run_slice(job, results)
            return results[0]

    def _read_dense(self, dense: DenseWeights, compute: Callable[[DenseWeights], Value]) -> Value:
        with self.shared.dense_lock.hold(self.run.show_waiting, self.run.started_at):
            try:
                return compute(ReportingDense(dense, self.run.show_reading))
            except WeightsError as error:
                # The file was damaged after it was opened: a new run reports that.
                self.shared.dense.give_up(dense, error)
                self.run.restart()
                raise

    def _filters(self, weights: Weights, layer_name: str) -> np.ndarray:
        """Return a layer's filters: held, but not cached, since all layers' take 80 MB."""
        key = ("filters", weights.identity, layer_name)
        held: dict[Hashable, np.ndarray] = {} if self._held is None else self._held
        if key not in held:
            held[key] = tiles_first(self._read(weights, layer_name)[0])
        return held[key]

    def _read(self, weights: Weights, layer_name: str) -> LayerWeights:
        try:
            return weights.read(layer_name)
        except WeightsError as error:
            # The file was damaged after it was opened: a new run shows the untrained network
            # throughout.
            self.shared.give_up(weights, error)
            self.run.restart()
            raise


def run_slice(
    job: Job[Value], results: list[Value], clock: Callable[[], float] = perf_counter
) -> float | None:
    """Advance a job for `TIME_SLICE_SECONDS`, or until it ends and its value joins ``results``.

    Returns:
        The fraction that the last step reported, or None.
    """
    end, fraction = clock() + TIME_SLICE_SECONDS, None
    try:
        while True:
            fraction = next(job)
            if clock() >= end:
                break
    except StopIteration as stopped:
        results.append(stopped.value)
    return fraction
