"""Formats of exported files, one record each, and the content that every format gets.

A new format is a function ``(export: Export) -> bytes``, its record in `FORMATS` and a test.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from vgg_viz.export.plain_text import file_stem
from vgg_viz.option import Option, by_name, resolve

if TYPE_CHECKING:
    from vgg_viz.export.tiles import Tiles


@dataclass(frozen=True)
class SheetShape(Option):
    """Record of one shape of exported images: the grid's own, or that of a slide."""

    ratio: float | None = None  # width divided by height; None for the grid's own


SHAPES: Mapping[str, SheetShape] = by_name(
    SheetShape("own", "Own shape"),
    SheetShape("16:9", "Slide 16:9", ratio=16 / 9),
    SheetShape("4:3", "Slide 4:3", ratio=4 / 3),
)


@dataclass(frozen=True, eq=False)
class Run:
    """Inputs from which a script computes one array."""

    template: str  # name of the script in ``templates/``
    name: str  # name of the array
    # Keyword arguments of the template's function: text, numbers, images (RGB uint8 in the size of
    # the network's input), and sequences of numbers or images.
    arguments: Mapping[str, object]


@dataclass(frozen=True, eq=False)
class Export:
    """Content of an export: the grids of one view, and the runs that compute their arrays."""

    title: str  # of the view
    grids: Callable[[], Sequence[Tiles]]  # called only when the viewer requests a file
    runs: Callable[[], Sequence[Run]]  # what the Keras script computes
    link: str  # URL of the view; its path and query where only the server's machine has the URL
    has_own_picture: bool = False  # whether a picture is the viewer's own, which the URL lacks
    # What to write instead of names in scripts that images may lack the letters for.
    substitutes: Mapping[str, str] = field(default_factory=dict)
    shape: SheetShape = SHAPES["own"]  # of images and pages


@dataclass(frozen=True)
class ExportFormat(Option):
    """Record of one export format, such as PNG; its name is the file name extension."""

    mime: str = ""  # media type of the file
    shaped: bool = False  # whether it is an image or a page, which can have the shape of a slide

    def file_name(self, title: str, shape: SheetShape = SHAPES["own"]) -> str:
        """Return the name of an exported file for a view's title and a sheet's shape.

        >>> FORMATS["csv"].file_name("Feature maps · block3_conv1")
        'vgg-viz-Feature-maps-block3-conv1.csv'
        >>> FORMATS["png"].file_name("Filters", SHAPES["16:9"])
        'vgg-viz-Filters-16-9.png'
        """
        ending = f" {shape.name}" if self.shaped and shape.ratio else ""
        return f"{file_stem(f'vgg-viz {title}{ending}')}.{self.name}"

    def encode(self, export: Export) -> bytes:
        """Return the bytes of the file that holds an export in this format."""
        return resolve(self.function)(export)


FORMATS: Mapping[str, ExportFormat] = by_name(
    ExportFormat(
        "png",
        "Image with caption (PNG)",
        mime="image/png",
        shaped=True,
        function="vgg_viz.export.sheets:encode_png",
    ),
    ExportFormat(
        "pdf",
        "Page to print (PDF)",
        mime="application/pdf",
        shaped=True,
        function="vgg_viz.export.sheets:encode_pdf",
    ),
    ExportFormat(
        "svg",
        "Drawing to edit or embed (SVG)",
        mime="image/svg+xml",
        shaped=True,
        function="vgg_viz.export.sheets:encode_svg",
    ),
    ExportFormat(
        "npz",
        "NumPy arrays (NPZ)",
        "The exact values. `numpy.load` opens them; its entry `metadata.json` describes them.",
        mime="application/zip",
        function="vgg_viz.export.tables:encode_npz",
    ),
    ExportFormat(
        "csv",
        "Numbers of each tile (CSV)",
        "One row for each tile: the numbers that the page shows, and statistics, with decimal "
        "points. Where a spreadsheet expects decimal commas, import the file as English (US).",
        mime="text/csv",
        function="vgg_viz.export.tables:encode_csv",
    ),
    ExportFormat(
        "py",
        "Keras script (Python)",
        "Computes the same arrays with Keras, NumPy and Matplotlib alone.",
        mime="text/x-python",
        function="vgg_viz.export.scripts:encode_script",
    ),
)
