"""Images that a viewer can choose, and where every channel activates most on each of them."""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import takewhile
from time import perf_counter

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from vgg_viz.downloads.fetching import FileUnavailable
from vgg_viz.fields import OWN, ROBIN, Value
from vgg_viz.image_io.images import ImageFileError
from vgg_viz.image_io.input_image import InputImage, PictureOptions
from vgg_viz.interpretability.feature_visualization.top_patches import Peaks
from vgg_viz.model.network import Network
from vgg_viz.samples import SAMPLES, sample
from vgg_viz.serving.locks import POLL_SECONDS
from vgg_viz.serving.results import Results
from vgg_viz.ui.widgets import picture_chooser, picture_files, stored_pictures
from vgg_viz.ui.widgets.picture_files import open_file


@dataclass(frozen=True)
class AvailableImage:
    """An image that the viewer can choose, decoded on first use."""

    choice: str  # name of the image in the picture control
    title: str  # title of the image on the page
    digest: str  # digest of its pixels
    open: Callable[[], InputImage]  # function that decodes the image
    own: int | None = None  # number of the viewer's own picture
    # Whether it is one of the samples or of the host's, whose peaks may be stored on disk.
    is_sample: bool = False

    @property
    def pixels(self) -> np.ndarray:
        """Pixels of the image, RGB uint8 (224, 224, 3)."""
        return self.open().pixels

    def choose(self) -> dict[str, Value]:
        """Return the state changes that make the page show this image."""
        return {"picture": self.choice} | ({"own": self.own} if self.own else {})


def all_images() -> tuple[AvailableImage, ...]:
    """Return all images that the viewer can choose, without duplicates, in the page's order."""
    images: dict[str, AvailableImage] = {}
    for image in choices(picture_chooser.options()):
        images.setdefault(image.digest, image)
    return tuple(images.values())


def choices(options: PictureOptions) -> Iterator[AvailableImage]:
    """Yield the samples, the host's own images decoded so far, the robin, and the viewer's own."""
    for one in SAMPLES:
        digest = sample_digest(one.name, options)
        decode = partial(open_file, one, options)
        yield AvailableImage(one.name, one.title, digest, decode, is_sample=True)
    for name, picture in picture_files.gallery().decoded().items():
        decode = partial(picture.open, options)
        yield AvailableImage(name, picture.title, decode().digest, decode, is_sample=True)
    # The robin may be unreadable, or be gone; the error is shown when it is chosen.
    with suppress(ImageFileError, FileUnavailable):
        if file := picture_files.downloaded_robin():
            decode = partial(open_file, file, options)
            yield AvailableImage(ROBIN, file.title, decode().digest, decode)
    for number, picture in stored_pictures.stored().items():
        decode = partial(picture.open, options)
        yield AvailableImage(OWN, picture.title, decode().digest, decode, number)


@lru_cache(maxsize=2 * len(SAMPLES))
def sample_digest(name: str, options: PictureOptions) -> str:
    """Return the digest of a sample's pixels, cached so that the sample is decoded only once."""
    return open_file(sample(name), options).digest


def find_peaks(
    results: Results, network: Network, images: Sequence[AvailableImage], seconds: float
) -> list[tuple[Peaks, ...]]:
    """Return each image's strongest activations of every channel of every conv layer.

    After so many seconds, only those of the first images are returned, at least one; the page shows
    how many, and a background thread goes on with the others.
    """
    # Always, so that what follows keeps its place on the page, and with it the focus.
    slot, begun = st.empty(), perf_counter()
    found: list[tuple[Peaks, ...] | None] = []
    for number, image in enumerate(images):
        passed = perf_counter() - begun
        # Cached peaks take no time, so they need no progress bar.
        if passed > POLL_SECONDS:
            show_progress(slot, number, len(images))
        if number == 0 or seconds == math.inf:
            found.append(results.peaks(network, image, on_disk=image.is_sample))
        else:
            left = max(0.0, seconds - passed)
            found.append(results.peaks_soon(network, image, left, on_disk=image.is_sample))
    peaks = [one for one in takewhile(lambda one: one is not None, found) if one]
    if len(peaks) == len(images):
        slot.empty()
    else:
        show_progress(slot, len(peaks), len(images))
    return peaks


def show_progress(slot: DeltaGenerator, number: int, count: int) -> None:
    """Show how many images are searched."""
    slot.progress(number / count, f"{number} of {count} images searched")
