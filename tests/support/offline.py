"""Isolation of tests that download: own folders, no proxies and no waits."""

import atexit
import socket
import tempfile
from pathlib import Path

import pytest

from vgg_viz.downloads import fetching


def isolate(folder: Path, patch: pytest.MonkeyPatch) -> list[float]:
    """Use this folder for Keras' and temporary files; return the waits, which are not slept.

    Without a file or an address that the test configures, nothing can be found or downloaded.
    """
    for name in ("NO_PROXY", "no_proxy"):
        patch.setenv(name, "*")
    patch.setenv("KERAS_HOME", str(folder / "keras"))
    patch.setattr(tempfile, "tempdir", str(folder / "temporary"))
    for name in ("VGG_VIZ_WEIGHTS", "VGG_VIZ_CLASS_NAMES"):
        patch.delenv(name, raising=False)
    for name in ("VGG_VIZ_WEIGHTS_URL", "VGG_VIZ_FULL_WEIGHTS_URL"):
        patch.setenv(name, closed_address())
    waits: list[float] = []
    patch.setattr(fetching, "sleep", waits.append)
    patch.setattr(fetching, "POLL_SECONDS", 0.001)
    return waits


# Bound, so that no server of a test in another process gets the port; nobody listens.
CLOSED = socket.socket()
CLOSED.bind(("127.0.0.1", 0))
atexit.register(CLOSED.close)


def closed_address() -> str:
    """Return an address that refuses connections."""
    return f"http://127.0.0.1:{CLOSED.getsockname()[1]}/weights.h5"
