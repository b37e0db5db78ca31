"""Clocks, repetition and the rows of the benchmark's table."""

import gc
import statistics
import time
import traceback
from collections import deque
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

Clock = Callable[[], float]

ABSENT = "–"


class NotRun(Exception):
    """Raised when something cannot be measured on this machine; the message says why."""


@dataclass(frozen=True)
class Effort:
    """Numbers of repetitions and sizes of the measured work."""

    drawings: int = 3
    passes: int = 15
    moves: int = 30
    starts: int = 5
    maps: int = 512
    filters: int = 16
    layers: int = 16
    samples: int | None = None  # all
    steps: int | None = None  # of a job that takes long; all
    warming_up: int = 2  # repetitions of every action before it is measured


QUICK = Effort(
    drawings=1,
    passes=1,
    moves=1,
    starts=1,
    maps=4,
    filters=2,
    layers=2,
    samples=1,
    steps=2,
    warming_up=1,
)


@dataclass(frozen=True)
class Row:
    """A line of the table; ``met`` is None without a measurement or target."""

    what: str
    ours: str
    target: str = ABSENT
    baseline: str = ABSENT
    ratio: str = ABSENT
    met: bool | None = None
    failed: bool = False


def timed(work: Callable[[], object]) -> Clock:
    """Return a clock that runs the work and returns its seconds.

    It collects garbage first, so that no measurement includes the garbage of another.
    """

    def seconds() -> float:
        gc.collect()
        start = time.perf_counter()
        work()
        return time.perf_counter() - start

    return seconds


def interleaved(repetitions: int, clocks: Mapping[str, Clock]) -> dict[str, list[float]]:
    """Read all clocks alternately (A B A B), so that other load affects all of them alike."""
    seconds: dict[str, list[float]] = {name: [] for name in clocks}
    for _ in range(repetitions):
        for name, clock in clocks.items():
            seconds[name].append(clock())
    return seconds


def faster(what: str, baseline: Sequence[float], ours: Sequence[float], at_least: float) -> Row:
    """Return the row of a comparison whose target is to be ``at_least`` so many times faster."""
    ratio = middle(baseline) / middle(ours)
    return Row(
        what,
        ours=durations(ours),
        target=f"at least {at_least:g} times faster",
        baseline=durations(baseline),
        ratio=f"{ratio:.0f} times faster",
        met=ratio >= at_least,
    )


def within(
    what: str, baseline: Sequence[float], ours: Sequence[float], at_most: float, *, note: str = ""
) -> Row:
    """Return the row of a comparison with a lower bound, which ``note`` describes."""
    ratio = middle(ours) / middle(baseline)
    return Row(
        what,
        ours=durations(ours),
        target=f"at most {at_most:g} times",
        baseline=durations(baseline) + (f", {note}" if note else ""),
        ratio=f"{ratio:.2f} times",
        met=ratio <= at_most,
    )


def bounded(what: str, measured: float, bound: float, ours: str, target: str) -> Row:
    """Return the row of a figure and its bound; ``ours`` and ``target`` are their texts."""
    return Row(
        what, ours, f"at most {target}", ratio=f"{measured / bound:.2f}", met=measured <= bound
    )


def job(what: str, begin: Callable[[], Generator[object]], at_most: float, effort: Effort) -> Row:
    """Return the row of a job with a bound in seconds, run once, since it takes long."""
    seconds = timed(lambda: deque(islice(begin(), effort.steps), maxlen=0))()
    return bounded(what, seconds, at_most, duration(seconds), duration(at_most))


def attempt(what: str, measurement: Callable[[], Row]) -> Row:
    """Return the row of a measurement, or one with the reason why there is none."""
    try:
        return measurement()
    except NotRun as reason:
        return Row(what, f"not run: {reason}")
    except Exception as error:
        traceback.print_exc()
        return Row(what, f"failed: {type(error).__name__}", failed=True)


def middle(seconds: Sequence[float]) -> float:
    """Return the median."""
    return statistics.median(seconds)


def durations(seconds: Sequence[float]) -> str:
    """Format the median, with the minimum and maximum in parentheses."""
    typical = duration(middle(seconds))
    if len(seconds) == 1:
        return typical
    return f"{typical} ({duration(min(seconds))} to {duration(max(seconds))})"


def duration(seconds: float) -> str:
    """Format a time: ``"83 ms"``, ``"7.62 s"``."""
    return f"{seconds:.2f} s" if seconds >= 1 else f"{seconds * 1000:.3g} ms"


def table(rows: Sequence[Row]) -> str:
    """Format the rows as a Markdown table."""
    header = ["What", "Baseline", "Ours", "Ratio", "Target", "Met"]
    words = {True: "yes", False: "**no**", None: ABSENT}
    cells = [
        [row.what, row.baseline, row.ours, row.ratio, row.target, words[row.met]] for row in rows
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in [header, ["---"] * 6, *cells])
