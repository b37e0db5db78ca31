"""Pictures that the viewer uploads together, compressed, and stored only in their session."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import streamlit as st

from vgg_viz.image_io.input_image import FITS, Fit, InputImage
from vgg_viz.image_io.limits import MAX_MEGABYTES
from vgg_viz.ui.widgets import uploads
from vgg_viz.ui.widgets.picture_files import PictureOptions, prepared
from vgg_viz.ui.widgets.picture_upload import UPLOADED, OwnPicture, own_picture
from vgg_viz.ui.widgets.text_blocks import escape

if TYPE_CHECKING:
    from streamlit.runtime.uploaded_file_manager import UploadedFile

MAX_PICTURES = 20
MAX_TOTAL_BYTES = 4_000_000  # compressed; 20 photographs take three quarters of it
MAX_TITLE_LETTERS = 24
MAX_NAMED_FILES = 3  # in an error message
STORED, PROBLEM, COUNT, OUTCOMES = (
    f"own-several-{name}" for name in ("stored", "problem", "count", "outcomes")
)


@dataclass(frozen=True)
class StoredPicture:
    """One of the pictures that the viewer uploaded together, losslessly compressed."""

    title: str  # file name without extension
    files: Mapping[Fit, bytes]  # compressed picture in each resizing (stretched, cropped)
    digests: Mapping[Fit, str]  # digests of its pixels, likewise
    # Remarks on its preparation for the caption, such as contrast stretching.
    notes: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """Size of the compressed picture in all its resizings, in bytes."""
        return sum(map(len, self.files.values()))

    def open(self, fit: Fit) -> InputImage:
        """Decompress the picture in one of its resizings (stretched, cropped)."""
        import numpy as np
        from PIL import Image

        from vgg_viz.export.mosaic import png

        pixels = np.array(Image.open(io.BytesIO(self.files[fit])))
        pixels.flags.writeable = False
        title, digest = self.title, self.digests[fit]
        return InputImage(title, title, pixels, png(pixels), digest, fit, self.notes)

    def as_own(self) -> OwnPicture:
        """Return the picture as an `OwnPicture`, the form of the page's single own picture."""
        return OwnPicture(
            self.title, {PictureOptions(fit, as_stored=False): self.open(fit) for fit in FITS}
        )


def stored() -> Sequence[StoredPicture]:
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
    if stored():
        show_stored(len(stored()))


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
    from vgg_viz.image_io.images import ImageFileError

    outcomes: dict[str, str] = st.session_state.setdefault(OUTCOMES, {})  # by file
    slot = st.empty()
    for number, file in enumerate(files):
        slot.progress(number / len(files), f"{number} of {len(files)} pictures read")
        if file.file_id in outcomes:
            continue
        try:
            outcome = store(compressed(file.name, file.getvalue())) if has_room() else "no room"
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


def store(picture: StoredPicture) -> str:
    """Store a picture once, if there is room; return ``added`` or ``no room``."""
    others = stored()
    if any(one.digests == picture.digests for one in others):
        return "added"
    if sum(one.size for one in others) + picture.size > MAX_TOTAL_BYTES:
        return "no room"
    st.session_state[STORED] = [*others, picture]
    return "added"


def store_own_picture() -> None:
    """Keep the viewer's single picture among the several ones, before another one replaces it."""
    own = own_picture("picture")
    if own and has_room():
        store(
            packed_picture(own.title, {fit: own.open(PictureOptions(fit, False)) for fit in FITS})
        )


def remove() -> None:
    """Remove all pictures that the viewer uploaded together (widget callback)."""
    for name in (STORED, PROBLEM):
        st.session_state.pop(name, None)


def problems_of(files: Sequence[UploadedFile], outcomes: Sequence[str]) -> Iterator[str]:
    """Yield error messages on an upload: one on unreadable files, one on files without room."""
    names = [
        printable(file.name)
        for file, outcome in zip(files, outcomes, strict=True)
        if outcome == "unreadable"
    ]
    if names:
        named = ", ".join(f"“{name}”" for name in names[:MAX_NAMED_FILES])
        more = f" and {len(names) - MAX_NAMED_FILES} more" if len(names) > MAX_NAMED_FILES else ""
        yield f"Could not read as a picture: {named}{more}."
    if "no room" in outcomes:
        added = (
            f"Added {outcomes.count('added')} of {len(files)} pictures"
            if len(files) > 1
            else "Could not add this picture"
        )
        yield f"{added}. You can add up to {MAX_PICTURES}, or fewer if they compress poorly."


def compressed(name: str, data: bytes) -> StoredPicture:
    """Decode an image file, prepare it in all resizings, and compress the results.

    Raises:
        ImageFileError: The bytes are not an accepted picture.
    """
    from vgg_viz.image_io.images import read_image

    photograph, title = read_image(data), title_of(name)
    pictures = {
        fit: prepared(photograph, title, title, PictureOptions(fit, as_stored=False))
        for fit in FITS
    }
    return packed_picture(title, pictures)


def packed_picture(title: str, pictures: Mapping[Fit, InputImage]) -> StoredPicture:
    """Compress a picture that is given in both resizings (stretched, cropped)."""
    return StoredPicture(
        title,
        {fit: packed(picture) for fit, picture in pictures.items()},
        {fit: picture.digest for fit, picture in pictures.items()},
        next(iter(pictures.values())).notes,
    )


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


def packed(picture: InputImage) -> bytes:
    """Encode a picture as lossless WebP, two thirds the size of a PNG."""
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(picture.pixels).save(file, "WEBP", lossless=True)
    return file.getvalue()
