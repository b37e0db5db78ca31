"""The picture that the page is about: a sample, the robin from the web, an upload, a photo.

What decodes pictures is imported by what needs it: the controls are on the page a third of a second
earlier without.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import streamlit as st

from vgg_viz.downloads.fetching import DownloadError, download, private_folder
from vgg_viz.image_io.input_image import FITS, Fit, InputImage
from vgg_viz.image_io.limits import MAX_BYTES, MAX_MEGABYTES
from vgg_viz.links import FIELDS, OWN, PICTURES, ROBIN, SOURCES
from vgg_viz.option import labels
from vgg_viz.samples import SAMPLES, sample, sample_bytes, thumbnail_bytes
from vgg_viz.serving.memory import cache_bytes, limit_bytes
from vgg_viz.ui import state
from vgg_viz.ui.widgets import controls, uploads
from vgg_viz.ui.widgets.text_blocks import escape

if TYPE_CHECKING:
    import numpy as np

    from vgg_viz.image_io.images import DecodedImage

DECODED_BYTES = 301_056  # pixels, and as many again for a PNG that cannot be packed
# Kinds of file listed one by one, not "image/*", with which iPhones send HEIC as it is: a JPEG is
# smaller to decode. An extension beside MIME types brings no check of names by the server, and lets
# a HEIC be chosen where browsers know no MIME type for it.
UPLOADED = (
    *("image/jpeg", "image/png", "image/webp", "image/avif", "image/gif", "image/bmp"),
    *("image/tiff", ".heic", ".heif"),
)
ROBIN_URL = "https://machinelearningmastery.com/wp-content/uploads/2019/02/bird.jpg"
ROBIN_NAME = "bird.jpg"
ROBIN_ALT = "A robin, photographed by Chris Heald"

FIT_HELP = (
    "VGG19 takes 224 × 224 pixels. **Stretched** is what Keras' `load_img` does and the "
    "walkthrough shows: nearest pixels, aspect ratio not kept. **Cropped** keeps the aspect "
    "ratio, cuts the sides off and resizes smoothly."
)
STORED_HELP = (
    "The values of this picture are a small part of what its file could hold, so they are "
    "stretched: the least is black, the largest white. **As stored** shows them as they are."
)


class PictureOptions(NamedTuple):
    """How a picture is brought to its size, and whether its values stay as they are stored."""

    fit: Fit
    as_stored: bool


@dataclass(frozen=True)
class PictureFile:
    """A picture file; ``key`` is another for every file, ``read`` returns its bytes."""

    key: str
    title: str
    alt: str
    read: Callable[[], bytes]


class OwnPicture:
    """A picture that a visitor gave, kept as long as they stay: small, and none of its file."""

    def __init__(self, title: str, made: Mapping[PictureOptions, InputImage]) -> None:
        """Keep the picture with each of these looks, both fits among them."""
        self.title, self._made = title, made
        self.stretchable = any(look.as_stored for look in made)
        self.thumbnail = thumbnail(made[PictureOptions("crop", as_stored=False)].pixels)

    @classmethod
    def of_file(cls, title: str, data: bytes) -> OwnPicture:
        """Decode a file's bytes, once for all looks.

        Raises:
            ImageFileError: they are not a picture that is accepted.
        """
        from vgg_viz.image_io.images import read_image

        photograph = read_image(data)
        looks = [PictureOptions(*look) for look in product(FITS, {False, photograph.stretchable})]
        return cls(title, {look: picture_of(photograph, title, title, look) for look in looks})

    def open(self, look: PictureOptions) -> InputImage:
        """The picture with that look."""
        return self._made[PictureOptions(look.fit, look.as_stored and self.stretchable)]


def choose_other(beside: InputImage) -> InputImage:
    """Show the choice of a second picture, to compare with the one ``beside``, and return it."""
    choice = controls.one_of_many("The other picture", "other", PICTURES)
    if choice == OWN:
        take_own("other", "Your other picture", cameras=False)
    other = load(choice, options(), "other")
    if other.stretchable and not beside.stretchable:  # else the switch is there already
        choose_as_stored()
    return other


def choose() -> InputImage:
    """Show the sidebar's picture controls and return the picture chosen.

    Where the chosen one cannot be had, the controls say why and the last good one is returned.
    """
    st.html(thumbnail_styles() + own_thumbnail_style())
    with st.container(key="picture-choice"):
        st.pills(
            "Picture",
            list(PICTURES),
            format_func=labels(PICTURES).__getitem__,
            required=True,
            **state.bind("picture"),
        )
        choice = state.choice("picture", PICTURES)
    message = st.container()
    if choice == OWN:
        take_own("picture", "Your picture")
    controls.one_of("Size", "fit", FITS, help_text=FIT_HELP)
    with message:
        picture = load(choice, options(), "picture")
    if picture.stretchable:
        choose_as_stored()
    st.image(picture.png, output_format="PNG", width="stretch", alt=picture.alt)
    seen = f"{picture.title}, as VGG19 sees it: 224 × 224 pixels"
    st.caption(escape("; ".join((seen, *picture.notes))))
    return picture


def options() -> PictureOptions:
    """The look that is chosen for all pictures."""
    return PictureOptions(state.choice("fit", FITS), state.is_on("stored"))


def choose_as_stored() -> None:
    """Choose whether values stay as they are stored."""
    st.toggle("As stored", help=STORED_HELP, **state.bind("stored"))


def current() -> InputImage:
    """The picture that the page shows, as its controls found it last."""
    first = partial(open_file, default_file("picture"))
    return fall_back(st.session_state.get("last_good_picture", first), options(), "picture")


def load(choice: str, wanted: PictureOptions, key: str) -> InputImage:
    """The chosen picture; on failure say why and keep to the last one that was right.

    ``key`` is that of the control with the choice.
    """
    from vgg_viz.image_io.images import ImageFileError

    remembered = f"last_good_{key}"
    last_good = st.session_state.get(remembered, partial(open_file, default_file(key)))
    if choice != ROBIN:
        st.session_state.pop(f"robin_failure_{key}", None)
    try:
        opened = opener(choice, key)
        picture = opened(wanted) if opened else last_good(wanted)
    except (ImageFileError, DownloadError) as error:
        st.error(escape(str(error)), icon=":material/broken_image:")
        if choice == ROBIN:
            give_robin_up(key, error)
        return fall_back(last_good, wanted, key)
    if opened:
        st.session_state[remembered] = opened
    elif choice == OWN:
        st.caption(f"Until there is one, the page shows *{escape(picture.title)}*.")
    return picture


def opener(choice: str, key: str) -> Callable[[PictureOptions], InputImage] | None:
    """What opens the chosen picture; None where the visitor has given none of their own yet.

    Raises:
        DownloadError: it could not be fetched.
    """
    if choice == OWN:
        own = own_picture(key)
        return own.open if own else None
    return partial(open_file, robin_file(key) if choice == ROBIN else sample_file(choice))


def fall_back(
    last_good: Callable[[PictureOptions], InputImage], wanted: PictureOptions, key: str
) -> InputImage:
    """The last picture that was right, or where that is gone as well, the first sample."""
    from vgg_viz.image_io.images import ImageFileError

    try:
        return last_good(wanted)
    except (ImageFileError, DownloadError):
        return open_file(default_file(key), wanted)


# -- the visitor's own


def own_picture(key: str) -> OwnPicture | None:
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
            "Another photo of yours" if own_picture(key) else "A photo of yours",
            type=UPLOADED,
            max_upload_size=MAX_MEGABYTES,
            key=upload,
            label_visibility="collapsed",
            on_change=take,
            args=(key, upload, title),
        )
    else:
        st.camera_input(
            "Take a photo",
            resolution="480p",  # the widget's own 240 x 180 are fewer than VGG19's 224 x 224
            key="camera",
            label_visibility="collapsed",
            on_change=take,
            args=(key, "camera", "Your photo"),
        )
    uploads.warn(key)
    problem = st.session_state.get(f"own-problem-{key}")
    if problem:
        st.error(escape(problem), icon=":material/broken_image:")
    st.caption(own_words(key))
    if own_picture(key):
        st.button(
            "Remove it",
            key=f"own-remove-{key}",
            icon=":material/delete:",
            on_click=remove,
            args=(key,),
        )


def own_words(key: str) -> str:
    """Who sees the visitor's picture, and where it has gone if it was there before."""
    if own_picture(key) or state.was_chosen(key):
        return "It stays with you: nobody else sees it, and a link to this page does not carry it."
    return (
        "A picture of one’s own is not part of a link, and is gone when the page is loaded anew or "
        "the connection was lost for long. If it was yours, please give it again."
    )


def take(key: str, widget: str, title: str) -> None:
    """Keep the picture that was just given, or remember what is wrong with it."""
    from vgg_viz.image_io.images import ImageFileError

    given = st.session_state.get(widget)
    if given is None:
        return
    st.session_state.pop(f"own-problem-{key}", None)
    try:
        st.session_state[f"own-{key}"] = OwnPicture.of_file(title, given.getvalue())
    except ImageFileError as error:
        st.session_state[f"own-problem-{key}"] = str(error)
    # The next upload is another widget, so that Streamlit lets go of this one's file.
    st.session_state[f"own-count-{key}"] = st.session_state.get(f"own-count-{key}", 0) + 1


def set_own_picture(key: str, own: OwnPicture) -> None:
    """Take a picture for the visitor's own that they gave elsewhere on the page."""
    st.session_state[f"own-{key}"] = own


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


def open_file(file: PictureFile, wanted: PictureOptions) -> InputImage:
    """Decode a picture file.

    Raises:
        ImageFileError: the bytes are not a picture that is accepted.
    """
    pixels, data, digest, notes = decoded(file.key, wanted.fit, file.read)
    return InputImage(file.title, file.alt, pixels, data, digest, wanted.fit, notes)


@st.cache_data(max_entries=cache_bytes(limit_bytes()).pictures // DECODED_BYTES, show_spinner=False)
def decoded(
    key: str, fit: Fit, _read: Callable[[], bytes]
) -> tuple[np.ndarray, bytes, str, tuple[str, ...]]:
    """The pixels of the picture file with that key, as PNG, their digest, and what to say of them.

    The bytes are not looked at to find the result again: hashing a large photo takes longer than
    all the rest of a run.
    """
    from vgg_viz.image_io.images import read_image

    made = picture_of(read_image(_read()), "", "", PictureOptions(fit, as_stored=False))
    return made.pixels, made.png, made.digest, made.notes


def picture_of(photograph: DecodedImage, title: str, alt: str, look: PictureOptions) -> InputImage:
    """A decoded photograph with that look."""
    from vgg_viz.export.mosaic import png
    from vgg_viz.image_io.images import digest

    pixels = photograph.pixels(look.fit, as_stored=look.as_stored)
    notes = photograph.notes(as_stored=look.as_stored)
    name, data, offers = digest(pixels), png(pixels), photograph.stretchable
    return InputImage(title, alt, pixels, data, name, look.fit, notes, offers)


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
            max_bytes=MAX_BYTES,
        )
    return robin_at(path)


def robin_if_fetched() -> PictureFile | None:
    """The same where somebody has had it fetched already."""
    with suppress(DownloadError, OSError):
        path = private_folder() / ROBIN_NAME
        return robin_at(path) if path.is_file() else None
    return None


def robin_at(path: Path) -> PictureFile:
    """The robin in that file."""

    def read() -> bytes:
        try:
            return path.read_bytes()
        except OSError as error:
            raise DownloadError(
                "The robin is not there any more; please choose it anew."
            ) from error

    return PictureFile("robin", PICTURES[ROBIN].label, ROBIN_ALT, read)


def give_robin_up(key: str, error: Exception) -> None:
    """Let go of what came in the robin's place; the next try comes when it is chosen anew.

    A visitor who stays here would else wait for it after every click.
    """
    st.session_state[f"robin_failure_{key}"] = error
    with suppress(DownloadError, OSError):
        (private_folder() / ROBIN_NAME).unlink(missing_ok=True)


def thumbnail(pixels: np.ndarray) -> bytes:
    """A picture, RGB uint8 (224, 224, 3), small enough for the choice of one, as PNG."""
    from vgg_viz.export.mosaic import png

    return png(pixels[2::4, 2::4])


@lru_cache(maxsize=1)
def thumbnail_styles() -> str:
    """The style sheet that turns the picture choice into thumbnails; all of it our own."""
    samples = [thumbnail_style(one.name, "jpeg", thumbnail_bytes(one.name)) for one in SAMPLES]
    return f"<style>{''.join(samples)}</style>"


def own_thumbnail_style() -> str:
    """The same for the visitor's own picture, if there is one."""
    own = own_picture("picture")
    return f"<style>{thumbnail_style(OWN, 'png', own.thumbnail)}</style>" if own else ""


def thumbnail_style(choice: str, kind: str, data: bytes) -> str:
    """The rules that show a picture in the place of its choice's name, left to screen readers."""
    button = f".st-key-picture-choice button:nth-of-type({list(PICTURES).index(choice) + 1})"
    url = f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
    return f"{button}{{background-image:url({url})}}{button} p{{opacity:0}}"
