"""Faults: killed processes, full disks, read-only folders, and hosts that disappear.

Programs run in real processes with a minimal environment, and are killed by real signals.
"""

import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import weakref
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from tests.support import REPOSITORY, file_server
from tests.support.company_proxy import company_proxy
from tests.support.file_server import serve
from tests.support.offline import closed_address, isolate
from tests.support.weights_files import pass_for_keras, write_hollow_weights, write_keras_weights
from vgg_viz.downloads.fetching import FileUnavailable, StorageError, download
from vgg_viz.model import weights
from vgg_viz.model.network import Network
from vgg_viz.model.weights import NOTOP, UntrainedWeights, obtain
from vgg_viz.serving import loading
from vgg_viz.ui.state.shared_instance import shared

fcntl = pytest.importorskip("fcntl", reason="there are no POSIX signals and locks here")

PIECE = bytes(range(256)) * 1024
NOTOP_FILE = NOTOP.name
CHILD_SECONDS = 120  # after which a child process is killed

# Obtains a small weights file with another MD5, without waits between tries.
OBTAIN = """
import sys
from dataclasses import replace
from vgg_viz.downloads import fetching
from vgg_viz.model import weights
fetching.sleep = lambda seconds: None
weights.NOTOP = replace(weights.NOTOP, md5=sys.argv[1])
weights.KERAS_FILES = (weights.NOTOP,)
def report(received, total):
    print("received", received, flush=True)
if len(sys.argv) > 2:
    print("ready", flush=True)
    sys.stdin.readline()
try:
    print("found", weights.obtain(on_progress=report).path, flush=True)
except weights.FileUnavailable as error:
    print("unavailable", *error.attempts, sep="\\n")
"""

# Computes until it is killed, and prints its progress.
COMPUTE = """
import numpy as np
from vgg_viz.model.network import Network
from vgg_viz.model import weights
stored = weights.obtain()
class Reporting:
    label = identity = stored.label
    def read(self, layer_name):
        print("reading", layer_name, flush=True)
        return stored.read(layer_name)
network = Network(Reporting())
pixels = np.full((224, 224, 3), 100, np.uint8)
while True:
    print("computing", flush=True)
    maps = network.feature_maps(pixels, "block5_conv4")
    print("computed", maps.shape == (512, 14, 14) and bool(np.isfinite(maps).all()), flush=True)
"""


@pytest.fixture(scope="module")
def content(tmp_path_factory):
    """A valid weights file of 2 MB, as bytes."""
    path = tmp_path_factory.mktemp("hollow") / "hollow.h5"
    write_hollow_weights(path)
    return path.read_bytes() + PIECE * 8


@pytest.fixture
def md5(content, monkeypatch):
    """MD5 of ``content``, treated as that of Keras' file in this process."""
    md5 = hashlib.md5(content).hexdigest()
    pass_for_keras(monkeypatch, md5)
    return md5


@pytest.fixture
def models(tmp_path):
    folder = tmp_path / "keras" / "models"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture(autouse=True)
def isolated(tmp_path, monkeypatch):
    (tmp_path / "temporary").mkdir()
    isolate(tmp_path, monkeypatch)


def environment(tmp_path, **more: str) -> dict[str, str]:
    """Return the complete environment of a child process, which has no home folder."""
    return {
        "PATH": os.environ.get("PATH", ""),
        "KERAS_HOME": str(tmp_path / "keras"),
        "TMPDIR": str(tmp_path / "temporary"),
        "NO_PROXY": "*",
        "PYTHONDONTWRITEBYTECODE": "1",
        "TF_CPP_MIN_LOG_LEVEL": "2",
        **more,
    }


@contextmanager
def child(program: str, *arguments: str, env: dict[str, str], before: tuple[str, ...] = ()):
    """Run a program in a child process, and kill it at the end."""
    command = [*before, sys.executable, "-c", program, *arguments]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, cwd=REPOSITORY, env=env, text=True, **pipes) as process:
        guard = threading.Timer(CHILD_SECONDS, process.kill)
        guard.start()
        try:
            yield process
        finally:
            guard.cancel()
            process.kill()


def output_of(program: str, *arguments: str, env, before=()) -> str:
    with child(program, *arguments, env=env, before=before) as process:
        output, errors = process.communicate()
        assert process.returncode == 0, errors
        assert "Traceback" not in errors
        return output


def wait_for_line(process: subprocess.Popen, start: str) -> str:
    for line in process.stdout:
        if line.startswith(start):
            return line
    raise AssertionError(f"ended without {start!r}: {process.stderr.read()}")


def kill(process: subprocess.Popen) -> None:
    process.kill()
    process.wait()
    assert process.returncode == -signal.SIGKILL


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def last_sentence(raised: pytest.ExceptionInfo, tmp_path: Path) -> str:
    """Return an error's last sentence; assert that all are sentences without a path."""
    for sentence in raised.value.attempts:
        assert re.fullmatch(r"\S.*\.", sentence)
        assert str(tmp_path) not in sentence
    return raised.value.attempts[-1]


# -- killed processes


@pytest.mark.slow
def test_a_kill_while_loading_or_computing_leaves_nothing(tmp_path, models, monkeypatch):
    path = tmp_path / "weights.h5"
    write_keras_weights(path, UntrainedWeights(seed=20))
    before = hashlib.md5(path.read_bytes()).hexdigest()
    env = environment(tmp_path, VGG_VIZ_WEIGHTS=str(path))
    with child(COMPUTE, env=env) as process:
        wait_for_line(process, "reading block3_conv1")
        kill(process)
    with child(COMPUTE, env=env) as process:
        assert wait_for_line(process, "computed") == "computed True\n"
        wait_for_line(process, "computing")
        kill(process)
    monkeypatch.setenv("VGG_VIZ_WEIGHTS", str(path))
    pixels = np.full((224, 224, 3), 100, np.uint8)
    assert Network(obtain()).feature_maps(pixels, "block5_conv4").shape == (512, 14, 14)
    assert hashlib.md5(path.read_bytes()).hexdigest() == before
    assert names(models) == []
    assert names(tmp_path) == ["keras", "temporary", "weights.h5"]


# -- concurrent starts


@pytest.mark.slow
def test_two_concurrent_starts_download_one_complete_file(tmp_path, content, md5):
    path = tmp_path / "keras" / "models" / NOTOP_FILE
    with serve(content, file_server.send_slowly) as server:
        env = environment(tmp_path, VGG_VIZ_WEIGHTS_URL=server.url)
        with child(OBTAIN, md5, "wait", env=env) as one, child(OBTAIN, md5, "wait", env=env) as two:
            for process in (one, two):
                wait_for_line(process, "ready")
            for process in (one, two):
                process.stdin.write("\n")
                process.stdin.flush()
            found = [wait_for_line(process, "found") for process in (one, two)]
    assert found == [f"found {path}\n"] * 2
    assert server.ranges == [None]
    assert path.read_bytes() == content
    assert names(path.parent) == [NOTOP_FILE]


# -- disks and folders


def in_namespace(*commands: str) -> tuple[str, ...]:
    """Return the start of a command that runs in its own mounts; skip if there are none."""
    before = ("unshare", "--mount", "--map-root-user", "sh", "-ec")
    script = " && ".join([*commands, 'exec "$0" "$@"'])
    if not shutil.which("unshare"):
        pytest.skip("mounts need unshare")
    tried = subprocess.run([*before, script, "true"], capture_output=True, text=True, check=False)
    if tried.returncode:
        pytest.skip(f"mounts cannot be created: {tried.stderr.strip()}")
    return (*before, script)


@pytest.mark.slow
@pytest.mark.parametrize("all_disks", [False, True])
@pytest.mark.parametrize(
    ("options", "reason"), [("size=1m", "only 1 MB are free"), ("ro", "Read-only file system")]
)
def test_the_file_is_stored_elsewhere_unless_all_disks_are_full_or_read_only(
    tmp_path, models, content, md5, options, reason, all_disks
):
    temporary = tmp_path / "temporary"
    folders = [models, temporary] if all_disks else [models]
    before = in_namespace(*(f"mount -t tmpfs -o {options} tmpfs {folder}" for folder in folders))
    with serve(content) as server:
        env = environment(tmp_path, VGG_VIZ_WEIGHTS_URL=server.url)
        # Otherwise Python would choose another temporary directory.
        only = f"import tempfile\ntempfile.tempdir = '{temporary}'\n"
        listing = f"\nfrom pathlib import Path\nprint('left', *Path('{models}').iterdir())"
        output = output_of(only + OBTAIN + listing, md5, env=env, before=before)
    assert output.endswith("left\n")
    if all_disks:
        assert reason in output
        assert str(tmp_path) not in output
        assert not server.requests
    else:
        assert f"found {temporary}/vgg_viz-0/{NOTOP_FILE}\n" in output
        assert len(server.requests) == 1


@pytest.mark.slow
def test_a_limit_on_file_sizes_is_an_error(tmp_path, models, content, md5):
    limits = (
        "import resource, signal\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, 2**20))\n"
    )
    with serve(content) as server:
        env = environment(tmp_path, VGG_VIZ_WEIGHTS_URL=server.url)
        output = output_of(limits + OBTAIN, md5, env=env)
    assert f"Could not store {NOTOP_FILE} on the server: File too large." in output
    assert names(models) == []


@pytest.mark.slow
def test_a_user_without_name_and_home_gets_the_weights(tmp_path, content, md5):
    user = ("unshare", "--map-user=12345")
    tried = subprocess.run([*user, "true"], capture_output=True, text=True, check=False)
    if tried.returncode:
        pytest.skip(f"another user cannot be mapped: {tried.stderr.strip()}")
    with serve(content) as server:
        env = environment(tmp_path, VGG_VIZ_WEIGHTS_URL=server.url)
        del env["KERAS_HOME"]
        output = output_of(OBTAIN, md5, env=env, before=user)
    assert f"found {tmp_path}/temporary/vgg_viz-12345/{NOTOP_FILE}" in output


# -- the network


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
                monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority))
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


def test_missing_certificate_files_are_no_storage_error(tmp_path, models, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "absent.pem"))
    with pytest.raises(FileUnavailable, match=r"Could not download .*: see the log") as raised:
        download("https://127.0.0.1/f", models, "f", md5=None)
    assert not isinstance(raised.value, StorageError)
    last_sentence(raised, tmp_path)


# -- the page


@pytest.fixture
def fresh_caches():
    st.cache_resource.clear()
    yield
    st.cache_resource.clear()


def open_page(**query: str) -> AppTest:
    page = AppTest.from_file(REPOSITORY / "streamlit_app.py", default_timeout=CHILD_SECONDS)
    for key, value in {"network": "ImageNet", **query}.items():
        page.query_params[key] = value
    return checked(page.run())


def checked(page: AppTest) -> AppTest:
    assert not page.exception
    assert not page.error
    return page


def texts(page: AppTest) -> str:
    return "\n".join(element.value for element in [*page.markdown, *page.caption])


def has_notice(page: AppTest) -> bool:
    return "Could not get the ImageNet weights" in texts(page)


def test_a_download_fault_shows_a_notice_and_retry_recovers(
    tmp_path, content, md5, monkeypatch, fresh_caches
):
    with serve(content, *[file_server.cut_off] * 3, file_server.send) as server:
        monkeypatch.setenv("VGG_VIZ_WEIGHTS_URL", server.url)
        page = open_page(view="Filters", layer="2 · block1_conv2")
        assert has_notice(page)
        assert "block1_conv2 · untrained" in texts(page)
        assert "closed before all" in page.text[-1].value
        for text in page.text:
            assert re.fullmatch(r"\S.*\.", text.value)
            assert str(tmp_path) not in text.value
        checked(page.button(key="retry").click().run())
        assert not has_notice(page)
        assert "block1_conv2 · ImageNet" in texts(page)


def truncate(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2)


@pytest.fixture
def stored_weights(models, content, md5, fresh_caches):
    """A weights file in Keras' folder, with no other one available."""
    path = models / NOTOP_FILE
    path.write_bytes(content)
    return path


def test_filters_of_a_file_damaged_meanwhile(tmp_path, stored_weights, content):
    page = open_page(view="Filters", layer="2 · block1_conv2")
    assert "block1_conv2 · ImageNet" in texts(page)
    truncate(stored_weights)
    checked(page.selectbox(key="layer").set_value("block3_conv1").run())
    assert has_notice(page)
    assert "block3_conv1 · untrained" in texts(page)
    assert "· ImageNet ·" not in texts(page)
    assert len(page.text) == 1
    assert f"in {NOTOP_FILE}" in page.text[0].value
    assert str(tmp_path) not in page.text[0].value

    checked(page.button(key="retry").click().run())
    assert has_notice(page)
    assert str(tmp_path) not in "".join(text.value for text in page.text)

    stored_weights.write_bytes(content)
    checked(page.button(key="retry").click().run())
    assert not has_notice(page)
    assert "block3_conv1 · ImageNet" in texts(page)


@pytest.mark.slow
def test_attribution_with_a_file_damaged_meanwhile(tmp_path, models, fresh_caches, monkeypatch):
    # Compilation starts at once, and is running when the file is damaged.
    monkeypatch.setattr(loading, "SETTLING_SECONDS", 0.0)
    trained, stored = tmp_path / "trained.h5", models / NOTOP_FILE
    write_keras_weights(trained, UntrainedWeights(seed=20))
    pass_for_keras(monkeypatch, hashlib.md5(trained.read_bytes()).hexdigest())
    shutil.copy(trained, stored)
    page = open_page(view="Feature maps", layer="3 · block2_conv1", channel="5")
    assert "block2_conv1 · ImageNet" in texts(page)
    model = weakref.ref(shared().loaders["imagenet"].network().result().model)
    truncate(stored)
    page.number_input(key="row").set_value(7)
    checked(page.number_input(key="column").set_value(9).run())
    assert has_notice(page)
    assert "block2_conv1 · untrained" in texts(page)
    assert "the sum matches" in page.success[0].value

    shutil.copy(trained, stored)
    checked(page.button(key="retry").click().run())
    assert not has_notice(page)
    assert "block2_conv1 · ImageNet" in texts(page)
    assert "the sum matches" in page.success[0].value
    # The 80 MB must be freed; the thread that compiles the passes is the last to hold them.
    for _ in range(600):
        if model() is None:
            return
        threading.Event().wait(0.05)
    pytest.fail("expected the discarded network to be freed, it is still in memory")


def test_a_replaced_weights_file_is_loaded_after_retry(
    tmp_path, content, monkeypatch, fresh_caches
):
    named = tmp_path / "mine.h5"
    named.write_bytes(content)
    monkeypatch.setenv("VGG_VIZ_WEIGHTS", str(named))
    page = open_page(view="Filters", layer="2 · block1_conv2")
    write_hollow_weights(named)
    checked(page.selectbox(key="layer").set_value("block3_conv1").run())
    assert has_notice(page)
    read = []
    record = recorded(weights.StoredWeights.read, read)
    monkeypatch.setattr(weights.StoredWeights, "read", record)
    checked(page.selectbox(key="layer").set_value("block1_conv2").run())
    checked(page.button(key="retry").click().run())
    assert "block1_conv2 · weights of mine.h5" in texts(page)
    assert read == ["block1_conv2"]


def recorded(read, names: list[str]):
    def read_and_record(self, layer_name):
        names.append(layer_name)
        return read(self, layer_name)

    return read_and_record


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
