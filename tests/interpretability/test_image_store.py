"""Optimized images and peaks on disk: kept over restarts, whole, identified and bounded in size."""

import errno
import hashlib
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from tests.support import REPOSITORY
from tests.support.making import StandInNetwork, network_of
from tests.support.thin import THIN, RandomWeights
from tests.support.weights_files import write_hollow_weights
from vgg_viz.interpretability.feature_visualization import image_store
from vgg_viz.interpretability.feature_visualization.image_store import (
    FOLDER,
    MOST_BYTES,
    ImageStore,
    read_peaks,
    save_peaks,
    store_of,
)
from vgg_viz.interpretability.feature_visualization.optimization import (
    OptimizationSpec,
    OptimizedImage,
)
from vgg_viz.interpretability.feature_visualization.top_patches import Peaks
from vgg_viz.model.architecture import VGG19
from vgg_viz.model.weights import StoredWeights, UntrainedWeights, open_weights

EYES, OTHER = (VGG19.conv_layer(name) for name in ("block3_conv4", "block3_conv3"))
NETWORK = network_of("0123456789abcdef0123456789abcdef")
SPEC = OptimizationSpec(NETWORK, EYES, 7, "regularized")

# Saves one image, and half of another, in the folder that is its argument.
SAVE_HALF = """
import sys
from pathlib import Path
from tests.interpretability.test_image_store import SPEC, ImageStore, optimized
write = Path.write_bytes
def write_half(path, content):
    if not list(path.parent.glob("*.png")):
        return write(path, content)
    write(path, content[: len(content) // 2])
    print("half", flush=True)
    sys.stdin.read()
Path.write_bytes = write_half
ImageStore(Path(sys.argv[1])).save(SPEC, {5: optimized(5), 6: optimized(6)})
"""


def optimized(seed=0, side=48, value=12.345678901234567):
    random = np.random.default_rng(seed)
    return OptimizedImage(random.integers(0, 256, (side, side, 3), np.uint8), value, 192, 192)


def same(found, expected):
    np.testing.assert_array_equal(found.pixels, expected.pixels)
    assert (found.value, found.step, found.steps) == (expected.value, 192, 192)
    assert found.pixels.dtype == np.uint8
    assert not found.pixels.flags.writeable
    return True


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "beside" / FOLDER


@pytest.fixture
def store(folder):
    return ImageStore(folder)


def the_file(folder):
    [path] = folder.iterdir()
    return path


def test_saved_images_are_read_after_a_restart_but_not_by_another_version(
    store, folder, monkeypatch
):
    pictures = {1: optimized(1), 137: optimized(2, value=-0.1), 256: optimized(3, side=315)}
    store.save(SPEC, pictures)
    again = ImageStore(folder)
    assert all(same(again.read(SPEC, number), image) for number, image in pictures.items())
    assert again.read(SPEC, 2) is None
    monkeypatch.setattr(image_store, "VERSION", image_store.VERSION + 1)
    assert again.read(SPEC, 1) is None


@pytest.mark.parametrize(
    ("spec", "channel"),
    [
        (OptimizationSpec(network_of("another network"), EYES, 7, "regularized"), 5),
        (OptimizationSpec(NETWORK, OTHER, 7, "regularized"), 5),
        (OptimizationSpec(NETWORK, EYES, 8, "regularized"), 5),
        (OptimizationSpec(NETWORK, EYES, 7, "pixels"), 5),
        (SPEC, 6),
    ],
)
def test_image_of_another_spec_or_channel_is_not_returned(store, folder, spec, channel):
    store.save(SPEC, {5: optimized()})
    assert store.read(spec, channel) is None
    # Nor if a file is put in its place.
    original = the_file(folder).read_bytes()
    store.save(spec, {channel: optimized(1)})
    [place] = [path for path in folder.iterdir() if path.read_bytes() != original]
    place.write_bytes(original)
    assert store.read(spec, channel) is None
    assert not place.exists()


def test_file_is_a_png_with_its_description(store, folder):
    """Earlier versions have written files with the same texts and digest."""
    store.save(SPEC, {5: optimized()})
    network = hashlib.sha256(repr(NETWORK.identity).encode()).hexdigest()
    path = the_file(folder)
    assert path.name == f"{network[:16]}-block3_conv4-005-regularized-7-v2.png"
    with Image.open(path) as image:
        image.load()
        pixels, texts = np.array(image), dict(image.text)
    np.testing.assert_array_equal(pixels, optimized().pixels)
    digest = texts.pop("Digest")
    described = repr((sorted(texts.items()), (48, 48, 3))).encode()
    assert digest == hashlib.sha256(described + pixels.tobytes()).hexdigest()
    assert texts == {
        "Software": "VGG Viz",
        "Network": network,
        "Layer": "block3_conv4",
        "Channel": "5",
        "Parametrization": "regularized, version 2",
        "Seed": "7",
        "Value": "12.345678901234567",
        "Steps": "192",
    }


def write_anew(path, change_pixel=False, **texts):
    """Write a valid PNG with other contents and the old digest."""
    with Image.open(path) as image:
        image.load()
        info = PngInfo()
        for keyword, text in {**image.text, **texts}.items():
            info.add_text(keyword, text)
        pixels = np.array(image)
    pixels[20, 20, 0] ^= change_pixel
    Image.fromarray(pixels).save(path, "PNG", pnginfo=info)


DAMAGES = {
    "empty": lambda path: path.write_bytes(b""),
    "cut off": lambda path: path.write_bytes(path.read_bytes()[:-2000]),
    "another pixel": lambda path: write_anew(path, change_pixel=True),
    "another value": lambda path: write_anew(path, Value="99.0"),
    "another text": lambda path: write_anew(path, Comment="mine"),
    "no texts": lambda path: Image.fromarray(optimized().pixels).save(path, "PNG"),
    "of a palette": lambda path: Image.new("P", (48, 48)).save(path, "PNG"),
    "another kind of file": lambda path: path.write_bytes(b"GIF89a" + bytes(2000)),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_damaged_file_is_not_returned_and_deleted(store, folder, damage):
    store.save(SPEC, {5: optimized()})
    path = the_file(folder)
    damage(path)
    assert store.read(SPEC, 5) is None
    assert not path.exists()
    store.save(SPEC, {5: optimized()})
    assert same(store.read(SPEC, 5), optimized())


def test_oversized_image_is_not_decoded(store):
    store.save(SPEC, {5: optimized(side=513)})
    assert store.read(SPEC, 5) is None


def denied(*_, **__):
    raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def test_unreadable_file_is_not_returned_and_not_deleted(store, monkeypatch):
    store.save(SPEC, {5: optimized()})
    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_bytes", denied)
        assert store.read(SPEC, 5) is None
    assert same(store.read(SPEC, 5), optimized())


def test_a_process_killed_while_it_writes_leaves_nothing_damaged_and_no_leftover(store, folder):
    command = [sys.executable, "-c", SAVE_HALF, folder]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, cwd=REPOSITORY, **pipes) as process:
        assert process.stdout.readline() == b"half\n"
        process.kill()
    assert (folder / "image.part").stat().st_size > 1000
    assert same(store.read(SPEC, 5), optimized(5))
    assert store.read(SPEC, 6) is None
    store.save(SPEC, {6: optimized(6)})
    assert same(store.read(SPEC, 6), optimized(6))
    assert [path.suffix for path in folder.iterdir()] == [".png", ".png"]


def test_full_disk_deletes_no_image(store, folder, monkeypatch):
    store.save(SPEC, {5: optimized(1)})
    write = Path.write_bytes

    def write_a_part(path, content):
        if len(list(folder.glob("*.png"))) > 1:
            write(path, content[:100])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write(path, content)

    monkeypatch.setattr(Path, "write_bytes", write_a_part)
    with pytest.raises(OSError, match="No space left"):
        store.save(SPEC, {6: optimized(2), 5: optimized(3), 7: optimized(4)})
    assert same(store.read(SPEC, 5), optimized(1))
    assert same(store.read(SPEC, 6), optimized(2))
    assert store.read(SPEC, 7) is None
    assert {path.suffix for path in folder.iterdir()} == {".png"}


def test_read_only_folder_is_an_error_on_saving_only(store, folder, monkeypatch):
    store.save(SPEC, {5: optimized()})
    monkeypatch.setattr(os, "utime", denied)
    monkeypatch.setattr(image_store, "locked", denied)
    assert same(store.read(SPEC, 5), optimized())
    with pytest.raises(PermissionError):
        store.save(SPEC, {6: optimized()})


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other rights")
def test_deleted_folder_is_created_again_and_files_have_the_usual_permissions(store, folder):
    store.save(SPEC, {5: optimized()})
    shutil.rmtree(folder)
    assert store.read(SPEC, 5) is None
    before = os.umask(0o022)
    try:
        store.save(SPEC, {5: optimized()})
    finally:
        os.umask(before)
    assert same(store.read(SPEC, 5), optimized())
    assert stat.S_IMODE(the_file(folder).stat().st_mode) == 0o644


def test_least_recently_used_images_are_deleted(store, folder):
    other = OptimizationSpec(network_of("another network"), EYES, 7, "regularized")
    store.save(other, {9: optimized(9)})
    store.max_bytes = int(5.5 * the_file(folder).stat().st_size)
    store.save(SPEC, {number: optimized(number) for number in (1, 2, 3, 4)})
    for age, number in enumerate([4, 3, 2, 1, 9], 1):  # newest first
        [path] = folder.glob(f"*-{number:03}-*")
        os.utime(path, (10**9 - age, 10**9 - age))
    assert same(store.read(SPEC, 1), optimized(1))  # a viewer looks at it
    store.save(SPEC, {5: optimized(5)})
    assert store.read(SPEC, 5)
    assert store.read(other, 9) is None
    store.save(SPEC, {6: optimized(6)})
    assert [number for number in range(1, 7) if store.read(SPEC, number)] == [1, 3, 4, 5, 6]
    assert sum(path.stat().st_size for path in folder.iterdir()) <= store.max_bytes


def test_bound_holds_all_images_of_two_networks():
    def largest_file(layer):
        side = 128 if layer.block == 5 else 1.25 * layer.receptive_field
        return 3 * side**2 + 1000

    pictures = sum(layer.filters * largest_file(layer) for layer in VGG19.conv_layers)
    assert 2 * pictures < MOST_BYTES


@pytest.mark.usefixtures("without_trial")
def test_store_is_beside_the_weights_and_identified_by_their_contents(tmp_path):
    path, renamed, other = (tmp_path / name for name in ("mine.h5", "renamed.h5", "other.h5"))
    write_hollow_weights(path)

    def stored(path):
        weights = open_weights(path)
        store = store_of(weights)
        assert store.folder == tmp_path / FOLDER
        return store, OptimizationSpec(StandInNetwork(weights), EYES, 7, "regularized")

    store, spec = stored(path)
    store.save(spec, {5: optimized()})
    path.rename(renamed)
    again, spec = stored(renamed)
    assert same(again.read(spec, 5), optimized())
    other.write_bytes(renamed.read_bytes() + b"other")
    others, spec = stored(other)
    assert others.read(spec, 5) is None


def test_weights_without_a_lasting_identity_have_no_store(tmp_path, monkeypatch):
    class Other(UntrainedWeights):
        pass

    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    assert store_of(Other()) is None
    path = tmp_path / "mine.h5"
    assert store_of(StoredWeights(path, "mine")) is None
    assert store_of(StoredWeights(path, "mine", "0" * 32)) is not None


def test_store_of_untrained_weights_is_in_keras_folder_temporary_or_missing(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    store = store_of(UntrainedWeights())
    assert store.folder == tmp_path / "keras" / "models" / FOLDER
    shutil.rmtree(tmp_path / "keras")
    (tmp_path / "keras").write_bytes(b"no folder")
    store = store_of(UntrainedWeights())
    assert store.folder.parent.parent == tmp_path / "temporary"
    (tmp_path / "temporary").rename(tmp_path / "elsewhere")
    (tmp_path / "temporary").write_bytes(b"no folder")
    assert store_of(UntrainedWeights()) is None


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
def peak_folder(tmp_path, monkeypatch):
    """Return the folder of the network's store, with the peaks of the image "a"."""
    store = ImageStore(tmp_path / "made", "any")
    monkeypatch.setattr(image_store, "store_of", lambda _: store)
    save_peaks(WEIGHTS, "a", peaks())
    return store.folder


def test_peaks_are_read_as_they_were_saved(peak_folder):
    for one, wanted in zip(read_peaks(WEIGHTS, THIN, "a"), peaks(), strict=True):
        np.testing.assert_array_equal(one.values, wanted.values)
        np.testing.assert_array_equal(one.positions, wanted.positions)
        assert (one.values.dtype, one.positions.dtype) == (np.float32, np.int16)
    assert {file.suffix for file in peak_folder.iterdir()} <= {".npz", ".lock"}  # no partial file


def test_other_images_networks_and_versions_have_no_peaks(peak_folder, monkeypatch):
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
PEAK_DAMAGES = {
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


@pytest.mark.parametrize("damage", PEAK_DAMAGES.values(), ids=PEAK_DAMAGES)
def test_damaged_peaks_are_not_read(peak_folder, damage):
    (path,) = peak_folder.glob("*.npz")
    damage(path)
    assert read_peaks(WEIGHTS, THIN, "a") is None


def test_networks_without_a_folder_store_nothing(peak_folder, monkeypatch):
    monkeypatch.setattr(image_store, "store_of", lambda _: None)
    save_peaks(WEIGHTS, "c", peaks())
    assert read_peaks(WEIGHTS, THIN, "a") is None
    assert len(list(peak_folder.glob("*.npz"))) == 1
