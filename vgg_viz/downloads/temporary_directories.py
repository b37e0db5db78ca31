"""Where downloads are put together: folders of their own, beside where the files are to stand.

A workplace is locked as long as its process lives. The system takes the lock back with the
process, so that whoever comes later knows, whatever clocks and process numbers say, which
workplaces nobody is in: most are strays then, to be removed, and some are to be gone on with.
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
except ImportError:  # Windows has no such locks: there, strays are left alone
    fcntl = None  # type: ignore[assignment]

WORKPLACE = "vgg_viz-download-"
KEPT = f"{WORKPLACE}of-"  # before a file's name: mkdtemp puts no hyphens into those of the others
LOCK = "lock"
PARTIAL = "partial"

LOOK_SECONDS = 0.2  # how often somebody who waits for another's download looks at it


@contextmanager
def new_workplace(folder: Path) -> Iterator[Path]:
    """A new folder in that folder for one download, locked meanwhile and removed at its end."""
    workplace, lock = _claim(folder)
    try:
        yield workplace
    finally:
        lock.close()
        shutil.rmtree(workplace, ignore_errors=True)


@contextmanager
def kept_workplace(
    folder: Path, file_name: str, on_waiting: Callable[[int], None]
) -> Iterator[Path]:
    """The folder in that folder where the file of that name is put together, by one at a time.

    It stays, until the next who wants the file, if something has been gathered in it under the
    name `PARTIAL` and is still there at the end; so it does if the process is killed. Where there
    are no locks it is a new one, and removed at its end.

    Args:
        folder: where the file is to stand.
        file_name: its name there.
        on_waiting: called now and then, while another gathers it, with how many bytes there are.
    """
    if not _has_locks(folder):
        with new_workplace(folder) as workplace:
            yield workplace
        return
    workplace = folder / f"{KEPT}{file_name}"
    with _claim_kept(workplace, on_waiting):
        try:
            _take_up(workplace)
            yield workplace
        finally:
            with suppress(OSError):
                if not gathered(workplace):
                    _remove(workplace)


def gathered(workplace: Path) -> int:
    """How many bytes have been gathered in a workplace."""
    try:
        return (workplace / PARTIAL).stat().st_size
    except OSError:
        return 0


def kept_bytes(folder: Path, file_name: str) -> int:
    """How much of the file of that name need not come again."""
    return gathered(folder / f"{KEPT}{file_name}")


def remove_strays(folder: Path) -> None:
    """Remove what downloads to that folder have left whose process was killed.

    Not what the next download of the same file goes on with, and not what is locked, since
    somebody is at it. What cannot be removed is left.
    """
    with suppress(OSError):
        for workplace in folder.glob(f"{WORKPLACE}*"):
            with suppress(OSError):
                if not (workplace.name.startswith(KEPT) and _holds_something(workplace)):
                    _remove_if_free(workplace)


def forget(folder: Path, file_name: str) -> None:
    """Remove what has been kept of the file of that name, which is there by now."""
    with suppress(OSError):
        _remove_if_free(folder / f"{KEPT}{file_name}")


def _remove_if_free(workplace: Path) -> None:
    if fcntl is None:
        return
    with (workplace / LOCK).open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if _is_at(lock, workplace):
            _remove(workplace)


def _remove(workplace: Path) -> None:
    """Remove a workplace that this process has locked."""
    if workplace.name.startswith(KEPT):
        # Out of the way at once: somebody may make it anew before the last file is gone.
        workplace = workplace.rename(workplace.with_name(f"{WORKPLACE}{secrets.token_hex(4)}"))
    shutil.rmtree(workplace)


def _take_up(workplace: Path) -> None:
    """Leave in a workplace what has been gathered, and nothing else of who was killed there.

    Who was killed when all had come may have left it under another name.
    """
    for left in workplace.iterdir():
        if left.name not in (LOCK, PARTIAL):
            if left.stat().st_size > gathered(workplace):
                left.replace(workplace / PARTIAL)
            else:
                left.unlink()


def _holds_something(workplace: Path) -> bool:
    return any(path.stat().st_size for path in workplace.iterdir())


def _has_locks(folder: Path) -> bool:
    """Whether files in that folder can be locked."""
    if fcntl is None:
        return False
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _claim(folder: Path) -> tuple[Path, BinaryIO]:
    """Make a workplace and lock it; return both."""
    while True:
        workplace = Path(tempfile.mkdtemp(prefix=WORKPLACE, dir=folder))
        try:
            lock = _lock(workplace)
        except OSError:
            shutil.rmtree(workplace, ignore_errors=True)
            raise
        if lock:
            return workplace, lock


def _claim_kept(workplace: Path, on_waiting: Callable[[int], None]) -> BinaryIO:
    """Make a workplace, if need be, and lock it once nobody else has it."""
    while True:
        # What is there may go at any moment, which `exist_ok` takes for something else being there.
        with suppress(FileExistsError):
            workplace.mkdir(mode=0o700)
        if lock := _lock(workplace):
            return lock
        on_waiting(gathered(workplace))
        sleep(LOOK_SECONDS)


def _lock(workplace: Path) -> BinaryIO | None:
    """Lock a workplace; None if another has it, or has removed it in the moment before."""
    try:
        lock = (workplace / LOCK).open("ab")
    except FileNotFoundError:
        return None
    try:
        if fcntl is not None:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        ours = _is_at(lock, workplace)
    except BlockingIOError:
        ours = False
    except OSError:  # a file system without locks, where nothing can be taken for a stray
        ours = True
    if ours:
        return lock
    lock.close()
    return None


def _is_at(lock: BinaryIO, workplace: Path) -> bool:
    """Whether that is the lock of this workplace, and not of one that was there before."""
    try:
        return os.path.samestat(os.fstat(lock.fileno()), (workplace / LOCK).stat())
    except FileNotFoundError:
        return False
