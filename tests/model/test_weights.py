import hashlib
import logging
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import h5py
import numpy as np
import pytest

from tests.support import REPOSITORY, file_server
from tests.support.file_server import serve
from tests.support.weights_files import (
    NEW_NAMES,
    ReferenceWeights,
    pass_for_keras,
    pass_for_the_full_file,
    reference_folder,
    write_hollow_weights,
    write_keras_weights,
)
from vgg_viz.downloads import keras_files
from vgg_viz.downloads.fetching import CHUNK_BYTES, private_folder
from vgg_viz.downloads.keras_files import free_bytes
from vgg_viz.model import weights
from vgg_viz.model.architecture import VGG19
from vgg_viz.model.network import import_keras
from vgg_viz.model.weights import (
    FULL,
    KERAS_FILES,
    NOTOP,
    StoredWeights,
    UntrainedWeights,
    WeightsError,
    WeightsUnavailable,
    fetch_full,
    find_full,
    obtain,
    offer_full,
    open_weights,
)

NOTOP_FILE, FULL_FILE = NOTOP.name, FULL.name
CONV_LAYERS = [layer.name for layer in VGG19.conv_layers]


@pytest.fixture(autouse=True)
def isolated_downloads(tmp_path, monkeypatch):
    """Bypass proxies, skip the waits between attempts and use a temporary folder per test."""
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr("pooch.core.time", SimpleNamespace(sleep=lambda seconds: None))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))


@pytest.fixture(scope="module")
def hollow_path(tmp_path_factory):
    path = tmp_path_factory.mktemp("hollow") / "hollow.h5"
    write_hollow_weights(path)
    return path


@pytest.fixture
def content(hollow_path, monkeypatch):
    """Bytes of a small weights file that is accepted as Keras' notop file."""
    content = hollow_path.read_bytes()
    pass_for_keras(monkeypatch, hashlib.md5(content).hexdigest())
    return content


@pytest.fixture
def models(tmp_path):
    folder = tmp_path / "keras" / "models"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def environment(tmp_path):
    """Environment with an empty Keras folder and an address that refuses connections."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    return {
        "KERAS_HOME": str(tmp_path / "keras"),
        "VGG_VIZ_WEIGHTS_URL": f"http://127.0.0.1:{port}/weights.h5",
    }


def is_hollow_file(path):
    """Return whether ``path`` is the hollow file, whose values are its layers' numbers."""
    kernel, bias = StoredWeights(path, "").read("block3_conv2")
    return np.all(kernel == 6) and np.all(bias == -6)


# -- reading


@pytest.mark.parametrize("names", [("{layer}_W_1:0", "{layer}_b_1:0"), NEW_NAMES, ("a", "b")])
@pytest.mark.parametrize("as_text", [False, True])
@pytest.mark.parametrize("group", ["/", "model_weights"])
def test_every_variant_of_the_layout_is_read(tmp_path, names, as_text, group):
    path = tmp_path / "weights.h5"
    write_hollow_weights(path, names=names, as_text=as_text, group=group)
    stored = open_weights(path)
    for layer in VGG19.conv_layers:
        kernel, bias = stored.read(layer.name)
        assert (kernel.shape, kernel.dtype) == (layer.kernel_shape, np.float32)
        assert (bias.shape, bias.dtype) == ((layer.filters,), np.float32)
        assert np.all(kernel == layer.conv_number)
        assert np.all(bias == -layer.conv_number)


def test_numbers_are_read_as_they_were_written(tmp_path):
    write_keras_weights(tmp_path / "weights.h5", UntrainedWeights())
    stored = open_weights(tmp_path / "weights.h5")
    for name in CONV_LAYERS:
        for written, read in zip(UntrainedWeights().read(name), stored.read(name), strict=True):
            np.testing.assert_array_equal(written, read)


def test_double_precision_is_read_as_single(tmp_path, hollow_path):
    path = tmp_path / "weights.h5"
    path.write_bytes(hollow_path.read_bytes())
    with h5py.File(path, "a") as file:
        del file["block1_conv1/block1_conv1_b_1:0"]
        file["block1_conv1/block1_conv1_b_1:0"] = np.full(64, 0.1)
    _, bias = open_weights(path).read("block1_conv1")
    np.testing.assert_array_equal(bias, np.full(64, 0.1, np.float32), strict=True)


def test_many_threads_can_read_at_once(hollow_path):
    stored = open_weights(hollow_path)
    names = CONV_LAYERS * 4
    with ThreadPoolExecutor(8) as pool:
        for name, (kernel, _) in zip(names, pool.map(stored.read, names), strict=True):
            assert np.all(kernel == VGG19.layer(name).conv_number)


@pytest.mark.parametrize("network", [StoredWeights(Path("absent"), ""), UntrainedWeights()])
def test_only_conv_layers_can_be_read(network):
    with pytest.raises(ValueError, match=r"expected a conv layer, got block1_pool \(pool\)"):
        network.read("block1_pool")
    with pytest.raises(KeyError, match="block6_conv1"):
        network.read("block6_conv1")


# -- damaged and other files


def test_kernel_of_another_shape_is_an_error(tmp_path):
    shapes = {"block3_conv2": ((3, 3, 256, 128), (256,))}
    write_hollow_weights(tmp_path / "weights.h5", shapes=shapes)
    expected = (
        "expected block3_conv2 to hold a kernel of 3 × 3 × 256 × 256 and a bias of 256, "
        "got 3 × 3 × 256 × 128 and 256"
    )
    with pytest.raises(WeightsError, match=expected):
        open_weights(tmp_path / "weights.h5")
    with pytest.raises(WeightsError, match=expected):
        StoredWeights(tmp_path / "weights.h5", "").read("block3_conv2")


def test_bias_before_its_kernel_is_an_error(tmp_path):
    shapes = {"block1_conv1": ((64,), (3, 3, 3, 64))}
    write_hollow_weights(tmp_path / "weights.h5", shapes=shapes)
    with pytest.raises(WeightsError, match="got 64 and 3 × 3 × 3 × 64"):
        open_weights(tmp_path / "weights.h5")


def remove_layer(file):
    names = [name for name in file.attrs["layer_names"] if name != b"block3_conv4"]
    file.attrs["layer_names"] = names


def remove_bias(file):
    file["block1_conv2"].attrs["weight_names"] = [b"block1_conv2_W_1:0"]


def remove_layer_names(file):
    del file.attrs["layer_names"]


def remove_weight_names(file):
    del file["block4_conv1"].attrs["weight_names"]


def remove_group(file):
    del file["block5_conv4"]


def put_a_number_for_a_group(file):
    del file["block5_conv4"]
    file["block5_conv4"] = 1.0


def put_a_group_for_an_array(file):
    del file["block2_conv1/block2_conv1_b_1:0"]
    file.create_group("block2_conv1/block2_conv1_b_1:0")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (remove_layer, "expected a layer block3_conv4, got input, block1_conv1, "),
        (remove_bias, "a bias of 64, got 3 × 3 × 64 × 64$"),
        (remove_layer_names, "expected the attribute layer_names of Keras' HDF5 layout, got none"),
        (remove_weight_names, "expected the attribute weight_names"),
        (remove_group, "expected VGG19 weights in .*, got: .*block5_conv4"),
        (put_a_number_for_a_group, "expected the attribute weight_names"),
        (put_a_group_for_an_array, "expected VGG19 weights in .*, got: .*shape"),
    ],
)
def test_damaged_or_incomplete_file_is_an_error(tmp_path, hollow_path, change, message):
    path = tmp_path / "weights.h5"
    path.write_bytes(hollow_path.read_bytes())
    with h5py.File(path, "a") as file:
        change(file)
    with pytest.raises(WeightsError, match=message):
        open_weights(path)


def test_text_instead_of_numbers_is_an_error(tmp_path, hollow_path):
    path = tmp_path / "weights.h5"
    path.write_bytes(hollow_path.read_bytes())
    with h5py.File(path, "a") as file:
        del file["block1_conv1/block1_conv1_b_1:0"]
        file["block1_conv1/block1_conv1_b_1:0"] = np.full(64, b"text")
    with pytest.raises(WeightsError, match="expected VGG19 weights in"):
        StoredWeights(path, "").read("block1_conv1")


@pytest.mark.parametrize("content", [b"", b"<html>sign in first</html>", b"\x89HDF\r\n\x1a\n"])
def test_file_that_is_not_hdf5_is_an_error(tmp_path, content):
    (tmp_path / "weights.h5").write_bytes(content)
    with pytest.raises(WeightsError, match="expected VGG19 weights in"):
        open_weights(tmp_path / "weights.h5")


def test_file_truncated_or_removed_after_opening_is_an_error(tmp_path, hollow_path):
    path = tmp_path / "weights.h5"
    path.write_bytes(hollow_path.read_bytes())
    stored = open_weights(path)
    path.write_bytes(hollow_path.read_bytes()[:-1000])
    with pytest.raises(WeightsError, match="truncated file"):
        stored.read("block1_conv1")
    path.unlink()
    with pytest.raises(WeightsError, match="No such file"):
        stored.read("block1_conv1")


def test_messages_name_the_file_but_not_its_folder(tmp_path, hollow_path, caplog):
    path = tmp_path / "weights.h5"
    with pytest.raises(
        WeightsError, match=r"^expected a VGG19 weights file in weights\.h5"
    ) as said:
        open_weights(path)
    messages = [str(said.value)]
    path.write_bytes(hollow_path.read_bytes())
    stored = open_weights(path)
    for damage in (path.unlink, path.mkdir):
        damage()
        with pytest.raises(
            WeightsError, match=r"^expected VGG19 weights in weights\.h5, got"
        ) as said:
            stored.read("block1_conv1")
        messages.append(str(said.value))
        assert str(path) in caplog.text
        caplog.clear()
    assert str(tmp_path) not in " ".join(messages)


def test_changed_numbers_in_a_valid_file_are_noticed(tmp_path, hollow_path):
    path = tmp_path / "weights.h5"
    path.write_bytes(hollow_path.read_bytes())
    times = path.stat().st_atime_ns, path.stat().st_mtime_ns
    stored = open_weights(path)
    with h5py.File(path, "a") as file:
        file["block1_conv1/block1_conv1_b_1:0"][:] = 7
    for mend in (lambda: None, lambda: os.utime(path, ns=times)):
        mend()
        with pytest.raises(WeightsError, match="expected the contents that it had when it was"):
            stored.read("block3_conv1")
    path.write_bytes(hollow_path.read_bytes())
    assert np.all(stored.read("block1_conv1")[1] == -1)


# -- non-finite numbers


def with_number(path, hollow_path, name, number, kind=np.float32):
    """Copy the hollow file and set one number of an array."""
    path.write_bytes(hollow_path.read_bytes())
    with h5py.File(path, "a") as file:
        numbers = file[name][()].astype(kind)
        numbers.flat[numbers.size // 2] = number
        del file[name]
        file[name] = numbers
    return path


@pytest.mark.parametrize(
    ("name", "number", "kind", "where"),
    [
        ("block1_conv1/block1_conv1_W_1:0", np.nan, np.float32, "kernel of block1_conv1"),
        ("block5_conv4/block5_conv4_b_1:0", np.inf, np.float32, "bias of block5_conv4"),
        ("block2_conv2/block2_conv2_b_1:0", -np.inf, np.float16, "bias of block2_conv2"),
        ("block2_conv2/block2_conv2_b_1:0", 1e39, np.float64, "bias of block2_conv2"),
    ],
)
def test_non_finite_numbers_are_refused_with_their_layer(
    tmp_path, hollow_path, name, number, kind, where
):
    path = with_number(tmp_path / "weights.h5", hollow_path, name, number, kind)
    with pytest.raises(
        WeightsError, match=f"expected finite numbers in the {where}, got 1 of "
    ) as raised:
        open_weights(path)
    assert "infinite or NaN" in str(raised.value)


def test_large_finite_numbers_are_read(tmp_path, hollow_path):
    name = "block1_conv1/block1_conv1_b_1:0"
    path = with_number(tmp_path / "weights.h5", hollow_path, name, 1e38)
    assert open_weights(path).read("block1_conv1")[1].max() == np.float32(1e38)


# -- files of Keras 3, and networks inside others


@pytest.fixture(scope="module")
def saved_by_keras(tmp_path_factory):
    """Folder of VGG19 saved by Keras 3 in every format, alone and nested in a classifier."""
    keras = import_keras()
    folder = tmp_path_factory.mktemp("keras")
    vgg19 = keras.applications.VGG19(include_top=False, weights=None, input_shape=(224, 224, 3))
    for name in CONV_LAYERS:
        vgg19.get_layer(name).set_weights(UntrainedWeights(seed=3).read(name))
    pooled = keras.layers.GlobalAveragePooling2D()
    inside = keras.Sequential([keras.Input((224, 224, 3)), vgg19, pooled, keras.layers.Dense(2)])
    for name, model in (("alone", vgg19), ("inside", inside)):
        for save, ending in ((model.save, "keras"), (model.save, "h5")):
            save(folder / f"{name}.{ending}")
        model.save_weights(folder / f"{name}.weights.h5")
    head = keras.layers.Dense(2)(pooled(vgg19.output))
    keras.Model(vgg19.input, head).save(folder / "with its own head.h5")
    return folder


def is_seed_3(stored):
    return all(
        np.array_equal(array, expected)
        for name in (CONV_LAYERS[0], CONV_LAYERS[-1])
        for array, expected in zip(
            stored.read(name), UntrainedWeights(seed=3).read(name), strict=True
        )
    )


@pytest.mark.parametrize("name", ["alone.h5", "with its own head.h5"])
def test_old_layout_written_by_keras_3_is_read(saved_by_keras, name):
    assert is_seed_3(open_weights(saved_by_keras / name))


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("alone.keras", r"in alone\.keras: got a model in Keras 3's own format"),
        ("alone.weights.h5", r"Keras 1 and 2, got that of Keras 3's \.weights\.h5"),
        (
            "inside.h5",
            "expected the layer block1_conv1, got it nested in the layer vgg19, which is a model",
        ),
        ("inside.keras", "Keras 3's own format"),
    ],
)
def test_unsupported_layouts_are_refused_with_a_program_that_converts_them(
    saved_by_keras, name, reason, monkeypatch
):
    monkeypatch.chdir(saved_by_keras)
    while True:
        with pytest.raises(WeightsError, match=reason) as refused:
            open_weights(Path(name))
        lines = refused.value.conversion.splitlines()
        assert len(lines) == 3
        before = set(Path().iterdir())
        exec(refused.value.conversion, {})
        (made,) = set(Path().iterdir()) - before
        if name != "inside.keras":
            break
        # The converted archive is a nested model, which needs a second conversion.
        name, reason = made.name, "nested in the layer vgg19"
    assert is_seed_3(open_weights(made))
    made.unlink()


def test_conversion_program_follows_the_sentence_for_the_page(saved_by_keras, environment):
    named = {"VGG_VIZ_WEIGHTS": str(saved_by_keras / "alone.weights.h5")}
    with pytest.raises(WeightsUnavailable) as raised:
        obtain({**environment, **named})
    sentence, _, *program = raised.value.attempts[0].partition("\n")
    assert sentence.endswith("got that of Keras 3's .weights.h5.")
    assert "model.load_weights('alone.weights.h5'); model.save('alone-vgg19.h5')" in program[0]


def test_other_zip_archive_is_not_called_a_keras_model(tmp_path):
    np.savez(tmp_path / "weights.npz", a=np.zeros(3))
    with pytest.raises(WeightsError, match="file signature not found") as said:
        open_weights(tmp_path / "weights.npz")
    assert not said.value.conversion


# -- untrained


def test_untrained_weights_are_he_normal():
    for layer in VGG19.conv_layers:
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


def test_configured_file_comes_first_and_is_labelled_with_its_name(
    environment, models, content, tmp_path
):
    (models / NOTOP_FILE).write_bytes(content)
    path = tmp_path / "mine.h5"
    write_hollow_weights(path, names=NEW_NAMES)
    found = obtain({**environment, "VGG_VIZ_WEIGHTS": str(path)})
    assert found == StoredWeights(path, "weights of mine.h5")


def test_configured_file_of_keras_is_labelled_imagenet(environment, content, hollow_path):
    found = obtain({**environment, "VGG_VIZ_WEIGHTS": str(hollow_path)})
    assert found == StoredWeights(hollow_path, "ImageNet")


def test_configured_file_with_keras_name_only_is_not_labelled_imagenet(environment, tmp_path):
    write_hollow_weights(tmp_path / NOTOP_FILE)
    found = obtain({**environment, "VGG_VIZ_WEIGHTS": str(tmp_path / NOTOP_FILE)})
    assert found.label == f"weights of {NOTOP_FILE}"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("absent.h5", "No such file or directory"),
        (".", "Is a directory"),
        ("text.h5", "file signature not found"),
    ],
)
def test_unusable_configured_file_is_skipped_with_a_warning(
    environment, models, content, tmp_path, caplog, name, reason
):
    (tmp_path / "text.h5").write_bytes(b"text")
    (models / NOTOP_FILE).write_bytes(content)
    found = obtain({**environment, "VGG_VIZ_WEIGHTS": str(tmp_path / name)})
    assert found == StoredWeights(models / NOTOP_FILE, "ImageNet")
    [record] = caplog.records
    assert (record.name, record.levelno) == ("vgg_viz.model.weights", logging.WARNING)
    assert "Could not use the file named by VGG_VIZ_WEIGHTS" in record.message
    assert reason in record.message
    # The page shows the log's message without the folder.
    [sentence] = found.skipped
    assert record.message == f"{sentence} ({tmp_path / name})"
    assert str(tmp_path) not in sentence


def test_no_file_is_skipped_if_none_is_configured(environment, models, content):
    (models / NOTOP_FILE).write_bytes(content)
    assert obtain(environment).skipped == ()
    assert obtain({**environment, "VGG_VIZ_WEIGHTS": ""}).skipped == ()


def test_skipped_file_is_reported_with_a_download_too(environment, content, tmp_path):
    with serve(content) as server:
        there = {"VGG_VIZ_WEIGHTS": str(tmp_path / "absent.h5"), "VGG_VIZ_WEIGHTS_URL": server.url}
        found = obtain({**environment, **there})
    assert "absent.h5" in found.skipped[0]


@pytest.mark.parametrize("file", KERAS_FILES, ids=lambda file: file.name)
def test_files_of_keras_on_disk_are_recognized_by_their_md5(
    environment, models, content, monkeypatch, file
):
    here = replace(file, md5=hashlib.md5(content).hexdigest())
    monkeypatch.setattr(weights, "KERAS_FILES", (here,))
    (models / file.name).write_bytes(content)
    assert obtain(environment) == StoredWeights(models / file.name, "ImageNet")


def test_full_file_on_disk_replaces_a_download_of_the_small_one(
    environment, models, content, monkeypatch
):
    pass_for_the_full_file(monkeypatch, content + b"full")
    (models / FULL_FILE).write_bytes(content + b"full")
    with serve(content) as server:
        found = obtain({**environment, "VGG_VIZ_WEIGHTS_URL": server.url})
    assert found == StoredWeights(models / FULL_FILE, "ImageNet")
    assert is_hollow_file(found.path)
    assert server.requests == []


def test_keras_folder_is_in_the_home_folder_by_default(content, tmp_path, monkeypatch, environment):
    monkeypatch.setenv("HOME", str(tmp_path))
    folder = tmp_path / ".keras" / "models"
    folder.mkdir(parents=True)
    (folder / NOTOP_FILE).write_bytes(content)
    assert obtain({**environment, "KERAS_HOME": ""}).path == folder / NOTOP_FILE


def test_user_without_a_home_folder_can_download(content, monkeypatch):
    monkeypatch.setattr(Path, "expanduser", no_home)
    with serve(content) as server:
        found = obtain({"VGG_VIZ_WEIGHTS_URL": server.url})
    assert found.path == private_folder() / NOTOP_FILE


def test_broken_file_of_keras_is_replaced_by_a_download(environment, models, content):
    (models / NOTOP_FILE).write_bytes(content[:-1])
    with serve(content) as server:
        found = obtain({**environment, "VGG_VIZ_WEIGHTS_URL": server.url})
    assert found == StoredWeights(models / NOTOP_FILE, "ImageNet")
    assert is_hollow_file(found.path)


def test_broken_file_of_keras_is_reported_if_the_download_fails(
    environment, models, content, caplog
):
    (models / NOTOP_FILE).write_bytes(content[:-1])
    (models / FULL_FILE).mkdir()
    with pytest.raises(WeightsUnavailable) as raised:
        obtain(environment)
    named, broken, unreadable, download = raised.value.attempts
    assert named == "The environment variable VGG_VIZ_WEIGHTS is not set."
    assert broken.startswith(f"Could not use {NOTOP_FILE}: expected MD5 ")
    assert unreadable == f"Could not read {FULL_FILE}: Is a directory."
    assert download.endswith("(tried 3 times): could not reach the host (Connection refused).")
    assert str(raised.value) == " ".join(raised.value.attempts)
    assert str(models) not in str(raised.value)
    for name in (NOTOP_FILE, FULL_FILE):
        assert f"({models / name})" in caplog.text


def test_download_goes_to_keras_folder_and_is_found_there_again(environment, models, content):
    reports = []
    with serve(content, file_server.refuse, file_server.send_slowly) as server:
        there = {**environment, "VGG_VIZ_WEIGHTS_URL": server.url}
        found = obtain(there, on_progress=lambda *report: reports.append(report))
        assert len(server.requests) == 2
        assert obtain(there) == found
        assert len(server.requests) == 2
    assert found == StoredWeights(models / NOTOP_FILE, "ImageNet")
    assert is_hollow_file(found.path)
    assert reports[-1] == (len(content), len(content))
    assert obtain(environment) == found


def test_addresses_without_a_mirror_are_those_of_keras(environment, content, monkeypatch):
    reports = []
    with (
        serve(content, file_server.cut_off) as newer,
        serve(content, file_server.send_range) as older,
    ):
        folders = [server.url.removesuffix("weights.h5") for server in (newer, older)]
        monkeypatch.setattr(keras_files, "ADDRESSES", tuple(folders))
        there = {**environment, "VGG_VIZ_WEIGHTS_URL": ""}
        found = obtain(there, on_progress=lambda *report: reports.append(report))
    assert is_hollow_file(found.path)
    assert newer.requests == older.requests == [f"/{NOTOP_FILE}"]
    assert reports == sorted(reports)
    assert reports[-1] == (len(content), len(content))


def test_mirror_is_the_only_address(environment, content, monkeypatch):
    with serve(content) as keras, serve(content, file_server.refuse) as mirror:
        monkeypatch.setattr(keras_files, "ADDRESSES", (keras.url, keras.url))
        with pytest.raises(WeightsUnavailable, match="404"):
            obtain({**environment, "VGG_VIZ_WEIGHTS_URL": mirror.url})
    assert not keras.requests


def test_mirror_with_other_bytes_is_refused(environment, models, content):
    with (
        serve(content, file_server.send_other_bytes) as server,
        pytest.raises(WeightsUnavailable) as raised,
    ):
        obtain({**environment, "VGG_VIZ_WEIGHTS_URL": server.url})
    md5 = weights.NOTOP.md5
    assert f": expected a file with MD5 {md5}, got MD5" in raised.value.attempts[-1]
    assert list(models.iterdir()) == []


def test_download_goes_to_a_temporary_folder_if_keras_folder_is_not_writable(
    environment, content, tmp_path
):
    (tmp_path / "keras").write_bytes(b"a file where the folder should be")
    own = private_folder() / NOTOP_FILE
    with serve(content) as server:
        found = obtain({**environment, "VGG_VIZ_WEIGHTS_URL": server.url})
    assert found == StoredWeights(own, "ImageNet")
    assert is_hollow_file(own)
    assert len(server.requests) == 1
    assert obtain(environment) == found


def test_missing_writable_folder_is_reported(environment, content, tmp_path, caplog):
    (tmp_path / "keras").write_bytes(b"")
    with serve(content) as server:
        there = {**environment, "VGG_VIZ_WEIGHTS_URL": server.url}
        private_folder().rmdir()
        (tmp_path / "temporary").rmdir()
        (tmp_path / "temporary").write_bytes(b"")
        with pytest.raises(WeightsUnavailable) as raised:
            obtain(there)
        assert raised.value.attempts[-1] == (
            f"Could not store {server.url} on the server: Not a directory."
        )
        assert str(tmp_path / "keras" / "models") in caplog.text
        (tmp_path / "keras").unlink()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Path, "expanduser", no_home)
            with pytest.raises(WeightsUnavailable, match="Could not find a folder on the server"):
                obtain(there)
    assert server.requests == []


def no_home(path):
    raise RuntimeError("Could not determine home directory.")


def test_all_failed_attempts_are_reported(environment, tmp_path):
    with pytest.raises(WeightsUnavailable) as raised:
        obtain({**environment, "VGG_VIZ_WEIGHTS": str(tmp_path / "absent.h5")})
    named, on_disk, download = raised.value.attempts
    assert "absent.h5, got: No such file or directory." in named
    assert on_disk == "Found no VGG19 weights of Keras on the server's disk."
    assert download.startswith("Could not download http://127.0.0.1:")
    assert download.endswith("(Connection refused).")


# -- the full file


@pytest.fixture
def full_content(content, monkeypatch):
    """Bytes of a small file that is accepted as Keras' full file."""
    full_content = content + bytes(range(256)) * 8192
    pass_for_the_full_file(monkeypatch, full_content)
    return full_content


def test_full_file_is_recognized_by_its_md5_only(environment, models, full_content):
    assert find_full(environment) is None
    (models / FULL_FILE).write_bytes(full_content[:-1])
    assert find_full(environment) is None
    (models / NOTOP_FILE).write_bytes(full_content)
    assert find_full(environment) is None
    (private_folder() / FULL_FILE).write_bytes(full_content)
    assert find_full(environment) == StoredWeights(private_folder() / FULL_FILE, "ImageNet")
    (models / FULL_FILE).write_bytes(full_content)
    found = find_full(environment)
    assert found == StoredWeights(models / FULL_FILE, "ImageNet")
    assert found.fingerprint.md5 == found.identity == hashlib.md5(full_content).hexdigest()


def test_full_file_is_downloaded_from_the_configured_address(environment, models, full_content):
    reports = []
    with serve(full_content, file_server.send_slowly) as server:
        there = {**environment, "VGG_VIZ_FULL_WEIGHTS_URL": server.url}
        found = fetch_full(there, on_progress=lambda *report: reports.append(report))
        assert fetch_full(there) == found  # from the disk
    assert server.requests == ["/weights.h5"]
    assert found == StoredWeights(models / FULL_FILE, "ImageNet") == find_full(environment)
    assert reports == sorted(reports)
    assert reports[-1] == (len(full_content), len(full_content))
    assert [path.name for path in models.iterdir()] == [FULL_FILE]


def test_full_file_has_two_addresses_of_keras(environment, full_content, monkeypatch):
    with (
        serve(full_content, file_server.cut_off) as newer,
        serve(full_content, file_server.send_range) as older,
    ):
        urls = tuple(server.url.removesuffix("weights.h5") for server in (newer, older))
        monkeypatch.setattr(keras_files, "ADDRESSES", urls)
        found = fetch_full(environment)
    assert found.path.read_bytes() == full_content
    assert newer.requests == older.requests == [f"/{FULL_FILE}"]


def test_next_attempt_resumes_even_after_a_restart(environment, models, content, full_content):
    half = len(full_content) // 2
    (models / NOTOP_FILE).write_bytes(content)
    with serve(full_content, *[file_server.cut_off] * 3, file_server.send_range) as server:
        there = {**environment, "VGG_VIZ_FULL_WEIGHTS_URL": server.url}
        with pytest.raises(WeightsUnavailable, match="closed before all") as raised:
            fetch_full(there)
        assert str(models) not in str(raised.value)
        kept = offer_full(there).partial_bytes
        assert half - CHUNK_BYTES < kept <= half
        assert obtain(there).path == models / NOTOP_FILE
        assert find_full(there) is None
        assert fetch_full(there).path.read_bytes() == full_content
    assert server.ranges == [None, *[f"bytes={kept}-"] * 3]


def test_full_file_with_other_bytes_is_refused(environment, models, full_content):
    with (
        serve(full_content, file_server.send_other_bytes) as server,
        pytest.raises(WeightsUnavailable, match="expected a file with MD5"),
    ):
        fetch_full({**environment, "VGG_VIZ_FULL_WEIGHTS_URL": server.url})
    assert list(models.iterdir()) == []


def with_room(monkeypatch, rooms):
    """Set the free bytes of the disks of these folders and their subfolders."""

    def disk_usage(path):
        free = next(free for folder, free in rooms.items() if path.is_relative_to(folder))
        return SimpleNamespace(free=free)

    monkeypatch.setattr("shutil.disk_usage", disk_usage)


@pytest.mark.parametrize(("more", "chosen"), [(0, "keras"), (-1, "temporary")])
def test_full_file_goes_to_the_first_folder_with_space(
    environment, models, full_content, monkeypatch, tmp_path, more, chosen
):
    with_room(monkeypatch, {models: len(full_content) + more, tmp_path: 10**9})
    offered = offer_full(environment)
    assert offered.fits
    words = {"keras": "$KERAS_HOME/models", "temporary": "the server's temporary folder"}
    assert words[chosen] in offered.description
    with serve(full_content) as server:
        found = fetch_full({**environment, "VGG_VIZ_FULL_WEIGHTS_URL": server.url})
    assert found.path.is_relative_to(tmp_path / chosen)
    assert len(server.requests) == 1


def test_missing_disk_space_is_reported_before_any_request(
    environment, models, full_content, monkeypatch, tmp_path
):
    with_room(monkeypatch, {models: 1_234_567, tmp_path: 2_000_000})
    offered = offer_full(environment)
    assert not offered.fits
    assert offered.description == (
        f"{FULL_FILE} (2 MB) is stored in the server's temporary folder, where only 2 MB are free: "
        "not enough."
    )
    with serve(full_content) as server, pytest.raises(WeightsUnavailable) as raised:
        fetch_full({**environment, "VGG_VIZ_FULL_WEIGHTS_URL": server.url})
    assert raised.value.attempts == tuple(
        f"Could not store {FULL_FILE} on the server: it needs 3 MB, but only {free} MB are free."
        for free in (1, 2)
    )
    assert server.requests == []
    assert list(models.iterdir()) == []


def test_offer_names_no_path(environment, models, monkeypatch, tmp_path):
    with_room(monkeypatch, {tmp_path: 12_345_678_901})
    assert offer_full(environment).description == (
        f"{FULL_FILE} (575 MB) is stored in the server's folder $KERAS_HOME/models, where "
        "12,345 MB are free."
    )
    kept = models / f"vgg_viz-download-of-{FULL_FILE}"
    kept.mkdir()
    (kept / "partial").write_bytes(b"")
    os.truncate(kept / "partial", 300_000_000)
    assert offer_full(environment).description.endswith(" 300 MB are there already.")
    with_room(monkeypatch, {tmp_path: 274_710_816})
    assert offer_full(environment).fits
    with_room(monkeypatch, {tmp_path: 274_710_815})
    assert not offer_full(environment).fits


def test_missing_folder_has_the_free_space_of_its_disk(tmp_path):
    free = shutil.disk_usage(tmp_path).free
    assert abs(free_bytes(tmp_path / "not" / "there") - free) < 10**9
    assert free_bytes(Path("/proc/self")) == 0


def test_missing_folders_are_reported(monkeypatch):
    monkeypatch.setattr(keras_files, "_destinations", lambda environment: [])
    offered = offer_full({})
    assert not offered.fits
    assert offered.description.startswith("Could not find a folder on the server ")


# -- against Keras and the reference data


def test_names_and_md5s_match_keras():
    keras = Path(find_spec("keras").origin).parent
    text = (keras / "src" / "applications" / "vgg19.py").read_text()
    joined = re.sub(r'"\s+"', "", text)
    for file in KERAS_FILES:
        assert f'"{file.name}"' in text
        assert f'file_hash="{file.md5}"' in text
        address, older = file.addresses({})
        assert f'"{address}"' in joined
        assert older == f"{keras_files.ADDRESSES[1]}{file.name}"


@pytest.mark.parametrize(
    ("environment", "folder"),
    [
        ({}, "the server's folder ~/.keras/models"),
        ({"KERAS_HOME": ""}, "the server's folder ~/.keras/models"),
        ({"KERAS_HOME": "/srv/x"}, "the server's folder $KERAS_HOME/models"),
    ],
)
def test_manual_installation_is_described_without_a_path(environment, folder):
    words = NOTOP.manual_instructions(environment)
    assert words.startswith(f"Put the file {NOTOP_FILE} (80 MB) into {folder}")
    assert "/srv" not in words
    assert "(575 MB)" in FULL.manual_instructions(environment)


def test_reference_weights_can_be_written_and_read(tmp_path):
    if not (reference_folder() / "vgg19_blocks1-3.npz").exists():
        pytest.skip("the reference data are absent: see tests/support/weights_files.py")
    path = tmp_path / "reference.h5"
    subprocess.run(
        [sys.executable, "-m", "tests.support.weights_files", path], cwd=REPOSITORY, check=True
    )
    stored = open_weights(path)
    assert stored.label == "weights of reference.h5"
    for name in ("block1_conv1", "block3_conv4", "block4_conv1"):
        for array, read in zip(ReferenceWeights().read(name), stored.read(name), strict=True):
            np.testing.assert_array_equal(array, read, strict=True)


def test_importing_the_module_imports_nothing_heavy():
    program = (
        "import sys, vgg_viz.model.weights\n"
        "heavy = {'tensorflow', 'keras', 'h5py', 'pooch', 'requests', 'streamlit'}\n"
        "print(*heavy & set(sys.modules))"
    )
    command = [sys.executable, "-c", program]
    result = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == ""
