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


# Components that show nothing, or only buttons.
PULSES = ("optimization-pulse", "patches-pulse", "conclusion-pulse")
UNSEEN = ("keys", "dropping", "tab-token", "first-steps", *PULSES)


class Page(AppTest):
    """The page, whose runs must end without an exception."""

    def _run(self, *arguments: object, **more: object) -> "Page":
        super()._run(*arguments, **more)
        assert not self.exception
        return self

    def choose(self, key: str, value: object) -> "Page":
        """Choose a value in whatever widget has it, and return the page."""
        if key in FIELDS:
            view = self.session_state[values.KEY]
            view.requested |= {key: value}
            view.changed = True
            view.fit()
        else:
            self.session_state[key] = value
        return self.run()

    def upload(self, data: bytes, name: str = "photo.png") -> "Page":
        """Upload a file as the visitor's own picture, and return the page."""
        (uploader,) = (one for one in self.file_uploader if one.key.startswith("own-upload-"))
        uploader.upload(name, data, "image/png")
        return self.run()

    def press(self, key: str) -> "Page":
        return self.button(key=key).click().run()

    def shown(self, key: str) -> object:
        """Return the effective value of a field."""
        return self.session_state[values.KEY].effective[key]

    def widget(self, kind: str, name: str) -> Element:
        """Return the widget of a field."""
        pattern = re.compile(f"{name}(@[0-9]+)?")
        (found,) = (one for one in self.get(kind) if pattern.fullmatch(one.key or ""))
        return found

    @property
    def link(self) -> str:
        """The query of the page's address, as *Copy link* copies it."""
        return self.inspected("copy-link")["address"]

    @property
    def texts(self) -> str:
        said = [element.value for element in [*self.markdown, *self.caption]]
        headers = [unpacked(payload)[0] for payload in self.payloads.values()]
        said += [header["title"] for header in headers if "heads" in header]  # of the mosaics
        return "\n".join([*said, *(element.label for element in self.expander)])

    @property
    def heading(self) -> str:
        lines = "\n".join(element.value for element in self.main.markdown).splitlines()
        return next(line for line in lines if line.startswith("## ")).removeprefix("## ")

    @property
    def stand_beside(self) -> bool:
        """Whether a grid's details stand beside it."""
        blocks = [part.proto for part in self.main if isinstance(part.proto, Block)]
        (room,) = (block for block in blocks if block.id.endswith("-maps-room"))
        return room.flex_container.direction == Block.FlexContainer.HORIZONTAL

    @property
    def figures(self) -> list[str]:
        """The numbers that stand in a row below their labels."""
        return re.findall("<dd>(.*?)</dd>", "".join(element.value for element in self.get("html")))

    @property
    def captions(self) -> list[str]:
        return [element.value for element in self.main.caption]

    def has_pulse(self, name: str) -> bool:
        """Return whether the page will rerun after a while, by the component of this name."""
        assert name in PULSES
        return any(part.key == name for part in self.main.get("bidi_component"))

    @property
    def payloads(self) -> dict[str, bytes]:
        """The data of the page's own components, by their names."""
        parts = self.main.get("bidi_component")
        return {part.key: part.proto.bytes for part in parts if part.key not in UNSEEN}

    @property
    def mosaics(self) -> list[str]:
        """The names of the grids and diagrams on the page."""
        return [name for name in self.payloads if name not in ("copy-link", "inspector")]

    def part(self, name: str) -> tuple[dict, bytes]:
        """Return a component's header and the rest of its data."""
        return unpacked(self.payloads[name])

    def inspected(self, name: str = "inspector") -> dict:
        """Return a component's header."""
        return self.part(name)[0]

    def tiles(self, name: str) -> tuple[dict, list[Image.Image]]:
        """Return a mosaic's header, and its tiles as palette images."""
        return tiles_of(self.payloads[name])

    def held_bytes(self) -> int:
        """Return the bytes of all arrays and files in the viewer's session and its callbacks.

        Files as Streamlit keeps them are left out.
        """
        state = self._session_state._state
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


def open_page(**query: str | list[str]) -> Page:
    """Open the page from a link with these parameters."""
    page = Page(REPOSITORY / "streamlit_app.py", default_timeout=120)
    for key, value in query.items():
        page.query_params[key] = value
    return page.run()


def unpacked(payload: bytes) -> tuple[dict, bytes]:
    """Split a component's data into its header and the rest."""
    length = int.from_bytes(payload[:4], "little")
    return json.loads(payload[4 : 4 + length]), payload[4 + length :]


def tiles_of(payload: bytes) -> tuple[dict, list[Image.Image]]:
    """Return a mosaic's header, and its tiles as palette images."""
    header, data = unpacked(payload)
    picture, side, columns = Image.open(io.BytesIO(data)), header["side"], header["columns"]
    corners = [divmod(index, columns) for index in range(len(header["titles"]))]
    boxes = [(side * c, side * r, side * c + side, side * r + side) for r, c in corners]
    return header, [picture.crop(box) for box in boxes]


def rows_of(chart: Element) -> dict[str, list]:
    """Return a chart's rows, column by column."""
    return pa.ipc.open_stream(chart.proto.data.data).read_all().to_pydict()
