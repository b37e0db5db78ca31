"""Downloads from listed addresses: the file is stored complete and checked by MD5, or not at all.

pooch (https://www.fatiando.org/pooch) downloads the file, and retries after 1 s, 2 s and so on.
This module adds alternative addresses, timeouts, progress, errors that a viewer can read, MD5
checks and resumed downloads. A killed download leaves nothing behind but the partial file that the
next download resumes: see `temporary_directories`. The first download imports pooch and requests,
so importing this module is cheap.
"""

import logging
import math
import os
import re
import shutil
import socket
import stat
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, suppress
from itertools import cycle
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urljoin, urlsplit

from vgg_viz.downloads.temporary_directories import (
    PARTIAL,
    partial_size,
    remove_leftovers,
    remove_partial,
    resumable_directory,
    temporary_directory,
)

ProgressCallback = Callable[[int, int | None], None]

CHUNK_BYTES = 256 * 1024

_log = logging.getLogger(__name__)


class DownloadError(Exception):
    """Raised when a file could not be downloaded; ``sentences`` holds the reason for each address.

    Viewers see the sentences, so they name no folder on the server; the log does.
    """

    def __init__(self, *sentences: str) -> None:
        super().__init__(" ".join(sentences))
        self.sentences = sentences


class StorageError(DownloadError):
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
    tries: int = 3,
    max_bytes: int | None = None,
    resumable_bytes: int | None = None,
) -> Path:
    """Download a file to ``folder / file_name`` and return its path.

    A file that exists is kept, without a request, if its MD5 matches or no MD5 is given. It is
    replaced otherwise, in one step, so that no reader sees half a file. Several processes may
    download the same file at the same time.

    Args:
        urls: An http or https address, or several addresses of the same file, tried in turn.
        folder: Folder to store the file in; created if it does not exist.
        file_name: Name of the stored file.
        md5: Expected MD5, 32 hexadecimal digits. With ``None`` the content is not checked, but the
            announced size must arrive, and redirects to other hosts are rejected.
        on_progress: Called with the bytes received and the bytes expected (``None`` if unknown).
            The count restarts at 0 if a try cannot resume the previous one.
        timeout: Seconds to wait for the connection, and for each further piece of data.
        tries: Maximum number of tries per address.
        max_bytes: Maximum file size in bytes, enforced to within ``CHUNK_BYTES``.
        resumable_bytes: Exact file size in bytes. If given with ``md5``, a failed download stays
            on the disk and the next download resumes it. The free disk space is checked first, and
            only one process at a time downloads the file while the others wait.

    Raises:
        StorageError: The folder is not writable or the disk is full.
        DownloadError: No address sent the expected file.
    """
    from requests.exceptions import RequestException

    addresses = [urls] if isinstance(urls, str) else list(urls)
    transfer = _Transfer(
        addresses, on_progress, timeout, max_bytes or resumable_bytes, md5, resumable_bytes
    )
    try:
        if not _exists(folder / file_name, md5):
            remove_leftovers(folder)
            _fetch(folder, file_name, transfer, tries * len(addresses))
        if resumable_bytes:
            remove_partial(folder, file_name)  # if the file was added by hand
        return folder / file_name
    except (RequestException, ValueError) as error:
        raise _logged(DownloadError, transfer.sentences(), folder, error) from error
    except OSError as error:
        # Only the system's message is shown: others may name a folder on the server.
        address, reason = _without_secrets(transfer.address), error.strerror
        if error.errno:
            sentence = f"Could not store {address} on the server: {reason}."
            raise _logged(StorageError, [sentence], folder, error) from error
        sentence = f"Could not download {address}: {reason or 'see the log of the server'}."
        raise _logged(DownloadError, [sentence], folder, error) from error


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
        raise _logged(StorageError, [sentence], Path(), error) from error
    shared = bool(status.st_mode & (stat.S_IWGRP | stat.S_IWOTH))
    if not stat.S_ISDIR(status.st_mode) or (user is not None and (status.st_uid != user or shared)):
        reason = f"expected a folder that only user {user} can write to"
        sentence = "Could not use the server's temporary folder: other users can write to it."
        raise _logged(StorageError, [sentence], folder, reason)
    return folder


def _fetch(folder: Path, file_name: str, transfer: "_Transfer", tries: int) -> None:
    """Download a file to a locked temporary directory, then move it to its folder when complete.

    Args:
        folder: Folder to store the file in.
        file_name: Name of the stored file.
        transfer: Addresses, limits and progress of the download.
        tries: Maximum number of tries at all addresses together.
    """
    import pooch

    pooch.get_logger().setLevel(logging.ERROR)
    folder.mkdir(parents=True, exist_ok=True)
    with _directory(folder, file_name, transfer) as directory:
        transfer.partial = directory / PARTIAL
        if transfer.size:
            if _exists(folder / file_name, transfer.md5):
                return  # another process has downloaded it meanwhile
            _check_free_space(directory, file_name, transfer.size)
            transfer.report(partial_size(directory))
        store = pooch.create(
            directory,
            base_url="",
            registry={file_name: None},  # the transfer checks the MD5 itself
            urls={file_name: transfer.address},
            retry_if_failed=tries - 1,
        )
        Path(store.fetch(file_name, downloader=transfer)).replace(folder / file_name)


def _directory(folder: Path, file_name: str, transfer: "_Transfer") -> AbstractContextManager[Path]:
    if transfer.size and transfer.md5:
        return resumable_directory(folder, file_name, transfer.report)
    return temporary_directory(folder)


def _check_free_space(directory: Path, file_name: str, size: int) -> None:
    """Raise a StorageError if the disk has no room for the rest of a partly downloaded file.

    Args:
        directory: Temporary directory with the partial download, if there is one.
        file_name: Name of the file, for the message.
        size: Size of the complete file in bytes.
    """
    needed = size - partial_size(directory)
    free = shutil.disk_usage(directory).free
    if free < needed:
        sentence = (
            f"Could not store {file_name} on the server: it needs {math.ceil(needed / 1e6):,} MB, "
            f"but only {math.floor(free / 1e6):,} MB are free."
        )
        raise _logged(StorageError, [sentence], directory.parent, "nothing was requested")


def _exists(path: Path, md5: str | None) -> bool:
    import pooch

    return path.exists() and (md5 is None or pooch.file_hash(str(path), alg="md5") == md5)


def _logged(
    kind: type[DownloadError], sentences: Sequence[str], folder: Path, details: object
) -> DownloadError:
    """Return an error for viewers, after logging it with details that they must not see."""
    error = kind(*sentences)
    _log.warning("%s (%s: %s)", error, folder, details)
    return error


class _Transfer:
    """Download of one file. pooch calls it both as its downloader and as its progress bar.

    address: address of the current try.
    total: announced size of the file in bytes; 0 if unknown, ``None`` before the server responds.
    partial: path of the partial file, which receives the bytes.
    size: exact size of the complete file in bytes, if known before the download.
    """

    def __init__(
        self,
        addresses: Sequence[str],
        on_progress: ProgressCallback | None,
        timeout: tuple[float, float],
        max_bytes: int | None,
        md5: str | None,
        size: int | None = None,
    ) -> None:
        self.address = addresses[0]
        self.on_progress = on_progress
        self.timeout = timeout
        self.max_bytes = max_bytes
        self.md5 = md5
        self.size = size
        self.partial = Path()
        self.received = self.start = 0
        self._announced: int | None = None
        self._address_cycle = cycle(addresses)
        self._failures: dict[str, list[str]] = {}
        self._handled_by_caller = sys.exception()

    @property
    def total(self) -> int | None:
        """Announced size of the complete file in bytes; 0 if unknown.

        ``None`` before the server responds.
        """
        return self._announced and self.start + self._announced

    @total.setter
    def total(self, announced: int) -> None:
        """Set the size of the current response, without bytes received before (called by pooch)."""
        self._announced = announced

    def __call__(self, url: str, output_file: str, store: Any) -> None:
        """Try to download the file from the next address to ``output_file`` (called by pooch).

        ``url`` is ignored, since each try takes the next of the addresses.

        Raises:
            RequestException or ValueError: The try failed; pooch starts the next one.
            OSError: The file could not be stored.
        """
        from requests.exceptions import RequestException

        self.address = next(self._address_cycle)
        try:
            # A process may have been killed after the last byte.
            if not self.size or partial_size(self.partial.parent) != self.size:
                self._receive(store)
            self._check_md5()
            self.partial.replace(output_file)
        except (RequestException, ValueError) as error:
            causes = tuple(_causes(error, self._handled_by_caller))
            self._failures.setdefault(self.address, []).append(_reason(error, causes, self))
            raise
        except OSError as error:
            if error.errno:  # the disk may be full of this very file
                self.partial.unlink(missing_ok=True)
            raise

    def report(self, received: int) -> None:
        """Report to ``on_progress`` the bytes that this or another process has received so far."""
        if self.on_progress and received:
            self.on_progress(received, self.size)

    def sentences(self) -> list[str]:
        """Return a sentence for each address: number of tries, and why the last one failed."""
        sentences = []
        for address, reasons in self._failures.items():
            times = "once" if len(reasons) == 1 else f"{len(reasons)} times"
            failed = f"Could not download {_without_secrets(address)} (tried {times})"
            sentences.append(f"{failed}: {reasons[-1]}.")
        return sentences

    def _receive(self, store: Any) -> None:
        """Download from the current address to the partial file.

        The previous try is resumed if an MD5 is given and the server can resume.
        """
        import pooch

        self._announced = None
        headers = {"Accept-Encoding": "identity"}
        # pooch leaves the response of a failed transfer open: the hook closes it.
        with self.partial.open("ab") as file, ExitStack() as responses:
            resumes = self.md5 and not (self.size and file.tell() > self.size)
            self._restart_at(file, file.tell() if resumes else 0)
            if self.start:
                headers["Range"] = f"bytes={self.start}-"

            def inspect(response: Any, **_: object) -> None:
                responses.enter_context(response)
                self._inspect(response, file)

            fetch = pooch.HTTPDownloader(
                progressbar=self,
                chunk_size=CHUNK_BYTES,
                timeout=self.timeout,
                headers=headers,
                hooks={"response": inspect},
            )
            fetch(self.address, file, store)

    def _restart_at(self, file: BinaryIO, start: int) -> None:
        """Truncate the partial file to ``start`` bytes, to download the bytes after these."""
        file.truncate(start)
        self.start = self.received = start

    def _inspect(self, response: Any, file: BinaryIO) -> None:
        """Check a response before its content is read; empty the partial file unless it is resumed.

        Raises:
            _RejectedError: Without an MD5, the response redirects to another host; or it is
                shorter than what has been received already.
        """
        if response.is_redirect:
            target = urljoin(response.url, response.headers.get("Location", ""))
            moved = urlsplit(target).netloc != urlsplit(response.url).netloc
            if moved and not self.md5:
                raise _RejectedError("the host redirected to another host, which is not trusted")
        elif response.status_code == 416:  # no bytes after this position: another file
            self._restart_at(file, 0)
        elif response.ok and not _continues(response, self.start):
            size = int(response.headers.get("Content-Length") or self.start)
            if size < self.start:
                raise _RejectedError(f"expected a file, got a response of {size:,} bytes")
            self._restart_at(file, 0)

    def _check_md5(self) -> None:
        """Check the MD5 of the downloaded file; delete the file if it is wrong.

        The next try then starts from the first byte.

        Raises:
            _RejectedError: The MD5 is wrong.
        """
        import pooch

        found = pooch.file_hash(str(self.partial), alg="md5")
        if self.md5 and found != self.md5:
            self.partial.unlink()
            raise _RejectedError(f"expected a file with MD5 {self.md5}, got MD5 {found}")

    def update(self, size: int) -> None:
        """Count and report ``size`` more bytes received (called by pooch).

        pooch counts the last chunk as full, so the count is limited to the announced size.

        Raises:
            _RejectedError: The file exceeds ``max_bytes``.
        """
        received = self.received + size
        self.received = min(received, self.total) if self.total else received
        if self.max_bytes and self.received >= self.max_bytes + CHUNK_BYTES:
            limit = f"{self.max_bytes / 2**20:.3g} MB"
            raise _RejectedError(f"expected a file of at most {limit}, got more")
        if self.on_progress:
            self.on_progress(self.received, self.total or None)

    def reset(self) -> None:
        """Do nothing (called by pooch).

        pooch resets its progress bar at the end only to fill it, so the progress would jump back.
        """

    def close(self) -> None:
        """Do nothing (called by pooch): the progress needs no closing."""


def _continues(response: Any, start: int) -> bool:
    """Return whether a response resumes a file at byte ``start`` (HTTP 206 with that range)."""
    content_range = response.headers.get("Content-Range", "")
    return bool(response.status_code == 206) and str(content_range).startswith(f"bytes {start}-")


def _reason(error: Exception, causes: Sequence[BaseException], transfer: _Transfer) -> str:
    """Return why a try to download failed, worded to end a sentence for viewers.

    Args:
        error: Exception that ended the try.
        causes: The same exception and its causes, the operating system's last.
        transfer: The download.
    """
    from requests import exceptions

    if isinstance(error, _RejectedError):
        return str(error)
    if isinstance(error, exceptions.HTTPError) and error.response is not None:
        response = error.response
        return f"expected a file, got HTTP {response.status_code} {response.reason}"
    if isinstance(error, ValueError):
        return "expected an http or https address of a server that speaks HTTP"
    if isinstance(error, exceptions.ProxyError):
        return f"could not connect through the proxy ({_message(causes[-1])})"
    if any(isinstance(cause, socket.gaierror) for cause in causes):
        return "could not find the host (is there a network connection?)"
    if isinstance(error, exceptions.SSLError):
        return _tls_reason(causes)
    if isinstance(error, exceptions.ConnectTimeout):
        return f"could not reach the host within {transfer.timeout[0]:g} s"
    if any(isinstance(cause, TimeoutError) for cause in causes):
        return f"the host sent nothing for {transfer.timeout[1]:g} s"
    if transfer.total is not None:
        expected = f"all {transfer.total:,} bytes" if transfer.total else "the whole file"
        return f"the connection closed before {expected} arrived"
    return f"could not reach the host ({_message(causes[-1])})"


def _message(error: BaseException) -> str:
    """Return an exception's message, without the file names that the operating system adds."""
    return getattr(error, "strerror", None) or str(error)


def _tls_reason(causes: Sequence[BaseException]) -> str:
    """Return why an encrypted connection failed, worded to end a sentence for viewers."""
    import ssl

    # OpenSSL, include/openssl/x509_vfy.h: X509_V_ERR_CERT_NOT_YET_VALID, ..._CERT_HAS_EXPIRED.
    outside_validity = {9, 10}
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            if cause.verify_code in outside_validity:
                return "the host's certificate is not valid today (is the server's clock right?)"
            return f"could not verify the host's certificate ({cause.verify_message})"
    return "could not open an encrypted connection to the host"


def _causes(error: BaseException | None, end: BaseException | None) -> Iterator[BaseException]:
    """Yield an exception and its causes, down to the operating system's exception.

    ``end`` is an older exception that was being handled when the download began: it is not a cause.
    """
    while error is not None and error is not end:
        yield error
        # For encrypted connections through a proxy, urllib3 wraps the cause as an argument.
        wrapped = next((part for part in error.args if isinstance(part, BaseException)), None)
        error = error.__cause__ or wrapped or error.__context__


def _without_secrets(url: str) -> str:
    """Return a URL without user, query and fragment, which may hold passwords or signatures.

    Anything that is not a web address, such as a path on the server, is cut to its last part.
    """
    address = re.sub(r"//[^/]*@", "//", re.split(r"[?#]", url)[0])
    is_web = re.match(r"https?://", address, re.IGNORECASE)
    return address if is_web else re.split(r"[/\\]", address)[-1] or "The address"
