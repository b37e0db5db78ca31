"""Sheets: exported pictures of grids with their captions, as PNG, PDF and SVG."""

import base64
import io
import re
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from itertools import pairwise
from xml.etree import ElementTree

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib import colormaps
from PIL import Image
from scipy import ndimage

from tests.support import slow
from tests.support.maps import frozen, random_array
from vgg_viz import __version__
from vgg_viz.export.formats import FORMATS, SHAPES, Export
from vgg_viz.export.mosaic import LEVELS, MARK_COLOR, overlay_levels
from vgg_viz.export.number_format import figure
from vgg_viz.export.plain_text import rightward
from vgg_viz.export.sheets import MARGIN, WIDTH, Sheet, drawn, fit, fitted, page_size, sheet_of
from vgg_viz.serving.results import ValueRange
from vgg_viz.ui.widgets.color_grid import ColorGrid
from vgg_viz.ui.widgets.controls import Appearance
from vgg_viz.ui.widgets.grid import Grid

STEPS = LEVELS - 1
LINK = "https://example.org/?view=maps&layer=block1_conv1"
CAPTION = "Кошка, 猫, قطة, a $b$ costs $5_{^\\frac \n b\r\tc\x00\x1b[31m\u202e\udcff <x> -- "
CAPTION += "Wort" * 60


def panel(values, limits=None, color_map="viridis", columns=3, heading="", titles=None):
    values = np.asarray(values, np.float32)
    values.setflags(write=False)
    numbers = range(1, len(values) + 1)
    return Grid(
        values,
        titles or [str(number) for number in numbers],
        numbers,
        "key",
        heading=heading,
        columns=columns,
        value_range=ValueRange(0.0, 0.0),
        appearance=Appearance("own" if limits is None else "pair", color_map),
        pair=limits,
    )


def color_panel(tiles, empty=(), columns=2, **figures):
    numbers = range(1, len(tiles) + 1)
    return ColorGrid(
        lambda: iter(tiles),
        [str(number) for number in numbers],
        numbers,
        "key",
        columns=columns,
        figures=figures,
        tooltips=[[]] * len(tiles),
        empty=[index in empty for index in range(len(tiles))],
    )


def export(*panels, title="A title", caption="A line", link=LINK, **more):
    grids = [replace(one, caption=caption) for one in panels]
    return Export(title, lambda: grids, list, link, **more)


def encode(name, *panels, **more):
    return FORMATS[name].encode(export(*panels, **more))


def whole_levels(count=5, side=7, seed=0):
    """Tiles of whole numbers from 0 to `STEPS`, both of them in every tile: each is its level."""
    values = np.random.default_rng(seed).integers(0, STEPS, (count, side, side), endpoint=True)
    values[:, 0, 0], values[:, -1, -1] = 0, STEPS
    return values


def colors(levels, color_map="viridis"):
    """Return Matplotlib's colors of whole levels, uint8."""
    return colormaps[color_map](np.linspace(0, 1, STEPS + 1), bytes=True)[levels][..., :3]


def pixels(png):
    with Image.open(io.BytesIO(png)) as image:
        assert (image.format, image.mode) == ("PNG", "RGB")
        return np.asarray(image)


def colored(picture):
    """Return the boxes around everything that is not gray in an image, row by row."""
    hues = picture.max(axis=2) != picture.min(axis=2)
    labels, _ = ndimage.label(hues)
    boxes = sorted((box[0].start, box[1].start, box) for box in ndimage.find_objects(labels))
    return [picture[box] for _, _, box in boxes]


def blocks(part, side):
    """Return a tile at its own size; every value must be a square of one color."""
    factor = part.shape[0] // side
    assert part.shape[:2] == (factor * side, factor * side)
    small = part[::factor, ::factor]
    np.testing.assert_array_equal(small.repeat(factor, axis=0).repeat(factor, axis=1), part)
    return small


def test_the_png_has_the_scales_colors_titles_and_its_caption():
    levels = whole_levels()
    shown = panel(levels, (0.0, STEPS))
    png = encode("png", shown, caption=CAPTION)
    picture = pixels(png)
    *parts, last = colored(picture)
    assert last.shape[1] % (STEPS + 1) == 0
    for part, tile in zip(parts, levels, strict=True):
        np.testing.assert_array_equal(blocks(part, 7), colors(tile))
    with drawn(sheet_of(export(shown))) as made:
        top = made.axes[0].images[0].get_extent()[3]
    rows = (picture.max(axis=2) != picture.min(axis=2)).any(axis=1).nonzero()[0]
    assert rows[0] == top + 22 + 5  # room for titles
    title_rows = rows[0] - np.arange(1, 25)
    side = parts[0].shape[1]
    for column in range(3):
        left = MARGIN + column * (side + 4)
        dark = (picture[title_rows, left : left + side] < 60).all(axis=2).any(axis=0)
        assert dark.any()
        assert abs(dark.nonzero()[0].mean() - side / 2) < 4
    texts = Image.open(io.BytesIO(png)).text
    assert texts["Title"] == "A title"
    assert texts["Software"] == f"VGG Viz {__version__}"
    assert texts["Source"] == LINK
    first = texts["Description"].splitlines()[0]
    assert first.startswith("Кошка, 猫, قطة, a $b$ costs $5_{^\\frac b c��[31m�� <x> -- WortWort")
    hostile = sheet_of(export(shown, link="javascript:alert(1)"))
    assert hostile.link == ""


def test_every_scale_has_its_colors_and_labels():
    values = (whole_levels(count=2) - STEPS / 2) / 10
    largest = np.abs(values).max(axis=(1, 2)).astype(np.float32)
    most = float(largest.max())
    around = panel(values, (-most, most), "RdBu_r").scale
    assert around.labels == (figure(-most), "0", figure(most))
    np.testing.assert_array_equal(around.colors, colors(np.arange(LEVELS), "RdBu_r"))
    assert panel(values, (np.float32(-1), np.float32(9))).scale.labels == ("−1", "", "9")
    assert panel(values, (-largest, largest)).scale.labels == ("−largest", "0", "largest")
    assert panel(values, (largest, largest * 2)).scale is None
    assert panel(values).scale is None
    assert color_panel(pictures()).scale is None


@pytest.mark.parametrize(
    ("first", "second", "bars"),
    [
        (None, None, 0),
        ((0.0, 9.0), (np.float32(0), np.float32(9)), 1),
        ((0.0, 9.0), (-9.0, 9.0), 2),
        (None, (-9.0, 9.0), 1),
    ],
)
def test_panels_share_a_color_bar_where_they_share_a_scale(first, second, bars):
    values = whole_levels(count=2) / 40
    panels = [panel(values, limits, columns=2, heading="חתול 3") for limits in (first, second)]
    with drawn(Sheet("A title", ["A line"], panels, {})) as made:
        images = made.axes[0].images
        lefts, _, _, tops = zip(*(one.get_extent() for one in images), strict=True)
        words = [text.get_text() for text in made.axes[0].texts]
    grids, strips = np.split(lefts, [2])
    assert tops[0] == tops[1] < min(tops[2:], default=np.inf)
    assert list(strips) == list(grids)[2 - bars if first is None else 0 :][:bars]
    assert words[:3] == ["A title", *2 * [rightward("חתול 3")]]
    assert words[-1] == "A line"


def test_over_a_photograph_flat_tiles_are_struck_through_and_the_scale_is_blended():
    """`test_page_and_export_agree` in tests/ui/widgets/test_grid.py has the other tiles."""
    values = random_array(2, 14, 14) * [[[1]], [[0]]]
    random = np.random.default_rng(0)
    photograph = frozen(random.integers(0, 256, (196, 196, 3), dtype=np.uint8))
    largest = np.abs(values).max(axis=(1, 2))
    shown = replace(panel(values, (-largest, largest), "RdBu_r"), photograph=photograph)
    picture, layout = shown.draw(400)
    assert layout.side == 196
    tile = picture[-196:, -196:]
    struck = (tile == MARK_COLOR).all(axis=2)
    assert struck.diagonal().all()
    gray = np.rint(70 + photograph @ [0.299, 0.587, 0.114] / 255 * 155)[..., None]
    np.testing.assert_array_equal(tile[~struck], gray.repeat(3, axis=2)[~struck])
    np.testing.assert_array_equal(shown.scale.colors, overlay_levels("RdBu_r", -1, 1))


def pictures(count=3, side=7, seed=0):
    """Color tiles without any gray, which is what stands around them."""
    tiles = np.random.default_rng(seed).integers(0, 256, (count, side, side, 3), dtype=np.uint8)
    tiles[..., 0] = tiles[..., 1] // 2 + 90
    tiles[..., 2] = tiles[..., 0] ^ 1
    return tiles


def test_color_tiles_keep_their_colors_and_empty_ones_are_struck_through():
    tiles = pictures()
    picture, _ = color_panel(tiles, [1]).draw(200)
    step = picture.shape[0] // 2 + 2  # from one row's top to the next one's
    above, third = picture[: step - 4][-98:], picture[-98:, :98]
    first, second = above[:, :98], above[:, -98:]
    np.testing.assert_array_equal(blocks(first, 7), tiles[0])
    np.testing.assert_array_equal(blocks(third, 7), tiles[2])
    struck = (second == MARK_COLOR).all(axis=2)
    assert struck.diagonal().all()
    assert struck.mean() < 0.1
    assert (second[~struck] == 255).all()


def test_all_texts_lie_within_the_margins_and_titles_above_their_tiles():
    width = 1100
    titles = [f"{number} · a long {'title ' * 9} of a tile" for number in range(1, 17)]
    shown = panel(whole_levels(16), (0.0, 9.0), columns=16, titles=titles)
    lines = [CAPTION, LINK + "x" * 160]
    with drawn(Sheet("Title " * 60, lines, [shown], {}), width) as made:
        (axes,) = made.axes
        texts = [(text.get_text(), text.get_window_extent()) for text in axes.texts]
        right, left = axes.images[0].get_extent()[1], axes.images[0].get_extent()[0]
        assert made.bbox.width == max(right, MARGIN + width * 2 // 3) + MARGIN
    assert left == MARGIN
    assert min(extent.x0 for _, extent in texts) >= MARGIN - 1
    assert max(extent.x1 for _, extent in texts) <= made.bbox.width - MARGIN + 1
    assert min(extent.y0 for _, extent in texts) > 0
    assert max(extent.y1 for _, extent in texts) < made.bbox.height
    row = [extent for text, extent in texts if text.endswith("…")]
    assert len(row) == 16
    assert all(before.x1 < after.x0 for before, after in pairwise(row))
    labels = [extent for text, extent in texts if text in ("0", "9")]
    assert labels[0].x1 < labels[1].x0


def test_a_sheet_says_scale_version_and_own_picture():
    shown = panel(whole_levels())
    lines = sheet_of(export(shown, shown, has_own_picture=True)).lines
    note = "with the viewer's own picture, which the link does not include"
    version = f"VGG Viz {__version__}"
    scale = "Scale: each tile on its own scale, smallest to largest value · colors: Viridis"
    assert lines == ["A line", "A line", scale, f"{version} · {note}", LINK]
    assert sheet_of(export(shown, link="")).lines == ["A line", scale, version]


@pytest.mark.skipif(not shutil.which("pdftotext"), reason="poppler's pdftotext is not there")
def test_the_pdf_has_words_to_select_sharp_tiles_and_no_date():
    levels = whole_levels(2)
    title, caption = "Title (1) of $x$", "a $b$ costs $5_{^\\frac 猫 Кошка " + "A" * 150
    shown = panel(levels, (-9.0, 9.0))
    pdf = encode("pdf", shown, title=title, caption=caption, substitutes={"猫": "class 9"})
    command = ["pdftotext", "-layout", "-", "-"]
    words = subprocess.run(command, input=pdf, capture_output=True, check=True).stdout.decode()
    assert words.split()[:6] == ["Title", "(1)", "of", "$x$", "1", "2"]
    for part in ("−9", f"{caption.split(' 猫')[0]} class 9 Кошка", "A" * 50):
        assert part in " ".join(words.split())
    assert pdf.startswith(b"%PDF-")
    assert b"/FontFile2" in pdf
    assert b"/Type3" not in pdf
    assert rb"/Title (Title \(1\) of $x$)" in pdf
    assert f"/Creator (VGG Viz {__version__})".encode() in pdf
    assert b"/CreationDate" not in pdf
    assert LINK.encode() in pdf
    assert b"/MediaBox [ 0 0 841.89 595.28 ]" in pdf
    assert int(re.search(rb"/Width (\d+)", pdf)[1]) == shown.draw(WIDTH - 2 * MARGIN)[0].shape[1]


@pytest.mark.parametrize(
    ("size", "page"),
    [((1600, 900), (842, 595)), ((1500, 1600), (595, 842)), ((1000, 9000), (595, 5358))],
)
def test_the_page_follows_the_sheet(size, page):
    assert tuple(round(side) for side in page_size(*size)) == page
    assert page_size(1, 1e6)[1] == 14400


def test_a_sheet_is_scaled_to_its_page_and_centered():
    with drawn(Sheet("A title", [CAPTION], [panel(whole_levels())], {})) as made:
        texts, width = made.axes[0].texts, made.bbox.width
        before = np.array([text.get_window_extent().bounds for text in texts])
        fit(made, width / 2 + 100, 9000)
        after = np.array([text.get_window_extent().bounds for text in texts])
    half = 1 / 2 + 100 / width
    np.testing.assert_allclose(after[:, [0, 2]], before[:, [0, 2]] * half, rtol=0.01, atol=1)


SLIDES = [shape for shape in SHAPES.values() if shape.ratio]


@pytest.mark.parametrize("shape", [SLIDES[0], *slow(*SLIDES[1:])], ids=lambda shape: shape.name)
def test_a_slide_has_its_shape_in_every_format(shape):
    levels = whole_levels()
    shown, more = panel(levels, (0.0, STEPS)), {"shape": shape, "caption": CAPTION}
    picture = pixels(encode("png", shown, **more))
    assert picture.shape[1] / picture.shape[0] == pytest.approx(shape.ratio, abs=2e-3)
    for part, tile in zip(colored(picture), levels, strict=False):
        np.testing.assert_array_equal(blocks(part, 7), colors(tile))
    box = re.search(rb"/MediaBox \[ 0 0 (\S+) (\S+) \]", encode("pdf", shown, **more))
    assert [float(side) for side in box.groups()] == [540 * shape.ratio, 540]
    root = ElementTree.fromstring(encode("svg", shown, **more))
    width, height = (float(root.get(side)[:-2]) for side in ("width", "height"))
    assert width / height == pytest.approx(shape.ratio, abs=2e-3)


@pytest.mark.parametrize(("name", "count"), [("16:9", 1), ("4:3", 16), *slow(("16:9", 64))])
def test_a_slides_grids_are_centered_and_its_texts_within_its_margins(name, count):
    shown = [panel(np.ones((count, 8, 8)), (0, 1), heading=one, columns=8) for one in "ab"]
    sheet = Sheet("A title", [CAPTION, LINK], shown, {}, SHAPES[name].ratio)
    with drawn(sheet) as made:
        (axes,) = made.axes
        start, end = axes.get_xlim()
        extents = [image.get_extent() for image in axes.images[:2]]
        texts = [text.get_window_extent() for text in axes.texts]
    assert min(box.x0 for box in texts) >= MARGIN - 1
    assert max(box.x1 for box in texts) <= end - start - MARGIN + 1
    assert min(box.y0 for box in texts) > 0
    left, right = extents[0][0] - start, end - extents[1][1]
    assert left == pytest.approx(right, abs=2)
    assert left >= MARGIN


def test_a_slide_lays_out_anew_only_a_grid_whose_columns_have_no_meaning():
    given = panel(np.ones((64, 8, 8)), columns=8)
    free = replace(given, columns=0)
    assert fitted(given, 1000, 300)[1].columns == 8
    wide, tall = (fitted(free, *room)[1] for room in ((1000, 300), (300, 1000)))
    assert wide.columns > 8 > tall.columns
    assert wide.side > fitted(given, 1000, 300)[1].side
    # Larger tiles would not fit: not in these columns, and not in others.
    for columns in range(1, 65):
        rows = -(-64 // columns)
        side = 8 * (wide.side // 8 + 1)
        assert columns * side > 1000 or rows * (side + 12) > 300


SVG = "{http://www.w3.org/2000/svg}"
HREF = "{http://www.w3.org/1999/xlink}href"


def test_the_svg_holds_all_that_it_shows():
    levels = whole_levels(2)
    shown = panel(levels, (0.0, STEPS))
    svg = encode("svg", shown, title="<b>猫</b> --> a", caption=CAPTION, substitutes={"猫": "9"})
    root = ElementTree.fromstring(svg)
    grid, bar = root.iter(f"{SVG}image")
    drawing = shown.draw(WIDTH - 2 * MARGIN)[0]
    for image in (bar, grid):
        kind, data = image.get(HREF).split(",")
        assert kind == "data:image/png;base64"
        assert "pixelated" in image.get("style")
    found = np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB"))
    np.testing.assert_array_equal(found, drawing)
    links = {one.get(HREF) for one in root.iter() if one.get(HREF)}
    outside = {link for link in links if not link.startswith(("#", "data:image/png"))}
    assert outside == {LINK}
    assert not {f"{SVG}{tag}" for tag in ("text", "script", "foreignObject")} & {
        one.tag for one in root.iter()
    }
    assert root.find(f"{SVG}title").text == "<b>猫</b> --> a"
    assert float(root.get("width").removesuffix("pt")) * 4 / 3 == pytest.approx(
        drawing.shape[1] + 2 * MARGIN
    )


@pytest.mark.parametrize("name", ["svg", *slow("pdf")])
def test_equal_sheets_give_equal_files_in_threads(name):
    shown = [panel(whole_levels(2, 2, seed=seed)) for seed in range(2)]
    before = dict(mpl.rcParams)
    expected = [encode(name, one) for one in shown]
    with ThreadPoolExecutor(2) as threads:
        assert list(threads.map(partial(encode, name), shown)) == expected
    assert dict(mpl.rcParams) == before
