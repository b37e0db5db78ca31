"""A host's own pictures, which join the samples: the image files of one folder.

The folder is read once. Files are told by their endings or first bytes here, and by their content
when they are decoded, as carefully as uploads (`vgg_viz.image_io`).
"""

import logging
import os
import re
import unicodedata
from collections.abc import Mapping
from functools import lru_cache
from itertools import islice
from pathlib import Path

from vgg_viz.downloads.fetching import expanded
from vgg_viz.fields import PICTURES
from vgg_viz.image_io.file_formats import format_of
from vgg_viz.image_io.limits import MAX_BYTES, MAX_MEGABYTES
from vgg_viz.model.networks import free_name
from vgg_viz.samples import PictureFile

VARIABLE = "VGG_VIZ_PICTURES"
ENDINGS = (
    *(".jpg", ".jpeg", ".png", ".webp", ".avif", ".heic", ".heif", ".gif", ".bmp"),
    *(".tif", ".tiff"),
)
MOST_PICTURES = 20
MEGABYTES_TOGETHER = 200
MOST_ENTRIES = 10_000  # of the folder that are looked at
FIRST_BYTES = 256
MOST_NAMED = 3  # files in a line of the log
TITLE_LETTERS = 24

log = logging.getLogger(__name__)


def host_files(environment: Mapping[str, str] = os.environ) -> Mapping[str, PictureFile]:
    """Return the files of the folder that ``VGG_VIZ_PICTURES`` names, by their names in links."""
    folder = expanded(environment.get(VARIABLE, "").strip())
    return files_of(folder) if folder else {}


@lru_cache(maxsize=4)
def files_of(folder: Path) -> Mapping[str, PictureFile]:
    """Return the picture files of a folder by name; the log names those that are left out."""
    reserved = [text for one in PICTURES.values() for text in (one.name, one.label, *one.old)]
    files: dict[str, PictureFile] = {}
    for path in accepted_paths(folder):
        stem = unicodedata.normalize("NFC", path.stem)
        titles = {one.title: None for one in files.values()}
        name = free_name(stem, files, reserved=reserved, unnamed="picture")
        title = free_name(title_of(name), titles, reserved=reserved, unnamed="picture")
        files[name] = PictureFile(path.resolve(), title, title, name)
    return files


def title_of(name: str) -> str:
    """Return a title on the page for the name of a file.

    >>> title_of("my-first_photo"), title_of("IMG_2034")
    ('My first photo', 'IMG 2034')
    """
    words = re.sub(r"[\s_-]+", " ", name).strip()[:TITLE_LETTERS].strip()
    return words[:1].upper() + words[1:]


def accepted_paths(folder: Path) -> list[Path]:
    """Return the paths of a folder's pictures that are within the bounds, sorted by name."""
    accepted: list[Path] = []
    left_out: dict[str, list[str]] = {}
    room = MEGABYTES_TOGETHER * 2**20
    for path in image_paths(folder):
        if len(accepted) == MOST_PICTURES:
            problem = f"beyond the first {MOST_PICTURES}"
        else:
            problem = problem_of(path, folder, room)
        if problem:
            left_out.setdefault(problem, []).append(path.name)
        else:
            accepted.append(path)
            room -= path.stat().st_size
    for problem, names in left_out.items():
        more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
        named = ", ".join(f"{name:.60}" for name in names[:MOST_NAMED])
        log.warning("%s: left out %r%s: %s", VARIABLE, named, more, problem)
    return accepted


def problem_of(path: Path, folder: Path, room: int) -> str:
    """Return why a file is left out of a folder with so many bytes of room; empty if it is not."""
    try:
        if not path.resolve(strict=True).is_relative_to(folder.resolve()):
            return "a link out of the folder"
        if not path.is_file():
            return "no file"
        size = path.stat().st_size
    except (OSError, RuntimeError) as error:  # RuntimeError: a link to itself
        return f"{type(error).__name__}"
    if size > MAX_BYTES:
        return f"larger than {MAX_MEGABYTES} MB"
    return f"more than {MEGABYTES_TOGETHER} MB together" if size > room else ""


def image_paths(folder: Path) -> list[Path]:
    """Return the paths of image files in a folder, sorted, without hidden ones."""
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in islice(entries, MOST_ENTRIES)]
    except OSError as error:
        log.warning("%s: could not read the folder: %s", VARIABLE, error)
        return []
    paths = [folder / name for name in sorted(names) if name[:1] != "."]
    return [one for one in paths if one.name.casefold().endswith(ENDINGS) or begins_as_image(one)]


def begins_as_image(path: Path) -> bool:
    """Return whether a file of any ending, or none, has the first bytes of an image."""
    try:
        if not path.is_file():
            return False
        with path.open("rb") as file:
            return format_of(file.read(FIRST_BYTES)) is not None
    except OSError:
        return False


def read(file: PictureFile) -> bytes:
    """Return a file's content, or its beginning if it is larger than an image file may be."""
    with file.path.open("rb") as opened:
        return opened.read(MAX_BYTES + 1)
