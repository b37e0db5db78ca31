"""Lists of 1,000 classes, made up: the real one is Keras' to distribute."""

import hashlib
import json
from dataclasses import replace

import pytest

from vgg_viz.model import class_names

# Number, id and name as they stand in Keras' list; the others are made up.
KNOWN = {
    0: ("n01440764", "tench"),
    134: ("n02012849", "crane"),
    285: ("n02124075", "Egyptian_cat"),
    517: ("n03126707", "crane"),
}


def entry(index: int) -> tuple[str, str]:
    """The id and the name of a class, as they stand in the file."""
    return KNOWN.get(index, (f"n9{index:07}", f"made_up_{index}"))


def keras_list() -> bytes:
    """A list in Keras' layout."""
    return json.dumps({str(index): list(entry(index)) for index in range(1000)}).encode()


def host_list() -> bytes:
    """The same as a host may name it: a text file."""
    return "\n".join(" ".join(entry(index)) for index in range(1000)).encode()


def pass_for_keras_list(patch: pytest.MonkeyPatch, content: bytes) -> None:
    """Take a file of that content for Keras' own."""
    md5 = hashlib.md5(content).hexdigest()
    patch.setattr(class_names, "CLASS_INDEX", replace(class_names.CLASS_INDEX, md5=md5))
