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
from vgg_viz.ui import controls, state
from vgg_viz.ui.memory import cache_bytes, limit_bytes

if TYPE_CHECKING:
    import numpy as np

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


class Own:
    """A picture that a visitor gave, kept as long as they stay: small, and none of its file."""

    def __init__(self, title: str, data: bytes) -> None:
        """Decode a file's bytes at both sizes.

        Raises:
            PictureError: they are not a picture that is accepted.
        """
        self.title = title
        self._made = {fit: Picture(title, title, *decode(data, fit), fit) for fit in FITS}
        self.thumbnail = thumbnail(self._made["crop"].pixels)

    def open(self, fit: Fit) -> Picture:
        """The picture, brought to its size in that way."""
        return self._made[fit]


def choose_other() -> Picture:
    """Show the choice of a second picture, to compare with, and return it."""
    choice = controls.one_of_many("The other picture", "other", PICTURES)
    if choice == OWN:
        take_own("other", "Your other picture", cameras=False)
    return load(choice, str(state.value("fit")), "other")


def choose() -> Picture:
    """Show the sidebar's picture controls and return the picture chosen.

    Where the chosen one cannot be had, the controls say why and the last good one is returned.
    """
    st.html(thumbnail_styles() + own_thumbnail_style())
    with st.container(key="picture-choice"):
        choice = st.pills(
            "Picture",
            list(PICTURES),
            format_func=PICTURES.get,
            required=True,
            **state.tie("picture"),
        )
    message = st.container()
    if choice == OWN:
        take_own("picture", "Your picture")
    fit = controls.one_of("Size", "fit", FITS, help_text=FIT_HELP)
    with message:
        picture = load(choice, fit, "picture")
    st.image(picture.png, output_format="PNG", width="stretch", alt=picture.alt)
    st.caption(f"{picture.title}, as VGG19 sees it: 224 × 224 pixels")
    return picture


def load(choice: str, fit: Fit, key: str) -> Picture:
    """The chosen picture; on failure say why and keep to the last one that was right.

    ``key`` is that of the control with the choice.
    """
    from vgg_viz.images import PictureError

    remembered = f"last_good_{key}"
    last_good = st.session_state.get(remembered, partial(open_file, default_file(key)))
    if choice != ROBIN:
        st.session_state.pop(f"robin_failure_{key}", None)
    try:
        opened = opener(choice, key)
        picture = opened(fit) if opened else last_good(fit)
    except (PictureError, DownloadError) as error:
        st.error(escape(str(error)), icon=":material/broken_image:")
        if choice == ROBIN:
            give_robin_up(key, error)
        return fall_back(last_good, fit, key)
    if opened:
        st.session_state[remembered] = opened
    elif choice == OWN:
        st.caption(f"Until there is one, the page shows *{escape(picture.title)}*.")
    return picture


def opener(choice: str, key: str) -> Callable[[Fit], Picture] | None:
    """What opens the chosen picture; None where the visitor has given none of their own yet.

    Raises:
        DownloadError: it could not be fetched.
    """
    if choice == OWN:
        own = owned(key)
        return own.open if own else None
    return partial(open_file, robin_file(key) if choice == ROBIN else sample_file(choice))


def fall_back(last_good: Callable[[Fit], Picture], fit: Fit, key: str) -> Picture:
    """The last picture that was right, or where that is gone as well, the first sample."""
    from vgg_viz.images import PictureError

    try:
        return last_good(fit)
    except (PictureError, DownloadError):
        return open_file(default_file(key), fit)


# -- the visitor's own


def owned(key: str) -> Own | None:
    """The picture that the visitor gave under that control, if there is one."""
    return st.session_state.get(f"own-{key}")


def take_own(key: str, title: str, *, cameras: bool = True) -> None:
    """Show what a visitor gives a picture with, and what became of the last one that was given."""
    upload = f"own-upload-{key}-{st.session_state.get(f'own-count-{key}', 0)}"
    if (
        not cameras
        or controls.one_of("From", "source", SOURCES, label_visibility="collapsed") == "upload"
    ):
        st.file_uploader(
            "Another photo of yours" if owned(key) else "A photo of yours",
            type="image",
            max_upload_size=MAX_MEGABYTES,
            key=upload,
            label_visibility="collapsed",
            on_change=take,
            args=(key, upload, title),
        )
    else:
        st.camera_input(
            "Take a photo",
            key="camera",
            label_visibility="collapsed",
            on_change=take,
            args=(key, "camera", "Your photo"),
        )
    problem = st.session_state.get(f"own-problem-{key}")
    if problem:
        st.error(escape(problem), icon=":material/broken_image:")
    st.caption(own_words(key))
    if owned(key):
        st.button(
            "Remove it",
            key=f"own-remove-{key}",
            icon=":material/delete:",
            on_click=remove,
            args=(key,),
        )


def own_words(key: str) -> str:
    """Who sees the visitor's picture, and where it has gone if it was there before."""
    if owned(key) or state.was_chosen(key):
        return "It stays with you: nobody else sees it, and a link to this page does not carry it."
    return (
        "A picture of one’s own is not part of a link, and is gone when the page is loaded anew or "
        "the connection was lost for long. If it was yours, please give it again."
    )


def take(key: str, widget: str, title: str) -> None:
    """Keep the picture that was just given, or remember what is wrong with it."""
    from vgg_viz.images import PictureError

    given = st.session_state.get(widget)
    if given is None:
        return
    st.session_state.pop(f"own-problem-{key}", None)
    try:
        st.session_state[f"own-{key}"] = Own(title, given.getvalue())
    except PictureError as error:
        st.session_state[f"own-problem-{key}"] = str(error)
    # The next upload is another widget, so that Streamlit lets go of this one's file.
    st.session_state[f"own-count-{key}"] = st.session_state.get(f"own-count-{key}", 0) + 1


def remove(key: str) -> None:
    """Let go of the visitor's picture, and show a sample in its place."""
    for name in (f"own-{key}", f"own-problem-{key}", f"last_good_{key}"):
        st.session_state.pop(name, None)
    state.change({key: FIELDS[key].default})


# -- samples and the robin


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
    return decode(_read(), fit)


def decode(data: bytes, fit: Fit) -> tuple[np.ndarray, bytes, str]:
    """The pixels of a picture file's bytes, as PNG, and their digest.

    Raises:
        PictureError: they are not a picture that is accepted.
    """
    from vgg_viz.images import digest, load_picture
    from vgg_viz.mosaic import png

    pixels = load_picture(data, fit)
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


def thumbnail(pixels: np.ndarray) -> bytes:
    """A picture, RGB uint8 (224, 224, 3), small enough for the choice of one, as PNG."""
    from vgg_viz.mosaic import png

    return png(pixels[2::4, 2::4])


@lru_cache(maxsize=1)
def thumbnail_styles() -> str:
    """The style sheet that turns the picture choice into thumbnails; all of it our own."""
    pictures = [
        f".st-key-picture-choice button:nth-of-type({number})"
        "{background-image:url(data:image/jpeg;base64,"
        f"{base64.b64encode(thumbnail_bytes(sample.name)).decode()})}}"
        for number, sample in enumerate(SAMPLES, start=1)
    ]
    return f"<style>{''.join(pictures)}</style>"


def own_thumbnail_style() -> str:
    """The same for the visitor's own picture, if there is one."""
    own = owned("picture")
    if own is None:
        return ""
    place = f".st-key-picture-choice button:nth-of-type({list(PICTURES).index(OWN) + 1})"
    data = base64.b64encode(own.thumbnail).decode()
    return (
        f"<style>{place}{{background-image:url(data:image/png;base64,{data})}}"
        f"{place} p{{opacity:0}}</style>"
    )


def escape(text: str) -> str:
    """The text with everything that Markdown would take for its own escaped."""
    return "".join(
        f"\\{letter}" if letter in "\\`*_{}[]<>()#+-.!|~:$" else letter for letter in text
    )
