"""Downloads from a local server: progress, retries, several addresses, and error messages."""

import errno
import hashlib
import io
import os
import socket
import tempfile
from pathlib import Path
from types import SimpleNamespace

import pooch
import pytest

from tests.support import file_server
from tests.support.file_server import serve
from vgg_viz.downloads.fetching import DownloadError, StorageError, download, private_folder

CONTENT = bytes(range(256)) * 4096
MD5 = hashlib.md5(CONTENT).hexdigest()
USUAL, QUICK = (10.0, 30.0), (10.0, 0.1)


@pytest.fixture(autouse=True)
def waits(monkeypatch):
    """Pooch's waits between tries, recorded instead of slept; proxies are off."""
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setenv("no_proxy", "*")
    waits = []
    monkeypatch.setattr("pooch.core.time", SimpleNamespace(sleep=waits.append))
    return waits


@pytest.fixture
def closed_port():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return unused.getsockname()[1]


@pytest.mark.parametrize(
    "behavior", [file_server.send, file_server.send_slowly, file_server.send_without_length]
)
@pytest.mark.parametrize("md5", [MD5, None])
def test_a_download_leaves_the_complete_file_and_nothing_else(tmp_path, behavior, md5):
    folder = tmp_path / "new" / "folder"
    with serve(CONTENT, behavior) as server:
        path = download(server.url, folder, "file.bin", md5=md5)
    assert path == folder / "file.bin"
    assert path.read_bytes() == CONTENT
    assert list(folder.iterdir()) == [path]
    assert server.requests == ["/weights.h5"]


def test_progress_grows_to_the_total(tmp_path):
    reports = []
    content = CONTENT[:-1000]
    with serve(content, file_server.send_slowly) as server:
        download(
            server.url, tmp_path, "f", md5=None, on_progress=lambda *report: reports.append(report)
        )
    received, totals = zip(*reports, strict=True)
    assert len(reports) >= 4
    assert list(received) == sorted(received)
    assert 0 < received[0] < received[-1] == len(content)
    assert set(totals) == {len(content)}


def test_progress_without_an_announced_size_has_no_total(tmp_path):
    reports = []
    with serve(CONTENT, file_server.send_without_length) as server:
        download(
            server.url, tmp_path, "f", md5=None, on_progress=lambda *report: reports.append(report)
        )
    received, totals = zip(*reports, strict=True)
    assert list(received) == sorted(received)
    assert received[-1] == len(CONTENT)
    assert set(totals) == {None}


def test_progress_of_a_second_try_starts_again(tmp_path):
    reports = []
    with serve(CONTENT, file_server.cut_off, file_server.send) as server:
        download(server.url, tmp_path, "f", md5=MD5, on_progress=lambda got, _: reports.append(got))
    restart = next(at for at in range(1, len(reports)) if reports[at] < reports[at - 1])
    assert reports[:restart] == sorted(reports[:restart])
    assert reports[restart:] == sorted(reports[restart:])
    assert reports[-1] == len(CONTENT)


@pytest.mark.parametrize(
    ("failure", "timeout"),
    [
        (file_server.cut_off, USUAL),
        (file_server.refuse, USUAL),
        (file_server.send_other_bytes, USUAL),
        (file_server.hang, (10.0, 1.0)),  # long enough for the third, successful try
        (file_server.close_connection, USUAL),
    ],
)
def test_a_failed_try_is_repeated(tmp_path, failure, timeout, waits):
    with serve(CONTENT, failure, failure, file_server.send) as server:
        path = download(server.url, tmp_path, "file.bin", md5=MD5, timeout=timeout)
    assert path.read_bytes() == CONTENT
    assert len(server.requests) == 3
    assert waits == [1, 2]
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("md5", [MD5, None])
@pytest.mark.parametrize(
    ("failure", "timeout", "reason"),
    [
        (file_server.cut_off, USUAL, "the connection closed before all 1,048,576 bytes"),
        (file_server.refuse, USUAL, "expected a file, got HTTP 404 Not Found"),
        (file_server.hang, QUICK, "the host sent nothing for 0.1 s"),
        (file_server.pause_halfway, QUICK, "the host sent nothing for 0.1 s"),
        (file_server.close_connection, USUAL, "could not reach the host (Remote end closed"),
    ],
)
def test_repeated_failures_are_an_error_and_leave_nothing(tmp_path, failure, timeout, reason, md5):
    with serve(CONTENT, failure) as server, pytest.raises(DownloadError) as raised:
        download(server.url, tmp_path, "file.bin", md5=md5, timeout=timeout)
    sentence = f"Could not download {server.url} (tried 3 times): {reason}"
    assert str(raised.value).startswith(sentence)
    assert not isinstance(raised.value, StorageError)
    assert len(server.requests) == 3
    assert list(tmp_path.iterdir()) == []


def test_a_wrong_md5_raises_an_error_and_leaves_nothing(tmp_path):
    other = hashlib.md5(bytes(len(CONTENT))).hexdigest()
    with (
        serve(CONTENT, file_server.send_other_bytes) as server,
        pytest.raises(DownloadError, match=f"a file with MD5 {MD5}, got MD5 {other}"),
    ):
        download(server.url, tmp_path, "file.bin", md5=MD5, tries=1)
    assert len(server.requests) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_closed_port_is_an_error(tmp_path, closed_port):
    with pytest.raises(
        DownloadError, match=r"once\): could not reach the host \(Connection refused"
    ):
        download(f"http://127.0.0.1:{closed_port}/f", tmp_path, "f", md5=MD5, tries=1)
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_host_is_an_error(tmp_path, monkeypatch):
    def fail(*arguments, **keywords):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    with pytest.raises(DownloadError, match="could not find the host"):
        download("http://127.0.0.1/f", tmp_path, "f", md5=MD5)


def test_an_unreachable_host_is_an_error(tmp_path, monkeypatch):
    def fail(*arguments, **keywords):
        raise TimeoutError("timed out")

    monkeypatch.setattr("urllib3.util.connection.create_connection", fail)
    with pytest.raises(DownloadError, match="could not reach the host within 10 s"):
        download("http://127.0.0.1/f", tmp_path, "f", md5=MD5)


@pytest.mark.parametrize("url", ["", "weights.h5", "ftp://127.0.0.1/f", "http://", "http://[::1"])
def test_an_invalid_address_is_an_error(tmp_path, url):
    with pytest.raises(DownloadError, match="expected an http or https address"):
        download(url, tmp_path, "f", md5=MD5)


def test_a_path_in_place_of_an_address_is_not_shown(tmp_path):
    for url in ("/srv/secret/weights.h5", "file:///srv/secret/weights.h5"):
        with pytest.raises(DownloadError, match=r"^Could not download weights\.h5 ") as raised:
            download(url, tmp_path, "f", md5=MD5, tries=1)
        assert "secret" not in str(raised.value)


def test_messages_show_no_passwords_or_signatures(tmp_path, closed_port):
    url = f"http://user:p@ss@127.0.0.1:{closed_port}/weights.h5?signature=secret#part"
    with pytest.raises(DownloadError) as raised:
        download(url, tmp_path, "f", md5=MD5)
    assert str(raised.value).startswith(
        f"Could not download http://127.0.0.1:{closed_port}/weights.h5 (tried 3 times)"
    )


def test_the_reason_ignores_an_error_that_the_caller_was_handling(tmp_path, closed_port):
    def handle():
        try:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        except OSError:
            download(f"http://127.0.0.1:{closed_port}/f", tmp_path, "f", md5=MD5)

    with pytest.raises(DownloadError, match="Connection refused"):
        handle()


def test_a_folder_that_cannot_be_created_is_an_error_without_a_request(tmp_path):
    (tmp_path / "occupied").write_bytes(b"")
    for folder in (tmp_path / "occupied", tmp_path / "occupied" / "folder"):
        with (
            serve(CONTENT) as server,
            pytest.raises(StorageError, match=r"^Could not store http") as raised,
        ):
            download(server.url, folder, "f", md5=MD5)
        assert str(tmp_path) not in str(raised.value)
        assert server.requests == []


def test_a_full_disk_is_not_retried_and_leaves_nothing(tmp_path, monkeypatch):
    class FullDisk(io.BytesIO):
        def write(self, data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def open_on_full_disk(path, *arguments, **keywords):
        return FullDisk() if path.name == "partial" else open_path(path, *arguments, **keywords)

    open_path = Path.open
    monkeypatch.setattr(Path, "open", open_on_full_disk)
    with serve(CONTENT) as server, pytest.raises(StorageError, match="No space left on device"):
        download(server.url, tmp_path, "f", md5=MD5)
    assert len(server.requests) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_file_with_the_right_md5_is_kept_without_a_request(tmp_path):
    (tmp_path / "file.bin").write_bytes(CONTENT)
    with serve(CONTENT) as server:
        download(server.url, tmp_path, "file.bin", md5=MD5)
    assert server.requests == []


def test_a_file_with_a_wrong_md5_is_replaced_only_by_the_right_one(tmp_path):
    path = tmp_path / "file.bin"
    path.write_bytes(CONTENT[:1000])
    with serve(CONTENT, file_server.cut_off, file_server.send) as server:
        with pytest.raises(DownloadError):
            download(server.url, tmp_path, "file.bin", md5=MD5, tries=1)
        assert path.read_bytes() == CONTENT[:1000]
        download(server.url, tmp_path, "file.bin", md5=MD5, tries=1)
    assert path.read_bytes() == CONTENT


def test_an_exception_in_the_callback_is_raised_and_leaves_nothing(tmp_path):
    class Interrupted(BaseException):
        pass

    def stop(received, total):
        raise Interrupted

    with serve(CONTENT) as server, pytest.raises(Interrupted):
        download(server.url, tmp_path, "file.bin", md5=MD5, on_progress=stop)
    assert len(server.requests) == 1
    assert list(tmp_path.iterdir()) == []


def test_the_response_of_a_failed_transfer_is_closed(tmp_path):
    with serve(CONTENT, file_server.refuse) as server, pytest.raises(DownloadError) as raised:
        download(server.url, tmp_path, "file.bin", md5=MD5, tries=1)
    assert raised.value.__cause__.response.raw.closed


def test_pooch_prints_nothing(tmp_path, monkeypatch):
    [handler] = pooch.get_logger().handlers
    monkeypatch.setattr(handler, "stream", io.StringIO())
    pooch.get_logger().setLevel("DEBUG")
    with serve(CONTENT, file_server.refuse, file_server.send) as server:
        download(server.url, tmp_path, "file.bin", md5=None)
    assert handler.stream.getvalue() == ""


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """The system's temporary directory."""
    if not hasattr(os, "getuid"):
        pytest.skip("each user has a temporary directory here")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
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
    with pytest.raises(StorageError, match=r"other users can write to it\.$"):
        private_folder()
    assert str(temporary) in caplog.text


def test_the_private_folder_needs_a_writable_temporary_directory(tmp_path, monkeypatch):
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "file"))
    with pytest.raises(StorageError, match="create a temporary folder on the server: File exists"):
        private_folder()
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(tempfile, "_candidate_tempdir_list", lambda: [str(tmp_path / "absent")])
    with pytest.raises(StorageError, match="create a temporary folder on the server"):
        private_folder()


def test_redirects_to_another_host_need_an_md5(tmp_path):
    with serve(CONTENT) as other, serve(b"", file_server.redirect_to(other.url)) as server:
        with pytest.raises(DownloadError, match="redirected to another host, which is not trusted"):
            download(server.url, tmp_path, "f", md5=None, tries=1)
        assert not other.requests
        assert not list(tmp_path.iterdir())
        path = download(server.url, tmp_path, "f", md5=MD5, tries=1)
    assert path.read_bytes() == CONTENT
    assert len(other.requests) == 1


def test_redirects_within_a_host_are_followed(tmp_path):
    with serve(CONTENT, file_server.redirect_to("/elsewhere.bin"), file_server.send) as server:
        path = download(server.url, tmp_path, "f", md5=None, tries=1)
    assert path.read_bytes() == CONTENT
    assert server.requests == ["/weights.h5", "/elsewhere.bin"]


@pytest.mark.parametrize("behavior", [file_server.send, file_server.send_without_length])
def test_a_file_above_the_maximum_size_is_rejected(tmp_path, behavior):
    with (
        serve(bytes(4 * 2**20), behavior) as server,
        pytest.raises(DownloadError, match="a file of at most 1 MB, got more"),
    ):
        download(server.url, tmp_path, "f", md5=None, tries=1, max_bytes=2**20)
    assert not list(tmp_path.iterdir())
    with serve(bytes(2**20), behavior) as server:
        download(server.url, tmp_path, "f", md5=None, tries=1, max_bytes=2**20)
    assert (tmp_path / "f").stat().st_size == 2**20


# -- resuming


def test_a_download_that_was_cut_off_is_resumed(tmp_path):
    reports = []
    with serve(CONTENT, file_server.cut_off, file_server.send_range) as server:
        path = download(
            server.url, tmp_path, "f", md5=MD5, on_progress=lambda *report: reports.append(report)
        )
    assert path.read_bytes() == CONTENT
    assert server.ranges == [None, f"bytes={len(CONTENT) // 2}-"]
    assert reports == sorted(reports)
    assert {total for _, total in reports} == {len(CONTENT)}
    assert reports[-1][0] == len(CONTENT)


def test_a_download_without_an_md5_is_not_resumed(tmp_path):
    with serve(CONTENT, file_server.cut_off, file_server.send_range) as server:
        assert download(server.url, tmp_path, "f", md5=None).read_bytes() == CONTENT
    assert server.ranges == [None, None]


@pytest.mark.parametrize(
    "answer", [file_server.send_sign_in_page, file_server.refuse, file_server.close_connection]
)
def test_a_wrong_response_does_not_discard_the_partial_download(tmp_path, answer):
    with serve(CONTENT, file_server.cut_off, answer, file_server.send_range) as server:
        assert download(server.url, tmp_path, "f", md5=MD5).read_bytes() == CONTENT
    half = f"bytes={len(CONTENT) // 2}-"
    assert server.ranges == [None, half, half]


def other_half(handler, content):
    file_server.cut_off(handler, bytes(len(content)))


def test_half_of_another_file_is_discarded(tmp_path):
    with serve(CONTENT, other_half, file_server.send_range) as server:
        assert download(server.url, tmp_path, "f", md5=MD5).read_bytes() == CONTENT
    assert server.ranges == [None, f"bytes={len(CONTENT) // 2}-", None]


def longer(handler, content):
    file_server.cut_off(handler, bytes(4 * len(content)))


def test_a_partial_download_longer_than_the_file_is_discarded(tmp_path):
    with serve(CONTENT, longer, file_server.send_range) as server:
        assert download(server.url, tmp_path, "f", md5=MD5).read_bytes() == CONTENT
    assert server.ranges == [None, f"bytes={2 * len(CONTENT)}-", None]


# -- several addresses


@pytest.mark.parametrize(
    ("failure", "timeout"),
    [
        (file_server.refuse, USUAL),
        (file_server.close_connection, USUAL),
        (file_server.hang, (10.0, 1.0)),
        (file_server.send_other_bytes, USUAL),
        (file_server.send_sign_in_page, USUAL),
    ],
)
def test_the_next_address_is_tried_if_one_fails(tmp_path, failure, timeout, waits):
    with serve(CONTENT, failure) as first, serve(CONTENT) as second:
        urls = [first.url, second.url]
        path = download(urls, tmp_path, "f", md5=MD5, timeout=timeout)
    assert path.read_bytes() == CONTENT
    assert len(first.requests) == len(second.requests) == 1
    assert waits == [1]
    assert list(tmp_path.iterdir()) == [path]


def test_the_next_address_resumes_the_first_ones_download_and_progress(tmp_path):
    reports = []
    with (
        serve(CONTENT, file_server.cut_off) as first,
        serve(CONTENT, file_server.send_range) as second,
    ):
        urls = [first.url, second.url]
        download(urls, tmp_path, "f", md5=MD5, on_progress=lambda *got: reports.append(got))
    assert (tmp_path / "f").read_bytes() == CONTENT
    assert second.ranges == [f"bytes={len(CONTENT) // 2}-"]
    assert reports == sorted(reports)
    assert {total for _, total in reports} == {len(CONTENT)}


def test_an_error_states_the_failure_of_each_address(tmp_path, closed_port):
    closed = f"http://127.0.0.1:{closed_port}/weights.h5"
    with (
        serve(CONTENT, file_server.refuse) as server,
        pytest.raises(DownloadError) as raised,
    ):
        download([closed, server.url], tmp_path, "f", md5=MD5)
    first, second = raised.value.sentences
    assert first.startswith(
        f"Could not download {closed} (tried 3 times): could not reach the host ("
    )
    assert second == (
        f"Could not download {server.url} (tried 3 times): expected a file, got HTTP 404 Not Found."
    )
    assert str(raised.value) == f"{first} {second}"
    assert list(tmp_path.iterdir()) == []
