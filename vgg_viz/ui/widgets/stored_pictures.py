"""The viewer's own pictures, kept in their session only, numbered from 1 in the order of upload.

A link has the number of the picture that the page shows, not the picture: so Back and Forward find
each one again, whatever was uploaded since.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import streamlit as st

from vgg_viz.fields import FIELDS, OWN
from vgg_viz.ui import state
from vgg_viz.ui.state import reloads

if TYPE_CHECKING:
    from vgg_viz.image_io.images import DecodedImage

MAX_PICTURES = 20
MAX_TOTAL_BYTES = 6_000_000  # as PNG; 20 photographs take two thirds of it
STORED, NUMBERED = "own-stored", "own-numbered"


def stored() -> Mapping[int, DecodedImage]:
    """Return the viewer's own pictures by number, in the order of their upload."""
    return dict(st.session_state.get(STORED, {}))


def current() -> DecodedImage | None:
    """Return the own picture that the page shows, or showed last; None if there is none."""
    return stored().get(state.last_own() or 0)


def has_room() -> bool:
    """Return whether the viewer may add one more picture by number; `store` checks the size."""
    return len(stored()) < MAX_PICTURES


def store(picture: DecodedImage) -> int | None:
    """Store a picture once, if there is room; return its number, or None without room."""
    others = stored()
    digests = picture_digests(picture)
    for known, one in others.items():
        if picture_digests(one) == digests:
            return known
    size = sum(one.size for one in others.values()) + picture.size
    if not has_room() or size > MAX_TOTAL_BYTES:
        return None
    # Not a number that the opened link has: it was another picture of an earlier visit.
    number: int = max(st.session_state.get(NUMBERED, 0), state.last_own() or 0) + 1
    st.session_state[NUMBERED] = number
    reloads.keep(NUMBERED)
    _hold({**others, number: picture})
    return number


def keep(picture: DecodedImage) -> int:
    """Store a picture, in place of the oldest ones if there is no room; return its number."""
    while (number := store(picture)) is None:
        remove([next(iter(stored()))])
    return number


def picture_digests(picture: DecodedImage) -> dict[object, str]:
    """Return the digests of a picture's pixels, by its preparation."""
    return {options: image.digest for options, image in picture.images.items()}


def remove(numbers: list[int]) -> None:
    """Remove pictures by their numbers."""
    _hold({number: one for number, one in stored().items() if number not in numbers})


def _hold(pictures: Mapping[int, DecodedImage]) -> None:
    st.session_state[STORED] = pictures
    reloads.keep(STORED)


def remove_and_leave(numbers: list[int]) -> None:
    """Remove pictures; if the page shows one of them, show the default sample (widget callback)."""
    remove(numbers)
    if state.last_own() in numbers:
        st.session_state.pop("last_good_picture", None)
        shown = state.value("picture") == OWN
        state.change({"own": None} | ({"picture": FIELDS["picture"].default} if shown else {}))
