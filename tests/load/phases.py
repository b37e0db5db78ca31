"""Phases of the load test: a fresh server, so many viewers, so many seconds."""

import asyncio
import os
import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import NamedTuple

from tests.load import processes
from tests.load.page import Page, PageError
from tests.load.viewers import FIRST_VIEW, Log, Plan, Viewer
from tests.support.nginx import running_nginx
from tests.support.server import free_port, running_app
from tests.support.weights_files import write_keras_weights
from vgg_viz.model.weights import UntrainedWeights

SAMPLE_SECONDS = 0.5
ARRIVAL_SECONDS = 0.25  # between two viewers who open the page
GRACE_SECONDS = 90.0


@dataclass(frozen=True)
class Phase:
    """So many viewers for so many seconds, and so many changes more.

    ``replicas``: one server, or two behind nginx.
    """

    viewers: int
    seconds: float
    own_pictures: bool
    further_changes: int = 0
    replicas: int = 1

    @property
    def bound(self) -> float:
        """How long the phase may take at most, in seconds, before it is ended."""
        # Twice the time that its viewers would take who never wait.
        further = 2 * 3 * self.further_changes / self.viewers
        return GRACE_SECONDS + 2 * self.viewers + self.seconds + further


@dataclass
class Outcome:
    """What a phase came to; memory in bytes, times in seconds."""

    phase: Phase
    log: Log = field(default_factory=Log)
    further: Log = field(default_factory=Log)
    peak: int = 0
    resident: int = 0
    resident_further: int = 0
    passes: int | None = None
    server_cores: float = 0.0
    client_cores: float = 0.0

    @property
    def errors(self) -> int:
        """How many errors there were."""
        return sum(self.log.errors.values()) + sum(self.further.errors.values())


@dataclass
class Watch:
    """What the server's processes take, sampled twice a second."""

    resident: list[int] = field(default_factory=list)
    peak: int = 0

    async def go_on(self) -> None:
        """Sample until cancelled."""
        while True:
            self.sample()
            await asyncio.sleep(SAMPLE_SECONDS)

    def sample(self) -> None:
        """Take one sample."""
        server = processes.descendants(os.getpid())
        self.resident.append(processes.memory(server))
        self.peak = max(self.peak, self.resident[-1], processes.memory(server, "VmHWM"))

    def recent(self) -> int:
        """The median of the last five seconds' samples."""
        return int(median(self.resident[-10:]))


class Site(NamedTuple):
    """Where viewers go, and where the servers are that answer there."""

    address: str
    replicas: Sequence[str]


@contextmanager
def site(replicas: int = 1) -> Iterator[Site]:
    """A fresh server with a weights file of full size, or two of them behind nginx."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        weights = folder / "random.h5"
        write_keras_weights(weights, UntrainedWeights(seed=7))
        addresses = [
            stack.enter_context(
                running_app(folder / f"server-{number}.log", VGG_VIZ_WEIGHTS=str(weights))
            )
            for number in range(replicas)
        ]
        if replicas == 1:
            yield Site(addresses[0], addresses)
            return
        address = f"http://127.0.0.1:{free_port()}"
        stack.enter_context(running_nginx(folder, address, addresses))
        yield Site(address, addresses)


def run(phase: Phase) -> Outcome:
    """Run a phase on servers of its own; it ends by itself, well or not."""
    outcome = Outcome(phase)
    with site(phase.replicas) as where:
        asyncio.run(_bounded(where, phase, outcome))
    return outcome


async def _bounded(where: Site, phase: Phase, outcome: Outcome) -> None:
    watch = Watch()
    watching = asyncio.create_task(watch.go_on())
    try:
        async with asyncio.timeout(phase.bound):
            await _visits(where, phase, outcome, watch)
    except TimeoutError:
        outcome.log.errors[f"expected the phase to end within {phase.bound:.0f} s"] += 1
    finally:
        watching.cancel()
        outcome.peak = watch.peak
    with suppress(PageError, OSError):
        found = [passes(await footer(address)) for address in where.replicas]
        outcome.passes = None if None in found else sum(found)


async def _visits(where: Site, phase: Phase, outcome: Outcome, watch: Watch) -> None:
    # TensorFlow's start is no part of what is measured.
    for address in where.replicas:
        async with Page(address, FIRST_VIEW) as first:
            await first.open()
    viewers = [
        Viewer(where.address, number, outcome.log, own_picture=phase.own_pictures)
        for number in range(phase.viewers)
    ]
    try:
        async with asyncio.TaskGroup() as group:
            for viewer in viewers:
                group.create_task(viewer.open())
                await asyncio.sleep(ARRIVAL_SECONDS)
        before, client, server_time = perf_counter(), process_time(), server_seconds()
        await stay(viewers, Plan(seconds=phase.seconds), outcome.log)
        wall = perf_counter() - before
        outcome.client_cores = (process_time() - client) / wall
        outcome.server_cores = (server_seconds() - server_time) / wall
        outcome.resident = watch.recent()
        if phase.further_changes:
            await stay(viewers, Plan(changes=phase.further_changes), outcome.further)
            outcome.resident_further = watch.recent()
    finally:
        await asyncio.gather(*(viewer.leave() for viewer in viewers), return_exceptions=True)


async def stay(viewers: list[Viewer], plan: Plan, log: Log) -> None:
    """Let all viewers do what they do, and log it there."""
    async with asyncio.TaskGroup() as group:
        for viewer in viewers:
            viewer.log = log
            group.create_task(viewer.stay(plan))


def server_seconds() -> float:
    """The processor time that the server has taken."""
    return processes.processor_seconds(processes.descendants(os.getpid()))


async def footer(address: str) -> str:
    """The footer line that the page shows with ``?debug``; empty if there is none."""
    async with Page(address, f"debug=&{FIRST_VIEW}") as page:
        await page.open()
        return next((text for text in page.shown.texts if passes(text) is not None), "")


def passes(text: str) -> int | None:
    """How many forward passes a text speaks of; None if of none."""
    match = re.search(r"([\d,]+) forward pass", text)
    return int(match[1].replace(",", "")) if match else None
