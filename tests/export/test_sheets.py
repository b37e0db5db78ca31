import io
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib import colormaps
from matplotlib.backends.backend_pdf import PdfFile, RendererPdf
from PIL import Image
from scipy import ndimage

from vgg_viz import __version__
from vgg_viz.export import number_format, sheets
from vgg_viz.export.panels import ColorPanel, ValuesPanel
from vgg_viz.export.sheets import Sheet, sheet_pdf, sheet_png, wrap

STEPS = 238  # a scale has 239 levels
LINK = "https://example.org/?view=maps&layer=" + "x" * 560
CAPTION = [
    "Layer: 1 · block1_conv1",
    "Picture: Кошка, 猫, قطة, a $b$ costs $5_{^\\frac",
    "a\nb\r\tc\x00\x1b[31m\u202e\udcff",
    "Wort" * 300,
    "VGG Viz 1.2.3",
    LINK,
]


def panel(values, limits=None, color_map="viridis", columns=3, heading="", titles=None):
    values = np.asarray(values, np.float32)
    values.setflags(write=False)
    numbers = range(1, len(values) + 1)
    titles = titles or [str(number) for number in numbers]
    return ValuesPanel(
        heading,
        titles,
        {"map": numbers},
        columns,
        values=values,
        limits=limits,
        color_map=color_map,
    )


def sheet(*panels, title="A title", lines=("A line",)):
    return Sheet(title, lines, panels)


def whole_levels(count=5, side=7, seed=0):
    """Tiles of whole numbers from 0 to 238, both of them in every tile: each is its level."""
    values = np.random.default_rng(seed).integers(0, STEPS, (count, side, side), endpoint=True)
    values[:, 0, 0], values[:, -1, -1] = 0, STEPS
    return values


def colors(levels, color_map="viridis"):
    """Return Matplotlib's colors of whole levels, uint8."""
    return colormaps[color_map](np.linspace(0, 1, STEPS + 1), bytes=True)[levels][..., :3]


def pixels(png):
    with Image.open(io.BytesIO(png)) as image:
        assert image.format == "PNG"
        assert image.mode == "RGB"
        return np.asarray(image)


def laid_out(shown):
    return sheets._lay_out(shown, 1600, draw_titles=False)


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


@pytest.mark.parametrize("width", [200, 1600])
@pytest.mark.parametrize(("factor", "limits"), [(1, (0.0, STEPS)), (0.37, None)])
def test_tiles_in_the_png_have_the_scales_colors(limits, factor, width):
    levels = whole_levels()
    parts = colored(pixels(sheet_png(sheet(panel(levels * factor, limits)), width)))
    if limits:
        *parts, strip = parts
        assert strip.shape[1] % (STEPS + 1) == 0
    assert len(parts) == 5
    for part, tile in zip(parts, levels, strict=True):
        np.testing.assert_array_equal(blocks(part, 7), colors(tile))


def test_large_tiles_are_averaged():
    levels = whole_levels(count=1, side=4).repeat(200, axis=1).repeat(200, axis=2)
    (part,) = colored(pixels(sheet_png(sheet(panel(levels)), width=300)))
    assert part.shape[0] < 800
    np.testing.assert_array_equal(blocks(part, 4), colors(levels[0, ::200, ::200]))


def test_scales_by_tile_have_no_legend():
    levels = whole_levels(count=2)
    factors = np.array([1, 5], np.float32)
    limits = np.zeros(2, np.float32), STEPS * factors
    parts = colored(pixels(sheet_png(sheet(panel(levels * factors[:, None, None], limits)))))
    assert len(parts) == 2
    for part, tile in zip(parts, levels, strict=True):
        np.testing.assert_array_equal(blocks(part, 7), colors(tile))


@pytest.mark.parametrize(
    ("first", "second", "strips"),
    [
        (None, None, 0),
        ((0.0, 9.0), (0.0, 9.0), 1),
        ((0.0, 9.0), (np.float32(0), np.float32(9)), 1),
        ((0.0, 9.0), (-9.0, 9.0), 2),
        (None, (-9.0, 9.0), 1),
    ],
)
def test_panels_share_a_legend_where_they_share_a_scale(first, second, strips):
    values = whole_levels(count=2) / 40
    shown = sheet(panel(values, first, columns=2), panel(values, second, columns=2))
    assert len(colored(pixels(sheet_png(shown)))) == 4 + strips
    grids, legends = np.split([part.left for part in laid_out(shown).images], [2])
    assert list(legends) == list(grids)[2 - strips if first is None else 0 :][:strips]


@pytest.mark.parametrize("scale", ["one", "each tile's"])
def test_a_difference_has_its_heading_and_a_scale_around_zero(scale):
    values = (whole_levels(count=2) - STEPS / 2) / 10
    largest = np.abs(values).max(axis=(1, 2)).astype(np.float32)
    most = float(largest.max())
    limits = (-most, most) if scale == "one" else (-largest, largest)
    heading = "Difference: Coffee minus Cat"
    shown = sheet(panel(values, limits, "RdBu_r", heading=heading))
    layout = laid_out(shown)
    words = [text.content for text in layout.texts]
    assert words[:2] == ["A title", heading]
    grid, strip = layout.images
    assert strip.top > grid.top + len(grid.pixels)
    levels = strip.pixels[len(strip.pixels) // 2, 1:-1]
    assert (levels[0] == colors(0, "RdBu_r")).all()
    assert (levels[len(levels) // 2] == colors(STEPS // 2, "RdBu_r")).all()
    ends = [number_format.figure(-most, 3), "0", number_format.figure(most, 3)]
    assert words[-4:-1] == (ends if scale == "one" else ["−largest", "0", "largest"])
    by_place = sorted(layout.texts[-4:-1], key=lambda text: text.left)
    assert [text.content for text in by_place] == words[-4:-1]
    assert len(colored(pixels(sheet_png(shown)))) >= 2


def test_the_words_of_a_scale_stand_beside_each_other():
    values = (whole_levels(count=2) - STEPS / 2) / 10
    largest = np.abs(values).max(axis=(1, 2)).astype(np.float32)
    for limits in ((-largest, largest), (-12345.0, 12345.0)):
        texts = laid_out(sheet(panel(values, limits, "RdBu_r"))).texts[-4:-1]
        parts = []
        for text in sorted(texts, key=lambda text: text.left):
            width = sheets._length(text.content, text.size)
            start = text.left - width * {"l": 0, "m": 0.5, "r": 1}[text.anchor]
            parts.append((start, start + width))
        assert all(before[1] < after[0] for before, after in pairwise(parts))


def photographed(seed=0):
    """Three tiles of 14 x 14, each on its own scale around 0, the last flat; and a photograph."""
    random = np.random.default_rng(seed)
    values = random.standard_normal((3, 14, 14)).astype(np.float32)
    values[2] = 0
    largest = np.abs(values).max(axis=(1, 2))
    return values, (-largest, largest), random.integers(0, 256, (196, 196, 3), dtype=np.uint8)


def over(photograph, values, largest):
    """Values over a photograph, float, by what the colors are to say."""
    gray = 70 + photograph @ [0.299, 0.587, 0.114] / 255 * 155
    color = colormaps["RdBu_r"]((values / largest + 1) / 2)[..., :3] * 255
    share = 0.75 * np.abs(values / largest)[..., None]
    factor = len(photograph) // len(values)
    color, share = (each.repeat(factor, 0).repeat(factor, 1) for each in (color, share))
    return gray[..., None] * (1 - share) + color * share


@pytest.mark.parametrize("lettered", [True, False], ids=["PNG", "PDF"])
def test_tiles_over_a_photograph_cover_it_by_their_values(lettered):
    values, limits, photograph = photographed()
    before = photograph.copy()
    shown = replace(panel(values, limits, "RdBu_r", columns=2), photograph=photograph)
    picture = sheets._draw_panel(shown, 400, draw_titles=lettered).pixels
    corners = [divmod(index, 2) for index in range(3)]
    height = picture.shape[0] // 2 + 2
    tiles = [picture[:, 200 * c :][height * r :][: height - 4][-196:, :196] for r, c in corners]
    for tile, one, largest in zip(tiles[:2], values, limits[1], strict=False):
        assert np.abs(tile - over(photograph, one, largest)).max() <= 4  # a step of the scale
    struck = (tiles[2] == (226, 70, 60)).all(axis=2)
    assert struck.diagonal().all()
    gray = np.rint(70 + photograph @ [0.299, 0.587, 0.114] / 255 * 155)[..., None]
    np.testing.assert_array_equal(tiles[2][~struck], gray.repeat(3, axis=2)[~struck])
    np.testing.assert_array_equal(photograph, before)


def test_the_scale_of_tiles_over_a_photograph_is_blended_with_gray():
    values, limits, photograph = photographed()
    shown = replace(panel(values, limits, "RdBu_r"), photograph=photograph)
    grid, strip = laid_out(sheet(shown, panel(values, limits, "RdBu_r"))).images[::2]
    row = strip.pixels[len(strip.pixels) // 2, 1:-1]
    assert row[len(row) // 2].tolist() == [147] * 3
    dark_red = np.array(colormaps["RdBu_r"](1.0)[:3]) * 255
    assert np.abs(row[-1] - (0.75 * dark_red + 0.25 * 147.5)).max() <= 1
    assert grid.top < strip.top


def test_flat_tiles_are_struck_through():
    values = whole_levels(count=2)
    values[1] = 3
    first, second = colored(pixels(sheet_png(sheet(panel(values)))))
    np.testing.assert_array_equal(blocks(first, 7), colors(values[0]))
    struck = (second == (226, 70, 60)).all(axis=2)
    assert struck.diagonal().all()
    assert (second[~struck] == colors(0)).all()


def test_the_png_is_white_with_everything_inside_its_margins():
    shown = sheet(panel(whole_levels()), title="Title " * 60, lines=CAPTION)
    picture = pixels(sheet_png(shown, width=900))
    margin = sheets.MARGIN
    frame = np.ones(picture.shape[:2], bool)
    frame[margin:-margin, margin - 2 : -margin + 2] = False
    assert (picture[frame] == 255).all()
    assert (picture.max(axis=2) == picture.min(axis=2))[-200:].all()
    assert (picture[-200:] < 80).any()


def test_the_png_contains_its_caption():
    with Image.open(io.BytesIO(sheet_png(sheet(panel(whole_levels()), lines=CAPTION)))) as image:
        texts = image.text
    assert texts["Title"] == "A title"
    assert texts["Software"] == f"VGG Viz {__version__}"
    assert texts["Source"] == LINK
    assert texts["Description"].splitlines()[1] == CAPTION[1]
    assert texts["Description"].splitlines()[2] == "a b c��[31m��"
    with Image.open(io.BytesIO(sheet_png(sheet(panel(whole_levels()))))) as image:
        assert "Source" not in image.text


def figure(shown):
    return sheets._figure(laid_out(shown))


@pytest.mark.parametrize("width", [1100, 1400, 1600, 1900])
def test_no_text_leaves_the_pdfs_margins_or_its_tile(width):
    titles = [f"{number} · a long title of a tile" for number in range(1, 17)]
    values = whole_levels(count=16)
    shown = sheet(panel(values, (0.0, 9.0), columns=16, titles=titles), lines=CAPTION)
    made = sheets._figure(sheets._lay_out(shown, width, draw_titles=False))
    (axes,) = made.axes
    width, height = made.get_size_inches()
    file = PdfFile(io.BytesIO())
    file.newPage(width * 72, height * 72)
    renderer = RendererPdf(file, 72, height, width)
    extents = [text.get_window_extent(renderer) for text in axes.texts]
    to_points = axes.transData.transform
    tiles = axes.images[0].get_extent()
    left, right = to_points((tiles[0], 0))[0], to_points((tiles[1], 0))[0]
    assert min(extent.x0 for extent in extents) >= left - 1
    assert max(extent.x1 for extent in extents) <= right + 1
    assert min(extent.y0 for extent in extents) > 0
    assert max(extent.y1 for extent in extents) < made.bbox.height
    row = [e for e, text in zip(extents, axes.texts, strict=True) if "tile" in text.get_text()]
    assert len(row) == 16
    assert all(before.x1 < after.x0 for before, after in pairwise(row))


def test_pictures_in_the_pdf_are_not_resampled():
    levels = whole_levels(count=2)
    shown = sheet(panel(levels, (0.0, STEPS)))
    (axes,) = figure(shown).axes
    image, strip = axes.images
    sizes = re.findall(rb"/Width (\d+)", sheet_pdf(shown))
    assert sorted(map(int, sizes)) == sorted(part.get_array().shape[1] for part in (image, strip))
    assert image.get_interpolation() == strip.get_interpolation() == "none"
    for part, tile in zip(colored(image.get_array()), levels, strict=True):
        np.testing.assert_array_equal(blocks(part, 7), colors(tile))


@pytest.mark.skipif(not shutil.which("pdftotext"), reason="poppler's pdftotext is not there")
def test_words_in_the_pdf_can_be_selected():
    lines = ["a $b$ costs $5_{^\\frac", "Кошка", "A" * 300]
    shown = sheet(panel(whole_levels(), (-9.0, 9.0)), title="Title $x$", lines=lines)
    command = ["pdftotext", "-layout", "-", "-"]
    done = subprocess.run(command, input=sheet_pdf(shown), capture_output=True, check=True)
    words = done.stdout.decode().split()
    assert words[:5] == ["Title", "$x$", "1", "2", "3"]
    for line in lines[:2]:
        assert line in " ".join(words)
    assert "".join(words).endswith(lines[-1])


def test_the_pdf_has_its_fonts_and_metadata_and_no_date():
    pdf = sheet_pdf(sheet(panel(whole_levels()), title="Title (1)", lines=CAPTION))
    assert pdf.startswith(b"%PDF-")
    assert b"/FontFile2" in pdf
    assert b"/Type3" not in pdf
    assert rb"/Title (Title \(1\))" in pdf
    assert f"/Creator (VGG Viz {__version__})".encode() in pdf
    assert b"/CreationDate" not in pdf
    assert LINK.encode() in pdf


@pytest.mark.parametrize(
    ("count", "columns", "page"),
    [(8, 8, (842, 595)), (16, 4, (595, 842)), (40, 2, (595, None))],
)
def test_the_page_follows_the_grid(count, columns, page):
    pdf = sheet_pdf(sheet(panel(whole_levels(count), columns=columns)))
    box = re.search(rb"/MediaBox \[ 0 0 ([\d.]+) ([\d.]+) \]", pdf)
    width, height = (round(float(side)) for side in box.groups())
    assert width == page[0]
    assert height == page[1] or (page[1] is None and 842 < height < 14400)


def test_pdfs_are_the_same_in_threads_and_in_another_process():
    shown = [sheet(panel(whole_levels(seed=seed)), lines=CAPTION) for seed in range(4)]
    before = dict(mpl.rcParams)
    expected = [sheet_pdf(one) for one in shown]
    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(sheet_pdf, shown)) == expected
    assert dict(mpl.rcParams) == before
    script = (
        "import sys; from tests.export.test_sheets import *; "
        "pdf = sheet_pdf(sheet(panel(whole_levels(seed=0)), lines=CAPTION)); "
        "assert not {'streamlit', 'matplotlib.pyplot'} & set(sys.modules); "
        "sys.stdout.buffer.write(pdf)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert done.stdout == expected[0]


def test_512_tiles_make_a_png_and_a_pdf():
    shown = sheet(panel(np.random.default_rng(0).random((512, 14, 14)), columns=23))
    assert pixels(sheet_png(shown)).shape[1] > 1200
    assert sheet_pdf(shown).count(b"/Subtype /Image") == 1


@pytest.mark.parametrize("width", [40, 100, 700])
@pytest.mark.parametrize(
    "words", ["", "a", "one two  three", "x" * 600, f"see {LINK} there", "猫" * 50]
)
def test_wrapping_loses_nothing_and_fits(words, width):
    lines = wrap(words, lambda text: 9 * len(text), width)
    assert all(9 * len(line) <= width for line in lines)
    assert "".join(lines).replace(" ", "") == words.replace(" ", "")


def test_words_break_between_words_where_they_can():
    assert wrap("one two three", len, 7) == ["one two", "three"]
    assert wrap("ab abcdefghij cd", len, 4) == ["ab", "abcd", "efgh", "ij", "cd"]
    assert wrap("abc", len, 0) == ["a", "b", "c"]


def pictures(count=3, side=7, seed=0):
    """Color tiles without any gray, which is what stands around them."""
    tiles = np.random.default_rng(seed).integers(0, 256, (count, side, side, 3), dtype=np.uint8)
    tiles[..., 0] = tiles[..., 1] // 2 + 90
    tiles[..., 2] = tiles[..., 0] ^ 1
    return tiles


def color_panel(tiles, empty=(), columns=2, **figures):
    numbers = range(1, len(tiles) + 1)
    return ColorPanel(
        "",
        [str(number) for number in numbers],
        {"map": numbers},
        columns,
        tiles=lambda: iter(tiles),
        empty=np.isin(np.arange(len(tiles)), list(empty)),
        figures=figures,
    )


@pytest.mark.parametrize("lettered", [True, False], ids=["PNG", "PDF"])
def test_color_tiles_keep_their_colors_and_empty_ones_are_struck_through(lettered):
    tiles = pictures()
    picture = sheets._draw_panel(color_panel(tiles, [1]), 200, draw_titles=lettered).pixels
    step = picture.shape[0] // 2 + 2  # from one row's top to the next one's
    above, third = picture[: step - 4][-98:], picture[-98:, :98]
    first, second = above[:, :98], above[:, -98:]
    np.testing.assert_array_equal(blocks(first, 7), tiles[0])
    np.testing.assert_array_equal(blocks(third, 7), tiles[2])
    struck = (second == (226, 70, 60)).all(axis=2)
    assert struck.diagonal().all()
    assert struck.mean() < 0.1
    assert (second[~struck] == 255).all()


def test_large_pictures_are_averaged():
    (tile,) = pictures(1, 4)
    large = tile.repeat(200, axis=0).repeat(200, axis=1)
    drawn = sheets._draw_panel(color_panel([large]), 300, draw_titles=False).pixels
    assert drawn.shape[1] < 800
    np.testing.assert_array_equal(blocks(drawn[-drawn.shape[1] :], 4), tile)


def test_pictures_are_files_without_a_scale():
    shown = sheet(color_panel(pictures()), lines=CAPTION)
    assert len(laid_out(shown).images) == 1
    assert len(colored(pixels(sheet_png(shown)))) == 3
    assert sheet_pdf(shown).startswith(b"%PDF-")


def test_pictures_without_a_title_each_are_refused():
    shown = color_panel(pictures())
    with pytest.raises(ValueError, match="expected 3 titles"):
        replace(shown, titles=["1", "2"])
    with pytest.raises(ValueError, match="expected 0 titles"):
        color_panel([])


# -- a spreadsheet program's view


@pytest.mark.parametrize(
    ("values", "titles"),
    [
        (np.zeros((0, 3, 3)), []),
        (np.zeros((1, 3, 4)), ["1"]),
        (np.zeros((3, 3)), ["1", "2", "3"]),
        (np.zeros((2, 3, 3)), ["1"]),
    ],
)
def test_invalid_tiles_are_refused(values, titles):
    with pytest.raises(ValueError, match="expected"):
        panel(values, titles=titles)


def test_a_sheet_without_panels_is_refused():
    with pytest.raises(ValueError, match="expected at least one panel"):
        sheet()
