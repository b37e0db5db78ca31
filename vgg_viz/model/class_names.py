"""Names and WordNet ids of the 1,000 ImageNet classes, as Keras distributes them.

The classes are those of the ImageNet challenge 2012, https://arxiv.org/abs/1409.0575. Two names
occur twice in Keras' list (crane, the bird and the machine; maillot, two garments), so only the
WordNet id identifies a class.

A host's own list may have any usual form: a class a line, CSV, or a literal of JSON or Python; a
name, and optionally its WordNet id and its index, from 0 or 1. ImageNet's ids ascend with the
index. In the challenge's development kit (``n02119789 1 kit_fox``) they do not: its numbers are not
the indices, so its classes are sorted by id.
"""

import ast
import csv
import errno
import json
import logging
import os
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from vgg_viz.downloads.fetching import FileUnavailable, expanded
from vgg_viz.downloads.file_kinds import recognize
from vgg_viz.downloads.keras_files import KerasFile, fetch, find, folders, regular_status
from vgg_viz.model.architecture import VGG19
from vgg_viz.model.networks import name_of

# As in keras/src/applications/imagenet_utils.py; the second URL is that of older Keras versions.
CLASS_INDEX = KerasFile(
    "imagenet_class_index.json",
    "c2c37ea517e94d9795004a39431a14cb",
    35_363,
    (
        "https://storage.googleapis.com/download.tensorflow.org/data/",
        "https://s3.amazonaws.com/deep-learning-models/image-models/",
    ),
)
PATH_VARIABLE = "VGG_VIZ_CLASS_NAMES"

MAX_BYTES = 1_000_000
MAX_LENGTH = 200  # characters of a name

_INDEX, _ID = re.compile("0*[0-9]{1,4}"), re.compile("n[0-9]{8}")
_LITERAL = re.compile(r"\s*(?:\w+\s*=\s*)?([{\[].*)", re.S)  # also assigned to a variable
# Lines without delimiters; the first form that all lines have counts.
_FORMS = (
    re.compile(
        r"(?:(n[0-9]{8})[\s:]+)?#?(0*[0-9]{1,4})(?:\s*(?:=>|->|=)\s*|[.)]\s+|[\s:]+)"
        r"(?:(n[0-9]{8})[\s:]+)?(.+)"
    ),
    re.compile(r"(.*\S)\s*(?:=>|->|[:=])\s*(0*[0-9]{1,4})"),
    re.compile(r"(?:(n[0-9]{8})[\s:]+)?(.*)"),
)
_BACKGROUND = {"background", "dummy"}  # class 0 of networks with 1,001 classes
_DEVKIT = ("kit fox", "english setter")  # its first classes
# Signs of a syntax that was not understood, where all names begin or end with one of them.
_SYNTAX = "\"'`“”‘’«»,;:{}[]()<>|-*#"
_FEW = 10  # of which all have the signs, also the first and the last
_REVERSING = "\u202d\u202e"
_ISOLATING = re.compile("[\u202a-\u202c\u2066-\u2069]")  # invisible, around a name

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ClassNames:
    """Names and WordNet ids of the classes by class index, from 0; both empty if not loaded."""

    names: tuple[str, ...] = ()
    wordnet_ids: tuple[str, ...] = ()  # "" for a class without one
    count: int = VGG19.classes
    # Why no names could be loaded, one sentence each, for the page.
    attempts: tuple[str, ...] = field(default=(), compare=False)

    def name(self, index: int) -> str:
        """Return a class's name, such as "Egyptian cat"; "class 285" if no names are loaded."""
        return self.names[index] if self.names else f"class {index}"

    def wordnet_id(self, index: int) -> str:
        """Return the WordNet id of a class, such as "n02124075"; ``""`` if it has none."""
        return self.wordnet_ids[index] if self.wordnet_ids else ""

    def label(self, index: int) -> str:
        """Return the name, WordNet id and index of a class as one text.

        >>> ClassNames(("tench",) * 1000, ("n01440764",) * 1000).label(0)
        'tench · n01440764 · class 0'
        """
        parts = (self.name(index), self.wordnet_id(index), f"class {index}")
        return " · ".join(dict.fromkeys(filter(None, parts)))

    @cached_property
    def labels(self) -> Mapping[int, str]:
        """Labels of all classes by class index."""
        return {index: self.label(index) for index in range(self.count)}


NUMBERED = ClassNames()


def obtain() -> ClassNames:
    """Load the class names from the host's file or from Keras' list, which is downloaded if needed.

    If ``VGG_VIZ_CLASS_NAMES`` names a text file, only this file is tried: its classes may not be
    ImageNet's. Raises a `FileUnavailable` if no names could be loaded.
    """
    path = host = expanded(os.environ.get(PATH_VARIABLE))
    if not path:
        try:
            path, _ = find([CLASS_INDEX], folders())
        except FileUnavailable:
            path, _ = fetch(CLASS_INDEX)
    try:
        return _read(path, VGG19.classes)
    except (OSError, ValueError) as error:
        named = f"the file {path.name}, named by {PATH_VARIABLE}" if host else path.name
        raise _unusable(named, path, error) from error


def own_names(network: Path, count: int) -> ClassNames:
    """Load the names of an own network's classes from a text file beside it, if there is one.

    Beside ``birds.keras``, it is ``birds.classes.txt``.
    """
    path = network.with_name(f"{name_of(network.name)}.classes.txt")
    try:
        return _read(path, count) if path.exists() else ClassNames(count=count)
    except (OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno == errno.ENAMETOOLONG:
            return ClassNames(count=count)  # there can be no such file
        return ClassNames(count=count, attempts=_unusable(path.name, path, error).attempts)


def _read(path: Path, count: int) -> ClassNames:
    regular_status(path)
    if kind := recognize(path):
        raise ValueError(f"expected text in UTF-8, got {kind.described}")
    with path.open("rb") as file:
        content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise ValueError(f"expected at most {MAX_BYTES // 10**6} MB, got more")
    return from_text(content, count)


def _unusable(named: str, path: Path, error: Exception) -> FileUnavailable:
    reason = error.strerror if isinstance(error, OSError) else error
    sentence = f"Could not use {named}: {reason}."
    _log.warning("%s (%s)", sentence, path)
    return FileUnavailable(sentence)


def from_text(content: bytes, count: int = VGG19.classes) -> ClassNames:
    """Read the class names from a text file, as `read_class_list` does."""
    ids, names = zip(*read_class_list(content, count), strict=True)
    return ClassNames(names, ids, count)


# --- lists in text files ---------------------------------------------------------------------


class _Class(NamedTuple):
    number: str  # its index, or one more; "" for none
    wordnet_id: str  # "" for none
    name: str


def read_class_list(content: bytes, count: int) -> list[tuple[str, str]]:
    """Return the WordNet id ("" for none) and the name of each class, by class index.

    Raises a ``ValueError`` for another number of classes, for an order that is not ImageNet's and
    for unreadable names. Its message completes a sentence.
    """
    try:
        text = content.decode().replace("\ufeff", "").rstrip()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ValueError(f"expected text in UTF-8, got something else in line {line:,}") from error
    literal = _LITERAL.match(text)
    unit, units = ("entry", "entries") if literal else ("line", "lines")
    rows = dict(enumerate(_entries(literal[1]) if literal else _lines(text), 1))
    if _has_heading([*rows.values()], count):
        del rows[1]
    if len(rows) != count:
        raise ValueError(f"expected {count:,} {units}, got {len(rows):,}")
    indexed = all(len(fields) > 1 and _first(_INDEX, fields) for fields in rows.values())
    classes = [_class(fields, f"{unit} {row:,}", indexed=indexed) for row, fields in rows.items()]
    return [(found.wordnet_id, found.name) for found in _in_order(classes)]


def _entries(text: str) -> list[list[str]]:
    """Return the fields of each entry of a list or dictionary."""
    try:
        try:
            found = json.loads(text)
        except ValueError:
            found = ast.literal_eval(text)
        if isinstance(found, set):
            raise TypeError("a set has no order")
        return [_flat(entry) for entry in (found.items() if isinstance(found, dict) else found)]
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError) as error:
        expected = "a list or dictionary as JSON or Python writes it"
        raise ValueError(f"expected {expected}, got something else") from error


def _flat(entry: object) -> list[str]:
    if isinstance(entry, list | tuple):
        return [field for part in entry for field in _flat(part)]
    return [str(entry).strip()]


def _lines(text: str) -> list[list[str]]:
    """Return the fields of each line."""
    lines = [line.strip() for line in re.split("\r\n|\r|\n", text)] if text else []
    for delimiter in ",;\t|":
        rows = [_split(line, delimiter) for line in lines]
        if rows[1:] and all(len(fields) > 1 and _is_marked(fields) for fields in rows[1:]):
            return rows
    form = next(form for form in _FORMS if all(map(form.fullmatch, lines[1:])))
    matches = [(line, form.fullmatch(line)) for line in lines]
    return [[*filter(None, match.groups())] if match else [line] for line, match in matches]


def _split(line: str, delimiter: str) -> list[str]:
    try:
        fields = next(csv.reader([line], delimiter=delimiter, skipinitialspace=True), [])
    except csv.Error:  # a field of more than 128 kB
        return [line]
    return [field.strip() for field in fields if field.strip()]


def _first(pattern: re.Pattern[str], fields: Sequence[str]) -> str:
    return next(filter(pattern.fullmatch, fields), "")


def _is_marked(fields: Sequence[str]) -> bool:
    """Return whether a class has an index or a WordNet id."""
    return bool(_first(_INDEX, fields) or _first(_ID, fields))


def _has_heading(rows: Sequence[Sequence[str]], count: int) -> bool:
    """Return whether the first row names columns, or a class that VGG19 does not have."""
    if len(rows) < 2:
        return False
    if len(rows) > count and not _BACKGROUND.isdisjoint(map(str.casefold, rows[0])):
        return True
    return not _is_marked(rows[0]) and all(map(_is_marked, rows[1:]))


def _class(fields: Sequence[str], place: str, *, indexed: bool) -> _Class:
    """Return a class; ``place`` names its line in an error."""
    index, wordnet_id = _first(_INDEX, fields) if indexed else "", _first(_ID, fields)
    texts = [field for field in fields if field not in (index, wordnet_id)]
    name = _ISOLATING.sub("", ", ".join(texts)).replace("_", " ") or wordnet_id or index
    categories = {unicodedata.category(character) for character in name}
    visible = any(category[0] not in "CZ" or category in ("Cn", "Co") for category in categories)
    # Spaces, joiners and hyphens belong to the spelling; control characters and halves of others
    # (surrogates) do not, and what reverses a name would reverse the text around it.
    refused = categories & {"Cc", "Cs", "Zl", "Zp"} or set(name) & set(_REVERSING)
    if not visible or refused or len(name) > MAX_LENGTH:
        expected = f"a name of 1 to {MAX_LENGTH} printable characters"
        raise ValueError(f"expected {expected} in {place}, got something else")
    return _Class(index, wordnet_id, name)


def _in_order(classes: list[_Class]) -> list[_Class]:
    """Return the classes in ImageNet's order, by their indices or, for the devkit, their ids."""
    _check_syntax([found.name for found in classes])
    first = 0
    if classes[0].number:
        classes = sorted(classes, key=lambda found: int(found.number))
        indices, first = [int(found.number) for found in classes], int(classes[0].number)
        if first > 1 or indices != [*range(first, first + len(classes))]:
            raise ValueError(f"expected each index from 0 to {len(classes) - 1} once, got others")
    ids = [found.wordnet_id for found in classes if found.wordnet_id]
    if first == 1 and len(set(ids)) == len(classes):
        return sorted(classes, key=lambda found: found.wordnet_id)
    starts = (
        found.name.casefold().startswith(name)
        for found, name in zip(classes, _DEVKIT, strict=False)
    )
    if ids != sorted(set(ids)) or (not ids and all(starts)):
        advice = "; leave the ids out if your network has this order" * bool(ids)
        expected = "WordNet ids, or names, in ImageNet's order"
        raise ValueError(f"expected {expected}, got another order{advice}")
    return classes


def _check_syntax(names: Sequence[str]) -> None:
    """Raise a ``ValueError`` if all names, but the first and last of many, have a syntax's signs.

    A bracket that closes one within the name, as in "lemon (ripe)", is no sign.
    """
    inner = names if len(names) <= _FEW else names[1:-1]
    for position, word in ((0, "begin"), (-1, "end")):
        signs = {"" if position and _closes(name) else name[position] for name in inner}
        # Several, as Python writes quotes: double ones around a name with an apostrophe.
        if signs <= set(_SYNTAX):
            either = " or ".join(sorted(signs))
            raise ValueError(f"expected names, got lines that all {word} with {either}")


def _closes(name: str) -> bool:
    """Return whether a name ends with a bracket that opens within it."""
    return any(name.endswith(end) and begin in name[1:] for begin, end in ("()", "[]", "{}", "<>"))
