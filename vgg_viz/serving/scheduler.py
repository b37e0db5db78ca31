"""Scheduling of image optimization: requests, batches and time estimates.

Requests of viewers queue for batches, each of channels that are optimized together. A request goes
to the end of the queue when a batch with some of its channels is finished, so viewers with
different requests take turns. `optimization_worker` holds a lock around all calls. Times are
seconds of its clock.
"""

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from vgg_viz.interpretability.feature_visualization.optimization import (
    OptimizationRun,
    OptimizationSpec,
    OptimizedImage,
    batch_size,
)
from vgg_viz.model.weights import Weights

ACTIVE_SECONDS = 3.0  # a request that is not renewed for so long is paused
EXPIRY_SECONDS = 60.0  # ... and after so long it is dropped, with the batches begun for it
MAX_BATCHES = 4  # begun at the same time; all but one of them are paused
SMOOTHING = 0.15  # weight of the newest step in the moving average of seconds


@dataclass(frozen=True)
class Request:
    """Channels that viewers look at without a finished image, and when a page last asked."""

    spec: OptimizationSpec
    missing: Sequence[int]
    renewed_at: float

    def is_active(self, now: float) -> bool:
        """Return whether a viewer's page has asked for the images recently."""
        return now - self.renewed_at < ACTIVE_SECONDS


@dataclass(eq=False)
class Batch:
    """Channels optimized together, their run after the first unit of work, and current images."""

    spec: OptimizationSpec
    channels: Sequence[int]
    run: OptimizationRun | None = None
    images: Mapping[int, OptimizedImage] = field(default_factory=dict)

    def covers(self, request: Request) -> bool:
        """Return whether this batch optimizes any of a request's missing images."""
        return self.spec.key == request.spec.key and bool({*self.channels} & {*request.missing})


class Scheduler:
    """Requests of all viewers for optimized images, in a queue, and the batches begun for them."""

    def __init__(self) -> None:
        self.requests: dict[Hashable, Request] = {}
        self.batches: list[Batch] = []
        self._seconds: dict[str, float] = {}  # moving average for all steps of a batch, by layer
        self._last_step: tuple[Batch, float] | None = None

    def renew(
        self, spec: OptimizationSpec, channels: Sequence[int], missing: Sequence[int], now: float
    ) -> None:
        """Add or renew a request for images of ``channels``; ``missing`` have no finished image."""
        key = (spec.key, tuple(channels))
        if key in self.requests and not self.requests[key].is_active(now):
            del self.requests[key]  # a paused request goes to the end of the queue
        self.requests[key] = Request(spec, missing, now)

    def remove(self, batch: Batch) -> None:
        """Remove a batch whose images are finished or have failed, also from all requests."""
        self.batches = [other for other in self.batches if other is not batch]
        for key, request in [*self.requests.items()]:
            if batch.covers(request):
                del self.requests[key]
                left = [one for one in request.missing if one not in batch.channels]
                if left:
                    self.requests[key] = replace(request, missing=left)

    def drop_expired(self, now: float, damaged: Weights | None = None) -> None:
        """Drop expired requests, those for damaged weights, and batches without a request."""
        for key, one in [*self.requests.items()]:
            if now - one.renewed_at >= EXPIRY_SECONDS or one.spec.network.weights is damaged:
                del self.requests[key]
        self.batches = [one for one in self.batches if any(map(one.covers, self.requests.values()))]

    def next_batch(self, now: float) -> Batch | None:
        """Return the batch to work on next, begun or new; None if no request is active."""
        self.drop_expired(now)
        request = next((one for one in self.requests.values() if one.is_active(now)), None)
        if request is None:
            self._last_step = None  # a pause does not count toward any step
            return None
        for batch in self.batches:
            if batch.covers(request):
                return batch
        new = Batch(request.spec, request.missing[: batch_size(request.spec.layer)])
        self.batches = [*self.batches[1 - MAX_BATCHES :], new]
        return new

    def record_step(self, batch: Batch, steps: int, now: float) -> None:
        """Record that one of the ``steps`` of a batch has ended, and update the average."""
        if self._last_step is not None and self._last_step[0] is batch:
            seconds = steps * (now - self._last_step[1])
            average = self._seconds.setdefault(batch.spec.layer.name, seconds)
            self._seconds[batch.spec.layer.name] = average + SMOOTHING * (seconds - average)
        self._last_step = batch, now

    def seconds_left(
        self, spec: OptimizationSpec, channels: Sequence[int], now: float
    ) -> float | None:
        """Estimate the seconds until a request's last image is finished; None if not known yet.

        Requests for different images take turns, which multiplies the time.
        """
        request = self.requests.get((spec.key, tuple(channels)))
        seconds = self._seconds.get(spec.layer.name)
        if request is None or seconds is None:
            return None
        batches, new = 0.0, {*request.missing}
        for batch in self.batches:
            if batch.covers(request):
                batches += 1 - batch.run.step / batch.run.steps if batch.run else 1
                new -= {*batch.channels}
        batches += math.ceil(len(new) / batch_size(spec.layer))
        active = {one.spec.key for one in self.requests.values() if one.is_active(now)}
        return batches * seconds * len({spec.key, *active})
