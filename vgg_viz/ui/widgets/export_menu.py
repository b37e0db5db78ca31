"""Menu of the files to which a grid can be exported. A file is computed when it is requested."""

import io
from collections.abc import Callable, Sequence
from functools import partial

import streamlit as st

from vgg_viz.export.formats import FORMATS, Export, ExportFormat
from vgg_viz.export.scripts import Run
from vgg_viz.links import VISIT_FIELDS
from vgg_viz.model.class_names import NUMBERED, ClassNames
from vgg_viz.ui import state
from vgg_viz.ui.state import mode
from vgg_viz.ui.widgets import own_pictures
from vgg_viz.ui.widgets.tiles import Tiles


def offer(
    name: str,
    title: str,
    grids: Callable[[], Sequence[Tiles]],
    runs: Callable[[], Sequence[Run]],
    *,
    own_picture: bool = False,
    classes: ClassNames = NUMBERED,
) -> None:
    """Show the export menu of one or several grids, unless in a lecture.

    ``name`` is unique on the page; ``title`` is that of the files. ``own_picture`` says whether the
    grids contain the viewer's own picture; where the page itself shows it, that is assumed.
    ``classes`` are those that the title, the grids or their captions may name.
    """
    if mode.in_lecture():
        return
    with st.popover(
        "Export", icon=":material/download:", key=f"export-{name}", on_change="rerun"
    ) as menu:
        if not menu.open:
            return
        own = own_picture or state.shows_own_picture()
        export = Export(title, grids, runs, link_to_view(), own, substitutes(classes))
        for file_format in FORMATS.values():
            st.download_button(
                file_format.label,
                partial(open_file, file_format, export),
                file_format.file_name(title),
                file_format.mime,
                key=f"export-{name}-{file_format.name}",
                on_click="ignore",
                help=file_format.help or None,
                width="stretch",
            )
        if own:
            st.caption("The files link to this view; the link does not include your own picture.")


def open_file(file_format: ExportFormat, export: Export) -> io.BytesIO:
    """Return the content of an exported file as a stream (download callback)."""
    return io.BytesIO(file_format.encode(export))


def substitutes(classes: ClassNames) -> dict[str, str]:
    """Return what images show of a name in a script that they lack letters for.

    That is a class's WordNet id or index, or the number of one of the viewer's own pictures.
    """
    names = [picture.title for picture in own_pictures.stored()]
    numbered = [f"own picture {number}" for number in range(1, len(names) + 1)]
    ids = [classes.wordnet_id(index) or f"class {index}" for index in range(len(classes.names))]
    found: dict[str, str] = {}
    for name, number in zip([*names, *classes.names], [*numbered, *ids], strict=True):
        found[name] = f"{found[name]} or {number}" if name in found else number
    return found


def link_to_view() -> str:
    """Return the URL of the view as it is now, without the tour and without lecture mode."""
    query = state.link(without=VISIT_FIELDS)
    base = (st.context.url or "").split("?")[0]
    return f"{base}?{query}" if query else base
