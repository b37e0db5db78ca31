"""Bounds of connections: descriptors, and the time in which a request must arrive."""

import asyncio
import socket
import sys
from contextlib import contextmanager
from threading import Event, Thread

import pytest
import uvicorn

from vgg_viz.ui.page import connections, process

REQUEST = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
UPLOAD = b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n"
CHECKS = 5  # during which a whole request waits for its answer


@pytest.fixture
def checked(monkeypatch):
    """Check every 20 ms; return an event that is set after `CHECKS` checks of one connection."""
    enough, whole, times = asyncio.Event(), connections.check, []

    def counted(protocol, *arguments):
        times.append(protocol)
        if times.count(protocol) == CHECKS:
            enough.set()
        whole(protocol, *arguments)

    process.prepare()
    monkeypatch.setattr(connections, "check", counted)
    monkeypatch.setattr(connections, "CHECK_SECONDS", 0.02)
    monkeypatch.setitem(connections.MOST_CHECKS, connections.h11.SEND_BODY, 3)
    monkeypatch.setattr(connections, "MOST_UNREAD", 3)
    return enough


@contextmanager
def listening(app):
    """Serve an ASGI app with uvicorn as Streamlit does; yield the address."""
    with socket.socket() as place:
        place.bind(("127.0.0.1", 0))
        place.listen()
        config = uvicorn.Config(app, http="h11", lifespan="off", log_level="error")
        server = uvicorn.Server(config)
        thread = Thread(target=lambda: asyncio.run(server.serve(sockets=[place])))
        thread.start()
        try:
            yield place.getsockname()
        finally:
            server.should_exit = server.force_exit = True
            thread.join()


def app_after(event):
    """Return an app that reads a request whole, and answers it after an event."""

    async def app(scope, receive, send):
        while (message := await receive()).get("more_body"):
            pass
        if message["type"] == "http.request":
            await event.wait()
        await send({"type": "http.response.start", "status": 204})
        await send({"type": "http.response.body"})

    return app


def received(client: socket.socket) -> bytes:
    """Return all that comes until the server closes the connection."""
    client.settimeout(30)
    return b"".join(iter(lambda: client.recv(1000), b""))


@pytest.mark.parametrize("part", [b"", b"G", REQUEST[:-2], UPLOAD, UPLOAD + b"a" * 8])
@pytest.mark.parametrize("first", [b"", REQUEST], ids=["first request", "second request"])
def test_a_connection_without_a_whole_request_is_closed(checked, first, part):
    checked.set()
    with listening(app_after(checked)) as address, socket.create_connection(address) as client:
        client.sendall(first + part)
        assert received(client).count(b"204 No Content") == bool(first)


def test_a_whole_request_is_answered_however_long_that_takes(checked):
    with listening(app_after(checked)) as address, socket.create_connection(address) as client:
        client.sendall(UPLOAD + b"a" * 9)
        assert client.recv(1000).startswith(b"HTTP/1.1 204")


def test_a_response_that_the_client_does_not_read_is_given_up(checked):
    given_up = Event()

    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200})
        for _ in range(2):  # the second waits until the first is read or the connection closed
            await send({"type": "http.response.body", "body": bytes(10**7), "more_body": True})
        given_up.set()

    with listening(app) as address, socket.create_connection(address) as client:
        client.sendall(REQUEST)
        assert given_up.wait(30)
        assert len(received(client)) < 10**7


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit")
def test_the_process_may_open_as_many_descriptors_as_the_system_allows():
    import resource

    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (512, before[1]))
        connections.raise_descriptor_limit()
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        assert hard == before[1]
        assert soft == (min(hard, 10_240) if hard != resource.RLIM_INFINITY else 10_240)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
