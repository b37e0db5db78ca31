"""Files that Keras distributes (weights, class names): found on the disk by MD5, or downloaded."""

import hashlib
import logging
import math
import os
import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from vgg_viz.downloads.fetching import (
    FileUnavailable,
    ProgressCallback,
    StorageError,
    download,
    partial_bytes,
    partial_of,
    private_folder,
)

# Current host of Keras' weights (keras/src/applications/vgg19.py), then the original one.
ADDRESSES = (
    "https://storage.googleapis.com/tensorflow/keras-applications/vgg19/",
    "https://github.com/fchollet/deep-learning-models/releases/download/v0.1/",
)

KERAS_VARIABLE = "KERAS_HOME"

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class KerasFile:
    """A file that Keras distributes, with its MD5, size in bytes and addresses.

    mirror: environment variable that may hold another address of the file; empty if there is none.
    folders: base URLs of the file.
    """

    name: str
    md5: str
    size: int
    mirror: str = ""
    folders: tuple[str, ...] = ADDRESSES

    def addresses(self, environment: Mapping[str, str]) -> list[str]:
        """Return the file's URLs, or only its mirror's URL if the environment sets one."""
        mirror = environment.get(self.mirror)
        return [mirror] if mirror else [f"{url}{self.name}" for url in self.folders]

    def manual_instructions(self, environment: Mapping[str, str]) -> str:
        """Return a sentence that tells where to put the file if it is downloaded by hand."""
        return f"Put the file {self} into {_keras_folder(environment)}."

    def __str__(self) -> str:
        return f"{self.name} ({self.size / 1e6:,.0f} MB)"


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


class Fingerprint(NamedTuple):
    """MD5 of a file's content, and the stamp of the file that had it; see `stamp_of`."""

    md5: str
    stamp: tuple[int, ...]


class FoundFile(NamedTuple):
    """Path of a file on the disk, and the file's fingerprint when it was found."""

    path: Path
    fingerprint: Fingerprint


class DownloadOffer(NamedTuple):
    """Offer to store a file in a folder, of which an earlier download has left some bytes there.

    place: description of the folder that tells viewers no path.
    """

    file: KerasFile
    folder: Path
    place: str
    free_bytes: int
    partial_bytes: int

    @property
    def missing_bytes(self) -> int:
        """Bytes of the file that are still to be received."""
        return self.file.size - self.partial_bytes

    @property
    def fits(self) -> bool:
        """Whether the folder's disk has room for the rest of the file."""
        return self.free_bytes >= self.missing_bytes

    @property
    def description(self) -> str:
        """File, destination and free space in one or two sentences for viewers."""
        if not self.place:
            return _no_folder(self.file)
        room = f"{math.floor(self.free_bytes / 1e6):,} MB are free"
        room = room if self.fits else f"only {room}: not enough"
        partial = f" {self.partial_bytes / 1e6:,.0f} MB are there already."
        sentence = f"{self.file} is stored in {self.place}, where {room}."
        return sentence + partial * bool(self.partial_bytes)


def path_setting(environment: Mapping[str, str], variable: str, default: str = "") -> Path | None:
    """Return the path that an environment variable holds, with ``~`` expanded, or the default.

    ``None`` if both are empty, or if the user has no home folder, as in some containers.
    """
    with suppress(RuntimeError):
        if path := environment.get(variable) or default:
            return Path(path).expanduser()
    return None


def folders(environment: Mapping[str, str]) -> tuple[Path, ...]:
    """Return the folders for downloads: Keras' cache folder, then a private temporary one."""
    return tuple(_destinations(environment))


def find(files: Sequence[KerasFile], folders: Sequence[Path]) -> FoundFile:
    """Return the first file on the disk that has the name and MD5 of one of these files.

    Raises:
        FileUnavailable: No folder holds one of the files. ``attempts`` is empty if there is no file
            of these names; a file with another MD5 may be an incomplete download.
    """
    attempts = []
    for path, file in ((folder / file.name, file) for folder in folders for file in files):
        try:
            fingerprint = fingerprint_of(path)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            sentence = f"Could not read {file.name}: {error.strerror}."
        else:
            if fingerprint.md5 == file.md5:
                with suppress(OSError):
                    partial_of(path).unlink()  # the file was added by hand
                return FoundFile(path, fingerprint)
            sentence = f"Could not use {file.name}: expected MD5 {file.md5}, got {fingerprint.md5}."
        _log.warning("%s (%s)", sentence, path)
        attempts.append(sentence)
    raise FileUnavailable(*attempts)


def fetch(
    file: KerasFile, environment: Mapping[str, str], on_progress: ProgressCallback | None = None
) -> FoundFile:
    """Download a file that Keras distributes, to the first folder where it can be stored.

    ``on_progress`` is called with the bytes received and the bytes expected.

    Raises:
        FileUnavailable: The download failed, or the file cannot be stored in any folder.
    """
    attempts: list[str] = []
    for offer in _offers(file, environment):
        if offer.free_bytes and not offer.fits:
            missing, free = math.ceil(offer.missing_bytes / 1e6), math.floor(offer.free_bytes / 1e6)
            attempts.append(
                f"Could not store {file.name} on the server: it needs {missing:,} MB, but only "
                f"{free:,} MB are free."
            )
            continue
        try:
            urls = file.addresses(environment)
            download(
                urls,
                offer.folder,
                file.name,
                md5=file.md5,
                on_progress=on_progress,
                max_bytes=file.size,
            )
            return find([file], [offer.folder])
        except FileUnavailable as error:
            attempts += error.attempts
            if not isinstance(error, StorageError):
                break
    raise FileUnavailable(*(dict.fromkeys(attempts) or [_no_folder(file)]))


def offer_download(file: KerasFile, environment: Mapping[str, str]) -> DownloadOffer:
    """Return an offer to download a file to the first folder whose disk has enough free space.

    If no disk has enough, the offer names the folder with the most free space.
    """
    offers = _offers(file, environment) or [DownloadOffer(file, Path(), "", 0, 0)]
    fitting = [offer for offer in offers if offer.fits]
    return fitting[0] if fitting else max(offers, key=lambda offer: offer.free_bytes)


def free_bytes(folder: Path) -> int:
    """Return the free disk space for a folder in bytes; 0 if the folder is not writable.

    For a folder that does not exist yet, its first existing parent counts.
    """
    existing = next((path for path in (folder, *folder.parents) if path.exists()), folder)
    try:
        return shutil.disk_usage(existing).free if os.access(existing, os.W_OK | os.X_OK) else 0
    except OSError:
        return 0


def fingerprint_of(path: Path) -> Fingerprint:
    """Read a file to its end and return its fingerprint."""
    stamp = stamp_of(path)  # first: if the file changes meanwhile, its stamp differs later
    with path.open("rb") as file:
        md5 = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
    return Fingerprint(md5, stamp)


def stamp_of(path: Path) -> tuple[int, ...]:
    """Return device, inode, size and modification times: a stamp that changes when a file does."""
    status = path.stat()
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _offers(file: KerasFile, environment: Mapping[str, str]) -> list[DownloadOffer]:
    return [
        DownloadOffer(file, folder, place, free_bytes(folder), partial_bytes(folder / file.name))
        for folder, place in _destinations(environment).items()
    ]


def _destinations(environment: Mapping[str, str]) -> dict[Path, str]:
    """Return the folders for downloads, each with a description that tells viewers no path."""
    destinations = {}
    if keras := path_setting(environment, KERAS_VARIABLE, "~/.keras"):
        destinations[keras / "models"] = _keras_folder(environment)
    with suppress(StorageError):
        destinations[private_folder()] = "the server's temporary folder"
    return destinations


def _keras_folder(environment: Mapping[str, str]) -> str:
    base = f"${KERAS_VARIABLE}" if environment.get(KERAS_VARIABLE) else "~/.keras"
    return f"the server's folder {base}/models"


def _no_folder(file: KerasFile) -> str:
    return f"Could not find a folder on the server to store {file.name} in."
