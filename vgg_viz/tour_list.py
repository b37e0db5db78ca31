"""Tours that the page offers to every viewer: its own, and the files of the host's folder."""

import logging
import os
from collections.abc import Iterator, Mapping
from functools import lru_cache
from os.path import realpath
from pathlib import Path

from vgg_viz.downloads.fetching import expanded
from vgg_viz.fields import TOURS
from vgg_viz.languages import primary
from vgg_viz.model.networks import free_name
from vgg_viz.samples import ASSETS
from vgg_viz.tours import MOST_BYTES, Tour, TourError, parse

TOURS_VARIABLE = "VGG_VIZ_TOURS"
MOST_FILES = 50  # of the host's folder
WALKTHROUGH = next(iter(TOURS))

_log = logging.getLogger(__name__)


def built_in(name: str = WALKTHROUGH) -> Tour:
    """Return one of the page's own tours, by default the walkthrough."""
    return parse(_built_in_path(name).read_bytes())


def offered() -> Mapping[str, Tour]:
    """Return the tours by their names in links: the page's own, then the host's.

    ``VGG_VIZ_TOURS`` is a folder of tour files. It is read once; a file that is not a tour is left
    out, and the log says why.
    """
    return _offered(os.environ.get(TOURS_VARIABLE, ""))


def first_in(locale: str | None) -> str:
    """Return the name of the first tour in the language of a browser, else of the walkthrough."""
    language = primary(locale or "").lower()
    names = (name for name, tour in offered().items() if primary(tour.language) == language)
    return next(names, WALKTHROUGH)


@lru_cache(maxsize=1)
def _offered(folder: str) -> Mapping[str, Tour]:
    found: dict[str, Tour] = {}
    hosts = expanded(folder)
    for path in [*map(_built_in_path, TOURS), *(_files(hosts) if hosts else ())]:
        if tour := _read(path):
            found[free_name(path.stem, found, reserved=(), unnamed="tour")] = tour
    return found


def _files(folder: Path) -> Iterator[Path]:
    """Yield the tour files of the host's folder, in order of their names; no links out of it."""
    try:
        found = sorted(folder.iterdir())
    except (OSError, ValueError) as error:
        _log.warning("Could not read the folder of tours: %s", error)
        return
    found = [path for path in found if path.suffix == ".toml" and not path.name.startswith(".")]
    if len(found) > MOST_FILES:
        _log.warning("Read %d of the %d tours in the folder", MOST_FILES, len(found))
    for path in found[:MOST_FILES]:
        try:
            is_file = path.is_file()
        except OSError as error:  # of a folder whose list of files alone may be read
            _log.warning("Left out the tour %s: %s", path.name, error.strerror)
            continue
        if is_file and Path(realpath(path)).is_relative_to(realpath(folder)):
            yield path
        else:
            _log.warning("Left out the tour %s: expected a file in the folder itself", path.name)


def _built_in_path(name: str) -> Path:
    return ASSETS / "tours" / f"{name}.toml"


def _read(path: Path) -> Tour | None:
    try:
        with path.open("rb") as file:
            return parse(file.read(MOST_BYTES + 1))
    except TourError as error:
        _log.warning("Left out the tour %s: %s", path.name, error)
    except OSError as error:
        _log.warning("Left out the tour %s: %s", path.name, error.strerror)
    return None
