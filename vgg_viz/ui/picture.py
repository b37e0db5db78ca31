"""The picture that the page is about: a sample, the robin from the web, an upload, a photo."""

import tempfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import streamlit as st

from vgg_viz.downloads import DownloadError, download
from vgg_viz.images import (
    MAX_BYTES,
    SAMPLES,
    Fit,
    PictureError,
    digest,
    load_picture,
    sample_bytes,
    thumbnail,
)

ROBIN_URL = "https://machinelearningmastery.com/wp-content/uploads/2019/02/bird.jpg"
ROBIN_CREDIT = "A robin, photographed by Chris Heald"

ROBIN, OWN = "robin", "own"
TITLES = {sample.name: sample.title for sample in SAMPLES} | {ROBIN: "Robin", OWN: "Your own"}

FITS: dict[Fit, str] = {"stretch": "Stretched", "crop": "Cropped"}
FIT_HELP = (
    "VGG19 takes 224 × 224 pixels. **Stretched** is what Keras' `load_img` does and the "
    "walkthrough shows: nearest pixels, aspect ratio not kept. **Cropped** keeps the aspect "
    "ratio, cuts the sides off and resizes smoothly."
)


@dataclass(frozen=True)
class Picture:
    """A picture as the network sees it: RGB uint8 (224, 224, 3), read-only."""

    title: str
    pixels: np.ndarray
    digest: str
    fit: Fit

    @property
    def caption(self) -> str:
        """The picture's name and how it was brought to its size."""
        return f"{self.title} ({FITS[self.fit].lower()})"


def choose() -> Picture:
    """Show the sidebar's picture controls and return the picture chosen.

    Where the chosen one cannot be had, the controls say why and the last good one is returned.
    """
    st.html(thumbnail_styles())
    choice = st.pills(
        "Picture",
        list(TITLES),
        default=SAMPLES[0].name,
        format_func=TITLES.get,
        required=True,
        key="picture",
        bind="query-params",
    )
    given = own_picture() if choice == OWN else (TITLES[choice], None)
    fit = st.segmented_control(
        "Size",
        list(FITS),
        default="stretch",
        format_func=FITS.get,
        required=True,
        key="fit",
        bind="query-params",
        help=FIT_HELP,
        width="stretch",
    )
    picture = load(choice, given, fit)
    st.image(
        picture.pixels,
        output_format="PNG",
        width="stretch",
        alt=f"{picture.title}, as VGG19 sees it",
    )
    st.caption(f"{picture.title}, as VGG19 sees it: 224 × 224 pixels")
    return picture


def load(choice: str, given: tuple[str, bytes | None], fit: Fit) -> Picture:
    """Decode the chosen picture; on failure say why and keep to the last one that was right."""
    title, data = given
    if choice == OWN and data is None:
        return last_good(fit)
    try:
        if choice == ROBIN:
            data = robin_bytes()
        picture = open_picture(title, data, fit) if data else open_sample(choice, fit)
    except (PictureError, DownloadError) as error:
        st.error(escape(str(error)), icon=":material/broken_image:")
        return last_good(fit)
    st.session_state["last_good"] = title, data or sample_bytes(choice)
    return picture


def own_picture() -> tuple[str, bytes | None]:
    """Show the upload and the camera; return the title and the bytes given, or None."""
    source = st.segmented_control(
        "From",
        ["upload", "camera"],
        default="upload",
        format_func={
            "upload": ":material/upload: Upload",
            "camera": ":material/photo_camera: Camera",
        }.get,
        required=True,
        key="source",
        label_visibility="collapsed",
        width="stretch",
    )
    if source == "camera":
        photo = st.camera_input("Take a photo", key="camera", label_visibility="collapsed")
        return "Your photo", photo.getvalue() if photo else None
    upload = st.file_uploader(
        "A photo of yours",
        type="image",
        max_upload_size=MAX_BYTES // 2**20,
        key="upload",
        label_visibility="collapsed",
    )
    st.caption("It stays with you: nobody else sees it, and a link to this page does not carry it.")
    return "Your picture", upload.getvalue() if upload else None


def last_good(fit: Fit) -> Picture:
    """The last picture that could be shown to this viewer; the first sample before any was."""
    first = SAMPLES[0]
    title, data = st.session_state.get("last_good", (first.title, sample_bytes(first.name)))
    return open_picture(title, data, fit)


@lru_cache(maxsize=32)
def open_sample(name: str, fit: Fit) -> Picture:
    """One of the samples, decoded once for all viewers."""
    return open_picture(TITLES[name], sample_bytes(name), fit)


def open_picture(title: str, data: bytes, fit: Fit) -> Picture:
    """Decode a picture file.

    Raises:
        PictureError: the bytes are not a picture that is accepted.
    """
    cached = decoded(data, fit)
    return Picture(title, cached, digest(cached), fit)


@st.cache_data(max_entries=64, show_spinner=False)
def decoded(data: bytes, fit: Fit) -> np.ndarray:
    """The pixels of a picture file, uint8 (224, 224, 3); 147 kB each."""
    return load_picture(data, fit)


def robin_bytes() -> bytes:
    """The walkthrough's photograph, from its address; kept in the system's temporary folder.

    The site serves it in two sizes, so there is no one hash to hold it against: it is a picture
    like any upload, and decoded with the same care.

    Raises:
        DownloadError: it could not be fetched.
    """
    folder = Path(tempfile.gettempdir()) / "vgg_viz"
    with st.spinner("Fetching the robin…"):
        return download(ROBIN_URL, folder, "bird.jpg", md5=None, timeout=(5.0, 10.0)).read_bytes()


@lru_cache(maxsize=1)
def thumbnail_styles() -> str:
    """The style sheet that turns the picture choice into thumbnails; all of it our own."""
    import base64

    pictures = [
        f".st-key-picture button:nth-of-type({number})"
        "{background-image:url(data:image/jpeg;base64,"
        f"{base64.b64encode(thumbnail(sample_bytes(sample.name))).decode()})}}"
        for number, sample in enumerate(SAMPLES, start=1)
    ]
    return f"<style>{''.join(pictures)}</style>"


def escape(text: str) -> str:
    """The text with everything that Markdown would take for its own escaped."""
    return "".join(
        f"\\{letter}" if letter in "\\`*_{}[]<>()#+-.!|~:$" else letter for letter in text
    )
