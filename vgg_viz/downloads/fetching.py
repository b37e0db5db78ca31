"""Downloads from listed addresses: the file is stored complete and checked by MD5, or not at all.

``NAME.part`` next to the file receives the bytes. It stays when a download fails or its process is
killed, and the next download resumes it. One process at a time downloads a file; the others wait
for its lock, which the system releases when a process ends. filelock, pooch and requests are
imported at first use: https://py-filelock.readthedocs.io, https://www.fatiando.org/pooch.
"""

import logging
import os
import re
import socket
import ssl
import stat
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from time import sleep
from typing import Any
from urllib.parse import urljoin, urlsplit

ProgressCallback = Callable[[int, int | None], None]

TRIES = 3  # of each address
CHUNK_BYTES = 256 * 1024
POLL_SECONDS = 0.2  # between two checks of another process's download

# OpenSSL, include/openssl/x509_vfy.h: X509_V_ERR_CERT_NOT_YET_VALID and ..._CERT_HAS_EXPIRED.
OUTSIDE_VALIDITY = (9, 10)

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
    urls: str | Sequence[str],
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
    MD5 nothing is resumed, and redirects to other hosts are rejected. ``timeout``: seconds to wait
    for the connection, and for each further piece of data. ``on_progress`` is called with the bytes
    received and expected (``None`` if unknown), also while another process downloads the file; its
    exceptions end the download or the wait.

    Raises:
        StorageError: The folder is not writable or the disk is full.
        FileUnavailable: No address sent the expected file.
    """
    addresses = [urls] if isinstance(urls, str) else list(urls)
    transfer = _Transfer(folder / file_name, md5, max_bytes, on_progress, timeout, addresses[0])
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with locked(transfer.target, transfer.report_waiting):
            if not transfer.is_complete(transfer.target):
                transfer.try_in_turn(addresses * TRIES)
    except OSError as error:
        address = _without_secrets(transfer.address)
        if not error.errno:  # not the system's message: it may name a folder on the server
            sentence = f"Could not download {address}: see the log of the server."
            raise _logged(FileUnavailable(sentence), folder, error) from error
        sentence = f"Could not store {address} on the server: {error.strerror}."
        raise _logged(StorageError(sentence), folder, error) from error
    return transfer.target


def partial_bytes(target: Path) -> int:
    """Return the bytes that an unfinished download of a file has received; 0 if there is none."""
    try:
        return partial_of(target).stat().st_size
    except OSError:
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

    Every user of the machine can create folders in the temporary directory. So a folder of this
    name may belong to another user or be writable by others, and hold anything: it is rejected.

    Raises:
        StorageError: The folder cannot be created, or other users can write to it.
    """
    user = os.getuid() if hasattr(os, "getuid") else None
    try:
        folder = Path(tempfile.gettempdir()) / ("vgg_viz" if user is None else f"vgg_viz-{user}")
        folder.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError):
            folder.mkdir(mode=0o700)
        status = folder.lstat()
    except OSError as error:
        reason = error.strerror or "there is no temporary directory"
        sentence = f"Could not create a temporary folder on the server: {reason}."
        raise _logged(StorageError(sentence), Path(), error) from error
    shared = bool(status.st_mode & (stat.S_IWGRP | stat.S_IWOTH))
    if not stat.S_ISDIR(status.st_mode) or (user is not None and (status.st_uid != user or shared)):
        sentence = "Could not use the server's temporary folder: other users can write to it."
        raise _logged(StorageError(sentence), folder, f"expected a folder of user {user} alone")
    return folder


@dataclass
class _Transfer:
    """Download of one file; pooch writes to it. ``total`` is the expected size in bytes.

    The total is 0 if it is unknown, and ``None`` before the server responds.
    """

    target: Path
    md5: str | None
    max_bytes: int | None
    on_progress: ProgressCallback | None
    timeout: tuple[float, float]
    address: str
    total: int | None = None

    def is_complete(self, path: Path) -> bool:
        """Return whether a file exists and has the expected MD5, if there is one."""
        import pooch

        return path.exists() and self.md5 in (None, pooch.file_hash(str(path), alg="md5"))

    def report_waiting(self) -> bool:
        """Report the bytes that another process has received; return false, to go on waiting."""
        if self.on_progress and (received := partial_bytes(self.target)):
            self.on_progress(received, self.max_bytes)
        return False

    def try_in_turn(self, addresses: Sequence[str]) -> None:
        """Download the file from the first address that sends it, and move it into place."""
        from requests.exceptions import RequestException

        partial, reasons, failure = partial_of(self.target), dict[str, str](), None
        for number, self.address in enumerate(addresses):
            sleep(min(number, 10))
            try:
                self._receive(partial)
                partial.replace(self.target)
                return
            except (RequestException, ValueError) as error:
                reasons[_without_secrets(self.address)] = self._reason(error)
                failure = error
            except OSError as error:
                if error.errno:  # the disk may be full of this very file
                    partial.unlink(missing_ok=True)
                raise
            finally:
                if not (self.md5 and partial_bytes(self.target)):
                    partial.unlink(missing_ok=True)
        sentences = (
            f"Could not download {address} (tried {TRIES} times): {reason}."
            for address, reason in reasons.items()
        )
        raise _logged(FileUnavailable(*sentences), self.target.parent, failure) from failure

    def _receive(self, partial: Path) -> None:
        """Download the rest of the partial file from the current address, and check its MD5."""
        import pooch

        self.total = None
        with partial.open("ab") as self._file, ExitStack() as self._responses:
            if not self.md5 or (self.max_bytes and self._file.tell() > self.max_bytes):
                self._file.truncate(self._file.seek(0))
            # A process may have been killed after the last byte.
            if (received := self._file.tell()) != self.max_bytes:
                resuming = {"Range": f"bytes={received}-"} if received else {}
                pooch.HTTPDownloader(
                    chunk_size=CHUNK_BYTES,
                    timeout=self.timeout,
                    headers={"Accept-Encoding": "identity", **resuming},
                    hooks={"response": self._inspect},
                )(self.address, self, None)
        if not self.is_complete(partial):
            found = pooch.file_hash(str(partial), alg="md5")
            partial.unlink()  # the next try starts from the first byte
            raise _RejectedError(f"expected a file with MD5 {self.md5}, got MD5 {found}")

    def _inspect(self, response: Any, **_: object) -> None:
        """Check a response before its content is read; empty the file unless it is resumed."""
        self._responses.enter_context(response)  # pooch leaves a failed one open
        received, size = self._file.tell(), int(response.headers.get("Content-Length") or 0)
        if response.is_redirect:
            place = urljoin(response.url, response.headers.get("Location", ""))
            if not self.md5 and urlsplit(place).netloc != urlsplit(response.url).netloc:
                raise _RejectedError("the host redirected to another host, which is not trusted")
        elif response.ok:
            if not response.headers.get("Content-Range", "").startswith(f"bytes {received}-"):
                if 0 < size < received:
                    raise _RejectedError(f"expected a file, got a response of {size:,} bytes")
                self._file.truncate(received := self._file.seek(0))
            self.total = size and received + size

    def write(self, chunk: bytes) -> None:
        """Store received bytes, up to one chunk more than ``max_bytes`` (called by pooch)."""
        self._file.write(chunk)
        received = self._file.tell()
        if self.max_bytes and received >= self.max_bytes + CHUNK_BYTES:
            limit = f"{self.max_bytes / 2**20:.3g} MB"
            raise _RejectedError(f"expected a file of at most {limit}, got more")
        if self.on_progress:
            self.on_progress(received, self.total or None)

    def flush(self) -> None:
        """Flush the partial file (called by pooch)."""
        self._file.flush()

    def _reason(self, error: Exception) -> str:
        """Return why a try failed, worded to end a sentence for viewers."""
        from requests import exceptions

        causes = list(_causes(error))
        # Without the file names that the operating system adds.
        last = getattr(causes[-1], "strerror", None) or str(causes[-1])
        if isinstance(error, _RejectedError):
            return str(error)
        if isinstance(error, exceptions.HTTPError) and error.response is not None:
            return f"expected a file, got HTTP {error.response.status_code} {error.response.reason}"
        certificate = next((c for c in causes if isinstance(c, ssl.SSLCertVerificationError)), None)
        if certificate and certificate.verify_code in OUTSIDE_VALIDITY:
            return "the host's certificate is not valid today (is the server's clock right?)"
        if certificate:
            return f"could not verify the host's certificate ({certificate.verify_message})"
        reasons = (
            (exceptions.ProxyError, f"could not connect through the proxy ({last})"),
            (socket.gaierror, "could not find the host (is there a network connection?)"),
            (exceptions.SSLError, "could not open an encrypted connection to the host"),
            (exceptions.ConnectTimeout, f"could not reach the host within {self.timeout[0]:g} s"),
            (TimeoutError, f"the host sent nothing for {self.timeout[1]:g} s"),
        )
        for kind, reason in reasons:
            if any(isinstance(cause, kind) for cause in causes):
                return reason
        if isinstance(error, ValueError):
            return "expected an http or https address of a server that speaks HTTP"
        if self.total is not None:
            expected = f"all {self.total:,} bytes" if self.total else "the whole file"
            return f"the connection closed before {expected} arrived"
        return f"could not reach the host ({last})"


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an exception and its causes, down to the operating system's exception.

    Not ``__context__``, which may be an older exception that the caller was handling. requests and
    urllib3 often pass the cause as an argument.
    """
    while error is not None:
        yield error
        error = error.__cause__ or next((e for e in error.args if isinstance(e, Exception)), None)


def _logged(error: FileUnavailable, folder: Path, details: object) -> FileUnavailable:
    """Return an error for viewers, after logging it with details that they must not see."""
    _log.warning("%s (%s: %s)", error, folder, details)
    return error


def _without_secrets(url: str) -> str:
    """Return a URL without user, query and fragment, which may hold passwords or signatures.

    Anything that is not a web address, such as a path on the server, is cut to its last part.
    """
    address = re.sub(r"//[^/]*@", "//", re.split(r"[?#]", url)[0])
    is_web = re.match(r"https?://", address, re.IGNORECASE)
    return address if is_web else re.split(r"[/\\]", address)[-1] or "The address"
