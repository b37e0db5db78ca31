"""Partial downloads: a failed one leaves its ``.part`` file, and the next one resumes it."""

import hashlib
import threading

import pytest

from tests.support import file_server
from tests.support.file_server import serve
from vgg_viz.downloads.fetching import FileUnavailable, download, locked, partial_bytes

CONTENT = bytes(range(256)) * 4096
HALF = len(CONTENT) // 2
REST = f"bytes={HALF}-"
MD5 = hashlib.md5(CONTENT).hexdigest()


pytestmark = pytest.mark.usefixtures("isolated")


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "models"


def fetch(server, folder, on_progress=None, md5=MD5):
    path = download(
        server.url, folder, "f", md5=md5, on_progress=on_progress, max_bytes=len(CONTENT)
    )
    # Others may wait for the lock.
    assert {path.name for path in folder.iterdir()} - {"f.lock"} == {"f"}
    return path.read_bytes()


def break_off(folder, content=CONTENT[:HALF]):
    folder.mkdir(exist_ok=True)
    (folder / "f.part").write_bytes(content)


def test_a_download_that_was_cut_off_is_resumed_with_its_progress(folder):
    reports = []
    with serve(CONTENT, file_server.cut_off, file_server.send_range) as server:
        assert fetch(server, folder, lambda *report: reports.append(report)) == CONTENT
    assert server.ranges == [None, REST]
    assert reports == sorted(reports)
    assert {total for _, total in reports} == {len(CONTENT)}
    assert reports[-1][0] == len(CONTENT)


def test_a_download_is_completed_step_by_step(folder):
    with serve(CONTENT, file_server.send_part(HALF // 2)) as server:
        with pytest.raises(FileUnavailable, match="closed before all bytes"):
            fetch(server, folder)
        assert partial_bytes(folder / "f") == 3 * HALF // 2
        assert fetch(server, folder) == CONTENT
    assert partial_bytes(folder / "f") == 0
    assert len(server.requests) == 4


@pytest.mark.parametrize(
    "answer", [file_server.send_sign_in_page, file_server.refuse, file_server.close_connection]
)
def test_a_wrong_response_does_not_discard_the_partial_download(folder, answer):
    with serve(CONTENT, file_server.cut_off, answer, file_server.send_range) as server:
        assert fetch(server, folder) == CONTENT
    assert server.ranges == [None, REST, REST]


@pytest.mark.parametrize(
    ("partial", "ranges"),
    [
        (CONTENT[: HALF - 1] + b"?", [REST, None]),  # half of another file
        (bytes(len(CONTENT)), [None]),  # as many bytes, but others
        (CONTENT + b"?", [None]),  # more bytes than the file has
        (CONTENT, []),  # left by a process that was killed after the last byte
    ],
)
def test_a_wrong_partial_download_is_discarded_and_a_complete_one_used(folder, partial, ranges):
    break_off(folder, partial)
    with serve(CONTENT, file_server.send_range) as server:
        assert fetch(server, folder) == CONTENT
    assert server.ranges == ranges


def test_the_whole_file_comes_from_a_server_without_ranges_and_without_an_md5(folder):
    break_off(folder)
    with serve(CONTENT) as server:
        assert fetch(server, folder) == CONTENT
    assert server.ranges == [REST]
    (folder / "f").unlink()
    break_off(folder)
    with serve(CONTENT, file_server.cut_off, file_server.send_range) as server:
        assert fetch(server, folder, md5=None) == CONTENT
    assert server.ranges == [None, None]


def test_an_exception_in_the_callback_keeps_the_partial_download(folder):
    class Interrupted(BaseException):
        pass

    def stop(received, total):
        if received > HALF // 2:
            raise Interrupted

    with serve(CONTENT, file_server.send_slowly) as server, pytest.raises(Interrupted):
        fetch(server, folder, stop)
    assert 0 < partial_bytes(folder / "f") < len(CONTENT)
    assert [path.name for path in folder.iterdir()] == ["f.part"]


# -- several servers with one folder


def test_of_two_downloads_one_waits_and_reports_the_others_progress(folder, threads):
    begun, reported = threading.Event(), threading.Event()

    def report(received, total):
        if (received, total) == (HALF, len(CONTENT)):
            reported.set()

    with serve(CONTENT, file_server.pause_halfway, file_server.send_range) as server:
        first = threads.submit(fetch, server, folder, lambda *_: begun.set())
        assert begun.wait(60)
        second = threads.submit(fetch, server, folder, report)
        assert reported.wait(60)
        server.released.set()
        assert first.result() == second.result() == CONTENT
    assert server.ranges == [None, REST]


def test_a_waiting_download_can_be_stopped(folder, threads):
    class Stopped(BaseException):
        pass

    def stop(received, total):
        assert (received, total) == (HALF, len(CONTENT))
        raise Stopped

    break_off(folder)
    with serve(CONTENT) as server, locked(folder / "f"), pytest.raises(Stopped):
        threads.submit(fetch, server, folder, stop).result()
    assert server.requests == []
    assert partial_bytes(folder / "f") == HALF
