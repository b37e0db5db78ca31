"""Kinds of files, each written by the program or after the specification of its format."""

import bz2
import gzip
import io
import json
import lzma
import pickle
import struct
import tarfile
import zipfile

import h5py
import numpy as np
import pytest
import scipy.io

from vgg_viz.downloads.file_kinds import recognize

TEXT = b"tench\ngoldfish\n" * 100


def written(write, *arguments):
    file = io.BytesIO()
    write(file, *arguments)
    return file.getvalue()


def zipped(*members):
    with zipfile.ZipFile(file := io.BytesIO(), "w") as archive:
        for member in members:
            archive.writestr(member, b"1")
    return file.getvalue()


def hdf5():
    with h5py.File(file := io.BytesIO(), "w"):
        pass
    return file.getvalue()


def tar():
    with tarfile.open(fileobj=(file := io.BytesIO()), mode="w") as archive:
        archive.addfile(tarfile.TarInfo("weights.h5"))
    return file.getvalue()


def safetensors():
    header = json.dumps({"w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
    return len(header).to_bytes(8, "little") + header + bytes(4)


NUMBERS = np.arange(3)
LFS = b"https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 80134624\n"
# torch.save begins with this number, unless it writes a zip archive.
TORCH = pickle.dumps(0x1950A86A20F9469CFC6C, protocol=2)


def on_two_disks():
    """Build a zip archive whose Zip64 locator says that it has two disks."""
    data = zipped("weights.h5")
    end = data.rindex(b"PK\x05\x06")
    return data[:end] + struct.pack("<4sLQL", b"PK\x06\x07", 0, end, 2) + data[end:]


FILES = {
    "an empty file; copy": b"",
    "a Git LFS pointer; run git lfs pull": b"version " + LFS,
    "a git-annex pointer; run git annex get": b"/annex/objects/SHA256E-s80134624--4d7a.h5\n",
    "a DVC pointer; run dvc pull": b"outs:\n- md5: 253f\n  path: weights.h5\n",
    "a web page; download": b"\n<!doctype html><html>Sign in first",
    "a shortcut": b"[InternetShortcut]\r\nURL=https://github.com/\r\n",
    "macOS's companion": b"\0\x05\x16\x07\0\x02\0\0Mac OS X        ",
    "an HDF5 file": hdf5(),
    "a model in Keras 3's": zipped("metadata.json", "config.json", "model.weights.h5"),
    "a PyTorch file": zipped("vgg19/data.pkl", "vgg19/byteorder", "vgg19/data/0"),
    "a PyTorch file ": TORCH + pickle.dumps(1001, protocol=2),
    "a Python pickle": pickle.dumps({0: "tench"}, protocol=0),
    "a Python pickle ": pickle.dumps({"conv1_1": NUMBERS}),
    "a safetensors file": safetensors(),
    "a NumPy file": written(np.save, NUMBERS),
    "a NumPy file ": written(np.savez, NUMBERS),
    "an ONNX file": b"\x08\x03\x12\x07pytorch\x1a\x030.4:",
    "a Caffe model": b"\n\x14VGG_ILSVRC_19_layers",
    "a MATLAB file": written(scipy.io.savemat, {"layers": NUMBERS}),
    "TensorFlow's SavedModel; save": zipped(
        "birds/saved_model.pb", "birds/variables/variables.index"
    ),
    "a TensorFlow model": b"\x08\x01\x12\xf1\x05\n\xa2\x01",
    "a TensorFlow Lite model": b"\x1c\0\0\0TFL3\x14\0\x20\0",
    "a GGUF file": b"GGUF\x03\0\0\0",
    "an MXNet file": b"\x12\x01" + bytes(14),
    "a model's configuration without its weights; save": json.dumps(
        {"module": "keras", "class_name": "Functional", "config": {}}
    ).encode(),
    "a model's configuration without its weights; save ": b'{"format": "layers-model"}',
    "a gzip file; unpack": gzip.compress(TEXT),
    "an archive": bz2.compress(TEXT),
    "an archive ": lzma.compress(TEXT),
    "an archive  ": tar(),
    "a zip archive; unpack": zipped("weights.h5"),
    "a damaged zip archive": zipped("weights.h5")[:-4],
    "a damaged zip archive ": on_two_disks(),
    "a damaged zip archive  ": zipped("é.npy").replace("é".encode(), b"\xe9\xe9"),
    "an office document; save": zipped("[Content_Types].xml", "xl/workbook.xml"),
    "rich text; save": rb"{\rtf1\ansi tench}",
    "text in UTF-16; save": TEXT.decode().encode("utf-16"),
    "None": TEXT,
    "None ": b"\xef\xbb\xbf" + TEXT,
    "None  ": "".join(map(str, range(1000))).encode(),
}


@pytest.mark.parametrize("expected", FILES)
def test_a_file_is_recognized_by_its_content(tmp_path, expected):
    path = tmp_path / "weights.h5"
    path.write_bytes(FILES[expected])
    kind = recognize(path)
    assert (kind.described if kind else "None").startswith(expected.rstrip())
    assert not (kind and kind.weights and kind.advice)


def test_a_folder_is_recognized(tmp_path):
    assert recognize(tmp_path).described == "a folder; name a file in it"
    (tmp_path / "saved_model.pb").touch()
    assert recognize(tmp_path).described.startswith("TensorFlow's SavedModel; save")
