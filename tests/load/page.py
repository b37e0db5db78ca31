"""A page in a simulated browser, which exchanges Streamlit's messages with the server.

The messages and their order follow Chromium's WebSocket frames: the widgets' states with every
change, the hashes of cached messages, a file's address before its content.
"""

import asyncio
import json
from collections import Counter
from dataclasses import dataclass, field
from time import perf_counter
from typing import NamedTuple
from urllib.parse import parse_qsl, urlencode, urlsplit
from uuid import uuid4

import requests
from streamlit.proto.Alert_pb2 import Alert
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.proto.Common_pb2 import FileURLs
from streamlit.proto.Delta_pb2 import Delta
from streamlit.proto.Element_pb2 import Element
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from tests.load import widgets
from tests.load.widgets import Widget

ANSWER_SECONDS = 30.0
FAULTS = (Alert.ERROR, Alert.WARNING)
XSRF_COOKIE = "_streamlit_xsrf"


class PageError(Exception):
    """Raised when a page shows an error or the server does not respond."""


class Kept(NamedTuple):
    """A cached message and the number of the script run that last used it."""

    message: ForwardMsg
    run: int


@dataclass
class Shown:
    """Elements that one run of the script has put on the page."""

    started: bool = False
    elements: list[Element] = field(default_factory=list)
    keys: set[str] = field(default_factory=set)
    faults: list[str] = field(default_factory=list)

    @property
    def grids(self) -> int:
        """Number of components with data to draw."""
        return sum(bool(element.bidi_component.bytes) for element in self.elements)

    @property
    def texts(self) -> list[str]:
        """All texts in Markdown, captions among them."""
        return [element.markdown.body for element in self.elements if element.markdown.body]


class Page:
    """A page of the app.

    Attributes:
        requests: number of messages and requests sent, by type.
        received: bytes received.
    """

    def __init__(self, address: str, query: str = "") -> None:
        """Create a page of the server at an address, e.g. ``http://127.0.0.1:8501``."""
        self.address = address
        self.query = query
        self.requests: Counter[str] = Counter()
        self.received = 0
        self.widgets: dict[str, Widget] = {}
        self.states: dict[str, WidgetState] = {}
        self._kept: dict[str, Kept] = {}
        self._runs = 0
        self._most_age = 0
        self._session_id = self._script = ""
        self._fetched: set[str] = set()
        self._http = requests.Session()

    async def __aenter__(self) -> "Page":
        """Connect, without running the script."""
        # A browser requests these two first, and receives its XSRF cookie with them.
        for path in ("/_stcore/health", "/_stcore/host-config"):
            await self._request("GET", path)
        token = self._http.cookies.get(XSRF_COOKIE, default="PLACEHOLDER_AUTH_TOKEN")
        cookies = {XSRF_COOKIE: token} | self._http.cookies.get_dict()
        self._socket = await connect(
            f"ws://{urlsplit(self.address).netloc}/_stcore/stream",
            subprotocols=["streamlit", token],
            origin=self.address,
            additional_headers={"Cookie": "; ".join(f"{k}={v}" for k, v in cookies.items())},
            max_size=None,
            ping_interval=None,  # a browser answers pings and sends none
            compression="deflate",
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        """Disconnect."""
        await self._socket.close()
        self._http.close()

    async def open(self) -> float:
        """Load the page; return the seconds until it is complete."""
        return await self._timed()

    async def set(self, key: str, value: object) -> float:
        """Change a widget; return the seconds until the page has followed."""
        widget = self.widgets[key]
        state = widgets.chosen(widget, value)
        is_trigger = widget.kind == "bidi_component"
        if not is_trigger:
            self.states[key] = state
            self._note_in_address(widget, value)
        return await self._timed([state] if is_trigger else [], widget.fragment)

    @property
    def poll_seconds(self) -> float | None:
        """Seconds between two reruns that the page asks for by itself; None if it does not."""
        pulse = self._pulse()
        return float(widgets.header_of(pulse.proto.bytes)["seconds"]) if pulse else None

    async def poll(self) -> None:
        """Rerun the part of the page that waits for a result, as its pulse does in a browser."""
        pulse = self._pulse()
        await self._timed([widgets.triggered(pulse, "picked", True)], pulse.fragment)
        if self._pulse() is pulse:
            self.widgets = {key: one for key, one in self.widgets.items() if one is not pulse}

    def _pulse(self) -> Widget | None:
        return next((one for key, one in self.widgets.items() if key.endswith("-pulse")), None)

    def _note_in_address(self, widget: Widget, value: object) -> None:
        name = getattr(widget.proto, "query_param_key", "")
        if name:
            query = dict(parse_qsl(self.query, keep_blank_values=True)) | {name: str(value)}
            self.query = urlencode(query)

    async def upload(self, key: str, name: str, data: bytes) -> float:
        """Upload a file; return the seconds until the page has followed."""
        start = perf_counter()
        urls = await self._file_urls(name)
        await self.put(urls.upload_url, name, data)
        state = WidgetState(id=self.widgets[key].proto.id)
        state.file_uploader_state_value.uploaded_file_info.add(
            name=name, size=len(data), file_id=urls.file_id, file_urls=urls
        )
        self.states[key] = state
        await self._timed()
        return perf_counter() - start

    async def put(self, path: str, name: str, data: bytes) -> None:
        """Send a file, without telling the page."""
        file = {"file": (name, data, "image/jpeg")}
        token = {"X-Xsrftoken": self._http.cookies.get(XSRF_COOKIE, default="")}
        await self._request("PUT", path, files=file, headers=token)

    async def _file_urls(self, name: str) -> FileURLs:
        message = BackMsg()
        message.file_urls_request.request_id = str(uuid4())
        message.file_urls_request.file_names.append(name)
        message.file_urls_request.session_id = self._session_id
        await self._send(message)
        answer = await self._receive("file_urls_response")
        return answer.file_urls_response.file_urls[0]

    async def _timed(self, triggers: list[WidgetState] | None = None, fragment: str = "") -> float:
        start = perf_counter()
        await self._run(triggers or [], fragment)
        diagram = self.widgets.get("diagram")
        if (
            diagram
            and "diagram" not in self.states
            and widgets.header_of(diagram.proto.bytes)["awaited"]
        ):
            # The diagram's script reports that it is painted; only then come the maps.
            report = json.dumps({"painted": start})
            self.states["diagram"] = WidgetState(id=diagram.proto.id, json_value=report)
            await self._run([], "")
        seconds = perf_counter() - start
        for element in self.shown.elements:
            for image in element.imgs.imgs:
                await self._fetch(image.url)
        return seconds

    async def _run(self, triggers: list[WidgetState], fragment: str) -> None:
        message = BackMsg()
        message.rerun_script.CopyFrom(self._client_state(triggers, fragment))
        await self._send(message)
        self.shown = Shown()
        finished = ForwardMsg.FINISHED_EARLY_FOR_RERUN
        while finished == ForwardMsg.FINISHED_EARLY_FOR_RERUN:
            finished = (await self._receive("script_finished")).script_finished
        if finished == ForwardMsg.FINISHED_WITH_COMPILE_ERROR:
            raise PageError("expected a script that runs, it could not be compiled")
        self._forget(whole_page=finished == ForwardMsg.FINISHED_SUCCESSFULLY)
        if self.shown.faults:
            raise PageError("; ".join(self.shown.faults))
        if "retry" in self.shown.keys:
            raise PageError("expected weights, the page says that it could not get them")
        if not self.shown.grids and not fragment and "diagram" not in self.shown.keys:
            raise PageError("expected a mosaic with something to draw, none came")

    def _client_state(self, triggers: list[WidgetState], fragment: str) -> ClientState:
        state = ClientState(
            query_string=self.query,
            page_script_hash=self._script,
            fragment_id=fragment,
            cached_message_hashes=list(self._kept),
        )
        state.context_info.timezone = "UTC"
        state.context_info.locale = "en-US"
        state.context_info.url = f"{self.address}/"
        state.context_info.color_scheme = "light"
        state.widget_states.widgets.extend([*self.states.values(), *triggers])
        return state

    async def _send(self, message: BackMsg) -> None:
        self.requests[message.WhichOneof("type")] += 1
        try:
            await self._socket.send(message.SerializeToString())
        except WebSocketException as error:
            raise PageError(f"expected a connection, it was lost: {error}") from error

    async def _receive(self, wanted: str) -> ForwardMsg:
        """Process messages up to the first of a type, and return that one."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                while True:
                    data = await self._socket.recv()
                    self.received += len(data)
                    message = self._whole(ForwardMsg.FromString(data))
                    self._take(message)
                    if message.WhichOneof("type") == wanted:
                        return message
        except TimeoutError:
            raise PageError(f"expected {wanted} within {ANSWER_SECONDS:.0f} s") from None
        except WebSocketException as error:
            raise PageError(f"expected a connection, it was lost: {error}") from error

    def _whole(self, message: ForwardMsg) -> ForwardMsg:
        """Resolve a reference to a cached message; cache a message that says so."""
        if message.WhichOneof("type") == "ref_hash":
            if message.ref_hash not in self._kept:
                raise PageError("expected a reference to a cached message, got an unknown one")
            kept = self._kept[message.ref_hash].message
            self._kept[message.ref_hash] = Kept(kept, self._runs)
            whole = ForwardMsg()
            whole.CopyFrom(kept)
            whole.metadata.CopyFrom(message.metadata)
            return whole
        if message.metadata.cacheable:
            self._kept[message.hash] = Kept(message, self._runs)
        return message

    def _take(self, message: ForwardMsg) -> None:
        kind = message.WhichOneof("type")
        if kind == "new_session":
            session = message.new_session
            self._session_id = session.initialize.session_id
            self._script = session.page_script_hash
            self._most_age = session.config.max_cached_message_age
            self.shown = Shown(started=True)
        elif kind == "page_info_changed":
            self.query = message.page_info_changed.query_string
        elif kind == "delta" and message.delta.WhichOneof("type") == "new_element":
            self._take_element(message.delta)

    def _take_element(self, delta: Delta) -> None:
        element = delta.new_element
        self.shown.elements.append(element)
        kind = element.WhichOneof("type")
        if kind == "exception":
            self.shown.faults.append(f"exception: {element.exception.message[:200]}")
        elif kind == "alert" and element.alert.format in FAULTS:
            self.shown.faults.append(f"alert: {element.alert.body[:200]}")
        key = widgets.user_key(element)
        if key is None:
            return
        widget = Widget(element, delta.fragment_id)
        same = key in self.widgets and self.widgets[key].proto.id == widget.proto.id
        if not same or widgets.sets_value(widget):
            state = widgets.first_state(widget)
            self.states.pop(key, None)
            if state is not None:
                self.states[key] = state
        self.widgets[key] = widget
        self.shown.keys.add(key)

    def _forget(self, *, whole_page: bool) -> None:
        """Drop widgets that left the page, and messages that were not used for long."""
        self._runs += 1
        if whole_page:
            self.widgets = {key: self.widgets[key] for key in self.shown.keys}
            self.states = {key: self.states[key] for key in self.states if key in self.shown.keys}
        limit = self._runs - self._most_age
        self._kept = {name: kept for name, kept in self._kept.items() if kept.run >= limit}

    async def _fetch(self, path: str) -> None:
        """Download an image, unless the page has it."""
        if path not in self._fetched:
            self._fetched.add(path)
            await self._request("GET", path)

    async def _request(self, method: str, path: str, **options: object) -> None:
        self.requests[method] += 1

        def ask() -> requests.Response:
            url = f"{self.address}{path}"
            return self._http.request(method, url, timeout=ANSWER_SECONDS, **options)

        try:
            try:
                answer = await asyncio.to_thread(ask)
            except requests.ConnectionError:
                # Like a browser, try again: the server closes idle connections.
                answer = await asyncio.to_thread(ask)
        except requests.RequestException as error:
            raise PageError(f"expected an answer to {method} {path}: {error}") from error
        self.received += len(answer.content)
        if not answer.ok:
            raise PageError(f"expected {method} {path} to succeed, got {answer.status_code}")
