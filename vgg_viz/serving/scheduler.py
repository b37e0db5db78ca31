"""Who looks at which pictures that are to be made, what is made next, and how long that takes.

    wish     channels that somebody looks at and that are lacking
    batch    channels of one subject that are made together, for all who look at any of them

The next batch is one of the wish that waits longest; with it, that wish begins to wait anew. So
viewers who want different things have them in turn, batch by batch. Times are seconds by whatever
clock is given. Nothing here is locked: `vgg_viz.serving.optimization_worker` does that.
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

REST_SECONDS = 3.0  # without anybody looking, after which nothing is done for a wish
FORGET_SECONDS = 60.0  # after which what was begun for it is let go
MOST_BEGUN = 4  # batches, all but one of which rest


@dataclass(frozen=True)
class OptimizationSpec:
    """What is made: pictures that excite this layer's channels, from that start, in that way."""

    network: Network
    layer: ConvLayer
    seed: int
    parametrization: Parametrization

    @property
    def key(self) -> Hashable:
        """What the pictures follow from, their channels aside."""
        return (self.network.identity, self.layer.name, self.seed, self.parametrization)

    @property
    def series(self) -> Series:
        """The same as a network's store has it."""
        return Series(self.layer.name, self.seed, self.parametrization)

    def picture_key(self, channel: int) -> Hashable:
        """What the finished picture of a channel is kept under."""
        return ("made", self.key, channel)


@dataclass(frozen=True)
class Snapshot:
    """A picture as it is now, RGB uint8 ``(side, side, 3)``, and its value before ReLU."""

    pixels: np.ndarray
    value: float
    step: int
    steps: int
    finished: bool


@dataclass
class Request:
    """What is lacking of the channels that somebody looks at.

    ``looked`` is when somebody did so last, ``since`` how long the wish has waited for its turn.
    """

    subject: OptimizationSpec
    lacking: Sequence[int]
    looked: float
    since: float

    def is_watched(self, now: float) -> bool:
        """Whether somebody looks."""
        return now - self.looked < REST_SECONDS


@dataclass(eq=False)
class Batch:
    """Channels that are made together.

    ``making`` comes with the first unit of work, ``results`` with the last. ``shown`` is what there
    is to be seen, as of ``shown_at``. The last whole step ended at ``stepped_at``; that is None
    where it says nothing of how long the next one takes.
    """

    subject: OptimizationSpec
    channels: Sequence[int]
    worked_at: float
    making: OptimizationRun | None = None
    results: Sequence[OptimizedImage] = ()
    shown: Mapping[int, Snapshot] = field(default_factory=dict)
    shown_at: float = -math.inf
    step: int = 0
    stepped_at: float | None = None

    def serves(self, subject: OptimizationSpec, channels: Collection[int]) -> bool:
        """Whether it makes any of these channels."""
        return self.subject.key == subject.key and not {*self.channels}.isdisjoint(channels)


@dataclass(frozen=True)
class Pace:
    """How many steps pictures of a layer take, and how many seconds each."""

    steps: int
    seconds: float


class Scheduler:
    """All wishes and all batches that are begun."""

    def __init__(self, batch_size: Callable[[ConvLayer], int]) -> None:
        """Begin with none; so many of a layer's channels are made together."""
        self._batch_size = batch_size
        self._wishes: dict[Hashable, Request] = {}
        self._paces: dict[Hashable, Pace] = {}
        self.batches: list[Batch] = []

    def __bool__(self) -> bool:
        """Whether anybody has wished for anything that is lacking and not forgotten."""
        return bool(self._wishes)

    def knows(self, subject: OptimizationSpec, channels: Sequence[int]) -> bool:
        """Whether somebody has looked at exactly these within the last minute or so."""
        return wish_key(subject, channels) in self._wishes

    def want(
        self, subject: OptimizationSpec, channels: Sequence[int], lacking: Sequence[int], now: float
    ) -> None:
        """Note that somebody looks at these channels, some of which are lacking."""
        key = wish_key(subject, channels)
        wish = self._wishes.setdefault(key, Request(subject, lacking, now, now))
        if not wish.is_watched(now):
            wish.since = now
        wish.looked, wish.lacking = now, lacking

    def settle(self, subject: OptimizationSpec, channels: Collection[int], now: float) -> None:
        """These are finished, or will never be: nobody need wait for them any more."""
        for wish in self._wishes.values():
            left = [channel for channel in wish.lacking if channel not in channels]
            if wish.subject.key == subject.key and len(left) < len(wish.lacking):
                wish.lacking, wish.since = left, now

    def forget(self, now: float, damaged: Weights | None = None) -> None:
        """Let go of what is fulfilled, of what nobody looks at, and of a damaged network's.

        With wishes go the batches that were begun for them alone.
        """
        self._wishes = {
            key: wish
            for key, wish in self._wishes.items()
            if wish.lacking
            and now - wish.looked < FORGET_SECONDS
            and wish.subject.network.weights is not damaged
        }
        self.batches = [
            batch
            for batch in self.batches
            if batch.subject.network.weights is not damaged
            and any(batch.serves(wish.subject, wish.lacking) for wish in self._wishes.values())
        ]

    def next_batch(self, now: float) -> Batch | None:
        """The batch to go on with, or a new one; None if nobody looks."""
        watched = [wish for wish in self._wishes.values() if wish.lacking and wish.is_watched(now)]
        if not watched:
            return None
        watched.sort(key=lambda wish: wish.since)
        first = watched[0]
        for batch in self.batches:
            if batch.serves(first.subject, first.lacking):
                return batch
        return self._new_batch(first.subject, watched, now)

    def note(self, batch: Batch, step: int, steps: int, now: float) -> None:
        """Note that a batch was worked on and is at that step."""
        key = pace_key(batch.subject)
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

    def rested(self) -> None:
        """Note that for a while nothing was done."""
        for batch in self.batches:
            batch.stepped_at = None

    def seconds_each(self, subject: OptimizationSpec) -> float:
        """What one of a subject's pictures takes; 0 if that is not known."""
        pace = self._paces.get(pace_key(subject), Pace(0, 0.0))
        return pace.steps * pace.seconds / self._batch_size(subject.layer)

    def seconds_left(
        self, subject: OptimizationSpec, channels: Sequence[int], now: float
    ) -> float | None:
        """How long until a wish is fulfilled, if all who look now go on; None if not known."""
        own = self._wishes.get(wish_key(subject, channels))
        if own is None or not own.lacking:
            return None
        mine = self._left(subject, own.lacking)
        seconds = [*mine]
        for other in self._wishes.values():
            if other is not own and other.is_watched(now):
                alike = other.subject.key == subject.key
                apart = [n for n in other.lacking if not alike or n not in own.lacking]
                seconds += self._left(other.subject, apart)[: len(mine)]  # they go in turn
        known = [each for each in seconds if each is not None]
        return sum(known) if len(known) == len(seconds) else None

    def _left(self, subject: OptimizationSpec, lacking: Iterable[int]) -> list[float | None]:
        """The seconds of each batch that has to be made for these, the begun ones first."""
        new = {*lacking}
        begun = [batch for batch in self.batches if batch.serves(subject, new)]
        new -= {channel for batch in begun for channel in batch.channels}
        more = math.ceil(len(new) / self._batch_size(subject.layer))
        pace = self._paces.get(pace_key(subject))
        if pace is None:
            return [None] * (len(begun) + more)
        steps = [pace.steps - batch.step for batch in begun] + [pace.steps] * more
        return [pace.seconds * count for count in steps]

    def _new_batch(
        self, subject: OptimizationSpec, watched: Sequence[Request], now: float
    ) -> Batch:
        """A batch for the first of these wishes, and with room in it for others of its kind."""
        begun = {
            channel
            for batch in self.batches
            if batch.subject.key == subject.key
            for channel in batch.channels
        }
        wanted = [n for wish in watched if wish.subject.key == subject.key for n in wish.lacking]
        new = [channel for channel in dict.fromkeys(wanted) if channel not in begun]
        batch = Batch(subject, new[: self._batch_size(subject.layer)], now)
        # What has rested longest is let go where too many are begun.
        self.batches.sort(key=lambda batch: batch.worked_at)
        self.batches = [*self.batches[-(MOST_BEGUN - 1) :], batch]
        return batch


def wish_key(subject: OptimizationSpec, channels: Sequence[int]) -> Hashable:
    """What tells one wish from another."""
    return (subject.key, tuple(channels))


def pace_key(subject: OptimizationSpec) -> Hashable:
    """What takes the same time."""
    return (subject.layer.name, subject.parametrization)
