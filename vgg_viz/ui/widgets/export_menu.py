"""Menu of the files to which a grid can be exported. A file is computed when it is requested."""

import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from ipaddress import ip_address
from urllib.parse import urlsplit, urlunsplit

import streamlit as st

from vgg_viz.export.formats import FORMATS, SHAPES, Export, ExportFormat, SheetShape
from vgg_viz.export.scripts import Run
from vgg_viz.export.tiles import Tiles
from vgg_viz.fields import VISIT_FIELDS
from vgg_viz.host_pictures import host_files
from vgg_viz.model.class_names import NUMBERED, ClassNames
from vgg_viz.option import labels
from vgg_viz.ui import state
from vgg_viz.ui.state import mode, shared_instance
from vgg_viz.ui.widgets import stored_pictures

NO_FILE = "No Keras script: it would read the network from a file, and this one was uploaded."
FRAME_NOTE = "If no file arrives, this frame forbids downloads: open the page in its own tab."


def offer(
    name: str,
    title: str,
    grids: Callable[[], Sequence[Tiles]],
    runs: Callable[[], Sequence[Run]] | None = None,
    *,
    own_picture: bool = False,
    classes: ClassNames = NUMBERED,
) -> None:
    """Show the export menu of one or several grids, unless in a lecture.

    ``name`` is unique on the page; ``title`` is that of the files. Without ``runs`` there is no
    Keras script. ``own_picture`` says whether the grids contain the viewer's own picture; where the
    page itself shows it, that is assumed. ``classes`` are those that the title, the grids or their
    captions may name.
    """
    if mode.in_lecture():
        return
    with st.popover(
        "Export", icon=":material/download:", key=f"export-{name}", on_change="rerun"
    ) as menu:
        if not menu.open:
            return
        own = own_picture or state.shows_own_picture()
        shape = choose_shape(name)
        runs_of = runs or list
        export = Export(title, grids, runs_of, link_to_view(), own, substitutes(classes), shape)
        note = unscripted() if runs else ""
        for file_format in FORMATS.values():
            if file_format.name == "py" and (note or not runs):
                continue
            st.download_button(
                file_format.label,
                partial(state.with_values_of_now(open_file), file_format, export),
                file_format.file_name(title, shape),
                file_format.mime,
                key=f"export-{name}-{file_format.name}",
                on_click="ignore",
                help=file_format.help or None,
                width="stretch",
            )
        if note:
            st.caption(note)
        frame_note(name)
        if own:
            st.caption("The files link to this view; the link does not include your own picture.")


def frame_note(name: str) -> None:
    """Say what a frame around the page may forbid; the style sheet shows it in a frame."""
    with st.container(key=f"frame-note-{name}"):
        st.caption(FRAME_NOTE)


def unscripted() -> str:
    """Return why no script can compute what the page shows; "" if one can."""
    fields = ("network", "other_network") if state.value("compare") == "network" else ("network",)
    networks = [shared_instance.found(str(state.value(field))) for field in fields]
    return NO_FILE if any(one and isinstance(one.source, bytes) for one in networks) else ""


def offer_file(name: str, title: str, kind: str, content: Callable[[], bytes]) -> None:
    """Show a button that saves one file of a format, such as "csv", unless in a lecture."""
    if mode.in_lecture():
        return
    file_format = FORMATS[kind]
    with st.container(gap=None, width="content"):
        st.download_button(
            kind.upper(),
            state.with_values_of_now(lambda: io.BytesIO(content())),
            file_format.file_name(title),
            file_format.mime,
            key=f"save-{kind}-{name}",
            on_click="ignore",
            icon=":material/download:",
        )
        frame_note(f"{kind}-{name}")


def offer_table(
    name: str, title: str, columns: Callable[[], Mapping[str, Iterable[object]]]
) -> None:
    """Show a button that saves the numbers of a chart, column by column, as a CSV file."""

    def encode() -> bytes:
        # Imported only here, since few viewers save the file.
        from vgg_viz.export.tables import csv_file

        return csv_file([columns()])

    offer_file(name, title, "csv", encode)


def choose_shape(name: str) -> SheetShape:
    """Show the choice between the grid's own shape and that of a slide; return the shape."""
    usual = next(iter(SHAPES))
    chosen = st.segmented_control(
        "Shape of PNG, PDF and SVG",
        list(SHAPES),
        format_func=labels(SHAPES).__getitem__,
        default=usual,
        required=True,
        key=f"export-{name}-shape",
        width="stretch",
    )
    return SHAPES[chosen or usual]


def open_file(file_format: ExportFormat, export: Export) -> io.BytesIO:
    """Return the content of an exported file as a stream (download callback)."""
    return io.BytesIO(file_format.encode(export))


def substitutes(classes: ClassNames) -> dict[str, str]:
    """Return what images show of a name in a script that they lack letters for.

    That is a class's WordNet id or index, or the number of one of the viewer's own pictures, of the
    host's pictures or of the own networks.
    """
    own = {number: picture.title for number, picture in stored_pictures.stored().items()}
    hosts = dict(enumerate((file.title for file in host_files().values()), 1))
    networks = dict(enumerate(shared_instance.own_names(), 1))
    kinds = {"own picture": own, "host picture": hosts, "own network": networks}
    names = [name for kind in kinds.values() for name in kind.values()]
    numbered = [f"{kind} {number}" for kind, found in kinds.items() for number in found]
    ids = [classes.wordnet_id(index) or f"class {index}" for index in range(len(classes.names))]
    found: dict[str, str] = {}
    for name, number in zip([*names, *classes.names], [*numbered, *ids], strict=True):
        found[name] = f"{found[name]} or {number}" if name in found else number
    return found


def link_to_view() -> str:
    """Return the URL of the view as it is now, without the tour and without lecture mode.

    Of a URL that only this machine can open, such as `make run` prints, return path and query.
    """
    url = urlsplit(state.url(without=VISIT_FIELDS))
    return urlunsplit(url._replace(scheme="", netloc="") if is_local(url.hostname or "") else url)


def is_local(host: str) -> bool:
    """Return whether only the server's own machine can open URLs of this host.

    >>> is_local("localhost"), is_local("127.0.0.1"), is_local("::1"), is_local("vgg.example.org")
    (True, True, True, False)
    """
    try:
        address = ip_address(host)
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
    return address.is_loopback or address.is_unspecified
