"""Print the benchmark's table and write it to ``build/bench.md``."""

import argparse
import os
import platform
import sys
from collections.abc import Iterator
from importlib.metadata import version

from tests.bench import answers, attributing, making, pictures
from tests.bench.measure import QUICK, Effort, NotRun, Row, table
from tests.support import REPOSITORY

TARGET = REPOSITORY / "build" / "bench.md"
PACKAGES = ("tensorflow", "keras", "streamlit", "matplotlib", "numpy")


def main() -> int:
    """Run it all; the exit status is 1 if something failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="only prove that everything runs")
    effort = QUICK if parser.parse_args().quick else Effort()
    rows = []
    for row in measured(effort):
        print(f"{row.what}: {row.ours}", file=sys.stderr)
        rows.append(row)
    warning = "**Quick: this only proves that everything runs; its figures mean nothing.**\n\n"
    text = f"{warning if effort is QUICK else ''}{machine()}\n\n{table(rows)}\n"
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_text(text)
    print(text)
    return int(any(row.failed for row in rows))


def measured(effort: Effort) -> Iterator[Row]:
    """All rows, one after the other."""
    yield from pictures.rows(effort)
    yield from answers.rows(effort)
    yield from making.rows(effort)
    yield from attributing.rows(effort)
    try:
        from tests.bench import moves, visits
        from tests.bench.place import open_place

        with open_place() as place:
            yield from moves.rows(place, effort)
            yield from visits.rows(place, effort)
    except (NotRun, ModuleNotFoundError) as reason:
        yield Row("Everything in a browser", f"not run: {reason}")


def machine() -> str:
    """What it was measured on, as a line."""
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    python = platform.python_version()
    return (
        f"{platform.system()} {platform.machine()}, {cores} cores, Python {python}, {packages}. "
        "Times are medians, with the quickest and the slowest; within a row all ways took turns."
    )


if __name__ == "__main__":
    sys.exit(main())
