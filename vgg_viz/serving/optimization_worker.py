"""Background worker that optimizes images once for all viewers.

A viewer's script run requests images for some channels, gets the current snapshots at once, and
asks again a little later. The worker optimizes requested images in short units of work. It lets all
script runs go first, and caches finished images in memory and on disk. `vgg_viz.serving.scheduler`
decides which images come next.
"""

import atexit
import logging
import math
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from threading import Condition, Event, Lock, Thread, current_thread
from time import monotonic

import numpy as np

from vgg_viz.interpretability.feature_visualization.image_store import ImageStore, store_of
from vgg_viz.interpretability.feature_visualization.optimization import (
    OptimizationRun,
    OptimizedImage,
    batch_size,
)
from vgg_viz.interpretability.feature_visualization.parametrizations import Parametrization
from vgg_viz.model.architecture import ConvLayer
from vgg_viz.model.network import Network, read_only
from vgg_viz.model.weights import Weights
from vgg_viz.serving.background_files import UNEXPECTED
from vgg_viz.serving.cache import Cache
from vgg_viz.serving.locks import FairLock, no_pause
from vgg_viz.serving.scheduler import ACTIVE_SECONDS, Batch, Scheduler
from vgg_viz.serving.scheduler import OptimizationSpec as OptimizationSpec
from vgg_viz.serving.scheduler import Snapshot as Snapshot  # part of this module's interface

SNAPSHOT_SECONDS = 0.2  # between two snapshots of a batch
IDLE_POLL_SECONDS = 0.5  # between two looks at the clock without active requests
READING_SECONDS = 0.001  # cost of an image that can be read from disk again

# A script run takes the network lock several times in short succession and should not wait for a
# unit of work each time. With many viewers there is always such a run, so the delay is limited.
YIELD_SECONDS = 0.05
MAX_YIELDS = 10

NOT_FINITE = "Could not optimize {images}: the value became infinite or undefined (NaN)."
TOO_LITTLE_MEMORY = "The server has too little memory to optimize images now. Try again later."
MEMORY_ERRORS = "MemoryError", "ResourceExhaustedError"  # Python's and TensorFlow's

_working = Lock()
_exiting = Event()

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Progress:
    """Progress of the optimized images that a viewer requested.

    Attributes:
        snapshots: current images by channel number, from 1; channels without one yet are absent.
        seconds_left: the estimated time until the last image is finished; None if it is not known
            or no image is in progress.
        failure: a sentence for the viewer if an image failed, else empty.
        complete: whether every image is finished or failed.
    """

    snapshots: Mapping[int, Snapshot]
    seconds_left: float | None = None
    failure: str = ""
    complete: bool = False


@dataclass
class Failure:
    """Reason why the optimization of an image failed, and when it was last reported to a viewer."""

    sentence: str
    reported_at: float


class OptimizationWorker:
    """Background worker that optimizes images once for all viewers; thread-safe.

    Its thread runs only while there are requests, active or paused.
    """

    def __init__(
        self,
        values: Cache,
        network_lock: FairLock,
        make_room: Callable[[], object] = no_pause,
        tidy: Callable[[], object] = no_pause,
        *,
        clock: Callable[[], float] = monotonic,
        create_run: Callable[
            [Network, ConvLayer, Sequence[int], int, Parametrization], OptimizationRun
        ] = OptimizationRun,
        batch_size: Callable[[ConvLayer], int] = batch_size,
        store_of: Callable[[Weights], ImageStore | None] = store_of,
    ) -> None:
        """Create a worker without requests; its thread starts with the first request.

        Args:
            values: cache for finished images.
            network_lock: the lock that every forward pass holds.
            make_room: frees memory if it is short; called before every batch.
            tidy: returns free memory to the system; called after every unit of work.
            clock: returns seconds.
            create_run: starts the optimization of a batch.
            batch_size: returns how many channels of a layer to optimize together.
            store_of: returns the store of images on disk for a network with the given weights, or
                None.
        """
        self._values, self._network_lock = values, network_lock
        self._make_room, self._tidy = make_room, tidy
        self._clock = clock
        self._create_run = create_run
        self._store_of = store_of
        self._stores: dict[Hashable, ImageStore | None] = {}
        self._reading = Lock()
        self._changed = Condition()  # also the lock of the attributes below
        self._scheduler = Scheduler(batch_size)
        self._failures: dict[Hashable, Failure] = {}
        self._thread: Thread | None = None
        self._hold_count = network_lock.hold_count

    def request(self, spec: OptimizationSpec, channels: Sequence[int]) -> Progress:
        """Request optimized images of these channels and return their progress.

        Renew the request within `ACTIVE_SECONDS`, or the worker pauses it. A failed
        image is reported for as long as the request is renewed; a later request tries it again.

        Args:
            spec: network, layer, seed and parametrization of the images.
            channels: channel numbers, from 1.
        """
        # Only a new request looks on disk; after that the thread does.
        on_disk = not self._scheduler.has_request(spec, channels)
        found = self._finished(spec, channels, on_disk=on_disk)
        with self._changed:
            now = self._clock()
            failed = self._report_failures(spec, channels, now)
            missing = [channel for channel in channels if channel not in {*found, *failed}]
            if missing:
                self._scheduler.renew(spec, channels, missing, now)
                self._start()
            return self._progress_of(spec, channels, found, failed)

    def progress(self, spec: OptimizationSpec, channels: Sequence[int]) -> Progress:
        """Return the progress of these channels' optimized images without requesting them."""
        found = self._finished(spec, channels, on_disk=True)
        with self._changed:
            return self._progress_of(spec, channels, found, {})

    def retry(self, spec: OptimizationSpec) -> None:
        """Forget the failures of a layer's images, so that the next request tries again."""
        with self._changed:
            for channel in range(1, spec.layer.filters + 1):
                self._failures.pop(spec.image_key(channel), None)

    def give_up(self, damaged: Weights) -> None:
        """Drop all requests and batches for the network with these damaged weights."""
        with self._changed:
            self._scheduler.drop_expired(self._clock(), damaged)

    # -- in the thread of the caller

    def _finished(
        self, spec: OptimizationSpec, channels: Iterable[int], *, on_disk: bool
    ) -> dict[int, OptimizedImage]:
        """Return the finished images of some channels, by channel number.

        Args:
            spec: network, layer, seed and parametrization of the images.
            channels: channel numbers, from 1.
            on_disk: whether to look on disk, too, and not only in memory.
        """
        found = {}
        for channel in channels:
            image = self._values.peek(spec.image_key(channel))
            if image is None and on_disk:
                image = self._read(spec, channel)
            if image is not None:
                found[channel] = image
        return found

    def _read(self, spec: OptimizationSpec, channel: int) -> OptimizedImage | None:
        """Return a channel's optimized image from disk, or None.

        If several threads ask for an image, only one reads the file.
        """
        key = spec.image_key(channel)
        with self._reading:
            image: OptimizedImage | None = self._values.peek(key)
            store = self._store(spec)
            if image is None and store is not None:
                image = store.read(spec.series, channel)
                if image is not None:
                    self._values.keep(key, image, READING_SECONDS)
            return image

    def _store(self, spec: OptimizationSpec) -> ImageStore | None:
        """Return the store of images on disk for a network, or None if it has none."""
        identity = spec.network.identity
        if identity not in self._stores:
            self._stores[identity] = self._store_of(spec.network.weights)
        return self._stores[identity]

    def _report_failures(
        self, spec: OptimizationSpec, channels: Iterable[int], now: float
    ) -> dict[int, str]:
        """Return the failures of some channels' images, as sentences by channel number.

        Failures that no request has asked for within `ACTIVE_SECONDS` are forgotten.
        """
        failed = {}
        for channel in channels:
            key = spec.image_key(channel)
            failure = self._failures.get(key)
            if failure and now - failure.reported_at < ACTIVE_SECONDS:
                failure.reported_at = now
                failed[channel] = failure.sentence
            elif failure:
                del self._failures[key]
        return failed

    def _progress_of(
        self,
        spec: OptimizationSpec,
        channels: Sequence[int],
        found: Mapping[int, OptimizedImage],
        failed: Mapping[int, str],
    ) -> Progress:
        """Return the progress of some channels' images.

        Args:
            spec: network, layer, seed and parametrization of the images.
            channels: channel numbers, from 1.
            found: finished images by channel.
            failed: sentences about failed images by channel.
        """
        snapshots = {
            channel: snapshot
            for batch in self._scheduler.batches
            if batch.spec.key == spec.key
            for channel, snapshot in batch.snapshots.items()
        }
        for channel, one in found.items():
            snapshots[channel] = Snapshot(
                one.pixels, one.value, one.steps, one.steps, finished=True
            )
        complete = all(channel in found or channel in failed for channel in channels)
        left = None if complete else self._scheduler.seconds_left(spec, channels, self._clock())
        requested = {channel: snapshots[channel] for channel in channels if channel in snapshots}
        return Progress(requested, left, next(iter(failed.values()), ""), complete)

    def _start(self) -> None:
        """Start the worker's thread, or wake it."""
        if self._thread is None:
            # Exit handlers run last in, first out: this one before Keras' own.
            atexit.unregister(wait_for_unit)
            atexit.register(wait_for_unit)
            self._thread = Thread(target=self._work, daemon=True)
            self._thread.start()
        self._changed.notify_all()

    # -- in the worker's thread

    def _work(self) -> None:
        """Do units of work in the worker's thread until there are no requests."""
        try:
            while self._do_unit():
                pass
        finally:
            with self._changed:
                if self._thread is current_thread():
                    self._thread = None

    def _do_unit(self) -> bool:
        """Wait for an active request and do one unit of work for it; return whether to go on.

        Only this call refers to a batch, and so to its network. An idle thread refers to neither,
        so that the network can be freed.
        """
        batch = self._next_batch()
        if batch is None:
            return False
        try:
            if batch.optimization is not None or self._prepare(batch):
                self._yield_to_runs()
                with self._network_lock.hold(no_pause, math.inf), _working:
                    self._hold_count = self._network_lock.hold_count
                    if _exiting.is_set():
                        return False
                    self._advance(batch)
            if batch.images:
                self._finish(batch)
        except Exception as error:
            log.exception("Could not optimize images of %s", batch.spec.layer.name)
            self._settle(batch, failed=dict.fromkeys(batch.channels, failure_sentence(error)))
        self._tidy()
        return True

    def _next_batch(self) -> Batch | None:
        """Wait for an active request and return its batch; None once all requests have expired."""
        with self._changed:
            while True:
                now = self._clock()
                self._scheduler.drop_expired(now)
                if not self._scheduler:
                    self._thread = None
                    return None
                batch = self._scheduler.next_batch(now)
                if batch is not None:
                    return batch
                self._scheduler.stop_timing()
                self._changed.wait(IDLE_POLL_SECONDS)

    def _prepare(self, batch: Batch) -> bool:
        """Drop channels of a new batch that have finished images; return whether any are left."""
        self._make_room()
        found = self._finished(batch.spec, batch.channels, on_disk=True)
        with self._changed:
            batch.channels = [channel for channel in batch.channels if channel not in found]
            self._scheduler.settle(batch.spec, found, self._clock())
        return bool(batch.channels)

    def _yield_to_runs(self) -> None:
        """Wait a short while if script runs hold the network lock, or have just held it."""
        for _ in range(MAX_YIELDS):
            if self._network_lock.hold_count == self._hold_count and not self._network_lock.busy:
                return
            self._hold_count = self._network_lock.hold_count
            _exiting.wait(YIELD_SECONDS)

    def _advance(self, batch: Batch) -> None:
        """Do one unit of work on a batch; call it with the network lock held."""
        spec = batch.spec
        if batch.optimization is None:
            batch.optimization = self._create_run(
                spec.network, spec.layer, batch.channels, spec.seed, spec.parametrization
            )
            return
        run = batch.optimization
        run.advance()
        with self._changed:
            self._scheduler.record(batch, run.step, run.steps, self._clock())
        if run.finished:
            batch.images = run.results()
        elif run.step and batch.worked_at - batch.snapshots_at >= SNAPSHOT_SECONDS:
            self._take_snapshots(batch, run)

    def _take_snapshots(self, batch: Batch, run: OptimizationRun) -> None:
        """Make the current images of a batch visible to viewers as snapshots."""
        if not np.isfinite(run.values).any():
            raise FloatingPointError("expected finite values, got only infinite or NaN ones")
        batch.snapshots = {
            channel: Snapshot(pixels, float(value), run.step, run.steps, finished=False)
            for channel, pixels, value in zip(
                batch.channels, read_only(run.images()), run.values, strict=True
            )
        }
        batch.snapshots_at = batch.worked_at

    def _finish(self, batch: Batch) -> None:
        """Cache and save the images of a finished batch, unless the batch was dropped meanwhile."""
        if batch not in self._scheduler.batches or batch.optimization is None:
            return
        spec, layer = batch.spec, batch.spec.layer.name
        images: dict[int, OptimizedImage] = {}
        failed: dict[int, str] = {}
        for channel, image, value in zip(
            batch.channels, batch.images, batch.optimization.values, strict=True
        ):
            if math.isfinite(image.value) and math.isfinite(value):
                images[channel] = replace(image, pixels=read_only(image.pixels))
            else:
                failed[channel] = NOT_FINITE.format(images=f"channel {channel} of {layer}")
        stored = self._save(spec, images)
        seconds = READING_SECONDS if stored else self._scheduler.seconds_per_image(spec) or 1.0
        for channel, image in images.items():
            self._values.keep(spec.image_key(channel), image, seconds)
        self._settle(batch, failed)

    def _save(self, spec: OptimizationSpec, images: Mapping[int, OptimizedImage]) -> bool:
        """Save finished images to disk if possible; return whether they were saved."""
        store = self._store(spec)
        if store is None or not images:
            return False
        try:
            store.save(spec.series, images)
        except OSError as error:
            log.warning("Could not save optimized images in %s: %s", store.folder, error)
            return False
        return True

    def _settle(self, batch: Batch, failed: Mapping[int, str]) -> None:
        """Remove a batch that is finished or failed, and record the failures of its channels."""
        with self._changed:
            now = self._clock()
            for channel, sentence in failed.items():
                self._failures[batch.spec.image_key(channel)] = Failure(sentence, now)
            if batch in self._scheduler.batches:
                self._scheduler.batches.remove(batch)
            self._scheduler.settle(batch.spec, batch.channels, now)


def failure_sentence(error: Exception) -> str:
    """Return the sentence that tells a viewer why the optimization of an image failed."""
    if type(error).__name__ in MEMORY_ERRORS:
        return TOO_LITTLE_MEMORY
    if isinstance(error, FloatingPointError):
        return NOT_FINITE.format(images="these images")
    return UNEXPECTED


def wait_for_unit() -> None:
    """Stop the worker after its current unit of work, before the process exits.

    Otherwise TensorFlow would abort the process.
    """
    _exiting.set()
    with _working:
        pass
