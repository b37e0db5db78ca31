"""What is shown as files to take along, made when somebody asks for one."""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import streamlit as st

from vgg_viz import __version__
from vgg_viz.export import sheets, tables
from vgg_viz.export.plain_text import file_stem
from vgg_viz.export.scripts import Run, write_script
from vgg_viz.links import VISIT_FIELDS
from vgg_viz.ui import state
from vgg_viz.ui.state import mode
from vgg_viz.ui.widgets.grid import Tiles

# How one looks at the page, not what is on it.


@dataclass(frozen=True)
class Export:
    """What files are made of.

    ``grids`` and ``runs`` are asked when a file is wanted, so that no array is held for one that
    nobody wants; ``own_picture`` says whether the picture is the visitor's, and not in the link.
    """

    title: str
    grids: Callable[[], Sequence[Tiles]]
    runs: Callable[[], Sequence[Run]]
    link: str
    own_picture: bool

    def png(self) -> bytes:
        """The grids as a picture, with all that a reader must know of them."""
        return sheets.sheet_png(self.sheet())

    def pdf(self) -> bytes:
        """The same as a page."""
        return sheets.sheet_pdf(self.sheet())

    def npz(self) -> bytes:
        """The values as they are, and words about them."""
        shown = self.grids()
        about = {"title": self.title, "version": __version__, "link": self.link}
        for grid in shown:
            about[f"{grid.name}_caption"] = grid.caption
            worded = any(" " in title for title in grid.titles)
            about[f"{grid.name}_titles"] = (", " if worded else " ").join(grid.titles)
        found = {name: both for grid in shown for name, both in grid.arrays().items()}
        arrays = {name: array for name, (array, _) in found.items()}
        axes = {name: axes for name, (_, axes) in found.items()}
        return tables.arrays_npz(arrays, about, axes)

    def csv(self) -> bytes:
        """The numbers of every tile."""
        return tables.numbers_csv([grid.exported() for grid in self.grids()])

    def py(self) -> bytes:
        """The script that makes the same arrays with Keras alone."""
        runs, shown = self.runs(), self.grids()
        captions = [grid.caption for grid in shown]
        # Of two runs that are shown as one grid it is the difference.
        name = shown[0].name if len(runs) > len(shown) else ""
        return write_script(runs, caption=captions, link=self.link, difference=name).encode()

    def sheet(self) -> sheets.Sheet:
        """The grids and their captions."""
        shown = self.grids()
        note = " · the picture is the viewer's own and not part of the link"
        lines = [grid.caption for grid in shown]
        lines += filter(None, [shown[0].export_note(several=len(shown) > 1)])
        lines.append(f"VGG Viz {__version__}{note if self.own_picture else ''}")
        lines += [self.link] if self.link else []
        return sheets.Sheet(self.title, lines, [grid.exported() for grid in shown])


FILES: dict[str, tuple[str, Callable[[Export], bytes]]] = {
    "png": ("Picture with its caption (PNG)", Export.png),
    "pdf": ("Page to print (PDF)", Export.pdf),
    "npz": ("Arrays for NumPy (NPZ)", Export.npz),
    "csv": ("Numbers, tile by tile (CSV)", Export.csv),
    "py": ("Script for Keras alone (Python)", Export.py),
}


HELP = {
    "csv": "For spreadsheets in every language: separated by commas, and no number has a decimal "
    "point (15E-1 is 1.5). Where Excel makes one column of it: *Data → From Text/CSV*."
}


def offer(
    name: str,
    title: str,
    grids: Callable[[], Sequence[Tiles]],
    runs: Callable[[], Sequence[Run]],
    *,
    own_picture: bool = False,
) -> None:
    """Show the way to a grid's files, but in a lecture; ``name`` is another for every grid.

    ``own_picture`` says that a picture of the visitor's own is in it though the page is about
    another.
    """
    if mode.in_lecture():
        return
    with st.popover(
        "Export", icon=":material/download:", key=f"export-{name}", on_change="rerun"
    ) as opened:
        if not opened.open:
            return
        own = own_picture or state.shows_own_picture()
        export = Export(title, grids, runs, link_to_view(), own)
        stem = file_stem(f"vgg-viz {title}")
        for ending, (label, make) in FILES.items():
            st.download_button(
                label,
                partial(in_file, make, export),
                f"{stem}.{ending}",
                key=f"export-{name}-{ending}",
                on_click="ignore",
                help=HELP.get(ending),
                width="stretch",
            )
        if own:
            st.caption("The link in them does not carry your own picture.")


def in_file(make: Callable[[Export], bytes], export: Export) -> io.BytesIO:
    """What was made, as Streamlit takes what is made on demand."""
    return io.BytesIO(make(export))


def link_to_view() -> str:
    """The link to the view as it is."""
    parts = state.link(without=VISIT_FIELDS)
    base = (st.context.url or "").split("?")[0]
    return f"{base}?{parts}" if parts else base
