"""Text from outside, such as a picture's name: as one line, a file name, or lines of an image.

The font of exported images is DejaVu Sans, which comes with Matplotlib and looks alike on every
machine: Latin letters with all accents, Greek, Cyrillic, Arabic, Hebrew, − and ×. Matplotlib (from
3.11, by libraqm) joins Arabic letters and sets Arabic and Hebrew from right to left.
"""

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Callable, Mapping
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from vgg_viz.model.networks import JOINERS

if TYPE_CHECKING:
    from matplotlib.font_manager import FontProperties

# Windows opens a device for a file of such a name, whatever its ending.
DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)", re.IGNORECASE)
NO_SUBSTITUTES: Mapping[str, str] = MappingProxyType({})
MARK = "\u200e"  # left to right, invisible
# Soft hyphen, zero-width space, marks of direction, word joiner, byte order mark and tags.
_INVISIBLE = re.compile(
    "[\u00ad\u061c\u200b\u200e\u200f\u202a-\u202c\u2060-\u2069\ufeff\U000e0020-\U000e007f]"
)
_LEFTWARD = "\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc"
# What runs from left to right in a line of either direction: numbers and Latin words with an
# operator, or a number with a sign. Code spans, addresses and a list's numbers stay as they are.
_WORD = r"[A-Za-z](?:[A-Za-z0-9_.-]*[A-Za-z0-9])?"
_NUMBER = r"(?:\d(?:[\d.,٫٬]*\d)?(?:%|×(?! ?[\dA-Za-z]))?)"
_OPERAND = rf"(?:{_WORD}|[+−-]?{_NUMBER})"
_OPERATOR = r" ?[×=+−/÷≈≤≥<>:–-] ?"
_KEPT = r"`[^`]*`|\]\([^)]*\)|https?://\S+|^\s*\d+[.)](?=\s)"
_FORMULA = re.compile(
    rf"(?P<kept>{_KEPT})|{_OPERAND}(?:(?:{_OPERATOR}| ){_OPERAND})*", re.MULTILINE
)
_HAS_OPERATOR = re.compile(rf"[×=+−÷≈≤≥<>]|{_NUMBER}{_OPERATOR}{_OPERAND}|^-\d")
ISOLATE, END = "\u2066", "\u2069"  # left to right, apart from the text around it; invisible
NO_BREAK = "\u00a0"  # a space at which no line ends
LONGEST_UNBROKEN = 24  # of formulas, in letters
_LEFTWARD_WORDS = re.compile(rf"[{_LEFTWARD}]([{_LEFTWARD}{JOINERS}\s]*[{_LEFTWARD}])?")


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

    Invisible letters are removed, except joiners, which Persian and Hindi are spelled with.

    >>> plain("a\nb\u00adc")
    'a bc'
    """
    line = " ".join(_INVISIBLE.sub("", text).split())
    return "".join(letter if letter.isprintable() or letter in JOINERS else "�" for letter in line)


def settable(text: str, substitutes: Mapping[str, str] = NO_SUBSTITUTES) -> str:
    """Return a text from outside as one line of letters that the font has.

    A name in a script that the font lacks is replaced by its substitute, such as "class 285"; other
    letters that it lacks, by "…".

    >>> settable("Evidence for 猫 · 猿.jpg", {"猫": "class 285"})
    'Evidence for class 285 · ….jpg'
    """
    line = plain(text)
    if _is_lacking(line):
        found = {plain(name): one for name, one in substitutes.items() if _is_lacking(name)}
        any_name = "|".join(map(re.escape, sorted(found, key=len, reverse=True))) or "$"
        line = re.sub(rf"(?<!\w)({any_name})(?!\w)", lambda name: found.get(name[0], ""), line)
    runs = groupby(line, _is_lacking)
    line = "".join("…" if lacking else "".join(letters) for lacking, letters in runs)
    return re.sub(rf"…([{JOINERS}]*…)+", "…", line)


def _is_lacking(text: str) -> bool:
    return not _letters().issuperset(text)


def rightward(line: str) -> str:
    """Return a line that runs from left to right, as on the page, whatever its first letter.

    Arabic and Hebrew words in it run from right to left. A number or a bracket after such a word
    keeps its place in the line, by invisible marks.
    """
    return _LEFTWARD_WORDS.sub(rf"{MARK}\g<0>{MARK}", line)


def leftward(text: str) -> str:
    """Return a Markdown text that runs from right to left, with its formulas from left to right.

    Without the invisible marks, ``224 × 112`` would be shown as ``112 × 224`` in Persian. A short
    formula stays on one line.

    >>> leftward("3×3") == "\u20663×3\u2069"
    True
    """

    def isolated(found: re.Match[str]) -> str:
        formula = found[0]
        if found["kept"] or not _HAS_OPERATOR.search(formula):
            return formula
        if len(formula) <= LONGEST_UNBROKEN:
            formula = formula.replace(" ", NO_BREAK)
        return f"{ISOLATE}{formula}{END}"

    return _FORMULA.sub(isolated, text)


def wrap(text: str, length: Callable[[str], float], width: float) -> list[str]:
    """Break a text into lines of at most ``width``, as measured by the function ``length``.

    A word that is longer than a line is broken anywhere.

    >>> wrap("a grid of tiles", len, 7)
    ['a grid', 'of', 'tiles']
    """
    lines, line = [], ""
    for word in text.split(" "):
        longer = f"{line} {word}" if line else word
        if length(longer) <= width:
            line = longer
            continue
        if line:
            lines.append(line)
        line = word
        while length(line) > width and len(line) > 1:
            fitting = _fitting(line, length, width)
            lines.append(line[:fitting])
            line = line[fitting:]
    return [*lines, line]


def shorten(text: str, length: Callable[[str], float], width: float) -> str:
    """Cut off a text that is longer than ``width``, with an ellipsis at its end.

    >>> shorten("Egyptian cat", len, 10)
    'Egyptian…'
    """
    if length(text) <= width:
        return text
    return text[: _fitting(text, lambda start: length(f"{start}…"), width)].rstrip() + "…"


def _fitting(text: str, length: Callable[[str], float], width: float) -> int:
    """Return the number of a text's first letters that fit into ``width``; at least 1."""
    ends = range(1, len(text))
    return max(1, bisect_right(ends, width, key=lambda end: length(text[:end])))


@lru_cache(maxsize=4096)
def relative_width(text: str, *, bold: bool = False) -> float:
    """Return the width of a line of text, divided by the size of its letters."""
    from matplotlib.textpath import text_to_path

    width, _, _ = text_to_path.get_text_width_height_descent(text, font(1, bold=bold), ismath=False)
    return float(width)


def font(size: float, *, bold: bool = False) -> "FontProperties":
    """Return Matplotlib's DejaVu Sans, in a size in points."""
    from matplotlib import get_data_path
    from matplotlib.font_manager import FontProperties

    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    return FontProperties(fname=Path(get_data_path(), "fonts", "ttf", name), size=size)


@lru_cache(maxsize=1)
def _letters() -> frozenset[str]:
    """Return the letters that both the regular and the bold font have."""
    from matplotlib.font_manager import get_font

    files = (str(font(1, bold=bold).get_file()) for bold in (False, True))
    charmaps = (get_font(file).get_charmap() for file in files)
    return frozenset.intersection(*(frozenset(map(chr, charmap)) for charmap in charmaps))
