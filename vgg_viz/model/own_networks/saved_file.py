"""Files that Keras has saved: their formats, their configuration and the places of their arrays.

Formats: ``.keras`` and ``.weights.h5`` of Keras 3 (which `tf.keras` 2.12 and later write, too), and
the older HDF5 layout of whole models and of weights. Nothing is unpacked or executed: of a
``.keras`` archive, whose members are not compressed, HDF5 is read in place.
"""

import io
import json
import re
import struct
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from vgg_viz.downloads.file_kinds import HDF5, KERAS, FileKind, recognize
from vgg_viz.model.file_guards import (
    WeightsError,
    has_names,
    is_turned,
    member,
    members,
    names_in,
    text_of,
    unexpected,
)

if TYPE_CHECKING:
    import h5py

Source = Path | bytes  # a file's path or content

CONFIGURATION, WEIGHTS = "config.json", "model.weights.h5"
MOST_CONFIGURATION_BYTES = 10_000_000

# Ends of the names of arrays in the older layout, such as "/kernel:0" and, of Keras 1, "_W_1:0".
_ARRAY_NAME = re.compile(
    r"[/_](W|b|kernel|bias|gamma|beta|moving_mean|moving_variance|running_mean|running_std)"
    r"(_\d+)?(:\d+)?$"
)


@dataclass(frozen=True)
class StoredArray:
    """An array in a file: its place, not its numbers."""

    path: str  # in the HDF5 file
    shape: tuple[int, ...]


@dataclass(frozen=True)
class SavedLayer:
    """A layer's arrays in a file, in Keras' order."""

    name: str
    place: str  # as `configuration.ConfiguredLayer.places` has it
    arrays: tuple[StoredArray, ...]


@dataclass(frozen=True)
class SavedFile:
    """A file that Keras has saved, open for reading."""

    layout: str  # for captions, such as "Keras 3's .keras format"
    root: "h5py.Group"
    turned: bool  # whether kernels are turned by 180 degrees; see `file_guards.is_turned`
    configuration: Mapping[str, Any] | None  # None in files of weights alone
    training: Mapping[str, Any]  # its loss and optimizer; empty for a model that is not compiled

    def layers(self) -> list[SavedLayer]:
        """Return the layers with arrays, in the order of the file."""
        is_old = has_names(self.root, "layer_names")
        found = list(_old_layers(self.root) if is_old else _new_layers(self.root))
        if not found:
            raise WeightsError("expected arrays in one of Keras' HDF5 layouts, got none")
        return found

    def read(self, array: StoredArray, rows: slice = slice(None)) -> np.ndarray:
        """Read an array, or some of its rows, as float32."""
        dataset = member(self.root, array.path)
        if dataset.shape != array.shape:
            raise WeightsError(f"expected {array.path} as it was when it was found, got another")
        # Not after reading: an array of texts may take any memory.
        if dataset.dtype.kind != "f" and dataset.dtype != np.dtype("V2"):
            raise WeightsError(f"expected floating-point numbers, got {dataset.dtype}")
        return as_float32(dataset[rows])


def as_float32(numbers: np.ndarray) -> np.ndarray:
    r"""Convert numbers to float32; NumPy has no bfloat16, which h5py reads as two bytes.

    >>> as_float32(np.array([b"\x80\x3f", b"\x00\xc0"], "V2")).tolist()
    [1.0, -2.0]
    """
    if numbers.dtype == np.dtype("V2"):
        upper_half = np.ascontiguousarray(numbers).view(np.uint16).astype(np.uint32)
        return (upper_half << 16).view(np.float32)
    with np.errstate(over="ignore"):
        return np.asarray(numbers, np.float32)


@contextmanager
def open_saved(source: Source) -> Iterator[SavedFile]:
    """Open a file that Keras has saved, in any of its formats; raise a ``WeightsError`` for others.

    h5py's exceptions for damaged files are left to the caller; see `file_guards.as_weights_error`.
    """
    import h5py

    with io.BytesIO(source) if isinstance(source, bytes) else source.open("rb") as stream:
        kind = recognize(stream)
        if kind not in (KERAS, HDF5):
            raise unexpected(kind)
        content, text = _members(stream) if kind is KERAS else (stream, None)
        with h5py.File(content, "r") as file:
            yield _saved_file(file, kind, text)


def _saved_file(file: "h5py.File", kind: FileKind, text: str | bytes | None) -> SavedFile:
    root, layout = file, "weights in Keras' older HDF5 layout"
    if kind is KERAS:
        layout = "a model in Keras 3's format"
    elif "model_weights" in file:
        root, layout = member(file, "model_weights"), "a model in HDF5"
        text = file.attrs.get("model_config")
    elif not has_names(file, "layer_names"):
        layout = "weights in Keras 3's HDF5 layout"
    configuration = _parsed(text)
    training = (configuration or {}).get("compile_config") or _parsed(
        file.attrs.get("training_config")
    )
    return SavedFile(layout, root, is_turned(root), configuration, training or {})


def _parsed(text: str | bytes | None) -> Mapping[str, Any] | None:
    """Parse a model's configuration, if there is one."""
    if text is None:
        return None
    if len(text) > MOST_CONFIGURATION_BYTES:
        most = f"{MOST_CONFIGURATION_BYTES // 10**6} MB"
        raise WeightsError(f"expected a configuration of at most {most}, got a larger one")
    found = json.loads(text)
    if not isinstance(found, dict):
        raise WeightsError("expected a configuration as a JSON object, got another value")
    return found


def _members(stream: BinaryIO) -> tuple[Any, bytes]:
    """Return the weights of a ``.keras`` archive as a file, and its configuration.

    Keras does not compress the members. Compressed ones are refused: they may be a zip bomb.
    """
    with zipfile.ZipFile(stream) as archive:
        found = {info.filename: info for info in archive.infolist()}
        for name in (CONFIGURATION, WEIGHTS):
            if name not in found:
                raise WeightsError(f"expected the member {name} of Keras 3's format, got none")
            if found[name].compress_type != zipfile.ZIP_STORED:
                raise WeightsError(
                    f"expected {name} uncompressed, as Keras saves it, got it packed"
                )
        if found[CONFIGURATION].file_size > MOST_CONFIGURATION_BYTES:
            raise WeightsError(f"expected at most 10 MB of {CONFIGURATION}, got more")
        return _Section(stream, found[WEIGHTS]), archive.read(CONFIGURATION)


class _Section(io.RawIOBase):
    """An uncompressed member of a zip archive as a file, read in place.

    ``zipfile`` can do so, but reads a member from its start again for every step back.
    """

    def __init__(self, stream: BinaryIO, member: zipfile.ZipInfo) -> None:
        self._stream, self._size, self._position = stream, member.file_size, 0
        # The local header ends with the lengths of the name and of the extra field, and these.
        stream.seek(member.header_offset + 26)
        lengths = stream.read(4)
        if len(lengths) < 4:
            raise zipfile.BadZipFile("truncated file")
        self._start = stream.tell() + sum(struct.unpack("<HH", lengths))

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = base + offset
        return self._position

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer)[: max(0, self._size - self._position)]
        self._stream.seek(self._start + self._position)
        # Buffered streams, as here, fill the whole view up to the end of the file.
        count: int = self._stream.readinto(view)  # type: ignore[attr-defined]
        self._position += count
        return count


def _new_layers(root: "h5py.Group") -> Iterator[SavedLayer]:
    """Yield the layers of Keras 3's layout: groups ``vars`` with numbered arrays."""
    import h5py

    paths = [
        path.removesuffix("vars").rstrip("/")
        for path, found in members(root)
        if path.split("/")[-1] == "vars" and isinstance(found, h5py.Group) and len(found)
    ]
    for place in sorted(paths, key=natural_order):
        group = member(root, f"{place}/vars")
        names = sorted(group, key=natural_order)
        arrays = tuple(_stored(root, f"{place}/vars/{name}") for name in names)
        name = text_of(group.attrs.get("name", place.split("/")[-1]))
        # Groups of Keras 2.13 have another name.
        place = place.replace("_layer_checkpoint_dependencies", "layers")
        if not place.startswith("optimizer"):
            yield SavedLayer(name, place, arrays)


def _old_layers(root: "h5py.Group") -> Iterator[SavedLayer]:
    """Yield the layers of the older layout; a nested model's arrays are in one group."""
    for top in names_in(root, "layer_names"):
        group = member(root, top)
        layers: dict[str, list[StoredArray]] = {}
        for path in names_in(group, "weight_names"):
            name = _ARRAY_NAME.sub("", path).split("/")[-1]
            layers.setdefault(name, []).append(_stored(root, f"{top}/{path}"))
        for name, arrays in layers.items():
            # A layer that was renamed after it was built has arrays with its former name.
            name = top if len(layers) == 1 else name
            yield SavedLayer(name, f"{top}/{name}", tuple(arrays))


def _stored(root: "h5py.Group", path: str) -> StoredArray:
    import h5py

    found = member(root, path)
    if not isinstance(found, h5py.Dataset):
        raise WeightsError(f"expected an array {path}, got a group")
    return StoredArray(path, tuple(found.shape))


def natural_order(name: str) -> list[tuple[int, int, str]]:
    """Return a key that sorts ``conv2d_10`` after ``conv2d_9``.

    >>> sorted(["conv2d_10", "conv2d_9", "conv2d"], key=natural_order)
    ['conv2d', 'conv2d_9', 'conv2d_10']
    """
    parts = re.findall(r"\d+|\D+", name)
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts]
