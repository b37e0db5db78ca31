"""Files that are no VGG19, damaged or hostile: each is refused in one sentence."""

import io
import json
import sys
import tracemalloc
import zipfile

import h5py
import numpy as np
import pytest

from tests.model.test_own_networks import reading
from tests.support.own_models import SMALL, nested_in_sequential, save
from tests.support.weights_files import elsewhere, put, write_hollow_weights
from vgg_viz.model import file_guards
from vgg_viz.model.architecture import VGG19, Architecture
from vgg_viz.model.file_guards import WeightsError
from vgg_viz.model.network import import_keras
from vgg_viz.model.own_networks import convolutions, head, own_network, trial
from vgg_viz.model.own_networks.own_network import open_network
from vgg_viz.model.own_networks.saved_file import SavedFile, StoredArray

CONFIGURATION, WEIGHTS = "config.json", "model.weights.h5"
MOST_OBJECTS = 1_500  # of a file
CONVS = "layers/sequential_1/layers/functional/layers"
KERNEL, BIAS = f"{CONVS}/conv2d/vars/0", f"{CONVS}/conv2d/vars/1"


@pytest.fixture(scope="module", autouse=True)
def small():
    """Read files of the small architecture."""
    with reading(SMALL), pytest.MonkeyPatch.context() as patch:
        patch.setattr(file_guards, "MOST_OBJECTS", MOST_OBJECTS)
        yield


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """Return the members of a sound ``.keras`` file."""
    keras, folder = import_keras(), tmp_path_factory.mktemp("original")
    paths = save(keras, nested_in_sequential(keras, SMALL), folder)
    with zipfile.ZipFile(paths["model.keras"]) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def pack(members, compression=zipfile.ZIP_STORED):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", compression) as archive:
        for name, member in members.items():
            archive.writestr(name, member)
    return content.getvalue()


def in_weights(change):
    """Change the HDF5 member of an archive."""

    def changed(members, folder):
        path = folder / "inner.h5"
        path.write_bytes(members[WEIGHTS])
        with h5py.File(path, "a") as file:
            change(file)
        return pack(members | {WEIGHTS: path.read_bytes()})

    return changed


def in_configuration(change):
    """Change the layers of VGG19 in the configuration."""

    def changed(members, folder):
        configuration = json.loads(members[CONFIGURATION])
        models = configuration["config"]["layers"]
        (features,) = (model for model in models if model["config"]["name"] == "features")
        base = features["config"]["layers"][-2]["config"]
        change({layer["config"]["name"]: layer for layer in base["layers"]}, base)
        return pack(members | {CONFIGURATION: json.dumps(configuration)})

    return changed


def moved(kind):
    return in_weights(elsewhere(kind, BIAS))


def replaced(place, numbers):
    return in_weights(put(place, numbers))


def swapped(one, other):
    def swap(file):
        numbers = [[file[f"{CONVS}/{name}/vars/{i}"][()] for i in (0, 1)] for name in (one, other)]
        for name, arrays in zip((other, one), numbers, strict=True):
            for index, array in enumerate(arrays):
                del file[f"{CONVS}/{name}/vars/{index}"]
                file[f"{CONVS}/{name}/vars/{index}"] = array

    return in_weights(swap)


def crowded(file):
    for number in range(MOST_OBJECTS):
        file.create_group(f"more/{number}")


def circular(file):
    file[f"{CONVS}/again"] = file["layers"]  # a hard link to a group above


def chunked(file):
    """Store a bias in a chunk of 2 GB, packed in some megabytes of zeros."""
    shape = file[BIAS].shape
    del file[BIAS]
    file.create_dataset(BIAS, shape, "f8", maxshape=(None,), chunks=(2**28,), compression="gzip")


def grown(file):
    """Give the head a million classes, of whose numbers none is written."""
    for index, shape in enumerate(((7, 10**6), (10**6,))):
        del file[f"layers/dense/vars/{index}"]
        file.create_dataset(f"layers/dense/vars/{index}", shape, "f4")


def deep(file):
    file.create_group("/".join("d" * 1_200))


def set_in(name, **settings):
    return in_configuration(lambda layers, _: layers[name]["config"].update(settings))


def normalized(layers, base):
    """Put batch normalization between the first two conv layers."""
    layer = json.loads(json.dumps(layers["block1_pool"]))
    layer |= {"class_name": "BatchNormalization", "name": "bn", "config": {"name": "bn"}}
    layer["inbound_nodes"] = json.loads(json.dumps(layers["block1_conv2"]["inbound_nodes"]))
    history = layers["block1_conv2"]["inbound_nodes"][0]["args"][0]["config"]
    history["keras_history"] = ["bn", 0, 0]
    base["layers"].append(layer)


def bomb(members, _):
    return pack(members | {WEIGHTS: bytes(10**8)}, zipfile.ZIP_DEFLATED)


DAMAGES = {
    "empty": (lambda *_: b"", "got an empty file"),
    "truncated": (lambda members, _: pack(members)[:-3000], "got a damaged zip archive; copy or"),
    "truncated HDF5": (
        lambda members, _: pack(members | {WEIGHTS: members[WEIGHTS][:-3000]}),
        "truncated file",
    ),
    "no HDF5": (lambda members, _: pack(members | {WEIGHTS: b"?" * 999}), "signature not found"),
    "no configuration": (
        lambda members, _: pack({WEIGHTS: members[WEIGHTS]}),
        "expected the member config.json of Keras 3's format, got none",
    ),
    "compressed": (
        lambda members, _: pack(members, zipfile.ZIP_DEFLATED),
        "expected config.json uncompressed, as Keras saves it, got it packed",
    ),
    "bomb": (bomb, "uncompressed, as Keras saves it, got it packed"),
    "other JSON": (
        lambda members, _: pack(members | {CONFIGURATION: b"[1]"}),
        "expected a configuration as a JSON object, got another value",
    ),
    "broken JSON": (lambda members, _: pack(members | {CONFIGURATION: b"{"}), "got: Expecting"),
    "nested JSON": (
        lambda members, _: pack(members | {CONFIGURATION: b"[" * 10**6}),
        "got: maximum recursion depth",
    ),
    "large JSON": (
        lambda members, _: pack(members | {CONFIGURATION: b" " * (10**7 + 1)}),
        "expected at most 10 MB of config.json, got more",
    ),
    "zip": (lambda *_: pack({"a.txt": b"a"}), "got a zip archive; unpack it first"),
    "external link": (moved("link"), "expected 1 in the file itself, got a link"),
    "soft link": (moved("soft"), "expected 1 in the file itself, got a link"),
    "virtual": (moved("virtual"), "in the file itself, got another file"),
    "external": (moved("external"), "in the file itself, got another file"),
    "large chunk": (in_weights(chunked), "expected 1 in chunks of at most 64 MB, got larger ones"),
    "many groups": (in_weights(crowded), "expected at most 1,500 groups and arrays, got more"),
    "circle": (in_weights(circular), "expected at most 1,500 groups and arrays, got more"),
    "swapped": (
        swapped("conv2d_4", "conv2d_5"),
        "expected block3_conv1 to hold a kernel of 3 × 3 × 5 × 6 and a bias of 6, got "
        "3 × 3 × 6 × 6 and 6$",
    ),
    "bias": (replaced(BIAS, np.zeros(9)), "and a bias of 4, got 3 × 3 × 3 × 4 and 9$"),
    "NaN": (
        replaced(KERNEL, np.full((3, 3, 3, 4), np.nan)),
        "expected finite numbers in the kernel of block1_conv1, got 108 of 108",
    ),
    "text": (replaced(BIAS, np.full(4, b"text")), r"expected floating-point numbers, got \|S4"),
    "no layers": (
        in_weights(lambda file: file.clear()),
        "expected arrays in one of Keras' HDF5 layouts, got none",
    ),
    "normalization": (in_configuration(normalized), "got VGG19 with batch normalization; this"),
    "strides": (
        set_in("block2_conv1", strides=[2, 2]),
        r"expected block2_conv1, here block2_conv1, with strides \[1, 1\], got \[2, 2\]$",
    ),
    "activation": (
        set_in("block2_conv1", activation="tanh"),
        "expected VGG19's layers between block2_conv1 and block2_conv2, got none$",
    ),
    "padding": (
        set_in("block2_conv2", padding="valid"),
        "expected VGG19's layers between block2_conv1 and block2_conv2, got none$",
    ),
    "pooling": (
        set_in("block2_pool", pool_size=[3, 3]),
        r"between block2_conv2 and block3_conv1, got block2_pool \(MaxPooling2D\)$",
    ),
    "strides of pooling": (
        set_in("block2_pool", strides=[1, 1]),
        r"between block2_conv2 and block3_conv1, got block2_pool \(MaxPooling2D\)$",
    ),
}


@pytest.mark.parametrize(("damage", "message"), DAMAGES.values(), ids=DAMAGES)
def test_a_file_that_does_not_fit_is_refused_in_one_sentence(original, tmp_path, damage, message):
    content = damage(original, tmp_path)
    path = tmp_path / "mine.keras"
    path.write_bytes(content)
    before = {path: path.stat().st_atime_ns for path in tmp_path.iterdir()}
    for source in (path, content):
        with pytest.raises(WeightsError, match=message) as raised:
            open_network(source, "mine.keras")
        sentence = str(raised.value)
        assert sentence.startswith("expected VGG19 weights in mine.keras")
        assert sentence.isprintable()
        assert len(sentence) < 600
        assert str(tmp_path) not in sentence
    del before[path]
    assert before == {other: other.stat().st_atime_ns for other in before}, "opened another file"


@pytest.mark.parametrize(
    ("change", "obstacle"),
    [
        (lambda members, _: pack(members), ""),
        (in_weights(deep), ""),
        (set_in("block5_pool", strides=[1, 1]), "the layer block5_pool (MaxPooling2D)"),
    ],
    ids=["original", "deep", "another last pooling"],
)
def test_a_file_with_vgg19s_convolutions_is_read(original, tmp_path, change, obstacle):
    assert open_network(change(original, tmp_path)).head.obstacle == obstacle


def test_a_bomb_is_refused_before_it_is_unpacked(original, tmp_path):
    content = bomb(original, tmp_path)
    tracemalloc.start()
    with pytest.raises(WeightsError):
        open_network(content)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2 * 10**6


def test_members_outside_the_archive_are_not_written(original, tmp_path):
    path = tmp_path / "inside" / "mine.keras"
    path.parent.mkdir()
    path.write_bytes(pack({"../outside": b"x", f"{tmp_path}/outside": b"x", **original}))
    open_network(path)
    assert [found.name for found in tmp_path.rglob("*")] == ["inside", "mine.keras"]


@pytest.mark.parametrize(
    ("program", "seconds", "message"),
    [
        ("import os; os.abort()", 60, "in mine.keras: got a damaged HDF5 file; copy or download"),
        ("while True: pass", 0.5, r"in mine.keras: got a file that takes over 0\.5 s to read"),
    ],
)
def test_a_file_that_crashes_or_stops_a_child_is_not_read(
    original, tmp_path, monkeypatch, program, seconds, message
):
    path = tmp_path / "mine.keras"
    path.write_bytes(pack(original))
    monkeypatch.setattr(own_network, "check_in_child", trial.check_in_child)
    monkeypatch.setattr(own_network, "open_saved", None)
    monkeypatch.setattr(trial, "COMMAND", (sys.executable, "-c", program))
    monkeypatch.setattr(trial, "TIMEOUT_SECONDS", seconds)
    for source in (path, path.read_bytes()):
        with pytest.raises(WeightsError, match=message):
            open_network(source, "mine.keras")


def test_a_child_reads_all_arrays_and_leaves_errors_to_the_server(original, tmp_path, monkeypatch):
    monkeypatch.setattr(trial, "FAILED", 0)  # it must start its work
    path = tmp_path / "mine.keras"
    path.write_bytes(pack(original))
    arrays = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SavedFile, "read", lambda file, array, rows: arrays.append(array.path))
        trial.read_all(path)
    assert {KERNEL, BIAS, "layers/dense/vars/0"} <= set(arrays)
    for content in (path.read_bytes(), path.read_bytes()[:-99], b""):
        trial.check_in_child(content)
    path.unlink()
    trial.check_in_child(path)


@pytest.mark.parametrize(
    ("shape", "rows"),
    [
        ((3, 3, 512, 512), 5),
        ((25_088, 4_096), 1_024),
        ((2**28,), 2**22),
        ((2**28 + 1,), 0),
        ((1, 2**23), 0),
        ((2**62, 0), 0),
        ((0, 5), 0),
        ((), 0),
    ],
)
def test_a_slab_of_a_child_has_at_most_32_megabytes(shape, rows):
    slabs = trial.slabs(StoredArray("numbers", shape))
    assert [slab.stop - slab.start for slab in slabs][:1] == [rows] * bool(rows)
    assert rows * np.prod(shape[1:]) * 8 <= 32 * 2**20
    assert not slabs or slabs[-1].start < shape[0] <= slabs[-1].stop


@pytest.mark.skipif(sys.platform != "linux", reason="the limit of memory is Linux's")
def test_a_file_that_takes_much_memory_of_a_child_is_not_read(original, tmp_path, monkeypatch):
    program = f"import sys; from {trial.__name__} import main as m; g = m.__globals__; "
    program += "g['MOST_BYTES'] = 10**7; sys.exit(m())"
    monkeypatch.setattr(trial, "COMMAND", (sys.executable, "-c", program))
    with pytest.raises(WeightsError, match="takes over 512 MB to read"):
        trial.check_in_child(in_weights(grown)(original, tmp_path))


def test_a_head_cannot_have_more_parameters_than_the_file_has_bytes(original, tmp_path):
    content = in_weights(grown)(original, tmp_path)
    assert "parameters" in open_network(content).head.obstacle


@pytest.mark.parametrize(
    ("blocks", "message"),
    [
        (((2, 64), (2, 128), (3, 256), (3, 512), (3, 512)), "got VGG16; this page shows VGG19"),
        (((1, 64), (1, 128), (2, 256), (2, 512), (2, 512)), "got VGG11; this page shows VGG19"),
        (((2, 64), (2, 128), (4, 256), (4, 512), (3, 512)), "expected block5_conv4 to hold"),
        (
            ((2, 64), (2, 128), (4, 256), (4, 512), (4, 513)),
            "expected block5_conv1 to hold .* 513 and 513$",
        ),
    ],
)
def test_relatives_are_named(tmp_path, monkeypatch, blocks, message):
    for module in (convolutions, head, own_network):
        monkeypatch.setattr(module, "VGG19", VGG19)
    path = tmp_path / "relative.h5"
    write_hollow_weights(path, architecture=Architecture("relative", blocks))
    with pytest.raises(WeightsError, match=message):
        open_network(path)


def test_kernels_with_channels_first_are_refused_with_the_reason(tmp_path):
    path = tmp_path / "keras1.h5"
    write_hollow_weights(path, architecture=SMALL)
    with h5py.File(path, "r+") as file:
        for layer in SMALL.conv_layers:
            name = f"{layer.name}/{layer.name}_W_1:0"
            put(name, np.zeros(layer.kernel_shape[::-1], np.float32))(file)
    with pytest.raises(WeightsError, match="got kernels with channels first, as Keras 1"):
        open_network(path)


def test_a_file_that_changes_after_it_was_opened_is_not_read(original, tmp_path):
    path = tmp_path / "mine.keras"
    path.write_bytes(pack(original))
    network = open_network(path, "mine")
    other = in_weights(lambda file: file[BIAS].write_direct(np.ones(4, np.float32)))
    lacking = in_weights(lambda file: file.pop(BIAS))
    for change in (other, lacking):
        path.write_bytes(change(original, tmp_path))
        with pytest.raises(WeightsError, match="mine: expected the contents that it had when"):
            network.read("block1_conv1")
    path.unlink()
    with pytest.raises(WeightsError, match="No such file"):
        network.read("block1_conv1")
