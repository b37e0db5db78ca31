"""Pictures that excite channels, made in the background while somebody looks.

`optimization` makes them in short units of work. Here it is seen to that they are made
once for all who look, in nobody's way, and kept: a viewer says what is looked at, has at once what
there is of it, and comes again. `vgg_viz.serving.scheduler` says what is made next.
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
from vgg_viz.serving.locks import FairLock, keep_waiting
from vgg_viz.serving.scheduler import REST_SECONDS, Batch, Scheduler
from vgg_viz.serving.scheduler import OptimizationSpec as OptimizationSpec
from vgg_viz.serving.scheduler import Snapshot as Snapshot  # what is seen from outside

SHOW_SECONDS = 0.2  # between two looks at what is growing
LISTEN_SECONDS = 0.5  # how often a thread that rests sees to the time
READING_SECONDS = 0.001  # what a picture costs that is on the disk

# A run of the page takes several turns with little in between, and should not wait before each;
# but where many viewers do so all the time, something is to be made, too.
ASIDE_SECONDS = 0.05
MOST_ASIDE = 10

NO_NUMBER = "{which} of {layer} could not be made: the value became infinite, or no number (NaN)."
TOO_LITTLE_MEMORY = "The server has too little memory to make these pictures now."
MEMORY_ERRORS = "MemoryError", "ResourceExhaustedError"  # Python's and TensorFlow's

_working = Lock()
_ending = Event()

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Progress:
    """What there is of the pictures that somebody looks at.

    ``pictures`` are by channel, from 1, without those of which there is nothing to be seen yet.
    ``seconds_left`` is how long the last will take; None if that is not known, or none is made.
    ``failure`` is a sentence for visitors if one cannot be made, else empty. ``complete`` says that
    nothing more comes: every picture is finished, or cannot be made.
    """

    pictures: Mapping[int, Snapshot]
    seconds_left: float | None = None
    failure: str = ""
    complete: bool = False


@dataclass
class Failure:
    """Why a picture cannot be made, and when somebody was last told."""

    sentence: str
    told: float


class OptimizationWorker:
    """Makes what somebody looks at, once for all; may be used from any thread.

    It has a thread of its own only while something is lacking that somebody has looked at within
    the last minute.
    """

    def __init__(
        self,
        values: Cache,
        turns: FairLock,
        make_room: Callable[[], object] = keep_waiting,
        tidy: Callable[[], object] = keep_waiting,
        *,
        clock: Callable[[], float] = monotonic,
        making: Callable[
            [Network, ConvLayer, Sequence[int], int, Parametrization], OptimizationRun
        ] = OptimizationRun,
        batch_size: Callable[[ConvLayer], int] = batch_size,
        store_of: Callable[[Weights], ImageStore | None] = store_of,
    ) -> None:
        """Begin with nothing to do.

        Args:
            values: where finished pictures are kept in memory.
            turns: those that viewers' forward passes wait for.
            make_room: gives memory back if it is short; called before a batch is begun.
            tidy: hands free memory to the system; called after every unit of work.
            clock: counts seconds.
            making: makes the pictures of a batch.
            batch_size: how many of a layer's pictures are made together.
            store_of: finds where pictures are kept on the disk; None: nowhere.
        """
        self._values, self._turns = values, turns
        self._make_room, self._tidy = make_room, tidy
        self._clock = clock
        self._making = making
        self._store_of = store_of
        self._stores: dict[Hashable, ImageStore | None] = {}
        self._reading = Lock()
        self._changed = Condition()  # and the lock for what follows
        self._wishes = Scheduler(batch_size)
        self._failures: dict[Hashable, Failure] = {}
        self._thread: Thread | None = None
        self._taken = turns.taken

    def look(self, subject: OptimizationSpec, channels: Sequence[int]) -> Progress:
        """Say that somebody looks at these channels, from 1, and return what there is of them.

        What is lacking is made as long as somebody comes again within `REST_SECONDS`; what was
        begun stays for a minute. What failed is tried again by who comes later than that.
        """
        # What is on the disk was found at the first look; from then on the thread sees to it.
        found = self._finished(subject, channels, on_disk=not self._wishes.knows(subject, channels))
        with self._changed:
            now = self._clock()
            failed = self._tell(subject, channels, now)
            lacking = [channel for channel in channels if channel not in {*found, *failed}]
            if lacking:
                self._wishes.want(subject, channels, lacking, now)
                self._start()
            return self._progress(subject, channels, found, failed)

    def there(self, subject: OptimizationSpec, channels: Sequence[int]) -> Progress:
        """What there is of these channels, without anything being made for it."""
        found = self._finished(subject, channels, on_disk=True)
        with self._changed:
            return self._progress(subject, channels, found, {})

    def retry(self, subject: OptimizationSpec) -> None:
        """Forget what has failed, so that the next who looks has it tried again."""
        with self._changed:
            for channel in range(1, subject.layer.filters + 1):
                self._failures.pop(subject.picture_key(channel), None)

    def give_up(self, damaged: Weights) -> None:
        """Let go of the network of these weights, and of all that was begun with it."""
        with self._changed:
            self._wishes.forget(self._clock(), damaged)

    # -- for who looks

    def _finished(
        self, subject: OptimizationSpec, channels: Iterable[int], *, on_disk: bool
    ) -> dict[int, OptimizedImage]:
        """The finished pictures among these, in memory or on the disk."""
        found = {}
        for channel in channels:
            made = self._values.peek(subject.picture_key(channel))
            if made is None and on_disk:
                made = self._read(subject, channel)
            if made is not None:
                found[channel] = made
        return found

    def _read(self, subject: OptimizationSpec, channel: int) -> OptimizedImage | None:
        """A picture from the disk, read once for all who look for it at the same time."""
        key = subject.picture_key(channel)
        with self._reading:
            made: OptimizedImage | None = self._values.peek(key)
            store = self._store(subject)
            if made is None and store is not None:
                made = store.read(subject.series, channel)
                if made is not None:
                    self._values.keep(key, made, READING_SECONDS)
            return made

    def _store(self, subject: OptimizationSpec) -> ImageStore | None:
        """Where pictures of this network are on the disk."""
        identity = subject.network.identity
        if identity not in self._stores:
            self._stores[identity] = self._store_of(subject.network.weights)
        return self._stores[identity]

    def _tell(
        self, subject: OptimizationSpec, channels: Iterable[int], now: float
    ) -> dict[int, str]:
        """Why some of these cannot be made; what nobody was told for a while is forgotten."""
        failed = {}
        for channel in channels:
            key = subject.picture_key(channel)
            failure = self._failures.get(key)
            if failure and now - failure.told < REST_SECONDS:
                failure.told = now
                failed[channel] = failure.sentence
            elif failure:
                del self._failures[key]
        return failed

    def _progress(
        self,
        subject: OptimizationSpec,
        channels: Sequence[int],
        found: Mapping[int, OptimizedImage],
        failed: Mapping[int, str],
    ) -> Progress:
        """What there is of these channels."""
        seen = {
            channel: picture
            for batch in self._wishes.batches
            if batch.subject.key == subject.key
            for channel, picture in batch.shown.items()
        }
        for channel, made in found.items():
            seen[channel] = Snapshot(made.pixels, made.value, made.steps, made.steps, finished=True)
        complete = all(channel in found or channel in failed for channel in channels)
        left = None if complete else self._wishes.seconds_left(subject, channels, self._clock())
        pictures = {channel: seen[channel] for channel in channels if channel in seen}
        return Progress(pictures, left, next(iter(failed.values()), ""), complete)

    def _start(self) -> None:
        """Have the thread begin, or know that somebody looks."""
        if self._thread is None:
            # What was registered last runs first: before Keras takes down what it works with.
            atexit.unregister(end_making)
            atexit.register(end_making)
            self._thread = Thread(target=self._work, daemon=True)
            self._thread.start()
        self._changed.notify_all()

    # -- in the thread

    def _work(self) -> None:
        """Work until nobody wants anything."""
        try:
            while self._do_a_unit():
                pass
        finally:
            with self._changed:
                if self._thread is current_thread():
                    self._thread = None

    def _do_a_unit(self) -> bool:
        """Do a unit of work, once somebody wants it; whether there may be more.

        Here and nowhere else a batch is in hand, and with it its network: not while it waits.
        """
        batch = self._next_batch()
        if batch is None:
            return False
        try:
            if batch.making is not None or self._prepare(batch):
                self._step_aside()
                with self._turns.hold(keep_waiting, math.inf), _working:
                    self._taken = self._turns.taken
                    if _ending.is_set():
                        return False
                    self._advance(batch)
            if batch.results:
                self._finish(batch)
        except Exception as error:
            log.exception("Pictures of %s could not be made", batch.subject.layer.name)
            self._settle(batch, failed=dict.fromkeys(batch.channels, said_of(error)))
        self._tidy()
        return True

    def _next_batch(self) -> Batch | None:
        """Wait until somebody looks at what is lacking; None if nobody does for a minute."""
        with self._changed:
            while True:
                now = self._clock()
                self._wishes.forget(now)
                if not self._wishes:
                    self._thread = None
                    return None
                batch = self._wishes.next_batch(now)
                if batch is not None:
                    return batch
                self._wishes.rested()
                self._changed.wait(LISTEN_SECONDS)

    def _prepare(self, batch: Batch) -> bool:
        """Take out of a new batch what is finished by now, by whomever; whether any is left."""
        self._make_room()
        found = self._finished(batch.subject, batch.channels, on_disk=True)
        with self._changed:
            batch.channels = [channel for channel in batch.channels if channel not in found]
            self._wishes.settle(batch.subject, found, self._clock())
        return bool(batch.channels)

    def _step_aside(self) -> None:
        """Let who has a turn, or has just had one, have the next one, too."""
        for _ in range(MOST_ASIDE):
            if self._turns.taken == self._taken and not self._turns.busy:
                return
            self._taken = self._turns.taken
            _ending.wait(ASIDE_SECONDS)

    def _advance(self, batch: Batch) -> None:
        """Do a unit of work on a batch; to be called in the network's turn."""
        subject = batch.subject
        if batch.making is None:
            batch.making = self._making(
                subject.network,
                subject.layer,
                batch.channels,
                subject.seed,
                subject.parametrization,
            )
            return
        making = batch.making
        making.advance()
        with self._changed:
            self._wishes.note(batch, making.step, making.steps, self._clock())
        if making.finished:
            batch.results = making.results()
        elif making.step and batch.worked_at - batch.shown_at >= SHOW_SECONDS:
            self._show(batch, making)

    def _show(self, batch: Batch, making: OptimizationRun) -> None:
        """Have the pictures seen as they are now."""
        if not np.isfinite(making.values).any():
            raise FloatingPointError("expected values, got none that is a number")
        pictures = read_only(making.pictures())
        step, steps = making.step, making.steps
        batch.shown = {
            channel: Snapshot(pixels, float(value), step, steps, finished=False)
            for channel, pixels, value in zip(batch.channels, pictures, making.values, strict=True)
        }
        batch.shown_at = batch.worked_at

    def _finish(self, batch: Batch) -> None:
        """Keep what has become of a batch, unless it was let go meanwhile."""
        if batch not in self._wishes.batches or batch.making is None:
            return
        subject, layer = batch.subject, batch.subject.layer.name
        made: dict[int, OptimizedImage] = {}
        failed: dict[int, str] = {}
        for channel, picture, value in zip(
            batch.channels, batch.results, batch.making.values, strict=True
        ):
            if math.isfinite(picture.value) and math.isfinite(value):
                made[channel] = replace(picture, pixels=read_only(picture.pixels))
            else:
                failed[channel] = NO_NUMBER.format(which=f"Channel {channel}", layer=layer)
        stored = self._save(subject, made)
        seconds = READING_SECONDS if stored else self._wishes.seconds_each(subject) or 1.0
        for channel, picture in made.items():
            self._values.keep(subject.picture_key(channel), picture, seconds)
        self._settle(batch, failed)

    def _save(self, subject: OptimizationSpec, made: Mapping[int, OptimizedImage]) -> bool:
        """Put pictures on the disk, if that can be; whether they are there."""
        store = self._store(subject)
        if store is None or not made:
            return False
        try:
            store.save(subject.series, made)
        except OSError as error:
            log.warning("Made pictures are not kept in %s: %s", store.folder, error)
            return False
        return True

    def _settle(self, batch: Batch, failed: Mapping[int, str]) -> None:
        """Be done with a batch, some of whose channels may have failed."""
        with self._changed:
            now = self._clock()
            for channel, sentence in failed.items():
                self._failures[batch.subject.picture_key(channel)] = Failure(sentence, now)
            if batch in self._wishes.batches:
                self._wishes.batches.remove(batch)
            self._wishes.settle(batch.subject, batch.channels, now)


def said_of(error: Exception) -> str:
    """What a visitor is told of an error."""
    if type(error).__name__ in MEMORY_ERRORS:
        return TOO_LITTLE_MEMORY
    if isinstance(error, FloatingPointError):
        return (
            "These pictures could not be made: their values became infinite, or no numbers (NaN)."
        )
    return UNEXPECTED


def end_making() -> None:
    """Let the unit of work come to its end: TensorFlow aborts a process that ends in the midst."""
    _ending.set()
    with _working:
        pass
