"""Pictures of a visitor's own, several together: small, in their session, and nowhere else."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import streamlit as st

from vgg_viz.image_io.input_image import FITS, Fit, InputImage
from vgg_viz.image_io.limits import MAX_MEGABYTES
from vgg_viz.ui.widgets import picture_chooser, uploads
from vgg_viz.ui.widgets.picture_chooser import UPLOADED, OwnPicture, PictureOptions
from vgg_viz.ui.widgets.text_blocks import escape

if TYPE_CHECKING:
    import numpy as np

MOST = 20
MOST_BYTES = 4_000_000  # of all together as they are kept: 20 photographs have three quarters of it
LONGEST_NAME = 24  # letters
NAMED = 3  # files that a sentence names
KEPT, PROBLEM, COUNT, SEEN = (
    f"own-several-{name}" for name in ("kept", "problem", "count", "seen")
)


class File(Protocol):
    """A file as Streamlit hands it over."""

    name: str
    file_id: str

    def getvalue(self) -> bytes:
        """Its bytes."""


@dataclass(frozen=True)
class StoredPicture:
    """A picture, kept as small as can be without loss; ``notes`` say what was made of it."""

    title: str
    files: Mapping[Fit, bytes]
    digests: Mapping[Fit, str]
    notes: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """How many bytes it takes."""
        return sum(map(len, self.files.values()))

    def open(self, fit: Fit) -> InputImage:
        """The picture at its full size."""
        from vgg_viz.export.mosaic import png

        pixels = unpacked(self.files[fit])
        title, digest = self.title, self.digests[fit]
        return InputImage(title, title, pixels, png(pixels), digest, fit, self.notes)

    def as_own(self) -> OwnPicture:
        """The same as the visitor's one picture."""
        return OwnPicture(
            self.title, {PictureOptions(fit, as_stored=False): self.open(fit) for fit in FITS}
        )


def stored() -> Sequence[StoredPicture]:
    """The visitor's pictures, as they came."""
    return tuple(st.session_state.get(KEPT, ()))


def choose() -> None:
    """Show what several pictures are given with, and what became of those that were."""
    count = st.session_state.get(COUNT, 0)
    given = st.file_uploader(
        f"Up to {MOST} pictures of yours, to be looked through as well",
        type=UPLOADED,
        accept_multiple_files=True,
        max_upload_size=MAX_MEGABYTES,
        key=f"own-upload-several-{count}",
    )
    uploads.warn("several")
    if given:
        add(given)
        # The next ones come in another widget, so that Streamlit lets go of these files.
        st.session_state[COUNT] = count + 1
        st.rerun()
    if st.session_state.get(PROBLEM):
        st.error(escape(st.session_state[PROBLEM]), icon=":material/broken_image:")
    pictures = stored()
    if pictures:
        one = len(pictures) == 1
        what, them = ("One picture", "it") if one else (f"{len(pictures)} pictures", "them")
        st.caption(
            f"{what} of yours, gone when the page is closed. Nobody else sees {them}, and a link "
            f"to this page does not carry {them}."
        )
        st.button(
            f"Remove {them}", key="own-several-remove", icon=":material/delete:", on_click=remove
        )


def add(given: Sequence[File]) -> None:
    """Keep what is a picture of these files, as far as there is room, and say what was not.

    A run that ends on the way, since the visitor has gone on, has kept what it came to: the next
    one goes on from there.
    """
    from vgg_viz.image_io.images import ImageFileError

    seen: dict[str, str] = st.session_state.setdefault(SEEN, {})  # what became of each file
    slot = st.empty()
    for number, file in enumerate(given):
        slot.progress(number / len(given), f"{number} of {len(given)} pictures read")
        if file.file_id in seen:
            continue
        try:
            seen[file.file_id] = keep(compressed(file.name, file.getvalue())) if room() else "left"
        except ImageFileError:
            seen[file.file_id] = "broken"
    slot.empty()
    st.session_state[PROBLEM] = problem(given, [seen[file.file_id] for file in given])
    del st.session_state[SEEN]


def room() -> bool:
    """Whether there is room for one more."""
    return len(stored()) < MOST


def keep(picture: StoredPicture) -> str:
    """Keep a picture with the others if there is room; the same one twice is one."""
    others = stored()
    if any(one.digests == picture.digests for one in others):
        return "kept"
    if sum(one.size for one in others) + picture.size > MOST_BYTES:
        return "left"
    st.session_state[KEPT] = [*others, picture]
    return "kept"


def store_own_picture() -> None:
    """Keep the visitor's one picture with these, as far as there is room, before another one."""
    own = picture_chooser.own_picture("picture")
    if own and room():
        looks = {fit: own.open(PictureOptions(fit, as_stored=False)) for fit in FITS}
        keep(small_of(own.title, looks))


def remove() -> None:
    """A callback's work: let go of all of them."""
    for name in (KEPT, PROBLEM):
        st.session_state.pop(name, None)


def problem(given: Sequence[File], fates: Sequence[str]) -> str:
    """What a visitor must know of files that were not taken, in a sentence each; else nothing."""
    return " ".join(sentences(given, fates))


def sentences(given: Sequence[File], fates: Sequence[str]) -> Iterator[str]:
    """The same, one by one."""
    broken = [
        printable(file.name) for file, fate in zip(given, fates, strict=True) if fate == "broken"
    ]
    if broken:
        named = ", ".join(f"“{name}”" for name in broken[:NAMED])
        more = f" and {len(broken) - NAMED} more" if len(broken) > NAMED else ""
        yield f"No picture that can be read here: {named}{more}."
    if "left" in fates:
        taken = fates.count("kept")
        some = f"{taken} of these {len(given)} {'was' if taken == 1 else 'were'} taken"
        yield (
            f"{some if len(given) > 1 else 'This picture was not taken'}: there is room "
            f"for {MOST} pictures, or fewer of those that are hard to make small."
        )


def compressed(name: str, data: bytes) -> StoredPicture:
    """A photo file's bytes, decoded once, as they are kept.

    Raises:
        ImageFileError: they are not a picture that is accepted.
    """
    from vgg_viz.image_io.images import read_image

    photograph, title = read_image(data), title_of(name)
    looks = [PictureOptions(fit, as_stored=False) for fit in FITS]
    return small_of(
        title,
        {look.fit: picture_chooser.picture_of(photograph, title, title, look) for look in looks},
    )


def small_of(title: str, pictures: Mapping[Fit, InputImage]) -> StoredPicture:
    """A picture, in both fits, as it is kept."""
    return StoredPicture(
        title,
        {fit: packed(picture.pixels) for fit, picture in pictures.items()},
        {fit: picture.digest for fit, picture in pictures.items()},
        next(iter(pictures.values())).notes,
    )


def title_of(name: str) -> str:
    """What a picture is called after its file, without its ending."""
    return printable(name.rpartition(".")[0] or name) or "Yours"


def printable(name: str) -> str:
    """A file's name in printable letters, so many that a tile has room for them."""
    letters = "".join(letter if letter.isprintable() else " " for letter in name).strip()
    return letters if len(letters) <= LONGEST_NAME else f"{letters[: LONGEST_NAME - 1]}…"


def packed(pixels: np.ndarray) -> bytes:
    """Pixels as the smallest file that loses nothing: two thirds of a PNG."""
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "WEBP", lossless=True)
    return file.getvalue()


def unpacked(data: bytes) -> np.ndarray:
    """The same pixels, which nobody may write to."""
    import numpy as np
    from PIL import Image

    pixels = np.array(Image.open(io.BytesIO(data)))
    pixels.flags.writeable = False
    return pixels
