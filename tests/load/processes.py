"""What the server's processes take: memory and processor time, from Linux' /proc."""

import os
from pathlib import Path

PROC = Path("/proc")
TICKS = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100


def descendants(ancestor: int) -> list[int]:
    """The ids of all processes that this one has started, and of those that they have."""
    parents = {}
    for folder in PROC.glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has just ended
        parents[int(folder.name)] = int(fields[1])
    found = [ancestor]
    for one in found:
        found += [child for child, parent in parents.items() if parent == one]
    return found[1:]


def memory(ids: list[int], what: str = "VmRSS") -> int:
    """The resident memory of these processes in bytes; ``VmHWM`` for the most that it has been."""
    return sum(read_status(PROC / str(one) / "status", what) for one in ids)


def read_status(file: Path, what: str) -> int:
    """One line of a process' status, in bytes; 0 if it has ended."""
    try:
        lines = file.read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{what}:"))


def processor_seconds(ids: list[int]) -> float:
    """The processor time that these processes have taken."""
    return sum(_processor_seconds(PROC / str(one) / "stat") for one in ids)


def _processor_seconds(file: Path) -> float:
    try:
        fields = file.read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / TICKS
