"""Files that Keras distributes: known by their MD5, found where Keras keeps them, or fetched there.

Nothing heavy is imported with this module: pooch comes with the first download.
"""

import hashlib
import logging
import math
import os
import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from vgg_viz.downloads.fetching import (
    DownloadError,
    ProgressCallback,
    StorageError,
    download,
    private_folder,
)
from vgg_viz.downloads.temporary_directories import forget, kept_bytes

# Where Keras has its weights (keras/src/applications/vgg19.py), and where it had them first.
ADDRESSES = (
    "https://storage.googleapis.com/tensorflow/keras-applications/vgg19/",
    "https://github.com/fchollet/deep-learning-models/releases/download/v0.1/",
)

KERAS_VARIABLE = "KERAS_HOME"

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class KerasFile:
    """A file that Keras distributes: its name, how to know it, and its size in bytes.

    ``mirror`` is the environment variable in which a host names an address of its own for it, if
    there is one, and ``folders`` are the addresses that it is below, if not those of the weights.
    """

    name: str
    md5: str
    size: int
    mirror: str = ""
    folders: tuple[str, ...] = ()

    def addresses(self, environment: Mapping[str, str]) -> tuple[str, ...]:
        """Where it is to be had: from the host's own address alone, if there is one."""
        own = environment.get(self.mirror)
        return (own,) if own else tuple(f"{url}{self.name}" for url in self.folders or ADDRESSES)

    def by_hand(self, environment: Mapping[str, str]) -> str:
        """How somebody brings it to the server who has it from elsewhere, in words."""
        return f"Put the file {self.name} ({megabytes(self.size)} MB) into {_where(environment)}."


# Names and MD5s as in keras/src/applications/vgg19.py.
NOTOP = KerasFile(
    "vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5",
    "253f8cb515780f3b799900260a226db6",
    80_134_624,
    "VGG_VIZ_WEIGHTS_URL",
)
FULL = KerasFile(
    "vgg19_weights_tf_dim_ordering_tf_kernels.h5",
    "cbe5617147190e668d6c5d5026f83318",
    574_710_816,
    "VGG_VIZ_FULL_WEIGHTS_URL",
)
KERAS_FILES = (NOTOP, FULL)


class FileUnavailable(Exception):
    """A file could not be had; ``attempts`` says in a sentence each what was tried and failed.

    The sentences are for visitors: they name no folder of the server's. That stands in the log.
    """

    def __init__(self, attempts: Sequence[str]) -> None:
        super().__init__(" ".join(attempts))
        self.attempts = tuple(attempts)


@dataclass(frozen=True)
class Seal:
    """A file as it was: the MD5 of its contents, and what the system changes with these.

    ``stamp`` holds device, inode, size and the times of change: equal stamps, equal contents.
    """

    md5: str
    stamp: tuple[int, ...]


@dataclass(frozen=True)
class FoundFile:
    """A file of Keras on this disk, and what it was like when it was found."""

    path: Path
    seal: Seal


@dataclass(frozen=True)
class Offer:
    """What it would take to fetch a file, for whoever is to decide that.

    ``place`` says in words where it would go, empty if there is no such folder; ``free_bytes`` how
    much room there is, and ``kept_bytes`` how much of the file an earlier attempt has left there.
    """

    file: KerasFile
    place: str
    free_bytes: int
    kept_bytes: int

    @property
    def fits(self) -> bool:
        """Whether the disk has room for what is to come of it."""
        return bool(self.place) and self.free_bytes >= self.file.size - self.kept_bytes

    @property
    def sentence(self) -> str:
        """All of it, for a visitor; no folder of the server's is named."""
        if not self.place:
            return _nowhere(self.file)
        free = f"{math.floor(self.free_bytes / 1e6):,} MB"
        room = f"{free} are free" if self.fits else f"only {free} are free, which is too little"
        words = f"{self.file.name} ({megabytes(self.file.size)} MB) goes to {self.place}, where"
        kept = f" {megabytes(self.kept_bytes)} MB of it have come already." * bool(self.kept_bytes)
        return f"{words} {room}.{kept}"


def folders(environment: Mapping[str, str]) -> tuple[Path, ...]:
    """Where files may be stored: the cache folder of Keras, then one of our own."""
    return tuple(folder for folder, _ in _places(environment))


def find(files: Sequence[KerasFile], where: Sequence[Path]) -> FoundFile:
    """The first of these files that is in the first of these folders; the MD5 says which it is.

    One whose MD5 differs may be a download that was broken off.

    Raises:
        FileUnavailable: there is none; no attempts if there is nothing under their names either.
    """
    attempts = []
    for folder, file in product(where, files):
        path = folder / file.name
        try:
            seal = seal_of(path)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            attempts.append(_noted(f"{file.name} could not be read: {error.strerror}.", path))
            continue
        if seal.md5 == file.md5:
            forget(folder, file.name)
            return FoundFile(path, seal)
        sentence = f"{file.name} was not taken: expected the MD5 {file.md5}, got {seal.md5}."
        attempts.append(_noted(sentence, path))
    raise FileUnavailable(attempts)


def fetch(
    file: KerasFile,
    environment: Mapping[str, str],
    on_progress: ProgressCallback | None = None,
    *,
    resumable: bool = False,
) -> FoundFile:
    """A file of Keras, downloaded to the first folder that takes it.

    Args:
        file: which.
        environment: the environment variables.
        on_progress: called with the bytes received and the bytes expected.
        resumable: whether what has come is kept if this fails, and room is looked for before.

    Raises:
        FileUnavailable: it did not come, or could be stored nowhere.
    """
    urls = file.addresses(environment)
    attempts: list[str] = []
    for folder in folders(environment):
        try:
            path = download(
                urls,
                folder,
                file.name,
                md5=file.md5,
                on_progress=on_progress,
                max_bytes=file.size,
                resumable_bytes=file.size if resumable else None,
            )
            return find([file], [path.parent])
        except StorageError as error:
            attempts += error.sentences
        except DownloadError as error:
            attempts += error.sentences
            break
    raise FileUnavailable(list(dict.fromkeys(attempts)) or [_nowhere(file)])


def offer(file: KerasFile, environment: Mapping[str, str]) -> Offer:
    """What it would take to fetch that file: into the first folder that has room for it.

    If none has, the one with the most is told of.
    """
    offers = [
        Offer(file, words, free_bytes(folder), kept_bytes(folder, file.name))
        for folder, words in _places(environment)
    ] or [Offer(file, "", 0, 0)]
    fitting = [candidate for candidate in offers if candidate.fits]
    return fitting[0] if fitting else max(offers, key=lambda candidate: candidate.free_bytes)


def free_bytes(folder: Path) -> int:
    """How much may be stored in a folder, which need not be there yet; 0 if it is not ours."""
    there = next((place for place in (folder, *folder.parents) if place.exists()), folder)
    try:
        return shutil.disk_usage(there).free if os.access(there, os.W_OK | os.X_OK) else 0
    except OSError:
        return 0


def seal_of(path: Path) -> Seal:
    """The file as it is now; all of it is read."""
    with path.open("rb") as file:
        stamp = stamp_of(os.fstat(file.fileno()))
        md5 = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
    return Seal(md5, stamp)


def stamp_of(found: os.stat_result) -> tuple[int, ...]:
    """What the system changes with a file's contents."""
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def megabytes(size: int) -> str:
    """Bytes in whole millions."""
    return f"{size / 1e6:,.0f}"


def _places(environment: Mapping[str, str]) -> list[tuple[Path, str]]:
    """The folders that files may be stored in, and what visitors are told of each."""
    places = []
    # In a container, a user may have no home.
    with suppress(RuntimeError):
        keras = Path(environment.get(KERAS_VARIABLE) or "~/.keras").expanduser()
        places.append((keras / "models", _where(environment)))
    with suppress(StorageError):
        places.append((private_folder(), "a folder of its own among the server's temporary files"))
    return places


def _where(environment: Mapping[str, str]) -> str:
    """Which folder is Keras', in words."""
    if environment.get(KERAS_VARIABLE):
        return f"the folder models in the one that {KERAS_VARIABLE} names on the server"
    return "the folder .keras/models in the home folder of the server's user"


def _nowhere(file: KerasFile) -> str:
    return f"There is no folder on the server that {file.name} could be stored in."


def _noted(sentence: str, path: Path) -> str:
    """A sentence for visitors, once the log has it with the file's path."""
    _log.warning("%s (%s)", sentence, path)
    return sentence
