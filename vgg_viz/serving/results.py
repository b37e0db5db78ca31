"""What a run of the page, or an export, asks for: computed once and shared by all viewers."""

from collections.abc import Callable, Generator, Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from time import perf_counter
from typing import Any, Protocol, TypeVar

import numpy as np

from vgg_viz.image_io.picture import Seen
from vgg_viz.interpretability.feature_visualization.top_patches import Peaks
from vgg_viz.interpretability.map_statistics import Statistics
from vgg_viz.model.dense_layers import DenseWeights, WatchedDense
from vgg_viz.model.network import Network, Preprocessing, filter_colors, read_only, tiles_first
from vgg_viz.model.weights import LayerWeights, Weights, WeightsError
from vgg_viz.serving.forward_pass import PEAKS, ForwardPass, Overview
from vgg_viz.serving.shared import Shared

Value = TypeVar("Value")
Begin = Callable[[], Generator[float | None, None, Value]]  # a work in steps

TIME_SLICE_SECONDS = 0.05  # of a work in steps: how long others wait for it


class Run(Protocol):
    """A run of the page, as far as what it waits for has to know of it.

    ``since`` is when it began, by `time.perf_counter`.
    """

    since: float

    def pause(self) -> None:
        """Say that it waits, and end it here if another one has superseded it."""

    def waited(self) -> None:
        """Say so no more."""

    def reading(self, share: float) -> None:
        """Say how much is read of what is read now, 0 to 1, and end it here if superseded."""

    def working(self, share: float) -> None:
        """Say how much is done of a long work, 0 to 1, and end it here if superseded."""

    def end_if_superseded(self) -> None:
        """End it here if another one has superseded it: nobody waits for what it would compute."""

    def start_again(self) -> None:
        """End it here, and begin another one in its place."""


@dataclass(frozen=True)
class Span:
    """How far a layer's values reach: the smallest, the largest, and, of weights, a usual size.

    ``usual`` is not exceeded, either way, by 99.5 % of them: a few large weights would make a
    scale around zero pale.
    """

    low: float
    high: float
    usual: float = 0.0


class Results:
    """Where one run of the page, or an export, which is no run, gets what it shows."""

    def __init__(self, shared: Shared, run: Run | None = None) -> None:
        """Serve that run, or whoever is in no run and may not be stopped."""
        self.shared = shared
        self.run = run
        self._held: dict[Hashable, Any] | None = None

    def for_export(self) -> "Results":
        """The same for what is made outside of runs."""
        return Results(self.shared)

    def kernels(
        self, weights: Weights, layer_name: str, filters: Sequence[int], channels: Sequence[int]
    ) -> np.ndarray:
        """The kernels of these filters and channels of a layer, given by their indices.

        Float32 ``(filters, channels, 3, 3)``.
        """
        key = ("kernels", weights.identity, layer_name, tuple(filters), tuple(channels))
        which = np.ix_(filters, channels)
        return self.kept(key, lambda: read_only(self._filters(weights, layer_name)[which]))

    def biases(self, weights: Weights, layer_name: str) -> np.ndarray:
        """A layer's biases, float32 ``(filters,)``."""
        key = ("biases", weights.identity, layer_name)
        return self.kept(key, lambda: self._read(weights, layer_name)[1])

    def filters_span(self, weights: Weights, layer_name: str) -> Span:
        """How far a layer's weights reach."""
        key = ("filters span", weights.identity, layer_name)
        return self.kept(key, lambda: span_of_filters(self._filters(weights, layer_name)))

    def filter_colors(self, weights: Weights, layer_name: str) -> np.ndarray:
        """The first layer's filters as colors, uint8 ``(filters, 3, 3, 3)``."""
        key = ("filter colors", weights.identity, layer_name)
        return self.kept(key, lambda: filter_colors(self._filters(weights, layer_name)))

    def forward_pass(
        self, network: Network, picture: Seen, preprocessing: Preprocessing = "caffe"
    ) -> ForwardPass:
        """A picture's way through a network, each step of which is to be `computed`."""
        return ForwardPass(self.shared.values, network, picture, preprocessing)

    def overview(self, network: Network, picture: Seen) -> Overview:
        """What every conv layer makes of a picture: its most active maps, and numbers."""
        forward = self.forward_pass(network, picture)
        return self.computed(forward.key("overview"), forward.overview)

    def peaks(self, network: Network, picture: Seen) -> tuple[Peaks, ...]:
        """Where the channels of every conv layer answer most to a picture.

        For one of many pictures: whoever came meanwhile, since the run began, comes first.
        """
        forward = self.forward_pass(network, picture)
        work = partial(self._in_turn, forward.peaks, patient=True)
        found = self.shared.values.get(forward.key(PEAKS), work, self._pause)
        self._waited()
        return found

    def computed(self, key: Hashable, run: Callable[[], Value]) -> Value:
        """What needs the network: computed in this run's turn, kept under that key, and held."""
        held: dict[Hashable, Value] = {} if self._held is None else self._held
        if key not in held:
            held[key] = self.shared.values.get(key, partial(self._in_turn, run), self._pause)
            self._waited()
        return held[key]

    def in_steps(self, key: Hashable, begin: Begin[Value], *, long: bool = False) -> Value:
        """What the network is gone through for more than once, kept under that key.

        A turn has as many steps as fit into `TIME_SLICE_SECONDS`. Between turns others have theirs,
        and a run that was superseded ends. What takes ``long``, many times a forward pass, is on a
        way of its own, so that nothing short waits for its end. Steps may say how much is done.
        """
        held: dict[Hashable, Value] = {} if self._held is None else self._held
        if key not in held:
            work = partial(self._step_by_step, begin, long=long)
            try:
                held[key] = self.shared.values.get(key, work, self._pause)
            finally:
                self._waited()
        return held[key]

    def read_through(
        self, key: Hashable, dense: DenseWeights, compute: Callable[[DenseWeights], Value]
    ) -> Value:
        """What takes a whole reading of the dense layers, kept under that key.

        One at a time, but apart from the forward passes, which need not wait for a cold disk.
        """
        work = partial(self._read_in_turn, dense, compute)
        value = self.shared.values.get(key, work, self._pause)
        self._waited()
        return value

    def kept(self, key: Hashable, compute: Callable[[], Value]) -> Value:
        """Anything else that is worth keeping, under that key."""
        value = self.shared.values.get(key, compute, self._pause)
        self._waited()
        return value

    def drawn(self, key: Hashable, draw: Callable[[], Value], *, passing: bool = False) -> Value:
        """A mosaic, or one that only lacks its colors, kept under that key.

        Apart from the maps: there are hundreds of ways to draw a layer's. One that is ``passing``
        is wanted now by all who want it: it pushes nothing out.
        """
        value = self.shared.drawn.get(key, draw, self._pause, passing=passing)
        self._waited()
        return value

    @contextmanager
    def holding(self) -> Iterator[None]:
        """Keep hold of all maps, and of all filters of a layer, that are asked for meanwhile.

        Where many look at pictures of their own, a layer's maps may be gone from the cache between
        measuring and drawing them. Not for longer than it takes: a run that waits in the queue
        would wait with 13 MB in its hands.
        """
        self._held = {}
        try:
            yield
        finally:
            self._held = None

    def _pause(self) -> None:
        if self.run:
            self.run.pause()

    def _waited(self) -> None:
        if self.run:
            self.run.waited()

    def _in_turn(self, run: Callable[[], Value], *, patient: bool = False) -> Value:
        shared = self.shared
        shared.make_room()
        since = self.run.since if self.run and not patient else None
        with shared.turns.hold(self._pause, since):
            if self.run:
                self.run.end_if_superseded()
            result = run()
        shared.memory.tidy()
        return result

    def _step_by_step(self, begin: Begin[Value], *, long: bool) -> Value:
        # One of each kind: each holds up to 100 MB, also while others have their turn.
        queue = self.shared.long_works if long else self.shared.short_works
        with queue.hold(self._pause, self.run.since if self.run else None):
            work, found = begin(), list[Value]()
            share: float | None = 0.0
            while not found:
                if self.run and share is not None:
                    self.run.working(share)
                share = self._in_turn(partial(take_steps, work, found), patient=True)
            return found[0]

    def _read_in_turn(self, dense: DenseWeights, compute: Callable[[DenseWeights], Value]) -> Value:
        with self.shared.readings.hold(self._pause, self.run.since if self.run else None):
            try:
                return compute(WatchedDense(dense, self.run.reading) if self.run else dense)
            except WeightsError as error:
                # Sound when it was found, and damaged since: the run then says so.
                self.shared.dense.give_up(dense, error)
                if self.run:
                    self.run.start_again()
                raise

    def _filters(self, weights: Weights, layer_name: str) -> np.ndarray:
        """A layer's filters: held, but not kept, since all layers' have 80 MB."""
        key = ("filters", weights.identity, layer_name)
        held: dict[Hashable, np.ndarray] = {} if self._held is None else self._held
        if key not in held:
            held[key] = tiles_first(self._read(weights, layer_name)[0])
        return held[key]

    def _read(self, weights: Weights, layer_name: str) -> LayerWeights:
        try:
            return weights.read(layer_name)
        except WeightsError as error:
            # Sound when it was found, and damaged since: from its beginning, the run then shows
            # the untrained network, and nothing of the damaged one beside it.
            self.shared.give_up(weights, error)
            if self.run:
                self.run.start_again()
            raise


def take_steps(
    work: Generator[float | None, None, Value],
    found: list[Value],
    clock: Callable[[], float] = perf_counter,
) -> float | None:
    """Take steps of a work for `TIME_SLICE_SECONDS`, or until its value is ``found``.

    Returns what the last step said: how much is done, if it is known.
    """
    end, share = clock() + TIME_SLICE_SECONDS, None
    try:
        while True:
            share = next(work)
            if clock() >= end:
                break
    except StopIteration as stopped:
        found.append(stopped.value)
    return share


def span_of_filters(filters: np.ndarray) -> Span:
    """Measure how far a layer's weights reach."""
    usual = np.percentile(np.abs(filters), 99.5)
    return Span(float(filters.min()), float(filters.max()), float(usual))


def span_of_maps(maps: np.ndarray) -> Span:
    """Measure how far maps reach."""
    return Span(float(maps.min()), float(maps.max()))


def span_of(measured: Statistics) -> Span:
    """How far maps with these numbers reach."""
    return Span(float(measured.minimum.min()), float(measured.maximum.max()))
