"""Phases of the load test, each with a new server."""

import asyncio
import os
import re
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import NamedTuple

from tests.load import processes
from tests.load.hostile import Hostile
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
    """Number of viewers, duration and further changes of one phase.

    With two ``replicas``, two servers run behind nginx. If ``hostile``, one more viewer attacks.
    """

    viewers: int
    seconds: float
    own_pictures: bool
    further_changes: int = 0
    replicas: int = 1
    hostile: bool = False

    @property
    def bound(self) -> float:
        """Seconds after which the phase is ended."""
        # Twice the time that its viewers would take without any waiting.
        further = 2 * 3 * self.further_changes / self.viewers
        return GRACE_SECONDS + 2 * self.viewers + self.seconds + further


@dataclass
class Outcome:
    """Measurements of a phase; memory in bytes, times in seconds."""

    phase: Phase
    log: Log = field(default_factory=Log)
    further: Log = field(default_factory=Log)
    peak: int = 0
    resident: int = 0
    resident_further: int = 0
    passes: int | None = None
    server_cores: float = 0.0
    client_cores: float = 0.0
    attacks: int = 0

    @property
    def errors(self) -> int:
        """Number of errors."""
        return sum(self.log.errors.values()) + sum(self.further.errors.values())


@dataclass
class Watch:
    """Memory of the server's processes, sampled twice a second."""

    resident: list[int] = field(default_factory=list)
    peak: int = 0

    async def watch(self) -> None:
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
        """Return the median of the samples of the last five seconds."""
        return int(median(self.resident[-10:]))


class Site(NamedTuple):
    """Address for viewers, and the addresses of the servers behind it."""

    address: str
    replicas: Sequence[str]


@contextmanager
def site(replicas: int = 1) -> Iterator[Site]:
    """Run a new server with a weights file of full size, or two of them behind nginx."""
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
    """Run a phase on new servers and return its measurements."""
    outcome = Outcome(phase)
    with site(phase.replicas) as target:
        asyncio.run(_bounded(target, phase, outcome))
    return outcome


async def _bounded(target: Site, phase: Phase, outcome: Outcome) -> None:
    watch = Watch()
    watching = asyncio.create_task(watch.watch())
    try:
        async with asyncio.timeout(phase.bound):
            await _visits(target, phase, outcome, watch)
    except TimeoutError:
        outcome.log.errors[f"expected the phase to end within {phase.bound:.0f} s"] += 1
    finally:
        watching.cancel()
        outcome.peak = watch.peak
    with suppress(PageError, OSError):
        counts = [passes(await footer(address)) for address in target.replicas]
        outcome.passes = None if None in counts else sum(counts)


async def _visits(target: Site, phase: Phase, outcome: Outcome, watch: Watch) -> None:
    # The measurement excludes TensorFlow's start.
    for address in target.replicas:
        async with Page(address, FIRST_VIEW) as first:
            await first.open()
    viewers = [
        Viewer(target.address, number, outcome.log, own_picture=phase.own_pictures)
        for number in range(phase.viewers)
    ]
    try:
        async with asyncio.TaskGroup() as group:
            for viewer in viewers:
                group.create_task(viewer.open())
                await asyncio.sleep(ARRIVAL_SECONDS)
        before, client, server_time = perf_counter(), process_time(), server_seconds()
        async with attacks(target.address, outcome):
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


@asynccontextmanager
async def attacks(address: str, outcome: Outcome) -> AsyncIterator[None]:
    """Let a hostile viewer attack meanwhile, if the phase has one."""
    hostile = Hostile(address, FIRST_VIEW, outcome.log)
    attacking = asyncio.create_task(hostile.stay()) if outcome.phase.hostile else None
    try:
        yield
    finally:
        if attacking:
            attacking.cancel()
            with suppress(asyncio.CancelledError):
                await attacking
            outcome.attacks = hostile.sent.total()


async def stay(viewers: list[Viewer], plan: Plan, log: Log) -> None:
    """Let all viewers follow a plan; log it in ``log``."""
    async with asyncio.TaskGroup() as group:
        for viewer in viewers:
            viewer.log = log
            group.create_task(viewer.stay(plan))


def server_seconds() -> float:
    """Return the servers' processor time."""
    return processes.processor_seconds(processes.descendants(os.getpid()))


async def footer(address: str) -> str:
    """Return the footer line that the page shows with ``?debug``, or an empty string."""
    async with Page(address, f"debug=&{FIRST_VIEW}") as page:
        await page.open()
        return next((text for text in page.shown.texts if passes(text) is not None), "")


def passes(text: str) -> int | None:
    """Return how often the network lock was held, as a text says; None if it does not."""
    match = re.search(r"network lock held ([\d,]+) time", text)
    return int(match[1].replace(",", "")) if match else None
