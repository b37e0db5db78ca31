"""Exports of numbers: arrays as an NPZ file, statistics of tiles as a CSV file."""

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import numpy as np

from vgg_viz import __version__
from vgg_viz.export.formats import Export
from vgg_viz.export.panels import Column, Panel
from vgg_viz.export.plain_text import plain

# np.savez has parameters of these names; "about" is the file's description.
RESERVED_NAMES = ("file", "allow_pickle", "about")


def encode_npz(export: Export) -> bytes:
    """Return an NPZ file of an export's arrays, with exact values and a description."""
    about = {"title": export.title, "version": __version__, "link": export.link}
    arrays: dict[str, np.ndarray] = {}
    axes: dict[str, Sequence[str]] = {}
    for grid in export.grids():
        about[f"{grid.name}_caption"] = grid.caption
        has_words = any(" " in title for title in grid.titles)
        about[f"{grid.name}_titles"] = (", " if has_words else " ").join(grid.titles)
        for name, (array, names) in grid.arrays().items():
            arrays[name], axes[name] = array, names
    return arrays_npz(arrays, about, axes)


def encode_csv(export: Export) -> bytes:
    """Return a CSV file with the statistics of every tile of an export."""
    return panels_csv([grid.panel() for grid in export.grids()])


def arrays_npz(
    arrays: Mapping[str, np.ndarray],
    about: Mapping[str, str],
    axes: Mapping[str, Sequence[str]] = MappingProxyType({}),
) -> bytes:
    """Return an NPZ file of arrays and a description of them.

    The description is one JSON object under ``about``:
    ``json.loads(str(numpy.load(...)["about"]))``. Its entry ``arrays`` has the axes and type of
    each array.

    The file is compressed, which halves it (64 maps of 224 × 224, half of them zeros: 6 instead of
    13 MB) in 0.4 s. Higher levels of zlib take five times as long and save nothing.

    Args:
        arrays: the arrays by name.
        about: entries of the description, such as title and link.
        axes: names of each array's axes, by the array's name.

    Raises:
        ValueError: an array's name is not a Python identifier, or is reserved.
    """
    check_array_names(arrays)
    described = {name: _description(array, axes.get(name, ())) for name, array in arrays.items()}
    description = json.dumps({**about, "arrays": described})
    buffer = io.BytesIO()
    # As one dictionary: to NumPy's types any keyword may be its own switch `allow_pickle`.
    content: dict[str, Any] = {**arrays, "about": np.array(description)}
    np.savez_compressed(buffer, **content)
    return buffer.getvalue()


def _description(array: np.ndarray, axes: Sequence[str]) -> str:
    """Describe an array's axes and type: ``"map 9 × row 56 × column 56, float32"``."""
    names = axes or [f"axis {number}" for number in range(array.ndim)]
    sizes = [f"{name} {size}" for name, size in zip(names, array.shape, strict=True)]
    kind = "text" if array.dtype.kind == "U" else array.dtype
    return f"{' × '.join(sizes)}, {kind}"


def check_array_names(names: Iterable[str]) -> None:
    """Check that arrays in an NPZ file can have these names.

    Raises:
        ValueError: a name is not a Python identifier, or is reserved.
    """
    for name in names:
        if not (name.isascii() and name.isidentifier()) or name in RESERVED_NAMES:
            raise ValueError(
                f"expected array names of letters, digits and underscores, none of "
                f"{', '.join(RESERVED_NAMES)}, got {name!r}"
            )


def panels_csv(panels: Sequence[Panel]) -> bytes:
    """Return a CSV file (RFC 4180) of the tables of these panels, with one row for each tile.

    The file starts with a byte order mark, by which Excel recognizes UTF-8.

    Raises:
        ValueError: the panels' tables have different columns.
    """
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer)
    header: list[str] = []
    for position, panel in enumerate(panels, start=1):
        table = panel.table()
        names = ["panel", *panel.numbers, *table]
        if not header:
            writer.writerow(header := names)
        if names != header:
            both = f"{', '.join(header)} and {', '.join(names)}"
            raise ValueError(f"expected panels with the same columns, got {both}")
        heading = _text_cell(panel.heading) or str(position)
        columns = [*panel.numbers.values(), *map(_cells, table.values())]
        writer.writerows([heading, *row] for row in zip(*columns, strict=True))
    return buffer.getvalue().encode("utf-8-sig")


def _cells(column: Column) -> list[str]:
    """Return the cells of a table's column, numbers or text, as text for a CSV file."""
    return [
        _text_cell(value) if isinstance(value, str) else _number_cell(value) for value in column
    ]


def _number_cell(value: float) -> str:
    """Return all digits of a number as text without a decimal point: ``15E-1`` for 1.5.

    A German spreadsheet reads 1.5 as the first of May, and 1.234 as more than a thousand. Every
    spreadsheet reads ``15E-1``, an integer with an exponent, as the number 1.5.
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


def _text_cell(text: str) -> str:
    """Return a text as one line for a CSV file.

    A quotation mark in front of a formula keeps spreadsheets from evaluating it.
    """
    line = plain(text)
    if not line.startswith(("=", "+", "-", "@")):
        return line
    try:
        float(line)
    except ValueError:
        return f"'{line}"
    return line
