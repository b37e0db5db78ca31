"""Large downloads: what has come of them stays, and the next attempt goes on from there."""

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
    """Go round any proxy, and wait for nothing between two tries or looks."""
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr("pooch.core.time", SimpleNamespace(sleep=lambda seconds: None))
    monkeypatch.setattr(temporary_directories, "POLL_SECONDS", 0.001)


def fetch(server, folder, **options):
    options = {"tries": 1, "md5": MD5, "resumable_bytes": len(CONTENT), **options}
    return download(server.url, folder, "large.bin", **options)


def break_off(folder):
    """Leave half a file behind, and return where it is gathered."""
    with serve(CONTENT, file_server.cut_off) as server, pytest.raises(DownloadError):
        fetch(server, folder)
    [workplace] = folder.iterdir()
    return workplace


def test_the_next_attempt_goes_on_where_the_last_one_broke_off_for_good(tmp_path):
    workplace = break_off(tmp_path)
    assert partial_bytes(tmp_path, "large.bin") == HALF
    assert (workplace / PARTIAL).read_bytes() == CONTENT[:HALF]
    reports = []
    with serve(CONTENT, file_server.send_the_rest) as server:
        path = fetch(server, tmp_path, on_progress=lambda *report: reports.append(report))
    assert path.read_bytes() == CONTENT
    assert server.ranges == [REST]
    assert reports[0] == (HALF, len(CONTENT))
    assert reports == sorted(reports)
    assert reports[-1] == (len(CONTENT), len(CONTENT))
    assert list(tmp_path.iterdir()) == [path]
    assert partial_bytes(tmp_path, "large.bin") == 0


def test_attempts_that_break_off_again_and_again_bring_it_bit_by_bit(tmp_path):
    def cut_off_a_piece_further(handler, content):
        start = int((handler.headers["Range"] or "bytes=0-").strip("bytes=-"))
        handler.send_response(206)
        handler.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        handler.send_header("Content-Length", str(len(content) - start))
        handler.end_headers()
        handler.wfile.write(content[start : start + HALF // 2])

    with serve(CONTENT, cut_off_a_piece_further) as server:
        for quarters in (1, 2, 3):
            with pytest.raises(DownloadError, match="closed before all 1,048,576 bytes"):
                fetch(server, tmp_path)
            assert partial_bytes(tmp_path, "large.bin") == quarters * HALF // 2
        assert fetch(server, tmp_path).read_bytes() == CONTENT
    assert len(server.requests) == 4


def test_what_stops_the_caller_does_not_cost_what_has_come(tmp_path):
    class TrailStep(BaseException):
        pass

    def stop(received, total):
        if received > HALF // 2:
            raise TrailStep

    with serve(CONTENT, file_server.send_slowly) as server, pytest.raises(TrailStep):
        fetch(server, tmp_path, on_progress=stop)
    assert 0 < partial_bytes(tmp_path, "large.bin") < len(CONTENT)
    with serve(CONTENT, file_server.send_the_rest) as server:
        assert fetch(server, tmp_path).read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("kept", "ranges"),
    [
        (CONTENT[: HALF - 1] + b"?", [REST, None]),  # half of another file
        (bytes(len(CONTENT)), [None]),  # as many bytes, but others
        (CONTENT + b"?", [None]),  # more than there are
    ],
)
def test_what_does_not_lead_to_the_right_file_is_let_go(tmp_path, kept, ranges):
    (break_off(tmp_path) / PARTIAL).write_bytes(kept)
    with serve(CONTENT, file_server.send_the_rest) as server:
        path = fetch(server, tmp_path, tries=2)
    assert path.read_bytes() == CONTENT
    assert server.ranges == ranges
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", [PARTIAL, "tmp1x2y3z", "large.bin"])
def test_what_was_whole_when_its_process_was_killed_is_not_asked_for_again(tmp_path, name):
    workplace = break_off(tmp_path)
    (workplace / PARTIAL).unlink()
    (workplace / "tmpempty").write_bytes(b"")
    (workplace / name).write_bytes(CONTENT)
    remove_leftovers(tmp_path)
    with serve(CONTENT) as server:
        path = fetch(server, tmp_path)
    assert path.read_bytes() == CONTENT
    assert server.requests == []
    assert list(tmp_path.iterdir()) == [path]


def test_a_server_that_knows_no_ranges_sends_it_all(tmp_path):
    break_off(tmp_path)
    with serve(CONTENT) as server:
        assert fetch(server, tmp_path).read_bytes() == CONTENT
    assert server.ranges == [REST]


def test_of_two_who_want_it_one_has_it_sent_and_the_other_sees_how_far_that_is(tmp_path, threads):
    heard = threading.Event()

    def hear(received, total):
        if (received, total) == (HALF, len(CONTENT)):
            heard.set()

    with serve(CONTENT, file_server.hold_half_way, file_server.send_the_rest) as server:
        begun = threading.Event()
        first = threads.submit(fetch, server, tmp_path, tries=2, on_progress=lambda *_: begun.set())
        assert begun.wait(60)
        second = threads.submit(fetch, server, tmp_path, on_progress=hear)
        assert heard.wait(60)
        server.released.set()
        assert first.result().read_bytes() == second.result().read_bytes() == CONTENT
    assert server.ranges == [None, REST]
    assert list(tmp_path.iterdir()) == [first.result()]


def test_many_at_once_end_with_one_whole_file(tmp_path, threads):
    with serve(CONTENT, file_server.cut_off, file_server.send_the_rest) as server:
        attempts = [threads.submit(fetch, server, tmp_path, tries=2) for _ in range(8)]
        for attempt in attempts:
            assert attempt.result().read_bytes() == CONTENT
    assert server.ranges == [None, REST]
    assert [path.name for path in tmp_path.iterdir()] == ["large.bin"]


# -- room


def with_free(monkeypatch, size):
    monkeypatch.setattr("shutil.disk_usage", lambda path: Usage(10**12, 0, size))


def test_where_there_is_no_room_nothing_is_asked_for_and_nothing_left(tmp_path, monkeypatch):
    with_free(monkeypatch, len(CONTENT) - 1)
    with serve(CONTENT) as server, pytest.raises(StorageError) as raised:
        fetch(server, tmp_path)
    assert str(raised.value) == (
        "Could not store large.bin on the server: it needs 2 MB, but only 1 MB are free."
    )
    assert server.requests == []
    assert list(tmp_path.iterdir()) == []


def test_room_for_the_rest_is_enough_and_without_it_what_has_come_stays(tmp_path, monkeypatch):
    break_off(tmp_path)
    with serve(CONTENT, file_server.send_the_rest) as server:
        with_free(monkeypatch, HALF - 1)
        with pytest.raises(StorageError, match="it needs"):
            fetch(server, tmp_path)
        assert partial_bytes(tmp_path, "large.bin") == HALF
        with_free(monkeypatch, HALF)
        assert fetch(server, tmp_path).read_bytes() == CONTENT
    assert server.ranges == [REST]


def test_a_disk_that_is_full_in_the_end_is_cleared(tmp_path, monkeypatch):
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
        serve(CONTENT, file_server.send_the_rest) as server,
        pytest.raises(StorageError, match="No space left on device"),
    ):
        fetch(server, tmp_path)
    assert list(tmp_path.iterdir()) == []


# -- strays


def test_strays_are_removed_but_not_what_can_be_gone_on_with(tmp_path):
    kept = break_off(tmp_path)
    empty = tmp_path / f"{temporary_directories.RESUMABLE_PREFIX}other.bin"
    for stray in (tmp_path / f"{temporary_directories.PREFIX}ab_cdefg", empty):
        stray.mkdir()
        (stray / LOCK).write_bytes(b"")
    (tmp_path / f"{temporary_directories.PREFIX}ab_cdefg" / PARTIAL).write_bytes(b"partial")
    (tmp_path / f"{temporary_directories.RESUMABLE_PREFIX}a_file").write_bytes(b"somebody's")
    remove_leftovers(tmp_path)
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {kept.name, f"{temporary_directories.RESUMABLE_PREFIX}a_file"}


def test_what_is_being_gathered_is_left_alone(tmp_path, threads):
    begun = threading.Event()
    with serve(CONTENT, file_server.hold_half_way, file_server.send_the_rest) as server:
        future = threads.submit(
            fetch, server, tmp_path, tries=2, on_progress=lambda *_: begun.set()
        )
        assert begun.wait(60)
        remove_leftovers(tmp_path)
        remove_partial(tmp_path, "large.bin")
        server.released.set()
        assert future.result().read_bytes() == CONTENT
    assert server.ranges == [None, REST]


def test_what_was_kept_goes_once_the_file_is_there(tmp_path):
    break_off(tmp_path)
    (tmp_path / "large.bin").write_bytes(CONTENT)
    with serve(CONTENT) as server:
        fetch(server, tmp_path)
    assert server.requests == []
    assert [path.name for path in tmp_path.iterdir()] == ["large.bin"]


def test_a_broken_file_in_its_place_does_not_cost_what_has_come(tmp_path):
    break_off(tmp_path)
    (tmp_path / "large.bin").write_bytes(CONTENT[:1000])
    with serve(CONTENT, file_server.send_the_rest) as server:
        assert fetch(server, tmp_path).read_bytes() == CONTENT
    assert server.ranges == [REST]


def test_a_workplace_that_is_removed_before_it_is_locked_is_made_anew(tmp_path, monkeypatch):
    lock, lost = fcntl.flock, []

    def lose_and_lock(file, how):
        workplace = next(tmp_path.glob(f"{temporary_directories.RESUMABLE_PREFIX}*"), None)
        if workplace and not lost:
            lost.append(workplace)
            (workplace / LOCK).unlink()
            workplace.rmdir()
            workplace.mkdir()
            (workplace / LOCK).write_bytes(b"")
        lock(file, how)

    def nobody_else_gets_in(received, total):
        with (lost[0] / LOCK).open("ab") as file, pytest.raises(BlockingIOError):
            lock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)

    monkeypatch.setattr(fcntl, "flock", lose_and_lock)
    with serve(CONTENT) as server:
        path = fetch(server, tmp_path, on_progress=nobody_else_gets_in)
    assert path.read_bytes() == CONTENT
    assert len(lost) == 1


def test_without_locks_nothing_is_kept_and_the_file_comes_all_the_same(tmp_path, monkeypatch):
    def no_locks(*_):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", no_locks)
    with serve(CONTENT, file_server.cut_off, file_server.send) as server:
        with pytest.raises(DownloadError):
            fetch(server, tmp_path)
        assert list(tmp_path.iterdir()) == []
        assert fetch(server, tmp_path).read_bytes() == CONTENT
    assert server.ranges == [None, None]


def test_small_files_are_not_kept(tmp_path):
    with serve(CONTENT, file_server.cut_off) as server, pytest.raises(DownloadError):
        fetch(server, tmp_path, resumable_bytes=None)
    assert list(tmp_path.iterdir()) == []
