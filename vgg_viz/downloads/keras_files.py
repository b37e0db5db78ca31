"""Files that Keras distributes (weights, class names): found on the disk by MD5, or downloaded."""

import errno
import logging
import math
import os
import shutil
import stat
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import NamedTuple

from vgg_viz.downloads.fetching import (
    FileUnavailable,
    ProgressCallback,
    StorageError,
    content_of,
    download,
    expanded,
    md5_of,
    partial_bytes,
    partial_of,
    private_folder,
)

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class KerasFile:
    """A file that Keras distributes."""

    name: str
    md5: str
    size: int  # bytes
    folders: tuple[str, ...]  # its base URLs
    mirror: str = ""  # environment variable that may hold another address of the file

    @property
    def url(self) -> str:
        """First of the file's own URLs."""
        return f"{self.folders[0]}{self.name}"

    def addresses(self) -> list[str]:
        """Return the file's URLs, or only its mirror's URL if the environment sets one."""
        mirror = os.environ.get(self.mirror)
        return [mirror] if mirror else [f"{url}{self.name}" for url in self.folders]

    def command(self) -> str:
        """Return a command that downloads the file to Keras' folder; it tells viewers no path."""
        folder = "$KERAS_HOME" if os.environ.get("KERAS_HOME") else "~/.keras"
        return f"curl --create-dirs -Lo {folder}/models/{self.name} {self.url}"

    def __str__(self) -> str:
        return f"{self.name} ({self.size / 1e6:,.0f} MB)"


class DownloadOffer(NamedTuple):
    """Offer to store a file in a folder."""

    file: KerasFile
    folder: Path
    place: str  # description of the folder that tells viewers no path
    free_bytes: int  # of the folder's disk
    partial_bytes: int  # left there by an earlier download

    @property
    def fits(self) -> bool:
        """Whether the folder's disk has room for the rest of the file."""
        return self.free_bytes >= self.file.size - self.partial_bytes

    @property
    def description(self) -> str:
        """File, destination and free space in one or two sentences for viewers."""
        free = f"{math.floor(self.free_bytes / 1e6):,} MB are free"
        if not self.fits:
            return f"Could not store {self.file} in {self.place}, where only {free}."
        partial = f" {self.partial_bytes / 1e6:,.0f} MB are there already."
        sentence = f"{self.file} is stored in {self.place}, where {free}."
        return sentence + partial * bool(self.partial_bytes)


def folders() -> dict[Path, str]:
    """Return Keras' folder and a private temporary one, each with a description without a path."""
    base = "$KERAS_HOME" if os.environ.get("KERAS_HOME") else "~/.keras"
    # Without a home folder: a device, in which no file can be stored.
    keras = expanded(os.environ.get("KERAS_HOME") or "~/.keras") or Path(os.devnull)
    found = {keras / "models": f"the server's folder {base}/models"}
    with suppress(StorageError):
        found[private_folder()] = "the server's temporary folder"
    return found


def find(files: Sequence[KerasFile], folders: Iterable[Path]) -> tuple[Path, str]:
    """Return path and MD5 of the first file on the disk with name and MD5 of one of these files.

    Raises a `FileUnavailable` if there is none. Its ``attempts`` tell of files of these names that
    cannot be used; one with another MD5 may be an incomplete download.
    """
    attempts = []
    for path, file in ((folder / file.name, file) for folder in folders for file in files):
        try:
            md5 = fingerprint_of(path)
            if md5 == file.md5:
                with suppress(OSError):
                    partial_of(path).unlink()  # the file was added by hand
                return path, md5
            got = content_of(path, md5)
            reason = f"expected a file with MD5 {file.md5}, got {got}"
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            reason = str(error.strerror)
        sentence = f"Could not use {file.name}: {reason}."
        _log.warning("%s (%s)", sentence, path)
        attempts.append(sentence)
    raise FileUnavailable(*attempts)


def fetch(file: KerasFile, on_progress: ProgressCallback | None = None) -> tuple[Path, str]:
    """Download a file that Keras distributes, to the first folder where it can be stored.

    ``on_progress`` is called with the bytes received and expected. Raises a `FileUnavailable` if
    the download failed, or the file cannot be stored in any folder.
    """
    get = partial(download, md5=file.md5, on_progress=on_progress, max_bytes=file.size)
    attempts: list[str] = []
    for offer in offers(file):
        # Without free bytes, the folder may not be writable; trying says why.
        if offer.free_bytes and not offer.fits:
            attempts.append(offer.description)
            continue
        try:
            get(file.addresses(), offer.folder, file.name)
            return find([file], [offer.folder])
        except FileUnavailable as error:
            attempts += error.attempts
            if not isinstance(error, StorageError):
                break
    raise FileUnavailable(*dict.fromkeys(attempts))


def offers(file: KerasFile) -> list[DownloadOffer]:
    """Return an offer for each folder: first those with enough free space, then by free space."""
    found = [
        DownloadOffer(file, folder, place, free_bytes(folder), partial_bytes(folder / file.name))
        for folder, place in folders().items()
    ]
    return sorted(found, key=lambda offer: (not offer.fits, -offer.free_bytes * (not offer.fits)))


def free_bytes(folder: Path) -> int:
    """Return the free disk space for a folder in bytes; 0 if the folder is not writable.

    For a folder that does not exist yet, its first existing parent counts.
    """
    try:
        existing = next(path for path in (folder, *folder.parents) if path.exists())
        return shutil.disk_usage(existing).free if os.access(existing, os.W_OK | os.X_OK) else 0
    except OSError:  # of a folder in one that may not be searched, or of too long a name
        return 0


def regular_status(path: Path) -> os.stat_result:
    """Return the status of a file; raise an ``OSError`` for what could be read without end."""
    status = path.stat()
    if not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)):
        raise OSError(errno.EINVAL, "expected a file, got a device or a pipe", str(path))
    return status


def fingerprint_of(path: Path) -> str:
    """Return the MD5 of a file's content; read the file to its end only if it has changed."""
    status = regular_status(path)  # first: if the file changes meanwhile, it differs later
    stamp = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    return _md5_at(path, stamp)


@lru_cache(maxsize=16)
def _md5_at(path: Path, _stamp: tuple[int, ...]) -> str:
    return md5_of(path)
