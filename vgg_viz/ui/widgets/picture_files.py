"""Pictures that every viewer can choose: samples, the host's, and the walkthrough's robin.

Image decoders are imported only where they are needed, so that the page's controls appear a third
of a second earlier.
"""

from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

import streamlit as st

from vgg_viz.downloads.fetching import FileUnavailable, download, private_folder
from vgg_viz.fields import PICTURES, ROBIN
from vgg_viz.host_pictures import host_files
from vgg_viz.image_io.input_image import InputImage, PictureOptions
from vgg_viz.image_io.limits import MAX_BYTES, ImageFileError
from vgg_viz.samples import PictureFile
from vgg_viz.serving.gallery import Gallery
from vgg_viz.serving.memory import cache_bytes, limit_bytes

DECODED_BYTES = 301_056  # a PNG that does not compress, and as many again for its decoded pixels
ROBIN_URL = "https://machinelearningmastery.com/wp-content/uploads/2019/02/bird.jpg"
ROBIN_NAME = "bird.jpg"
ROBIN_FAILURE = "robin-failure-"  # before a field's name: the last download's error


@lru_cache(maxsize=cache_bytes(limit_bytes()).pictures // DECODED_BYTES)
def open_file(file: PictureFile, options: PictureOptions) -> InputImage:
    """Decode a picture file and prepare it for VGG19; cached by path, not by content.

    Raises:
        FileUnavailable: The file was removed.
        ImageFileError: It is not an accepted picture.
    """
    from vgg_viz.image_io.images import read_image

    try:
        content = file.path.read_bytes()
    except OSError as error:
        raise FileUnavailable(f"Could not find the file; choose {file.title} again.") from error
    return read_image(content, file.title, file.alt).open(options)


def open_robin(key: str, options: PictureOptions) -> InputImage:
    """Download the robin, the walkthrough's photograph, unless it is there, and decode it.

    The website serves the photograph in two sizes, so no hash can check the file. It is decoded as
    carefully as an upload. After a failure it is not tried again for this picture field until the
    viewer has chosen another picture: otherwise every click would wait for another download.

    Raises:
        FileUnavailable: The file could not be downloaded.
        ImageFileError: It is not an accepted picture.
    """
    failure = ROBIN_FAILURE + key
    if failure in st.session_state:
        raise st.session_state[failure]
    try:
        with st.spinner("Downloading the robin…"):
            path = download(
                [ROBIN_URL],
                private_folder(),
                ROBIN_NAME,
                md5=None,
                timeout=(5.0, 10.0),
                max_bytes=MAX_BYTES,
            )
        return open_file(robin_at(path), options)
    except (FileUnavailable, ImageFileError) as error:
        st.session_state[failure] = error
        with suppress(FileUnavailable, OSError):
            (private_folder() / ROBIN_NAME).unlink(missing_ok=True)
        raise


def robin_at(path: Path) -> PictureFile:
    """Return the picture file of the robin that was downloaded to this path."""
    alt = "A robin, photographed by Chris Heald"
    return PictureFile(path, PICTURES[ROBIN].label, alt, ROBIN)


def downloaded_robin() -> PictureFile | None:
    """Return the robin's picture file if any viewer has downloaded it before, else None."""
    with suppress(FileUnavailable, OSError):
        path = private_folder() / ROBIN_NAME
        return robin_at(path) if path.is_file() else None
    return None


def gallery() -> Gallery:
    """Return the host's own pictures, which the first call begins to decode."""
    return _gallery(tuple(host_files().values()))


@lru_cache(maxsize=2)
def _gallery(files: Sequence[PictureFile]) -> Gallery:
    return Gallery({file.name: file for file in files})
