"""What the 1,000 classes are called: WordNet's ids and names, as Keras distributes them.

The classes are those of the ImageNet challenge of 2012, https://arxiv.org/abs/1409.0575. Two names
stand twice in Keras' list (crane, the bird and the machine; maillot, two kinds of it), so a class
is told by its id.
"""

import json
import logging
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from vgg_viz.downloads.keras_files import FileUnavailable, KerasFile, fetch, find, folders
from vgg_viz.model.architecture import VGG19

# As in keras/src/applications/imagenet_utils.py, and where it was first.
CLASS_INDEX = KerasFile(
    "imagenet_class_index.json",
    "c2c37ea517e94d9795004a39431a14cb",
    35_363,
    folders=(
        "https://storage.googleapis.com/download.tensorflow.org/data/",
        "https://s3.amazonaws.com/deep-learning-models/image-models/",
    ),
)
PATH_VARIABLE = "VGG_VIZ_CLASS_NAMES"

CLASS_COUNT = VGG19.classes
MAX_BYTES = 1_000_000
MAX_LENGTH = 200  # of a name

_ID_AND_NAME = re.compile(r"(n\d{8})\s+(.+)")

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ClassNames:
    """What the classes are called, by their number from 0 to 999.

    ``wordnet_ids`` has an empty id for a class that has none. Both are empty where no names are
    known; ``attempts`` says then, for visitors, a sentence each, why not.
    """

    names: tuple[str, ...] = ()
    wordnet_ids: tuple[str, ...] = ()
    attempts: tuple[str, ...] = field(default=(), compare=False)

    def name(self, index: int) -> str:
        """A class' name: "Egyptian cat"; "class 285" where it has none."""
        return self.names[_checked(index)] if self.names else _number(index)

    def wordnet_id(self, index: int) -> str:
        """A class' id in WordNet: "n02124075"; empty where it has none."""
        return self.wordnet_ids[_checked(index)] if self.wordnet_ids else ""

    def label(self, index: int) -> str:
        """All that tells a class from others: "Egyptian cat · n02124075 · class 285"."""
        name = self.name(index) if self.names else ""
        return " · ".join(filter(None, (name, self.wordnet_id(index), _number(index))))


NUMBERED = ClassNames()


def obtain(environment: Mapping[str, str] = os.environ) -> ClassNames:
    """Find the names, or download them.

    The text file that ``VGG_VIZ_CLASS_NAMES`` names, and it alone, since a host who names one has
    classes of their own; else Keras' list, found or stored where Keras looks for it.

    Raises:
        FileUnavailable: there are none to be had.
    """
    if named := environment.get(PATH_VARIABLE):
        return _named(Path(named))
    try:
        found = find([CLASS_INDEX], folders(environment))
    except FileUnavailable:
        found = fetch(CLASS_INDEX, environment)
    try:
        return from_json(found.path.read_bytes())
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise _told(f"{CLASS_INDEX.name} could not be read: {reason}.", found.path) from error


def from_json(content: bytes) -> ClassNames:
    """The names in Keras' list: ``{"0": ["n01440764", "tench"], ...}``.

    Raises:
        ValueError: it is something else.
    """
    listed = json.loads(content)
    try:
        pairs = [listed[str(index)] for index in range(CLASS_COUNT)]
        ids, names = zip(*((str(wordnet_id), str(name)) for wordnet_id, name in pairs), strict=True)
    except (LookupError, TypeError) as error:
        raise ValueError(
            f"expected an id and a name for each of {CLASS_COUNT:,} classes"
        ) from error
    return ClassNames(tuple(map(_shown, names)), ids)


def from_text(content: bytes) -> ClassNames:
    """The names in a text file: one a line, after its WordNet id and a space if it has one.

    Raises:
        ValueError: there are more or fewer, or other things than names; the message is the end of
            a sentence.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError("expected text in UTF-8, got something else") from error
    lines = text.rstrip().splitlines()
    if len(lines) != CLASS_COUNT:
        raise ValueError(f"expected {CLASS_COUNT:,} lines, got {len(lines):,}")
    pairs = [_id_and_name(line.strip()) for line in lines]
    for number, (_, name) in enumerate(pairs, 1):
        if not (0 < len(name) <= MAX_LENGTH and name.isprintable()):
            expected = f"a name of 1 to {MAX_LENGTH} printable characters"
            raise ValueError(f"expected {expected} in line {number:,}, got something else")
    ids, names = zip(*pairs, strict=True)
    return ClassNames(tuple(map(_shown, names)), ids)


def _named(path: Path) -> ClassNames:
    """The names in the host's file."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise ValueError(f"expected at most {MAX_BYTES // 10**6} MB, got more")
        return from_text(content)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        sentence = f"The file {path.name}, named by {PATH_VARIABLE}, was not taken: {reason}."
        raise _told(sentence, path) from error


def _id_and_name(line: str) -> tuple[str, str]:
    found = _ID_AND_NAME.fullmatch(line)
    return (found[1], found[2]) if found else ("", line)


def _shown(name: str) -> str:
    return name.replace("_", " ")


def _number(index: int) -> str:
    return f"class {_checked(index)}"


def _checked(index: int) -> int:
    if not 0 <= index < CLASS_COUNT:
        raise IndexError(f"expected a class from 0 to {CLASS_COUNT - 1}, got {index}")
    return index


def _told(sentence: str, path: Path) -> FileUnavailable:
    """The error for a visitor, once the log has it with the file's path."""
    _log.warning("%s (%s)", sentence, path)
    return FileUnavailable([sentence])
