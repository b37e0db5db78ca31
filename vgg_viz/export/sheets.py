"""Sheets: exported grids of tiles with their caption, to look at and print, as PNG and PDF files.

    Title
    Heading            Heading            if the grids have headings
    [1] [2] [3] [4]    [1] [2] [3] [4]
    [5] [6] [7] [8]    [5] [6] [7] [8]
    low --- 0 --- high                    if all tiles of a grid share a color scale, or if each
                                          tile's color scale is centered at zero
    Caption, line by line, wrapped to the sheet's width

A sheet is laid out once, in pixels; the PDF is that layout fitted to a page, with selectable text.
"""

import io
import re
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Literal

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from PIL.PngImagePlugin import PngInfo

from vgg_viz import __version__
from vgg_viz.export import mosaic
from vgg_viz.export.formats import Export
from vgg_viz.export.panels import Panel, Scale
from vgg_viz.export.plain_text import plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SOFTWARE = f"VGG Viz {__version__}"
MARGIN = 40
SMALLEST_LETTERS = 12
NARROWEST_PANEL = 400  # pixels: the color bar below it needs two thirds of that
OUTLINE_SIZE = 1000  # pixels: so large that rounding to whole pixels does not matter
FRAME_GRAY = 128
A4 = (595.28, 841.89)  # points
LONGEST_PAGE = 14400  # points: the limit of PDF viewers, ISO 32000-1, annex C

Anchor = Literal["l", "m", "r"]

_pdf_lock = Lock()


@dataclass(frozen=True, eq=False)
class Sheet:
    """Panels (grids of tiles) side by side, with a title above and lines of text below them.

    Raises:
        ValueError: there is no panel.
    """

    title: str
    lines: Sequence[str]
    panels: Sequence[Panel]

    def __post_init__(self) -> None:
        """Check that the sheet has at least one panel."""
        if not self.panels:
            raise ValueError("expected at least one panel, got none")

    @property
    def link(self) -> str | None:
        """First of the sheet's lines that is a URL; None without one."""
        lines = (plain(line) for line in self.lines)
        return next((line for line in lines if re.match(r"https?://", line)), None)


@dataclass(frozen=True)
class _Text:
    """One line of text on a sheet, in pixels from the sheet's top left corner.

    left: horizontal position of the line's anchor.
    baseline: vertical position of the line's baseline.
    size: size of the letters.
    anchor: part of the line at ``left``: ``"l"`` (left end), ``"m"`` (middle) or ``"r"``.
    """

    left: float
    baseline: float
    size: float
    content: str
    bold: bool = False
    anchor: Anchor = "l"
    link: str | None = None


@dataclass(frozen=True, eq=False)
class _Image:
    """An RGB image on a sheet, uint8 ``(h, w, 3)``, and the position of its top left corner."""

    left: int
    top: int
    pixels: np.ndarray


@dataclass(frozen=True, eq=False)
class _Layout:
    """Layout of a sheet: its width and height in pixels, and its images and lines of text."""

    width: int
    height: int
    images: Sequence[_Image]
    texts: Sequence[_Text]


@dataclass(frozen=True, eq=False)
class _DrawnPanel:
    """A panel, drawn as an RGB image, and the titles of its tiles as text.

    There are no titles as text if the image contains them.
    """

    panel: Panel
    pixels: np.ndarray
    titles: Sequence[_Text]


def encode_png(export: Export) -> bytes:
    """Return a PNG of an export's grids, with their caption."""
    return sheet_png(sheet_of(export))


def encode_pdf(export: Export) -> bytes:
    """Return a PDF of one page with an export's grids and their caption."""
    return sheet_pdf(sheet_of(export))


def sheet_of(export: Export) -> Sheet:
    """Return the sheet that shows an export: its title, grids and caption."""
    grids = export.grids()
    lines = [grid.caption for grid in grids]
    lines += filter(None, [grids[0].export_note(several=len(grids) > 1)])
    note = " · with the viewer's own picture, which the link does not include"
    lines.append(f"{SOFTWARE}{note if export.has_own_picture else ''}")
    lines += [export.link] if export.link else []
    return Sheet(export.title, lines, [grid.panel() for grid in grids])


def sheet_png(sheet: Sheet, width: int = 1600) -> bytes:
    """Draw a sheet about ``width`` pixels wide, black on white, as PNG (RGB).

    Tiles are enlarged by a whole factor or averaged by a whole fraction, so that the image has
    exactly the color scale's colors. Caption, version and link are also in the PNG's text chunks.
    """
    layout = _lay_out(sheet, width, draw_titles=True)
    canvas = Image.new("RGB", (layout.width, layout.height), "white")
    for image in layout.images:
        canvas.paste(Image.fromarray(image.pixels), (image.left, image.top))
    draw = ImageDraw.Draw(canvas)
    for text in layout.texts:
        font = _font(text.size, bold=text.bold)
        position = (text.left, text.baseline)
        draw.text(position, _drawable(text.content), "black", font, anchor=f"{text.anchor}s")
    buffer = io.BytesIO()
    # Takes half the time of Pillow's default, 6, and for these images gives a tenth less.
    canvas.save(buffer, "PNG", compress_level=3, pnginfo=_png_texts(sheet))
    return buffer.getvalue()


def sheet_pdf(sheet: Sheet) -> bytes:
    """Draw a sheet as a PDF of one page with selectable text and unsmoothed tiles.

    The page is A4, landscape or portrait, whichever shows the sheet larger. For a very tall grid,
    the page is as wide as A4 and as long as needed. Equal sheets give equal bytes.
    """
    from matplotlib import rc_context
    from matplotlib.backends.backend_pdf import FigureCanvasPdf

    layout = _lay_out(sheet, 1600, draw_titles=False)
    metadata = {
        "Title": plain(sheet.title),
        "Subject": _caption(sheet),
        "Creator": SOFTWARE,
        "CreationDate": None,
    }
    buffer = io.BytesIO()
    # Matplotlib's settings are global: one PDF at a time. Type 42 embeds TrueType unchanged.
    with _pdf_lock, rc_context({"pdf.fonttype": 42, "pdf.use14corefonts": False}):
        figure = _figure(layout)
        FigureCanvasPdf(figure).print_pdf(  # type: ignore[no-untyped-call]
            buffer, metadata=metadata
        )
    return buffer.getvalue()


def wrap(text: str, length: Callable[[str], float], width: float) -> list[str]:
    """Break a text into lines of at most ``width``, as measured by the function ``length``.

    A word that is longer than a line is broken anywhere.

    >>> wrap("a grid of tiles", len, 7)
    ['a grid', 'of', 'tiles']
    """
    lines, line = [], ""
    for word in text.split(" "):
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
    """Return the number of a word's first letters that fit into ``width``; at least 1."""
    ends = range(1, len(word))
    return max(1, bisect_right(ends, width, key=lambda end: length(word[:end])))


def _caption(sheet: Sheet) -> str:
    return "\n".join(plain(line) for line in sheet.lines)


def _png_texts(sheet: Sheet) -> PngInfo:
    """Return the text chunks of a sheet's PNG: title, software, caption and link."""
    texts = {"Title": plain(sheet.title), "Software": SOFTWARE, "Description": _caption(sheet)}
    if sheet.link:
        texts["Source"] = sheet.link
    info = PngInfo()
    for keyword, text in texts.items():
        info.add_text(keyword, text)
    return info


def _lay_out(sheet: Sheet, width: int, *, draw_titles: bool) -> _Layout:
    """Lay out a sheet: compute the positions of its images and texts, in pixels.

    Args:
        sheet: the sheet.
        width: approximate width of the sheet in pixels.
        draw_titles: whether the images of the grids contain the tiles' titles.
    """
    share = (width - MARGIN * (len(sheet.panels) + 1)) // len(sheet.panels)
    share = max(share, NARROWEST_PANEL)
    drawn = [_draw_panel(panel, share, draw_titles=draw_titles) for panel in sheet.panels]
    grids = sum(panel.pixels.shape[1] for panel in drawn) + MARGIN * (len(drawn) - 1)
    inner = max(grids, width * 2 // 3)
    size = max(SMALLEST_LETTERS, inner // 75)
    texts = _paragraph(sheet.title, (MARGIN, MARGIN), inner, size * 1.4, bold=True)
    images, more, bottom = _place_panels(drawn, _bottom(texts) + size, size)
    texts += more
    bottom += size * 0.8
    for line in sheet.lines:
        link = plain(line) if plain(line) == sheet.link else None
        texts += _paragraph(line, (MARGIN, bottom), inner, size, link=link)
        bottom = _bottom(texts)
    return _Layout(inner + 2 * MARGIN, round(bottom) + MARGIN, images, texts)


def _draw_panel(panel: Panel, width: int, *, draw_titles: bool) -> _DrawnPanel:
    """Draw a panel about ``width`` pixels wide, its tiles' titles in the image or as text."""
    titles = [plain(title) for title in panel.titles]
    pixels, side = panel.render(titles if draw_titles else [" "] * len(titles), width)
    grid = mosaic.tile_layout(np.empty((len(titles), side, side), bool), panel.columns)
    return _DrawnPanel(panel, pixels, [] if draw_titles else _titles(titles, grid))


def _titles(titles: Sequence[str], grid: mosaic.TileLayout) -> list[_Text]:
    """Lay out tiles' titles as text, centered above the tiles; the longest title fits."""
    size = mosaic.LETTERING.size(grid.tile_width)
    longest = max(_length(_drawable(title), 100) for title in titles) / 100
    fitting = min(size, grid.tile_width / longest) if longest else size
    texts = []
    for index, title in enumerate(titles):
        left, top = grid.corner(index)
        texts.append(_Text(left + grid.tile_width / 2, top - 4, fitting, title, anchor="m"))
    return texts


def _place_panels(
    drawn: Sequence[_DrawnPanel], top: float, size: float
) -> tuple[list[_Image], list[_Text], float]:
    """Place panels side by side, below ``top``: headings, grids and color bars.

    Returns the images, the texts, and the bottom of the lowest of them in pixels.
    """
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
    images = []
    for left, panel in zip(lefts, drawn, strict=True):
        images.append(_Image(left, grid_top, panel.pixels))
        texts += [_moved(title, left, grid_top) for title in panel.titles]
    bottom = grid_top + max(panel.pixels.shape[0] for panel in drawn)
    scales = _scales(drawn, lefts, bottom + size * 0.8, size * 0.9)
    for strip, labels in scales:
        images.append(strip)
        texts += labels
    return images, texts, _bottom(labels) if scales else bottom


def _moved(text: _Text, left: int, top: int) -> _Text:
    return replace(text, left=text.left + left, baseline=text.baseline + top)


def _scales(
    drawn: Sequence[_DrawnPanel], lefts: Sequence[int], top: float, size: float
) -> list[tuple[_Image, list[_Text]]]:
    """Lay out a color bar below each panel with a color scale; equal color bars only once."""
    scales = dict[tuple[object, ...], tuple[_Image, list[_Text]]]()
    for left, panel in zip(lefts, (panel.panel for panel in drawn), strict=True):
        if scale := panel.scale:
            key = scale.labels, scale.colors.tobytes()
            scales.setdefault(key, _scale(scale, (left, round(top)), size))
    return list(scales.values())


def _scale(scale: Scale, corner: tuple[int, int], size: float) -> tuple[_Image, list[_Text]]:
    """Lay out a color bar in a gray frame, and its labels, at ``corner`` (left, top)."""
    factor = max(1, round(14 * size / mosaic.LEVELS))
    levels = scale.colors[None].repeat(factor, axis=1)
    strip = np.pad(levels.repeat(round(size), axis=0), ((1, 1), (1, 1), (0, 0)))
    strip[[0, -1]] = strip[:, [0, -1]] = FRAME_GRAY
    left, top = corner
    positions: tuple[tuple[float, Anchor], ...] = ((0, "l"), (0.5, "m"), (1, "r"))
    baseline = top + strip.shape[0] + size * 1.1
    texts = [
        _Text(left + share * strip.shape[1], baseline, size, label, anchor=anchor)
        for label, (share, anchor) in zip(scale.labels, positions, strict=True)
        if label
    ]
    return _Image(left, top, strip), texts


def _paragraph(
    text: str,
    corner: tuple[float, float],
    width: float,
    size: float,
    *,
    bold: bool = False,
    link: str | None = None,
) -> list[_Text]:
    """Lay out a text from outside, wrapped to ``width``, with its top left at ``corner``."""
    left, top = corner
    lines = wrap(_drawable(plain(text)), partial(_length, size=size, bold=bold), width)
    return [
        _Text(left, top + size * (1.1 + 1.4 * number), size, line, bold=bold, link=link)
        for number, line in enumerate(lines)
    ]


def _bottom(texts: Sequence[_Text]) -> float:
    """Return the vertical position, in pixels, of the bottom of the lowest text."""
    return max(text.baseline + text.size * 0.3 for text in texts)


def _font_path(*, bold: bool = False) -> Path:
    """Return the font file of Matplotlib's DejaVu Sans: Latin, Greek, Cyrillic and more."""
    from matplotlib import get_data_path

    return Path(
        get_data_path(), "fonts", "ttf", "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    )


@lru_cache(maxsize=32)
def _font(size: float, *, bold: bool = False) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(_font_path(bold=bold), size, layout_engine=ImageFont.Layout.BASIC)


def _length(text: str, size: float, *, bold: bool = False) -> float:
    """Return the width of a text in pixels in the PNG or the PDF, whichever is larger.

    In the PNG, letters have a whole number of pixels; in the PDF, the font's exact widths.
    """
    outlines = _font(OUTLINE_SIZE, bold=bold).getlength(text) * size / OUTLINE_SIZE
    return max(outlines, _font(size, bold=bold).getlength(text))


@lru_cache(maxsize=1)
def _letters() -> frozenset[int]:
    """Return the code points of the letters that both the regular and the bold font have."""
    from matplotlib.ft2font import FT2Font

    plain_letters, bold_letters = (
        FT2Font(str(_font_path(bold=bold))).get_charmap() for bold in (False, True)
    )
    return frozenset(plain_letters) & frozenset(bold_letters)


def _drawable(text: str) -> str:
    """Replace each letter that the font lacks with a replacement character (U+FFFD)."""
    return "".join(letter if ord(letter) in _letters() else "�" for letter in text)


def _figure(layout: _Layout) -> "Figure":
    """Draw a sheet's layout on a page, as a Matplotlib figure without global state."""
    from matplotlib.figure import Figure

    width, height = _page(layout.width, layout.height)
    scale = min(width / layout.width, height / layout.height)
    figure = Figure(figsize=(width / 72, height / 72), dpi=72)
    # The axes' units are the layout's pixels; it is centered at the top of the page.
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    left = (width / scale - layout.width) / 2
    axes.set(xlim=(-left, width / scale - left), ylim=(height / scale, 0), autoscale_on=False)
    for image in layout.images:
        rows, columns = image.pixels.shape[:2]
        extent = (image.left, image.left + columns, image.top + rows, image.top)
        # "none" stores the pixels unchanged; viewers enlarge them.
        axes.imshow(image.pixels, extent=extent, interpolation="none", aspect="auto")
    for text in layout.texts:
        _write(axes, text, scale)
    return figure


def _page(width: int, height: int) -> tuple[float, float]:
    """Return width and height of the PDF's page, in points, for a layout's size in pixels."""
    short, long = A4
    sizes = [(long, short), (short, long)]
    page = max(sizes, key=lambda size: min(size[0] / width, size[1] / height))
    if page[1] / height < 0.5 * page[0] / width:
        return short, min(short * height / width, LONGEST_PAGE)
    return page


def _write(axes: "Axes", text: _Text, scale: float) -> None:
    """Draw one line of text on the page; a "$" in it does not start a formula."""
    from matplotlib.font_manager import FontProperties

    written = axes.text(
        text.left,
        text.baseline,
        _drawable(text.content),
        font=FontProperties(fname=_font_path(bold=text.bold), size=text.size * scale),
        horizontalalignment={"l": "left", "m": "center", "r": "right"}[text.anchor],
        verticalalignment="baseline",
        parse_math=False,
        clip_on=False,
    )
    if text.link and text.link.isascii():
        written.set_url(text.link)
