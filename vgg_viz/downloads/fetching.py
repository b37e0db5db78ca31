"""Files from listed addresses: whole and checked, or not there at all.

pooch does the work (https://www.fatiando.org/pooch): it has the file sent and tries again, waiting
1 s and then 1 s longer each time. What is added here is further addresses, taken in turns, the
time-outs, the progress, an error that a visitor can read, the MD5, and that what has come of a file
with a known one need not come again. Nothing stays of a download that was killed, except of a large
one what the next goes on with: `temporary_directories`. pooch and requests are imported by the
first download, so that importing this module costs nothing.
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
    forget,
    gathered,
    kept_workplace,
    new_workplace,
    remove_strays,
)

ProgressCallback = Callable[[int, int | None], None]

CHUNK_BYTES = 256 * 1024

_log = logging.getLogger(__name__)


class DownloadError(Exception):
    """A file that could not be downloaded: a sentence for a visitor on each address.

    They name no folder of the server's: that stands in the log.
    """

    def __init__(self, *sentences: str) -> None:
        super().__init__(" ".join(sentences))
        self.sentences = sentences


class StorageError(DownloadError):
    """A folder that the file cannot be stored in; another folder may do."""


class _RefusedError(ValueError):
    """A file that is not taken; the message is the end of a sentence for a visitor."""


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
    """Download a file to ``folder / file_name`` and return that path.

    The folder is made if need be. A file that is already there under this name is kept, without
    any request, if its MD5 agrees or none is given, and replaced otherwise: at once, so that nobody
    who reads it meanwhile sees a part of it. Several processes may do this at the same time.

    Args:
        urls: an http or https address, or several where the same file is to be had; each failure
            leads to the next one, and in the end to the first again.
        folder: where the file is to stand.
        file_name: its name there.
        md5: the expected MD5 as 32 hexadecimal digits; ``None`` takes any bytes, as long as all
            of those that the server announced have come, and from this host.
        on_progress: called with the bytes received and the bytes expected (``None`` if the server
            does not say) as they grow; a try that has to begin anew starts again from 0.
        timeout: seconds to wait for the connection, and for each further piece of data.
        tries: how often to try each address, at most.
        max_bytes: how large the file may be, to a quarter of a megabyte; any size if not given.
        resumable_bytes: how large the file is, if it is so large, and its MD5 known, that what has
            come of it is to be kept where this attempt fails or is killed: the next one goes on
            from there. Nothing is asked for where the disk has no room for the rest. Of several
            who want the file at the same time, one has it sent, and the others wait for it.

    Raises:
        StorageError: the folder cannot be written to, or is full.
        DownloadError: the file did not come, or not the expected one.
    """
    from requests.exceptions import RequestException

    addresses = [urls] if isinstance(urls, str) else list(urls)
    transfer = _Transfer(
        addresses, on_progress, timeout, max_bytes or resumable_bytes, md5, resumable_bytes
    )
    try:
        if not _is_there(folder / file_name, md5):
            remove_strays(folder)
            _fetch(folder, file_name, transfer, tries * len(addresses))
        if resumable_bytes:
            forget(folder, file_name)  # where the file was brought by hand meanwhile
        return folder / file_name
    except (RequestException, ValueError) as error:
        raise _told(DownloadError, transfer.sentences(), folder, error) from error
    except OSError as error:
        # Only the system's own words: others may name a file.
        kind, what = (StorageError, "stored") if error.errno else (DownloadError, "fetched")
        reason = error.strerror or "its log says why"
        address = _without_secrets(transfer.address)
        sentence = f"{address} could not be {what} by the server: {reason}."
        raise _told(kind, [sentence], folder, error) from error


def private_folder() -> Path:
    """Make, if need be, a folder of this user's own among the system's temporary files.

    Every user of the machine may make folders there. One that is not this user's, or that others
    can write to, could hold anything, and is not taken.

    Raises:
        StorageError: there is no such folder to be had.
    """
    user = os.getuid() if hasattr(os, "getuid") else None
    try:
        folder = Path(tempfile.gettempdir()) / ("vgg_viz" if user is None else f"vgg_viz-{user}")
        folder.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError):
            folder.mkdir(mode=0o700)
        found = folder.lstat()
    except OSError as error:
        reason = error.strerror or "there is no folder for them"
        sentence = f"The server has no place for temporary files: {reason}."
        raise _told(StorageError, [sentence], Path(), error) from error
    writable = found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    if not stat.S_ISDIR(found.st_mode) or (user is not None and (found.st_uid != user or writable)):
        reason = f"expected a folder that only user {user} can write to"
        sentence = "The server's folder for temporary files is not its own."
        raise _told(StorageError, [sentence], folder, reason)
    return folder


def _fetch(folder: Path, file_name: str, transfer: "_Transfer", tries: int) -> None:
    """Download in a workplace, and put the file in its place when it is whole."""
    import pooch

    pooch.get_logger().setLevel(logging.ERROR)
    folder.mkdir(parents=True, exist_ok=True)
    with _workplace(folder, file_name, transfer) as workplace:
        transfer.partial = workplace / PARTIAL
        if transfer.size:
            if _is_there(folder / file_name, transfer.md5):
                return  # by now: others have had it sent
            _check_room(workplace, file_name, transfer.size)
            transfer.tell(gathered(workplace))
        store = pooch.create(
            workplace,
            base_url="",
            registry={file_name: None},  # the transfer compares the MD5 itself
            urls={file_name: transfer.address},
            retry_if_failed=tries - 1,
        )
        Path(store.fetch(file_name, downloader=transfer)).replace(folder / file_name)


def _workplace(folder: Path, file_name: str, transfer: "_Transfer") -> AbstractContextManager[Path]:
    if transfer.size and transfer.md5:
        return kept_workplace(folder, file_name, transfer.tell)
    return new_workplace(folder)


def _check_room(workplace: Path, file_name: str, size: int) -> None:
    """See whether the rest of a file of that size has room on the disk."""
    needed = size - gathered(workplace)
    free = shutil.disk_usage(workplace).free
    if free < needed:
        sentence = (
            f"The server's disk has no room for {file_name}: {math.ceil(needed / 1e6):,} MB are "
            f"needed, and {math.floor(free / 1e6):,} MB are free."
        )
        raise _told(StorageError, [sentence], workplace.parent, "nothing was asked for")


def _is_there(path: Path, md5: str | None) -> bool:
    import pooch

    return path.exists() and (md5 is None or pooch.file_hash(str(path), alg="md5") == md5)


def _told(
    kind: type[DownloadError], sentences: Sequence[str], folder: Path, error: object
) -> DownloadError:
    """The error for a visitor, with all that the host should know in the log."""
    told = kind(*sentences)
    _log.warning("%s (%s: %s)", told, folder, error)
    return told


class _Transfer:
    """One download as pooch wants it: its downloader and, at once, its progress bar.

    ``address`` is that of the try going on, ``total`` the announced size in bytes, 0 if unknown,
    and ``None`` before the server answers; ``partial`` is where the bytes are gathered, and
    ``size`` how many they will be, where that is known before.
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
        self._turns = cycle(addresses)
        self._failures: dict[str, list[str]] = {}
        self._handled_by_caller = sys.exception()

    @property
    def total(self) -> int | None:
        return self._announced and self.start + self._announced

    @total.setter
    def total(self, announced: int) -> None:
        """Pooch tells how much this answer brings."""
        self._announced = announced

    def __call__(self, url: str, output_file: str, store: Any) -> None:
        """Write the file to ``output_file``, from the address whose turn it is."""
        from requests.exceptions import RequestException

        self.address = next(self._turns)
        try:
            # All of it may have come before whoever had it sent was killed.
            if not self.size or gathered(self.partial.parent) != self.size:
                self._receive(store)
            self._check()
            self.partial.replace(output_file)
        except (RequestException, ValueError) as error:
            causes = tuple(_causes(error, self._handled_by_caller))
            self._failures.setdefault(self.address, []).append(_reason(error, causes, self))
            raise
        except OSError as error:
            if error.errno:  # the disk is full, perhaps of this
                self.partial.unlink(missing_ok=True)
            raise

    def tell(self, gathered: int) -> None:
        """Tell how much has been gathered, here or by others, before anything is asked for."""
        if self.on_progress and gathered:
            self.on_progress(gathered, self.size)

    def sentences(self) -> list[str]:
        """What was tried, an address each, and why it failed the last time."""
        sentences = []
        for address, reasons in self._failures.items():
            times = "once" if len(reasons) == 1 else f"{len(reasons)} times"
            sentences.append(f"{_without_secrets(address)} was tried {times}, but {reasons[-1]}.")
        return sentences

    def _receive(self, store: Any) -> None:
        """Gather the bytes, from where the try before was cut off."""
        import pooch

        self._announced = None
        headers = {"Accept-Encoding": "identity"}
        # pooch leaves a response open when a transfer fails: the hook hands it over to be closed.
        with self.partial.open("ab") as file, ExitStack() as responses:
            goes_on = self.md5 and not (self.size and file.tell() > self.size)
            self._begin_at(file, file.tell() if goes_on else 0)
            if self.start:
                headers["Range"] = f"bytes={self.start}-"

            def look_at(response: Any, **_: object) -> None:
                responses.enter_context(response)
                self._look_at(response, file)

            fetch = pooch.HTTPDownloader(
                progressbar=self,
                chunk_size=CHUNK_BYTES,
                timeout=self.timeout,
                headers=headers,
                hooks={"response": look_at},
            )
            fetch(self.address, file, store)

    def _begin_at(self, file: BinaryIO, start: int) -> None:
        """Keep what was gathered up to there, and expect what follows it."""
        file.truncate(start)
        self.start = self.received = start

    def _look_at(self, response: Any, file: BinaryIO) -> None:
        """See whether an answer goes on where we are, and refuse one that leads to another host.

        The latter only where no MD5 says that the right file has come, from wherever.
        """
        if response.is_redirect:
            target = urljoin(response.url, response.headers.get("Location", ""))
            moved = urlsplit(target).netloc != urlsplit(response.url).netloc
            if moved and not self.md5:
                raise _RefusedError("its host sent us on to another one, which is not trusted")
        elif response.status_code == 416:  # there is nothing from there on: it is another file
            self._begin_at(file, 0)
        elif response.ok and not _continues(response, self.start):
            size = int(response.headers.get("Content-Length") or self.start)
            if size < self.start:
                raise _RefusedError(f"expected a file, got an answer of {size:,} bytes")
            self._begin_at(file, 0)

    def _check(self) -> None:
        """Let go of what has another MD5 than it should have: the next try begins anew."""
        import pooch

        found = pooch.file_hash(str(self.partial), alg="md5")
        if self.md5 and found != self.md5:
            self.partial.unlink()
            raise _RefusedError(
                f"expected a file with the MD5 {self.md5}, got one with the MD5 {found}"
            )

    def update(self, size: int) -> None:
        """Count ``size`` more bytes; pooch counts the last, smaller chunk as a whole one.

        Raises:
            _RefusedError: there are more than there may be.
        """
        received = self.received + size
        self.received = min(received, self.total) if self.total else received
        if self.max_bytes and self.received >= self.max_bytes + CHUNK_BYTES:
            most = f"{self.max_bytes / 2**20:.3g} MB"
            raise _RefusedError(f"expected a file of at most {most}, got more")
        if self.on_progress:
            self.on_progress(self.received, self.total or None)

    def reset(self) -> None:
        """Do nothing: pooch resets a bar at the end only to fill it, and it would jump back."""

    def close(self) -> None:
        """Do nothing: there is nothing to close."""


def _continues(response: Any, start: int) -> bool:
    """Whether an answer brings a file from that byte on."""
    brought = response.headers.get("Content-Range", "")
    return bool(response.status_code == 206) and str(brought).startswith(f"bytes {start}-")


def _reason(error: Exception, causes: Sequence[BaseException], transfer: _Transfer) -> str:
    """Why a download failed, as the end of a sentence."""
    from requests import exceptions

    if isinstance(error, _RefusedError):
        return str(error)
    if isinstance(error, exceptions.HTTPError) and error.response is not None:
        answer = error.response
        return f"expected a file, got the answer HTTP {answer.status_code} {answer.reason}"
    if isinstance(error, ValueError):
        return "expected an http or https address with a host that answers in HTTP"
    if isinstance(error, exceptions.ProxyError):
        return f"the server's proxy did not lead there ({_words(causes[-1])})"
    if any(isinstance(cause, socket.gaierror) for cause in causes):
        return "the name of its host was not found (is there a network?)"
    if isinstance(error, exceptions.SSLError):
        return _distrust(causes)
    if isinstance(error, exceptions.ConnectTimeout):
        return f"its host could not be reached within {transfer.timeout[0]:g} s"
    if any(isinstance(cause, TimeoutError) for cause in causes):
        return f"its host timed out: nothing came for {transfer.timeout[1]:g} s"
    if transfer.total is not None:
        expected = f"all {transfer.total:,} bytes" if transfer.total else "the whole file"
        return f"the connection broke off before {expected} had come"
    return f"its host could not be reached ({_words(causes[-1])})"


def _words(error: BaseException) -> str:
    """What an error says, in the system's words if it is the system's."""
    return getattr(error, "strerror", None) or str(error)


def _distrust(causes: Sequence[BaseException]) -> str:
    """Why there was no encrypted connection, as the end of a sentence."""
    import ssl

    # OpenSSL, include/openssl/x509_vfy.h: X509_V_ERR_CERT_NOT_YET_VALID, ..._CERT_HAS_EXPIRED.
    not_in_time = {9, 10}
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            if cause.verify_code in not_in_time:
                return "its host's certificate is not valid today (is the server's clock right?)"
            return f"its host could not prove its name ({cause.verify_message})"
    return "there was no encrypted connection to its host"


def _causes(error: BaseException | None, end: BaseException | None) -> Iterator[BaseException]:
    """The error, what it was raised from, and so on down to the operating system's.

    ``end`` is an older error that was being handled when the download began.
    """
    while error is not None and error is not end:
        yield error
        # Of an encrypted connection through a proxy, urllib3 only wraps what was wrong.
        wrapped = next((part for part in error.args if isinstance(part, BaseException)), None)
        error = error.__cause__ or wrapped or error.__context__


def _without_secrets(url: str) -> str:
    """The address without a password or a signature: without user, query and fragment.

    Of what is no web address, as a path of the server's, only the last part.
    """
    address = re.sub(r"//[^/]*@", "//", re.split(r"[?#]", url)[0])
    is_web = re.match(r"https?://", address, re.IGNORECASE)
    return address if is_web else re.split(r"[/\\]", address)[-1] or "The address"
