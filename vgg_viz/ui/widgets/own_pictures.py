"""Pictures that the viewer uploads together, stored only in their session."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import streamlit as st

from vgg_viz.image_io.limits import MAX_MEGABYTES, ImageFileError
from vgg_viz.ui.widgets import uploads
from vgg_viz.ui.widgets.picture_upload import UPLOADED, own_picture
from vgg_viz.ui.widgets.text_blocks import escape

if TYPE_CHECKING:
    from streamlit.runtime.uploaded_file_manager import UploadedFile

    from vgg_viz.image_io.images import DecodedImage

MAX_PICTURES = 20
MAX_TOTAL_BYTES = 6_000_000  # as PNG; 20 photographs take two thirds of it
MAX_TITLE_LETTERS = 24
MAX_NAMED_FILES = 3  # in an error message
STORED, PROBLEM, COUNT, OUTCOMES = (
    f"own-several-{name}" for name in ("stored", "problem", "count", "outcomes")
)


def stored() -> Sequence[DecodedImage]:
    """Return the pictures that the viewer uploaded together, in the order of their upload."""
    return tuple(st.session_state.get(STORED, ()))


def choose() -> None:
    """Show an uploader for several pictures, and name the files that could not be added."""
    count = st.session_state.get(COUNT, 0)
    files = st.file_uploader(
        f"Search your own pictures as well (up to {MAX_PICTURES})",
        type=UPLOADED,
        accept_multiple_files=True,
        max_upload_size=MAX_MEGABYTES,
        key=f"own-upload-several-{count}",
    )
    uploads.warn("several")
    if files:
        add(files)
        # The next upload gets a new widget, so that Streamlit frees these files.
        st.session_state[COUNT] = count + 1
        st.rerun()
    if st.session_state.get(PROBLEM):
        st.error(escape(st.session_state[PROBLEM]), icon=":material/broken_image:")
    if count := len(stored()):
        show_stored(count)


def show_stored(count: int) -> None:
    """Show how many pictures are stored, who can see them, and a button that removes them."""
    which, them = ("picture is", "it") if count == 1 else (f"{count} pictures are", "them")
    st.caption(
        f"Your {which} kept until you close the page. Other viewers cannot see {them}, "
        f"and links do not include {them}."
    )
    st.button(f"Remove {them}", key="own-several-remove", icon=":material/delete:", on_click=remove)


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
            title, outcome = title_of(file.name), "no room"
            if has_room():
                outcome = store(read_image(file.getvalue(), title, title))
        except ImageFileError:
            outcome = "unreadable"
        outcomes[file.file_id] = outcome
    slot.empty()
    problems = problems_of(files, [outcomes[file.file_id] for file in files])
    st.session_state[PROBLEM] = " ".join(problems)
    del st.session_state[OUTCOMES]


def has_room() -> bool:
    """Return whether the viewer may add one more picture by number; `store` checks the size."""
    return len(stored()) < MAX_PICTURES


def store(picture: DecodedImage) -> str:
    """Store a picture once, if there is room; return ``added`` or ``no room``."""
    others = stored()
    digests = picture_digests(picture)
    if digests in map(picture_digests, others):
        return "added"
    if sum(one.size for one in others) + picture.size > MAX_TOTAL_BYTES:
        return "no room"
    st.session_state[STORED] = [*others, picture]
    return "added"


def picture_digests(picture: DecodedImage) -> dict[object, str]:
    """Return the digests of a picture's pixels, by its preparation."""
    return {options: image.digest for options, image in picture.images.items()}


def store_own_picture() -> None:
    """Keep the viewer's single picture among the several ones, before another one replaces it."""
    own = own_picture("picture")
    if own and has_room():
        store(own)


def remove() -> None:
    """Remove all pictures that the viewer uploaded together (widget callback)."""
    for name in (STORED, PROBLEM):
        st.session_state.pop(name, None)


def problems_of(files: Sequence[UploadedFile], outcomes: Sequence[str]) -> Iterator[str]:
    """Yield error messages on an upload: one on unreadable files, one on files without room."""
    pairs = zip(files, outcomes, strict=True)
    names = [f"“{printable(file.name)}”" for file, outcome in pairs if outcome == "unreadable"]
    if names:
        more = f" and {len(names) - MAX_NAMED_FILES} more" if len(names) > MAX_NAMED_FILES else ""
        yield f"Could not read as a picture: {', '.join(names[:MAX_NAMED_FILES])}{more}."
    if "no room" in outcomes:
        added = f"Added {outcomes.count('added')} of {len(files)} pictures"
        added = added if len(files) > 1 else "Could not add this picture"
        yield f"{added}. You can add up to {MAX_PICTURES}, or fewer if they compress poorly."


def title_of(name: str) -> str:
    """Return the title of an uploaded picture: its file name without extension.

    >>> title_of("IMG_2034.jpeg")
    'IMG_2034'
    """
    return printable(name.rpartition(".")[0] or name) or "Yours"


def printable(name: str) -> str:
    """Replace unprintable letters of a file name by spaces, and shorten it to fit a tile."""
    letters = "".join(letter if letter.isprintable() else " " for letter in name).strip()
    if len(letters) <= MAX_TITLE_LETTERS:
        return letters
    return f"{letters[: MAX_TITLE_LETTERS - 1]}…"
