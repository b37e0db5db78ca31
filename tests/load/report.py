"""The load test's figures as Markdown."""

import os
import platform
from collections.abc import Sequence
from importlib.metadata import version
from statistics import median

from tests.load.phases import Outcome
from tests.load.viewers import SECONDS_BETWEEN
from vgg_viz.model.architecture import VGG19
from vgg_viz.samples import SAMPLES

MEGABYTE = 10**6
# Number of times that viewers of one image hold the network lock: for the maps of each layer, each
# block of the overview and of each sample's top patches, the slices of Conclusion's experiment, and
# further patches of channels.
PASSES = 2 * len(VGG19.conv_layers) + (1 + len(SAMPLES)) * len(VGG19.blocks) + 8
ENOUGH_CHANGES = 50  # of each kind, for a 95th percentile
COLUMNS = {
    "Viewers": lambda outcome: f"{outcome.phase.viewers}{' + 1 hostile' * outcome.phase.hostile}",
    "Servers": lambda outcome: str(outcome.phase.replicas),
    "Picture": lambda outcome: "each their own" if outcome.phase.own_pictures else "the same",
    "Requests": lambda outcome: f"{(outcome.log.requests + outcome.further.requests).total():,}",
    "Changes": lambda outcome: f"{len(outcome.log.seconds):,}",
    "Errors": lambda outcome: str(outcome.errors),
    "Median": lambda outcome: in_seconds(quantile(outcome.log.seconds, 0.5)),
    "95th percentile": lambda outcome: in_seconds(quantile(outcome.log.seconds, 0.95)),
    "Worst": lambda outcome: in_seconds(quantile(outcome.log.seconds, 1)),
    "Late": lambda outcome: str(outcome.log.late),
    "First page, worst": lambda outcome: in_seconds(quantile(outcome.log.opened, 1)),
    "Peak memory": lambda outcome: in_megabytes(outcome.peak),
    "Memory at the end": lambda outcome: in_megabytes(outcome.resident),
    "Network lock held": lambda outcome: "–" if outcome.passes is None else f"{outcome.passes:,}",
    "Server": lambda outcome: f"{outcome.server_cores:.2f} cores",
    "Client": lambda outcome: f"{outcome.client_cores:.2f} cores",
}


def title() -> str:
    """Describe the machine and the measurement."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    packages = ", ".join(f"{name} {version(name)}" for name in ("streamlit", "tensorflow"))
    return (
        f"{platform.system()} {platform.machine()}, {cores} cores for server and client, Python "
        f"{platform.python_version()}, {packages}. Every viewer changes something every "
        f"{SECONDS_BETWEEN:.0f} seconds; a change takes from its sending to the end of the "
        "script's run that sends the mosaic. *Late*: changes sent late, since the one before "
        "took so long. Every line has a new server, with TensorFlow started."
    )


def with_columns(outcomes: Sequence[Outcome]) -> str:
    """Return a table with a line for every phase."""
    rule = " | ".join("---" if name == "Picture" else "---:" for name in COLUMNS)
    lines = [f"| {' | '.join(COLUMNS)} |", f"| {rule} |"]
    for outcome in outcomes:
        lines.append(f"| {' | '.join(write(outcome) for write in COLUMNS.values())} |")
    return "\n".join(lines)


def by_widget(outcomes: Sequence[Outcome]) -> str:
    """Return the response times by widget, in the phase with the most viewers."""
    last = max(outcomes, key=lambda outcome: (outcome.phase.viewers, outcome.phase.own_pictures))
    whose = COLUMNS["Picture"](last)
    lines = [
        f"By widget, {last.phase.viewers} viewers, picture: {whose}:",
        "",
        "| Widget | Changes | Median | 95th percentile | Worst |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for key, seconds in sorted(last.log.changes.items()):
        times = " | ".join(in_seconds(quantile(seconds, part)) for part in (0.5, 0.95, 1))
        lines.append(f"| {key} | {len(seconds):,} | {times} |")
    return "\n".join(lines)


def targets(outcomes: Sequence[Outcome]) -> str:
    """Return the targets as a list, each met or missed."""
    lines = [target(not any(outcome.errors for outcome in outcomes), "no error")]
    for outcome in outcomes:
        whose = "pictures of their own" if outcome.phase.own_pictures else "the same picture"
        if not outcome.phase.own_pictures and outcome.passes is not None:
            words = (
                f"{outcome.phase.viewers} viewers, {whose}: network lock held {outcome.passes} "
                f"times, at most {PASSES * outcome.phase.replicas}"
            )
            lines.append(target(outcome.passes <= PASSES * outcome.phase.replicas, words))
        if outcome.phase.hostile:
            lines.append(hostile_target(outcome))
        elif outcome.phase.viewers == 30:
            slow = quantile(outcome.log.seconds, 0.95)
            words = f"30 viewers, {whose}: 95th percentile {in_seconds(slow)}, at most 1 s"
            lines.append(target(slow <= 1, words))
        if outcome.phase.viewers == 60 and outcome.phase.own_pictures:
            bound = 1500 * MEGABYTE * outcome.phase.replicas
            words = f"60 viewers, {whose}: {in_megabytes(outcome.peak)}, at most"
            lines.append(target(outcome.peak <= bound, f"{words} {in_megabytes(bound)}"))
        if outcome.phase.further_changes:
            more = outcome.resident_further / outcome.resident - 1 if outcome.resident else 0.0
            words = (
                f"{len(outcome.further.seconds):,} further changes: {more:+.1%} memory, from "
                f"{in_megabytes(outcome.resident)} to {in_megabytes(outcome.resident_further)}, "
                "less than +5%"
            )
            lines.append(target(more < 0.05, words))
    return "\n".join([*lines, *capacity(outcomes)])


def hostile_target(outcome: Outcome) -> str:
    """Return how much slower the page is while a hostile viewer attacks."""
    slow, usual = (quantile(times, 0.95) for times in (outcome.log.attacked, outcome.log.calm))
    words = (
        f"{outcome.phase.viewers} viewers, and a hostile one with {outcome.attacks:,} attacks: "
        f"95th percentile {slow / usual:.2f} times that between them, at most 1.5 times"
    )
    if min(len(outcome.log.attacked), len(outcome.log.calm)) < ENOUGH_CHANGES:
        return f"- too few changes to judge: {words}"
    return target(slow <= 1.5 * usual, words)


def capacity(outcomes: Sequence[Outcome]) -> list[str]:
    """Return how many viewers one and two servers can take, if both were measured."""
    kinds = sorted({(outcome.phase.own_pictures, outcome.phase.replicas) for outcome in outcomes})
    if len({replicas for _, replicas in kinds}) == 1:
        return []
    lines = []
    for own, replicas in kinds:
        alike = [
            outcome
            for outcome in outcomes
            if (outcome.phase.own_pictures, outcome.phase.replicas) == (own, replicas)
        ]
        most = max((outcome.phase.viewers for outcome in alike if is_quick(outcome)), default=0)
        lines.append(
            f"- {replicas} server{'s' * (replicas > 1)}, picture: {COLUMNS['Picture'](alike[0])}: "
            f"{most} viewers, the most tried that had no error and a 95th percentile of 1 s"
        )
    return lines


def is_quick(outcome: Outcome) -> bool:
    """Return whether there was no error and 95% of the changes took at most a second."""
    return not outcome.errors and quantile(outcome.log.seconds, 0.95) <= 1


def target(met: bool, text: str) -> str:
    """Return the line of a target."""
    return f"- {'met' if met else '**not met**'}: {text}"


def quantile(values: Sequence[float], part: float) -> float:
    """Return the smallest value that at least this part (0 to 1) do not exceed; NaN if empty."""
    if not values:
        return float("nan")
    if part == 0.5:
        return median(values)
    ordered = sorted(values)
    return ordered[max(0, -int(-part * len(ordered) // 1) - 1)]


def in_seconds(seconds: float) -> str:
    """Format seconds."""
    if seconds != seconds:
        return "–"
    return f"{seconds:.2f} s" if seconds >= 1 else f"{seconds * 1000:.0f} ms"


def in_megabytes(count: int) -> str:
    """Format bytes as MB; a dash if they were not measured."""
    return f"{count / MEGABYTE:,.0f} MB" if count else "–"
