"""What a visitor waits for, and what a viewer costs, in a real browser before a real server."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from itertools import cycle
from pathlib import Path
from urllib.parse import urlencode

import numpy as np
from playwright.sync_api import Browser, Page
from scipy.ndimage import gaussian_filter

from tests.bench import browser as pages
from tests.bench.measure import (
    Effort,
    NotRun,
    Row,
    attempt,
    bounded,
    durations,
    interleaved,
    middle,
    within,
)
from tests.browser.server import REPOSITORY, running_app
from tests.weights_files import write_keras_weights
from vgg_viz.architecture import VGG19
from vgg_viz.mosaic import mosaic, png
from vgg_viz.weights import PATH_VARIABLE, UntrainedWeights

TITLE_PAGE = 'import streamlit as st\n\nst.title("VGG Viz: look inside VGG19")\n'

GRIDS_PAGE = """
from pathlib import Path
import streamlit as st

name = st.segmented_control(
    "Scale", ["first", "second"], default="first", required=True, key="scale"
)
grid = Path(__file__).with_name(f"{name}.png").read_bytes()
st.image(grid, output_format="PNG")
"""

MOVE_SECONDS = 0.080
RESIDENT_BYTES = 1.1e9

EACH_TILE, WHOLE_LAYER = (
    f'.st-key-scale [role="radiogroup"] button:nth-of-type({number})' for number in (1, 2)
)
MAP_COUNT = '.st-key-maps input[type="range"]'


@dataclass(frozen=True)
class Place:
    """Where visits happen: a browser, and a folder with all that the servers need."""

    browser: Browser
    folder: Path

    @property
    def weights(self) -> Path:
        """The weights file, of full size."""
        return self.folder / "vgg19.h5"

    @property
    def title_page(self) -> Path:
        """The script of a page that is a title only."""
        return self.folder / "title.py"

    def serve_app(self) -> AbstractContextManager[str]:
        """Run a server of the app, which nobody has visited; gives its address."""
        return running_app(self.folder / "app.log", **{PATH_VARIABLE: str(self.weights)})

    def serve_title(self) -> AbstractContextManager[str]:
        """Run a server of the page with a title only, with the app's configuration."""
        return running_app(self.folder / "title.log", str(self.title_page))

    @contextmanager
    def two_grids(self) -> Iterator[Page]:
        """A visitor of a page with one control, which shows one of two grids by ``st.image``."""
        script = self.folder / "grids.py"
        script.write_text(GRIDS_PAGE)
        random = np.random.default_rng(0)
        for name in ("first", "second"):
            maps = gaussian_filter(random.standard_normal((64, 56, 56), np.float32), (0, 1, 1))
            canvas, _ = mosaic(maps, [str(n) for n in range(1, 65)], 8, 960)
            (self.folder / f"{name}.png").write_bytes(png(canvas))
        log = self.folder / "grids.log"
        with running_app(log, str(script)) as address, pages.new_page(self.browser) as page:
            page.goto(address)
            pages.wait_until_idle(page)
            yield page

    @contextmanager
    def feature_maps(self) -> Iterator[tuple[str, Page]]:
        """A new server and its first visitor, who sees the maps of a layer from the middle."""
        state = urlencode({"view": "Feature maps", "layer": VGG19.layer("block3_conv3").title})
        with self.serve_app() as address, pages.new_page(self.browser) as page:
            page.goto(f"{address}/?{state}")
            pages.wait_until_idle(page)
            yield address, page


def rows(effort: Effort) -> Iterator[Row]:
    """Measure everything here.

    Raises:
        NotRun: there is no browser.
    """
    measurements = {
        "Scale switched, both grids drawn before": scale_switched,
        "Number of maps by an arrow key, both grids drawn before": count_stepped,
        "Scale switched, the grid drawn anew from cached maps": scale_new,
        "Title and sidebar of a cold server": first_title,
        "First grid of a cold server": first_grid,
        "Memory": memory,
    }
    with tempfile.TemporaryDirectory() as folder, pages.chromium() as browser:
        place = Place(browser, Path(folder))
        write_keras_weights(place.weights, UntrainedWeights())
        place.title_page.write_text(TITLE_PAGE)
        for what, measurement in measurements.items():
            yield attempt(what, lambda measurement=measurement: measurement(place, effort))


def scale_switched(place: Place, effort: Effort) -> Row:
    """From a click on Scale to the other grid in sight; server and browser have had both.

    Beside it, the same of a page that is nothing but such a control and two grids by ``st.image``,
    without TensorFlow: what Streamlit and the browser take on this machine.
    """
    with place.feature_maps() as (_, page), place.two_grids() as plain:
        for each in (page, plain):
            there_and_back(each, (WHOLE_LAYER, None), (EACH_TILE, None), 1)
        turns = cycle([WHOLE_LAYER, EACH_TILE]), cycle([WHOLE_LAYER, EACH_TILE])
        clocks = {
            "plain": lambda: pages.seconds_to_new_grid(plain, next(turns[0])),
            "ours": lambda: pages.seconds_to_new_grid(page, next(turns[1])),
        }
        seconds = interleaved(2 * effort.moves, clocks)
    row = moved(
        "Scale clicked to the other grid shown, 64 tiles, both drawn before", seconds["ours"]
    )
    note = "a page with this control and `st.image` only"
    return replace(row, baseline=f"{durations(seconds['plain'])}, {note}")


def count_stepped(place: Place, effort: Effort) -> Row:
    """From an arrow key on the slider to the other grid in sight; both were seen before."""
    with place.feature_maps() as (_, page):
        there_and_back(page, (MAP_COUNT, "ArrowLeft"), (MAP_COUNT, "ArrowRight"), 1)
        seconds = there_and_back(
            page, (MAP_COUNT, "ArrowLeft"), (MAP_COUNT, "ArrowRight"), effort.moves
        )
    what = "arrow key on the slider to the other grid shown, 63 and 64 tiles, both drawn before"
    return moved(what, seconds)


def scale_new(place: Place, effort: Effort) -> Row:
    """From a click on Scale to a grid in sight that nobody has seen, of every layer in turn.

    The maps are cached; the grid is drawn, encoded, sent and decoded.
    """
    seconds = []
    with place.feature_maps() as (_, page):
        for layer in VGG19.conv_layers[: effort.layers]:
            pages.choose_layer(page, layer.title)
            seconds.append(pages.seconds_to_new_grid(page, WHOLE_LAYER))
            pages.seconds_to_new_grid(page, EACH_TILE)
    return moved("Scale clicked to a grid drawn anew from cached maps, 64 tiles", seconds)


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


def there_and_back(
    page: Page, there: tuple[str, str | None], back: tuple[str, str | None], count: int
) -> list[float]:
    """Move two controls in turn, ``count`` times each; the seconds to each new grid."""
    return [pages.seconds_to_new_grid(page, *move) for _ in range(count) for move in (there, back)]


def moved(what: str, seconds: list[float]) -> Row:
    """The row of a control's moves."""
    return bounded(what, middle(seconds), MOVE_SECONDS, durations(seconds), "80 ms in the median")


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
