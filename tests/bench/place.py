"""Where visits happen: a browser, and servers of the app and of pages that do next to nothing."""

import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import numpy as np
from playwright.sync_api import Browser, Page
from scipy.ndimage import gaussian_filter

from tests.bench import browser as pages
from tests.support.server import running_app
from tests.support.weights_files import write_keras_weights
from vgg_viz.export.mosaic import mosaic, png
from vgg_viz.model.architecture import VGG19
from vgg_viz.model.weights import PATH_VARIABLE, UntrainedWeights

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


@contextmanager
def open_place() -> Iterator[Place]:
    """A browser, and a folder with a weights file.

    Raises:
        NotRun: there is no browser.
    """
    with tempfile.TemporaryDirectory() as folder, pages.chromium() as browser:
        place = Place(browser, Path(folder))
        write_keras_weights(place.weights, UntrainedWeights())
        place.title_page.write_text(TITLE_PAGE)
        yield place
