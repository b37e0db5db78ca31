"""Memory and processor time of the server's processes, from Linux' /proc."""

import os
from pathlib import Path

PROC = Path("/proc")
TICKS = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100


def descendants(ancestor: int) -> list[int]:
    """Return the ids of all child processes, and of their children."""
    parents = {}
    for folder in PROC.glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue  # the process has just ended
        parents[int(folder.name)] = int(fields[1])
    found = [ancestor]
    for one in found:
        found += [child for child, parent in parents.items() if parent == one]
    return found[1:]


def memory(ids: list[int], field: str = "VmRSS") -> int:
    """Return the resident memory of these processes in bytes; its peak with ``VmHWM``."""
    return sum(read_status(PROC / str(one) / "status", field) for one in ids)


def read_status(file: Path, field: str) -> int:
    """Return one field of a process's status in bytes; 0 if the process has ended."""
    try:
        lines = file.read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{field}:"))


def processor_seconds(ids: list[int]) -> float:
    """Return the processor time of these processes."""
    return sum(_processor_seconds(PROC / str(one) / "stat") for one in ids)


def _processor_seconds(file: Path) -> float:
    try:
        fields = file.read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / TICKS
