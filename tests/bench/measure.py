"""How things are measured, and the rows of the table that comes of it."""

import gc
import statistics
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

Clock = Callable[[], float]

ABSENT = "–"


class NotRun(Exception):
    """Something that cannot be measured here; the message says why."""


@dataclass(frozen=True)
class Effort:
    """How often everything is repeated, and how much is drawn."""

    drawings: int = 3
    passes: int = 15
    moves: int = 30
    starts: int = 5
    maps: int = 512
    filters: int = 16
    layers: int = 16
    samples: int | None = None  # all
    warming_up: int = 2  # how often every act of a move is made before it is measured


QUICK = Effort(
    drawings=1, passes=1, moves=1, starts=1, maps=4, filters=2, layers=2, samples=1, warming_up=1
)


@dataclass(frozen=True)
class Row:
    """A line of the table; ``met`` is None where nothing could be measured."""

    what: str
    ours: str
    target: str = ABSENT
    baseline: str = ABSENT
    ratio: str = ABSENT
    met: bool | None = None
    failed: bool = False


def timed(work: Callable[[], object]) -> Clock:
    """Make a clock of that work: call it for the seconds from its call to its return.

    Garbage is collected first, so that nobody's time holds another's.
    """

    def seconds() -> float:
        gc.collect()
        start = time.perf_counter()
        work()
        return time.perf_counter() - start

    return seconds


def interleaved(repetitions: int, clocks: Mapping[str, Clock]) -> dict[str, list[float]]:
    """Read all clocks in turn, A B A B: whatever else the machine does then meets them alike."""
    seconds: dict[str, list[float]] = {name: [] for name in clocks}
    for _ in range(repetitions):
        for name, clock in clocks.items():
            seconds[name].append(clock())
    return seconds


def faster(what: str, baseline: Sequence[float], ours: Sequence[float], at_least: float) -> Row:
    """Two ways to the same end, in seconds; ours is to be ``at_least`` so many times faster."""
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
    """Something and the least that it needs, in seconds; ``note`` says what the latter was."""
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
    """A figure and its bound, and both in words."""
    return Row(
        what, ours, f"at most {target}", ratio=f"{measured / bound:.2f}", met=measured <= bound
    )


def attempt(what: str, measurement: Callable[[], Row]) -> Row:
    """The row of that measurement, or one that says why there is none."""
    try:
        return measurement()
    except NotRun as reason:
        return Row(what, f"not run: {reason}")
    except Exception as error:
        traceback.print_exc()
        return Row(what, f"failed: {type(error).__name__}", failed=True)


def middle(seconds: Sequence[float]) -> float:
    """The median."""
    return statistics.median(seconds)


def durations(seconds: Sequence[float]) -> str:
    """The median, and in brackets the quickest and the slowest."""
    usual = duration(middle(seconds))
    if len(seconds) == 1:
        return usual
    return f"{usual} ({duration(min(seconds))} to {duration(max(seconds))})"


def duration(seconds: float) -> str:
    """A time as people read it: ``"83 ms"``, ``"7.62 s"``."""
    return f"{seconds:.2f} s" if seconds >= 1 else f"{seconds * 1000:.3g} ms"


def table(rows: Sequence[Row]) -> str:
    """The rows as a Markdown table."""
    header = ["What", "Baseline", "Ours", "Ratio", "Target", "Met"]
    words = {True: "yes", False: "**no**", None: ABSENT}
    cells = [
        [row.what, row.baseline, row.ours, row.ratio, row.target, words[row.met]] for row in rows
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in [header, ["---"] * 6, *cells])
