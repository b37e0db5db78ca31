"""Words from outside as plain text: one line, or a file name."""

import re
import unicodedata

# Windows opens a device for a file of such a name, whatever its ending.
DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)", re.IGNORECASE)


def file_stem(words: str) -> str:
    """A safe file name, without ending, from a caption: at most 80 letters, digits, hyphens."""
    letters = unicodedata.normalize("NFKD", words).encode("ascii", "ignore").decode()
    stem = re.sub(r"[^A-Za-z0-9]+", "-", letters).strip("-")[:80].strip("-")
    if not stem or DEVICES.fullmatch(stem):
        stem = f"vgg-viz-{stem}".strip("-")
    return stem


def plain(words: str) -> str:
    """Words from outside as one printable line: no line breaks, no control characters."""
    line = " ".join(words.split())
    return "".join(letter if letter.isprintable() else "�" for letter in line)
