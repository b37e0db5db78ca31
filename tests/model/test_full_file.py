"""Download of a sparse file with the full size of Keras' file, 575 MB, from a local server.

It is sent, interrupted, resumed and checked like the real one.
"""

import hashlib
import os
import signal
import subprocess
import sys
from dataclasses import replace

import pytest

from tests.support import REPOSITORY
from tests.support.file_server import Behavior, Handler, serve
from tests.support.thin import RandomWeights
from tests.support.weights_files import write_full_weights
from vgg_viz.downloads.fetching import CHUNK_BYTES
from vgg_viz.model import weights
from vgg_viz.model.architecture import VGG19
from vgg_viz.model.weights import FULL, offer_full

pytest.importorskip("fcntl", reason="there are no POSIX signals here")
pytestmark = pytest.mark.slow

MEGABYTE = 10**6

# Prints the bytes received and the growth of its own memory.
FETCH = """
import sys
from dataclasses import replace
from vgg_viz.model import weights
from vgg_viz.serving import memory
weights.FULL = replace(weights.FULL, md5=sys.argv[1], size=int(sys.argv[2]))
before, most = memory.taken_bytes(), 0
def note(received, expected):
    global most
    most = max(most, memory.taken_bytes() - before)
    print("received", received, expected, flush=True)
found = weights.fetch_full(on_progress=note)
print("most", max(most, memory.taken_bytes() - before), flush=True)
"""


def send_file(path, share: float = 1.0) -> Behavior:
    """Return a behavior that sends a file from the requested range, and stalls after a share."""

    def send(handler: Handler, content: bytes) -> None:
        size = path.stat().st_size
        start = int((handler.headers["Range"] or "bytes=0-").strip("bytes=-"))
        handler.send_response(206)
        handler.send_header("Content-Range", f"bytes {start}-{size - 1}/{size}")
        handler.send_header("Content-Length", str(size - start))
        handler.end_headers()
        handler.wfile.flush()
        with path.open("rb") as file:
            while start < int(size * share):
                start += os.sendfile(handler.connection.fileno(), file.fileno(), start, 2**20)
        if share < 1:
            handler.server.released.wait(60)

    return send


@pytest.fixture
def served(tmp_path):
    """Path of the served file; it and the download, together a gigabyte, are removed at once."""
    path = tmp_path / "served.h5"
    write_full_weights(path, RandomWeights(VGG19))
    assert abs(path.stat().st_size - FULL.size) < 10_000
    yield path
    for left in (path, *(tmp_path / "keras" / "models").iterdir()):
        left.unlink()


@pytest.mark.skipif(not hasattr(os, "sendfile"), reason="there is no sendfile here")
def test_download_is_resumed_after_its_process_was_killed(served, tmp_path, monkeypatch):
    with served.open("rb") as file:
        full = replace(
            FULL, md5=hashlib.file_digest(file, "md5").hexdigest(), size=served.stat().st_size
        )
    monkeypatch.setattr(weights, "FULL", full)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setenv("NO_PROXY", "*")
    with serve(b"", send_file(served, 0.6), send_file(served)) as server:
        monkeypatch.setenv("VGG_VIZ_FULL_WEIGHTS_URL", server.url)
        with downloading(full) as first:
            for line in first.stdout:
                if int(line.split()[1]) > full.size // 2:
                    break
            first.kill()
            assert first.wait() == -signal.SIGKILL
        kept = offer_full().partial_bytes
        assert full.size // 2 < kept < full.size * 0.6
        with downloading(full) as second:
            first_line, *_, last_line = second.stdout
            assert second.wait() == 0
    received, expected = map(int, first_line.split()[1:])
    assert kept < received <= kept + CHUNK_BYTES
    assert expected == full.size
    assert server.ranges == [None, f"bytes={kept}-"]
    assert int(last_line.removeprefix("most ")) < 60 * MEGABYTE
    assert [path.name for path in (tmp_path / "keras" / "models").iterdir()] == [FULL.name]


def downloading(full):
    """Start a process that downloads the file."""
    command = [sys.executable, "-c", FETCH, full.md5, str(full.size)]
    return subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True)
