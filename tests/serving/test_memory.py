"""Memory limits of simulated systems, cache sizes, and freeing of memory."""

import logging
import os
import platform
import re
import subprocess
import sys
from pathlib import Path

import pytest

from vgg_viz.serving import memory
from vgg_viz.serving.memory import LEAST, MEGABYTE, MOST, MemoryGuard, cache_bytes, limit_bytes

GIBIBYTE = 2**30


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return root


MACHINE = {"proc/meminfo": "MemFree: 100 kB\nMemTotal:        8388608 kB\nBuffers: 1 kB\n"}
VERSION_2 = {"proc/self/cgroup": "0::/app/web\n"}
VERSION_1 = {"proc/self/cgroup": "7:cpu:/\n4:memory:/docker/1f\n0::/\n"}
GROUP, GROUP_1 = "sys/fs/cgroup/app/web/memory", "sys/fs/cgroup/memory"

# Files in the system's folders, and the limit in GiB.
MACHINES = {
    "memory of the machine": ({}, 8),
    "no limit, version 2": (VERSION_2 | {f"{GROUP}.max": "max\n"}, 8),
    "version 2": (VERSION_2 | {f"{GROUP}.max": "2147483648\n"}, 2),
    "version 2, high below max": (
        VERSION_2 | {f"{GROUP}.max": "2147483648\n", f"{GROUP}.high": "1073741824\n"},
        1,
    ),
    "version 2, the parent group has less": (
        VERSION_2
        | {f"{GROUP}.max": "2147483648\n", "sys/fs/cgroup/app/memory.max": "1073741824\n"},
        1,
    ),
    "version 2, the host's path in a container": (VERSION_2 | {f"{GROUP_1}.max": "1073741824"}, 1),
    "version 1": (
        VERSION_1 | {f"{GROUP_1}/docker/1f/memory.limit_in_bytes": "3221225472\n"},
        3,
    ),
    "no limit, version 1": (
        VERSION_1 | {f"{GROUP_1}/memory.limit_in_bytes": "9223372036854771712\n"},
        8,
    ),
}


@pytest.mark.parametrize(("files", "gibibytes"), MACHINES.values(), ids=MACHINES)
def test_the_limit_is_the_smallest_of_the_systems_limits(tmp_path, files, gibibytes):
    assert limit_bytes({}, write(tmp_path, MACHINE | files)) == gibibytes * GIBIBYTE


def test_limits_without_reports_or_by_the_variable(tmp_path):
    assert limit_bytes({}, tmp_path) is None
    assert memory.taken_bytes(tmp_path) == memory.peak_bytes(tmp_path) == 0
    assert limit_bytes({"VGG_VIZ_MEMORY_MB": " 1500 "}, write(tmp_path, MACHINE)) == 1500 * MEGABYTE


@pytest.mark.parametrize("text", ["many", "-5", "0", "1.5", "2700 MB", "٣", "9" * 5000])
def test_an_invalid_variable_is_ignored_with_a_warning(tmp_path, caplog, text):
    with caplog.at_level(logging.WARNING):
        assert limit_bytes({"VGG_VIZ_MEMORY_MB": text}, write(tmp_path, MACHINE)) == 8 * GIBIBYTE
    assert "VGG_VIZ_MEMORY_MB: expected a number of megabytes" in caplog.text
    assert len(caplog.text) < 300


@pytest.mark.skipif(sys.platform != "linux", reason="compares with Linux' getconf")
def test_this_machines_limit_is_at_most_its_memory():
    installed = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert 0 < limit_bytes({}) <= installed


def test_caches_have_their_full_size_with_enough_memory_and_room_for_one_view_with_little():
    assert cache_bytes(None) == cache_bytes(16 * GIBIBYTE) == MOST
    assert cache_bytes(1) == cache_bytes(500 * MEGABYTE) == LEAST
    ends_of_blocks = sum(64 * 2**n * (224 // 2**n) ** 2 * 4 for n in range(4)) + 512 * 14**2 * 4
    assert ends_of_blocks <= LEAST.values


def test_caches_grow_with_the_limit_and_stay_within_it():
    before = LEAST
    for limit in range(600 * MEGABYTE, 3000 * MEGABYTE, 50 * MEGABYTE):
        budgets = cache_bytes(limit)
        assert all(smaller <= larger for smaller, larger in zip(before, budgets, strict=True))
        if budgets not in (LEAST, MOST):
            room = memory.NEAR * limit - memory.WORKING_BYTES
            assert sum(budgets) <= max(room, sum(LEAST))
        before = budgets
    assert before == MOST


class Box:
    """A cache of single bytes."""

    def __init__(self, used_bytes: int) -> None:
        self.used_bytes = used_bytes

    def shrink_to(self, max_bytes: int) -> None:
        self.used_bytes = min(self.used_bytes, max_bytes)


def test_enough_memory_evicts_nothing():
    box = Box(100)
    assert not MemoryGuard(None).free_if_short(box)
    assert not MemoryGuard(2**60).free_if_short(box)
    assert box.used_bytes == 100


def test_near_the_limit_caches_are_halved_and_memory_freed_with_pauses(monkeypatch):
    now, freed = [1000.0], []
    monkeypatch.setattr(memory, "monotonic", lambda: now[0])
    monkeypatch.setattr(memory, "trim", lambda: freed.append(True))
    guard, boxes = MemoryGuard(memory.taken_bytes()), (Box(100), Box(30))
    assert guard.free_if_short(*boxes)
    assert not guard.free_if_short(*boxes)
    assert ([box.used_bytes for box in boxes], len(freed)) == ([50, 15], 1)
    now[0] += memory.PAUSE_SECONDS
    assert guard.free_if_short(*boxes)
    assert ([box.used_bytes for box in boxes], len(freed)) == ([25, 7], 2)


def test_a_failed_attempt_does_not_block_the_next(monkeypatch):
    monkeypatch.setattr(memory, "trim", lambda: 1 / 0)
    guard = MemoryGuard(1)
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            guard.free_if_short()


def test_unused_memory_is_returned_once_a_second(monkeypatch):
    now, trimmed, guard = [1000.0], [], MemoryGuard(None)
    monkeypatch.setattr(memory, "monotonic", lambda: now[0])
    monkeypatch.setattr(memory, "trim", lambda: trimmed.append(now[0]))
    for now[0] in (1000.0, 1000.5, 1001.0, 1001.9, 1002.5):
        guard.tidy()
    assert trimmed == [1000.0, 1001.0, 1002.5]


STATUS = "Name:\tpython\nVmHWM:\t 900 kB\nVmRSS:\t 800 kB\nRssFile:\t 500 kB\nThreads:\t9\n"


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (STATUS + "RssAnon:\t 200 kB\nRssShmem:\t 100 kB\n", 200),
        (STATUS, 800),
        (STATUS + "RssAnon:\t many kB\n", 800),
    ],
)
def test_mapped_files_are_excluded_if_reported_separately(tmp_path, status, expected):
    write(tmp_path, {"proc/self/status": status})
    assert memory.taken_bytes(tmp_path) == expected * 1024
    assert memory.resident_bytes(tmp_path) == 800 * 1024
    assert memory.peak_bytes(tmp_path) == 900 * 1024


@pytest.mark.skipif(platform.system() != "Linux", reason="the system does not report it")
def test_mapped_files_are_excluded_and_own_memory_is_counted(tmp_path):
    (tmp_path / "large").write_bytes(b"")
    os.truncate(tmp_path / "large", 300 * MEGABYTE)
    before, mapped, resident, filled, peak = printed_by(
        "import numpy as np\n"
        "print(memory.taken_bytes())\n"
        f"mapped = np.memmap({str(tmp_path / 'large')!r}, np.uint8, 'r')\n"
        "assert mapped[::4096].sum() == 0\n"
        "print(memory.taken_bytes(), memory.resident_bytes())\n"
        "own = np.ones(100 * memory.MEGABYTE, np.uint8)\n"
        "print(memory.taken_bytes(), memory.peak_bytes())\n"
    )
    assert resident - before > 290 * MEGABYTE  # the file was resident
    assert abs(mapped - before) < 5 * MEGABYTE
    assert 95 * MEGABYTE < filled - mapped < 110 * MEGABYTE
    assert peak > resident + 95 * MEGABYTE


GLIBC_ONLY = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc only")


def printed_by(program: str) -> list[int]:
    """Return the numbers that a program prints in a new Python with ``memory`` imported."""
    start = "from vgg_viz.serving import memory\n"
    done = subprocess.run(
        [sys.executable, "-c", start + program], capture_output=True, text=True, check=True
    )
    return [int(word) for word in done.stdout.split()]


@GLIBC_ONLY
def test_free_pages_between_small_objects_are_returned():
    full, rest = printed_by(
        "objects = [bytearray(50_000) for _ in range(2000)]\n"
        "print(memory.taken_bytes())\n"
        "objects = objects[::20]\n"
        "memory.gc.collect()\n"
        "memory.trim()\n"
        "print(memory.taken_bytes())\n"
    )
    assert full - rest > 70 * MEGABYTE


@GLIBC_ONLY
def test_threads_share_two_malloc_arenas():
    # An arena is a mapping of 64 MB of addresses.
    program = (
        "import threading\n"
        "LIMIT\n"
        "held, gate = [], threading.Barrier(9)\n"
        "def work():\n"
        "    gate.wait()\n"
        "    held.append(bytearray(100_000))\n"
        "    gate.wait()\n"
        "    gate.wait()\n"
        "threads = [threading.Thread(target=work) for _ in range(8)]\n"
        "[thread.start() for thread in threads]\n"
        "gate.wait(); gate.wait()\n"
        "lines = memory.read_lines(memory.ROOT / 'proc/self/status')\n"
        "print(next(line.split()[1] for line in lines if line.startswith('VmSize')))\n"
        "gate.wait()\n"
    )
    many = printed_by(program.replace("LIMIT", "pass"))[0]
    few = printed_by(program.replace("LIMIT", "assert memory.limit_malloc_arenas()"))[0]
    assert many - few > 5 * 64 * 1024


def test_the_docstrings_table_has_the_actual_bounds():
    rows = re.findall(r"(VALUES|DRAWN|PICTURES|all caches) +(\d+) MB +(\d+) MB", memory.__doc__)
    written = {name: (int(most), int(least)) for name, most, least in rows}
    bounds = zip(("VALUES", "DRAWN", "PICTURES"), zip(MOST, LEAST, strict=True), strict=True)
    for name, (most, least) in [*bounds, ("all caches", (sum(MOST), sum(LEAST)))]:
        assert written[name] == (round(most / 1e6), round(least / 1e6))
