"""Weights of the dense layers: memory-mapped, read in slabs or drawn."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
import pytest

from tests.support.weights_files import write_full_weights
from vgg_viz.model import dense_layers, weights
from vgg_viz.model.architecture import VGG19
from vgg_viz.model.dense_layers import SLAB_ROWS, SLABS, ReportingDense, StoredDense, UntrainedDense
from vgg_viz.model.weights import (
    IMAGENET_LABEL,
    StoredWeights,
    UntrainedWeights,
    WeightsError,
    open_weights,
)

FC1, FC2, PREDICTIONS = VGG19.dense_layers


class NoConvolutions:
    """Conv layers with zero weights, which these tests do not use."""

    label, identity = "zeros", "zeros"

    def read(self, layer_name: str) -> tuple[np.ndarray, np.ndarray]:
        layer = VGG19.conv_layer(layer_name)
        return np.zeros(layer.kernel_shape, np.float32), np.zeros(layer.filters, np.float32)


@pytest.fixture(scope="module")
def full_file(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Sparse file of full size with numbers in a few rows."""
    path = tmp_path_factory.mktemp("full") / "full.h5"
    write_full_weights(path, NoConvolutions())
    with h5py.File(path, "r+") as file:
        for layer in VGG19.dense_layers:
            kernel, bias = (
                file[f"{layer.name}/{layer.name}_W_1:0"],
                file[f"{layer.name}/{layer.name}_b_1:0"],
            )
            bias[...] = np.arange(layer.units)
            kernel[SLAB_ROWS - 1] = 1 + np.arange(layer.units)
            kernel[-1] = -np.arange(layer.units)
    yield path
    path.unlink()


@pytest.fixture
def copy(full_file: Path, tmp_path: Path) -> Path:
    """Sparse copy of the file, which a test may damage."""
    path = tmp_path / "copy.h5"
    subprocess.run(["cp", "--sparse=always", full_file, path], check=True)
    return path


def stored(path: Path) -> StoredDense:
    """Open the dense layers of a file as if it were Keras' own, without reading its conv layers."""
    found = dense_layers.open_dense(
        StoredWeights(path, IMAGENET_LABEL, open_weights(path).fingerprint)
    )
    assert isinstance(found, StoredDense)
    return found


@pytest.mark.parametrize("layer", VGG19.dense_layers, ids=lambda layer: layer.name)
def test_slabs_match_the_rows_read_by_h5py(full_file, layer):
    found = stored(full_file)
    with h5py.File(full_file) as file:
        kernel = file[f"{layer.name}/{layer.name}_W_1:0"]
        for index in (0, 1, layer.inputs // SLAB_ROWS - 1):
            rows = kernel[index * SLAB_ROWS : (index + 1) * SLAB_ROWS]
            assert rows.shape == (SLAB_ROWS, layer.units)
            np.testing.assert_array_equal(found.slab(layer, index), rows)
    assert found.slab(layer, 0)[-1].tolist() == list(range(1, layer.units + 1))
    assert found.bias(layer).tolist() == list(range(layer.units))


def test_contiguous_array_is_mapped_and_read_only(full_file):
    slab = stored(full_file).slab(FC1, 0)
    assert not slab.flags.owndata
    assert not slab.flags.writeable


@pytest.mark.parametrize(
    "options",
    [
        {"chunks": (64, 1000)},
        {"chunks": (64, 1000), "compression": "gzip"},
        {"dtype": ">f4"},
        {"dtype": "f8"},
        {"dtype": "f2"},
    ],
    ids=str,
)
def test_chunked_and_converted_arrays_have_equal_numbers(copy, options):
    numbers = np.random.default_rng(0).integers(-9, 9, (SLAB_ROWS, 1000))
    with h5py.File(copy, "r+") as file:
        group = file["predictions"]
        del group["predictions_W_1:0"]
        kernel = group.create_dataset(
            "predictions_W_1:0", PREDICTIONS.matrix_shape, **({"dtype": "f4"} | options)
        )
        kernel[SLAB_ROWS : 2 * SLAB_ROWS] = numbers
    found = stored(copy).slab(PREDICTIONS, 1)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, numbers)


def test_reading_all_kernels_allocates_no_memory(full_file):
    program = (
        "import sys\nfrom pathlib import Path\n"
        "from vgg_viz.model import dense_layers as dense, weights\n"
        "from vgg_viz.model.architecture import VGG19\n"
        "def anonymous():\n"
        "    lines = Path('/proc/self/status').read_text().splitlines()\n"
        "    return int(next(line for line in lines if line.startswith('RssAnon')).split()[1])\n"
        "found = dense.open_dense(weights.StoredWeights(Path(sys.argv[1]), 'ImageNet'))\n"
        "before = anonymous()\n"
        "total = sum(float(found.slab(layer, index).sum())\n"
        "            for layer in VGG19.dense_layers for index in range(dense.slab_count(layer)))\n"
        "print(anonymous() - before)\n"
    )
    if not Path("/proc/self/status").exists():
        pytest.skip("the system does not say how much memory is anonymous")
    ran = subprocess.run(
        [sys.executable, "-c", program, full_file], capture_output=True, text=True, check=True
    )
    assert int(ran.stdout) < 20_000  # kB, of 494 MB that were read


def test_truncated_file_is_an_error_and_no_crash(copy):
    found = stored(copy)
    with copy.open("r+b") as file:
        file.truncate(copy.stat().st_size // 2)
    with pytest.raises(WeightsError, match=r"copy\.h5"):
        found.slab(FC1, 48)


def test_replaced_file_is_an_error(copy):
    found = stored(copy)
    other = copy.with_name("other.h5")
    other.write_bytes(b"something else")
    other.replace(copy)
    with pytest.raises(WeightsError, match="expected the contents that it had"):
        found.slab(FC1, 0)


def test_file_with_a_new_time_stamp_is_checked_once(copy, monkeypatch):
    found, read = stored(copy), []
    fingerprint_of = weights.fingerprint_of
    monkeypatch.setattr(
        weights, "fingerprint_of", lambda path: read.append(path) or fingerprint_of(path)
    )
    copy.touch()
    for index in range(3):
        found.slab(FC1, index)
    assert read == [copy]


def test_changed_chunked_file_is_an_error(copy):
    with h5py.File(copy, "r+") as file:
        group = file["predictions"]
        del group["predictions_W_1:0"]
        group.create_dataset("predictions_W_1:0", PREDICTIONS.matrix_shape, "f4", chunks=(64, 1000))
    found = stored(copy)
    with h5py.File(copy, "r+") as file:
        file["predictions/predictions_W_1:0"][0] = 1
    with pytest.raises(WeightsError, match="expected the contents that it had"):
        found.slab(PREDICTIONS, 0)


def test_missing_file_is_an_error(copy):
    found = stored(copy)
    copy.unlink()
    with pytest.raises(WeightsError, match=r"copy\.h5"):
        found.slab(FC1, 0)


def test_file_without_dense_layers_is_an_error(copy):
    with h5py.File(copy, "r+") as file:
        file.attrs["layer_names"] = [
            name for name in file.attrs["layer_names"] if b"fc" not in name
        ]
    with pytest.raises(WeightsError, match="expected a layer fc1"):
        stored(copy)


def test_nan_in_another_file_than_keras_own_is_an_error(copy):
    with h5py.File(copy, "r+") as file:
        file["fc2/fc2_W_1:0"][4095, 7] = np.nan
    with pytest.raises(WeightsError, match="kernel of fc2, got 1 of"):
        dense_layers.open_dense(open_weights(copy))


def test_untrained_layers_are_he_normal_and_determined_by_the_seed():
    one, other = UntrainedDense(19), UntrainedDense(19)
    slab = one.slab(FC2, 3)
    np.testing.assert_array_equal(slab, other.slab(FC2, 3))
    assert not np.array_equal(slab, one.slab(FC2, 4))
    assert not np.array_equal(slab, UntrainedDense(20).slab(FC2, 3))
    assert slab.dtype == np.float32
    assert slab.shape == (SLAB_ROWS, 4096)
    assert slab.std() == pytest.approx(np.sqrt(2 / 4096), rel=0.01)
    assert not one.bias(FC2).any()


def test_untrained_convolutions_have_untrained_dense_layers():
    assert dense_layers.open_dense(UntrainedWeights()).identity == UntrainedDense(19).identity


def test_progress_is_reported_and_the_callback_may_stop_the_reading():
    shares: list[float] = []
    reporting = ReportingDense(UntrainedDense(19), shares.append)
    np.testing.assert_array_equal(
        reporting.slab(PREDICTIONS, 0), UntrainedDense(19).slab(PREDICTIONS, 0)
    )
    reporting.slab(PREDICTIONS, 1)
    assert shares == [0, 1 / SLABS]

    def stop(share: float) -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        ReportingDense(UntrainedDense(19), stop).slab(FC1, 0)
