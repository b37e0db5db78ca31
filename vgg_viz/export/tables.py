"""Exports of numbers: arrays as an NPZ file, a table of the tiles as a CSV file."""

import csv
import io
import json
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from vgg_viz import __version__
from vgg_viz.export.formats import Export
from vgg_viz.export.plain_text import plain
from vgg_viz.export.tiles import is_numeric

METADATA = "metadata.json"


def encode_npz(export: Export) -> bytes:
    """Return an NPZ file of an export's arrays, all numeric, with exact values and a description.

    The description, ``json.loads(numpy.load(...)["metadata.json"])``, has title, version and link,
    each array's axes, and for each grid its caption and the titles, numbers and texts of its tiles.
    """
    arrays: dict[str, np.ndarray] = {}
    described: dict[str, str] = {}
    grids: dict[str, object] = {}
    for grid in export.grids():
        grids[grid.name] = {
            "caption": grid.caption,
            "titles": list(grid.titles),
            "numbers": {
                axis: list(map(int, numbers)) for axis, numbers in grid.tile_numbers.items()
            },
            "texts": {name: list(c) for name, c in grid.figures.items() if not is_numeric(c)},
        }
        for name, (array, axes) in grid.arrays().items():
            sizes = [f"{axis} {size}" for axis, size in zip(axes, array.shape, strict=True)]
            arrays[name], described[name] = array, f"{' × '.join(sizes)}, {array.dtype}"
    view = {"title": export.title, "version": __version__, "link": export.link}
    return arrays_npz(arrays, {**view, "grids": grids, "arrays": described})


def arrays_npz(arrays: Mapping[str, np.ndarray], metadata: Mapping[str, object]) -> bytes:
    """Return an NPZ file of arrays by name, and of ``metadata`` as its file `METADATA`.

    The file is compressed, which halves it (64 maps of 224 × 224, half of them zeros: 6 instead of
    13 MB) in 0.4 s. Higher levels of zlib take five times as long and save nothing. NumPy writes no
    time: the same content gives the same file, which Streamlit stores once.
    """
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    with (
        zipfile.ZipFile(buffer, "a", zipfile.ZIP_DEFLATED) as file,
        file.open(METADATA, "w") as member,
    ):
        member.write(json.dumps(metadata, ensure_ascii=False).encode())
    return buffer.getvalue()


def encode_csv(export: Export) -> bytes:
    """Return a CSV file of what the page shows of an export, with a row for each tile."""
    tables = []
    for position, grid in enumerate(export.grids(), start=1):
        heading = grid.heading or str(position)
        tables.append({"panel": [heading] * len(grid.titles), **grid.table()})
    return csv_file(tables)


def csv_file(tables: Sequence[Mapping[str, Iterable[Any]]]) -> bytes:
    """Return a CSV file (RFC 4180) of tables, columns by name; Excel needs its byte order mark."""
    buffer = io.StringIO(newline="")
    # A column that only some tables have is empty in the rows of the others.
    writer = csv.DictWriter(buffer, dict.fromkeys(name for table in tables for name in table))
    writer.writeheader()
    for table in tables:
        for row in zip(*table.values(), strict=True):
            writer.writerow(dict(zip(table, map(_cell, row), strict=True)))
    return buffer.getvalue().encode("utf-8-sig")


def _cell(value: float | int | str | None) -> str:
    """Return a number, with all digits and without an exponent, or a text as one line.

    A quotation mark in front of a formula keeps spreadsheets from evaluating it.
    """
    if value is None:
        return ""
    if not isinstance(value, str):
        # The shortest digits that give the same number of the same type; no "-0".
        return np.format_float_positional(value + 0.0, trim="-")
    line = plain(value)
    if not line.startswith(("=", "+", "-", "@")):
        return line
    try:
        float(line)
    except ValueError:
        return f"'{line}"
    return line
