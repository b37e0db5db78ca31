"""What a run of the page, or an export, asks for: computed once and shared by all viewers."""

from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, TypeVar

import numpy as np

from vgg_viz.architecture import VGG19
from vgg_viz.measures import Statistics
from vgg_viz.network import Network, Preprocessing, filter_colours, read_only, tiles_first
from vgg_viz.picture import Picture
from vgg_viz.serving.cache import Cache
from vgg_viz.serving.forward_pass import ForwardPass, Overview
from vgg_viz.serving.shared import Shared
from vgg_viz.serving.waiting import keep_waiting
from vgg_viz.weights import LayerWeights, Weights, WeightsError

Value = TypeVar("Value")


class Run(Protocol):
    """A run of the page, as far as what it waits for has to know of it.

    ``since`` is when it began, by `time.perf_counter`.
    """

    since: float

    def pause(self) -> None:
        """Say that it waits, and end it here if another one has superseded it."""

    def waited(self) -> None:
        """Say so no more."""

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

    def filter_colours(self, weights: Weights, layer_name: str) -> np.ndarray:
        """The first layer's filters as colours, uint8 ``(filters, 3, 3, 3)``."""
        key = ("filter colours", weights.identity, layer_name)
        return self.kept(key, lambda: filter_colours(self._filters(weights, layer_name)))

    def feature_maps(
        self,
        network: Network,
        picture: Picture,
        layer_name: str,
        preprocessing: Preprocessing = "caffe",
    ) -> np.ndarray:
        """A layer's maps of a picture, float32 ``(maps, height, width)``."""
        forward = ForwardPass(self.shared.values, network, picture, preprocessing)
        key = forward.key(layer_name)
        return self._hold(key, partial(self.computed, key, forward.maps, VGG19.layer(layer_name)))

    def overview(self, network: Network, picture: Picture) -> Overview:
        """What every conv layer makes of a picture: its most active maps, and numbers."""
        forward = ForwardPass(self.shared.values, network, picture)
        return self.computed(forward.key("overview"), forward.overview)

    def computed(self, key: Hashable, run: Callable[..., Value], *arguments: object) -> Value:
        """What needs the network: computed in this run's turn, and kept under that key."""
        return self.kept(key, partial(self._in_turn, run, *arguments))

    def kept(self, key: Hashable, compute: Callable[[], Value]) -> Value:
        """Anything else that is worth keeping, under that key."""
        return self._from(self.shared.values, key, compute)

    def drawn(self, key: Hashable, draw: Callable[[], Value]) -> Value:
        """A mosaic, or one that only lacks its colours, kept under that key.

        Apart from the maps: there are hundreds of ways to draw a layer's.
        """
        return self._from(self.shared.drawn, key, draw)

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

    def _hold(self, key: Hashable, fetch: Callable[[], Value]) -> Value:
        if self._held is None:
            return fetch()
        if key not in self._held:
            self._held[key] = fetch()
        held: Value = self._held[key]
        return held

    def _from(self, cache: Cache, key: Hashable, compute: Callable[[], Value]) -> Value:
        value = cache.get(key, compute, self.run.pause if self.run else keep_waiting)
        if self.run:
            self.run.waited()
        return value

    def _in_turn(self, run: Callable[..., Value], *arguments: object) -> Value:
        shared, waiting = self.shared, self.run
        shared.make_room()
        pause, since = (waiting.pause, waiting.since) if waiting else (keep_waiting, None)
        with shared.turns.turn(pause, since):
            if waiting:
                waiting.end_if_superseded()
            result = run(*arguments)
        shared.memory.tidy()
        return result

    def _filters(self, weights: Weights, layer_name: str) -> np.ndarray:
        # Not kept: all layers' have 80 MB, for which the maps of a picture would go.
        key = ("filters", weights.identity, layer_name)
        return self._hold(key, lambda: tiles_first(self._read(weights, layer_name)[0]))

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
