"""Conversion of text from outside, such as a picture's name, to one line or to a file name."""

import re
import unicodedata

# Windows opens a device for a file of such a name, whatever its ending.
DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)", re.IGNORECASE)


def file_stem(text: str) -> str:
    """Return a safe file name without extension: at most 80 letters, digits and hyphens.

    >>> file_stem("5 · block3_conv1, Cat")
    '5-block3-conv1-Cat'
    """
    letters = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    stem = re.sub(r"[^A-Za-z0-9]+", "-", letters).strip("-")[:80].strip("-")
    if not stem or DEVICES.fullmatch(stem):
        stem = f"vgg-viz-{stem}".strip("-")
    return stem


def plain(text: str) -> str:
    r"""Return a text as one printable line: no line breaks, no control characters.

    >>> plain("a\nb")
    'a b'
    """
    line = " ".join(text.split())
    return "".join(letter if letter.isprintable() else "�" for letter in line)
