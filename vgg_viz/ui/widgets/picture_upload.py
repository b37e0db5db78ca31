"""The viewer's own picture, from a file or the camera, kept in their session only."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product

import streamlit as st

from vgg_viz.image_io.input_image import FITS, InputImage
from vgg_viz.image_io.limits import MAX_MEGABYTES
from vgg_viz.links import FIELDS, SOURCES
from vgg_viz.ui import state
from vgg_viz.ui.widgets import controls, uploads
from vgg_viz.ui.widgets.picture_files import PictureOptions, prepared
from vgg_viz.ui.widgets.text_blocks import escape

# Not "image/*", for which iPhones send HEIC: a JPEG takes less to decode. With a MIME type in the
# list, the server does not check extensions; the extensions let browsers that know no MIME type
# for HEIC offer such files.
UPLOADED = (
    *("image/jpeg", "image/png", "image/webp", "image/avif", "image/gif", "image/bmp"),
    *("image/tiff", ".heic", ".heif"),
)


class OwnPicture:
    """The viewer's own picture, prepared with each combination of options; its file is not kept."""

    def __init__(self, title: str, pictures: Mapping[PictureOptions, InputImage]) -> None:
        """Hold an uploaded picture in all its preparations."""
        from vgg_viz.export.mosaic import png

        self.title, self._pictures = title, pictures
        self.stretchable = any(options.as_stored for options in pictures)
        whole = pictures[PictureOptions("crop", as_stored=False)].pixels
        self.thumbnail = png(whole[2::4, 2::4])  # a quarter of each side

    @classmethod
    def of_file(cls, title: str, data: bytes) -> OwnPicture:
        """Decode an uploaded file once, and prepare the picture with each combination of options.

        Raises:
            ImageFileError: The bytes are not an accepted picture.
        """
        from vgg_viz.image_io.images import read_image

        photograph = read_image(data)
        every = [PictureOptions(*one) for one in product(FITS, {False, photograph.stretchable})]
        return cls(title, {one: prepared(photograph, title, title, one) for one in every})

    def open(self, options: PictureOptions) -> InputImage:
        """Return the picture prepared with these options (resizing, contrast stretching)."""
        return self._pictures[PictureOptions(options.fit, options.as_stored and self.stretchable)]


def own_picture(key: str) -> OwnPicture | None:
    """Return the viewer's own picture for a picture field (``picture`` or ``other``), or None."""
    return st.session_state.get(f"own-{key}")


def set_own_picture(key: str, picture: OwnPicture) -> None:
    """Set the viewer's own picture for a picture field, to one uploaded elsewhere on the page."""
    st.session_state[f"own-{key}"] = picture


def show(key: str, title: str, *, camera: bool = True) -> None:
    """Show the controls that upload the viewer's own picture, and the error of the last upload."""
    if camera and controls.one_of("From", "source", SOURCES, label_visibility="collapsed") != (
        "upload"
    ):
        show_camera(key)
    else:
        show_uploader(key, title)
    uploads.warn(key)
    problem = st.session_state.get(f"own-problem-{key}")
    if problem:
        st.error(escape(problem), icon=":material/broken_image:")
    st.caption(privacy_note(key))
    if own_picture(key):
        st.button(
            "Remove it",
            key=f"own-remove-{key}",
            icon=":material/delete:",
            on_click=remove,
            args=(key,),
        )


def show_uploader(key: str, title: str) -> None:
    """Show the file uploader for the viewer's own picture."""
    widget = f"own-upload-{key}-{st.session_state.get(f'own-count-{key}', 0)}"
    st.file_uploader(
        "Another photo of yours" if own_picture(key) else "A photo of yours",
        type=UPLOADED,
        max_upload_size=MAX_MEGABYTES,
        key=widget,
        label_visibility="collapsed",
        on_change=accept,
        args=(key, widget, title),
    )


def show_camera(key: str) -> None:
    """Show the camera widget, whose photo becomes the viewer's own picture for a picture field."""
    st.camera_input(
        "Take a photo",
        resolution="480p",  # the widget's default of 240 x 180 is below VGG19's 224 x 224
        key="camera",
        label_visibility="collapsed",
        on_change=accept,
        args=(key, "camera", "Your photo"),
    )


def privacy_note(key: str) -> str:
    """Return a note that only the viewer can see their picture."""
    if own_picture(key) or state.was_chosen(key):
        return "Other viewers cannot see it, and links do not include it."
    return (
        "Links do not include your own picture. It is removed when you reload the page or lose "
        "the connection for long. If it was yours, please add it again."
    )


def accept(key: str, widget: str, title: str) -> None:
    """Keep the picture just uploaded, or remember why it cannot be read (widget callback)."""
    from vgg_viz.image_io.images import ImageFileError

    file = st.session_state.get(widget)
    if file is None:
        return
    st.session_state.pop(f"own-problem-{key}", None)
    try:
        st.session_state[f"own-{key}"] = OwnPicture.of_file(title, file.getvalue())
    except ImageFileError as error:
        st.session_state[f"own-problem-{key}"] = str(error)
    # The next upload gets a new widget, so that Streamlit frees this one's file.
    st.session_state[f"own-count-{key}"] = st.session_state.get(f"own-count-{key}", 0) + 1


def remove(key: str) -> None:
    """Remove the viewer's own picture and choose the default sample instead (widget callback)."""
    for name in (f"own-{key}", f"own-problem-{key}", f"last_good_{key}"):
        st.session_state.pop(name, None)
    state.change({key: FIELDS[key].default})
