"""Scheduling of image optimization: requests, batches and time estimates.

    request  channels that a viewer is looking at and that have no finished image yet
    batch    channels of one specification, optimized together for all viewers who request them

The next batch serves the request that has waited longest, and its waiting time then starts anew. So
viewers with different requests alternate, batch by batch. Times are seconds of the caller's clock.
This module is not thread-safe: `vgg_viz.serving.optimization_worker` holds a lock around its calls.
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
    """Network, layer, seed and parametrization of the images to optimize."""

    network: Network
    layer: ConvLayer
    seed: int
    parametrization: Parametrization

    @property
    def key(self) -> Hashable:
        """Key of all properties that determine the optimized images, apart from the channel."""
        return (self.network.identity, self.layer.name, self.seed, self.parametrization)

    @property
    def series(self) -> Series:
        """Layer, seed and parametrization, as the network's store of images on disk names them."""
        return Series(self.layer.name, self.seed, self.parametrization)

    def image_key(self, channel: int) -> Hashable:
        """Return the cache key of a channel's finished optimized image."""
        return ("optimized image", self.key, channel)


@dataclass(frozen=True)
class Snapshot:
    """State of an optimized image, during or after its optimization.

    Attributes:
        pixels: RGB uint8 ``(side, side, 3)``.
        value: the channel's value before ReLU for this image.
        step: number of optimization steps done.
        steps: total number of optimization steps.
        finished: whether the image is final.
    """

    pixels: np.ndarray
    value: float
    step: int
    steps: int
    finished: bool


@dataclass
class Request:
    """Channels whose optimized images viewers are looking at.

    Attributes:
        spec: network, layer, seed and parametrization of the images.
        missing: numbers of the channels without a finished image.
        renewed_at: time at which a viewer's page last asked for the images.
        waiting_since: time from which the request has waited for its next batch.
    """

    spec: OptimizationSpec
    missing: Sequence[int]
    renewed_at: float
    waiting_since: float

    def is_active(self, now: float) -> bool:
        """Return whether a viewer's page has asked for the images recently."""
        return now - self.renewed_at < ACTIVE_SECONDS


@dataclass(eq=False)
class Batch:
    """Channels of one layer whose images are optimized together.

    Attributes:
        spec: network, layer, seed and parametrization of the images.
        channels: numbers of the channels, from 1.
        worked_at: time at which the last unit of work ended.
        optimization: optimization of the images; None before the first unit of work.
        images: the finished images, after the last unit of work.
        snapshots: unfinished images by channel, as of ``snapshots_at``.
        step: number of optimization steps done.
        stepped_at: time at which the last step ended; None if the batch was paused since then, so
            that the time does not measure a step.
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
        """Return whether this batch optimizes any of these channels with the same spec."""
        return self.spec.key == spec.key and not {*self.channels}.isdisjoint(channels)


@dataclass(frozen=True)
class Pace:
    """Number of optimization steps that images of a layer take, and seconds per step of a batch."""

    steps: int
    seconds: float


class Scheduler:
    """Requests of all viewers for optimized images, and the batches begun for them."""

    def __init__(self, batch_size: Callable[[ConvLayer], int]) -> None:
        """Start without requests.

        Args:
            batch_size: returns the number of a layer's channels to optimize together.
        """
        self._batch_size = batch_size
        self._requests: dict[Hashable, Request] = {}
        self._paces: dict[Hashable, Pace] = {}
        self.batches: list[Batch] = []

    def __bool__(self) -> bool:
        """Return whether there are any requests, active or paused."""
        return bool(self._requests)

    def has_request(self, spec: OptimizationSpec, channels: Sequence[int]) -> bool:
        """Return whether there is a request for exactly these channels that has not expired."""
        return request_key(spec, channels) in self._requests

    def renew(
        self, spec: OptimizationSpec, channels: Sequence[int], missing: Sequence[int], now: float
    ) -> None:
        """Add or renew a request for images of ``channels``; ``missing`` have no finished image."""
        key = request_key(spec, channels)
        request = self._requests.setdefault(key, Request(spec, missing, now, now))
        if not request.is_active(now):
            request.waiting_since = now
        request.renewed_at, request.missing = now, missing

    def settle(self, spec: OptimizationSpec, channels: Collection[int], now: float) -> None:
        """Remove channels whose images are finished or have failed from all requests."""
        for request in self._requests.values():
            left = [channel for channel in request.missing if channel not in channels]
            if request.spec.key == spec.key and len(left) < len(request.missing):
                request.missing, request.waiting_since = left, now

    def drop_expired(self, now: float, damaged: Weights | None = None) -> None:
        """Drop requests that are complete or expired, and batches without a request.

        Args:
            now: current time.
            damaged: weights of a network whose requests and batches are dropped, too.
        """
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
        """Return the batch to work on next, begun or new; None if no request is active."""
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
        """Record that a unit of work on a batch has ended, and update the estimate of its pace.

        Args:
            batch: the batch.
            step: number of optimization steps done.
            steps: total number of optimization steps.
            now: current time.
        """
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
        """Record a pause of all work, so that its time does not count toward any step."""
        for batch in self.batches:
            batch.stepped_at = None

    def seconds_per_image(self, spec: OptimizationSpec) -> float:
        """Return the seconds per image in a full batch; 0 if they are not known yet."""
        pace = self._paces.get(pace_key(spec), Pace(0, 0.0))
        return pace.steps * pace.seconds / self._batch_size(spec.layer)

    def seconds_left(
        self, spec: OptimizationSpec, channels: Sequence[int], now: float
    ) -> float | None:
        """Estimate the seconds until all images of a request are finished.

        The estimate assumes that all active requests stay active.

        Returns:
            The estimate, or None if the pace of a layer is not known yet or no image is missing.
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
        """Estimate the seconds left for each batch that the missing channels need.

        Batches that are already begun come first.
        """
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
        """Begin a batch for the specification of the request that is first in the queue.

        The batch is filled up with missing channels of other active requests of that specification.
        """
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
    """Return the key of a request for images; viewers who look at the same channels share it."""
    return (spec.key, tuple(channels))


def pace_key(spec: OptimizationSpec) -> Hashable:
    """Return the key of a pace: layer and parametrization, which determine an image's time."""
    return (spec.layer.name, spec.parametrization)
