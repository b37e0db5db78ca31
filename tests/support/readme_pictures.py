"""Take the screenshots of the README and the guides; needs Chromium and the reference weights.

python -m tests.support.readme_pictures [NAME ...]

Without names, it takes all pictures.
"""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import Page, ViewportSize, sync_playwright

from tests.support import REPOSITORY
from tests.support.fine_tuned import fine_tune
from tests.support.reading import settle
from tests.support.server import CHROMIUM, CHROMIUM_OPTIONS, running_app
from tests.support.weights_files import ReferenceWeights, write_full_weights
from vgg_viz.model.dense_layers import UntrainedDense

EYE = "view=maps&layer=block3_conv4&channel=6&row=29&column=40"


def scroll_to(selector: str, page: Page) -> None:
    """Bring an element to the top of the window, below Streamlit's header."""
    for grid in page.locator(".grid canvas").all():
        grid.and_(page.locator("[data-shown]")).wait_for()
    page.locator(selector).first.evaluate(
        "element => { element.style.scrollMarginTop = '100px'; element.scrollIntoView(); }"
    )
    settle(page)


def wait_for_optimized_images(page: Page) -> None:
    """Wait until no image is being optimized."""
    page.get_by_role("button", name="Stop").wait_for(state="detached", timeout=240_000)
    settle(page)


@dataclass(frozen=True)
class Shot:
    """One picture of the README: its file, its link, and what to do before it is taken."""

    name: str
    query: str
    prepare: Callable[[Page], object] = settle
    scheme: str = "light"
    size: tuple[int, int] = (1440, 1000)


SHOTS = (
    Shot("feature-maps", "view=maps&layer=block3_conv1&channel=7"),
    Shot(
        "attribution",
        f"{EYE}&back_to=input&sanity=true",
        partial(scroll_to, ".st-key-attribution-fields"),
    ),
    Shot(
        "feature-visualization",
        "view=visualization&examples=optimized&layer=block3_conv4&channel=6",
        wait_for_optimized_images,
    ),
    Shot(
        "experiments",
        "view=maps&layer=block3_conv1&channel=6&row=20&column=20&tab=experiments&experiment=similar",
        partial(scroll_to, ".st-key-map-tabs"),
    ),
    Shot("architecture", "view=architecture", scheme="dark"),
    Shot("filters", "view=filters&layer=block1_conv1&filters=12"),
    Shot("blocks", "view=blocks&block_maps=9&lecture=true", size=(1280, 480)),
    Shot("prediction", "view=prediction&network=imagenet"),
    Shot("conclusion", "view=conclusion"),
)
# Of the network that `fine_tuned` trains.
OWN_SHOTS = (
    Shot(
        "fine-tuning",
        "view=filters&network=my_model&layer=block5_conv3",
        partial(scroll_to, 'h3:has-text("What fine-tuning changed")'),
        size=(1440, 800),
    ),
    Shot("own-prediction", "view=prediction&network=my_model&picture=raccoon"),
)
LECTURE = Shot("lecture", "tour=8&lecture=true&answer=true", size=(1280, 720))


def take(address: str, shots: Sequence[Shot]) -> None:
    """Take pictures of an app's pages into ``docs/``."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_OPTIONS)
        for shot in shots:
            width, height = shot.size
            size = ViewportSize(width=width, height=height)
            page = chromium.new_page(viewport=size, color_scheme=shot.scheme)
            page.set_default_timeout(120_000)
            page.goto(f"{address}/?{shot.query}")
            settle(page)
            shot.prepare(page)
            page.screenshot(path=REPOSITORY / "docs" / f"{shot.name}.png")
            page.close()
        chromium.close()


def main() -> None:
    """Take all pictures, or those named; the last ones need apps and networks of their own."""
    names = sys.argv[1:]

    def wanted(shots: Sequence[Shot]) -> list[Shot]:
        return [shot for shot in shots if not names or shot.name in names]

    with TemporaryDirectory() as folder:
        weights = Path(folder, "reference.h5")
        write_full_weights(weights, ReferenceWeights(), UntrainedDense(19))
        log, named = Path(folder, "server.log"), {"VGG_VIZ_WEIGHTS": str(weights)}
        with running_app(log, **named) as address:
            take(address, wanted(SHOTS))
        with running_app(log, "tests/support/as_imagenet.py", **named) as address:
            take(address, wanted([LECTURE]))
        if wanted(OWN_SHOTS):
            take_own(Path(folder), wanted(OWN_SHOTS))


def take_own(folder: Path, shots: Sequence[Shot]) -> None:
    """Fine-tune a network by the document's code, and take the pictures of its page."""
    network = fine_tune(folder)
    named = {"VGG_VIZ_WEIGHTS": str(folder / "base.h5"), "VGG_VIZ_NETWORKS": str(network)}
    with running_app(folder / "server.log", **named) as address:
        take(address, shots)


if __name__ == "__main__":
    main()
