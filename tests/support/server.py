"""A real server of the app on a free port, for browser tests and benchmarks."""

import os
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import NamedTuple

from tests.support import REPOSITORY
from tests.support.class_lists import host_list

CHROMIUM = "/usr/bin/chromium"
CHROMIUM_OPTIONS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


class Server(NamedTuple):
    """Address and process of a running server."""

    address: str
    process: subprocess.Popen


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@contextmanager
def running_app(log: Path, script: str = "streamlit_app.py", **environment: str) -> Iterator[str]:
    """Run the app; yield its address once it is healthy."""
    with running_server(log, script, **environment) as server:
        yield server.address


@contextmanager
def running_server(
    log: Path, script: str = "streamlit_app.py", *, port: int | None = None, **environment: str
) -> Iterator[Server]:
    """Run the app; yield the server once it is healthy. The caller may kill it."""
    port = port or free_port()
    command = [sys.executable, "-m", "streamlit", "run", script]
    names = log.with_name("class_names.txt")  # from a file, without a download
    names.write_bytes(host_list())
    own = {"VGG_VIZ_CLASS_NAMES": str(names)}
    if "VGG_VIZ_WEIGHTS" in environment:  # then Keras' folder only stores what the server writes
        own["KERAS_HOME"] = str(log.with_name("keras"))
    options = ["--server.port", str(port), "--server.headless", "true"]
    with log.open("w") as output:
        process = subprocess.Popen(
            [*command, *options, "--server.address", "127.0.0.1"],
            cwd=REPOSITORY,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **own, **environment},
        )
    try:
        wait_for_health(f"http://127.0.0.1:{port}", process)
        yield Server(f"http://127.0.0.1:{port}", process)
    finally:
        process.terminate()
        process.wait(timeout=30)


def wait_for_health(address: str, process: subprocess.Popen) -> None:
    """Wait until the server is healthy; raise a RuntimeError if it ended, or after a minute."""
    for _ in range(600):
        if process.poll() is not None:
            raise RuntimeError(f"expected a running server, it ended with {process.returncode}")
        try:
            with urllib.request.urlopen(f"{address}/_stcore/health", timeout=5):
                return
        except (urllib.error.URLError, ConnectionError):
            Event().wait(0.1)
    raise RuntimeError("expected a healthy server within a minute")
