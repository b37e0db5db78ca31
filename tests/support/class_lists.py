"""Synthetic lists of 1,000 classes; the real list is not part of this repository."""

import hashlib
import json
from dataclasses import replace

import pytest

from vgg_viz.model import class_names

# Index, id and name as in Keras' list; all others are synthetic.
KNOWN = {
    0: ("n01440764", "tench"),
    134: ("n02012849", "crane"),
    285: ("n02124075", "Egyptian_cat"),
    517: ("n03126707", "crane"),
}


def entry(index: int) -> tuple[str, str]:
    """Return the id and name of a class, as in Keras' list; ids ascend."""
    before = KNOWN[max(known for known in KNOWN if known <= index)][0]
    return KNOWN.get(index, (f"n{int(before[1:]) + index:08}", f"made_up_{index}"))


def keras_list() -> bytes:
    return json.dumps({str(index): list(entry(index)) for index in range(1000)}).encode()


def host_list() -> bytes:
    """Return the list as a text file, as a host may configure it."""
    return "\n".join(" ".join(entry(index)) for index in range(1000)).encode()


def pass_for_keras_list(patch: pytest.MonkeyPatch, content: bytes) -> None:
    """Accept this content as Keras' own list."""
    md5 = hashlib.md5(content).hexdigest()
    patch.setattr(
        class_names, "CLASS_INDEX", replace(class_names.CLASS_INDEX, md5=md5, size=len(content))
    )
