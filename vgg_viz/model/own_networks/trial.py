"""Trial of a file in a child process: HDF5's library may crash the process on a damaged file.

A server must not end for all viewers with one viewer's file. What the child reads without a crash,
the server then reads by the same functions.
"""

import subprocess
import sys
from contextlib import suppress
from math import prod
from pathlib import Path

import vgg_viz
from vgg_viz.model.file_guards import WeightsError
from vgg_viz.model.own_networks.saved_file import Source, StoredArray, open_saved

COMMAND = (sys.executable, "-m", "vgg_viz.model.own_networks.trial")
TIMEOUT_SECONDS = 60
FAILED = 1  # Python's exit status if the child could not start its work

SLAB_ROWS = 512
MOST_NUMBERS = 2**28  # of an array, 1 GB; larger ones are not read


def check_in_child(source: Source) -> None:
    """Raise a ``WeightsError`` if reading the file crashes a child process or does not end."""
    try:
        child = subprocess.run(
            [*COMMAND, str(source.absolute())] if isinstance(source, Path) else COMMAND,
            input=None if isinstance(source, Path) else source,
            cwd=Path(vgg_viz.__file__).parents[1],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=TIMEOUT_SECONDS,
        )
    except subprocess.TimeoutExpired as error:
        raise WeightsError(f"got a file that takes over {TIMEOUT_SECONDS} s to read") from error
    if child.returncode not in (0, FAILED):
        raise WeightsError("got a damaged HDF5 file; copy or download it again")


def read_all(source: Source) -> None:
    """Read all arrays of a file, in slabs."""
    with open_saved(source) as file:
        for layer in file.layers():
            for array in layer.arrays:
                for rows in _slabs(array):
                    file.read(array, rows)


def _slabs(array: StoredArray) -> list[slice]:
    is_read = array.shape and prod(array.shape) <= MOST_NUMBERS
    starts = range(0, array.shape[0] if is_read else 0, SLAB_ROWS)
    return [slice(start, start + SLAB_ROWS) for start in starts]


if __name__ == "__main__":
    # Other errors than crashes are the server's to tell.
    with suppress(Exception):
        read_all(Path(sys.argv[1]) if sys.argv[1:] else sys.stdin.buffer.read())
