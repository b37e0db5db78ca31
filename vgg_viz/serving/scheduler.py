"""Scheduling of optimized images: requests, batches and time estimates.

    request  channels that a viewer is looking at and that have no finished image yet
    batch    channels of one specification, optimized together for all viewers who request them

The next batch serves the request that has waited longest, which then starts to wait anew. So
viewers with different requests alternate, batch by batch. Times are seconds of the caller's clock.
Nothing here is thread-safe: `vgg_viz.serving.optimization_worker` holds a lock around every call.
"""

import math
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from vgg_viz.interpretability.feature_visualization.image_store import Series
from vgg_viz.interpretability.feature_visualization.optimization import (
    OptimizationRun,
    OptimizedImage,
)
from vgg_viz.interpretability.feature_visualization.parametrizations import Parametrization
from vgg_viz.model.architecture import ConvLayer
from vgg_viz.model.network import Network
from vgg_viz.model.weights import Weights

ACTIVE_SECONDS = 3.0  # a request that is not renewed for so long is paused
EXPIRY_SECONDS = 60.0  # ... and after so long it is dropped, with the batches begun for it
MAX_BATCHES = 4  # begun at the same time; all but one of them are paused


@dataclass(frozen=True)
class OptimizationSpec:
    """A layer whose channels are visualized, with the seed and parametrization to use."""

    network: Network
    layer: ConvLayer
    seed: int
    parametrization: Parametrization

    @property
    def key(self) -> Hashable:
        """Key of everything that determines the images, apart from the channel."""
        return (self.network.identity, self.layer.name, self.seed, self.parametrization)

    @property
    def series(self) -> Series:
        """The specification without its network, as the network's image store names it."""
        return Series(self.layer.name, self.seed, self.parametrization)

    def image_key(self, channel: int) -> Hashable:
        """Return the cache key of a channel's finished image."""
        return ("optimized image", self.key, channel)


@dataclass(frozen=True)
class Snapshot:
    """An image during or after its optimization.

    Attributes:
        pixels: RGB uint8 ``(side, side, 3)``.
        value: the channel's value for it, before ReLU.
        step: optimization steps done.
        steps: optimization steps in all.
        finished: whether the image is final.
    """

    pixels: np.ndarray
    value: float
    step: int
    steps: int
    finished: bool


@dataclass
class Request:
    """Channels that viewers are looking at.

    Attributes:
        spec: the specification of their images.
        missing: those without a finished image.
        renewed_at: when a viewer last asked for them.
        waiting_since: since when the request has waited for its next batch.
    """

    spec: OptimizationSpec
    missing: Sequence[int]
    renewed_at: float
    waiting_since: float

    def is_active(self, now: float) -> bool:
        """Return whether a viewer has asked recently."""
        return now - self.renewed_at < ACTIVE_SECONDS


@dataclass(eq=False)
class Batch:
    """Channels that are optimized together.

    Attributes:
        spec: the specification of their images.
        channels: their numbers, from 1.
        worked_at: when the last unit of work ended.
        optimization: the run that optimizes them, from the first unit of work on.
        images: the finished images, after the last unit of work.
        snapshots: unfinished images by channel, as of ``snapshots_at``.
        step: optimization steps done.
        stepped_at: when the last step ended; None if the time since then does not measure a step.
    """

    spec: OptimizationSpec
    channels: Sequence[int]
    worked_at: float
    optimization: OptimizationRun | None = None
    images: Sequence[OptimizedImage] = ()
    snapshots: Mapping[int, Snapshot] = field(default_factory=dict)
    snapshots_at: float = -math.inf
    step: int = 0
    stepped_at: float | None = None

    def covers(self, spec: OptimizationSpec, channels: Collection[int]) -> bool:
        """Return whether the batch has any of these channels."""
        return self.spec.key == spec.key and not {*self.channels}.isdisjoint(channels)


@dataclass(frozen=True)
class Pace:
    """Number of steps that a layer's images take, and seconds per step."""

    steps: int
    seconds: float


class Scheduler:
    """Requests of all viewers and the batches begun for them."""

    def __init__(self, batch_size: Callable[[ConvLayer], int]) -> None:
        """Start without requests; ``batch_size`` returns how many channels of a layer to batch."""
        self._batch_size = batch_size
        self._requests: dict[Hashable, Request] = {}
        self._paces: dict[Hashable, Pace] = {}
        self.batches: list[Batch] = []

    def __bool__(self) -> bool:
        """Return whether there are requests, active or paused."""
        return bool(self._requests)

    def has_request(self, spec: OptimizationSpec, channels: Sequence[int]) -> bool:
        """Return whether exactly these channels were requested and the request has not expired."""
        return request_key(spec, channels) in self._requests

    def renew(
        self, spec: OptimizationSpec, channels: Sequence[int], missing: Sequence[int], now: float
    ) -> None:
        """Add or renew the request for these channels, some of which are missing."""
        key = request_key(spec, channels)
        request = self._requests.setdefault(key, Request(spec, missing, now, now))
        if not request.is_active(now):
            request.waiting_since = now
        request.renewed_at, request.missing = now, missing

    def settle(self, spec: OptimizationSpec, channels: Collection[int], now: float) -> None:
        """Remove channels that are finished or have failed from all requests."""
        for request in self._requests.values():
            left = [channel for channel in request.missing if channel not in channels]
            if request.spec.key == spec.key and len(left) < len(request.missing):
                request.missing, request.waiting_since = left, now

    def drop_expired(self, now: float, damaged: Weights | None = None) -> None:
        """Drop requests that are complete, expired or for damaged weights, and their batches."""
        self._requests = {
            key: request
            for key, request in self._requests.items()
            if request.missing
            and now - request.renewed_at < EXPIRY_SECONDS
            and request.spec.network.weights is not damaged
        }
        self.batches = [
            batch
            for batch in self.batches
            if batch.spec.network.weights is not damaged
            and any(batch.covers(one.spec, one.missing) for one in self._requests.values())
        ]

    def next_batch(self, now: float) -> Batch | None:
        """Return the batch to work on, which may be new; None without active requests."""
        active = [one for one in self._requests.values() if one.missing and one.is_active(now)]
        if not active:
            return None
        active.sort(key=lambda request: request.waiting_since)
        first = active[0]
        for batch in self.batches:
            if batch.covers(first.spec, first.missing):
                return batch
        return self._new_batch(first.spec, active, now)

    def record(self, batch: Batch, step: int, steps: int, now: float) -> None:
        """Record a unit of work on a batch, after which it is at ``step`` of ``steps``."""
        key = pace_key(batch.spec)
        if step > batch.step:
            if batch.stepped_at is not None:
                seconds = (now - batch.stepped_at) / (step - batch.step)
                before = self._paces.get(key, Pace(steps, seconds)).seconds
                self._paces[key] = Pace(steps, 0.85 * before + 0.15 * seconds)
            batch.step, batch.stepped_at = step, now
        batch.worked_at = now
        for other in self.batches:
            if other is not batch:
                other.stepped_at = None

    def stop_timing(self) -> None:
        """Record a pause, so that it does not count toward any step."""
        for batch in self.batches:
            batch.stepped_at = None

    def seconds_per_image(self, spec: OptimizationSpec) -> float:
        """Return the seconds that one image takes; 0 if they are not known."""
        pace = self._paces.get(pace_key(spec), Pace(0, 0.0))
        return pace.steps * pace.seconds / self._batch_size(spec.layer)

    def seconds_left(
        self, spec: OptimizationSpec, channels: Sequence[int], now: float
    ) -> float | None:
        """Estimate the seconds until a request is complete, if all active requests stay active.

        Returns:
            The estimate, or None if it is not known.
        """
        own = self._requests.get(request_key(spec, channels))
        if own is None or not own.missing:
            return None
        own_batches = self._batch_seconds(spec, own.missing)
        seconds = [*own_batches]
        for other in self._requests.values():
            if other is not own and other.is_active(now):
                same = other.spec.key == spec.key
                apart = [one for one in other.missing if not same or one not in own.missing]
                # Requests alternate, so at most one of its batches comes before each of ours.
                seconds += self._batch_seconds(other.spec, apart)[: len(own_batches)]
        known = [each for each in seconds if each is not None]
        return sum(known) if len(known) == len(seconds) else None

    def _batch_seconds(self, spec: OptimizationSpec, missing: Iterable[int]) -> list[float | None]:
        """Estimate the seconds left for each batch that these channels need, begun ones first."""
        new = {*missing}
        begun = [batch for batch in self.batches if batch.covers(spec, new)]
        new -= {channel for batch in begun for channel in batch.channels}
        more = math.ceil(len(new) / self._batch_size(spec.layer))
        pace = self._paces.get(pace_key(spec))
        if pace is None:
            return [None] * (len(begun) + more)
        steps = [pace.steps - batch.step for batch in begun] + [pace.steps] * more
        return [pace.seconds * count for count in steps]

    def _new_batch(self, spec: OptimizationSpec, active: Sequence[Request], now: float) -> Batch:
        """Begin a batch for the first request, filled up with other channels of its layer."""
        begun = {
            channel
            for batch in self.batches
            if batch.spec.key == spec.key
            for channel in batch.channels
        }
        missing = [
            one for request in active if request.spec.key == spec.key for one in request.missing
        ]
        new = [channel for channel in dict.fromkeys(missing) if channel not in begun]
        batch = Batch(spec, new[: self._batch_size(spec.layer)], now)
        # Too many: drop the one that has been paused longest.
        self.batches.sort(key=lambda batch: batch.worked_at)
        self.batches = [*self.batches[-(MAX_BATCHES - 1) :], batch]
        return batch


def request_key(spec: OptimizationSpec, channels: Sequence[int]) -> Hashable:
    """Return the key of a request; viewers of the same channels share one."""
    return (spec.key, tuple(channels))


def pace_key(spec: OptimizationSpec) -> Hashable:
    """Return the key of a pace; images with the same key take the same time."""
    return (spec.layer.name, spec.parametrization)
