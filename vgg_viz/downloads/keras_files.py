"""Files that Keras distributes (weights, class names): found on the disk by MD5, or downloaded."""

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
from vgg_viz.downloads.temporary_directories import partial_bytes, remove_partial

# Current host of Keras' weights (keras/src/applications/vgg19.py), then the original one.
ADDRESSES = (
    "https://storage.googleapis.com/tensorflow/keras-applications/vgg19/",
    "https://github.com/fchollet/deep-learning-models/releases/download/v0.1/",
)

KERAS_VARIABLE = "KERAS_HOME"

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class KerasFile:
    """A file that Keras distributes, with its MD5, size and addresses.

    name: file name in Keras' cache folder.
    md5: MD5 of the file's content, 32 hexadecimal digits.
    size: size in bytes.
    mirror: environment variable that may hold another address of the file; empty if there is none.
    folders: base URLs of the file; if empty, those of the VGG19 weights (``ADDRESSES``).
    """

    name: str
    md5: str
    size: int
    mirror: str = ""
    folders: tuple[str, ...] = ()

    def addresses(self, environment: Mapping[str, str]) -> tuple[str, ...]:
        """Return the file's URLs, or only its mirror's URL if the environment sets one."""
        mirror = environment.get(self.mirror)
        return (
            (mirror,) if mirror else tuple(f"{url}{self.name}" for url in self.folders or ADDRESSES)
        )

    def manual_instructions(self, environment: Mapping[str, str]) -> str:
        """Return a sentence that tells where to put the file if it is downloaded by hand."""
        size, folder = megabytes(self.size), _keras_folder(environment)
        return f"Put the file {self.name} ({size} MB) into {folder}."


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
    """Raised when a file was not found and could not be downloaded; ``attempts`` holds the reasons.

    ``attempts`` holds a sentence for each attempt. Viewers see them, so they name no folder on the
    server; the log does.
    """

    def __init__(self, attempts: Sequence[str]) -> None:
        super().__init__(" ".join(attempts))
        self.attempts = tuple(attempts)


@dataclass(frozen=True)
class Fingerprint:
    """MD5 of a file's content, and a stamp that changes when the file does.

    ``stamp`` holds device, inode, size and modification times: equal stamps mean equal contents.
    """

    md5: str
    stamp: tuple[int, ...]


@dataclass(frozen=True)
class FoundFile:
    """Path of a file on the disk, and the file's fingerprint when it was found."""

    path: Path
    fingerprint: Fingerprint


@dataclass(frozen=True)
class DownloadOffer:
    """Offer to download a file, which the viewer may accept: its destination and free disk space.

    file: the file to download.
    destination: description of the folder to store it in; empty if there is no such folder.
    free_bytes: free disk space in the folder, in bytes.
    partial_bytes: bytes of the file that an earlier download has left in the folder.
    """

    file: KerasFile
    destination: str
    free_bytes: int
    partial_bytes: int

    @property
    def fits(self) -> bool:
        """Whether the destination's disk has room for the rest of the file."""
        return bool(self.destination) and self.free_bytes >= self.file.size - self.partial_bytes

    @property
    def description(self) -> str:
        """File, destination and free space in one or two sentences for viewers, without a path."""
        if not self.destination:
            return _no_folder(self.file)
        size, free = megabytes(self.file.size), f"{math.floor(self.free_bytes / 1e6):,}"
        room = f"{free} MB are free" if self.fits else f"only {free} MB are free: not enough"
        partial = f" {megabytes(self.partial_bytes)} MB are there already."
        sentence = f"{self.file.name} ({size} MB) is stored in {self.destination}, where {room}."
        return sentence + partial * bool(self.partial_bytes)


def folders(environment: Mapping[str, str]) -> tuple[Path, ...]:
    """Return the folders for downloads: Keras' cache folder, then a private temporary one."""
    return tuple(folder for folder, _ in _destinations(environment))


def find(files: Sequence[KerasFile], folders: Sequence[Path]) -> FoundFile:
    """Return the first file on the disk that has the right name and MD5.

    Args:
        files: Files to look for, in order of preference; one is enough.
        folders: Folders to search, one after another.

    Raises:
        FileUnavailable: No folder holds one of the files. ``attempts`` is empty if there is no file
            of these names; a file with another MD5 may be an incomplete download.
    """
    attempts = []
    for folder, file in product(folders, files):
        path = folder / file.name
        try:
            fingerprint = fingerprint_of(path)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            attempts.append(_logged(f"Could not read {file.name}: {error.strerror}.", path))
            continue
        if fingerprint.md5 == file.md5:
            remove_partial(folder, file.name)
            return FoundFile(path, fingerprint)
        sentence = f"Could not use {file.name}: expected MD5 {file.md5}, got {fingerprint.md5}."
        attempts.append(_logged(sentence, path))
    raise FileUnavailable(attempts)


def fetch(
    file: KerasFile,
    environment: Mapping[str, str],
    on_progress: ProgressCallback | None = None,
    *,
    resumable: bool = False,
) -> FoundFile:
    """Download a file that Keras distributes, to the first folder where it can be stored.

    Args:
        file: The file to download.
        environment: The environment variables.
        on_progress: Called with the bytes received and the bytes expected.
        resumable: Whether a failed download is kept and resumed; also checks the disk space first.

    Raises:
        FileUnavailable: The download failed, or the file cannot be stored in any folder.
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
    raise FileUnavailable(list(dict.fromkeys(attempts)) or [_no_folder(file)])


def offer_download(file: KerasFile, environment: Mapping[str, str]) -> DownloadOffer:
    """Return an offer to download a file to the first folder whose disk has enough free space.

    If no disk has enough, the offer names the folder with the most free space.
    """
    offers = [
        DownloadOffer(file, description, free_bytes(folder), partial_bytes(folder, file.name))
        for folder, description in _destinations(environment)
    ] or [DownloadOffer(file, "", 0, 0)]
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
    with path.open("rb") as file:
        stamp = stamp_of(os.fstat(file.fileno()))
        md5 = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
    return Fingerprint(md5, stamp)


def stamp_of(status: os.stat_result) -> tuple[int, ...]:
    """Return a stamp that changes when a file does: device, inode, size and modification times.

    ``status`` is the file's ``os.stat`` result.
    """
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def megabytes(size: int) -> str:
    """Format a number of bytes as whole megabytes, without the unit.

    >>> megabytes(1_574_710_816)
    '1,575'
    """
    return f"{size / 1e6:,.0f}"


def _destinations(environment: Mapping[str, str]) -> list[tuple[Path, str]]:
    """Return the folders for downloads, each with a description that tells viewers no path."""
    destinations = []
    # A container's user may have no home folder.
    with suppress(RuntimeError):
        keras = Path(environment.get(KERAS_VARIABLE) or "~/.keras").expanduser()
        destinations.append((keras / "models", _keras_folder(environment)))
    with suppress(StorageError):
        destinations.append((private_folder(), "the server's temporary folder"))
    return destinations


def _keras_folder(environment: Mapping[str, str]) -> str:
    base = f"${KERAS_VARIABLE}" if environment.get(KERAS_VARIABLE) else "~/.keras"
    return f"the server's folder {base}/models"


def _no_folder(file: KerasFile) -> str:
    return f"Could not find a folder on the server to store {file.name} in."


def _logged(sentence: str, path: Path) -> str:
    """Log a sentence for viewers together with a file's path, and return the sentence."""
    _log.warning("%s (%s)", sentence, path)
    return sentence
