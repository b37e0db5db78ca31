"""Panels and arrays -> files of numbers: CSV and NPZ."""

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import numpy as np

from vgg_viz.export.panels import Figures, Panel
from vgg_viz.export.plain_text import plain

# np.savez has parameters of these names; "about" is the file's description.
RESERVED_NAMES = ("file", "allow_pickle", "about")


def arrays_npz(
    arrays: Mapping[str, np.ndarray],
    about: Mapping[str, str],
    axes: Mapping[str, Sequence[str]] = MappingProxyType({}),
) -> bytes:
    """Pack arrays as they are, and words about them, as NPZ bytes.

    The words are one JSON object under ``about``: ``json.loads(str(numpy.load(...)["about"]))``.
    Its ``arrays`` says of each array what its axes are (as given in ``axes``), how long they are,
    and of what type it is.

    Compressed, since it halves the file (64 maps of 224 x 224, half of them zeros: 6 in place of
    13 MB) and takes 0.4 s; zlib's stronger levels take five times as long for nothing.

    Raises:
        ValueError: a name is no Python identifier, or is taken.
    """
    check_array_names(arrays)
    described = {name: _described(array, axes.get(name, ())) for name, array in arrays.items()}
    words = json.dumps({**about, "arrays": described})
    buffer = io.BytesIO()
    # As one dictionary: to NumPy's types any keyword may be its own, the switch `allow_pickle`.
    content: dict[str, Any] = {**arrays, "about": np.array(words)}
    np.savez_compressed(buffer, **content)
    return buffer.getvalue()


def _described(array: np.ndarray, axes: Sequence[str]) -> str:
    """An array's axes and type in words: ``"map 9 × row 56 × column 56, float32"``."""
    names = axes or [f"axis {number}" for number in range(array.ndim)]
    sizes = [f"{name} {size}" for name, size in zip(names, array.shape, strict=True)]
    kind = "text" if array.dtype.kind == "U" else array.dtype
    return f"{' × '.join(sizes)}, {kind}"


def check_array_names(names: Iterable[str]) -> None:
    """Raise a ``ValueError`` for a name that an array in an NPZ file cannot have."""
    for name in names:
        if not (name.isascii() and name.isidentifier()) or name in RESERVED_NAMES:
            raise ValueError(
                f"expected array names of letters, digits and underscores, none of "
                f"{', '.join(RESERVED_NAMES)}, got {name!r}"
            )


def numbers_csv(panels: Sequence[Panel]) -> bytes:
    """Write the numbers of every tile as CSV bytes that spreadsheet programs read everywhere.

    As RFC 4180 has it, in UTF-8 with the mark that Excel knows it by.

    Raises:
        ValueError: the panels' tiles are not of one kind.
    """
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer)
    head: list[str] = []
    for position, panel in enumerate(panels, start=1):
        measured = panel.measured()
        columns = map(_cells, measured.values())
        names = ["panel", *panel.numbers, *measured]
        if not head:
            writer.writerow(head := names)
        if names != head:
            words = f"{', '.join(head)} and {', '.join(names)}"
            raise ValueError(f"expected panels whose tiles are numbered alike, got {words}")
        name = _cell(panel.heading) or str(position)
        writer.writerows(
            [name, *cells] for cells in zip(*panel.numbers.values(), *columns, strict=True)
        )
    return buffer.getvalue().encode("utf-8-sig")


def _cells(values: Figures) -> list[str]:
    """Numbers and words as a spreadsheet takes them."""
    return [_cell(value) if isinstance(value, str) else _number(value) for value in values]


def _number(value: float) -> str:
    """A number with as many digits as give it back exactly, without a decimal point: ``15E-1``.

    1.5 is the first of May to a German spreadsheet, and 1.234 more than a thousand; a whole number
    with an exponent is the same to all.
    """
    if not np.isfinite(value):
        return str(value)
    if not value:
        return "0"
    sign, digits, exponent = Decimal(str(value)).normalize().as_tuple()
    whole = "".join(map(str, digits))
    if isinstance(exponent, int) and 0 <= exponent <= 6:
        whole, exponent = whole + "0" * exponent, 0
    return f"{'-' * sign}{whole}" + (f"E{exponent}" if exponent else "")


def _cell(words: str) -> str:
    """Words as a spreadsheet shows them: a formula from outside must not be worked out."""
    text = plain(words)
    if not text.startswith(("=", "+", "-", "@")):
        return text
    try:
        float(text)
    except ValueError:
        return f"'{text}"
    return text
