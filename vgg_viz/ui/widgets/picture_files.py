"""Pictures that every viewer can choose: the samples, and the walkthrough's robin from the web.

Image decoders are imported only where they are needed, so that the page's controls appear a third
of a second earlier.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import streamlit as st

from vgg_viz.downloads.fetching import FileUnavailable, download, private_folder
from vgg_viz.image_io.input_image import Fit, InputImage
from vgg_viz.image_io.limits import MAX_BYTES
from vgg_viz.links import FIELDS, PICTURES, ROBIN
from vgg_viz.samples import SAMPLES, sample, sample_bytes
from vgg_viz.serving.memory import cache_bytes, limit_bytes

if TYPE_CHECKING:
    import numpy as np

    from vgg_viz.image_io.images import DecodedImage

DECODED_BYTES = 301_056  # pixels, and as many again for a PNG that does not compress
ROBIN_URL = "https://machinelearningmastery.com/wp-content/uploads/2019/02/bird.jpg"
ROBIN_NAME = "bird.jpg"
ROBIN_ALT = "A robin, photographed by Chris Heald"


class PictureOptions(NamedTuple):
    """Preparation of a picture."""

    fit: Fit  # resizing, `stretch` or `crop`
    as_stored: bool  # whether to skip contrast stretching


@dataclass(frozen=True)
class PictureFile:
    """A picture file that every viewer can choose."""

    key: str  # unique key of the file
    title: str  # title on the page
    alt: str  # alternative text for screen readers
    read: Callable[[], bytes]  # function that reads the file's bytes


@lru_cache(maxsize=len(SAMPLES))
def sample_file(name: str) -> PictureFile:
    """Return the picture file of the sample with this name."""
    chosen = sample(name)
    return PictureFile(f"sample {name}", chosen.title, chosen.alt, partial(sample_bytes, name))


def default_file(key: str) -> PictureFile:
    """Return the sample that a picture field (``picture`` or ``other``) shows by default."""
    return sample_file(FIELDS[key].default)


def open_file(file: PictureFile, options: PictureOptions) -> InputImage:
    """Decode a picture file and resize it for VGG19."""
    pixels, data, digest, notes = decoded(file.key, options.fit, file.read)
    return InputImage(file.title, file.alt, pixels, data, digest, options.fit, notes)


@st.cache_data(max_entries=cache_bytes(limit_bytes()).pictures // DECODED_BYTES, show_spinner=False)
def decoded(
    key: str, fit: Fit, _read: Callable[[], bytes]
) -> tuple[np.ndarray, bytes, str, tuple[str, ...]]:
    """Decode and resize a picture file for VGG19, and cache the result.

    The cache key holds the file's key instead of its bytes: hashing a large photo would take longer
    than the rest of a script run.

    The pixels, RGB uint8 ``(224, 224, 3)``, a PNG of them, their digest, and remarks for the
    caption.
    """
    from vgg_viz.image_io.images import read_image

    options = PictureOptions(fit, as_stored=False)
    picture = prepared(read_image(_read()), "", "", options)
    return picture.pixels, picture.png, picture.digest, picture.notes


def prepared(photograph: DecodedImage, title: str, alt: str, options: PictureOptions) -> InputImage:
    """Resize a photograph for VGG19, and stretch its contrast unless the options forbid it."""
    from vgg_viz.export.mosaic import png
    from vgg_viz.image_io.images import digest

    pixels = photograph.pixels(options.fit, as_stored=options.as_stored)
    return InputImage(
        title,
        alt,
        pixels,
        png(pixels),
        digest(pixels),
        options.fit,
        photograph.notes(as_stored=options.as_stored),
        photograph.stretchable,
    )


def robin_file(key: str) -> PictureFile:
    """Download the robin, the walkthrough's photograph, into the server's temporary directory.

    The website serves the photograph in two sizes, so no hash can check the file. It is decoded as
    carefully as an upload. After a failed download, no other is tried until the viewer has chosen
    another picture and then the robin again.

    Raises:
        FileUnavailable: The file could not be downloaded.
    """
    failure = f"robin_failure_{key}"
    if failure in st.session_state:
        raise st.session_state[failure]
    with st.spinner("Downloading the robin…"):
        path = download(
            ROBIN_URL,
            private_folder(),
            ROBIN_NAME,
            md5=None,
            timeout=(5.0, 10.0),
            max_bytes=MAX_BYTES,
        )
    return robin_at(path)


def downloaded_robin() -> PictureFile | None:
    """Return the robin's picture file if any viewer has downloaded it before, else None."""
    with suppress(FileUnavailable, OSError):
        path = private_folder() / ROBIN_NAME
        return robin_at(path) if path.is_file() else None
    return None


def robin_at(path: Path) -> PictureFile:
    """Return a picture file for the robin that was downloaded to this path."""

    def read() -> bytes:
        try:
            return path.read_bytes()
        except OSError as error:
            raise FileUnavailable("Could not find the robin's file; choose Robin again.") from error

    return PictureFile("robin", PICTURES[ROBIN].label, ROBIN_ALT, read)


def note_robin_failure(key: str, error: Exception) -> None:
    """Delete the robin's file, and remember why it could not be opened for a picture field.

    Otherwise every click of a viewer who keeps the robin chosen would wait for another download.
    """
    st.session_state[f"robin_failure_{key}"] = error
    with suppress(FileUnavailable, OSError):
        (private_folder() / ROBIN_NAME).unlink(missing_ok=True)


def forget_robin_failure(key: str) -> None:
    """Forget a failed download of the robin, so that choosing it again downloads it anew."""
    st.session_state.pop(f"robin_failure_{key}", None)
