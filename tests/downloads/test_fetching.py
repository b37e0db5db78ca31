"""Downloads from a local server: progress, retries, several addresses, errors, and resuming."""

import errno
import hashlib
import os
import socket
import tempfile
import threading

import pytest

from tests.support import file_server
from tests.support.file_server import serve
from tests.support.offline import closed_address
from tests.support.threads import wait_for
from vgg_viz.downloads import fetching
from vgg_viz.downloads.fetching import (
    FileUnavailable,
    StorageError,
    download,
    locked,
    partial_bytes,
    private_folder,
)

CONTENT = bytes(range(256)) * 4096
MD5 = hashlib.md5(CONTENT).hexdigest()
PART = "file.bin.part"
ZEROS = hashlib.md5(bytes(len(CONTENT))).hexdigest()


pytestmark = pytest.mark.usefixtures("isolated")


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "new" / "folder"


def fetch(urls, folder, md5=MD5, **options):
    """Download ``file.bin``; return its content and the reported progress."""
    reports, urls = [], [urls] if isinstance(urls, str) else urls
    options = {"on_progress": lambda *got: reports.append(got)} | options
    path = download(urls, folder, "file.bin", md5=md5, **options)
    assert path == folder / "file.bin"
    # Others may wait for the lock.
    assert {*names(folder)} - {"file.bin.lock"} == {"file.bin"}
    return path.read_bytes(), reports


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("with_md5", [True, False])
@pytest.mark.parametrize("behavior", [file_server.send_slowly, file_server.send_without_length])
def test_a_download_reports_progress_and_leaves_the_complete_file(folder, behavior, with_md5):
    content = CONTENT[:-1000]
    md5 = hashlib.md5(content).hexdigest() if with_md5 else None
    with serve(content, behavior) as server:
        found, reports = fetch(server.url, folder, md5)
    assert found == content
    assert server.requests == ["/weights.h5"]
    assert len(reports) >= 4
    assert reports == sorted(reports)
    assert 0 < reports[0][0] < reports[-1][0] == len(content)
    total = len(content) if behavior is file_server.send_slowly else None
    assert {reported for _, reported in reports} == {total}


FAILURES = [
    (file_server.cut_off, "the connection closed before all bytes arrived"),
    (file_server.refuse, "expected a file, got HTTP 404"),
    (file_server.hang, "the host sent nothing in time"),
    (file_server.pause_halfway, "the host sent nothing in time"),
    (file_server.send_compressed, "expected a file as it is, got a compressed one"),
    (file_server.close_connection, "could not reach the host (Remote end closed"),
    (file_server.send_other_bytes, f"expected a file with MD5 {MD5}, got MD5 {ZEROS}"),
]


@pytest.mark.parametrize(("failure", "reason"), FAILURES)
def test_repeated_failures_are_an_error(folder, isolated, failure, reason):
    stalls = failure in (file_server.hang, file_server.pause_halfway)
    timeout = (10.0, 0.05 if stalls else 30.0)
    for md5 in (MD5, None) if failure != file_server.send_other_bytes else (MD5,):
        with serve(CONTENT, failure) as server:
            with pytest.raises(FileUnavailable) as raised:
                fetch(server.url, folder, md5, timeout=timeout)
            wait_for(lambda: len(server.requests) == 3)  # a busy server reads them later
        sentence = f"Could not download {server.url} (tried 3 times): {reason}"
        assert str(raised.value).startswith(sentence)
        assert not isinstance(raised.value, StorageError)
        assert isolated[-3:] == [0, 1, 2]
        half = md5 and failure in (file_server.cut_off, file_server.pause_halfway)
        assert names(folder) == [PART] * bool(half)
        if half:
            (folder / PART).unlink()


def test_a_download_that_would_take_hours_ends(folder, monkeypatch):
    monkeypatch.setattr(fetching, "PATIENCE_SECONDS", 0.0)
    monkeypatch.setattr(fetching, "SLOWEST_BYTES_PER_SECOND", 1e12)
    reason = "the host sent less than 10 kB a second"
    with (
        serve(CONTENT, file_server.send_slowly) as server,
        pytest.raises(FileUnavailable, match=reason),
    ):
        fetch(server.url, folder)
    assert names(folder) == [PART]


@pytest.mark.parametrize("failure", [failure for failure, _ in FAILURES])
def test_the_next_try_or_address_succeeds(tmp_path, failure):
    options = {"timeout": (10.0, 0.5)}  # long enough for the successful try
    with serve(CONTENT, failure, file_server.send_range) as server:
        assert fetch(server.url, tmp_path / "1", **options)[0] == CONTENT
        assert len(server.requests) == 2
    with serve(CONTENT, failure) as first, serve(CONTENT, file_server.send_range) as second:
        urls = [first.url, second.url]
        assert fetch(urls, tmp_path / "2", **options)[0] == CONTENT
    assert len(first.requests) == len(second.requests) == 1


NO_NAME = socket.gaierror(socket.EAI_NONAME, "Name or service not known")


@pytest.mark.parametrize(
    ("place", "error", "reason"),
    [
        ("socket.getaddrinfo", NO_NAME, "could not reach the host (Name or service not known"),
        ("socket.socket", OSError(errno.ENETUNREACH, "Network is unreachable"), "is unreachable)"),
        (
            "urllib3.util.connection.create_connection",
            TimeoutError("timed out"),
            "the host sent nothing in time",
        ),
    ],
)
def test_a_missing_network_is_an_error(folder, monkeypatch, place, error, reason):
    def fail(*arguments, **keywords):
        raise error

    monkeypatch.setattr(place, fail)
    with pytest.raises(FileUnavailable) as raised:
        fetch("http://127.0.0.1/f", folder)
    assert reason in str(raised.value)


@pytest.mark.parametrize(
    ("url", "shown", "reason"),
    [
        ("", "The address", "expected an http or https address"),
        ("http://", "http://", "expected an http or https address"),
        ("http://[::1", "http://[::1", "expected an http or https address"),
        ("/srv/secret/weights.h5", "weights.h5", "expected an http or https address"),
        ("file:///srv/secret/weights.h5", "weights.h5", "expected an http or https address"),
        ("ftp://127.0.0.1/f", "f", "expected an http or https address"),
        ("http://user:p@ss@127.0.0.1:9/w.h5?sign=secret#part", "http://127.0.0.1:9/w.h5", "could"),
    ],
)
def test_invalid_addresses_are_named_without_paths_passwords_or_signatures(
    folder, url, shown, reason
):
    with pytest.raises(FileUnavailable) as raised:
        fetch(url, folder)
    sentence = f"Could not download {shown} (tried 3 times): {reason}"
    assert str(raised.value).startswith(sentence)
    assert "secret" not in str(raised.value)


def test_the_reason_ignores_an_error_that_the_caller_was_handling(folder):
    def handle():
        try:
            raise NO_NAME
        except OSError:
            fetch(closed_address(), folder)

    with pytest.raises(FileUnavailable, match=r"could not reach the host \(Connection refused"):
        handle()


def test_a_folder_that_cannot_be_created_is_an_error_without_a_request(tmp_path):
    (tmp_path / "occupied").write_bytes(b"")
    for folder in (tmp_path / "occupied", tmp_path / "occupied" / "folder"):
        with serve(CONTENT) as server, pytest.raises(StorageError) as raised:
            fetch(server.url, folder)
        assert str(raised.value).startswith("Could not store file.bin on the server: ")
        assert str(tmp_path) not in str(raised.value)
        assert server.requests == []


def test_a_full_disk_is_not_retried_and_leaves_nothing(folder):
    folder.mkdir(parents=True)
    (folder / PART).write_bytes(CONTENT[:1000])
    resource = pytest.importorskip("resource", reason="files cannot be limited here")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(CONTENT) // 2, limits[1]))
    try:
        with (
            serve(CONTENT, file_server.send_range) as server,
            pytest.raises(StorageError, match="File too large"),
        ):
            fetch(server.url, folder)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert server.ranges == ["bytes=1000-"]
    assert names(folder) == []


def test_a_file_is_kept_without_a_request_or_replaced_in_one_step(folder):
    folder.mkdir(parents=True)
    path = folder / "file.bin"
    path.write_bytes(CONTENT[:1000])
    with serve(CONTENT, *[file_server.cut_off] * 3, file_server.send_range) as server:
        assert fetch(server.url, folder, md5=None)[0] == CONTENT[:1000]
        assert server.requests == []
        with pytest.raises(FileUnavailable):
            fetch(server.url, folder)
        assert path.read_bytes() == CONTENT[:1000]
        assert fetch(server.url, folder)[0] == fetch(server.url, folder)[0] == CONTENT
    assert len(server.requests) == 4


def test_redirects_need_an_md5(tmp_path):
    with serve(CONTENT) as other, serve(b"", file_server.redirect_to(other.url)) as server:
        with pytest.raises(FileUnavailable, match="expected a file, got HTTP 302"):
            fetch(server.url, tmp_path / "1", md5=None)
        assert not other.requests
        assert names(tmp_path / "1") == []
        assert fetch(server.url, tmp_path / "2")[0] == CONTENT


@pytest.mark.parametrize("behavior", [file_server.send, file_server.send_without_length])
def test_a_file_above_the_maximum_size_is_rejected(folder, behavior):
    # A file whose announced size is too large is not received.
    got = "got 4,194,304" if behavior is file_server.send else "got"
    with serve(bytes(4 * 2**20), behavior) as server:
        with pytest.raises(FileUnavailable, match=f"expected at most 1,048,576 bytes, {got}"):
            fetch(server.url, folder, md5=None, max_bytes=2**20)
        assert names(folder) == []
        assert len(fetch(server.url, folder, md5=None, max_bytes=4 * 2**20)[0]) == 4 * 2**20


# -- partial downloads: a failed one leaves its ``.part`` file, and the next one resumes it

HALF = len(CONTENT) // 2
REST = f"bytes={HALF}-"


def resume(server, folder, on_progress=None, md5=MD5):
    options = {"on_progress": on_progress, "max_bytes": len(CONTENT)}
    return fetch(server.url, folder, md5, **options)[0]


def break_off(folder, content=CONTENT[:HALF]):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / PART).write_bytes(content)


def test_a_download_that_was_cut_off_is_resumed_with_its_progress(folder):
    reports = []
    with serve(CONTENT, file_server.cut_off, file_server.send_range) as server:
        assert resume(server, folder, lambda *report: reports.append(report)) == CONTENT
    assert server.ranges == [None, REST]
    assert reports == sorted(reports)
    assert {total for _, total in reports} == {len(CONTENT)}
    assert reports[-1][0] == len(CONTENT)


def test_a_download_is_completed_step_by_step(folder):
    with serve(CONTENT, file_server.send_part(HALF // 2)) as server:
        with pytest.raises(FileUnavailable, match="closed before all bytes"):
            resume(server, folder)
        assert partial_bytes(folder / "file.bin") == 3 * HALF // 2
        assert resume(server, folder) == CONTENT
    assert partial_bytes(folder / "file.bin") == 0
    assert len(server.requests) == 4


@pytest.mark.parametrize(
    "answer", [file_server.send_sign_in_page, file_server.refuse, file_server.close_connection]
)
def test_a_wrong_response_does_not_discard_the_partial_download(folder, answer):
    with serve(CONTENT, file_server.cut_off, answer, file_server.send_range) as server:
        assert resume(server, folder) == CONTENT
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
        assert resume(server, folder) == CONTENT
    assert server.ranges == ranges


def test_the_whole_file_comes_from_a_server_without_ranges_and_without_an_md5(folder):
    break_off(folder)
    with serve(CONTENT) as server:
        assert resume(server, folder) == CONTENT
    assert server.ranges == [REST]
    (folder / "file.bin").unlink()
    break_off(folder)
    with serve(CONTENT, file_server.cut_off, file_server.send_range) as server:
        assert resume(server, folder, md5=None) == CONTENT
    assert server.ranges == [None, None]


def test_an_exception_in_the_callback_keeps_the_partial_download(folder):
    class Interrupted(BaseException):
        pass

    def stop(received, total):
        if received > HALF // 2:
            raise Interrupted

    with serve(CONTENT, file_server.send_slowly) as server, pytest.raises(Interrupted):
        resume(server, folder, stop)
    assert 0 < partial_bytes(folder / "file.bin") < len(CONTENT)
    assert names(folder) == [PART]


# -- several servers with one folder


def test_of_two_downloads_one_waits_and_reports_the_others_progress(folder, threads):
    begun, reported = threading.Event(), threading.Event()

    def report(received, total):
        if (received, total) == (HALF, len(CONTENT)):
            reported.set()

    with serve(CONTENT, file_server.pause_halfway, file_server.send_range) as server:
        first = threads.submit(resume, server, folder, lambda *_: begun.set())
        assert begun.wait(60)
        second = threads.submit(resume, server, folder, report)
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
    with serve(CONTENT) as server, locked(folder / "file.bin"), pytest.raises(Stopped):
        threads.submit(resume, server, folder, stop).result()
    assert server.requests == []
    assert partial_bytes(folder / "file.bin") == HALF


# -- the temporary folder


@pytest.fixture
def temporary(tmp_path):
    if not hasattr(os, "getuid"):
        pytest.skip("each user has a temporary directory here")
    return tmp_path / "temporary"


def test_the_private_folder_is_only_for_this_user_and_always_the_same(temporary):
    folder = private_folder()
    assert folder.parent == temporary
    assert (folder.stat().st_mode & 0o777, folder.stat().st_uid) == (0o700, os.getuid())
    assert private_folder() == folder


@pytest.mark.parametrize("prepared", ["open to all", "link", "file", "another user's"])
def test_a_private_folder_prepared_by_another_user_is_rejected(
    temporary, tmp_path, monkeypatch, caplog, prepared
):
    folder = private_folder()
    if prepared == "open to all":
        folder.chmod(0o777)
    elif prepared == "another user's":
        user = os.getuid()
        monkeypatch.setattr(os, "getuid", lambda: user + 1)
        folder.rename(temporary / f"vgg_viz-{user + 1}")
    else:
        folder.rmdir()
        folder.symlink_to(tmp_path) if prepared == "link" else folder.write_bytes(b"")
    with pytest.raises(StorageError, match=r"temporary folder on the server: (Perm|File ex)"):
        private_folder()
    assert str(temporary) in caplog.text


def test_the_private_folder_needs_a_writable_temporary_directory(tmp_path, monkeypatch):
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "file"))
    with pytest.raises(StorageError, match="Could not use a temporary folder on the server: Not a"):
        private_folder()
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(tempfile, "_candidate_tempdir_list", lambda: [str(tmp_path / "absent")])
    with pytest.raises(StorageError, match=r"on the server: No such file or directory\.$"):
        private_folder()
