"""Local web server that serves one file, correctly or with faults."""

import gzip
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PIECES = 16


class Handler(BaseHTTPRequestHandler):
    server: "FileServer"

    def do_GET(self) -> None:
        behavior = self.server.next_behavior(self.path, self.headers["Range"])
        behavior(self, self.server.content)

    def log_message(self, *arguments) -> None:
        """Print nothing."""

    def announce(self, size: int | None) -> None:
        self.send_response(200)
        if size is not None:
            self.send_header("Content-Length", str(size))
        self.end_headers()


class FileServer(ThreadingHTTPServer):
    """Web server whose n-th request follows the n-th behavior; the last one is repeated."""

    daemon_threads = False  # so that closing the server waits for the requests

    def __init__(
        self, content: bytes, behaviors: tuple["Behavior", ...], handler: type = Handler
    ) -> None:
        super().__init__(("127.0.0.1", 0), handler)
        self.content = content
        self.behaviors = behaviors
        self.requests: list[str] = []
        self.ranges: list[str | None] = []
        self.released = threading.Event()
        self.counting = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/weights.h5"

    def next_behavior(self, path: str, byte_range: str | None) -> "Behavior":
        with self.counting:
            self.requests.append(path)
            self.ranges.append(byte_range)
            return self.behaviors[min(len(self.requests), len(self.behaviors)) - 1]

    def handle_error(self, request, client_address) -> None:
        """Print nothing: the tests let clients disconnect in the middle."""


Behavior = Callable[[Handler, bytes], None]


def send(handler: Handler, content: bytes) -> None:
    handler.announce(len(content))
    handler.wfile.write(content)


def send_part(most: int | None = None) -> Behavior:
    """Return a behavior that sends the requested byte range, but at the most so many bytes of it.

    If the range starts beyond the end, it sends the status 416.
    """

    def send(handler: Handler, content: bytes) -> None:
        asked = handler.headers["Range"] or "bytes=0-"
        start = int(asked.removeprefix("bytes=").removesuffix("-"))
        if start >= len(content):
            handler.send_error(416)
            return
        handler.send_response(206)
        handler.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        handler.send_header("Content-Length", str(len(content) - start))
        handler.end_headers()
        handler.wfile.write(content[start:][:most])

    return send


send_range = send_part()


def send_without_length(handler: Handler, content: bytes) -> None:
    handler.announce(None)
    handler.wfile.write(content)


def send_slowly(handler: Handler, content: bytes) -> None:
    handler.announce(len(content))
    step = -(-len(content) // PIECES)
    for start in range(0, len(content), step):
        handler.wfile.write(content[start : start + step])
        handler.server.released.wait(0.01)


def send_compressed(handler: Handler, content: bytes) -> None:
    """Send the content as gzip, which the client has not accepted."""
    handler.send_response(200)
    handler.send_header("Content-Encoding", "gzip")
    handler.end_headers()
    handler.wfile.write(gzip.compress(content))


def send_other_bytes(handler: Handler, content: bytes) -> None:
    send(handler, bytes(len(content)))


def cut_off(handler: Handler, content: bytes) -> None:
    handler.announce(len(content))
    handler.wfile.write(content[: len(content) // 2])


def pause_halfway(handler: Handler, content: bytes) -> None:
    cut_off(handler, content)
    handler.wfile.flush()
    handler.server.released.wait(60)


def send_sign_in_page(handler: Handler, content: bytes) -> None:
    """Send a sign-in page, as a hotel's network does for every request."""
    send(handler, b"<html>Please sign in</html>")


def hang(handler: Handler, content: bytes) -> None:
    handler.server.released.wait(60)


def refuse(handler: Handler, content: bytes) -> None:
    handler.send_error(404)


def redirect_to(address: str) -> Behavior:
    """Return a behavior that redirects to an address."""

    def redirect(handler: Handler, content: bytes) -> None:
        handler.send_response(302)
        handler.send_header("Location", address)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return redirect


def close_connection(handler: Handler, content: bytes) -> None:
    """Close the connection without a response."""


@contextmanager
def serve(content: bytes, *behaviors: Behavior) -> Iterator[FileServer]:
    """Serve ``content`` with these behaviors (context manager)."""
    with running(FileServer(content, behaviors or (send,))) as server:
        yield server


@contextmanager
def running(server: FileServer) -> Iterator[FileServer]:
    """Let a server answer in a thread (context manager)."""
    with server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.released.set()
            server.shutdown()
            thread.join()
