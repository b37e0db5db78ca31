"""Panels -> sheets: a PNG or PDF with its caption.

A sheet is one grid, or two side by side, with its caption set in the picture:

    Title
    Heading            Heading            where the panels have one
    [1] [2] [3] [4]    [1] [2] [3] [4]
    [5] [6] [7] [8]    [5] [6] [7] [8]
    low --- 0 --- high                    where a panel has one scale, or each tile one around 0
    Caption, line by line, wrapped to the sheet's width

It is laid out once, in pixels; the PDF is that layout fitted to a page, with its words as text.
"""

import io
import re
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Literal

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from PIL.PngImagePlugin import PngInfo

from vgg_viz import __version__
from vgg_viz.export import mosaic
from vgg_viz.export.panels import Panel, Scale
from vgg_viz.export.plain_text import plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SOFTWARE = f"VGG Viz {__version__}"
MARGIN = 40
SMALLEST_LETTERS = 12
NARROWEST_PANEL = 400  # pixels: the strip of all levels stands under it, even at two thirds of it
OUTLINE_SIZE = 1000  # pixels: so large that rounding to whole ones does not matter
FRAME_GRAY = 128
A4 = (595.28, 841.89)  # points
LONGEST_PAGE = 14400  # points: what PDF viewers take at most, ISO 32000-1, annex C

Anchor = Literal["l", "m", "r"]

_pdf_lock = Lock()


@dataclass(frozen=True, eq=False)
class Sheet:
    """Panels side by side with their caption: a title, and lines in words below the panels.

    Raises:
        ValueError: there is no panel.
    """

    title: str
    lines: Sequence[str]
    panels: Sequence[Panel]

    def __post_init__(self) -> None:
        """Check that there is something to show."""
        if not self.panels:
            raise ValueError("expected at least one panel, got none")

    @property
    def link(self) -> str | None:
        """The first line that is a link."""
        lines = (plain(line) for line in self.lines)
        return next((line for line in lines if re.match(r"https?://", line)), None)


@dataclass(frozen=True)
class _Text:
    """One line of text, in pixels: ``left`` is where its ``anchor`` is, ``size`` its letters'."""

    left: float
    baseline: float
    size: float
    words: str
    bold: bool = False
    anchor: Anchor = "l"
    link: str | None = None


@dataclass(frozen=True, eq=False)
class _Picture:
    """An RGB picture, uint8 ``(h, w, 3)``, and where its top left corner is."""

    left: int
    top: int
    pixels: np.ndarray


@dataclass(frozen=True, eq=False)
class _Layout:
    """Where everything is on a sheet of ``width`` by ``height`` pixels."""

    width: int
    height: int
    pictures: Sequence[_Picture]
    texts: Sequence[_Text]


@dataclass(frozen=True, eq=False)
class _DrawnPanel:
    """A panel's grid as an RGB picture, and its titles where they are not in the picture."""

    panel: Panel
    pixels: np.ndarray
    titles: Sequence[_Text]


def sheet_png(sheet: Sheet, width: int = 1600) -> bytes:
    """Draw a sheet about ``width`` pixels wide, black on white, as PNG bytes (RGB).

    Tiles are enlarged by a whole factor or averaged by whole fractions, so that the file has the
    scale's own colors. Caption, version and link also stand in the file's text chunks.
    """
    layout = _lay_out(sheet, width, lettered=True)
    image = Image.new("RGB", (layout.width, layout.height), "white")
    for picture in layout.pictures:
        image.paste(Image.fromarray(picture.pixels), (picture.left, picture.top))
    draw = ImageDraw.Draw(image)
    for text in layout.texts:
        font = _font(text.size, bold=text.bold)
        position = (text.left, text.baseline)
        draw.text(position, _drawable(text.words), "black", font, anchor=f"{text.anchor}s")
    buffer = io.BytesIO()
    # Half the time of Pillow's own level, 6, and for these pictures a tenth smaller.
    image.save(buffer, "PNG", compress_level=3, pnginfo=_png_texts(sheet))
    return buffer.getvalue()


def sheet_pdf(sheet: Sheet) -> bytes:
    """Draw a sheet as a PDF of one page: its words as text, its tiles as exact pictures.

    The page is A4, landscape or portrait, whichever shows more; a grid that is far too high for
    that gets a page as wide as A4 and as long as it needs. The same sheet gives the same bytes.
    """
    from matplotlib import rc_context
    from matplotlib.backends.backend_pdf import FigureCanvasPdf

    layout = _lay_out(sheet, 1600, lettered=False)
    metadata = {
        "Title": plain(sheet.title),
        "Subject": _caption(sheet),
        "Creator": SOFTWARE,
        "CreationDate": None,
    }
    buffer = io.BytesIO()
    # Matplotlib's settings are global: one PDF at a time. Type 42 is TrueType as it is.
    with _pdf_lock, rc_context({"pdf.fonttype": 42, "pdf.use14corefonts": False}):
        figure = _figure(layout)
        FigureCanvasPdf(figure).print_pdf(  # type: ignore[no-untyped-call]
            buffer, metadata=metadata
        )
    return buffer.getvalue()


def wrap(words: str, length: Callable[[str], float], width: float) -> list[str]:
    """Break one line of words into lines whose ``length`` is at most ``width``.

    A word that is too long for a line of its own is broken anywhere.
    """
    lines, line = [], ""
    for word in words.split(" "):
        longer = f"{line} {word}" if line else word
        if length(longer) <= width:
            line = longer
            continue
        if line:
            lines.append(line)
        line = word
        while length(line) > width and len(line) > 1:
            fitting = _fitting(line, length, width)
            lines.append(line[:fitting])
            line = line[fitting:]
    return [*lines, line]


def _fitting(word: str, length: Callable[[str], float], width: float) -> int:
    """How many of a word's first letters fit into ``width``, at least 1."""
    ends = range(1, len(word))
    return max(1, bisect_right(ends, width, key=lambda end: length(word[:end])))


def _caption(sheet: Sheet) -> str:
    return "\n".join(plain(line) for line in sheet.lines)


def _png_texts(sheet: Sheet) -> PngInfo:
    """The text chunks of a sheet's PNG, under the keywords of the PNG specification."""
    texts = {"Title": plain(sheet.title), "Software": SOFTWARE, "Description": _caption(sheet)}
    if sheet.link:
        texts["Source"] = sheet.link
    info = PngInfo()
    for keyword, text in texts.items():
        info.add_text(keyword, text)
    return info


def _lay_out(sheet: Sheet, width: int, *, lettered: bool) -> _Layout:
    """Place everything; ``lettered`` says whether the tiles' titles are drawn in the pictures."""
    share = (width - MARGIN * (len(sheet.panels) + 1)) // len(sheet.panels)
    share = max(share, NARROWEST_PANEL)
    drawn = [_draw_panel(panel, share, lettered=lettered) for panel in sheet.panels]
    grids = sum(panel.pixels.shape[1] for panel in drawn) + MARGIN * (len(drawn) - 1)
    inner = max(grids, width * 2 // 3)
    size = max(SMALLEST_LETTERS, inner // 75)
    texts = _paragraph(sheet.title, (MARGIN, MARGIN), inner, size * 1.4, bold=True)
    pictures, more, bottom = _place_panels(drawn, _bottom(texts) + size, size)
    texts += more
    bottom += size * 0.8
    for line in sheet.lines:
        link = plain(line) if plain(line) == sheet.link else None
        texts += _paragraph(line, (MARGIN, bottom), inner, size, link=link)
        bottom = _bottom(texts)
    return _Layout(inner + 2 * MARGIN, round(bottom) + MARGIN, pictures, texts)


def _draw_panel(panel: Panel, width: int, *, lettered: bool) -> _DrawnPanel:
    """Draw a panel's tiles about ``width`` pixels wide, with or without their titles."""
    words = [plain(title) for title in panel.titles]
    shown = words if lettered else [" "] * len(words)
    pixels, side = panel.drawn(shown, width)
    grid = mosaic.tile_layout(np.empty((len(words), side, side), bool), panel.columns)
    return _DrawnPanel(panel, pixels, [] if lettered else _titles(words, grid))


def _titles(words: Sequence[str], grid: mosaic.TileLayout) -> list[_Text]:
    """Titles as text, centered above their tiles, all of a size at which the longest fits."""
    size = mosaic.LETTERING.size(grid.tile_width)
    longest = max(_length(_drawable(title), 100) for title in words) / 100
    fitting = min(size, grid.tile_width / longest) if longest else size
    texts = []
    for index, title in enumerate(words):
        left, top = grid.corner(index)
        texts.append(_Text(left + grid.tile_width / 2, top - 4, fitting, title, anchor="m"))
    return texts


def _place_panels(
    drawn: Sequence[_DrawnPanel], top: float, size: float
) -> tuple[list[_Picture], list[_Text], float]:
    """Put panels side by side: headings in a row, the grids, the scales; and where that ends."""
    lefts = [MARGIN]
    for panel in drawn[:-1]:
        lefts.append(lefts[-1] + panel.pixels.shape[1] + MARGIN)
    texts: list[_Text] = []
    if any(panel.panel.heading for panel in drawn):
        for left, panel in zip(lefts, drawn, strict=True):
            width = panel.pixels.shape[1]
            texts += _paragraph(panel.panel.heading, (left, top), width, size, bold=True)
        top = _bottom(texts) + size * 0.2
    grid_top = round(top)
    pictures = []
    for left, panel in zip(lefts, drawn, strict=True):
        pictures.append(_Picture(left, grid_top, panel.pixels))
        texts += [_moved(title, left, grid_top) for title in panel.titles]
    bottom = grid_top + max(panel.pixels.shape[0] for panel in drawn)
    scales = _scales(drawn, lefts, bottom + size * 0.8, size * 0.9)
    for strip, labels in scales:
        pictures.append(strip)
        texts += labels
    return pictures, texts, _bottom(labels) if scales else bottom


def _moved(text: _Text, left: int, top: int) -> _Text:
    return _Text(
        text.left + left, text.baseline + top, text.size, text.words, text.bold, text.anchor
    )


def _scales(
    drawn: Sequence[_DrawnPanel], lefts: Sequence[int], top: float, size: float
) -> list[tuple[_Picture, list[_Text]]]:
    """A scale under every panel that has one to draw, unless the first has the same."""
    scales = dict[tuple[object, ...], tuple[_Picture, list[_Text]]]()
    for left, panel in zip(lefts, (panel.panel for panel in drawn), strict=True):
        if scale := panel.scale:
            key = scale.labels, scale.colors.tobytes()
            scales.setdefault(key, _scale(scale, (left, round(top)), size))
    return list(scales.values())


def _scale(scale: Scale, corner: tuple[int, int], size: float) -> tuple[_Picture, list[_Text]]:
    """The strip of all levels in a gray frame, with words at its low end, middle and high end."""
    factor = max(1, round(14 * size / mosaic.LEVELS))
    levels = scale.colors[None].repeat(factor, axis=1)
    strip = np.pad(levels.repeat(round(size), axis=0), ((1, 1), (1, 1), (0, 0)))
    strip[[0, -1]] = strip[:, [0, -1]] = FRAME_GRAY
    left, top = corner
    places: tuple[tuple[float, Anchor], ...] = ((0, "l"), (0.5, "m"), (1, "r"))
    baseline = top + strip.shape[0] + size * 1.1
    texts = [
        _Text(left + share * strip.shape[1], baseline, size, words, anchor=anchor)
        for words, (share, anchor) in zip(scale.labels, places, strict=True)
        if words
    ]
    return _Picture(left, top, strip), texts


def _paragraph(
    words: str,
    corner: tuple[float, float],
    width: float,
    size: float,
    *,
    bold: bool = False,
    link: str | None = None,
) -> list[_Text]:
    """Words from outside, wrapped to ``width``, from the top left ``corner`` on."""
    left, top = corner
    lines = wrap(_drawable(plain(words)), partial(_length, size=size, bold=bold), width)
    return [
        _Text(left, top + size * (1.1 + 1.4 * number), size, line, bold=bold, link=link)
        for number, line in enumerate(lines)
    ]


def _bottom(texts: Sequence[_Text]) -> float:
    """Where the lowest of these texts ends."""
    return max(text.baseline + text.size * 0.3 for text in texts)


def _font_path(*, bold: bool = False) -> Path:
    """DejaVu Sans as it comes with Matplotlib: Latin, Greek, Cyrillic and more, everywhere."""
    from matplotlib import get_data_path

    return Path(
        get_data_path(), "fonts", "ttf", "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    )


@lru_cache(maxsize=32)
def _font(size: float, *, bold: bool = False) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(_font_path(bold=bold), size, layout_engine=ImageFont.Layout.BASIC)


def _length(words: str, size: float, *, bold: bool = False) -> float:
    """How wide words are, in pixels, wherever they are drawn.

    In the PNG every letter is as wide as whole pixels, in the PDF as the font's outlines are.
    """
    outlines = _font(OUTLINE_SIZE, bold=bold).getlength(words) * size / OUTLINE_SIZE
    return max(outlines, _font(size, bold=bold).getlength(words))


@lru_cache(maxsize=1)
def _letters() -> frozenset[int]:
    """The code points of all letters that the font has, both plain and bold."""
    from matplotlib.ft2font import FT2Font

    plain_letters, bold_letters = (
        FT2Font(str(_font_path(bold=bold))).get_charmap() for bold in (False, True)
    )
    return frozenset(plain_letters) & frozenset(bold_letters)


def _drawable(words: str) -> str:
    """The words with a replacement character for every letter that the font has not."""
    return "".join(letter if ord(letter) in _letters() else "�" for letter in words)


def _figure(layout: _Layout) -> "Figure":
    """A layout on a page, as a figure without any state in common with others."""
    from matplotlib.figure import Figure

    width, height = _page(layout.width, layout.height)
    scale = min(width / layout.width, height / layout.height)
    figure = Figure(figsize=(width / 72, height / 72), dpi=72)
    # The axes have the layout's own pixels, its top left corner centered at the page's top.
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    left = (width / scale - layout.width) / 2
    axes.set(xlim=(-left, width / scale - left), ylim=(height / scale, 0), autoscale_on=False)
    for picture in layout.pictures:
        rows, columns = picture.pixels.shape[:2]
        extent = (picture.left, picture.left + columns, picture.top + rows, picture.top)
        # "none" puts the pixels into the file as they are; viewers enlarge them.
        axes.imshow(picture.pixels, extent=extent, interpolation="none", aspect="auto")
    for text in layout.texts:
        _write(axes, text, scale)
    return figure


def _page(width: int, height: int) -> tuple[float, float]:
    """The page, in points, for a layout of that size."""
    short, long = A4
    sizes = [(long, short), (short, long)]
    page = max(sizes, key=lambda size: min(size[0] / width, size[1] / height))
    if page[1] / height < 0.5 * page[0] / width:
        return short, min(short * height / width, LONGEST_PAGE)
    return page


def _write(axes: "Axes", text: _Text, scale: float) -> None:
    """Set one line of text, letter by letter: "$" is no formula here."""
    from matplotlib.font_manager import FontProperties

    written = axes.text(
        text.left,
        text.baseline,
        _drawable(text.words),
        font=FontProperties(fname=_font_path(bold=text.bold), size=text.size * scale),
        horizontalalignment={"l": "left", "m": "center", "r": "right"}[text.anchor],
        verticalalignment="baseline",
        parse_math=False,
        clip_on=False,
    )
    if text.link and text.link.isascii():
        written.set_url(text.link)
