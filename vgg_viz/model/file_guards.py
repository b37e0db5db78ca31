"""HDF5 files from strangers: read without leaving the file, and refused in one sentence.

h5py is imported at first use.
"""

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count, takewhile
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from vgg_viz.downloads.file_kinds import FileKind

if TYPE_CHECKING:
    import h5py

# Backends of Keras whose convolution is a cross-correlation.
BACKENDS = ("tensorflow", "jax", "torch", "cntk", "numpy")
# Its convolution turns kernels by 180 degrees.
THEANO = "theano"

MOST_OBJECTS = 10_000  # groups and arrays of one file
MOST_CHUNK_BYTES = 2**26  # of an array; HDF5 unpacks a chunk as a whole
MOST_CHARACTERS = 500  # of a sentence with names from a file

# Exceptions that h5py raises for a damaged file, depending on where the damage is.
DAMAGES = (
    OSError,
    LookupError,
    RuntimeError,
    TypeError,
    ValueError,
    AttributeError,
    MemoryError,
    OverflowError,
)


class WeightsError(ValueError):
    """Raised when a weights file is damaged or not VGG19's; names the file, not its folder."""


@contextmanager
def as_weights_error(name: str, path: str = "") -> Iterator[None]:
    """Turn a damaged file's exceptions into a `WeightsError`; names the file, not its path."""
    try:
        yield
    except WeightsError as error:
        message = f"expected VGG19 weights in {name}: {printable(str(error))}"
        raise WeightsError(message) from error
    except (*DAMAGES, zipfile.BadZipFile) as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        reason = printable(reason.replace(path, name) if path else reason)
        raise WeightsError(f"expected VGG19 weights in {name}, got: {reason}") from error


def printable(text: str) -> str:
    """Return a text from a file for a sentence: in one line and not too long."""
    text = "".join(character if character.isprintable() else " " for character in text)
    return text if len(text) <= MOST_CHARACTERS else f"{text[: MOST_CHARACTERS - 1]}…"


def unexpected(kind: FileKind | None) -> WeightsError:
    """Return an error that names the kind of a file without Keras' weights, and what to do."""
    if kind is None:
        expected = "expected a file that Keras has saved, got something else"
        return WeightsError(f"{expected}; copy or download it again")
    convert = "; convert its weights to Keras' HDF5 layout"
    return WeightsError(f"got {kind.described}{convert * kind.weights}")


def member(group: Any, path: str) -> Any:
    """Return a group or dataset.

    Raises a ``WeightsError`` for one that lies in another file, or takes much memory for a number.
    """
    import h5py

    found = group
    for name in filter(None, path.split("/")):
        # Of the links, only a hard one cannot lead out of the file.
        if not isinstance(found.get(name, getlink=True), h5py.HardLink | None):
            raise WeightsError(f"expected {path} in the file itself, got a link")
        found = found[name]
    if isinstance(found, h5py.Dataset):
        _check_storage(found, path)
    return found


def _check_storage(array: "h5py.Dataset", path: str) -> None:
    if array.is_virtual or array.external:
        raise WeightsError(f"expected the numbers of {path} in the file itself, got another file")
    if array.chunks and prod(array.chunks) * array.dtype.itemsize > MOST_CHUNK_BYTES:
        most = MOST_CHUNK_BYTES // 2**20
        raise WeightsError(f"expected {path} in chunks of at most {most} MB, got larger ones")


def members(group: "h5py.Group") -> Iterator[tuple[str, Any]]:
    """Yield the path and object of all groups and datasets in a group, each once.

    Raises a ``WeightsError`` for links, and for more than ``MOST_OBJECTS``.
    """
    import h5py

    waiting, count = [("", group)], 0
    while waiting:
        path, here = waiting.pop()
        count += len(here)
        if count > MOST_OBJECTS:
            raise WeightsError(f"expected at most {MOST_OBJECTS:,} groups and arrays, got more")
        for name in here:
            found = member(here, name)
            yield f"{path}{name}", found
            if isinstance(found, h5py.Group):
                waiting.append((f"{path}{name}/", found))


def text_of(value: Any) -> str:
    """Return the text of an HDF5 attribute; old files hold bytes, newer ones text."""
    return value.decode() if isinstance(value, bytes) else str(value)


def has_names(group: Any, attribute: str) -> bool:
    """Return whether a group has a list of names, which Keras splits if it is long."""
    return attribute in group.attrs or f"{attribute}0" in group.attrs


def names_in(group: Any, attribute: str) -> list[str]:
    """Read a list of names from an HDF5 attribute, or from its parts; see `has_names`."""
    if not has_names(group, attribute):
        raise WeightsError(f"expected the attribute {attribute} of Keras' HDF5 layout, got none")
    numbered = takewhile(group.attrs.__contains__, (f"{attribute}{n}" for n in count()))
    parts = [attribute] if attribute in group.attrs else numbered
    return [text_of(name) for part in parts for name in group.attrs[part]]


def is_turned(group: Any) -> bool:
    """Return whether a group's kernels are turned by 180 degrees: Theano wrote the weights.

    Raises a ``WeightsError`` for an unknown backend. Files before Keras 2 name none.
    """
    root = group.file["/"].attrs  # of a whole model, which says it, too
    backend = text_of(group.attrs.get("backend", root.get("backend", BACKENDS[0])))
    if backend not in (*BACKENDS, THEANO):
        known = ", ".join((*BACKENDS, THEANO))
        raise WeightsError(f"expected weights of one of Keras' backends {known}, got {backend}")
    return backend == THEANO


def turn(kernel: np.ndarray) -> np.ndarray:
    """Turn a kernel ``(3, 3, channels, filters)`` by 180 degrees."""
    return np.ascontiguousarray(kernel[::-1, ::-1])


def check_finite(layer_name: str, name: str, numbers: np.ndarray) -> None:
    """Raise a ``WeightsError`` if a number of a layer's kernel or bias is not finite."""
    count = numbers.size - np.count_nonzero(np.isfinite(numbers))
    if count:
        raise WeightsError(
            f"expected finite numbers in the {name} of {layer_name}, got {count:,} of "
            f"{numbers.size:,} that are infinite or NaN"
        )
