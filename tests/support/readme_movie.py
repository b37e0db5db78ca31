"""Record the README's moving picture from a running app; needs Chromium and the reference weights.

python -m tests.support.readme_movie
"""

import re
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image
from playwright.sync_api import Locator, Page, ViewportSize, sync_playwright

from tests.support import REPOSITORY
from tests.support.reading import settle
from tests.support.server import CHROMIUM, CHROMIUM_OPTIONS, running_app
from tests.support.weights_files import ReferenceWeights, write_full_weights
from vgg_viz.model.dense_layers import UntrainedDense

MOVIE = REPOSITORY / "docs" / "look-inside.webp"
WINDOW = ViewportSize(width=1280, height=720)
SIZE = (960, 540)
QUALITY = 60
MOVES, MOVE_MILLISECONDS = 6, 70  # frames of a pointer's way, and the length of each

# Screenshots have no pointer.
POINTER = """() => {
  const dot = document.createElement("div");
  dot.style = `position: fixed; z-index: 1e6; width: 22px; height: 22px; left: -50px; top: -50px;
    margin: -11px 0 0 -11px; pointer-events: none; background: rgb(255 255 255 / 0.5);
    border: 3px solid #d22; border-radius: 50%`;
  document.body.append(dot);
  addEventListener("mousemove", ({ clientX, clientY }) => {
    dot.style.left = `${clientX}px`;
    dot.style.top = `${clientY}px`;
  }, { capture: true });
}"""


class Recorder:
    """Frames of a page, each with its milliseconds, and a visible pointer."""

    def __init__(self, page: Page) -> None:
        """Begin with the pointer in the middle of the window."""
        self.page = page
        self.frames: list[Image.Image] = []
        self.milliseconds: list[int] = []
        self.at = (WINDOW["width"] / 2, WINDOW["height"] / 2)
        page.evaluate(POINTER)
        page.mouse.move(*self.at)

    def hold(self, seconds: float) -> None:
        """Record the page as it is for some seconds."""
        with Image.open(BytesIO(self.page.screenshot())) as frame:
            self.frames.append(frame.convert("RGB").resize(SIZE, Image.Resampling.LANCZOS))
        self.milliseconds.append(round(1000 * seconds))

    def point(self, target: Locator, across: float = 0.5, down: float = 0.5) -> None:
        """Move the pointer to a place within an element: shares of its width and height."""
        target.scroll_into_view_if_needed()
        box = target.bounding_box()
        assert box is not None, target
        end = (box["x"] + across * box["width"], box["y"] + down * box["height"])
        start = self.at
        for move in range(1, MOVES + 1):
            way = [a + (b - a) * move / MOVES for a, b in zip(start, end, strict=True)]
            self.page.mouse.move(*way)
            self.hold(MOVE_MILLISECONDS / 1000)
        self.at = end

    def click(self, seconds: float, heading: str | re.Pattern[str] = "") -> None:
        """Click where the pointer is, and show the result for some seconds."""
        self.page.mouse.click(*self.at)
        if heading:
            self.page.get_by_role("heading", name=heading).first.wait_for()
        settle(self.page)
        self.page.get_by_test_id("stStatusWidget").wait_for(state="detached")
        settle(self.page)
        self.hold(seconds)

    def save(self, path: Path) -> None:
        """Write all frames as one moving picture that repeats."""
        first, *others = self.frames
        options = {"quality": QUALITY, "method": 6, "minimize_size": True}
        first.save(
            path, save_all=True, append_images=others, duration=self.milliseconds, loop=0, **options
        )


def record(page: Page) -> Recorder:
    """Look inside the network: from the diagram to a layer, a map, a value and its pixels."""
    recorder = Recorder(page)
    recorder.hold(3)
    recorder.point(page.get_by_role("radio", name="Feature maps"))
    recorder.click(2, re.compile("^Feature maps of"))
    maps = page.locator(".st-key-maps-mosaic canvas")
    recorder.point(maps, 0.32, 0.12)
    recorder.click(2.5)
    enlarged = page.locator(".st-key-inspector canvas").first
    recorder.point(enlarged, 0.3, 0.4)
    recorder.hold(1.5)
    recorder.point(enlarged, 0.62, 0.36)
    recorder.click(2)
    page.locator(".st-key-map-tabs").evaluate("tabs => { tabs.scrollIntoView(); }")
    settle(page)
    recorder.hold(3)
    recorder.point(page.get_by_role("radio", name="Attribution"))
    recorder.click(3.5)
    recorder.point(page.get_by_role("radio", name="Experiments"))
    recorder.click(3)
    page.keyboard.press("Home")
    recorder.point(page.get_by_role("radio", name="Blocks"))
    recorder.click(3, "The last conv layer of each block")
    recorder.point(page.get_by_role("radio", name="Conclusion"))
    recorder.click(3.5, "What early and late layers show")
    return recorder


def main() -> None:
    """Record the movie, with the ImageNet weights in blocks 1 to 3."""
    with TemporaryDirectory() as folder, sync_playwright() as playwright:
        weights = Path(folder, "reference.h5")
        write_full_weights(weights, ReferenceWeights(), UntrainedDense(19))
        with running_app(Path(folder, "server.log"), VGG_VIZ_WEIGHTS=str(weights)) as address:
            chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_OPTIONS)
            page = chromium.new_page(viewport=WINDOW)
            page.set_default_timeout(120_000)
            page.goto(f"{address}/?layer=block3_conv1")
            settle(page)
            recorder = record(page)
            recorder.save(MOVIE)
            chromium.close()
    seconds = sum(recorder.milliseconds) / 1000
    print(f"{MOVIE.name}: {seconds:.0f} s, {MOVIE.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
