"""Files from listed addresses: whole and checked, or not there at all.

pooch does the work (https://www.fatiando.org/pooch): it writes under a temporary name, compares
the MD5, renames, and tries again, waiting 1 s and then 1 s longer each time. What is added here is
the time-outs, the progress, and an error that a visitor can read. pooch and requests are imported
by the first download, so that importing this module costs nothing.
"""

import logging
import re
import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

ProgressCallback = Callable[[int, int | None], None]

CHUNK_BYTES = 256 * 1024


class DownloadError(Exception):
    """A file that could not be downloaded; the message is one sentence for a visitor."""


class StorageError(DownloadError):
    """A folder that the file cannot be stored in; another folder may do."""


def download(
    url: str,
    folder: Path,
    file_name: str,
    *,
    md5: str | None,
    on_progress: ProgressCallback | None = None,
    timeout: tuple[float, float] = (10.0, 30.0),
    tries: int = 3,
) -> Path:
    """Download ``url`` to ``folder / file_name`` and return that path.

    The folder is made if need be. A file that is already there under this name is kept, without
    any request, if its MD5 agrees or none is given, and replaced otherwise.

    Args:
        url: an http or https address.
        folder: where the file is to stand.
        file_name: its name there.
        md5: the expected MD5 as 32 hexadecimal digits; ``None`` takes any bytes, as long as all
            of those that the server announced have come.
        on_progress: called with the bytes received and the bytes expected (``None`` if the server
            does not say) as they grow; a new try starts again from 0.
        timeout: seconds to wait for the connection, and for each further piece of data.
        tries: how often to try, at most.

    Raises:
        StorageError: the folder cannot be written to, or is full.
        DownloadError: the file did not come, or not the expected one.
    """
    import pooch
    from requests.exceptions import RequestException

    pooch.get_logger().setLevel(logging.ERROR)
    handled_by_caller = sys.exception()
    transfer = _Transfer(on_progress, timeout)
    store = pooch.create(
        folder,
        base_url="",
        registry={file_name: f"md5:{md5}" if md5 else None},
        urls={file_name: url},
        retry_if_failed=tries - 1,
    )
    try:
        return Path(store.fetch(file_name, downloader=transfer))
    except (RequestException, ValueError) as error:
        reason = _reason(error, tuple(_causes(error, handled_by_caller)), transfer, md5)
        times = "once" if tries == 1 else f"{tries} times"
        raise DownloadError(f"{_without_secrets(url)} was tried {times}, but {reason}.") from error
    except OSError as error:
        reason = error.strerror or str(error)
        raise StorageError(
            f"{_without_secrets(url)} could not be stored in {folder}: {reason}."
        ) from error


class _Transfer:
    """One download as pooch wants it: its downloader and, at once, its progress bar.

    ``total`` is the announced size in bytes, 0 if unknown, and ``None`` before the server answers;
    ``md5`` that of a transfer that went through.
    """

    def __init__(self, on_progress: ProgressCallback | None, timeout: tuple[float, float]) -> None:
        self.on_progress = on_progress
        self.timeout = timeout
        self.received = 0
        self.total: int | None = None
        self.md5: str | None = None

    def __call__(self, url: str, output_file: str, store: Any) -> None:
        """Write what stands at ``url`` to ``output_file``."""
        import pooch

        self.received, self.total, self.md5 = 0, None, None
        # pooch leaves a response open when a transfer fails: the hook hands it over to be closed.
        with ExitStack() as responses:
            fetch = pooch.HTTPDownloader(
                progressbar=self,
                chunk_size=CHUNK_BYTES,
                timeout=self.timeout,
                headers={"Accept-Encoding": "identity"},
                hooks={"response": lambda response, **_: responses.enter_context(response)},
            )
            fetch(url, output_file, store)
        self.md5 = pooch.file_hash(output_file, alg="md5")

    def update(self, size: int) -> None:
        """Count ``size`` more bytes; pooch counts the last, smaller chunk as a whole one."""
        received = self.received + size
        self.received = min(received, self.total) if self.total else received
        if self.on_progress:
            self.on_progress(self.received, self.total or None)

    def reset(self) -> None:
        """Do nothing: pooch resets a bar at the end only to fill it, and it would jump back."""

    def close(self) -> None:
        """Do nothing: there is nothing to close."""


def _reason(
    error: Exception, causes: Sequence[BaseException], transfer: _Transfer, md5: str | None
) -> str:
    """Why a download failed, as the end of a sentence."""
    from requests import exceptions

    if transfer.md5:
        return f"expected a file with the MD5 {md5}, got one with the MD5 {transfer.md5}"
    if isinstance(error, exceptions.HTTPError):
        answer = error.response
        return f"expected a file, got the answer HTTP {answer.status_code} {answer.reason}"
    if isinstance(error, ValueError):
        return "expected an http or https address with a host that answers in HTTP"
    if any(isinstance(cause, socket.gaierror) for cause in causes):
        return "the name of its host was not found (is there a network?)"
    if isinstance(error, exceptions.ConnectTimeout):
        return f"its host could not be reached within {transfer.timeout[0]:g} s"
    if any(isinstance(cause, TimeoutError) for cause in causes):
        return f"its host timed out: nothing came for {transfer.timeout[1]:g} s"
    if transfer.total is not None:
        expected = f"all {transfer.total:,} bytes" if transfer.total else "the whole file"
        return f"the connection broke off before {expected} had come"
    return f"its host could not be reached ({getattr(causes[-1], 'strerror', None) or causes[-1]})"


def _causes(error: BaseException | None, end: BaseException | None) -> Iterator[BaseException]:
    """The error, what it was raised from, and so on down to the operating system's.

    ``end`` is an older error that was being handled when the download began.
    """
    while error is not None and error is not end:
        yield error
        error = error.__cause__ or error.__context__


def _without_secrets(url: str) -> str:
    """The address without a password or a signature: without user, query and fragment."""
    return re.sub(r"//[^/]*@", "//", re.split(r"[?#]", url)[0])
