"""A hostile viewer of the load test, who sends what no browser would send.

Floods are left to the host (SECURITY.md), so this viewer sends at most five messages a second.
"""

import asyncio
import math
from collections import Counter
from contextlib import suppress
from random import Random
from urllib.parse import urlsplit
from uuid import uuid4

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from websockets.exceptions import WebSocketException

from tests.load.page import Page, PageError
from tests.load.viewers import Log
from tests.load.widgets import triggered

WINDOW_SECONDS = 4.0  # of an attack, and of calm after it
PAUSE_SECONDS = 0.2  # between two messages
SOCKETS = 300  # half-open at the same time
UPLOAD = bytes(5 * 2**20)
LONG = "217,34," * 100_000  # 0.7 MB, below the bound of a message
VALUES = (
    {"string_value": LONG[:100_000]},
    {"string_value": "\0<b>*x*"},
    {"int_value": -(2**62)},
    {"double_value": math.nan},
    {"double_array_value": {"data": [math.nan, math.inf, -1e300]}},
    {"int_array_value": {"data": [2**62] * 9}},
    {"string_array_value": {"data": ["x"] * 9_000}},
    {"bytes_value": bytes(9_000)},
    {"json_value": "[" * 9_000},
    {"json_value": '{"picked": {"row": "a"}}'},
    {"bool_value": True},
    {"trigger_value": True},
)
CLICKS = (None, -1, 10**30, "x" * 9_000, {"row": -1, "column": 10**9}, [[[]]], {"row": None})


class Hostile:
    """A hostile viewer, who attacks for four seconds, rests for four, and so on."""

    def __init__(self, address: str, query: str, log: Log) -> None:
        """Create a viewer who opens the page with a query, and tells the log of attacks."""
        self.address, self.query, self.log = address, query, log
        self.random = Random(1)
        self.sent: Counter[str] = Counter()
        self._attack = asyncio.Event()
        self._half_open: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def stay(self) -> None:
        """Attack again and again until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._attack_in_windows())
            while True:
                await asyncio.sleep(WINDOW_SECONDS)
                self.log.attack = not self.log.attack
                (self._attack.set if self.log.attack else self._attack.clear)()

    async def _attack_in_windows(self) -> None:
        attacks = {self.forge: 10, self.half_open: 3, self.clear: 2, self.upload: 1, self.shout: 1}
        try:
            while True:
                # The server ends the connection after some of these messages.
                with suppress(PageError, WebSocketException, OSError):
                    async with Page(self.address, self.query) as page:
                        await page.open()
                        while await self._attack.wait():
                            [attack] = self.random.choices([*attacks], attacks.values())
                            self.sent[attack.__name__] += 1
                            await attack(page)
                            await asyncio.sleep(PAUSE_SECONDS)
        finally:
            for _, writer in self._half_open:
                writer.close()

    async def forge(self, page: Page) -> None:
        """Set three widgets, one of them unknown, to values of any type."""
        if not page.widgets:
            raise PageError("expected widgets to set, there is none left")
        known = self.random.choices([*page.widgets.values()], k=2)
        states = [
            WidgetState(id=name, **self.random.choice(VALUES))
            for name in (known[0].proto.id, f"$$ID-{uuid4().hex}-unknown")
        ]
        states.append(triggered(known[1], "picked", self.random.choice(CLICKS)))
        with suppress(PageError):  # a sentence on the page
            await page._run(states, known[0].fragment)

    async def clear(self, page: Page) -> None:
        """Clear what all viewers share."""
        await page._send(BackMsg(clear_cache=True))

    async def shout(self, page: Page) -> None:
        """Send strings that are too long, and then too long a message."""
        for count in (1, 2):
            states = [WidgetState(id=f"{number}", string_value=LONG) for number in range(count)]
            await page._run(states, "")

    async def half_open(self, page: Page) -> None:
        """Open connections and send the begin of a request."""
        self._half_open = [one for one in self._half_open if not one[0].at_eof()]
        place = urlsplit(self.address)
        for _ in range(min(20, SOCKETS - len(self._half_open))):
            pair = await asyncio.open_connection(place.hostname, place.port)
            pair[1].write(self.random.choice([b"", b"G", b"GET / HTTP/1.1\r\nHost: a\r\n"]))
            self._half_open.append(pair)

    async def upload(self, page: Page) -> None:
        """Upload a file under an id that is made up."""
        await page.put(f"/_stcore/upload_file/{page._session_id}/{uuid4()}", "a.png", UPLOAD)
