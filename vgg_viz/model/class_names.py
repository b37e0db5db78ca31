"""Names and WordNet ids of the 1,000 ImageNet classes, as Keras distributes them.

The classes are those of the ImageNet challenge 2012, https://arxiv.org/abs/1409.0575. Two names
occur twice in Keras' list (crane, the bird and the machine; maillot, two garments), so only the
WordNet id identifies a class.
"""

import json
import logging
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from vgg_viz.downloads.fetching import FileUnavailable
from vgg_viz.downloads.keras_files import (
    KerasFile,
    fetch,
    find,
    folders,
    path_setting,
    regular_status,
)
from vgg_viz.model.architecture import VGG19

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

CLASS_COUNT = VGG19.classes
MAX_BYTES = 1_000_000
MAX_LENGTH = 200  # characters of a name
INVISIBLE = "\xa0\xad\u200c\u200d"  # no-break space, soft hyphen, zero-width (non-)joiner

_ID_AND_NAME = re.compile(r"^(?:(n\d{8})\s+)?(.*)")

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ClassNames:
    """Names and WordNet ids of the classes by class index, 0 to 999; both empty if not loaded."""

    names: tuple[str, ...] = ()
    wordnet_ids: tuple[str, ...] = ()  # "" for a class without one
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
        name = self.name(index) if self.names else ""
        return " · ".join(filter(None, (name, self.wordnet_id(index), f"class {index}")))


NUMBERED = ClassNames()


def obtain(environment: Mapping[str, str] = os.environ) -> ClassNames:
    """Load the class names from the host's file or from Keras' list, which is downloaded if needed.

    If ``VGG_VIZ_CLASS_NAMES`` names a text file, only this file is tried: its classes may not be
    ImageNet's. Raises a `FileUnavailable` if no names could be loaded.
    """
    path = host = path_setting(environment, PATH_VARIABLE)
    if not path:
        try:
            path, _ = find([CLASS_INDEX], folders(environment))
        except FileUnavailable:
            path, _ = fetch(CLASS_INDEX, environment)
    try:
        regular_status(path)
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise ValueError(f"expected at most {MAX_BYTES // 10**6} MB, got more")
        return from_text(content) if host else from_json(content)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        named = f"the file {path.name}, named by {PATH_VARIABLE}" if host else path.name
        sentence = f"Could not use {named}: {reason}."
        _log.warning("%s (%s)", sentence, path)
        raise FileUnavailable(sentence) from error


def from_json(content: bytes) -> ClassNames:
    """Read the class names from Keras' JSON list: ``{"0": ["n01440764", "tench"], ...}``."""
    class_index = json.loads(content)
    try:
        pairs = [class_index[str(index)] for index in range(CLASS_COUNT)]
        return _class_names((str(wordnet_id), str(name)) for wordnet_id, name in pairs)
    except (LookupError, TypeError) as error:
        raise ValueError("expected an id and a name for each of 1,000 classes") from error


def from_text(content: bytes) -> ClassNames:
    """Read the class names from a text file: a line for each class, in the order of their indices.

    A line is a name, or a WordNet id, a space and a name. The message of a `ValueError` completes a
    sentence.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError("expected text in UTF-8, got something else") from error
    lines = text.rstrip().splitlines()
    if len(lines) != CLASS_COUNT:
        raise ValueError(f"expected {CLASS_COUNT:,} lines, got {len(lines):,}")
    pairs: list[tuple[str, str]] = [_ID_AND_NAME.findall(line.strip())[0] for line in lines]
    for number, (_, name) in enumerate(pairs, 1):
        visible = "".join(character for character in name if character not in INVISIBLE)
        if not (visible and len(name) <= MAX_LENGTH and visible.isprintable()):
            expected = f"a name of 1 to {MAX_LENGTH} printable characters"
            raise ValueError(f"expected {expected} in line {number:,}, got something else")
    return _class_names(pairs)


def _class_names(pairs: Iterable[tuple[str, str]]) -> ClassNames:
    ids, names = zip(*pairs, strict=True)
    return ClassNames(tuple(name.replace("_", " ") for name in names), ids)
