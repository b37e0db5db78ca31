"""Environment of browser measurements: a browser, the app and minimal pages to compare with."""

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
class Environment:
    """A browser, and a folder with the weights file and the scripts of the servers."""

    browser: Browser
    folder: Path

    @property
    def weights(self) -> Path:
        """Path of the weights file, of full size."""
        return self.folder / "vgg19.h5"

    @property
    def title_page(self) -> Path:
        """Path of the script of a page with only a title."""
        return self.folder / "title.py"

    def serve_app(self) -> AbstractContextManager[str]:
        """Run a new server of the app; yield its address."""
        return running_app(self.folder / "app.log", **{PATH_VARIABLE: str(self.weights)})

    def serve_title(self) -> AbstractContextManager[str]:
        """Run a server of the page with only a title, with the app's configuration."""
        return running_app(self.folder / "title.log", str(self.title_page))

    @contextmanager
    def two_grids(self) -> Iterator[Page]:
        """Open a minimal page: one control that switches between two grids in ``st.image``."""
        script = self.folder / "grids.py"
        script.write_text(GRIDS_PAGE)
        random = np.random.default_rng(0)
        for name in ("first", "second"):
            maps = gaussian_filter(random.standard_normal((64, 56, 56), np.float32), (0, 1, 1))
            canvas, *_ = mosaic(maps, 8, 960)
            (self.folder / f"{name}.png").write_bytes(png(canvas))
        log = self.folder / "grids.log"
        with running_app(log, str(script)) as address, pages.new_page(self.browser) as page:
            page.goto(address)
            pages.wait_until_idle(page)
            yield page

    @contextmanager
    def feature_maps(self) -> Iterator[tuple[str, Page]]:
        """Run a new server and open the feature maps of a layer from the middle."""
        state = urlencode({"view": "maps", "layer": "block3_conv3"})
        with self.serve_app() as address, pages.new_page(self.browser) as page:
            page.goto(f"{address}/?{state}")
            pages.wait_until_idle(page)
            yield address, page


@contextmanager
def open_environment() -> Iterator[Environment]:
    """Start a browser, and write a weights file.

    Raises:
        NotRun: the browser is not installed.
    """
    with tempfile.TemporaryDirectory() as folder, pages.chromium() as browser:
        environment = Environment(browser, Path(folder))
        write_keras_weights(environment.weights, UntrainedWeights())
        environment.title_page.write_text(TITLE_PAGE)
        yield environment
