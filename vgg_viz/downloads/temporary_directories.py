"""Locked temporary directories for downloads, next to the target file.

A process that downloads a file locks its temporary directory; the operating system releases the
lock when the process ends. An unlocked directory is therefore left over from a killed download: it
is removed, or resumed if it holds a partial download. No clock or process number is needed.
"""

import os
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import sleep
from typing import BinaryIO

try:
    import fcntl
except ImportError:  # Windows has no flock; leftovers stay there
    fcntl = None  # type: ignore[assignment]

PREFIX = "vgg_viz-download-"
RESUMABLE_PREFIX = f"{PREFIX}of-"  # then the file's name; names by mkdtemp hold no hyphen
LOCK = "lock"
PARTIAL = "partial"

POLL_SECONDS = 0.2  # between two checks of another process's download


@contextmanager
def temporary_directory(folder: Path) -> Iterator[Path]:
    """Create a locked temporary directory in ``folder``; remove it when the ``with`` block ends."""
    directory, lock = _create_locked(folder)
    try:
        yield directory
    finally:
        lock.close()
        shutil.rmtree(directory, ignore_errors=True)


@contextmanager
def resumable_directory(
    folder: Path, file_name: str, on_waiting: Callable[[int], None]
) -> Iterator[Path]:
    """Lock the temporary directory for downloads of one file, after waiting for other processes.

    Use it in a ``with`` block. The directory stays if it holds a partial download when the block
    ends, or if the process is killed. On file systems without locks, it is an ordinary
    `temporary_directory`.

    Args:
        folder: Folder of the target file.
        file_name: Name of the target file.
        on_waiting: Called repeatedly while another process downloads, with the bytes received.
    """
    if not _has_locks(folder):
        with temporary_directory(folder) as directory:
            yield directory
        return
    directory = folder / f"{RESUMABLE_PREFIX}{file_name}"
    with _lock_resumable(directory, on_waiting):
        try:
            _keep_partial_only(directory)
            yield directory
        finally:
            with suppress(OSError):
                if not partial_size(directory):
                    _remove(directory)


def partial_size(directory: Path) -> int:
    """Return the size in bytes of a temporary directory's partial download; 0 if there is none."""
    try:
        return (directory / PARTIAL).stat().st_size
    except OSError:
        return 0


def partial_bytes(folder: Path, file_name: str) -> int:
    """Return the bytes received by an unfinished download of ``folder / file_name``; 0 if none."""
    return partial_size(folder / f"{RESUMABLE_PREFIX}{file_name}")


def remove_leftovers(folder: Path) -> None:
    """Remove the temporary directories that killed downloads have left in ``folder``.

    Partial downloads that can be resumed stay. So do directories that are locked or cannot be
    removed.
    """
    with suppress(OSError):
        for directory in folder.glob(f"{PREFIX}*"):
            with suppress(OSError):
                if not (directory.name.startswith(RESUMABLE_PREFIX) and _holds_data(directory)):
                    _remove_if_unlocked(directory)


def remove_partial(folder: Path, file_name: str) -> None:
    """Remove the leftover partial download of ``folder / file_name``, which is complete by now."""
    with suppress(OSError):
        _remove_if_unlocked(folder / f"{RESUMABLE_PREFIX}{file_name}")


def _remove_if_unlocked(directory: Path) -> None:
    if fcntl is None:
        return
    with (directory / LOCK).open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if _is_lock_of(lock, directory):
            _remove(directory)


def _remove(directory: Path) -> None:
    """Remove a temporary directory that this process has locked."""
    if directory.name.startswith(RESUMABLE_PREFIX):
        # Rename first: another process may create it again before its last file is gone.
        directory = directory.rename(directory.with_name(f"{PREFIX}{secrets.token_hex(4)}"))
    shutil.rmtree(directory)


def _keep_partial_only(directory: Path) -> None:
    """Remove all files of a temporary directory but the lock and the partial download.

    A process that was killed after the last byte may have left the download under another name: a
    file larger than the partial download replaces it.
    """
    for path in directory.iterdir():
        if path.name not in (LOCK, PARTIAL):
            if path.stat().st_size > partial_size(directory):
                path.replace(directory / PARTIAL)
            else:
                path.unlink()


def _holds_data(directory: Path) -> bool:
    return any(path.stat().st_size for path in directory.iterdir())


def _has_locks(folder: Path) -> bool:
    """Return whether files in a folder can be locked, which depends on its file system."""
    if fcntl is None:
        return False
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _create_locked(folder: Path) -> tuple[Path, BinaryIO]:
    """Create a temporary directory in ``folder`` and lock it; return it with its open lock file."""
    while True:
        directory = Path(tempfile.mkdtemp(prefix=PREFIX, dir=folder))
        try:
            lock = _lock(directory)
        except OSError:
            shutil.rmtree(directory, ignore_errors=True)
            raise
        if lock:
            return directory, lock


def _lock_resumable(directory: Path, on_waiting: Callable[[int], None]) -> BinaryIO:
    """Create a temporary directory if necessary, wait for its lock and return the open lock file.

    ``on_waiting`` is called repeatedly while another process holds the lock, with the bytes that
    this process has received.
    """
    while True:
        # Not mkdir(exist_ok=True): it fails if another process removes the directory meanwhile.
        with suppress(FileExistsError):
            directory.mkdir(mode=0o700)
        if lock := _lock(directory):
            return lock
        on_waiting(partial_size(directory))
        sleep(POLL_SECONDS)


def _lock(directory: Path) -> BinaryIO | None:
    """Lock a temporary directory and return its open lock file; closing the file releases the lock.

    Returns ``None`` if another process has locked the directory or has just removed it.
    """
    try:
        lock = (directory / LOCK).open("ab")
    except FileNotFoundError:
        return None
    try:
        if fcntl is not None:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        locked = _is_lock_of(lock, directory)
    except BlockingIOError:
        locked = False
    except OSError:  # a file system without locks, where leftovers are never removed
        locked = True
    if locked:
        return lock
    lock.close()
    return None


def _is_lock_of(lock: BinaryIO, directory: Path) -> bool:
    """Return whether an open lock file belongs to the directory that exists now.

    It may belong to a removed directory of the same name.
    """
    try:
        return os.path.samestat(os.fstat(lock.fileno()), (directory / LOCK).stat())
    except FileNotFoundError:
        return False
