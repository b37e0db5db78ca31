"""The pictures at hand, and where the channels of a network answer most to each of them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from time import perf_counter

import numpy as np
import streamlit as st

from vgg_viz.downloads.fetching import DownloadError
from vgg_viz.image_io.images import PictureError
from vgg_viz.image_io.picture import Fit, Picture
from vgg_viz.interpretability.feature_visualization.top_patches import Peaks
from vgg_viz.links import OWN, ROBIN, Value
from vgg_viz.model.network import Network
from vgg_viz.samples import SAMPLES
from vgg_viz.serving.locks import POLL_SECONDS
from vgg_viz.serving.results import Results
from vgg_viz.ui.widgets import own_pictures, picture_chooser
from vgg_viz.ui.widgets.own_pictures import StoredPicture
from vgg_viz.ui.widgets.picture_chooser import PictureOptions, open_file, sample_file


@dataclass(frozen=True)
class AvailableImage:
    """A picture at hand, opened when its pixels are wanted.

    ``choice`` is what the picture control says of it, ``digest`` that of its pixels, ``given`` what
    the visitor gave, where it is one of several of their own.
    """

    choice: str
    title: str
    digest: str
    open: Callable[[], Picture]
    given: StoredPicture | None = None

    @property
    def pixels(self) -> np.ndarray:
        """RGB, uint8 (224, 224, 3)."""
        return self.open().pixels

    def choose(self) -> dict[str, Value]:
        """A callback's work: what is to be changed for the page to show it."""
        if self.given:
            own_pictures.store_own_picture()
            picture_chooser.set_own_picture("picture", self.given.as_own())
        return {"picture": self.choice}


def all_pictures() -> tuple[AvailableImage, ...]:
    """All pictures at hand, each once: samples, the robin, and the visitor's own."""
    look = picture_chooser.options()
    found: dict[str, AvailableImage] = {}
    for one in (*samples(look), *robin(look), *own(look), *several(look.fit)):
        found.setdefault(one.digest, one)
    return tuple(found.values())


def samples(look: PictureOptions) -> Iterator[AvailableImage]:
    """The pictures that come with the page."""
    for one in SAMPLES:
        opened = partial(open_file, sample_file(one.name), look)
        yield AvailableImage(one.name, one.title, sample_digest(one.name, look.fit), opened)


@lru_cache(maxsize=2 * len(SAMPLES))
def sample_digest(name: str, fit: Fit) -> str:
    """The digest of a sample's pixels, for which it need not be decoded again."""
    return open_file(sample_file(name), PictureOptions(fit, as_stored=False)).digest


def robin(look: PictureOptions) -> Iterator[AvailableImage]:
    """The robin, if somebody has had it fetched already."""
    file = picture_chooser.robin_if_fetched()
    if file is None:
        return
    try:
        picture = open_file(file, look)
    except (PictureError, DownloadError):
        return  # whoever chooses it is told
    yield AvailableImage(ROBIN, file.title, picture.digest, partial(open_file, file, look))


def own(look: PictureOptions) -> Iterator[AvailableImage]:
    """The visitor's own picture, if there is one."""
    given = picture_chooser.own_picture("picture")
    if given:
        yield AvailableImage(OWN, given.title, given.open(look).digest, partial(given.open, look))


def several(fit: Fit) -> Iterator[AvailableImage]:
    """Those that the visitor gave together."""
    for one in own_pictures.stored():
        yield AvailableImage(OWN, one.title, one.digests[fit], partial(one.open, fit), one)


def look_through(
    results: Results, network: Network, pictures: Sequence[AvailableImage]
) -> list[tuple[Peaks, ...]]:
    """Where the channels of every conv layer answer most to each picture, in their order.

    The page says how many are looked through; a run that another one has superseded ends between
    two of them.
    """
    slot, begun, found = st.empty(), perf_counter(), []
    for number, picture in enumerate(pictures):
        # What is there already takes no time, and no word.
        if perf_counter() - begun > POLL_SECONDS:
            words = f"{number} of {len(pictures)} pictures looked through"
            slot.progress(number / len(pictures), words)
        found.append(results.peaks(network, picture))
    slot.empty()
    return found
