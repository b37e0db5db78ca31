"""Peaks of sample images on disk."""

import numpy as np
import pytest

from tests.support.thin import THIN, RandomWeights
from vgg_viz.interpretability.feature_visualization import image_store
from vgg_viz.interpretability.feature_visualization.image_store import (
    ImageStore,
    read_peaks,
    save_peaks,
)
from vgg_viz.interpretability.feature_visualization.top_patches import Peaks

WEIGHTS = RandomWeights(THIN)


def peaks():
    """Return other peaks for each layer."""
    random = np.random.default_rng(1)
    return [
        Peaks(
            random.random((layer.filters, 2), dtype=np.float32),
            random.integers(0, 48, (layer.filters, 2, 2), dtype=np.int16),
        )
        for layer in THIN.conv_layers
    ]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Return the folder of the network's store, with the peaks of the image "a"."""
    store = ImageStore(tmp_path / "made", "any")
    monkeypatch.setattr(image_store, "store_of", lambda _: store)
    save_peaks(WEIGHTS, "a", peaks())
    return store.folder


def test_peaks_are_read_as_they_were_saved(folder):
    for one, wanted in zip(read_peaks(WEIGHTS, THIN, "a"), peaks(), strict=True):
        np.testing.assert_array_equal(one.values, wanted.values)
        np.testing.assert_array_equal(one.positions, wanted.positions)
        assert (one.values.dtype, one.positions.dtype) == (np.float32, np.int16)
    assert {file.suffix for file in folder.iterdir()} <= {".npz", ".lock"}  # no partial file


def test_other_images_networks_and_versions_have_no_peaks(folder, monkeypatch):
    assert read_peaks(WEIGHTS, THIN, "b") is None
    other = RandomWeights(THIN)
    other.identity = "other"
    assert read_peaks(other, THIN, "a") is None
    monkeypatch.setattr(image_store, "PEAKS_VERSION", 2)
    assert read_peaks(WEIGHTS, THIN, "a") is None


CHANNELS = sum(layer.filters for layer in THIN.conv_layers)
ARRAYS = {
    "values": np.zeros((CHANNELS, 2), np.float32),
    "positions": np.zeros((CHANNELS, 2, 2), np.int16),
}
DAMAGES = {
    "cut off": lambda path: path.write_bytes(path.read_bytes()[:500]),
    "a bit flipped": lambda path: path.write_bytes(
        bytes(byte ^ (index == 300) for index, byte in enumerate(path.read_bytes()))
    ),
    "no arrays": lambda path: path.write_bytes(b"\x93NUMPY\x01\x00"),
    "an array missing": lambda path: np.savez(path, values=ARRAYS["values"]),
    "too few channels": lambda path: np.savez(
        path, values=ARRAYS["values"][1:], positions=ARRAYS["positions"][1:]
    ),
    "another type": lambda path: np.savez(path, **ARRAYS | {"values": np.zeros((CHANNELS, 2))}),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_damaged_files_are_not_read(folder, damage):
    (path,) = folder.glob("*.npz")
    damage(path)
    assert read_peaks(WEIGHTS, THIN, "a") is None


def test_networks_without_a_folder_store_nothing(folder, monkeypatch):
    monkeypatch.setattr(image_store, "store_of", lambda _: None)
    save_peaks(WEIGHTS, "c", peaks())
    assert read_peaks(WEIGHTS, THIN, "a") is None
    assert len(list(folder.glob("*.npz"))) == 1
