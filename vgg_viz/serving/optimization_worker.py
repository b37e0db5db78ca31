"""Background worker that optimizes images once for all viewers.

A viewer's script run requests images for some channels, gets the current images at once, and asks
again a little later. The worker optimizes in short units of work, lets all script runs go first,
and caches finished images in memory and on disk. `scheduler` decides which images come next.
"""

import logging
import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from threading import Condition, Thread, main_thread
from time import monotonic, sleep

from vgg_viz.interpretability.feature_visualization.image_store import ImageStore, store_of
from vgg_viz.interpretability.feature_visualization.optimization import (
    OptimizationRun,
    OptimizationSpec,
    OptimizedImage,
)
from vgg_viz.model.weights import Weights
from vgg_viz.serving.background_files import UNEXPECTED
from vgg_viz.serving.cache import Cache
from vgg_viz.serving.locks import FairLock, no_pause
from vgg_viz.serving.scheduler import Batch, Scheduler

FAILURE_SECONDS = 5.0  # after which a failed image is tried again
IDLE_POLL_SECONDS = 0.5  # between two looks at the clock without active requests
# Costs, for the cache, of an image that can be read from disk again, and of one that cannot.
READING_SECONDS, OPTIMIZING_SECONDS = 0.001, 1.0

# A script run takes the network lock several times in short succession and should not wait for a
# unit of work each time. With many viewers there is always such a run, so the delay is limited.
YIELD_SECONDS = 0.05
MAX_YIELDS = 10

NOT_FINITE = "Could not optimize {images}: the value became infinite or undefined (NaN)."
TOO_LITTLE_MEMORY = "The server has too little memory to optimize images now. Try again later."
FAILURES = {  # by exception, Python's and TensorFlow's
    "MemoryError": TOO_LITTLE_MEMORY,
    "ResourceExhaustedError": TOO_LITTLE_MEMORY,
    "FloatingPointError": NOT_FINITE.format(images="these images"),
}

StoreOf = Callable[[Weights], ImageStore | None]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Progress:
    """Progress of the optimized images that a viewer requested."""

    images: Mapping[int, OptimizedImage]  # current ones by channel, from 1
    missing: Sequence[int] = ()  # channels whose images are neither finished nor failed
    seconds_left: float | None = None  # until the last is finished, estimated; None if not known
    failure: str = ""  # a sentence for the viewer if an image failed


class OptimizationWorker:
    """Background worker that optimizes images once for all viewers; thread-safe.

    Its thread runs only while there are requests, active or paused. Finished images are kept in
    ``values``. Before every batch, ``make_room`` frees memory if it is short; after every unit of
    work, ``tidy`` returns free memory to the system.
    """

    def __init__(
        self,
        values: Cache,
        network_lock: FairLock,
        make_room: Callable[[], object] = no_pause,
        tidy: Callable[[], object] = no_pause,
    ) -> None:
        self._values, self._network_lock = values, network_lock
        self._make_room, self._tidy = make_room, tidy
        self._changed = Condition()  # also the lock of the attributes below
        self._store_of: StoreOf = cache(store_of)  # type: ignore[assignment]  # all are hashable
        self._scheduler = Scheduler()
        self._failures: dict[Hashable, tuple[str, float]] = {}  # sentence and time
        self._thread: Thread | None = None
        self._hold_count = network_lock.hold_count

    def request(self, spec: OptimizationSpec, channels: Sequence[int]) -> Progress:
        """Request optimized images of these channels (numbers from 1) and return their progress.

        Renew the request within `scheduler.ACTIVE_SECONDS`, or the worker pauses it.
        """
        with self._changed:
            progress = self.progress(spec, channels)
            if progress.missing:
                self._scheduler.renew(spec, channels, progress.missing, monotonic())
                self._changed.notify_all()
                if self._thread is None:
                    # No daemon: TensorFlow aborts a process that exits during a unit of work.
                    self._thread = Thread(target=self._work)
                    self._thread.start()
            return progress

    def progress(self, spec: OptimizationSpec, channels: Sequence[int]) -> Progress:
        """Return the progress of these channels' optimized images without requesting them."""
        with self._changed:
            now = monotonic()
            images = {one: image for one in channels if (image := self._image(spec, one))}
            failed = {}
            for channel in channels:
                sentence, failed_at = self._failures.get(spec.image_key(channel), ("", -math.inf))
                if now - failed_at < FAILURE_SECONDS:
                    failed[channel] = sentence
            done = {*failed, *(one for one, image in images.items() if image.finished)}
            missing = [one for one in channels if one not in done]
            # The batch of the last image stays for a moment after the image is in the cache.
            seconds = self._scheduler.seconds_left(spec, channels, now) if missing else None
            return Progress(images, missing, seconds, next(iter(failed.values()), ""))

    def give_up(self, damaged: Weights) -> None:
        """Drop all requests and batches for the network with these damaged weights."""
        with self._changed:
            self._scheduler.drop_expired(monotonic(), damaged)

    def _image(self, spec: OptimizationSpec, channel: int) -> OptimizedImage | None:
        """Return a channel's image: finished, in memory or on disk, or as optimized so far."""
        image: OptimizedImage | None = self._values.peek(spec.image_key(channel))
        store = self._store_of(spec.network.weights)
        if image is None and store is not None:
            image = store.read(spec, channel)
            if image is not None:
                self._values.keep(spec.image_key(channel), image, READING_SECONDS)
        for batch in self._scheduler.batches:
            if image is None and batch.spec.key == spec.key:
                image = batch.images.get(channel)
        return image

    def _work(self) -> None:
        while self._do_unit():
            pass

    def _do_unit(self) -> bool:
        """Wait for an active request and do one unit of work for it; return whether to go on."""
        # An idle thread must not refer to a batch, and so to a network that could be freed.
        batch = self._next_batch()
        if batch is None:
            return False
        try:
            if batch.run is None:
                self._make_room()
                batch.run = OptimizationRun(batch.spec, batch.channels)
            step = batch.run.step
            self._yield_to_runs()
            with self._network_lock.hold(no_pause, math.inf):
                self._hold_count = self._network_lock.hold_count
                batch.run.advance()
            if batch.run.step > step:
                self._publish(batch, batch.run)
            self._tidy()
        except Exception as error:
            log.exception("Could not optimize images of %s", batch.spec.layer.name)
            sentence = FAILURES.get(type(error).__name__, UNEXPECTED)
            self._remove(batch, dict.fromkeys(batch.channels, sentence))
        return True

    def _next_batch(self) -> Batch | None:
        """Wait for an active request and return its batch; None if all expire or Python exits."""
        with self._changed:
            while main_thread().is_alive():
                if batch := self._scheduler.next_batch(monotonic()):
                    return batch
                if not self._scheduler.requests:
                    break
                self._changed.wait(IDLE_POLL_SECONDS)
            self._thread = None
            return None

    def _yield_to_runs(self) -> None:
        """Wait a short while if script runs hold the network lock, or have just held it."""
        for _ in range(MAX_YIELDS):
            if self._network_lock.hold_count == self._hold_count and not self._network_lock.busy:
                return
            self._hold_count = self._network_lock.hold_count
            sleep(YIELD_SECONDS)

    def _publish(self, batch: Batch, run: OptimizationRun) -> None:
        """Show viewers the images after a step; after the last one, save them."""
        images = run.images()
        if not images:
            raise FloatingPointError("expected finite values, got only infinite or NaN ones")
        with self._changed:
            self._scheduler.record_step(batch, run.steps, monotonic())
            if not run.finished:
                batch.images = images
        if run.finished and batch in self._scheduler.batches:  # not dropped meanwhile
            self._save(batch.spec, images)
            names = {one: f"channel {one} of {batch.spec.layer.name}" for one in batch.channels}
            failed = [channel for channel in batch.channels if channel not in images]
            self._remove(batch, {one: NOT_FINITE.format(images=names[one]) for one in failed})

    def _save(self, spec: OptimizationSpec, images: Mapping[int, OptimizedImage]) -> None:
        """Keep finished images in memory, and save them to disk if possible."""
        store, seconds = self._store_of(spec.network.weights), OPTIMIZING_SECONDS
        try:
            if store is not None:
                store.save(spec, images)
                seconds = READING_SECONDS
        except OSError as error:
            log.warning("Could not save optimized images: %s", error)
        for channel, image in images.items():
            self._values.keep(spec.image_key(channel), image, seconds)

    def _remove(self, batch: Batch, failures: Mapping[int, str]) -> None:
        """Remove a batch that is finished or failed, and record the failures of its channels."""
        with self._changed:
            for channel, sentence in failures.items():
                self._failures[batch.spec.image_key(channel)] = sentence, monotonic()
            self._scheduler.remove(batch)
