"""Command line of the benchmark; prints its table and writes it to ``build/bench.md``."""

import argparse
import os
import platform
import sys
from collections.abc import Iterator
from importlib.metadata import version

from tests.bench import attributing, experimenting, optimizing, own_networks, pictures, predicting
from tests.bench.measure import QUICK, Effort, NotRun, Row, table
from tests.support import REPOSITORY

TARGET = REPOSITORY / "build" / "bench.md"
PACKAGES = ("tensorflow", "keras", "streamlit", "matplotlib", "numpy")


def main() -> int:
    """Run all measurements; return exit status 1 if one failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="only check that everything runs")
    effort = QUICK if parser.parse_args().quick else Effort()
    rows = []
    for row in measure(effort):
        print(f"{row.what}: {row.ours}", file=sys.stderr)
        rows.append(row)
    warning = "**Quick run: it only shows that everything runs. Do not use its figures.**\n\n"
    text = f"{warning if effort is QUICK else ''}{machine()}\n\n{table(rows)}\n"
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_text(text)
    print(text)
    return int(any(row.failed for row in rows))


def measure(effort: Effort) -> Iterator[Row]:
    """Yield the rows of all measurements."""
    yield from pictures.rows(effort)
    yield from predicting.rows(effort)
    yield from optimizing.rows(effort)
    yield from attributing.rows(effort)
    yield from experimenting.rows(effort)
    yield from own_networks.rows(effort)
    try:
        from tests.bench import moves, visits
        from tests.bench.environment import open_environment

        with open_environment() as environment:
            yield from moves.rows(environment, effort)
            yield from visits.rows(environment, effort)
    except (NotRun, ModuleNotFoundError) as reason:
        yield Row("Everything in a browser", f"not run: {reason}")


def machine() -> str:
    """Return a line about the machine and the method."""
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    python = platform.python_version()
    return (
        f"{platform.system()} {platform.machine()}, {cores} cores, Python {python}, {packages}. "
        "Times are medians, with the minimum and maximum. Within a row, measurements alternate."
    )


if __name__ == "__main__":
    sys.exit(main())
