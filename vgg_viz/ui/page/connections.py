"""Bounds of the server's connections: their number, and the time for a request and its response.

A page takes four file descriptors, and many systems allow a process 1,024. uvicorn, Streamlit's web
server, waits forever for the rest of a request, and for a client that does not read the response.
"""

import asyncio
import sys
from functools import wraps

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

DESCRIPTORS = 10_240  # 2,500 pages; macOS allows no more
CHECK_SECONDS = 15.0
# Checks in a row that find the same request incomplete, by what is missing: its header or its body.
# 20 MB at 0.5 Mbit/s take 6 minutes of the body's 10.
MOST_CHECKS = {h11.IDLE: 1, h11.SEND_BODY: 40}
MOST_UNREAD = 40  # checks in a row that find the client reading the response, of at most some 10 MB

_connection_made = H11Protocol.connection_made


def prepare() -> None:
    """Raise the limit of descriptors, and let uvicorn close connections without a whole request."""
    raise_descriptor_limit()
    H11Protocol.connection_made = _watched  # type: ignore[assignment, method-assign]


def raise_descriptor_limit() -> None:
    """Allow the process `DESCRIPTORS` file descriptors, or as many as the system allows."""
    if sys.platform == "win32":
        return  # which has no limit
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = DESCRIPTORS if hard == resource.RLIM_INFINITY else min(DESCRIPTORS, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


@wraps(_connection_made)
def _watched(protocol: H11Protocol, transport: asyncio.Transport) -> None:
    _connection_made(protocol, transport)
    protocol.loop.call_later(CHECK_SECONDS, check, protocol, None, 0)


def check(protocol: H11Protocol, last: RequestResponseCycle | None, checks: int) -> None:
    """Close a connection that waits too long for the client, or check it again later.

    ``checks`` is the number of those in a row that have found it waiting, and ``last`` the
    connection's last request at that time.
    """
    if protocol not in protocol.connections:
        return  # closed, or a WebSocket now
    state, is_unread = protocol.conn.their_state, protocol.flow.write_paused
    waits = (state in MOST_CHECKS or is_unread) and protocol.cycle is last
    checks = checks + 1 if waits else 0
    if checks and checks >= (MOST_UNREAD if is_unread else MOST_CHECKS[state]):
        protocol.transport.abort()  # `close` would wait until the response is read
    else:
        protocol.loop.call_later(CHECK_SECONDS, check, protocol, protocol.cycle, checks)
