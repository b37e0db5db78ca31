"""Large downloads: a failed one leaves its partial file, and the next one resumes it."""

import errno
import hashlib
import os
import threading
from collections import namedtuple
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.support import file_server
from tests.support.file_server import serve
from vgg_viz.downloads import temporary_directories
from vgg_viz.downloads.fetching import DownloadError, StorageError, download
from vgg_viz.downloads.temporary_directories import (
    LOCK,
    PARTIAL,
    partial_bytes,
    remove_leftovers,
    remove_partial,
)

fcntl = pytest.importorskip("fcntl", reason="there are no POSIX locks here")

CONTENT = bytes(range(256)) * 4096
HALF = len(CONTENT) // 2
REST = f"bytes={HALF}-"
MD5 = hashlib.md5(CONTENT).hexdigest()

Usage = namedtuple("Usage", "total used free")


@pytest.fixture(autouse=True)
def without_waits(monkeypatch):
    """Turn off proxies and the waits between tries and polls."""
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr("pooch.core.time", SimpleNamespace(sleep=lambda seconds: None))
    monkeypatch.setattr(temporary_directories, "POLL_SECONDS", 0.001)


def fetch(server, folder, **options):
    options = {"tries": 1, "md5": MD5, "resumable_bytes": len(CONTENT), **options}
    return download(server.url, folder, "large.bin", **options)


def break_off(folder):
    """Leave half of a download behind, and return its directory."""
    with serve(CONTENT, file_server.cut_off) as server, pytest.raises(DownloadError):
        fetch(server, folder)
    [directory] = folder.iterdir()
    return directory


def test_the_next_download_resumes_a_failed_one(tmp_path):
    directory = break_off(tmp_path)
    assert partial_bytes(tmp_path, "large.bin") == HALF
    assert (directory / PARTIAL).read_bytes() == CONTENT[:HALF]
    reports = []
    with serve(CONTENT, file_server.send_range) as server:
        path = fetch(server, tmp_path, on_progress=lambda *report: reports.append(report))
    assert path.read_bytes() == CONTENT
    assert server.ranges == [REST]
    assert reports[0] == (HALF, len(CONTENT))
    assert reports == sorted(reports)
    assert reports[-1] == (len(CONTENT), len(CONTENT))
    assert list(tmp_path.iterdir()) == [path]
    assert partial_bytes(tmp_path, "large.bin") == 0


def test_repeatedly_failing_downloads_complete_the_file_step_by_step(tmp_path):
    def send_a_quarter_more(handler, content):
        start = int((handler.headers["Range"] or "bytes=0-").strip("bytes=-"))
        handler.send_response(206)
        handler.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        handler.send_header("Content-Length", str(len(content) - start))
        handler.end_headers()
        handler.wfile.write(content[start : start + HALF // 2])

    with serve(CONTENT, send_a_quarter_more) as server:
        for quarters in (1, 2, 3):
            with pytest.raises(DownloadError, match="closed before all 1,048,576 bytes"):
                fetch(server, tmp_path)
            assert partial_bytes(tmp_path, "large.bin") == quarters * HALF // 2
        assert fetch(server, tmp_path).read_bytes() == CONTENT
    assert len(server.requests) == 4


def test_an_exception_in_the_callback_keeps_the_partial_download(tmp_path):
    class Interrupted(BaseException):
        pass

    def stop(received, total):
        if received > HALF // 2:
            raise Interrupted

    with serve(CONTENT, file_server.send_slowly) as server, pytest.raises(Interrupted):
        fetch(server, tmp_path, on_progress=stop)
    assert 0 < partial_bytes(tmp_path, "large.bin") < len(CONTENT)
    with serve(CONTENT, file_server.send_range) as server:
        assert fetch(server, tmp_path).read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("partial", "ranges"),
    [
        (CONTENT[: HALF - 1] + b"?", [REST, None]),  # half of another file
        (bytes(len(CONTENT)), [None]),  # as many bytes, but others
        (CONTENT + b"?", [None]),  # more bytes than the file has
    ],
)
def test_a_wrong_partial_download_is_discarded(tmp_path, partial, ranges):
    (break_off(tmp_path) / PARTIAL).write_bytes(partial)
    with serve(CONTENT, file_server.send_range) as server:
        path = fetch(server, tmp_path, tries=2)
    assert path.read_bytes() == CONTENT
    assert server.ranges == ranges
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", [PARTIAL, "tmp1x2y3z", "large.bin"])
def test_a_complete_download_of_a_killed_process_is_used_without_a_request(tmp_path, name):
    directory = break_off(tmp_path)
    (directory / PARTIAL).unlink()
    (directory / "tmpempty").write_bytes(b"")
    (directory / name).write_bytes(CONTENT)
    remove_leftovers(tmp_path)
    with serve(CONTENT) as server:
        path = fetch(server, tmp_path)
    assert path.read_bytes() == CONTENT
    assert server.requests == []
    assert list(tmp_path.iterdir()) == [path]


def test_a_server_without_ranges_sends_the_whole_file(tmp_path):
    break_off(tmp_path)
    with serve(CONTENT) as server:
        assert fetch(server, tmp_path).read_bytes() == CONTENT
    assert server.ranges == [REST]


def test_of_two_downloads_one_waits_and_reports_the_others_progress(tmp_path, threads):
    reported = threading.Event()

    def report(received, total):
        if (received, total) == (HALF, len(CONTENT)):
            reported.set()

    with serve(CONTENT, file_server.pause_halfway, file_server.send_range) as server:
        begun = threading.Event()
        first = threads.submit(fetch, server, tmp_path, tries=2, on_progress=lambda *_: begun.set())
        assert begun.wait(60)
        second = threads.submit(fetch, server, tmp_path, on_progress=report)
        assert reported.wait(60)
        server.released.set()
        assert first.result().read_bytes() == second.result().read_bytes() == CONTENT
    assert server.ranges == [None, REST]
    assert list(tmp_path.iterdir()) == [first.result()]


def test_concurrent_downloads_request_each_byte_once(tmp_path, threads):
    with serve(CONTENT, file_server.cut_off, file_server.send_range) as server:
        attempts = [threads.submit(fetch, server, tmp_path, tries=2) for _ in range(8)]
        for attempt in attempts:
            assert attempt.result().read_bytes() == CONTENT
    assert server.ranges == [None, REST]
    assert [path.name for path in tmp_path.iterdir()] == ["large.bin"]


# -- disk space


def with_free(monkeypatch, size):
    monkeypatch.setattr("shutil.disk_usage", lambda path: Usage(10**12, 0, size))


def test_without_disk_space_nothing_is_requested_and_nothing_left(tmp_path, monkeypatch):
    with_free(monkeypatch, len(CONTENT) - 1)
    with serve(CONTENT) as server, pytest.raises(StorageError) as raised:
        fetch(server, tmp_path)
    assert str(raised.value) == (
        "Could not store large.bin on the server: it needs 2 MB, but only 1 MB are free."
    )
    assert server.requests == []
    assert list(tmp_path.iterdir()) == []


def test_resuming_needs_disk_space_for_the_rest_only(tmp_path, monkeypatch):
    break_off(tmp_path)
    with serve(CONTENT, file_server.send_range) as server:
        with_free(monkeypatch, HALF - 1)
        with pytest.raises(StorageError, match="it needs"):
            fetch(server, tmp_path)
        assert partial_bytes(tmp_path, "large.bin") == HALF
        with_free(monkeypatch, HALF)
        assert fetch(server, tmp_path).read_bytes() == CONTENT
    assert server.ranges == [REST]


def test_the_partial_download_is_removed_if_the_disk_becomes_full(tmp_path, monkeypatch):
    break_off(tmp_path)

    def open_on_full_disk(path, *arguments, **keywords):
        file = open_path(path, *arguments, **keywords)
        return full(file) if path.name == PARTIAL else file

    def full(file):
        def write(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        file.close()
        return FullDisk(write)

    class FullDisk:
        def __init__(self, write):
            self.write, self.tell, self.truncate = write, lambda: HALF, lambda size: None

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

    open_path = Path.open
    monkeypatch.setattr(Path, "open", open_on_full_disk)
    with (
        serve(CONTENT, file_server.send_range) as server,
        pytest.raises(StorageError, match="No space left on device"),
    ):
        fetch(server, tmp_path)
    assert list(tmp_path.iterdir()) == []


# -- leftovers


def test_leftovers_are_removed_except_partial_downloads(tmp_path):
    kept = break_off(tmp_path)
    empty = tmp_path / f"{temporary_directories.RESUMABLE_PREFIX}other.bin"
    for leftover in (tmp_path / f"{temporary_directories.PREFIX}ab_cdefg", empty):
        leftover.mkdir()
        (leftover / LOCK).write_bytes(b"")
    (tmp_path / f"{temporary_directories.PREFIX}ab_cdefg" / PARTIAL).write_bytes(b"partial")
    (tmp_path / f"{temporary_directories.RESUMABLE_PREFIX}a_file").write_bytes(b"a file")
    remove_leftovers(tmp_path)
    remaining = {path.name for path in tmp_path.iterdir()}
    assert remaining == {kept.name, f"{temporary_directories.RESUMABLE_PREFIX}a_file"}


def test_a_running_download_is_not_removed(tmp_path, threads):
    begun = threading.Event()
    with serve(CONTENT, file_server.pause_halfway, file_server.send_range) as server:
        future = threads.submit(
            fetch, server, tmp_path, tries=2, on_progress=lambda *_: begun.set()
        )
        assert begun.wait(60)
        remove_leftovers(tmp_path)
        remove_partial(tmp_path, "large.bin")
        server.released.set()
        assert future.result().read_bytes() == CONTENT
    assert server.ranges == [None, REST]


def test_the_partial_download_is_removed_once_the_file_exists(tmp_path):
    break_off(tmp_path)
    (tmp_path / "large.bin").write_bytes(CONTENT)
    with serve(CONTENT) as server:
        fetch(server, tmp_path)
    assert server.requests == []
    assert [path.name for path in tmp_path.iterdir()] == ["large.bin"]


def test_a_damaged_target_file_keeps_the_partial_download(tmp_path):
    break_off(tmp_path)
    (tmp_path / "large.bin").write_bytes(CONTENT[:1000])
    with serve(CONTENT, file_server.send_range) as server:
        assert fetch(server, tmp_path).read_bytes() == CONTENT
    assert server.ranges == [REST]


def test_a_directory_removed_before_it_is_locked_is_created_again(tmp_path, monkeypatch):
    lock, removed = fcntl.flock, []

    def remove_and_lock(file, operation):
        directory = next(tmp_path.glob(f"{temporary_directories.RESUMABLE_PREFIX}*"), None)
        if directory and not removed:
            removed.append(directory)
            (directory / LOCK).unlink()
            directory.rmdir()
            directory.mkdir()
            (directory / LOCK).write_bytes(b"")
        lock(file, operation)

    def assert_locked(received, total):
        with (removed[0] / LOCK).open("ab") as file, pytest.raises(BlockingIOError):
            lock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)

    monkeypatch.setattr(fcntl, "flock", remove_and_lock)
    with serve(CONTENT) as server:
        path = fetch(server, tmp_path, on_progress=assert_locked)
    assert path.read_bytes() == CONTENT
    assert len(removed) == 1


def test_without_locks_files_are_downloaded_but_not_resumed(tmp_path, monkeypatch):
    def no_locks(*_):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", no_locks)
    with serve(CONTENT, file_server.cut_off, file_server.send) as server:
        with pytest.raises(DownloadError):
            fetch(server, tmp_path)
        assert list(tmp_path.iterdir()) == []
        assert fetch(server, tmp_path).read_bytes() == CONTENT
    assert server.ranges == [None, None]


def test_small_downloads_leave_no_partial_file(tmp_path):
    with serve(CONTENT, file_server.cut_off) as server, pytest.raises(DownloadError):
        fetch(server, tmp_path, resumable_bytes=None)
    assert list(tmp_path.iterdir()) == []
