"""Optimized images on disk: kept over restarts, whole, identified and bounded in size."""

import errno
import hashlib
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from tests.support import REPOSITORY
from tests.support.weights_files import write_hollow_weights
from vgg_viz.downloads.keras_files import Fingerprint
from vgg_viz.interpretability.feature_visualization.image_store import (
    FOLDER,
    MOST_BYTES,
    ImageStore,
    Series,
    store_of,
)
from vgg_viz.interpretability.feature_visualization.optimization import OptimizedImage
from vgg_viz.model.architecture import VGG19
from vgg_viz.model.weights import StoredWeights, UntrainedWeights, open_weights

SERIES = Series("block3_conv4", 7, "regularized")
IDENTITY = "0123456789abcdef0123456789abcdef"


def optimized(seed=0, side=48, value=12.345678901234567):
    random = np.random.default_rng(seed)
    return OptimizedImage(random.integers(0, 256, (side, side, 3), np.uint8), value, 192)


def same(found, expected):
    np.testing.assert_array_equal(found.pixels, expected.pixels)
    assert (found.value, found.steps) == (expected.value, expected.steps)
    assert found.pixels.dtype == np.uint8
    assert not found.pixels.flags.writeable
    return True


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "beside" / FOLDER


@pytest.fixture
def store(folder):
    return ImageStore(folder, IDENTITY)


def the_file(folder):
    [path] = folder.iterdir()
    return path


# -- kept, and found again


def test_saved_images_are_read_after_a_restart(store, folder):
    pictures = {1: optimized(1), 137: optimized(2, value=-0.1), 256: optimized(3, side=315)}
    store.save(SERIES, pictures)
    again = ImageStore(folder, IDENTITY)
    assert all(same(again.read(SERIES, number), image) for number, image in pictures.items())
    assert again.read(SERIES, 2) is None


@pytest.mark.parametrize(
    ("identity", "series", "channel"),
    [
        ("another network", SERIES, 5),
        (IDENTITY, Series("block3_conv3", 7, "regularized"), 5),
        (IDENTITY, Series("block3_conv4", 8, "regularized"), 5),
        (IDENTITY, Series("block3_conv4", 7, "pixels"), 5),
        (IDENTITY, SERIES, 6),
    ],
)
def test_image_of_another_network_series_or_channel_is_not_returned(
    folder, identity, series, channel
):
    ImageStore(folder, IDENTITY).save(SERIES, {5: optimized()})
    other = ImageStore(folder, identity)
    assert other.read(series, channel) is None
    # Nor if a file is put in its place.
    original = the_file(folder).read_bytes()
    other.save(series, {channel: optimized(1)})
    [place] = [path for path in folder.iterdir() if path.read_bytes() != original]
    place.write_bytes(original)
    assert other.read(series, channel) is None
    assert not place.exists()


def test_images_of_another_version_are_not_returned(store, monkeypatch):
    store.save(SERIES, {5: optimized()})
    monkeypatch.setattr("vgg_viz.interpretability.feature_visualization.image_store.VERSION", 2)
    assert store.read(SERIES, 5) is None


def test_file_is_a_png_with_its_description(store, folder):
    store.save(SERIES, {5: optimized()})
    with Image.open(the_file(folder)) as image:
        image.load()
        assert np.array_equal(image, optimized().pixels)
        said = image.text
    assert said["Layer"] == "block3_conv4"
    assert said["Channel"] == "5"
    assert said["Seed"] == "7"
    assert said["Value"] == "12.345678901234567"
    assert said["Network"] == hashlib.sha256(repr(IDENTITY).encode()).hexdigest()


# -- damage


def cut_off(path):
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 2 // 3])


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


def without_texts(path):
    Image.fromarray(optimized().pixels).save(path, "PNG")


def of_a_palette(path):
    Image.new("P", (48, 48)).save(path, "PNG")


def too_large(path):
    Image.new("RGB", (20_000, 10)).save(path, "PNG")


def endless(path):
    path.write_bytes(path.read_bytes() + bytes(2**20))


DAMAGES = {
    "empty": lambda path: path.write_bytes(b""),
    "cut off": cut_off,
    "zeros": lambda path: path.write_bytes(bytes(path.stat().st_size)),
    "another pixel": lambda path: write_anew(path, change_pixel=True),
    "another value": lambda path: write_anew(path, Value="99.0"),
    "another text": lambda path: write_anew(path, Comment="mine"),
    "no value": lambda path: write_anew(path, Value="much"),
    "another digest": lambda path: write_anew(path, Digest="0" * 64),
    "no texts": without_texts,
    "of a palette": of_a_palette,
    "too large": too_large,
    "endless": endless,
    "another kind of file": lambda path: path.write_bytes(b"GIF89a" + bytes(2000)),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_damaged_file_is_not_returned_and_deleted(store, folder, damage):
    store.save(SERIES, {5: optimized()})
    path = the_file(folder)
    damage(path)
    assert store.read(SERIES, 5) is None
    assert not path.exists()
    store.save(SERIES, {5: optimized()})
    assert same(store.read(SERIES, 5), optimized())


def test_oversized_image_is_not_decoded(store):
    store.save(SERIES, {5: optimized(side=513)})
    assert store.read(SERIES, 5) is None


def test_changed_byte_is_detected_or_has_no_effect(store, folder):
    store.save(SERIES, {5: optimized(side=8)})
    path = the_file(folder)
    content = path.read_bytes()
    seen = 0
    for place in range(len(content)):
        path.write_bytes(content[:place] + bytes([content[place] ^ 0x55]) + content[place + 1 :])
        found = store.read(SERIES, 5)
        seen += found is None
        assert found is None or same(found, optimized(side=8))
    assert seen > 0.9 * len(content)


def test_unreadable_file_is_not_returned_and_not_deleted(store, folder, monkeypatch):
    store.save(SERIES, {5: optimized()})

    def too_many_files(*_):
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", too_many_files)
        assert store.read(SERIES, 5) is None
    assert same(store.read(SERIES, 5), optimized())


# -- writing

# Saves an image and is killed halfway through the next one.
KILLED = """
import os, signal, sys
from pathlib import Path
import numpy as np
from tests.interpretability.test_image_store import IDENTITY, SERIES, optimized
from vgg_viz.interpretability.feature_visualization.image_store import ImageStore

def write_half(path, content):
    with path.open("wb", buffering=0) as file:
        file.write(content[: len(content) // 2])
    os.kill(os.getpid(), signal.SIGKILL)

store = ImageStore(Path(sys.argv[1]), IDENTITY)
store.save(SERIES, {4: optimized(4)})
store.save(SERIES, {5: optimized(5)})
Path.write_bytes = write_half
store.save(SERIES, {5: optimized(6)})
"""


def test_killed_process_leaves_whole_files_only(store, folder):
    command = [sys.executable, "-c", KILLED, str(folder)]
    assert subprocess.run(command, cwd=REPOSITORY).returncode == -signal.SIGKILL
    assert len(list(folder.glob("*.png"))) == 2
    assert (folder / "image.part").exists()  # a leftover of the killed process
    assert same(store.read(SERIES, 4), optimized(4))
    assert same(store.read(SERIES, 5), optimized(5))
    store.save(SERIES, {6: optimized(6)})
    assert sorted(path.suffix for path in folder.iterdir()) == [".png"] * 3
    assert same(store.read(SERIES, 6), optimized(6))


def test_full_disk_deletes_no_image(store, folder, monkeypatch):
    store.save(SERIES, {5: optimized(1)})
    write = Path.write_bytes

    def write_a_part(path, content):
        if len(list(folder.glob("*.png"))) > 1:
            write(path, content[:100])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write(path, content)

    monkeypatch.setattr(Path, "write_bytes", write_a_part)
    with pytest.raises(OSError, match="No space left"):
        store.save(SERIES, {6: optimized(2), 5: optimized(3), 7: optimized(4)})
    assert same(store.read(SERIES, 5), optimized(1))
    assert same(store.read(SERIES, 6), optimized(2))
    assert store.read(SERIES, 7) is None
    assert {path.suffix for path in folder.iterdir()} == {".png"}


def test_read_only_folder_is_an_error_on_saving_only(tmp_path, store, folder):
    store.save(SERIES, {5: optimized()})
    there = ImageStore(folder, IDENTITY)
    path = the_file(folder)
    path.rename(tmp_path / path.name)
    folder.rmdir()
    folder.write_bytes(b"a file, which root can make no folder of either")
    with pytest.raises(OSError, match="File exists"):
        there.save(SERIES, {6: optimized()})
    assert there.read(SERIES, 5) is None
    folder.unlink()
    folder.mkdir()
    (tmp_path / path.name).rename(path)
    assert same(there.read(SERIES, 5), optimized())


def test_deleted_folder_is_created_again(store, folder):
    store.save(SERIES, {5: optimized()})
    the_file(folder).unlink()
    folder.rmdir()
    assert store.read(SERIES, 5) is None
    store.save(SERIES, {5: optimized()})
    assert same(store.read(SERIES, 5), optimized())


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other rights")
def test_saved_files_have_the_permissions_of_the_umask(store, folder):
    before = os.umask(0o022)
    try:
        store.save(SERIES, {5: optimized()})
    finally:
        os.umask(before)
    assert stat.S_IMODE(the_file(folder).stat().st_mode) == 0o644


# -- the bound


def ages(store, folder, numbers):
    """Set the times of last use of these channels' images, oldest first."""
    for age, number in enumerate(reversed(numbers), 1):
        [path] = folder.glob(f"*-{number:03}-*")
        os.utime(path, (10**9 - age, 10**9 - age))


def test_least_recently_used_images_are_deleted(folder):
    pictures = {number: optimized(number) for number in range(1, 6)}
    ImageStore(folder, "another network").save(SERIES, {9: optimized(9)})
    size = the_file(folder).stat().st_size
    store = ImageStore(folder, IDENTITY, max_bytes=int(5.5 * size))
    store.save(SERIES, {number: pictures[number] for number in (1, 2, 3, 4)})
    ages(store, folder, [9, 1, 2, 3, 4])
    assert same(store.read(SERIES, 1), pictures[1])  # somebody looks
    store.save(SERIES, {5: pictures[5]})
    assert store.read(SERIES, 5)
    assert ImageStore(folder, "another network").read(SERIES, 9) is None
    store.save(SERIES, {6: optimized(6)})
    there = [number for number in range(1, 7) if store.read(SERIES, number)]
    assert there == [1, 3, 4, 5, 6]
    assert sum(path.stat().st_size for path in folder.iterdir()) <= store.max_bytes


def test_bound_holds_all_images_of_two_networks():
    def largest_file(layer):
        side = 128 if layer.block == 5 else 1.25 * layer.receptive_field
        return 3 * side**2 + 1000

    pictures = sum(layer.filters * largest_file(layer) for layer in VGG19.conv_layers)
    assert 2 * pictures < MOST_BYTES


# -- where


def test_store_is_beside_the_weights_and_identified_by_their_contents(tmp_path):
    for place in ("first", "second"):
        (tmp_path / place).mkdir()
        write_hollow_weights(tmp_path / place / "mine.h5")
    store = store_of(open_weights(tmp_path / "first" / "mine.h5"))
    assert store.folder == tmp_path / "first" / FOLDER
    store.save(SERIES, {5: optimized()})
    (tmp_path / "first" / "mine.h5").rename(tmp_path / "first" / "renamed.h5")
    again = store_of(open_weights(tmp_path / "first" / "renamed.h5"))
    assert same(again.read(SERIES, 5), optimized())
    other = (tmp_path / "first" / "renamed.h5").read_bytes() + b"other"
    (tmp_path / "first" / "other.h5").write_bytes(other)
    assert store_of(open_weights(tmp_path / "first" / "other.h5")).read(SERIES, 5) is None
    # Beside the same weights elsewhere there is nothing yet.
    assert store_of(open_weights(tmp_path / "second" / "mine.h5")).read(SERIES, 5) is None


def test_weights_identified_by_their_path_only_have_no_store(tmp_path):
    path = tmp_path / "mine.h5"
    assert store_of(StoredWeights(path, "mine")) is None
    assert store_of(StoredWeights(path, "mine", Fingerprint("0" * 32, ()))) is not None


@pytest.fixture
def environment(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    return {"KERAS_HOME": str(tmp_path / "keras")}


def test_store_of_untrained_weights_is_in_keras_folder(tmp_path, environment):
    store = store_of(UntrainedWeights(), environment)
    assert store.folder == tmp_path / "keras" / "models" / FOLDER
    store.save(SERIES, {5: optimized()})
    assert same(store_of(UntrainedWeights(), environment).read(SERIES, 5), optimized())
    assert store_of(UntrainedWeights(seed=20), environment).read(SERIES, 5) is None


def test_store_of_untrained_weights_may_be_temporary_or_missing(tmp_path, environment):
    (tmp_path / "keras").write_bytes(b"no folder")
    store = store_of(UntrainedWeights(), environment)
    assert store.folder.parent.parent == tmp_path / "temporary"
    store.save(SERIES, {5: optimized()})
    (tmp_path / "temporary").rename(tmp_path / "elsewhere")
    (tmp_path / "temporary").write_bytes(b"no folder")
    assert store_of(UntrainedWeights(), environment) is None


def test_subclass_of_untrained_weights_has_no_store(environment):
    class Other(UntrainedWeights):
        pass

    assert store_of(Other(), environment) is None
