"""What a visitor waits for, and what a viewer costs, in a real browser before a real server."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

from tests.bench import browser as pages
from tests.bench.measure import Effort, NotRun, Row, attempt, bounded, interleaved, within
from tests.bench.place import Place
from tests.support import REPOSITORY
from vgg_viz.model.architecture import VGG19

RESIDENT_BYTES = 1.1e9


def rows(place: Place, effort: Effort) -> Iterator[Row]:
    """Measure everything here."""
    measurements = {
        "Title and sidebar of a cold server": first_title,
        "First grid of a cold server": first_grid,
        "Memory": memory,
    }
    for what, measurement in measurements.items():
        yield attempt(what, lambda measurement=measurement: measurement(place, effort))


def first_title(place: Place, effort: Effort) -> Row:
    """From the start of the navigation to the title and the sidebar's controls in sight.

    The server answers its health check and has served nobody; the visitor's browser has nothing
    cached. Beside it, the same of a page that is one ``st.title``, with the same configuration.
    """

    def title_only() -> float:
        with place.serve_title() as address:
            return pages.seconds_until_title(place.browser, address, sidebar=False)

    def ours() -> float:
        with place.serve_app() as address:
            return pages.seconds_until_title(place.browser, address, sidebar=True)

    seconds = interleaved(effort.starts, {"title only": title_only, "ours": ours})
    what = "cold server: title and sidebar in sight"
    return within(what, seconds["title only"], seconds["ours"], 1.2, note="`st.title` alone")


def first_grid(place: Place, effort: Effort) -> Row:
    """From the start of the navigation to Feature maps to its first grid in sight.

    Server and browser as in `first_title`. Beside it, `tests.bench.bare_start` with the same file.
    """

    def ours() -> float:
        with place.serve_app() as address:
            url = f"{address}/?{urlencode({'view': 'Feature maps'})}"
            return pages.seconds_until_grid(place.browser, url)

    def bare() -> float:
        command = [sys.executable, "-m", "tests.bench.bare_start", str(place.weights)]
        done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True)
        return float(done.stdout.split()[-1])

    seconds = interleaved(effort.starts, {"bare": bare, "ours": ours})
    note = "TensorFlow, model, weights, one pass"
    return within(
        "cold server: first grid in sight", seconds["bare"], seconds["ours"], 1.4, note=note
    )


def memory(place: Place, effort: Effort) -> Row:
    """What the server's process holds once one viewer has seen the maps of every layer."""
    with place.feature_maps() as (address, page):
        for layer in VGG19.conv_layers[: effort.layers]:
            pages.choose_layer(page, layer.title)
        resident, most = memory_of(address)
    ours = f"{resident / 1e9:.2f} GB (VmRSS; at most so far, VmHWM: {most / 1e9:.2f} GB)"
    what = f"memory with one viewer after {effort.layers} layers' maps"
    return bounded(what, resident, RESIDENT_BYTES, ours, "1.1 GB (1.1 · 10⁹ bytes)")


def memory_of(address: str) -> tuple[int, int]:
    """Bytes that the server at that address, a child of this process, holds and has held at most.

    Linux' VmRSS and VmHWM, which it gives in KiB.

    Raises:
        NotRun: this system does not tell.
    """
    if not Path("/proc/self/status").exists():
        raise NotRun("only Linux tells a process' memory in /proc")
    port = address.rpartition(":")[2]
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    for process in (Path("/proc", child) for child in children):
        if port in (process / "cmdline").read_text().split("\0"):
            lines = (process / "status").read_text().splitlines()
            fields = dict(line.split(":", 1) for line in lines)
            resident, most = (int(fields[name].split()[0]) for name in ("VmRSS", "VmHWM"))
            return resident * 1024, most * 1024
    raise RuntimeError(f"expected a child of this process to serve {address}, got {children}")
