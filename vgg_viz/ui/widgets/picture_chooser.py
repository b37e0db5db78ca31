"""Choice of the picture to show: a sample, the walkthrough's robin or the viewer's own picture."""

import base64
from collections.abc import Callable
from functools import lru_cache, partial

import streamlit as st

from vgg_viz.downloads.fetching import FileUnavailable
from vgg_viz.image_io.input_image import FITS, InputImage
from vgg_viz.links import OWN, PICTURES, ROBIN
from vgg_viz.option import labels
from vgg_viz.samples import SAMPLES, thumbnail_bytes
from vgg_viz.ui import state
from vgg_viz.ui.widgets import controls, picture_files, picture_upload
from vgg_viz.ui.widgets.picture_files import PictureOptions, default_file, open_file
from vgg_viz.ui.widgets.picture_upload import own_picture
from vgg_viz.ui.widgets.text_blocks import escape

FIT_HELP = (
    "VGG19 takes 224 × 224 pixels. **Stretched** is Keras' `load_img`, as in the walkthrough: "
    "nearest neighbor, aspect ratio not kept. **Cropped** keeps the aspect ratio, cuts off the "
    "sides and resizes smoothly."
)
STORED_HELP = (
    "This file uses a small part of its value range, so its contrast is stretched: the smallest "
    "value is black, the largest white. **As stored** leaves the values unchanged."
)


def choose_other(beside: InputImage) -> InputImage:
    """Show the choice of a second picture, to compare with the page's picture, and return it."""
    choice = controls.one_of_many("The other picture", "other", PICTURES)
    if choice == OWN:
        picture_upload.show("other", "Your other picture", camera=False)
    other = load(choice, options(), "other")
    if other.stretchable and not beside.stretchable:  # else the switch is there already
        choose_as_stored()
    return other


def choose() -> InputImage:
    """Show the sidebar's picture controls and return the chosen picture."""
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
        picture_upload.show("picture", "Your picture")
    controls.one_of("Resizing", "fit", FITS, help_text=FIT_HELP)
    with message:
        picture = load(choice, options(), "picture")
    if picture.stretchable:
        choose_as_stored()
    st.image(picture.png, output_format="PNG", width="stretch", alt=picture.alt)
    caption = f"{picture.title}, as VGG19 sees it: 224 × 224 pixels"
    st.caption(escape("; ".join((caption, *picture.notes))))
    return picture


def options() -> PictureOptions:
    """Return the chosen resizing and contrast option, which apply to all pictures of the page."""
    return PictureOptions(state.choice("fit", FITS), state.is_on("stored"))


def choose_as_stored() -> None:
    """Show the switch *As stored*, which turns contrast stretching off."""
    st.toggle("As stored", help=STORED_HELP, **state.bind("stored"))


def current() -> InputImage:
    """Return the picture that the sidebar's picture controls showed last."""
    default = partial(open_file, default_file("picture"))
    return last_good(st.session_state.get("last_good_picture", default), options(), "picture")


def load(choice: str, wanted: PictureOptions, key: str) -> InputImage:
    """Open the picture chosen for a picture field."""
    from vgg_viz.image_io.images import ImageFileError

    remembered = f"last_good_{key}"
    previous = st.session_state.get(remembered, partial(open_file, default_file(key)))
    if choice != ROBIN:
        picture_files.forget_robin_failure(key)
    try:
        chosen = opener(choice, key)
        picture = chosen(wanted) if chosen else previous(wanted)
    except (ImageFileError, FileUnavailable) as error:
        st.error(escape(str(error)), icon=":material/broken_image:")
        if choice == ROBIN:
            picture_files.note_robin_failure(key, error)
        return last_good(previous, wanted, key)
    if chosen:
        st.session_state[remembered] = chosen
    elif choice == OWN:
        st.caption(f"Showing *{escape(picture.title)}* until you add a picture.")
    return picture


def opener(choice: str, key: str) -> Callable[[PictureOptions], InputImage] | None:
    """Return a function that opens the chosen picture; None for an own picture not added yet.

    Raises:
        FileUnavailable: The robin could not be downloaded.
    """
    if choice == OWN:
        own = own_picture(key)
        return own.open if own else None
    robin = choice == ROBIN
    file = picture_files.robin_file(key) if robin else picture_files.sample_file(choice)
    return partial(open_file, file)


def last_good(
    previous: Callable[[PictureOptions], InputImage], wanted: PictureOptions, key: str
) -> InputImage:
    """Open the picture that a picture field showed before, or its default sample if that fails."""
    from vgg_viz.image_io.images import ImageFileError

    try:
        return previous(wanted)
    except (ImageFileError, FileUnavailable):
        return open_file(default_file(key), wanted)


@lru_cache(maxsize=1)
def thumbnail_styles() -> str:
    """Return CSS that shows the samples' buttons in the picture control as thumbnails."""
    samples = [thumbnail_style(one.name, "jpeg", thumbnail_bytes(one.name)) for one in SAMPLES]
    return f"<style>{''.join(samples)}</style>"


def own_thumbnail_style() -> str:
    """Return CSS that shows the own picture's button as a thumbnail; empty without own picture."""
    own = own_picture("picture")
    return f"<style>{thumbnail_style(OWN, 'png', own.thumbnail)}</style>" if own else ""


def thumbnail_style(choice: str, kind: str, data: bytes) -> str:
    """Return CSS that shows a thumbnail on a button of the picture control, instead of its name.

    Screen readers still read the name.
    """
    button = f".st-key-picture-choice button:nth-of-type({list(PICTURES).index(choice) + 1})"
    url = f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
    return f"{button}{{background-image:url({url})}}{button} p{{opacity:0}}"
