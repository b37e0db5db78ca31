"""Networks that the page can show: ImageNet's, an untrained one, and the host's own files."""

import os
import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from vgg_viz.downloads.fetching import expanded
from vgg_viz.option import Option, by_name

# Name of an option below, or of a host's or viewer's own network.
NetworkChoice = str

NETWORKS: Mapping[NetworkChoice, Option] = by_name(
    Option("imagenet", "ImageNet"),
    Option("untrained", "Untrained"),
)

# Values of ``network`` that Google's and Microsoft's advertisements add to links; no names here.
ADVERTISED = ("g", "s", "d", "u", "x", "yt", "ytv", "vp", "gtv", "o", "a")
RESERVED = (*NETWORKS, *ADVERTISED)

NETWORKS_VARIABLE = "VGG_VIZ_NETWORKS"
ENDINGS = (".keras", ".h5", ".hdf5")
MOST_LETTERS = 40  # of an own network's name
FORBIDDEN = "<>/\\"
JOINERS = "\u200c\u200d"  # invisible letters that Persian, Hindi and emoji are spelled with


def own_files(environment: Mapping[str, str] = os.environ) -> dict[NetworkChoice, Path]:
    """Return the files of the host's own networks by name.

    ``VGG_VIZ_NETWORKS`` holds folders, files or ``name=file``, joined by ``os.pathsep``.
    """
    found: dict[NetworkChoice, Path] = {}
    for name, path in _named_files(environment.get(NETWORKS_VARIABLE, "")):
        found[free_name(name, found)] = path
    return found


def free_name(
    name: str,
    taken: Collection[str],
    *,
    reserved: Collection[str] = RESERVED,
    unnamed: str = "network",
) -> str:
    """Return a name for links and lists, numbered if it is taken or reserved.

    >>> free_name("ImageNet", []), free_name("birds/2", ["birds2"]), free_name("G", [])
    ('ImageNet 2', 'birds2 2', 'G 2')
    """
    name = clean_name(name) or unnamed
    used = {one.casefold() for one in (*taken, *reserved)}
    numbered = (f"{name} {number}" for number in range(2, len(used) + 3))
    return next(one for one in (name, *numbered) if one.casefold() not in used)


def clean_name(name: str) -> str:
    """Return a name without the characters that an own network's cannot have, and shortened."""
    letters = (one for one in name if one.isprintable() or one in JOINERS)
    cleaned, ends = "".join(one for one in letters if one not in FORBIDDEN), f" {JOINERS}"
    return cleaned.strip(ends)[:MOST_LETTERS].strip(ends)


def name_of(file: str) -> str:
    """Return a file's name without its ending.

    >>> name_of("birds.weights.h5"), name_of("birds.v2.keras")
    ('birds', 'birds.v2')
    """
    return re.sub(r"(\.weights)?\.[^.]+$", "", file)


def _named_files(setting: str) -> Iterator[tuple[str, Path]]:
    for part in filter(None, setting.split(os.pathsep)):
        name, equals, text = part.partition("=")
        path = expanded(text if equals else part)
        if path is None:
            continue
        try:
            # A SavedModel is a folder; it is refused by its name, rather than read as an empty one.
            is_network = not path.is_dir() or (path / "saved_model.pb").exists()
            files = [path] if is_network else sorted(path.iterdir())
        except OSError:  # of a folder that may not be read; the page then says so of its name
            files = [path]
        if files == [path]:
            yield name if equals else name_of(path.name), path
            continue
        for file in files:
            if file.suffix in ENDINGS and not file.name.startswith(".") and file.is_file():
                yield name_of(file.name), file
