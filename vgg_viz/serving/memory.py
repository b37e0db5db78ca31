"""Memory limit of the process: sizes of the caches, and measures when memory is short.

Python, TensorFlow and the network take a fixed amount of memory. The caches take what the limit
leaves, within these bounds (1 MB = 1,000,000 bytes):

    what                                     at most               at least
    computed maps and statistics             VALUES   117 MB       34 MB: one image's maps at the
                                                                   ends of all blocks
    mosaics, finished and before coloring    DRAWN     50 MB        4 MB: one page
    decoded images                           PICTURES  16 MB        2 MB: six images
    all caches                                        184 MB       40 MB

One image's maps in all 16 layers take 59 MB and its block inputs 6 MB more, so an image that all
viewers share is computed once. Complete layers' filters, 80 MB together, are not cached.

Streamlit's memory per viewer comes on top: 0.3 MB for the session, and until they are decoded,
uploaded files of 100 MB at most, or one of the host's largest size. Up to 20 images uploaded
together then take 6 MB at most. For reloads, those of viewers who have left are kept, 32 MB at most
(`kept_uploads`). A host's own pictures take up to 12 MB (`gallery`).

`WORKING_BYTES`, the memory that a server needs besides its caches, follows from measurements of
`make load` (docs/performance.md): 854 MB after one viewer's first maps, and at most 1,441 MB with
60 viewers, each with an image of their own. Two malloc arenas for all threads
(`limit_malloc_arenas`), and returning free pages to the system once a second (`trim`), keep it from
growing.

Optimizing images takes up to 140 MB more while it runs, measured with `make bench`. Finished images
are among the cached values.

Of the 854 MB, 409 are mapped files: TensorFlow's libraries. The kernel can drop their pages, like
those of a mapped weights file, when memory is short. So `taken_bytes`, which is compared with the
limit, leaves them out.
"""

from __future__ import annotations

import ctypes
import gc
import logging
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from threading import Lock
from time import monotonic
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from vgg_viz.serving.cache import Cache
    from vgg_viz.serving.kept_uploads import KeptUploads

VARIABLE = "VGG_VIZ_MEMORY_MB"
MEGABYTE = 10**6

WORKING_BYTES = 1000 * MEGABYTE  # Python, TensorFlow, the network and one forward pass
NEAR = 0.85  # fraction of the limit above which the app frees memory
PAUSE_SECONDS = 5.0  # between two attempts, each of which takes a tenth of a second
TIDY_SECONDS = 1.0  # between two calls of `trim`, each of which takes 20 ms

ROOT = Path("/")
CGROUP_FILES = ("memory.max", "memory.high", "memory.limit_in_bytes")
M_ARENA_MAX = -8  # from malloc.h
ARENAS = 2

log = logging.getLogger(__name__)


class Budgets(NamedTuple):
    """Sizes of the three caches in bytes: computed values, drawn mosaics, decoded images."""

    values: int
    drawn: int
    pictures: int


MOST = Budgets(values=112 * 2**20, drawn=48 * 2**20, pictures=16 * MEGABYTE)
LEAST = Budgets(values=32 * 2**20, drawn=4 * 2**20, pictures=2 * MEGABYTE)


def cache_bytes(limit: int | None) -> Budgets:
    """Return the caches' sizes for a process with a memory limit in bytes; None for no limit.

    >>> cache_bytes(None) == MOST
    True
    """
    if limit is None:
        return MOST
    spare = NEAR * limit - WORKING_BYTES
    share = min(1.0, max(0.0, (spare - sum(LEAST)) / (sum(MOST) - sum(LEAST))))
    pairs = zip(LEAST, MOST, strict=True)
    return Budgets(*(least + int(share * (most - least)) for least, most in pairs))


def limit_bytes(environment: Mapping[str, str] = os.environ, root: Path = ROOT) -> int | None:
    """Return the memory limit of this process in bytes; None if it is not known, as on macOS.

    The environment variable ``VGG_VIZ_MEMORY_MB`` sets it. Otherwise it is the smallest of the
    control groups' limits and the machine's memory. ``root`` is the folder of ``proc`` and ``sys``.
    """
    setting = environment.get(VARIABLE, "").strip()
    if setting:
        # Six digits are a terabyte. Python refuses to parse thousands of digits.
        if setting.isascii() and setting.isdigit() and len(setting) <= 6 and int(setting) > 0:
            return int(setting) * MEGABYTE
        log.warning(
            "%s: expected a number of megabytes, got %.40r; ignored the setting", VARIABLE, setting
        )
    machine = read_fields(root / "proc/meminfo").get("MemTotal")
    limits = [machine] if machine else []
    # A group without a limit has "max" or a number larger than any memory.
    limits += [limit for limit in cgroup_limits(root) if not machine or limit < machine]
    return min(limits, default=None)


def cgroup_limits(root: Path = ROOT) -> Iterator[int]:
    """Yield the memory limits, in bytes, of this process's Linux control group and of its parents.

    Reads version 2 (one hierarchy) and 1 (one hierarchy per controller); see ``man 7 cgroups``.
    """
    mounted = root / "sys/fs/cgroup"
    for line in read_lines(root / "proc/self/cgroup"):
        number, controllers, path = [*line.split(":", 2), "", ""][:3]
        if number != "0" and "memory" not in controllers.split(","):
            continue
        top = mounted if number == "0" else mounted / "memory"
        group = top / path.lstrip("/")
        # In a container, the path may be the host's while the group is mounted at the top.
        for folder in {top, group, *(part for part in group.parents if top in part.parents)}:
            for name in CGROUP_FILES:
                text = "".join(read_lines(folder / name)).strip()
                if text.isascii() and text.isdigit() and len(text) < 20 and int(text):
                    yield int(text)


def read_lines(file: Path) -> list[str]:
    """Return the lines of a small text file, or an empty list if it cannot be read."""
    try:
        return file.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []


def read_fields(file: Path) -> dict[str, int]:
    """Return the entries in kB of a file such as ``/proc/self/status``, by name, in bytes."""
    fields = {}
    for line in read_lines(file):
        name, _, value = line.partition(":")
        number, _, unit = value.strip().partition(" ")
        if unit == "kB" and number.isdecimal():
            fields[name] = int(number) * 1024
    return fields


def taken_bytes(root: Path = ROOT) -> int:
    """Return this process's resident memory in bytes, without memory-mapped files.

    Where Linux does not report mapped files separately, return all resident memory.
    """
    # RssShmem is left out too: it counts files mapped from a memory disk (tmpfs).
    return read_fields(root / "proc/self/status").get("RssAnon") or resident_bytes(root)


def resident_bytes(root: Path = ROOT) -> int:
    """Return this process's resident memory in bytes; 0 on systems other than Linux."""
    return read_fields(root / "proc/self/status").get("VmRSS", 0)


def peak_bytes(root: Path = ROOT) -> int:
    """Return this process's peak resident memory in bytes; 0 on systems other than Linux."""
    return read_fields(root / "proc/self/status").get("VmHWM", 0)


class MemoryGuard:
    """Guard that evicts cached values when the process nears its memory limit; thread-safe."""

    def __init__(self, limit: int | None) -> None:
        """Guard a memory limit in bytes; with None, there is no limit and nothing is evicted."""
        self.limit = limit
        self._lock = Lock()
        self._last = -PAUSE_SECONDS
        self._tidied = -TIDY_SECONDS

    def free_if_short(self, *caches: Cache | KeptUploads) -> bool:
        """Halve the given caches and free memory if it is short; return whether that was done.

        Call it before a large computation. With enough memory it takes 0.1 ms.
        """
        if self.limit is None or taken_bytes() < NEAR * self.limit:
            return False
        with self._lock:
            if monotonic() - self._last < PAUSE_SECONDS:
                return False
            for cache in caches:
                cache.shrink_to(cache.used_bytes // 2)
            gc.collect()
            trim()
            self._last = monotonic()
            return True

    def has_room(self, size: int) -> bool:
        """Return whether so many bytes more would leave enough memory."""
        return self.limit is None or taken_bytes() + size < NEAR * self.limit

    def tidy(self) -> None:
        """Return unused memory to the system, at most once every `TIDY_SECONDS`.

        Forward passes leave 150 MB of it.
        """
        now = monotonic()
        if now - self._tidied >= TIDY_SECONDS:
            self._tidied = now
            trim()


def trim() -> None:
    """Return memory that glibc's allocator no longer uses to the system; takes 20 ms."""
    library = glibc()
    if library is not None:
        library.malloc_trim(0)


def limit_malloc_arenas() -> bool:
    """Let all threads share two malloc arenas; return whether glibc accepted the limit.

    Call it at startup, before anything else. Streamlit runs every script in a new thread, and glibc
    creates up to eight arenas per core, each with its own fragmentation. ``MALLOC_ARENA_MAX=2`` in
    the environment does the same.
    """
    library = glibc()
    return library is not None and bool(library.mallopt(M_ARENA_MAX, ARENAS))


def glibc() -> ctypes.CDLL | None:
    """Return the C library if it is glibc, else None."""
    if not sys.platform.startswith("linux"):
        return None
    library = ctypes.CDLL(None)
    return library if hasattr(library, "gnu_get_libc_version") else None
