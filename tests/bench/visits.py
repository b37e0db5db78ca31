"""Cold start and memory of a real server, measured in a real browser."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

from tests.bench import browser as pages
from tests.bench.environment import Environment
from tests.bench.measure import Effort, NotRun, Row, attempt, bounded, interleaved, within
from tests.support import REPOSITORY
from vgg_viz.model.architecture import VGG19

RESIDENT_BYTES = 1.1e9


def rows(environment: Environment, effort: Effort) -> Iterator[Row]:
    """Measure cold starts and memory."""
    measurements = {
        "Title and sidebar of a cold server": first_title,
        "First grid of a cold server": first_grid,
        "Memory": memory,
    }
    for what, measurement in measurements.items():
        yield attempt(what, lambda measurement=measurement: measurement(environment, effort))


def first_title(environment: Environment, effort: Effort) -> Row:
    """Measure the time from the navigation to a visible title and sidebar.

    The server is healthy and has had no viewer; the browser's cache is empty. Baseline: a page with
    one ``st.title`` and the same configuration.
    """

    def title_only() -> float:
        with environment.serve_title() as address:
            return pages.seconds_until_title(environment.browser, address, sidebar=False)

    def ours() -> float:
        with environment.serve_app() as address:
            return pages.seconds_until_title(environment.browser, address, sidebar=True)

    seconds = interleaved(effort.starts, {"title only": title_only, "ours": ours})
    what = "cold server: title and sidebar visible"
    return within(what, seconds["title only"], seconds["ours"], 1.2, note="`st.title` alone")


def first_grid(environment: Environment, effort: Effort) -> Row:
    """Measure the time from the navigation to the first visible grid in Feature maps.

    Server and browser as in `first_title`. Baseline: `tests.bench.bare_start` with the same file.
    """

    def ours() -> float:
        with environment.serve_app() as address:
            url = f"{address}/?{urlencode({'view': 'maps'})}"
            return pages.seconds_until_grid(environment.browser, url)

    def bare() -> float:
        command = [sys.executable, "-m", "tests.bench.bare_start", str(environment.weights)]
        done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True)
        return float(done.stdout.split()[-1])

    seconds = interleaved(effort.starts, {"bare": bare, "ours": ours})
    note = "TensorFlow, model, weights, one pass"
    return within(
        "cold server: first grid visible", seconds["bare"], seconds["ours"], 1.4, note=note
    )


def memory(environment: Environment, effort: Effort) -> Row:
    """Measure the server's memory after one viewer has seen the maps of every layer."""
    with environment.feature_maps() as (address, page):
        for layer in VGG19.conv_layers[: effort.layers]:
            pages.choose_layer(page, layer.title)
        resident, most = memory_of(address)
    ours = f"{resident / 1e9:.2f} GB (VmRSS; peak, VmHWM: {most / 1e9:.2f} GB)"
    what = f"memory with one viewer after {effort.layers} layers' maps"
    return bounded(what, resident, RESIDENT_BYTES, ours, "1.1 GB (1.1 · 10⁹ bytes)")


def memory_of(address: str) -> tuple[int, int]:
    """Return the current and peak resident memory of the server at an address, in bytes.

    The server is a child of this process.

    Raises:
        NotRun: the system does not report memory.
    """
    if not Path("/proc/self/status").exists():
        raise NotRun("only Linux reports the memory of a process in /proc")
    port = address.rpartition(":")[2]
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    for process in (Path("/proc", child) for child in children):
        if port in (process / "cmdline").read_text().split("\0"):
            lines = (process / "status").read_text().splitlines()
            fields = dict(line.split(":", 1) for line in lines)
            resident, most = (int(fields[name].split()[0]) for name in ("VmRSS", "VmHWM"))
            return resident * 1024, most * 1024
    raise RuntimeError(f"expected a child of this process to serve {address}, got {children}")
