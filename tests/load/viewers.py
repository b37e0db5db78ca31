"""Viewers of the load test: their changes and response times."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from random import Random
from time import perf_counter

from tests.load import widgets
from tests.load.page import Page, PageError
from tests.load.photographs import photograph

# Relative frequency with which a viewer changes the widget of a key, if the page has it.
MIX = {
    "layer": 20,
    "maps": 20,
    "maps-mosaic": 15,
    "scale": 15,
    "colors": 10,
    "view": 8,
    "channel": 4,
    "inspector": 4,
    "filters": 10,
    "channels": 5,
    "filter_page": 5,
    "channel_page": 5,
    "block_maps": 20,
}
UPLOADER = "own-upload-picture-0"
FIRST_VIEW = "view=maps"
SECONDS_BETWEEN = 3.0
JITTER = 1.0  # seconds; a change comes up to half of that earlier or later


@dataclass
class Log:
    """Response times in seconds, errors and traffic of all viewers in a phase.

    While a hostile viewer attacks, ``attack`` is true; ``calm`` and ``attacked`` are the times of
    changes without and with an attack.
    """

    opened: list[float] = field(default_factory=list)
    changes: dict[str, list[float]] = field(default_factory=dict)
    attack: bool = False
    calm: list[float] = field(default_factory=list)
    attacked: list[float] = field(default_factory=list)
    late: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    requests: Counter[str] = field(default_factory=Counter)
    received: int = 0

    def add(self, key: str, seconds: float, *, attack: bool) -> None:
        """Add a change; say whether it began during an attack."""
        self.changes.setdefault(key, []).append(seconds)
        (self.attacked if attack or self.attack else self.calm).append(seconds)

    @property
    def seconds(self) -> list[float]:
        """Response times of all changes."""
        return [seconds for one_key in self.changes.values() for seconds in one_key]


@dataclass(frozen=True)
class Plan:
    """Duration of a visit, in seconds or in changes of all viewers together."""

    seconds: float = 0.0
    changes: int = 0


class Viewer:
    """A viewer with a page and a random number generator of their own."""

    def __init__(self, address: str, number: int, log: Log, *, own_picture: bool) -> None:
        """Create a viewer; the number seeds the choices."""
        self.log = log
        self.number = number
        self.own_picture = own_picture
        self.random = Random(number)
        self.page = Page(address, FIRST_VIEW)
        self.alive = False

    async def open(self) -> None:
        """Open the page, and upload an image if the viewer has one."""
        try:
            await self.page.__aenter__()
            self.alive = True
            seconds = await self.page.open()
            if self.own_picture:
                data = await asyncio.to_thread(photograph, self.number)
                seconds += await self.page.set("picture", "Your own")
                seconds += await self.page.upload(UPLOADER, f"{self.number}.jpg", data)
            self.log.opened.append(seconds)
        except Exception as error:
            self._fail("opening", error)

    async def stay(self, plan: Plan) -> None:
        """Change a widget every 3 seconds until the plan is fulfilled."""
        start = perf_counter()
        due = start + self.random.uniform(0, SECONDS_BETWEEN)
        while self.alive and not self._done(plan, start, due):
            wait = due - perf_counter()
            # Viewers wait for the page to respond, so a late change stays late.
            self.log.late += wait < 0
            await self._wait_until(due)
            await self._change()
            due += SECONDS_BETWEEN + self.random.uniform(-0.5, 0.5) * JITTER
            due = max(due, perf_counter())

    async def _wait_until(self, due: float) -> None:
        """Wait, and meanwhile rerun what the page asks for by itself."""
        while (wait := due - perf_counter()) > 0:
            pause = self.page.poll_seconds
            if not self.alive or pause is None or pause > wait:
                await asyncio.sleep(wait)
                return
            await asyncio.sleep(pause)
            try:
                await self.page.poll()
            except Exception as error:  # as in `_change`
                self._fail("polling", error)

    async def leave(self) -> None:
        """Close the page."""
        self.log.requests.update(self.page.requests)
        self.log.received += self.page.received
        await self.page.__aexit__()

    def _done(self, plan: Plan, start: float, due: float) -> bool:
        if plan.changes:
            return len(self.log.seconds) + sum(self.log.errors.values()) >= plan.changes
        return due - start > plan.seconds

    async def _change(self) -> None:
        shown = self.page.widgets
        keys = {key for key in MIX if key in shown and widgets.can_change(shown[key])}
        # After an error there may be no widget left: a viewer would reload the page.
        key = choose_key(keys, self.random) if keys else "reloading"
        attack = self.log.attack
        try:
            if not keys:
                self.log.add(key, await self.page.open(), attack=attack)
                return
            widget, state = self.page.widgets[key], self.page.states.get(key)
            value = widgets.another_value(widget, state, self.random)
            self.log.add(key, await self.page.set(key, value), attack=attack)
        except Exception as error:  # any error of a viewer counts as an error of the page
            self._fail(key, error)

    def _fail(self, action: str, error: Exception) -> None:
        name = "" if isinstance(error, PageError) else f"{type(error).__name__}: "
        self.log.errors[f"{action}: {name}{error}"] += 1
        self.alive = self.alive and "connection" not in str(error)


def choose_key(available: set[str], random: Random) -> str:
    """Choose the next widget to change, in the proportions of `MIX`."""
    keys = [key for key in MIX if key in available]
    return random.choices(keys, [MIX[key] for key in keys])[0]
