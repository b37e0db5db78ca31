"""Weights of the dense layers: memory-mapped, read in slabs or drawn."""

import mmap
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest

from tests.support.thin import RandomWeights
from tests.support.weights_files import write_full_weights
from vgg_viz.model import dense_layers, weights
from vgg_viz.model.architecture import Architecture
from vgg_viz.model.dense_layers import (
    SLAB_ROWS,
    SLABS,
    ReportingDense,
    StoredDense,
    UntrainedDense,
    slab_count,
)
from vgg_viz.model.weights import (
    IMAGENET_LABEL,
    StoredWeights,
    WeightsError,
    open_weights,
)

# Dense layers of 6 MB, with two slabs in fc1 and fc2.
SMALL = Architecture("small", ((1, 4),), (("fc1", 1024), ("fc2", 512), ("predictions", 9)), 32)
FC1, FC2, PREDICTIONS = SMALL.dense_layers


@pytest.fixture(autouse=True)
def small(monkeypatch, without_trial):
    """Read files of the small architecture."""
    for module in (dense_layers, weights):
        monkeypatch.setattr(module, "VGG19", SMALL)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A weights file whose kernels are not zero in a few rows."""
    path = tmp_path_factory.mktemp("written") / "small.h5"
    write_full_weights(path, RandomWeights(SMALL), architecture=SMALL)
    with h5py.File(path, "r+") as file:
        for layer in SMALL.dense_layers:
            file[f"{layer.name}/{layer.name}_b_1:0"][...] = np.arange(layer.units)
            kernel = file[f"{layer.name}/{layer.name}_W_1:0"]
            kernel[SLAB_ROWS - 1] = 1 + np.arange(layer.units)
            kernel[-1] = -np.arange(layer.units)
    return path


@pytest.fixture
def file(written, tmp_path):
    """A copy of that file."""
    return Path(shutil.copy(written, tmp_path))


def replace_kernel(path, layer, numbers=None, **options):
    """Replace a layer's kernel by one of another type or layout."""
    with h5py.File(path, "r+") as file:
        group, name = file[layer.name], f"{layer.name}_W_1:0"
        old = group[name][()] if numbers is None else numbers
        del group[name]
        group.create_dataset(name, data=old, **options)


def is_mapped(array):
    while isinstance(array, np.ndarray):
        array = array.base
    return isinstance(array, mmap.mmap)


def stored(path):
    """Open the dense layers of a file as if it were Keras' own."""
    found = dense_layers.open_dense(
        StoredWeights(path, IMAGENET_LABEL, open_weights(path).fingerprint)
    )
    assert isinstance(found, StoredDense)
    return found


@pytest.mark.parametrize("layer", SMALL.dense_layers, ids=lambda layer: layer.name)
def test_slabs_match_the_rows_read_by_h5py(file, layer):
    found = stored(file)
    with h5py.File(file) as opened:
        kernel = opened[f"{layer.name}/{layer.name}_W_1:0"]
        for index in range(slab_count(layer)):
            rows = kernel[index * SLAB_ROWS : (index + 1) * SLAB_ROWS]
            assert rows.shape == (SLAB_ROWS, layer.units)
            assert rows.any()
            slab = found.slab(layer, index)
            np.testing.assert_array_equal(slab, rows)
            assert is_mapped(slab)
            assert not slab.flags.writeable
    assert found.bias(layer).tolist() == list(range(layer.units))


@pytest.mark.parametrize(
    "options",
    [
        {"chunks": (64, 512)},
        {"chunks": (64, 512), "compression": "gzip"},
        {"dtype": ">f4"},
        {"dtype": "f8"},
        {"dtype": "f2"},
    ],
    ids=str,
)
def test_chunked_and_converted_arrays_have_equal_numbers(file, options):
    numbers = np.random.default_rng(0).integers(-9, 9, FC2.matrix_shape).astype(np.float32)
    replace_kernel(file, FC2, numbers, **options)
    found = stored(file).slab(FC2, 1)
    np.testing.assert_array_equal(found, numbers[SLAB_ROWS:], strict=True)


def cut(path):
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2)


def replace_file(path):
    other = path.with_name("other.h5")
    other.write_bytes(b"something else")
    other.replace(path)


def change(path):
    with h5py.File(path, "r+") as file:
        file["fc1/fc1_W_1:0"][0] = 1


@pytest.mark.parametrize("chunks", [None, (64, 512)])
@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (cut, "expected the contents that it had"),
        (replace_file, "expected the contents that it had"),
        (change, "expected the contents that it had"),
        (Path.unlink, "No such file"),
    ],
)
def test_a_file_damaged_meanwhile_is_an_error_and_no_crash(file, damage, message, chunks):
    if chunks:
        replace_kernel(file, FC1, chunks=chunks)
    found = stored(file)
    damage(file)
    with pytest.raises(WeightsError, match=rf"in small\.h5.*{message}"):
        found.slab(FC1, 1)


def test_a_file_of_unknown_contents_that_was_cut_is_an_error(file):
    found = dense_layers.open_dense(StoredWeights(file, IMAGENET_LABEL))
    cut(file)
    with pytest.raises(WeightsError, match=r"small\.h5: expected [\d,]+ bytes, got"):
        found.slab(FC1, 1)


@pytest.mark.parametrize(
    ("kept", "error", "message"),
    [
        ((b"block", b"predictions"), WeightsError, "expected a layer fc1"),
        ((b"block",), dense_layers.NoDenseLayers, "expected VGG19's dense layers in .*, got none"),
    ],
)
def test_a_file_without_dense_layers_is_an_error(file, kept, error, message):
    with h5py.File(file, "r+") as opened:
        opened.attrs["layer_names"] = [
            name for name in opened.attrs["layer_names"] if name.startswith(kept)
        ]
    with pytest.raises(WeightsError, match=message) as raised:
        stored(file)
    assert raised.type is error


@pytest.mark.parametrize("name", ["W", "b"])
def test_nan_in_another_file_than_keras_own_is_an_error(file, name):
    with h5py.File(file, "r+") as opened:
        opened[f"fc2/fc2_{name}_1:0"][-1] = np.nan
    where = {"W": "kernel of fc2, got 512 of", "b": "bias of fc2, got 1 of"}[name]
    with pytest.raises(WeightsError, match=where):
        dense_layers.open_dense(open_weights(file))


def test_untrained_layers_are_he_normal_and_determined_by_the_seed():
    one, other = UntrainedDense(19), UntrainedDense(19)
    slab = one.slab(FC1, 1)
    np.testing.assert_array_equal(slab, other.slab(FC1, 1))
    assert not np.array_equal(slab, one.slab(FC1, 0))
    assert not np.array_equal(slab, UntrainedDense(20).slab(FC1, 1))
    assert (slab.shape, slab.dtype) == ((SLAB_ROWS, 1024), np.float32)
    assert slab.std() == pytest.approx(np.sqrt(2 / 1024), rel=0.01)
    assert not one.bias(FC1).any()


def test_progress_is_reported_and_the_callback_may_stop_the_reading():
    shares: list[float] = []
    reporting = ReportingDense(UntrainedDense(19), shares.append)
    for index in (0, 1):
        slab = UntrainedDense(19).slab(FC1, index)
        np.testing.assert_array_equal(reporting.slab(FC1, index), slab)
    assert shares == [0, 1 / SLABS]
    assert SLABS == 49 + 8 + 8

    def stop(share: float) -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        ReportingDense(UntrainedDense(19), stop).slab(FC1, 0)
