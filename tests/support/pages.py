"""The page in Streamlit's AppTest, and its elements."""

import gc
import io
import json
import re
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from functools import cache
from types import FunctionType, ModuleType

import numpy as np
import pyarrow as pa
from PIL import Image
from streamlit.components.v2 import manifest_scanner
from streamlit.proto.Block_pb2 import Block
from streamlit.runtime.uploaded_file_manager import UploadedFile
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Element

from tests.support import REPOSITORY
from vgg_viz.downloads.fetching import FileUnavailable
from vgg_viz.fields import FIELDS
from vgg_viz.model.weights import Weights
from vgg_viz.serving.loading import Loader
from vgg_viz.ui.state import values
from vgg_viz.ui.state.shared_instance import shared

KEPT: dict[Hashable, Loader] = {}
# For each page that is opened Streamlit looks through all that is installed, which would be most of
# what a page costs here.
manifest_scanner.scan_component_manifests = cache(manifest_scanner.scan_component_manifests)


def unavailable(*_, **__):
    raise FileUnavailable("There was no file.", "There was no network.")


@contextmanager
def network_of(given: Weights) -> Iterator[None]:
    """Make the page take these weights for the trained network's."""
    with loaded_by(KEPT.setdefault((type(given), given.identity), Loader(lambda _: given))):
        yield


@contextmanager
def weights_from(obtain: Callable[..., Weights]) -> Iterator[None]:
    """Make the page look for the trained network's weights there, as at the first time."""
    with loaded_by(Loader(lambda on_progress: obtain(on_progress=on_progress))):
        yield


@contextmanager
def loaded_by(loader: Loader) -> Iterator[None]:
    """Make a function load the trained network; cached results stay, since networks differ."""
    loaders = shared().loaders
    before, loaders["imagenet"] = loaders["imagenet"], loader
    try:
        yield
    finally:
        loaders["imagenet"] = before


def open_page(**query: str | list[str]) -> AppTest:
    """Open the page from a link with these parameters."""
    page = AppTest.from_file(REPOSITORY / "streamlit_app.py", default_timeout=120)
    for key, value in query.items():
        page.query_params[key] = value
    return run(page)


def run(page: AppTest) -> AppTest:
    page.run()
    assert not page.exception
    return page


def choose(page: AppTest, key: str, value: object) -> AppTest:
    """Choose a value in whatever widget has it, and return the page."""
    if key in FIELDS:
        view = page.session_state[values.KEY]
        view.requested |= {key: value}
        view.changed = True
        view.fit()
    else:
        page.session_state[key] = value
    return run(page)


def shown(page: AppTest, key: str) -> object:
    """Return the effective value of a field."""
    return page.session_state[values.KEY].effective[key]


def widget(page: AppTest, kind: str, name: str) -> Element:
    """Return the widget of a field."""
    (found,) = (one for one in page.get(kind) if re.fullmatch(f"{name}(@[0-9]+)?", one.key or ""))
    return found


def upload(page: AppTest, data: bytes, name: str = "photo.png") -> AppTest:
    """Upload a file as the visitor's own picture, and return the page."""
    (uploader,) = (one for one in page.file_uploader if one.key.startswith("own-upload-"))
    uploader.upload(name, data, "image/png")
    return run(page)


def press(page: AppTest, key: str) -> AppTest:
    page.button(key=key).click().run()
    assert not page.exception
    return page


def link_of(page: AppTest) -> str:
    """Return the query of the page's address, as *Copy link* copies it."""
    return unpacked(payloads(page)["copy-link"])[0]["address"]


def texts(page: AppTest) -> str:
    said = [element.value for element in [*page.markdown, *page.caption]]
    headers = [unpacked(payload)[0] for payload in payloads(page).values()]
    said += [header["title"] for header in headers if "heads" in header]  # of the mosaics
    return "\n".join([*said, *(element.label for element in page.expander)])


def heading(page: AppTest) -> str:
    """Return the view's heading."""
    lines = "\n".join(element.value for element in page.main.markdown).splitlines()
    return next(line for line in lines if line.startswith("## ")).removeprefix("## ")


def stand_beside(page: AppTest) -> bool:
    """Return whether a grid's details stand beside it."""
    blocks = [part.proto for part in page.main if isinstance(part.proto, Block)]
    (room,) = (block for block in blocks if block.id.endswith("-maps-room"))
    return room.flex_container.direction == Block.FlexContainer.HORIZONTAL


def figures(page: AppTest) -> list[str]:
    """Return the numbers that stand in a row below their labels."""
    return re.findall("<dd>(.*?)</dd>", "".join(element.value for element in page.get("html")))


def captions(page: AppTest) -> list[str]:
    return [element.value for element in page.main.caption]


# Components that show nothing, or only buttons.
PULSES = ("optimization-pulse", "patches-pulse", "conclusion-pulse")
UNSEEN = ("keys", "dropping", "tab-token", "first-steps", *PULSES)


def has_pulse(page: AppTest, name: str) -> bool:
    """Return whether the page will rerun after a while, by the component of this name."""
    assert name in PULSES
    return any(part.key == name for part in page.main.get("bidi_component"))


def payloads(page: AppTest) -> dict[str, bytes]:
    """Return the data of the page's own components, by their names."""
    parts = page.main.get("bidi_component")
    return {part.key: part.proto.bytes for part in parts if part.key not in UNSEEN}


def unpacked(payload: bytes) -> tuple[dict, bytes]:
    """Split a component's data into its header and the rest."""
    length = int.from_bytes(payload[:4], "little")
    return json.loads(payload[4 : 4 + length]), payload[4 + length :]


def mosaics(page: AppTest) -> list[Element]:
    """Return the grids and diagrams on the page."""
    others = (*UNSEEN, "copy-link", "inspector")
    return [part for part in page.main.get("bidi_component") if part.key not in others]


def rows_of(chart: Element) -> dict[str, list]:
    """Return a chart's rows, column by column."""
    return pa.ipc.open_stream(chart.proto.data.data).read_all().to_pydict()


def inspected(page: AppTest, name: str = "inspector") -> dict:
    """Return the header of an inspector."""
    return unpacked(payloads(page)[name])[0]


def tiles_of(payload: bytes) -> tuple[dict, list[Image.Image]]:
    """Return a mosaic's header, and its tiles as palette images."""
    header, data = unpacked(payload)
    picture, side, columns = Image.open(io.BytesIO(data)), header["side"], header["columns"]
    corners = [divmod(index, columns) for index in range(len(header["titles"]))]
    boxes = [(side * c, side * r, side * c + side, side * r + side) for r, c in corners]
    return header, [picture.crop(box) for box in boxes]


def held_bytes(page: AppTest) -> int:
    """Return the bytes of all arrays and files in the viewer's session and its callbacks.

    Files as Streamlit keeps them are left out.
    """
    state = page._session_state._state
    todo: list[object] = [state._old_state, state._new_session_state]
    todo += state._new_widget_state.widget_metadata.values()
    seen, total = set(), 0
    while todo:
        one = todo.pop()
        if id(one) in seen or isinstance(one, UploadedFile | ModuleType | type):
            continue
        seen.add(id(one))
        if isinstance(one, np.ndarray):
            total += one.nbytes
            continue
        if isinstance(one, bytes):
            total += len(one)
            continue
        # Of a function what it closes over, not the module that it is from.
        is_function = isinstance(one, FunctionType)
        todo += (one.__closure__ or ()) if is_function else gc.get_referents(one)
    return total
