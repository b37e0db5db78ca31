"""Sheets: exported grids of tiles with their caption, to look at and print: PNG, PDF, SVG.

    Title
    Heading            Heading            if the grids have headings
    [1] [2] [3] [4]    [1] [2] [3] [4]
    [5] [6] [7] [8]    [5] [6] [7] [8]
    low --- 0 --- high                    if all tiles of a grid share a color scale, or if each
                                          tile's color scale is centered at zero
    Caption, line by line, wrapped to the sheet's width

A sheet is laid out once, as a Matplotlib figure whose units are pixels, and written in each format.
The PDF is the figure fitted to a page. A slide has a given ratio of width to height: its grids are
as large as its text leaves room for, and a grid without a meaning of its columns is laid out anew.
"""

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from PIL import Image, ImageChops
from PIL.PngImagePlugin import PngInfo

from vgg_viz import __version__
from vgg_viz.export.formats import Export
from vgg_viz.export.mosaic import GAP, LETTERING, TITLE_SPACE, TileLayout
from vgg_viz.export.plain_text import (
    font,
    plain,
    relative_width,
    rightward,
    settable,
    shorten,
    wrap,
)
from vgg_viz.export.tiles import Scale, Tiles

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SOFTWARE = f"VGG Viz {__version__}"
WIDTH = 1600  # pixels, approximately
MARGIN = 40
SMALLEST_LETTERS = 12
SLIDE_HEIGHT, SLIDE_LETTERS = 1080, 24  # pixels
SLIDE_POINTS = 540  # height of a slide's PDF page, as in presentation programs
NARROWEST_PANEL = 400  # pixels: the color bar below it needs two thirds of that
FRAME_GRAY = 128
DESCENT = 0.3  # from a line's baseline to its bottom, as a share of the size of its letters
A4 = (595.28, 841.89)  # points
LONGEST_PAGE = 14400  # points: the limit of PDF viewers, ISO 32000-1, annex C
DPI = 72  # so that a figure's points are pixels
POINTS_PER_PIXEL = 0.75  # in a browser

# Widths of letters are those of the outlines in all formats. Type 42 embeds TrueType unchanged. An
# SVG has letters as paths, since other fonts, on another machine, would be wider than the tiles.
SETTINGS = {
    "text.hinting": "no_hinting",
    "text.parse_math": False,  # no "$" starts a formula
    "pdf.fonttype": 42,
    "pdf.use14corefonts": False,
    "svg.fonttype": "path",
    "svg.hashsalt": "VGG Viz",  # equal sheets give equal bytes
}

_lock = Lock()


class Letters(NamedTuple):
    """Letters of lines of text: size in pixels, weight, and the URL that the lines link to."""

    size: float
    bold: bool = False
    link: str = ""

    def width(self, line: str) -> float:
        """Return the width of a line in pixels."""
        return relative_width(line, bold=self.bold) * self.size


class Sheet(NamedTuple):
    """Panels (grids of tiles) side by side, with a title above and lines of text below them."""

    title: str
    lines: Sequence[str]
    panels: Sequence[Tiles]
    substitutes: Mapping[str, str]  # what to write instead of names that the font may lack
    ratio: float | None = None  # width divided by height, for a slide

    @property
    def link(self) -> str:
        """First of the sheet's lines that is a URL; empty without one."""
        return next((line for line in self.lines if re.match(r"https?://[!-~]+$", line)), "")

    @property
    def texts(self) -> dict[str, str]:
        """Title, software, caption and link, as the PNG's text chunks and the SVG's metadata."""
        caption = "\n".join(map(plain, self.lines))
        texts = {"Title": plain(self.title), "Description": caption, "Source": self.link}
        return {name: text for name, text in texts.items() if text}


def sheet_of(export: Export) -> Sheet:
    """Return the sheet that shows an export: its title, grids and caption."""
    grids = export.grids()
    lines = [grid.caption for grid in grids]
    lines += filter(None, [grids[0].export_note(several=len(grids) > 1)])
    note = " · with the viewer's own picture, which the link does not include"
    lines.append(f"{SOFTWARE}{note if export.has_own_picture else ''}")
    lines += [export.link] if export.link else []
    return Sheet(export.title, lines, grids, export.substitutes, export.shape.ratio)


def encode_png(export: Export) -> bytes:
    """Return a PNG (RGB) of an export's grids about `WIDTH` pixels wide, with their caption.

    Tiles are enlarged by a whole factor or averaged by a whole fraction, so that the image has
    exactly the color scale's colors. Caption, version and link are also in the PNG's text chunks.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    sheet = sheet_of(export)
    info = PngInfo()
    for keyword, text in {**sheet.texts, "Software": SOFTWARE}.items():
        info.add_text(keyword, text)
    with drawn(sheet) as figure:
        images, (start, _) = figure.axes[0].images, figure.axes[0].get_xlim()
        for image in images:
            image.set_visible(False)  # Agg would resample it, which takes seconds
        canvas = FigureCanvasAgg(figure)
        canvas.draw()  # type: ignore[no-untyped-call]
        pixels: np.ndarray = np.asarray(canvas.buffer_rgba())  # type: ignore[no-untyped-call]
    texts = Image.fromarray(pixels).convert("RGB")
    picture = Image.new("RGB", texts.size, "white")
    for image in images:
        left, _, _, top = map(int, image.get_extent())
        picture.paste(Image.fromarray(np.asarray(image.get_array())), (left - int(start), top))
    buffer = io.BytesIO()
    # Takes half the time of Pillow's default, 6, and for these images gives a tenth less.
    ImageChops.multiply(picture, texts).save(buffer, "PNG", compress_level=3, pnginfo=info)
    return buffer.getvalue()


def encode_pdf(export: Export) -> bytes:
    """Return a PDF of one page with an export's grids, unsmoothed, and selectable text.

    The page is A4, landscape or portrait, whichever shows the sheet larger. For a very tall grid,
    the page is as wide as A4 and as long as needed. A slide's page has its shape. Equal sheets give
    equal bytes.
    """
    sheet, buffer = sheet_of(export), io.BytesIO()
    metadata = {"Title": plain(sheet.title), "Subject": sheet.texts["Description"]}
    with drawn(sheet) as figure:
        slide = sheet.ratio and (SLIDE_POINTS * sheet.ratio, SLIDE_POINTS)
        fit(figure, *(slide or page_size(*figure.bbox.size)))
        undated = {**metadata, "Creator": SOFTWARE, "CreationDate": None}
        figure.savefig(buffer, format="pdf", dpi=DPI, metadata=undated)
    return buffer.getvalue()


def encode_svg(export: Export) -> bytes:
    """Return an SVG of an export's grids, which needs no other file and no font.

    Each grid is one image with a pixel for each of the PNG's. Title, caption and link are also in
    the SVG's metadata. Equal sheets give equal bytes. Browsers show it as large as the PNG.
    """
    sheet, buffer = sheet_of(export), io.BytesIO()
    with drawn(sheet) as figure:
        width, height = figure.bbox.size
        fit(figure, width * POINTS_PER_PIXEL, height * POINTS_PER_PIXEL)
        undated = {**sheet.texts, "Creator": SOFTWARE, "Date": None}
        figure.savefig(buffer, format="svg", dpi=DPI, metadata=undated)
    return buffer.getvalue()


@contextmanager
def drawn(sheet: Sheet, width: int = WIDTH) -> Iterator["Figure"]:
    """Yield a sheet, about ``width`` pixels wide, as a figure that has to be written by the end.

    Matplotlib's settings are global, so one sheet is drawn at a time.
    """
    from matplotlib import rc_context

    with _lock, rc_context(SETTINGS):  # type: ignore[arg-type]
        drawing = _Drawing(sheet.substitutes)
        yield drawing.draw_slide(sheet, sheet.ratio) if sheet.ratio else drawing.draw(sheet, width)


def fit(figure: "Figure", width: float, height: float) -> None:
    """Scale a figure to a page of that size in points, centered at the page's top."""
    (axes,), (old_width, old_height) = figure.axes, figure.bbox.size
    scale = min(width / old_width, height / old_height)
    figure.set_size_inches(width / DPI, height / DPI)
    start = axes.get_xlim()[0] - (width / scale - old_width) / 2
    axes.set(xlim=(start, start + width / scale), ylim=(height / scale, 0))
    for text in axes.texts:
        text.set_fontsize(float(text.get_fontsize()) * scale)


def page_size(width: float, height: float) -> tuple[float, float]:
    """Return width and height of the PDF's page, in points, for a sheet's size in pixels."""
    page = max(A4[::-1], A4, key=lambda size: min(size[0] / width, size[1] / height))
    if page[1] / height < 0.5 * page[0] / width:
        return A4[0], min(A4[0] * height / width, LONGEST_PAGE)
    return page


def fitted(panel: Tiles, across: int, down: int) -> tuple[np.ndarray, TileLayout]:
    """Draw a panel about as large as fits into so many pixels, in as many columns as are best."""
    count = len(panel.titles)
    choices = [min(panel.columns, count)] if panel.columns else range(1, count + 1)
    columns = max(choices, key=lambda columns: tile_room(count, columns, across, down))
    width = columns * (max(1, tile_room(count, columns, across, down)) + GAP)
    return replace(panel, columns=columns).draw(int(width))


def tile_room(count: int, columns: int, across: int, down: int) -> float:
    """Return the largest side of so many tiles in so many columns within a room, in pixels."""
    rows = -(-count // columns)
    wide, high = across / columns - GAP, down / rows - GAP - TITLE_SPACE
    # A title's letters take a share of the tile's width, within bounds.
    return min(wide, max(high - LETTERING.most, min(high - LETTERING.least, high / 1.13)))


def width_of(grids: Sequence[tuple[np.ndarray, TileLayout]]) -> int:
    """Return the width of drawn grids side by side, in pixels."""
    widths: list[int] = [pixels.shape[1] for pixels, _ in grids]
    return sum(widths) + MARGIN * (len(grids) - 1)


class _Drawing:
    """A figure, to which the parts of a sheet are added from the top to the bottom."""

    def __init__(self, substitutes: Mapping[str, str]) -> None:
        from matplotlib.figure import Figure

        self.set = partial(settable, substitutes=substitutes)
        self.figure = Figure(dpi=DPI, facecolor="white")
        self.axes = self.figure.add_axes((0, 0, 1, 1))
        self.axes.set_axis_off()

    def draw(self, sheet: Sheet, width: int) -> "Figure":
        """Add all parts of a sheet and return the figure."""
        count = len(sheet.panels)
        share = max((width - MARGIN * (count + 1)) // count, NARROWEST_PANEL)
        grids = [panel.draw(share) for panel in sheet.panels]
        inner = max(width_of(grids), width * 2 // 3)
        size = max(SMALLEST_LETTERS, inner // 75)
        height = self.parts(sheet, grids, MARGIN, inner, size) + MARGIN
        self.resize(0, inner + 2 * MARGIN, height)
        return self.figure

    def draw_slide(self, sheet: Sheet, ratio: float) -> "Figure":
        """Add all parts of a sheet to a slide, its grids as large as possible, and return it."""
        inner, size = round(SLIDE_HEIGHT * ratio) - 2 * MARGIN, SLIDE_LETTERS
        count, text_height = len(sheet.panels), self.text_height(sheet, inner, size)
        across = (inner - MARGIN * (count - 1)) // count
        down = SLIDE_HEIGHT - 2 * MARGIN - text_height
        grids = [fitted(panel, across, round(down)) for panel in sheet.panels]
        left = MARGIN + max(0, inner - width_of(grids)) // 2
        inner = max(inner, width_of(grids))
        width, height = inner + 2 * MARGIN, self.parts(sheet, grids, left, inner, size) + MARGIN
        whole = max(width, round(height * ratio))
        self.resize((width - whole) // 2, whole, round(whole / ratio))
        return self.figure

    def resize(self, left: int, width: int, height: int) -> None:
        """Set the figure's size in pixels, and the position of its left edge."""
        self.figure.set_size_inches(width / DPI, height / DPI)
        self.axes.set(xlim=(left, left + width), ylim=(height, 0))

    def parts(
        self,
        sheet: Sheet,
        grids: Sequence[tuple[np.ndarray, TileLayout]],
        left: int,
        inner: int,
        size: float,
    ) -> int:
        """Add title, grids and lines of text; return their bottom."""
        title = Letters(size * 1.4, bold=True)
        bottom = self.paragraph(sheet.title, (MARGIN, MARGIN), inner, title)
        bottom = self.panels(sheet.panels, grids, (left, bottom + size), size) + size * 0.8
        for line in sheet.lines:
            letters = Letters(size, link=line if line == sheet.link else "")
            bottom = self.paragraph(line, (MARGIN, bottom), inner, letters)
        return round(bottom)

    def text_height(self, sheet: Sheet, inner: int, size: float) -> float:
        """Return the height of all parts of a sheet but its grids, in pixels."""
        lines = [(sheet.title, Letters(size * 1.4, bold=True))]
        lines += [(line, Letters(size)) for line in sheet.lines]
        heights = (
            letters.size * (1.4 * len(wrap(self.set(line), letters.width, inner)) + DESCENT)
            for line, letters in lines
        )
        heading = 2 * size * any(panel.heading for panel in sheet.panels)
        color_bar = 3.2 * size * any(panel.scale for panel in sheet.panels)
        return sum(heights) + heading + color_bar + 2 * size

    def panels(
        self,
        panels: Sequence[Tiles],
        grids: Sequence[tuple[np.ndarray, TileLayout]],
        corner: tuple[int, float],
        size: float,
    ) -> float:
        """Add panels side by side, with equal color bars once; return the lowest bottom."""
        start, top = corner
        widths = [pixels.shape[1] + MARGIN for pixels, _ in grids]
        lefts = [start + sum(widths[:number]) for number in range(len(widths))]
        if any(panel.heading for panel in panels):
            top = size * 0.2 + max(
                self.paragraph(panel.heading, (left, top), width - MARGIN, Letters(size, bold=True))
                for panel, left, width in zip(panels, lefts, widths, strict=True)
            )
        top = round(top)
        for panel, left, (pixels, layout) in zip(panels, lefts, grids, strict=True):
            self.image(pixels, (left, top))
            self.titles(panel.titles, layout, (left, top))
        bottom: float = top + max(pixels.shape[0] for pixels, _ in grids)
        scales: dict[object, tuple[Scale, int]] = {}
        for left, panel in zip(lefts, panels, strict=True):
            if scale := panel.scale:
                scales.setdefault((scale.labels, scale.colors.tobytes()), (scale, left))
        ends = [
            self.color_bar(scale, (left, round(bottom + size * 0.8)), size * 0.9)
            for scale, left in scales.values()
        ]
        return max(ends, default=bottom)

    def titles(self, titles: Sequence[str], layout: TileLayout, corner: tuple[int, int]) -> None:
        """Add tiles' titles, centered above the tiles, in letters so small that the longest fits.

        Letters are not smaller than is readable: longer titles are cut off.
        """
        lines = [self.set(title) for title in titles]
        side, longest = layout.side, max(map(relative_width, lines)) or 1
        letters = Letters(max(LETTERING.least, min(LETTERING.size(side), side / longest)))
        for index, line in enumerate(lines):
            left, top = np.add(layout.corner(index), corner)
            line = shorten(line, letters.width, side)
            baseline = top - letters.size * DESCENT
            self.text(line, (left + side / 2, baseline), letters, "center")

    def color_bar(self, scale: Scale, corner: tuple[int, int], size: float) -> float:
        """Add a color bar in a gray frame and its labels; return their bottom."""
        left, top = corner
        factor = max(1, round(14 * size / len(scale.colors)))
        levels = scale.colors[None].repeat(factor, axis=1)
        bar = np.pad(levels.repeat(round(size), axis=0), ((1, 1), (1, 1), (0, 0)))
        bar[[0, -1]] = bar[:, [0, -1]] = FRAME_GRAY
        self.image(bar, corner)
        baseline: float = top + bar.shape[0] + size * 1.1
        anchors = {"left": 0, "center": 0.5, "right": 1}
        for label, (anchor, share) in zip(scale.labels, anchors.items(), strict=True):
            position = left + share * bar.shape[1], baseline
            self.text(label, position, Letters(size), anchor)
        return baseline + size * DESCENT

    def paragraph(
        self, text: str, corner: tuple[float, float], width: float, letters: Letters
    ) -> float:
        """Add a text from outside, wrapped to ``width``; return its bottom."""
        left, baseline = corner[0], corner[1] - 0.3 * letters.size
        for line in wrap(self.set(text), letters.width, width):
            baseline += letters.size * 1.4
            self.text(line, (left, baseline), letters)
        return baseline + letters.size * DESCENT

    def text(
        self, line: str, position: tuple[float, float], letters: Letters, anchor: str = "left"
    ) -> None:
        """Add one line of text; ``position`` is its anchor on the baseline."""
        look = font(letters.size, bold=letters.bold)
        written = self.axes.text(*position, rightward(line), font=look)
        written.set(horizontalalignment=anchor, url=letters.link or None)

    def image(self, pixels: np.ndarray, corner: tuple[int, int]) -> None:
        """Add an RGB image, uint8 ``(h, w, 3)``, one pixel for each of its own."""
        (left, top), (height, width) = corner, pixels.shape[:2]
        extent = (left, left + width, top + height, top)
        # "none" stores the pixels unchanged; viewers enlarge them.
        self.axes.imshow(pixels, extent=extent, interpolation="none", aspect="auto")
