"""The picture that the page is about: a sample, the robin from the web, an upload, a photo.

What decodes pictures is imported by what needs it: the controls are on the page a third of a second
earlier without.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TYPE_CHECKING

import streamlit as st

from vgg_viz.downloads import DownloadError, download, private_folder
from vgg_viz.links import FIELDS, FITS, OWN, PICTURES, ROBIN, SOURCES, Fit
from vgg_viz.samples import SAMPLES, sample, sample_bytes, thumbnail_bytes
from vgg_viz.ui import controls
from vgg_viz.ui.memory import cache_bytes, limit_bytes

if TYPE_CHECKING:
    import numpy as np
    from streamlit.runtime.uploaded_file_manager import UploadedFile

MAX_MEGABYTES = 20  # as vgg_viz.images has it
DECODED_BYTES = 301_056  # pixels, and as many again for a PNG that cannot be packed
ROBIN_URL = "https://machinelearningmastery.com/wp-content/uploads/2019/02/bird.jpg"
ROBIN_NAME = "bird.jpg"
ROBIN_ALT = "A robin, photographed by Chris Heald"

FIT_HELP = (
    "VGG19 takes 224 × 224 pixels. **Stretched** is what Keras' `load_img` does and the "
    "walkthrough shows: nearest pixels, aspect ratio not kept. **Cropped** keeps the aspect "
    "ratio, cuts the sides off and resizes smoothly."
)


@dataclass(frozen=True)
class Picture:
    """A picture as the network sees it: RGB uint8 (224, 224, 3), and the same as PNG bytes."""

    title: str
    alt: str
    pixels: np.ndarray
    png: bytes
    digest: str
    fit: Fit

    @property
    def caption(self) -> str:
        """The picture's name and how it was brought to its size."""
        return f"{self.title} ({FITS[self.fit].lower()})"


@dataclass(frozen=True)
class PictureFile:
    """A picture file; ``key`` is another for every file, ``read`` returns its bytes."""

    key: str
    title: str
    alt: str
    read: Callable[[], bytes]


def choose_other() -> Picture:
    """Show the choice of a second picture, to compare with, and return it."""
    choice = st.selectbox(
        "The other picture",
        list(PICTURES),
        list(PICTURES).index(FIELDS["other"].default),
        format_func=PICTURES.get,
        key="other",
        bind="query-params",
    )
    file = own_upload("other_upload", "Your other picture") if choice == OWN else None
    fit = st.session_state.get("fit") or FIELDS["fit"].default
    return load(choice, file, fit, "other")


def choose() -> Picture:
    """Show the sidebar's picture controls and return the picture chosen.

    Where the chosen one cannot be had, the controls say why and the last good one is returned.
    """
    st.html(thumbnail_styles())
    choice = st.pills(
        "Picture",
        list(PICTURES),
        default=SAMPLES[0].name,
        format_func=PICTURES.get,
        required=True,
        key="picture",
        bind="query-params",
    )
    # Streamlit takes "?picture=" for a choice of nothing, required or not.
    choice = choice or FIELDS["picture"].default
    message = st.container()
    file = own_file() if choice == OWN else None
    fit = controls.one_of("Size", "fit", FITS, help_text=FIT_HELP)
    with message:
        picture = load(choice, file, fit, "picture")
    st.image(picture.png, output_format="PNG", width="stretch", alt=picture.alt)
    st.caption(f"{picture.title}, as VGG19 sees it: 224 × 224 pixels")
    return picture


def load(choice: str, own: PictureFile | None, fit: Fit, key: str) -> Picture:
    """Decode the chosen picture; on failure say why and keep to the last one that was right.

    ``key`` is that of the control with the choice.
    """
    from vgg_viz.images import PictureError

    remembered = f"last_good_{key}"
    last_good = st.session_state.get(remembered, partial(open_file, default_file(key)))
    if choice != ROBIN:
        st.session_state.pop(f"robin_failure_{key}", None)
    try:
        file = own if choice == OWN else robin_file(key) if choice == ROBIN else sample_file(choice)
        picture = open_file(file, fit) if file else last_good(fit)
    except (PictureError, DownloadError) as error:
        st.error(escape(str(error)), icon=":material/broken_image:")
        if choice == ROBIN:
            give_robin_up(key, error)
        return fall_back(last_good, fit, key)
    if file:
        # Of one's own only the pixels: Streamlit has the file already, of up to 20 MB a visitor.
        again = partial(open_file, file) if file is not own else lambda _: picture
        st.session_state[remembered] = again
    return picture


def fall_back(last_good: Callable[[Fit], Picture], fit: Fit, key: str) -> Picture:
    """The last picture that was right, or where that is gone as well, the first sample."""
    from vgg_viz.images import PictureError

    try:
        return last_good(fit)
    except (PictureError, DownloadError):
        return open_file(default_file(key), fit)


def own_file() -> PictureFile | None:
    """Show the upload and the camera; return the picture given, if there is one."""
    source = controls.one_of("From", "source", SOURCES, label_visibility="collapsed")
    if source == "upload":
        return own_upload("upload", "Your picture")
    given = st.camera_input("Take a photo", key="camera", label_visibility="collapsed")
    return given_file(given, "Your photo")


def own_upload(key: str, title: str) -> PictureFile | None:
    """Show the upload of a photo; return it, if there is one."""
    given = st.file_uploader(
        "A photo of yours",
        type="image",
        max_upload_size=MAX_MEGABYTES,
        key=key,
        label_visibility="collapsed",
    )
    return given_file(given, title)


def given_file(given: UploadedFile | None, title: str) -> PictureFile | None:
    """A visitor's own file, and who will see it."""
    st.caption("It stays with you: nobody else sees it, and a link to this page does not carry it.")
    if given is None:
        st.caption(
            "None is here. If you gave one before the connection was lost, please give it again."
        )
        return None
    # A browser may say any id, that of a sample, too.
    return PictureFile(f"own {given.file_id}", title, title, given.getvalue)


@lru_cache(maxsize=len(SAMPLES))
def sample_file(name: str) -> PictureFile:
    """One of the samples."""
    chosen = sample(name)
    return PictureFile(f"sample {name}", chosen.title, chosen.alt, partial(sample_bytes, name))


def default_file(key: str) -> PictureFile:
    """The sample that the picture control of that key begins with."""
    return sample_file(FIELDS[key].default)


def open_file(file: PictureFile, fit: Fit) -> Picture:
    """Decode a picture file.

    Raises:
        PictureError: the bytes are not a picture that is accepted.
    """
    return Picture(file.title, file.alt, *decoded(file.key, fit, file.read), fit)


@st.cache_data(max_entries=cache_bytes(limit_bytes()).pictures // DECODED_BYTES, show_spinner=False)
def decoded(key: str, fit: Fit, _read: Callable[[], bytes]) -> tuple[np.ndarray, bytes, str]:
    """The pixels of the picture file with that key, as PNG, and their digest.

    The bytes are not looked at to find the result again: hashing a large photo takes longer than
    all the rest of a run.
    """
    from vgg_viz.images import digest, load_picture
    from vgg_viz.mosaic import png

    pixels = load_picture(_read(), fit)
    return pixels, png(pixels), digest(pixels)


def robin_file(key: str) -> PictureFile:
    """The walkthrough's photograph, from its address; kept in the system's temporary folder.

    The site serves it in two sizes, so there is no one hash to hold it against: it is a picture
    like any upload, and decoded with the same care.

    Raises:
        DownloadError: it could not be fetched.
    """
    remembered = f"robin_failure_{key}"
    if remembered in st.session_state:
        raise st.session_state[remembered]
    with st.spinner("Fetching the robin…"):
        path = download(
            ROBIN_URL,
            private_folder(),
            ROBIN_NAME,
            md5=None,
            timeout=(5.0, 10.0),
            max_bytes=MAX_MEGABYTES * 2**20,
        )

    def read() -> bytes:
        try:
            return path.read_bytes()
        except OSError as error:
            raise DownloadError(
                "The robin is not there any more; please choose it anew."
            ) from error

    return PictureFile("robin", PICTURES[ROBIN], ROBIN_ALT, read)


def give_robin_up(key: str, error: Exception) -> None:
    """Let go of what came in the robin's place; the next try comes when it is chosen anew.

    A visitor who stays here would else wait for it after every click.
    """
    st.session_state[f"robin_failure_{key}"] = error
    with suppress(DownloadError, OSError):
        (private_folder() / ROBIN_NAME).unlink(missing_ok=True)


@lru_cache(maxsize=1)
def thumbnail_styles() -> str:
    """The style sheet that turns the picture choice into thumbnails; all of it our own."""
    pictures = [
        f".st-key-picture button:nth-of-type({number})"
        "{background-image:url(data:image/jpeg;base64,"
        f"{base64.b64encode(thumbnail_bytes(sample.name)).decode()})}}"
        for number, sample in enumerate(SAMPLES, start=1)
    ]
    return f"<style>{''.join(pictures)}</style>"


def escape(text: str) -> str:
    """The text with everything that Markdown would take for its own escaped."""
    return "".join(
        f"\\{letter}" if letter in "\\`*_{}[]<>()#+-.!|~:$" else letter for letter in text
    )
