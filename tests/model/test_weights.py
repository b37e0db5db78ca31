"""Weights files: read, refused, found on the disk or downloaded."""

import hashlib
import logging
import os
import re
import shutil
import tempfile
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import Mock

import h5py
import numpy as np
import pytest

from tests.support import file_server
from tests.support.file_server import serve
from tests.support.weights_files import (
    NEW_NAMES,
    elsewhere,
    pass_for_keras,
    pass_for_the_full_file,
    put,
    write_hollow_weights,
)
from vgg_viz.downloads import keras_files
from vgg_viz.downloads.fetching import FileUnavailable, private_folder
from vgg_viz.downloads.keras_files import free_bytes
from vgg_viz.model import weights
from vgg_viz.model.architecture import VGG19
from vgg_viz.model.class_names import CLASS_INDEX
from vgg_viz.model.own_networks.own_network import open_network
from vgg_viz.model.weights import (
    FULL,
    KERAS_FILES,
    NOTOP,
    StoredWeights,
    UntrainedWeights,
    WeightsError,
    fetch_full,
    find_full,
    obtain,
    offer_full,
    open_weights,
)

NOTOP_FILE, FULL_FILE = NOTOP.name, FULL.name
CONV_LAYERS = [layer.name for layer in VGG19.conv_layers]
BIAS = "block1_conv1/block1_conv1_b_1:0"


pytestmark = pytest.mark.usefixtures("isolated", "without_trial")


@pytest.fixture
def path(tmp_path, hollow):
    """Path of a small weights file, which a test may change."""
    path = tmp_path / "weights.h5"
    path.write_bytes(hollow)
    return path


@pytest.fixture
def content(hollow, monkeypatch):
    """Bytes of a small weights file that is accepted as Keras' notop file."""
    pass_for_keras(monkeypatch, hashlib.md5(hollow).hexdigest())
    return hollow


def is_hollow_file(stored):
    """Return whether weights are those of the hollow file, whose values are its layers' indices."""
    kernel, bias = stored.read("block3_conv2")
    return np.all(kernel == 8) and np.all(bias == -8)


def names(folder):
    return [path.name for path in folder.iterdir()]


# -- reading


@pytest.mark.parametrize("names", [("{layer}_W_1:0", "{layer}_b_1:0"), NEW_NAMES])
@pytest.mark.parametrize(("as_text", "group"), [(False, "/"), (True, "model_weights")])
def test_every_variant_of_the_layout_is_read(tmp_path, names, as_text, group):
    path = tmp_path / "weights.h5"
    write_hollow_weights(path, names=names, as_text=as_text, group=group)
    stored = open_weights(path)
    for layer in VGG19.conv_layers:
        kernel, bias = stored.read(layer.name)
        assert (kernel.shape, kernel.dtype) == (layer.kernel_shape, np.float32)
        assert (bias.shape, bias.dtype) == ((layer.filters,), np.float32)
        assert np.all(kernel == layer.index)
        assert np.all(bias == -layer.index)


def test_numbers_are_read_as_they_were_written(path):
    written = np.random.default_rng(3).standard_normal((3, 3, 3, 64), np.float32)
    with h5py.File(path, "a") as file:
        del file[BIAS], file["block1_conv1/block1_conv1_W_1:0"]
        file["block1_conv1/block1_conv1_W_1:0"] = written
        file[BIAS] = np.array([0.1, 1e38] * 32)  # double precision
    kernel, bias = open_weights(path).read("block1_conv1")
    np.testing.assert_array_equal(kernel, written, strict=True)
    np.testing.assert_array_equal(bias, np.array([0.1, 1e38] * 32, np.float32), strict=True)


def nest(file):
    """Put the layers into a group, as a whole model has them."""
    names = list(file)
    group = file.create_group("model_weights")
    for name in names:
        file.move(name, f"model_weights/{name}")
    group.attrs["layer_names"] = file.attrs["layer_names"]


@pytest.mark.parametrize(
    ("backend", "nested"),
    [("tensorflow", False), (b"theano", False), ("theano", True), ("mxnet", False)],
)
@pytest.mark.parametrize("open_file", [open_weights, open_network])
def test_kernels_of_theano_are_turned(path, backend, nested, open_file):
    written = np.arange(3 * 3 * 3 * 64, dtype=np.float32).reshape(3, 3, 3, 64)
    with h5py.File(path, "a") as file:
        file["block1_conv1/block1_conv1_W_1:0"][...] = written
        if nested:
            nest(file)
        file.attrs["backend"] = backend  # at the root in either case
    if backend == "mxnet":
        with pytest.raises(WeightsError, match=r"theano, got mxnet$"):
            open_file(path)
        return
    kernel, _ = open_file(path).read("block1_conv1")
    expected = written if backend == "tensorflow" else np.rot90(written, 2)
    np.testing.assert_array_equal(kernel, expected)


def test_many_threads_can_read_at_once(path, threads):
    stored = open_weights(path)
    names = CONV_LAYERS * 4
    for name, (kernel, _) in zip(names, threads.map(stored.read, names), strict=True):
        assert np.all(kernel == VGG19.layer(name).index)


@pytest.mark.parametrize("network", [StoredWeights(Path("absent"), ""), UntrainedWeights()])
@pytest.mark.parametrize("name", ["block1_pool", "block6_conv1"])
def test_only_conv_layers_can_be_read(network, name):
    with pytest.raises(KeyError, match=name):
        network.read(name)


# -- damaged and other files


def remove_layer(file):
    names = [name for name in file.attrs["layer_names"] if name != b"block3_conv4"]
    file.attrs["layer_names"] = names


def name_arrays(*names):
    def set_names(file):
        file["block1_conv2"].attrs["weight_names"] = [f"block1_conv2_{name}" for name in names]

    return set_names


def number(key, value, kind=np.float32):
    """Set one number of an array."""

    def set_number(file):
        numbers = file[key][()].astype(kind)
        numbers.flat[numbers.size // 2] = value
        put(key, numbers)(file)

    return set_number


def biases(block):
    return f"{block}/{block}_b_1:0"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (remove_layer, "expected a layer block3_conv4, got input, block1_conv1, "),
        (name_arrays("W_1:0"), "a bias of 64, got 3 × 3 × 64 × 64$"),
        (name_arrays("b_1:0", "W_1:0"), "to hold a kernel of .*, got 64 and 3 × 3 × 64 × 64$"),
        (put(BIAS, np.zeros(32)), "a bias of 64, got 3 × 3 × 3 × 64 and 32$"),
        (lambda file: file.attrs.pop("layer_names"), "attribute layer_names of Keras' HDF5 lay"),
        (lambda file: file["block4_conv1"].attrs.pop("weight_names"), "the attribute weight_names"),
        (lambda file: file.pop("block5_conv4"), "got: .*block5_conv4"),
        (put("block5_conv4", 1.0), "expected the attribute weight_names"),
        (put(biases("block2_conv1"), None), "got: .*shape"),
        (put(BIAS, np.full(64, b"text")), "got: "),
        (elsewhere("link", BIAS), f"expected {Path(BIAS).name} in the file itself, got a link"),
        (elsewhere("soft", BIAS), f"expected {Path(BIAS).name} in the file itself, got a link"),
        (elsewhere("virtual", BIAS), f"of {Path(BIAS).name} in the file itself, got another file"),
        (elsewhere("external", BIAS), f"of {Path(BIAS).name} in the file itself, got another file"),
        (
            number("block1_conv1/block1_conv1_W_1:0", np.nan),
            "expected finite numbers in the kernel of block1_conv1, got 1 of 1,728 that are inf",
        ),
        (number(biases("block5_conv4"), np.inf), "the bias of block5_conv4, got 1 of 512"),
        (number(biases("block2_conv2"), -np.inf, np.float16), "the bias of block2_conv2, got 1 of"),
        (number(biases("block2_conv2"), 1e39, np.float64), "the bias of block2_conv2, got 1 of"),
        (b"", "got an empty file; copy or download it again"),
        (b"\x89HDF\r\n\x1a\n", "Unable to"),
        (b"\n<!doctype html><html>sign in first", "got a web page; download the file again"),
    ],
)
def test_damaged_incomplete_or_other_file_is_an_error_that_says_what_is_wrong(
    path, change, message
):
    if isinstance(change, bytes):
        path.write_bytes(change)
    else:
        with h5py.File(path, "a") as file:
            change(file)
    with pytest.raises(WeightsError, match=rf"^expected VGG19 weights in weights\.h5.*{message}"):
        open_weights(path)


def remake(path):
    path.unlink()
    path.mkdir()


def change_number(path):
    with h5py.File(path, "a") as file:
        file[BIAS][:] = 7


def change_secretly(path):
    times = path.stat().st_atime_ns, path.stat().st_mtime_ns
    change_number(path)
    os.utime(path, ns=times)


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:-1000]), "truncated file"),
        (
            lambda path: path.write_bytes(bytes(4096)),
            "expected a file that Keras has saved, got something else",
        ),
        (Path.unlink, "No such file"),
        (remake, "got a folder; name a file in it"),
        (change_number, "expected the contents that it had when it was found, got others"),
        (change_secretly, "expected the contents that it had when it was found, got others"),
    ],
)
def test_file_damaged_after_opening_is_an_error_without_its_folder(path, caplog, damage, reason):
    stored, before = open_weights(path), path.read_bytes()
    damage(path)
    with pytest.raises(WeightsError) as raised:
        stored.read("block3_conv1")
    assert re.match(rf"expected VGG19 weights in weights\.h5.*{reason}", str(raised.value))
    assert str(path.parent) not in str(raised.value)
    assert str(path) in caplog.text
    if path.is_file():
        path.write_bytes(before)
        assert np.all(stored.read("block1_conv1")[1] == -1)


def test_a_file_that_is_only_touched_is_hashed_once_more(path, monkeypatch):
    stored, hashed = open_weights(path), Mock(wraps=keras_files.md5_of)
    monkeypatch.setattr(keras_files, "md5_of", hashed)
    os.utime(path)
    for _ in range(3):
        assert np.all(stored.read("block1_conv1")[1] == -1)
    hashed.assert_called_once_with(path)


# -- untrained


def test_untrained_weights_are_he_normal():
    for layer in VGG19.conv_layers[::4]:
        kernel, bias = UntrainedWeights().read(layer.name)
        assert (kernel.shape, kernel.dtype) == (layer.kernel_shape, np.float32)
        np.testing.assert_array_equal(bias, np.zeros(layer.filters, np.float32), strict=True)
        scaled = kernel * np.sqrt(9 * layer.channels / 2)
        assert abs(scaled.mean()) < 5 / np.sqrt(kernel.size)
        assert abs(scaled.std() - 1) < 5 / np.sqrt(2 * kernel.size)
        # Not truncated: the usual truncation, at two deviations, would leave none of these 4.6 %.
        assert abs(np.mean(np.abs(scaled) > 2) - 0.0455) < 5 * np.sqrt(0.0455 / kernel.size)


def test_untrained_layers_do_not_depend_on_the_order_of_reading():
    forwards = {name: UntrainedWeights().read(name)[0] for name in CONV_LAYERS[:4]}
    backwards = {name: UntrainedWeights().read(name)[0] for name in CONV_LAYERS[3::-1]}
    for name in forwards:
        np.testing.assert_array_equal(forwards[name], backwards[name])
    third, fourth = UntrainedWeights().read("block3_conv2"), UntrainedWeights().read("block3_conv3")
    assert not np.any(third[0] == fourth[0])
    other = UntrainedWeights(seed=20).read("block1_conv1")[0]
    assert not np.any(other == forwards["block1_conv1"])


# -- sources


def test_configured_file_comes_first_and_only_keras_own_is_labelled_imagenet(
    models, content, tmp_path, monkeypatch
):
    (models / NOTOP_FILE).write_bytes(content)
    write_hollow_weights(tmp_path / NOTOP_FILE, names=NEW_NAMES)
    monkeypatch.setenv("VGG_VIZ_WEIGHTS", str(tmp_path / NOTOP_FILE))
    assert obtain() == StoredWeights(tmp_path / NOTOP_FILE, f"weights of {NOTOP_FILE}")
    (tmp_path / "mine.h5").write_bytes(content)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("VGG_VIZ_WEIGHTS", "~/mine.h5")
    assert obtain() == StoredWeights(tmp_path / "mine.h5", "ImageNet")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("absent.h5", "No such file or directory"),
        (".", "got a folder; name a file in it"),
        ("text.h5", "something else"),
        ("pipe.h5", "expected a file, got a device or a pipe"),
        ("a" * 300, "File name too long"),
    ],
)
def test_unusable_configured_file_is_skipped_with_a_warning(
    content, tmp_path, caplog, monkeypatch, name, reason
):
    (tmp_path / "text.h5").write_bytes(b"text")
    os.mkfifo(tmp_path / "pipe.h5")
    monkeypatch.setenv("VGG_VIZ_WEIGHTS", str(tmp_path / name))
    with serve(content) as server:
        monkeypatch.setenv("VGG_VIZ_WEIGHTS_URL", server.url)
        downloaded, found = obtain(), obtain()
    assert downloaded.skipped == found.skipped
    record, again = caplog.records
    assert (record.name, record.levelno) == ("vgg_viz.model.weights", logging.WARNING)
    # The page shows the log's message without the folder.
    [sentence] = found.skipped
    assert sentence.startswith("Could not use the file named by VGG_VIZ_WEIGHTS: ")
    assert reason in sentence
    assert record.message == again.message == f"{sentence} ({tmp_path / name})"
    assert str(tmp_path) not in sentence
    monkeypatch.setenv("VGG_VIZ_WEIGHTS", "")
    assert obtain().skipped == ()


def no_home(path):
    raise RuntimeError("Could not determine home directory.")


def test_keras_folder_is_in_the_home_folder_by_default(content, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("KERAS_HOME", "")
    folder = tmp_path / ".keras" / "models"
    folder.mkdir(parents=True)
    (folder / NOTOP_FILE).write_bytes(content)
    assert obtain().path == folder / NOTOP_FILE
    (folder / NOTOP_FILE).unlink()
    monkeypatch.setattr(Path, "expanduser", no_home)
    with serve(content) as server:
        monkeypatch.setenv("VGG_VIZ_WEIGHTS_URL", server.url)
        assert obtain().path == private_folder() / NOTOP_FILE


def test_all_failed_attempts_are_reported(models, content, caplog, monkeypatch):
    (models / NOTOP_FILE).write_bytes(content[:-1])
    (models / FULL_FILE).mkdir()
    with pytest.raises(FileUnavailable) as raised:
        obtain()
    named, broken, unreadable, download = raised.value.attempts
    assert named == "The environment variable VGG_VIZ_WEIGHTS is not set."
    assert broken.startswith(f"Could not use {NOTOP_FILE}: expected a file with MD5 ")
    assert unreadable == f"Could not use {FULL_FILE}: Is a directory."
    assert download.endswith("(tried 3 times): could not reach the host (Connection refused).")
    assert str(raised.value) == " ".join(raised.value.attempts)
    assert str(models) not in str(raised.value)
    for path in models.iterdir():
        assert f"({path})" in caplog.text
    shutil.rmtree(models)
    with pytest.raises(FileUnavailable, match="Found no VGG19 weights of Keras on the server's"):
        obtain()


def test_download_replaces_a_broken_file_and_is_found_again(models, content, monkeypatch):
    (models / NOTOP_FILE).write_bytes(content[:-1])
    reports = []
    with serve(content, file_server.refuse, file_server.send_slowly) as server:
        monkeypatch.setenv("VGG_VIZ_WEIGHTS_URL", server.url)
        found = obtain(on_progress=lambda *report: reports.append(report))
        assert obtain() == found
        assert len(server.requests) == 2
    assert found == StoredWeights(models / NOTOP_FILE, "ImageNet")
    assert is_hollow_file(found)
    assert reports[-1] == (len(content), len(content))


def test_addresses_without_a_mirror_are_those_of_keras(content, monkeypatch):
    notop = replace(weights.NOTOP, folders=())
    with serve(content, file_server.refuse) as newer, serve(content) as older:
        folders = tuple(server.url.removesuffix("weights.h5") for server in (newer, older))
        monkeypatch.setattr(weights, "NOTOP", replace(notop, folders=folders))
        with pytest.raises(FileUnavailable, match="Connection refused"):
            obtain()  # from the mirror, which is the only address if it is set
        assert not newer.requests
        monkeypatch.setenv("VGG_VIZ_WEIGHTS_URL", "")
        assert is_hollow_file(obtain())
    assert newer.requests == older.requests == [f"/{NOTOP_FILE}"]


def test_download_goes_to_a_temporary_folder_if_keras_folder_is_not_writable(
    content, tmp_path, monkeypatch, caplog
):
    (tmp_path / "keras").write_bytes(b"a file where the folder should be")
    own = private_folder()
    with serve(content) as server:
        monkeypatch.setenv("VGG_VIZ_WEIGHTS_URL", server.url)
        found = obtain()
        assert found == StoredWeights(own / NOTOP_FILE, "ImageNet")
        assert len(server.requests) == 1
        assert obtain() == found
        # Now neither is writable.
        shutil.rmtree(tmp_path / "temporary")
        (tmp_path / "temporary").write_bytes(b"")
        with pytest.raises(FileUnavailable) as raised:
            obtain()
    assert raised.value.attempts[-1] == (
        f"Could not store {NOTOP_FILE} on the server: Not a directory."
    )
    assert str(tmp_path / "keras" / "models") in caplog.text
    assert len(server.requests) == 1


# -- the full file


@pytest.fixture
def full_content(content, monkeypatch):
    """Bytes of a small file that is accepted as Keras' full file."""
    full_content = content + bytes(range(256)) * 8192
    pass_for_the_full_file(monkeypatch, full_content)
    return full_content


def test_full_file_is_recognized_by_name_and_md5_and_replaces_the_small_one(models, full_content):
    assert find_full() is None
    (models / FULL_FILE).write_bytes(full_content[:-1])
    (models / NOTOP_FILE).write_bytes(full_content)
    assert find_full() is None
    (private_folder() / FULL_FILE).write_bytes(full_content)
    assert find_full() == StoredWeights(private_folder() / FULL_FILE, "ImageNet")
    (models / FULL_FILE).write_bytes(full_content)
    (models / f"{FULL_FILE}.part").write_bytes(b"of a download before the file was added by hand")
    found = find_full()
    assert found == obtain() == StoredWeights(models / FULL_FILE, "ImageNet")
    assert found.fingerprint == found.identity == hashlib.md5(full_content).hexdigest()
    assert is_hollow_file(found)
    assert sorted(names(models)) == [FULL_FILE, NOTOP_FILE]


def with_room(monkeypatch, rooms):
    """Set the free bytes of the disks of these folders and their subfolders."""

    def disk_usage(path):
        free = next(free for folder, free in rooms.items() if path.is_relative_to(folder))
        return SimpleNamespace(free=free)

    monkeypatch.setattr("shutil.disk_usage", disk_usage)


@pytest.mark.parametrize(("more", "chosen"), [(0, "keras"), (-1, "temporary")])
def test_full_file_goes_to_the_first_folder_with_space(
    models, full_content, monkeypatch, tmp_path, more, chosen
):
    with_room(monkeypatch, {models: len(full_content) + more, tmp_path: 10**9})
    offered = offer_full()
    assert offered.fits
    words = {"keras": "$KERAS_HOME/models", "temporary": "the server's temporary folder"}
    assert words[chosen] in offered.description
    with serve(full_content) as server:
        monkeypatch.setenv("VGG_VIZ_FULL_WEIGHTS_URL", server.url)
        found = fetch_full()
    assert found.path.is_relative_to(tmp_path / chosen)
    assert len(server.requests) == 1


def test_missing_disk_space_is_reported_before_any_request(
    models, full_content, monkeypatch, tmp_path
):
    with_room(monkeypatch, {models: 1_234_567, tmp_path: 2_000_000})
    offered = offer_full()
    assert not offered.fits
    with serve(full_content) as server:
        monkeypatch.setenv("VGG_VIZ_FULL_WEIGHTS_URL", server.url)
        with pytest.raises(FileUnavailable) as raised:
            fetch_full()
    assert raised.value.attempts == tuple(
        f"Could not store {FULL_FILE} (2 MB) in the server's {folder} MB are free."
        for folder in ("temporary folder, where only 2", "folder $KERAS_HOME/models, where only 1")
    )
    assert raised.value.attempts[0] == offered.description
    assert server.requests == []
    assert names(models) == []


def test_offer_counts_a_partial_download_and_names_no_path(models, monkeypatch, tmp_path):
    with_room(monkeypatch, {tmp_path: 12_345_678_901})
    assert offer_full().description == (
        f"{FULL_FILE} (575 MB) is stored in the server's folder $KERAS_HOME/models, where "
        "12,345 MB are free."
    )
    partial = models / f"{FULL_FILE}.part"
    partial.touch()
    os.truncate(partial, 300_000_000)
    assert offer_full().description.endswith(" 300 MB are there already.")
    with_room(monkeypatch, {tmp_path: 274_710_816})
    assert offer_full().fits
    with_room(monkeypatch, {tmp_path: 274_710_815})
    assert not offer_full().fits


def test_folders_without_space_or_missing_are_reported(monkeypatch, tmp_path):
    free = shutil.disk_usage(tmp_path).free
    assert abs(free_bytes(tmp_path / "not" / "there") - free) < 10**9
    assert free_bytes(Path("/proc/self")) == 0
    assert free_bytes(tmp_path / ("a" * 300)) == 0
    monkeypatch.setattr(Path, "expanduser", no_home)
    monkeypatch.setattr(tempfile, "tempdir", "/dev/null")
    assert not offer_full().fits
    with pytest.raises(FileUnavailable, match=r"Could not store .* on the server: Not a directory"):
        fetch_full()


# -- against Keras and the reference data


@pytest.mark.parametrize("file", [*KERAS_FILES, CLASS_INDEX], ids=str)
def test_name_md5_and_address_match_keras(file):
    module = "imagenet_utils" if file is CLASS_INDEX else "vgg19"
    source = Path(find_spec("keras").origin).parent / "src" / "applications" / f"{module}.py"
    joined = re.sub(r'"\s+"', "", source.read_text())
    for text in (f'"{file.name}"', f'file_hash="{file.md5}"', f'"{file.url}"'):
        assert text in joined


@pytest.mark.parametrize(
    ("home", "folder"), [("", "~/.keras/models"), ("/srv/x", "$KERAS_HOME/models")]
)
def test_the_command_stores_the_file_in_keras_folder_without_its_path(home, folder, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", home)
    words = NOTOP.command().split()
    assert words[:3] == ["curl", "--create-dirs", "-Lo"]
    assert words[3] == f"{folder}/{NOTOP_FILE}"
    assert words[4:] == [NOTOP.url]
