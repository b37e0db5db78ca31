"""Uploads of the viewer's own pictures: one, from a file or the camera, or several together.

They are kept in the viewer's session only.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from vgg_viz.fields import FIELDS, SOURCES
from vgg_viz.image_io.limits import MAX_MEGABYTES, ImageFileError
from vgg_viz.model.networks import JOINERS
from vgg_viz.serving.kept_uploads import HOURS
from vgg_viz.ui import state
from vgg_viz.ui.state import reloads
from vgg_viz.ui.widgets import controls, stored_pictures, uploads
from vgg_viz.ui.widgets.stored_pictures import MAX_PICTURES, has_room, store

if TYPE_CHECKING:
    from vgg_viz.image_io.images import DecodedImage

# Not "image/*", for which iPhones send HEIC: a JPEG takes less to decode. With a MIME type in the
# list, the server does not check extensions; the extensions let browsers that know no MIME type
# for HEIC offer such files.
UPLOADED = (
    *("image/jpeg", "image/png", "image/webp", "image/avif", "image/gif", "image/bmp"),
    *("image/tiff", ".heic", ".heif"),
)
MAX_TITLE_LETTERS = 24
MAX_NAMED_FILES = 3  # in an error message
UPLOADER, PROBLEM, OUTCOMES = "own-upload-several", "own-several-problem", "own-several-outcomes"


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


def show_several() -> None:
    """Show an uploader for several pictures, and name the files that could not be added."""
    files = st.file_uploader(
        f"Search your own pictures as well (up to {MAX_PICTURES})",
        type=UPLOADED,
        accept_multiple_files=True,
        max_upload_size=MAX_MEGABYTES,
        key=uploads.key(UPLOADER),
    )
    uploads.warn("several")
    if files:
        add(files)
        uploads.free(UPLOADER, files)
        if state.last_own() is None and stored_pictures.stored():
            state.change({"own": next(iter(stored_pictures.stored()))})
        st.rerun()
    uploads.show_problem(PROBLEM)
    if stored := len(stored_pictures.stored()):
        which, them = (f"{stored} pictures are", "them") if stored > 1 else ("One picture is", "it")
        st.caption(f"{which} yours. {privacy(them)}")
        icon = ":material/delete:"
        st.button(f"Remove {them}", "own-several-remove", icon=icon, on_click=remove_all)


def add(files: Sequence[UploadedFile]) -> None:
    """Store the readable pictures of these files while there is room, and remember which were not.

    If a newer script run replaces this one, the pictures decoded so far are kept, and the newer run
    continues with the rest.
    """
    from vgg_viz.image_io.images import read_image

    outcomes: dict[str, str] = st.session_state.setdefault(OUTCOMES, {})  # by file
    slot = st.empty()
    for number, file in enumerate(files):
        slot.progress(number / len(files), f"{number} of {len(files)} pictures read")
        if file.file_id in outcomes:
            continue
        try:
            title, data, outcome = title_of(file.name), file.getvalue(), "no room"
            if data == uploads.NO_ROOM:
                outcome = "too large together"
            elif has_room() and store(read_image(data, title, title)):
                outcome = "added"
        except ImageFileError:
            outcome = "unreadable"
        outcomes[file.file_id] = outcome
    slot.empty()
    problems = problems_of(files, [outcomes[file.file_id] for file in files])
    st.session_state[PROBLEM] = " ".join(problems)
    del st.session_state[OUTCOMES]


def remove_all() -> None:
    """Remove all of the viewer's own pictures (widget callback)."""
    st.session_state.pop(PROBLEM, None)
    stored_pictures.remove_and_leave(list(stored_pictures.stored()))


def problems_of(files: Sequence[UploadedFile], outcomes: Sequence[str]) -> Iterator[str]:
    """Yield error messages on an upload, at most one of each kind."""
    sentences = {
        "unreadable": "Could not read as a picture",
        "too large together": f"More than {uploads.megabytes_together()} MB together, so not added",
    }
    for kind, sentence in sentences.items():
        pairs = zip(files, outcomes, strict=True)
        if names := [file.name for file, outcome in pairs if outcome == kind]:
            yield f"{sentence}: {file_list(names)}."
    if "no room" in outcomes:
        added = f"Added {outcomes.count('added')} of {len(files)} pictures"
        added = added if len(files) > 1 else "Could not add this picture"
        yield f"{added}. You can add up to {MAX_PICTURES}, or fewer if they compress poorly."


def file_list(names: Sequence[str]) -> str:
    """Return the first few names of files, quoted, and the number of the others.

    >>> file_list(["a.png", "b.png", "c.png", "d.png"])
    '“a.png”, “b.png”, “c.png” and 1 more'
    """
    named = ", ".join(f"“{printable(name)}”" for name in names[:MAX_NAMED_FILES])
    more = len(names) - MAX_NAMED_FILES
    return f"{named} and {more} more" if more > 0 else named


def title_of(name: str) -> str:
    """Return the title of an uploaded picture: its file name without extension.

    >>> title_of("IMG_2034.jpeg")
    'IMG_2034'
    """
    return printable(name.rpartition(".")[0] or name) or "Yours"


def printable(name: str) -> str:
    """Replace unprintable letters of a file name by spaces, and shorten it to fit a tile."""
    letters = "".join(one if one.isprintable() or one in JOINERS else " " for one in name)
    letters = letters.strip(f" {JOINERS}")
    if len(letters) <= MAX_TITLE_LETTERS:
        return letters
    return f"{letters[: MAX_TITLE_LETTERS - 1].rstrip(JOINERS)}…"
