"""Firefox and WebKit by the commands of W3C WebDriver, each in its own protocol.

WebKit's driver takes them by HTTP. Debian's Firefox comes without a driver, but takes the same
commands itself, on a socket: Marionette, which is what Firefox' driver speaks to it.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event

import pytest
import requests

from tests.support.server import free_port

Send = Callable[[str, dict], object]

WINDOW = {"width": 1280, "height": 800}
SECONDS = 60  # for the first network; and for a browser to come up
REST_SECONDS = 0.05
SESSION = {"capabilities": {"alwaysMatch": {"pageLoadStrategy": "none"}}}
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # the standard's key of an element's id

# Each command as WebKit takes it: the path behind the session.
PATHS = {
    "SetWindowRect": "window/rect",
    "Navigate": "url",
    "Back": "back",
    "Forward": "forward",
    "ExecuteScript": "execute/sync",
    "PerformActions": "actions",
    "ElementSendKeys": "element/{id}/value",
}

# Debian's Firefox asks nothing on its first start, and saves to the folder given.
FIREFOX_SETTINGS = {
    "marionette.port": 0,  # a free one
    "browser.download.alwaysOpenPanel": False,  # it takes the next click
    "browser.download.folderList": 2,
    "browser.shell.checkDefaultBrowser": False,
    "browser.startup.page": 0,
    "datareporting.policy.dataSubmissionEnabled": False,
    "app.normandy.enabled": False,
    "full-screen-api.warning.timeout": 0,
    "ui.prefersReducedMotion": 1,
}


class WebDriverError(Exception):
    """Raised when the browser refuses a command; the message is the browser's."""


@contextmanager
def firefox(folder: Path) -> Iterator[Send]:
    """Start Debian's Firefox without a window; home and downloads are in ``folder``."""
    (program,) = installed("firefox-esr")
    profile = folder / "profile"
    profile.mkdir()
    settings = {**FIREFOX_SETTINGS, "browser.download.dir": str(folder)}
    lines = [f"user_pref({json.dumps(k)}, {json.dumps(v)});\n" for k, v in settings.items()]
    (profile / "user.js").write_text("".join(lines))
    command = [program, "--headless", "--marionette", "--no-remote", "--profile", str(profile)]
    with running(command, folder, HOME=str(folder)):
        port = eventually(lambda: int((profile / "MarionetteActivePort").read_text()))
        with socket.create_connection(("127.0.0.1", port), timeout=SECONDS) as connection:
            stream = connection.makefile("rwb")
            receive(stream)  # a greeting
            send = lambda name, parameters: marionette(stream, name, parameters)  # noqa: E731
            send("NewSession", SESSION)
            yield send
            stream.close()


def marionette(stream: socket.SocketIO, name: str, parameters: dict) -> object:
    """Send one command to Firefox, and return its answer."""
    message = json.dumps([0, 1, f"WebDriver:{name}", parameters]).encode()
    stream.write(b"%d:%b" % (len(message), message))
    stream.flush()
    _, _, error, result = receive(stream)
    if error:
        raise WebDriverError(f"{name}: {error['error']}: {error['message']}")
    return result.get("value") if isinstance(result, dict) else result


def receive(stream: socket.SocketIO) -> object:
    """Receive one message of Firefox: its length in digits, a colon, JSON."""
    length = b""
    while not length.endswith(b":"):
        length += stream.read(1)
    return json.loads(stream.read(int(length[:-1])))


@contextmanager
def webkit(folder: Path) -> Iterator[Send]:
    """Start Debian's MiniBrowser on a screen of its own; ``folder`` as for `firefox`."""
    bus, driver, screen = installed("dbus-run-session", "WebKitWebDriver", "Xvfb")
    port = free_port()
    size = "{width}x{height}x24".format(**WINDOW)
    environment = {
        "HOME": str(folder),
        # Only root needs it: the sandbox does not work for root.
        "WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS": "1",
    }
    with running([screen, "-displayfd", "1", "-screen", "0", size], folder) as said:
        environment["DISPLAY"] = f":{eventually(lambda: said.read_text().strip())}"
        command = [bus, "--", driver, f"--port={port}"]
        with running(command, folder, **environment):
            address = f"http://127.0.0.1:{port}/session"
            eventually(lambda: socket.create_connection(("127.0.0.1", port)).close())
            session = http(address, SESSION)["sessionId"]

            def send(name: str, parameters: dict) -> object:
                path = PATHS[name].format(**parameters)
                return http(f"{address}/{session}/{path}", parameters)

            yield send


def http(address: str, parameters: dict) -> object:
    """Send one command to a driver, and return its answer."""
    answer = requests.post(address, json=parameters, timeout=SECONDS)
    value = answer.json()["value"]
    if not answer.ok:
        raise WebDriverError(f"{address}: {value['error']}: {value['message']}")
    return value


def installed(*programs: str) -> list[str]:
    """Return the paths of these programs; skip the test if one is missing."""
    found = {program: shutil.which(program) for program in programs}
    missing = [program for program, path in found.items() if not path]
    if missing:
        pytest.skip(f"needs {', '.join(missing)} (see .ci/run for Debian's packages)")
    return list(found.values())


@contextmanager
def running(command: list[str], folder: Path, **environment: str) -> Iterator[Path]:
    """Run a program in a process group that is ended whole; yield the file of its output."""
    name = Path(command[0]).name
    said, log = folder / f"{name}.out", folder / f"{name}.log"
    with said.open("w") as output, log.open("w") as errors:
        process = subprocess.Popen(
            command,
            stdout=output,
            stderr=errors,
            env={**os.environ, **environment},
            start_new_session=True,
        )
    try:
        yield said
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(timeout=SECONDS)


def eventually(attempt: Callable[[], object]) -> object:
    """Return a function's result once it is true or None; raise its last error if it never is."""
    end = time.monotonic() + SECONDS
    while True:
        try:
            result = attempt()
            if result or result is None:
                return result
            problem: Exception = TimeoutError(f"expected something within {SECONDS} s")
        except (OSError, ValueError, WebDriverError) as error:
            problem = error
        if time.monotonic() > end:
            raise problem
        Event().wait(REST_SECONDS)
