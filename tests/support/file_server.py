"""A web server on this machine that serves one file, well or badly."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PIECES = 16


class FileServer(ThreadingHTTPServer):
    """Answers the first request as the first behavior says, and so on; the last one stays."""

    daemon_threads = False  # so that closing the server waits for the requests

    def __init__(self, content: bytes, behaviors: tuple["Behavior", ...]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.content = content
        self.behaviors = behaviors
        self.requests: list[str] = []
        self.ranges: list[str | None] = []
        self.released = threading.Event()
        self.counting = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/weights.h5"

    def next_behavior(self, path: str, wanted: str | None) -> "Behavior":
        with self.counting:
            self.requests.append(path)
            self.ranges.append(wanted)
            return self.behaviors[min(len(self.requests), len(self.behaviors)) - 1]

    def handle_error(self, request, client_address) -> None:
        """Say nothing: clients that go away in the middle are what the tests are about."""


class Handler(BaseHTTPRequestHandler):
    server: FileServer

    def do_GET(self) -> None:
        behavior = self.server.next_behavior(self.path, self.headers["Range"])
        behavior(self, self.server.content)

    def log_message(self, *arguments) -> None:
        """Keep the test's output clean."""

    def announce(self, size: int | None) -> None:
        self.send_response(200)
        if size is not None:
            self.send_header("Content-Length", str(size))
        self.end_headers()


Behavior = Callable[[Handler, bytes], None]


def send(handler: Handler, content: bytes) -> None:
    handler.announce(len(content))
    handler.wfile.write(content)


def send_the_rest(handler: Handler, content: bytes) -> None:
    """Send what the request's range asks for, or that there is nothing there."""
    start = int((handler.headers["Range"] or "bytes=0-").removeprefix("bytes=").removesuffix("-"))
    if start >= len(content):
        handler.send_error(416)
        return
    handler.send_response(206)
    handler.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
    handler.send_header("Content-Length", str(len(content) - start))
    handler.end_headers()
    handler.wfile.write(content[start:])


def send_unannounced(handler: Handler, content: bytes) -> None:
    handler.announce(None)
    handler.wfile.write(content)


def send_slowly(handler: Handler, content: bytes) -> None:
    handler.announce(len(content))
    step = -(-len(content) // PIECES)
    for start in range(0, len(content), step):
        handler.wfile.write(content[start : start + step])
        handler.server.released.wait(0.01)


def send_other_bytes(handler: Handler, content: bytes) -> None:
    send(handler, bytes(len(content)))


def cut_off(handler: Handler, content: bytes) -> None:
    handler.announce(len(content))
    handler.wfile.write(content[: len(content) // 2])


def hold_half_way(handler: Handler, content: bytes) -> None:
    cut_off(handler, content)
    handler.wfile.flush()
    handler.server.released.wait(60)


def ask_to_sign_in(handler: Handler, content: bytes) -> None:
    """Send a page, as a hotel's network does for whatever is asked for."""
    send(handler, b"<html>Please sign in</html>")


def hang(handler: Handler, content: bytes) -> None:
    handler.server.released.wait(60)


def refuse(handler: Handler, content: bytes) -> None:
    handler.send_error(404)


def send_on_to(address: str) -> Behavior:
    """A behavior: the file is said to stand at that address."""

    def send_on(handler: Handler, content: bytes) -> None:
        handler.send_response(302)
        handler.send_header("Location", address)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return send_on


def hang_up(handler: Handler, content: bytes) -> None:
    """Close the connection without a word."""


@contextmanager
def serve(content: bytes, *behaviors: Behavior) -> Iterator[FileServer]:
    """Serve ``content`` while the context lasts, as the behaviors say."""
    with FileServer(content, behaviors or (send,)) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.released.set()
            server.shutdown()
            thread.join()
