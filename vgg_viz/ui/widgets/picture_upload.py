"""The viewer's own picture, from a file or the camera, kept in their session only."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from vgg_viz.fields import FIELDS, SOURCES
from vgg_viz.image_io.limits import MAX_MEGABYTES, ImageFileError
from vgg_viz.serving.kept_uploads import HOURS
from vgg_viz.ui import state
from vgg_viz.ui.state import reloads
from vgg_viz.ui.widgets import controls, stored_pictures, uploads

if TYPE_CHECKING:
    from vgg_viz.image_io.images import DecodedImage

# Not "image/*", for which iPhones send HEIC: a JPEG takes less to decode. With a MIME type in the
# list, the server does not check extensions; the extensions let browsers that know no MIME type
# for HEIC offer such files.
UPLOADED = (
    *("image/jpeg", "image/png", "image/webp", "image/avif", "image/gif", "image/bmp"),
    *("image/tiff", ".heic", ".heif"),
)


def own_picture(key: str) -> DecodedImage | None:
    """Return the viewer's own picture for a picture field (``picture`` or ``other``), or None."""
    return stored_pictures.current() if key == "picture" else st.session_state.get(f"own-{key}")


def show(key: str, title: str, *, camera: bool = True) -> None:
    """Show the controls that upload the viewer's own picture, and the error of the last upload."""
    source = "upload"
    if camera:
        source = controls.one_of("From", "own_from", SOURCES, label_visibility="collapsed")
    if source == "camera":
        st.camera_input(
            "Take a photo",
            resolution="480p",  # the widget's default of 240 x 180 is below VGG19's 224 x 224
            key="camera",
            label_visibility="collapsed",
            on_change=accept,
            args=(key, "camera", "Your photo"),
        )
    else:
        widget = uploads.key(f"own-upload-{key}")
        st.file_uploader(
            "Another photo of yours" if own_picture(key) else "A photo of yours",
            type=UPLOADED,
            max_upload_size=MAX_MEGABYTES,
            key=widget,
            label_visibility="collapsed",
            on_change=accept,
            args=(key, widget, title),
        )
    uploads.warn(key)
    uploads.show_problem(f"own-problem-{key}")
    st.caption(privacy_note(key))
    if own_picture(key):
        icon = ":material/delete:"
        st.button("Remove it", f"own-remove-{key}", icon=icon, on_click=remove, args=(key,))


def privacy_note(key: str) -> str:
    """Return a note that only the viewer can see their picture."""
    if own_picture(key) or state.was_chosen(key):
        return privacy("it")
    return "Links do not include your own picture. If it was yours, please add it again."


def privacy(pictures: str) -> str:
    """Return a note on who can see a viewer's pictures, and for how long; "it" or "them"."""
    return (
        f"Other viewers cannot see {pictures}, and links do not include {pictures}. A reload keeps "
        f"{pictures}, up to {HOURS} hours after your last action."
    )


def accept(key: str, widget: str, title: str) -> None:
    """Keep the picture just uploaded, or remember why it cannot be read (widget callback)."""
    from vgg_viz.image_io.images import read_image

    file = st.session_state.get(widget)
    if not isinstance(file, UploadedFile):
        return  # none, or one that was read
    st.session_state.pop(f"own-problem-{key}", None)
    try:
        picture = read_image(file.getvalue(), title, title)
        if key == "picture":
            state.change({"own": stored_pictures.keep(picture)})
        else:
            st.session_state[f"own-{key}"] = picture
            reloads.keep(f"own-{key}")
    except ImageFileError as error:
        st.session_state[f"own-problem-{key}"] = str(error)
    uploads.free(f"own-upload-{key}", [file])


def remove(key: str) -> None:
    """Remove the viewer's own picture and choose the default sample instead (widget callback)."""
    number = state.last_own()
    for name in (f"own-{key}", f"own-problem-{key}", f"last_good_{key}"):
        st.session_state.pop(name, None)
    if key == "picture" and number:
        stored_pictures.remove_and_leave([number])
    else:
        reloads.keep(f"own-{key}")
        state.change({key: FIELDS[key].default})
