"""HDF5 files from strangers: read without leaving the file, and refused in one sentence.

h5py is imported at first use.
"""

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import h5py

MOST_OBJECTS = 10_000  # groups and arrays of one file

# Exceptions that h5py raises for a damaged file, depending on where the damage is.
DAMAGES = (OSError, LookupError, RuntimeError, TypeError, ValueError, AttributeError, MemoryError)


class WeightsError(ValueError):
    """Raised when a weights file is damaged or not VGG19's; names the file, not its folder."""


@contextmanager
def as_weights_error(name: str, path: str = "") -> Iterator[None]:
    """Turn a damaged file's exceptions into a `WeightsError`; names the file, not its path."""
    try:
        yield
    except WeightsError as error:
        message = f"expected VGG19 weights in {name}: {error}"
        raise WeightsError(message) from error
    except (*DAMAGES, zipfile.BadZipFile) as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        reason = reason.replace(path, name) if path else reason
        raise WeightsError(f"expected VGG19 weights in {name}, got: {reason}") from error


def member(group: Any, path: str) -> Any:
    """Return a group or dataset; raise a ``WeightsError`` for one that lies in another file."""
    import h5py

    found = group
    for name in filter(None, path.split("/")):
        # Of the links, only a hard one cannot lead out of the file.
        if not isinstance(found.get(name, getlink=True), h5py.HardLink | None):
            raise WeightsError(f"expected {path} in the file itself, got a link")
        found = found[name]
    if isinstance(found, h5py.Dataset) and (found.is_virtual or found.external):
        raise WeightsError(f"expected the numbers of {path} in the file itself, got another file")
    return found


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


def names_in(group: Any, attribute: str) -> list[str]:
    """Read a list of names from an HDF5 attribute, which Keras splits if it is long."""
    attributes = group.attrs
    if attribute in attributes:
        return [text_of(name) for name in attributes[attribute]]
    if f"{attribute}0" not in attributes:
        raise WeightsError(f"expected the attribute {attribute} of Keras' HDF5 layout, got none")
    names: list[str] = []
    for index in range(MOST_OBJECTS):
        if f"{attribute}{index}" not in attributes:
            break
        names += [text_of(name) for name in attributes[f"{attribute}{index}"]]
    return names


def check_finite(layer_name: str, name: str, numbers: np.ndarray) -> None:
    """Raise a ``WeightsError`` if a number of a layer's kernel or bias is not finite."""
    count = numbers.size - np.count_nonzero(np.isfinite(numbers))
    if count:
        raise WeightsError(
            f"expected finite numbers in the {name} of {layer_name}, got {count:,} of "
            f"{numbers.size:,} that are infinite or NaN"
        )
