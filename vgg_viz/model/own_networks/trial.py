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
TOO_LARGE = 3

SLAB_NUMBERS = 2**22  # of an array that are read at once, 32 MB in float64
MOST_NUMBERS = 2**28  # of an array, 1 GB; larger ones are not read
# Of the child, beside what it has before it opens the file: slabs, and a configuration of 10 MB.
MOST_BYTES = 512 * 10**6


def check_in_child(source: Source) -> None:
    """Raise a ``WeightsError`` if reading a file crashes a child process, or takes too much."""
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
    if child.returncode == TOO_LARGE:
        raise WeightsError(f"got a file that takes over {MOST_BYTES // 10**6} MB to read")
    if child.returncode not in (0, FAILED):
        raise WeightsError("got a damaged HDF5 file; copy or download it again")


def read_all(source: Source) -> None:
    """Read all arrays of a file, in slabs."""
    with open_saved(source) as file:
        for layer in file.layers():
            for array in layer.arrays:
                for rows in slabs(array):
                    file.read(array, rows)


def slabs(array: StoredArray) -> list[slice]:
    """Return slices of an array's rows that are read at once; none for one that is too large."""
    row = prod(array.shape[1:])
    if not array.shape or not 0 < row <= SLAB_NUMBERS or prod(array.shape) > MOST_NUMBERS:
        return []
    rows = SLAB_NUMBERS // row
    return [slice(start, start + rows) for start in range(0, array.shape[0], rows)]


def limit_memory() -> None:
    """Let this process take ``MOST_BYTES`` more, on Linux; beyond, there is a `MemoryError`."""
    if sys.platform == "linux":
        import resource

        pages = int(Path("/proc/self/statm").read_text().split()[0])
        most = pages * resource.getpagesize() + MOST_BYTES
        resource.setrlimit(resource.RLIMIT_AS, (most, most))


def main() -> int:
    """Read a file, named by an argument or given as the standard input; return an exit status."""
    import h5py  # noqa: F401  # what it takes is not the file's

    source = Path(sys.argv[1]) if sys.argv[1:] else sys.stdin.buffer.read()
    limit_memory()
    with suppress(Exception):  # others than crashes are the server's to tell
        try:
            read_all(source)
        except MemoryError:
            return TOO_LARGE
    return 0


if __name__ == "__main__":
    sys.exit(main())
