"""Downloads from listed addresses: the file is stored complete and checked by MD5, or not at all.

``NAME.part`` next to the file receives the bytes. It stays when a download fails or its process is
killed, and the next download resumes it. One process at a time downloads a file; the others wait
for its lock, which the system releases when a process ends (https://py-filelock.readthedocs.io).
filelock and requests are imported at first use.
"""

import errno
import hashlib
import logging
import os
import re
import ssl
import stat
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, sleep
from typing import BinaryIO

from vgg_viz.downloads.file_kinds import recognize

ProgressCallback = Callable[[int, int | None], None]

TRIES = 3  # of each address
CHUNK_BYTES = 64 * 1024
# A try ends after so long at so few bytes per second on average: 575 MB would take 16 hours.
PATIENCE_SECONDS, SLOWEST_BYTES_PER_SECOND = 60.0, 10_000
POLL_SECONDS = 0.2  # between two checks of another process's download

_log = logging.getLogger(__name__)


class FileUnavailable(Exception):
    """Raised when a file was not found or could not be downloaded.

    ``attempts`` holds a sentence for each attempt. Viewers see them, so they name no folder on the
    server; the log does.
    """

    def __init__(self, *attempts: str) -> None:
        super().__init__(" ".join(attempts))
        self.attempts = attempts


class StorageError(FileUnavailable):
    """Raised when a file cannot be stored in a folder; storing it in another folder may work."""


class _RejectedError(ValueError):
    """Raised when a server's response is rejected; the message ends a sentence for viewers."""


def download(
    urls: Sequence[str],
    folder: Path,
    file_name: str,
    *,
    md5: str | None,
    on_progress: ProgressCallback | None = None,
    timeout: tuple[float, float] = (10.0, 30.0),
    max_bytes: int | None = None,
) -> Path:
    """Download a file from the first address that sends it, and return its path.

    A file that exists is kept, without a request, if its MD5 matches or no MD5 is given. Without an
    MD5 nothing is resumed, and redirects are rejected. ``timeout``: seconds to wait for the
    connection, and for each further piece of data. ``on_progress`` is called with the bytes
    received and expected (``None`` if unknown), also while another process downloads the file; its
    exceptions end the download or the wait.

    Raises a `StorageError` if the folder is not writable or the disk is full, a `FileUnavailable`
    if no address sent the expected file.
    """
    target = folder / file_name
    transfer = _Transfer(target, md5, max_bytes, on_progress, timeout)

    def report_waiting() -> bool:
        if on_progress and (received := partial_bytes(target)):
            on_progress(received, max_bytes)
        return False  # go on waiting

    try:
        folder.mkdir(parents=True, exist_ok=True)
        with locked(target, report_waiting):
            if not (target.exists() and md5 in (None, md5_of(target))):
                transfer.try_in_turn([*urls] * TRIES)
    except OSError as error:
        sentence = f"Could not store {file_name} on the server: {error.strerror}."
        raise _logged(StorageError(sentence), folder, error) from error
    return target


def expanded(path: str | None) -> Path | None:
    """Return a path with ``~`` replaced by the user's folder; None for none or an empty one."""
    with suppress(RuntimeError):  # the user has no home folder, as in some containers
        return Path(path).expanduser() if path else None
    return None


def md5_of(path: Path) -> str:
    """Return the MD5 of a file's content in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def content_of(path: Path, md5: str) -> str:
    """Return the kind of a file that holds no weights, if it is known, else its MD5."""
    kind = recognize(path)
    return kind.described if kind and not kind.weights else f"MD5 {md5}"


def partial_bytes(target: Path) -> int:
    """Return the bytes that an unfinished download of a file has received; 0 if there is none."""
    with suppress(OSError):
        return partial_of(target).stat().st_size
    return 0


def partial_of(target: Path) -> Path:
    """Return the path of a file's unfinished download."""
    return target.with_name(f"{target.name}.part")


@contextmanager
def locked(target: Path, is_canceled: Callable[[], bool] | None = None) -> Iterator[None]:
    """Hold the lock for writing a file; call ``is_canceled`` while another process holds it."""
    from filelock import FileLock

    path = target.with_name(f"{target.name}.lock")
    with FileLock(path).acquire(poll_interval=POLL_SECONDS, cancel_check=is_canceled):
        try:
            yield
        finally:
            # filelock notices a removed file and opens another; Windows keeps it while it is open.
            with suppress(OSError):
                path.unlink()


def private_folder() -> Path:
    """Return the current user's folder in the system's temporary directory; create it if needed.

    Every user of the machine can create folders there. So a folder of this name may belong to
    another user or be writable by others, and hold anything. It is rejected with a `StorageError`.
    """
    user = os.getuid() if hasattr(os, "getuid") else None
    try:
        folder = Path(tempfile.gettempdir()) / ("vgg_viz" if user is None else f"vgg_viz-{user}")
        folder.mkdir(0o700, parents=True, exist_ok=True)
        status = folder.lstat()
        others = user is not None and (status.st_uid != user or status.st_mode & 0o022)
        if others or not stat.S_ISDIR(status.st_mode):
            raise PermissionError(errno.EACCES, "other users can write to it", str(folder))
    except OSError as error:
        reason = os.strerror(error.errno or 0)  # the error itself may name folders
        sentence = f"Could not use a temporary folder on the server: {reason}."
        raise _logged(StorageError(sentence), tempfile.tempdir, error) from error
    return folder


@dataclass
class _Transfer:
    target: Path
    md5: str | None
    max_bytes: int | None
    on_progress: ProgressCallback | None
    timeout: tuple[float, float]

    def try_in_turn(self, addresses: Sequence[str]) -> None:
        """Download the file from the first address that sends it, and move it into place."""
        partial, reasons, failure = partial_of(self.target), dict[str, str](), None
        for number, address in enumerate(addresses):
            sleep(min(number, 10))
            try:
                self._receive(address, partial)
                partial.replace(self.target)
                return
            except (OSError, ValueError) as error:
                if isinstance(error, OSError) and error.errno:  # the system's, not the network's
                    partial.unlink(missing_ok=True)  # the disk may be full of this very file
                    raise
                reasons[_without_secrets(address)] = _reason(error)
                failure = error
            finally:
                if not (self.md5 and partial_bytes(self.target)):
                    partial.unlink(missing_ok=True)
        sentences = (
            f"Could not download {address} (tried {TRIES} times): {reason}."
            for address, reason in reasons.items()
        )
        raise _logged(FileUnavailable(*sentences), self.target.parent, failure) from failure

    def _receive(self, address: str, partial: Path) -> None:
        with partial.open("ab") as file:
            if not self.md5 or (self.max_bytes and file.tell() > self.max_bytes):
                file.truncate(file.seek(0))
            if file.tell() != self.max_bytes:  # else a process was killed after the last byte
                self._request(address, file)
        if self.md5 and (found := md5_of(partial)) != self.md5:
            got = content_of(partial, found)
            partial.unlink()  # the next try starts from the first byte
            raise _RejectedError(f"expected a file with MD5 {self.md5}, got {got}")

    def _request(self, address: str, file: BinaryIO) -> None:
        """Append the bytes that a file lacks; a server without ranges replaces its content."""
        import requests

        received = file.tell()
        resuming = {"Range": f"bytes={received}-"} if received else {}
        headers = {"Accept-Encoding": "identity", **resuming}
        with requests.get(
            address,
            headers=headers,
            timeout=self.timeout,
            stream=True,
            allow_redirects=self.md5 is not None,
            verify=_certificates(),
        ) as response:
            if response.status_code >= 300:
                raise _RejectedError(f"expected a file, got HTTP {response.status_code}")
            size = int(response.headers.get("Content-Length") or 0)
            if response.headers.get("Content-Encoding", "identity") != "identity":
                raise _RejectedError("expected a file as it is, got a compressed one")
            if not response.headers.get("Content-Range", "").startswith(f"bytes {received}-"):
                if 0 < size < received:
                    raise _RejectedError(f"expected a file, got a response of {size:,} bytes")
                file.truncate(received := file.seek(0))
            total = received + size if size else None
            if self.max_bytes and (total or 0) > self.max_bytes:
                raise _RejectedError(f"expected at most {self.max_bytes:,} bytes, got {total:,}")
            begun, before = perf_counter(), received
            for chunk in response.iter_content(CHUNK_BYTES):
                file.write(chunk)
                received += len(chunk)
                passed = perf_counter() - begun
                if passed > max(PATIENCE_SECONDS, (received - before) / SLOWEST_BYTES_PER_SECOND):
                    raise _RejectedError("the host sent less than 10 kB a second")
                if self.max_bytes and received > self.max_bytes:
                    raise _RejectedError(f"expected at most {self.max_bytes:,} bytes, got more")
                if self.on_progress:
                    self.on_progress(received, total)


def _certificates() -> str | bool:
    """Return the path of the host's certificates, or True for those that requests has."""
    path = expanded(os.environ.get("REQUESTS_CA_BUNDLE"))
    if path and path.exists() and not (path.is_file() or path.is_dir()):
        raise _RejectedError("expected certificates in REQUESTS_CA_BUNDLE, got a device or a pipe")
    return str(path) if path else True


def _reason(error: Exception) -> str:
    """Return why a try failed, worded to end a sentence for viewers."""
    from requests import exceptions

    *_, cause = causes = list(_causes(error))
    # Without the file names that the operating system adds.
    last = getattr(cause, "verify_message", "") or getattr(cause, "strerror", "") or str(cause)
    reasons = {
        _RejectedError: str(error),
        ssl.SSLCertVerificationError: f"could not verify the host's certificate ({last})",
        exceptions.ProxyError: f"could not connect through the proxy ({last})",
        TimeoutError: "the host sent nothing in time",
        ValueError: "expected an http or https address of a server that speaks HTTP",
        exceptions.ChunkedEncodingError: "the connection closed before all bytes arrived",
        exceptions.RequestException: f"could not reach the host ({last})",
        OSError: "see the log of the server",  # the error may name a file
    }
    return next(
        text for kind, text in reasons.items() if any(isinstance(cause, kind) for cause in causes)
    )


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an exception and its causes, down to the operating system's exception."""
    # Not ``__context__``, which may be an older exception that the caller was handling. requests
    # and urllib3 often pass the cause as an argument.
    while error is not None:
        yield error
        error = error.__cause__ or next((e for e in error.args if isinstance(e, Exception)), None)


def _logged(error: FileUnavailable, folder: object, details: object) -> FileUnavailable:
    """Return an error for viewers, after logging it with details that they must not see."""
    _log.warning("%s (%s: %s)", error, folder, details)
    return error


def _without_secrets(url: str) -> str:
    """Return a URL without user, query and fragment, or the last part of a path."""
    address = re.sub(r"//[^/]*@", "//", re.split(r"[?#]", url)[0])
    is_web = re.match(r"https?://", address, re.IGNORECASE)
    return address if is_web else re.split(r"[/\\]", address)[-1] or "The address"
