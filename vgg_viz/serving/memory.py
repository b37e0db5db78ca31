"""How much memory the app may take, how much of it the caches, and what to do when it is short.

Python, TensorFlow and the network need what they need; the caches take what is left, within these
bounds (MB are millions of bytes):

    what                                     at most               at least
    maps and numbers that were computed      VALUES   117 MB       34 MB: the maps of one picture
                                                                   at the ends of all blocks
    mosaics, drawn and half drawn            DRAWN     50 MB        4 MB: a page of them
    decoded pictures                         PICTURES  16 MB        2 MB: six of them
    all caches                                        184 MB       40 MB

The maps of one picture in all 16 layers have 59 MB, what its blocks work on 6 MB more: a picture
that all look at is computed once. Whole layers' filters, 80 MB together, are not kept.

Not in these bounds is what Streamlit holds of a visitor: the file that was uploaded, of up to
20 MB, for as long as the page is open and two minutes more, and 0.3 MB for the session itself; of
up to 20 pictures that were given together 4 MB at most, and their files until they are read.

What all of it takes was measured with `make load` (Linux, 2 cores, TensorFlow 2.21, resident MB):

    the server before its first page                                     56
    TensorFlow, the network, one viewer's first maps                    854
    one viewer for two minutes, at most                                 978
    60 viewers of one picture, at most                                1,121
    60 viewers, each with a picture of 1 MB of their own, at most     1,441

So `WORKING_BYTES` are what a server cannot do without, its caches aside. Two of glibc's heaps for
all threads, and free pages handed back once a second, keep it at that (`limit_malloc_arenas`,
`trim`).

Making pictures (`optimization_worker`) takes up to 140 MB more while somebody looks, measured
with `make bench`; it has its turns like everybody else. Finished pictures are among the values.

409 MB of the 854 are pages of files: TensorFlow's libraries. Like those of a mapped weights file
they are the kernel's to take back when memory is short, so what is held against the limit is the
rest (`taken_bytes`), which nobody but the app can give back.
"""

import ctypes
import gc
import logging
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from time import monotonic
from typing import Protocol

VARIABLE = "VGG_VIZ_MEMORY_MB"
MEGABYTE = 10**6

WORKING_BYTES = 1000 * MEGABYTE  # Python, TensorFlow, the network and one forward pass
NEAR = 0.85  # of the limit: from here on the app gives memory back
PAUSE_SECONDS = 5.0  # between two attempts, since each takes a tenth of a second
TIDY_SECONDS = 1.0  # between two times that free pages are handed back, which takes 20 ms

ROOT = Path("/")
CGROUP_FILES = ("memory.max", "memory.high", "memory.limit_in_bytes")
M_ARENA_MAX = -8  # as malloc.h has it
ARENAS = 2

log = logging.getLogger(__name__)


class Shrinkable(Protocol):
    """A cache that can be made to let go of what is cheapest to have again."""

    @property
    def used_bytes(self) -> int:
        """The size of all that is kept."""

    def shrink_to(self, max_bytes: int) -> None:
        """Let values go until the rest has no more than that."""


@dataclass(frozen=True)
class Budgets:
    """How many bytes the computed values, the drawn mosaics and the decoded pictures may take."""

    values: int
    drawn: int
    pictures: int


MOST = Budgets(values=112 * 2**20, drawn=48 * 2**20, pictures=16 * MEGABYTE)
LEAST = Budgets(values=32 * 2**20, drawn=4 * 2**20, pictures=2 * MEGABYTE)


def cache_bytes(limit: int | None) -> Budgets:
    """How large the caches may be where the process may take ``limit`` bytes; None: any."""
    if limit is None:
        return MOST
    least, most = sizes(LEAST), sizes(MOST)
    spare = NEAR * limit - WORKING_BYTES
    share = min(1.0, max(0.0, (spare - sum(least)) / (sum(most) - sum(least))))
    pairs = zip(least, most, strict=True)
    return Budgets(*(smaller + int(share * (larger - smaller)) for smaller, larger in pairs))


def sizes(budgets: Budgets) -> tuple[int, int, int]:
    """The three sizes, in the order of the fields."""
    return budgets.values, budgets.drawn, budgets.pictures


def limit_bytes(environment: Mapping[str, str] = os.environ, root: Path = ROOT) -> int | None:
    """How many bytes this process may take; None if that is not known.

    What ``VGG_VIZ_MEMORY_MB`` says, else the least of the control group's limits and of the
    machine's memory. ``root`` is where ``proc`` and ``sys`` are looked for.
    """
    given = environment.get(VARIABLE, "").strip()
    if given:
        # Six digits: a terabyte. Python refuses to read a number of thousands of them.
        if given.isascii() and given.isdigit() and len(given) <= 6 and int(given) > 0:
            return int(given) * MEGABYTE
        log.warning("%s: expected a number of megabytes, got %.40r; ignored", VARIABLE, given)
    machine = machine_bytes(root)
    limits = [machine] if machine else []
    # A group without a limit says "max" or a number that no machine has.
    limits += [limit for limit in cgroup_limits(root) if not machine or limit < machine]
    return min(limits, default=None)


def machine_bytes(root: Path = ROOT) -> int | None:
    """The machine's memory; None if it does not say."""
    for line in read_lines(root / "proc/meminfo"):
        words = line.split()
        if words[:1] == ["MemTotal:"] and len(words) > 1 and words[1].isdecimal():
            return int(words[1]) * 1024
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") if root == ROOT else None
    except (AttributeError, ValueError, OSError):
        return None


def cgroup_limits(root: Path = ROOT) -> Iterator[int]:
    """The limits of the control group that this process is in, and of those around it.

    Of version 2 (one tree) or 1 (a tree of its own for memory); see ``man 7 cgroups``.
    """
    mounted = root / "sys/fs/cgroup"
    for line in read_lines(root / "proc/self/cgroup"):
        number, kinds, path = [*line.split(":", 2), "", ""][:3]
        if number != "0" and "memory" not in kinds.split(","):
            continue
        top = mounted if number == "0" else mounted / "memory"
        group = top / path.lstrip("/")
        # In a container the path may be the host's, and the group be mounted at the top.
        for folder in {top, group, *(part for part in group.parents if top in part.parents)}:
            yield from filter(None, (read_number(folder / name) for name in CGROUP_FILES))


def read_number(file: Path) -> int | None:
    """The positive number in a file; None if there is no such file, or something else in it."""
    text = "".join(read_lines(file)).strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 and int(text) else None


def read_lines(file: Path) -> list[str]:
    """The lines of a small file; none if it cannot be read."""
    try:
        return file.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []


def taken_bytes(root: Path = ROOT) -> int:
    """The memory that this process takes now, without the pages of files that are mapped into it.

    All resident memory where the system does not tell the two apart.
    """
    # Not RssShmem either: that is what is mapped of files on a disk in memory (tmpfs).
    anonymous = read_status(root).get("RssAnon")
    return resident_bytes(root) if anonymous is None else anonymous


def resident_bytes(root: Path = ROOT) -> int:
    """The memory that this process takes now, pages of files and all.

    The most it has taken where there is no ``/proc``.
    """
    fields = " ".join(read_lines(root / "proc/self/statm")).split()
    if len(fields) > 1 and fields[1].isdecimal():
        return int(fields[1]) * os.sysconf("SC_PAGE_SIZE")
    return peak_bytes(root)


def peak_bytes(root: Path = ROOT) -> int:
    """The most memory, pages of files and all, that this process has taken; 0 if not known."""
    status = read_status(root)
    if "VmHWM" in status:
        return status["VmHWM"]
    try:
        import resource
    except ModuleNotFoundError:
        return 0  # Windows
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


def read_status(root: Path = ROOT) -> dict[str, int]:
    """The sizes, in bytes, that Linux gives of this process under their names there.

    See ``man 5 proc_pid_status``.
    """
    sizes = {}
    for line in read_lines(root / "proc/self/status"):
        name, _, value = line.partition(":")
        number, _, unit = value.strip().partition(" ")
        if unit == "kB" and number.isdecimal():
            sizes[name] = int(number) * 1024
    return sizes


class MemoryGuard:
    """Gives memory back when it is nearly used up; one for the whole process."""

    def __init__(self, limit: int | None) -> None:
        """Watch over a limit in bytes; None: there is nothing to do."""
        self.limit = limit
        self._lock = Lock()
        self._last = -PAUSE_SECONDS
        self._tidied = -TIDY_SECONDS

    def give_back_if_short(self, *caches: Shrinkable) -> bool:
        """Halve these caches and give memory back if it is nearly used up; whether it was.

        To be called before something large is computed; costs 0.1 ms where there is enough.
        """
        if self.limit is None or taken_bytes() < NEAR * self.limit:
            return False
        # Whoever comes while another is at it has nothing to add.
        if not self._lock.acquire(blocking=False):
            return False
        try:
            if monotonic() - self._last < PAUSE_SECONDS:
                return False
            for cache in caches:
                cache.shrink_to(cache.used_bytes // 2)
            give_back()
            self._last = monotonic()
            return True
        finally:
            self._lock.release()

    def tidy(self) -> None:
        """Hand free pages to the system now and then: forward passes leave 150 MB in pieces."""
        now = monotonic()
        if now - self._tidied >= TIDY_SECONDS:
            self._tidied = now
            trim()


def give_back() -> None:
    """Collect garbage, and hand what is free to the system."""
    gc.collect()
    trim()


def trim() -> None:
    """Hand the allocator's free pages to the system where it is glibc; takes 20 ms."""
    library = glibc()
    if library is not None:
        library.malloc_trim(0)


def limit_malloc_arenas() -> bool:
    """Let all threads share two of glibc's heaps; whether it was told so. To be called first.

    Streamlit runs every script in a thread of its own, and glibc gives threads up to eight heaps a
    core, each with holes of its own. ``MALLOC_ARENA_MAX=2`` in the environment does the same.
    """
    library = glibc()
    return library is not None and bool(library.mallopt(M_ARENA_MAX, ARENAS))


def glibc() -> ctypes.CDLL | None:
    """The C library, if it is glibc."""
    if not sys.platform.startswith("linux"):
        return None
    library = ctypes.CDLL(None)
    return library if hasattr(library, "gnu_get_libc_version") else None
