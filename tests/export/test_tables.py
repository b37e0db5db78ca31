"""Exported numbers: arrays with their description, and the table of the tiles."""

import codecs
import csv
import io
import json
import shutil
import subprocess
import time
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest

from tests.export.test_sheets import LINK, color_panel, encode, panel, pictures, whole_levels
from vgg_viz import __version__
from vgg_viz.export import tables
from vgg_viz.export.tables import arrays_npz
from vgg_viz.interpretability.map_statistics import statistics

STATISTICS = ("minimum", "maximum", "mean", "variance", "active_share", "inactive")


def test_arrays_come_back_as_they_were_with_a_description_in_the_same_file():
    array = np.array([[0.1, -0.0, np.nan], [np.inf, 1e-45, 3]], np.float32)
    arrays = {"maps": array, "numbers": np.arange(3)}
    described = {"Picture": "Кошка “猫”", "link": LINK}
    with np.load(io.BytesIO(arrays_npz(arrays, described)), allow_pickle=False) as file:
        assert set(file) == {"maps", "numbers", "metadata.json"}
        assert file["maps"].tobytes() == array.tobytes()
        assert file["maps"].dtype == np.float32
        np.testing.assert_array_equal(file["numbers"], arrays["numbers"], strict=True)
        assert json.loads(file["metadata.json"]) == described


def test_the_same_content_gives_the_same_file_on_another_day(monkeypatch):
    before, now = arrays_npz({"maps": np.arange(3)}, {"a": 1}), time.time()
    monkeypatch.setattr(time, "time", lambda: now + 86_400)
    assert arrays_npz({"maps": np.arange(3)}, {"a": 1}) == before


def test_the_description_names_axes_numbers_and_texts():
    shown = panel(whole_levels(2), titles=["猫 · 12", "5"])
    figures = {"class": np.array([3, 4]), "name": ["猫", "b"], "against": [5, None]}
    shown = replace(shown, figures=figures, numbers=np.array([12, 5]))
    with np.load(io.BytesIO(encode("npz", shown))) as file:
        assert json.loads(file["metadata.json"]) == {
            "title": "A title",
            "version": __version__,
            "link": LINK,
            "grids": {
                "maps": {
                    "caption": "A line",
                    "titles": ["猫 · 12", "5"],
                    "numbers": {"map": [12, 5]},
                    "texts": {"name": ["猫", "b"], "against": [5, None]},
                }
            },
            "arrays": {"maps": "map 2 × row 7 × column 7, float32", "maps_class": "map 2, int64"},
        }


def read_csv(*panels):
    data = encode("csv", *panels)
    assert data.startswith(codecs.BOM_UTF8)
    text = data.decode("utf-8-sig")
    assert text.endswith("\r\n")
    assert text.count("\n") == text.count("\r\n") == 1 + sum(len(p.titles) for p in panels)
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_a_table_has_the_numbers_shown_and_the_statistics_of_every_tile():
    values = np.random.default_rng(0).normal(size=(4, 14, 14)).astype(np.float32)
    values[2] = 0
    drops = np.array([0.25, -1e-7, 3e20, 0], np.float32)
    rows = read_csv(replace(panel(values, heading="Maps"), figures={"logit_drop": drops}))
    assert list(rows[0]) == ["panel", "map", "logit_drop", *STATISTICS]
    for index, (row, tile) in enumerate(zip(rows, values, strict=True)):
        assert (row["panel"], row["map"]) == ("Maps", f"{index + 1}")
        assert np.float32(row["logit_drop"]) == drops[index]
        assert np.float32(row["minimum"]) == tile.min()
        assert np.float32(row["maximum"]) == tile.max()
        exact = tile.astype(np.float64)
        assert float(row["mean"]) == pytest.approx(exact.mean(), abs=1e-6)
        assert float(row["variance"]) == pytest.approx(exact.var(), rel=1e-5)
        assert float(row["active_share"]) == np.count_nonzero(tile > 0) / 196
        assert row["inactive"] == ("yes" if index == 2 else "no")


def test_only_values_after_relu_are_active_or_inactive():
    values = np.random.default_rng(0).normal(size=(2, 4, 4)).astype(np.float32)
    (row, _) = read_csv(replace(panel(values), rectified=False))
    assert list(row) == ["panel", "map", *STATISTICS[:4]]


def test_panels_follow_one_another_and_may_have_columns_of_their_own():
    maps = panel(whole_levels(count=1), heading="猫, a")
    value = np.array([0.1, 2.5, np.nan], np.float32)
    colors = color_panel(pictures(), value=value, row=[7, 0, None], picture=["=A1", "Cat, b", ""])
    rows = read_csv(maps, colors)
    assert list(rows[0]) == ["panel", "map", *STATISTICS, "value", "row", "picture"]
    assert [row["panel"] for row in rows] == ["猫, a", "2", "2", "2"]
    assert [row["value"] for row in rows] == ["", "0.1", "2.5", "nan"]
    assert [row["row"] for row in rows] == ["", "7", "0", ""]
    assert [row["picture"] for row in rows] == ["", "'=A1", "Cat, b", ""]
    assert [row["inactive"] for row in rows] == ["no", "", "", ""]


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (np.float32(-0.0), "0"),
        (np.float32(-3.25), "-3.25"),
        (np.float32(0.1), "0.1"),
        (np.float32(-113.20703), "-113.20703"),
        (np.float32(1e-9), "0.000000001"),
        (np.float32(3.4e38), "34" + "0" * 37),
        (np.float64(1) / 3, "0.3333333333333333"),
        (np.float64(2) ** 60, "1152921504606847000"),
        (np.float32(np.nan), "nan"),
        (np.int64(1500), "1500"),
        (7, "7"),
    ],
)
def test_numbers_have_a_decimal_point_all_digits_and_no_exponent(value, written):
    assert tables._cell(value) == written
    np.testing.assert_array_equal(type(value)(written), value)


@pytest.mark.parametrize(
    ("title", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("+cmd|' /C calc'!A0", "'+cmd|' /C calc'!A0"),
        ("-2+3", "'-2+3"),
        ("\t=1", "'=1"),
        ("\r\n=1", "'=1"),
        ("-0.25", "-0.25"),
        ("1 · 2", "1 · 2"),
        ('"a", b', '"a", b'),
    ],
)
def test_no_cell_is_a_formula(title, cell):
    (row,) = read_csv(panel(whole_levels(count=1), heading=title))
    assert row["panel"] == cell
    assert float(row["minimum"]) == 0


TABLE = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"
OFFICE = "{urn:oasis:names:tc:opendocument:xmlns:office:1.0}"


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("soffice"), reason="LibreOffice (calc) is not there")
def test_a_spreadsheet_reads_all_numbers_and_texts(tmp_path):
    values = np.random.default_rng(0).normal(size=(3, 4, 4)).astype(np.float32) * 1e-6
    values[1] = [[1.5, 1.234, 12.345, 3.1]] * 4
    shown = panel(values, heading="Right: BGR − mean · Кошка")
    shown = replace(shown, axes={"filter": [12], "channel": [1, 3, 12]})
    path = tmp_path / "numbers.csv"
    path.write_bytes(encode("csv", shown))
    # Comma, quotation mark, UTF-8, all lines, in US English, and what could be a date is one.
    command = ["soffice", f"-env:UserInstallation={(tmp_path / 'profile').as_uri()}", "--headless"]
    command += ["--infilter=CSV:44,34,76,1,,1033,false,true", "--convert-to", "fods"]
    subprocess.run([*command, "--outdir", tmp_path, path], capture_output=True, check=True)
    rows = ElementTree.parse(path.with_suffix(".fods")).getroot().iter(f"{TABLE}table-row")
    header, *rows = ([value for cell in row for value in values_of(cell)] for row in rows)
    assert header == ["panel", "filter", "channel", *STATISTICS]
    found = statistics(values)
    columns = (found.minimum, found.maximum, found.mean, found.variance, found.active)
    for index, (row, numbers) in enumerate(zip(rows, [(12, 1), (12, 3), (12, 12)], strict=True)):
        measured = [float(str(column[index])) for column in columns]
        expected = [pytest.approx(n, rel=1e-14) for n in (*numbers, *measured)]
        assert row == ["Right: BGR − mean · Кошка", *expected, "no"]


def values_of(cell):
    """Return a cell's value, as often as it is repeated."""
    is_number = cell.get(f"{OFFICE}value-type") == "float"
    value = float(cell.get(f"{OFFICE}value")) if is_number else "".join(cell.itertext()).strip()
    return [value] * int(cell.get(f"{TABLE}number-columns-repeated", "1"))
