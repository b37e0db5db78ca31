"""Faults: killed processes, company proxies, and files that are damaged or replaced meanwhile."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import threading
import weakref
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import streamlit as st

from tests.support import REPOSITORY, file_server
from tests.support.company_proxy import company_proxy
from tests.support.file_server import serve
from tests.support.offline import closed_address
from tests.support.pages import Page, open_page
from tests.support.weights_files import pass_for_keras, write_keras_weights
from vgg_viz.downloads.fetching import CHUNK_BYTES, FileUnavailable, StorageError, download
from vgg_viz.model import weights
from vgg_viz.model.weights import NOTOP, UntrainedWeights, obtain
from vgg_viz.ui.state import shared_instance
from vgg_viz.ui.state.shared_instance import shared

fcntl = pytest.importorskip("fcntl", reason="there are no POSIX signals and locks here")

PIECE = bytes(range(256)) * 1024
NOTOP_FILE = NOTOP.name
pytestmark = pytest.mark.usefixtures("isolated", "without_trial")
CHILD_SECONDS = 120  # after which a child process is killed

# Obtains a weights file with another MD5; prints what it receives, and the memory that it takes.
OBTAIN = """
import sys
from dataclasses import replace
from vgg_viz.model import weights
from vgg_viz.serving import memory
weights.NOTOP = replace(weights.NOTOP, md5=sys.argv[1])
weights.KERAS_FILES = (weights.NOTOP,)
def report(received, total):
    print("received", received, memory.taken_bytes(), flush=True)
print("found", weights.obtain(on_progress=report).path, flush=True)
"""


@pytest.fixture
def content(hollow):
    """A valid weights file of 2 MB, as bytes."""
    return hollow + PIECE * 8


@pytest.fixture
def md5(content, monkeypatch):
    """MD5 of ``content``, treated as that of Keras' file in this process."""
    md5 = hashlib.md5(content).hexdigest()
    pass_for_keras(monkeypatch, md5)
    return md5


@contextmanager
def obtaining(content: bytes, folder: Path, url: str):
    """Run a process that obtains the weights, and kill it at the end; it has no home folder."""
    env = {
        "PATH": os.environ.get("PATH", ""),
        "KERAS_HOME": str(folder / "keras"),
        "TMPDIR": str(folder),
        "NO_PROXY": "*",
        "PYTHONDONTWRITEBYTECODE": "1",
        "VGG_VIZ_WEIGHTS_URL": url,
    }
    command = [sys.executable, "-c", OBTAIN, hashlib.md5(content).hexdigest()]
    options = {"cwd": REPOSITORY, "env": env, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **options) as process:
        guard = threading.Timer(CHILD_SECONDS, process.kill)
        guard.start()
        try:
            yield process
        finally:
            guard.cancel()
            process.kill()


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def last_sentence(raised: pytest.ExceptionInfo, tmp_path: Path) -> str:
    """Return an error's last sentence; assert that all are sentences without a path."""
    for sentence in raised.value.attempts:
        assert re.fullmatch(r"\S.*\.", sentence)
        assert str(tmp_path) not in sentence
    return raised.value.attempts[-1]


@pytest.mark.slow
@pytest.mark.parametrize("waits", [True, False], ids=["that waits", "that starts later"])
def test_the_download_of_a_killed_process_is_resumed_by_one(tmp_path, models, waits):
    content = PIECE * 200
    half = len(content) // 2
    with (
        serve(content, file_server.pause_halfway, file_server.send_range) as server,
        obtaining(content, tmp_path, server.url) as first,
    ):
        next(line for line in first.stdout if f"received {half} " in line)
        if not waits:
            first.kill()
            first.wait()
            assert (models / f"{NOTOP_FILE}.part").stat().st_size == half
            assert not (models / NOTOP_FILE).exists()
        with obtaining(content, tmp_path, server.url) as second:
            if waits:
                assert f"received {half} " in second.stdout.readline()
                first.kill()
            *received, found = map(str.split, second.stdout)
    assert server.ranges == [None, f"bytes={half}-"]
    assert found == ["found", str(models / NOTOP_FILE)]
    assert int(received[-1][1]) == len(content)
    memory = [int(taken) for _, _, taken in received]
    assert max(memory) - min(memory) < 40 * CHUNK_BYTES
    assert (models / NOTOP_FILE).read_bytes() == content
    assert names(models) == [NOTOP_FILE]


GOOGLE, GITHUB = (urlsplit(address).hostname for address in weights.ADDRESSES)


@pytest.fixture
def through_proxy(tmp_path, content, md5, monkeypatch):
    """Send all requests through a company proxy, whose authority is trusted or not."""

    @contextmanager
    def go(*, trusted=True, **options):
        with company_proxy(content, tmp_path, (GOOGLE, GITHUB), **options) as (proxy, authority):
            for name in ("NO_PROXY", "no_proxy", "VGG_VIZ_WEIGHTS_URL"):
                monkeypatch.delenv(name, raising=False)
            monkeypatch.setenv("HTTPS_PROXY", proxy.url)
            if trusted:
                monkeypatch.setenv("HOME", str(authority.parent))
                monkeypatch.setenv("REQUESTS_CA_BUNDLE", f"~/{authority.name}")
            yield proxy

    return go


@pytest.mark.parametrize(("blocked", "connected"), [([], [GOOGLE]), ([GOOGLE], [GOOGLE, GITHUB])])
def test_weights_are_downloaded_through_a_company_proxy(
    models, content, through_proxy, blocked, connected
):
    with through_proxy(blocked=blocked) as proxy:
        assert obtain().path == models / NOTOP_FILE
    assert proxy.connected == connected
    assert (models / NOTOP_FILE).read_bytes() == content


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"trusted": False}, "could not verify the host's certificate (unable to get local issuer"),
        ({"days": "-1"}, "could not verify the host's certificate (certificate has expired"),
        ({"blocked": [GOOGLE, GITHUB]}, "could not connect through the proxy (Tunnel connection"),
        ({"behavior": file_server.send_sign_in_page}, "expected a file with MD5"),
    ],
)
def test_errors_behind_a_proxy_name_both_addresses(
    tmp_path, models, through_proxy, options, reason
):
    with through_proxy(**options) as proxy, pytest.raises(FileUnavailable) as raised:
        obtain()
    assert proxy.connected == [GOOGLE, GITHUB] * 3
    last_sentence(raised, tmp_path)
    for sentence, host in zip(raised.value.attempts[-2:], (GOOGLE, GITHUB), strict=True):
        assert sentence.startswith(f"Could not download https://{host}/")
        assert f"(tried 3 times): {reason}" in sentence
    assert names(models) == []


def test_a_missing_proxy_is_an_error(tmp_path, models, md5, monkeypatch):
    for name in ("NO_PROXY", "no_proxy", "VGG_VIZ_WEIGHTS_URL"):
        monkeypatch.delenv(name)
    proxy = closed_address().replace("//", "//user:secret@")
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    with pytest.raises(FileUnavailable) as raised:
        obtain()
    reason = "could not connect through the proxy (Connection refused)"
    assert reason in last_sentence(raised, tmp_path)
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize(
    ("name", "make", "reason"),
    [
        ("absent.pem", Path, r"Could not download .*: see the log"),
        ("pipe.pem", os.mkfifo, "got a device or a pipe"),
    ],
)
def test_certificate_files_that_cannot_be_read_are_no_storage_error(
    tmp_path, models, monkeypatch, name, make, reason
):
    make(tmp_path / name)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / name))
    with pytest.raises(FileUnavailable, match=reason) as raised:
        download(["https://127.0.0.1/f"], models, "f", md5=None)
    assert not isinstance(raised.value, StorageError)
    last_sentence(raised, tmp_path)


@pytest.fixture
def fresh_caches():
    st.cache_resource.clear()
    shared_instance._instance.cache_clear()
    yield
    st.cache_resource.clear()
    shared_instance._instance.cache_clear()


def has_notice(page: Page, folder: Path) -> bool:
    """Return whether the weights are missed; assert that no sentence names the folder."""
    assert not page.error
    is_missed = "Could not get the ImageNet weights" in page.texts
    if is_missed:
        page.choose("weights-notice-open", True)  # unfolded, as by a click
    said = [element.value for element in [*page.text, *page.code, *page.markdown]]
    assert str(folder) not in "".join(said)
    return is_missed


def test_filters_of_a_file_damaged_and_replaced_meanwhile(
    tmp_path, hollow, content, monkeypatch, fresh_caches
):
    named = tmp_path / "mine.h5"
    named.write_bytes(content)
    monkeypatch.setenv("VGG_VIZ_WEIGHTS", str(named))
    page = open_page(network="ImageNet", view="Filters", layer="2 · block1_conv2")
    assert not has_notice(page, tmp_path), [text.value for text in page.text]
    assert "block1_conv2 · weights of mine.h5" in page.texts
    named.write_bytes(hollow[:-1000])
    page.choose("layer", "block3_conv1")
    assert has_notice(page, tmp_path)
    assert "block3_conv1 · untrained" in page.texts
    assert "weights of" not in page.texts
    assert len(page.text) == 1
    assert "in mine.h5" in page.text[0].value
    assert has_notice(page.press("retry"), tmp_path)
    named.write_bytes(hollow)
    names, read = [], weights.StoredWeights.read
    monkeypatch.setattr(
        weights.StoredWeights, "read", lambda self, name: names.append(name) or read(self, name)
    )
    assert not has_notice(page.press("retry"), tmp_path)
    assert "block3_conv1 · weights of mine.h5" in page.texts
    page.choose("layer", "block1_conv2")
    assert names == ["block3_conv1", "block1_conv2"]


@pytest.mark.slow
def test_attribution_with_a_file_damaged_meanwhile(
    tmp_path, models, fresh_caches, compiled_ahead, monkeypatch
):
    # Compilation is running when the file is damaged.
    trained, stored = tmp_path / "trained.h5", models / NOTOP_FILE
    write_keras_weights(trained, UntrainedWeights(seed=20))
    pass_for_keras(monkeypatch, hashlib.md5(trained.read_bytes()).hexdigest())
    shutil.copy(trained, stored)
    page = open_page(network="ImageNet", view="Feature maps", layer="3 · block2_conv1", channel="5")
    assert "block2_conv1 · ImageNet" in page.texts
    model = weakref.ref(shared().loaders["imagenet"].network().result().model)
    os.truncate(stored, stored.stat().st_size // 2)
    page.number_input(key="row").set_value(7)
    page.number_input(key="column").set_value(9)
    page.run()
    assert has_notice(page, tmp_path)
    assert "block2_conv1 · untrained" in page.texts
    assert "the sum matches" in page.success[0].value

    shutil.copy(trained, stored)
    assert not has_notice(page.press("retry"), tmp_path)
    assert "block2_conv1 · ImageNet" in page.texts
    assert "the sum matches" in page.success[0].value
    # The 80 MB must be freed; the thread that compiles the passes is the last to hold them.
    for _ in range(600):
        if model() is None:
            return
        threading.Event().wait(0.05)
    pytest.fail("expected the discarded network to be freed, it is still in memory")


def test_addresses_and_paths_in_urls_are_not_opened(tmp_path, monkeypatch, fresh_caches):
    (tmp_path / "secret.h5").write_bytes(b"secret")
    opened, recording = [], [False]

    def hook(event, arguments):
        if event in ("open", "socket.connect") and recording[0]:
            opened.append(str(arguments))

    sys.addaudithook(hook)
    bait = str(tmp_path / "secret.h5")
    keys = ["view", "layer", "picture", "other", "network", "colors", "tour", "url", "weights"]
    with serve(b"bait") as server:
        for value in (bait, f"file://{bait}", server.url):
            recording[0] = True
            open_page(network="Untrained", **{key: value for key in keys if key != "network"})
            recording[0] = False
    assert not server.requests
    assert not [arguments for arguments in opened if "secret" in arguments]
    assert opened
