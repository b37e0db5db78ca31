import codecs
import csv
import io
import json
import shutil
import subprocess
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest

from tests.export.test_sheets import LINK, color_panel, panel, pictures, whole_levels
from vgg_viz.export import tables
from vgg_viz.export.panels import STATISTICS
from vgg_viz.export.tables import arrays_npz, panels_csv
from vgg_viz.interpretability.map_statistics import statistics


def test_arrays_come_back_as_they_were():
    array = np.array([[0.1, -0.0, np.nan], [np.inf, 1e-45, 3]], np.float32)
    arrays = {"maps": array, "numbers": np.arange(3)}
    about = {"Picture": "Кошка “猫”", "link": LINK}
    with np.load(io.BytesIO(arrays_npz(arrays, about)), allow_pickle=False) as file:
        assert set(file) == {"maps", "numbers", "about"}
        assert file["maps"].tobytes() == array.tobytes()
        assert file["maps"].dtype == np.float32
        np.testing.assert_array_equal(file["numbers"], arrays["numbers"])
        assert json.loads(str(file["about"])) == {
            **about,
            "arrays": {
                "maps": "axis 0 2 × axis 1 3, float32",
                "numbers": "axis 0 3, int64",
            },
        }


def test_the_arrays_axes_are_named_in_the_file():
    arrays = {"maps": np.zeros((9, 56, 56), np.float32), "filters": np.zeros((8, 3, 3, 3))}
    axes = {
        "maps": ["map", "row", "column"],
        "filters": ["filter", "channel", "row", "column"],
    }
    with np.load(io.BytesIO(arrays_npz(arrays, {}, axes))) as file:
        assert json.loads(str(file["about"]))["arrays"] == {
            "maps": "map 9 × row 56 × column 56, float32",
            "filters": "filter 8 × channel 3 × row 3 × column 3, float64",
        }


@pytest.mark.parametrize("name", ["", "a b", "../a", "file", "about", "allow_pickle", "ä"])
def test_invalid_array_names_are_refused(name):
    with pytest.raises(ValueError, match="expected array names"):
        arrays_npz({name: np.zeros(1)}, {})


def read_csv(panels):
    data = panels_csv(panels)
    assert data.startswith(codecs.BOM_UTF8)
    text = data.decode("utf-8-sig")
    assert text.endswith("\r\n")
    assert text.count("\n") == text.count("\r\n") == 1 + sum(len(p.titles) for p in panels)
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_a_table_has_the_statistics_of_every_tile():
    values = np.random.default_rng(0).normal(size=(4, 14, 14)).astype(np.float32)
    values[2] = 0
    rows = read_csv([panel(values, heading="Maps")])
    assert list(rows[0]) == ["panel", "map", *STATISTICS]
    for index, (row, tile) in enumerate(zip(rows, values, strict=True)):
        assert (row["panel"], row["map"]) == ("Maps", f"{index + 1}")
        assert np.float32(row["minimum"]) == tile.min()
        assert np.float32(row["maximum"]) == tile.max()
        exact = tile.astype(np.float64)
        assert float(row["mean"]) == pytest.approx(exact.mean(), abs=1e-6)
        assert float(row["variance"]) == pytest.approx(exact.var(), rel=1e-5)
        assert float(row["active_share"]) == np.count_nonzero(tile > 0) / 196
        assert row["inactive"] == ("yes" if index == 2 else "no")


def test_kernels_have_a_column_for_the_filter_and_one_for_the_channel():
    shown = panel(whole_levels(count=2), titles=["12-3", "1-1"])
    shown = replace(shown, numbers={"filter": (12, 1), "channel": (3, 1)})
    rows = read_csv([shown])
    assert list(rows[0]) == ["panel", "filter", "channel", *STATISTICS]
    assert [(row["filter"], row["channel"]) for row in rows] == [("12", "3"), ("1", "1")]
    assert "12-3" not in panels_csv([shown]).decode()


def test_the_table_of_pictures_has_their_figures():
    value = np.array([0.1, 2.5, np.nan], np.float32)
    shown = color_panel(pictures(), value=value, row=[7, 0, 12], picture=["=A1", "Cat, b", ""])
    rows = read_csv([shown])
    assert list(rows[0]) == ["panel", "map", "value", "row", "picture"]
    assert [row["value"] for row in rows] == ["1E-1", "25E-1", "nan"]
    assert [row["row"] for row in rows] == ["7", "0", "12"]
    assert [row["picture"] for row in rows] == ["'=A1", "Cat, b", ""]


def test_values_and_color_tiles_do_not_share_a_table():
    with pytest.raises(ValueError, match="same columns"):
        panels_csv([panel(whole_levels(count=1)), color_panel(pictures(1))])


def test_panels_with_different_columns_are_refused():
    maps = panel(whole_levels(count=1))
    with pytest.raises(ValueError, match="same columns"):
        panels_csv([maps, replace(maps, numbers={"filter": (1,), "channel": (1,)})])


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (np.float32(0), "0"),
        (np.float32(-0.0), "0"),
        (np.float32(1.5), "15E-1"),
        (np.float32(-3.25), "-325E-2"),
        (np.float32(0.1), "1E-1"),
        (np.float32(1e-45), "1E-45"),
        (np.float32(238), "238"),
        (np.float32(1500), "1500"),
        (np.float32(3.4e38), "34E37"),
        (np.float64(1) / 3, "3333333333333333E-16"),
        (np.float64(2) ** 60, "1152921504606847000"),
        (np.float32(np.nan), "nan"),
    ],
)
def test_numbers_have_no_decimal_point_and_lose_nothing(value, written):
    assert tables._number_cell(value) == written
    np.testing.assert_array_equal(type(value)(written), value)


SPREADSHEET = shutil.which("soffice")
TABLE = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"
OFFICE = "{urn:oasis:names:tc:opendocument:xmlns:office:1.0}"


def odd_numbers():
    """Return three tiles with numbers that spreadsheets may misread."""
    values = np.random.default_rng(0).normal(size=(3, 4, 4)).astype(np.float32)
    values[1] = [[1.5, 1.234, 12.345, 3.1]] * 4
    values[2] = -1
    shown = panel(values, heading="Right: BGR − mean · Кошка")
    return replace(shown, numbers={"filter": (1, 12, 3), "channel": (1, 3, 12)})


TAKEN_FOR = [
    ("de-DE", "12.345", ("float", 12345)),
    ("de-DE", "1.5", ("string", "1.5")),
    ("de-DE", "1.2.", ("date", None)),
    ("en-US", "12/3", ("date", None)),
    ("en-US", "true", ("boolean", "TRUE")),
]


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    """Locale -> file -> its cells as LibreOffice takes them there: kinds and values."""
    if not SPREADSHEET:
        pytest.skip("LibreOffice (libreoffice-calc) is not there")
    files = {cell: cell.encode() for _, cell, _ in TAKEN_FOR}
    files["odd numbers"] = panels_csv([odd_numbers()])
    locales = ("de-DE", "en-US")
    return {locale: open_all(files, tmp_path_factory.mktemp(locale), locale) for locale in locales}


def open_all(files, folder, locale):
    """All files in one start, which is what takes time."""
    paths = {name: folder / f"{number}.csv" for number, name in enumerate(files)}
    for name, path in paths.items():
        path.write_bytes(files[name])
    settings = (
        '<oor:items xmlns:oor="http://openoffice.org/2001/registry">'
        '<item oor:path="/org.openoffice.Setup/L10N"><prop oor:name="ooSetupSystemLocale" '
        f'oor:op="fuse"><value>{locale}</value></prop></item></oor:items>'
    )
    profile = folder / "profile"
    (profile / "user").mkdir(parents=True)
    (profile / "user" / "registrymodifications.xcu").write_text(settings)
    # Comma, quotation mark, UTF-8, all lines, in the program's own language, and what could be a
    # date is one, as in Excel.
    taken_in = "CSV:44,34,76,1,,0,false,true"
    command = [SPREADSHEET, f"-env:UserInstallation={profile.as_uri()}", "--headless"]
    command += [f"--infilter={taken_in}", "--convert-to", "fods", "--outdir", folder]
    subprocess.run([*command, *paths.values()], capture_output=True, check=True, timeout=120)
    return {name: cells_of(path.with_suffix(".fods")) for name, path in paths.items()}


def cells_of(path):
    rows = ElementTree.parse(path).getroot().iter(f"{TABLE}table-row")
    return [[cell_of(cell) for cell in row for _ in range(repeats(cell))] for row in rows]


def repeats(cell):
    return int(cell.get(f"{TABLE}number-columns-repeated", "1"))


def cell_of(cell):
    kind = cell.get(f"{OFFICE}value-type")
    words = "".join(cell.itertext()).strip()
    return kind, float(cell.get(f"{OFFICE}value")) if kind == "float" else words


@pytest.mark.parametrize("locale", ["de-DE", "en-US"])
def test_a_spreadsheet_reads_all_numbers_in_any_language(locale, opened):
    values = odd_numbers().values
    header, *rows = opened[locale]["odd numbers"]
    assert header == [("string", name) for name in ("panel", "filter", "channel", *STATISTICS)]
    found = statistics(values)
    columns = (found.minimum, found.maximum, found.mean, found.variance, found.active)
    assert len(rows) == 3
    for index, (row, numbers) in enumerate(zip(rows, [(1, 1), (12, 3), (3, 12)], strict=True)):
        assert row[0] == ("string", "Right: BGR − mean · Кошка")
        measured = [float(str(column[index])) for column in columns]
        assert row[1:-1] == [("float", pytest.approx(n, rel=1e-14)) for n in (*numbers, *measured)]
        assert row[-1] == ("string", "no" if (values[index] > 0).any() else "yes")


@pytest.mark.parametrize(("locale", "cell", "taken_for"), TAKEN_FOR)
def test_spreadsheets_misread_other_formats(locale, cell, taken_for, opened):
    ((kind, value),) = opened[locale][cell][0]
    assert (kind, None if kind == "date" else value) == taken_for


def test_panels_follow_one_another_in_the_csv():
    first, second = panel(whole_levels(count=2), heading="猫, a"), panel(whole_levels(count=1))
    assert [row["panel"] for row in read_csv([first, second])] == ["猫, a", "猫, a", "2"]


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
    (row,) = read_csv([panel(whole_levels(count=1), heading=title)])
    assert row["panel"] == cell
    assert float(row["minimum"]) == 0
