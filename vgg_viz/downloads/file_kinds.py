"""Kinds of files that take the place of weights, class names or images, recognized by content.

`recognize` reads a kilobyte, and a zip archive's list of members. It knows

- what stands for another file: pointers (Git LFS, git-annex, DVC), web pages, shortcuts;
- networks' weights: HDF5, Keras 3's .keras, PyTorch (zip, pickle), safetensors, NumPy, ONNX, Caffe,
  MATLAB, TensorFlow's SavedModel, checkpoints and Lite;
- the configuration of a model without its weights, as JSON;
- archives and compressed files, office documents, rich text, text in UTF-16;
- empty files and folders.
"""

import re
import zipfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO


@dataclass(frozen=True)
class FileKind:
    """A kind of file."""

    name: str  # with its article, to complete "got …"
    advice: str = ""  # imperative; "" where it depends on the use
    weights: bool = False  # whether most files of this kind hold a network's weights

    @property
    def described(self) -> str:
        """Name and advice, to complete "got …"."""
        return "; ".join(filter(None, (self.name, self.advice)))


_AGAIN = "copy or download it again"
_ITSELF = "name the file itself"
_UNPACK = "unpack it first"
_AS_TEXT = "save it as plain text in UTF-8"

EMPTY = FileKind("an empty file", _AGAIN)
FOLDER = FileKind("a folder", "name a file in it")
HDF5 = FileKind("an HDF5 file", weights=True)
KERAS = FileKind("a model in Keras 3's own format", weights=True)
PYTORCH = FileKind("a PyTorch file", weights=True)
NUMPY = FileKind("a NumPy file", weights=True)
ONNX = FileKind("an ONNX file", weights=True)
SAVED_MODEL = FileKind(
    "TensorFlow's SavedModel", "save the model as my_model.keras instead, with model.save"
)
OFFICE = FileKind("an office document", _AS_TEXT)
ZIP = FileKind("a zip archive", _UNPACK)
_GIT_LFS = FileKind("a Git LFS pointer", "run git lfs pull to get the file itself")
_GIT_ANNEX = FileKind("a git-annex pointer", "run git annex get to get the file itself")
_DVC = FileKind("a DVC pointer", "run dvc pull to get the file itself")
POINTERS = (_GIT_LFS, _GIT_ANNEX, _DVC)
WEB_PAGE = FileKind("a web page", "download the file again, where needed after signing in")
_ARCHIVE = FileKind("an archive or a compressed file", _UNPACK)

# By a regular expression for the beginning of a file; the first that matches counts.
_BEGINNINGS = {
    rb"PK\x03\x04": FileKind("a damaged zip archive", _AGAIN),  # for others, see _MEMBERS
    rb"version https?://(git-lfs|hawser)\.": _GIT_LFS,
    rb"(\.\./)*(\.git)?/?annex/objects/": _GIT_ANNEX,
    rb"(md5: [^\n]*\n)?outs:\s": _DVC,
    rb"(\xef\xbb\xbf)?\s*<": WEB_PAGE,
    rb"\[InternetShortcut\]|L\0\0\0\x01\x14\x02\0": FileKind("a shortcut", _ITSELF),
    rb"\0\x05\x16[\0\x07]": FileKind("macOS's companion of a file", _ITSELF),
    rb"\x89HDF\r\n\x1a\n": HDF5,
    rb"\x80\x02\x8a\nl\xfc\x9cF": PYTORCH,
    rb"\x80[\x02-\x05]|\([dl]p[0-9]+\n": FileKind("a Python pickle", weights=True),
    rb'.{5}\0\0\0\{\s*"': FileKind("a safetensors file", weights=True),
    rb"\x93NUMPY": NUMPY,
    rb"\x08[\x03-\x0f][\x12:]": ONNX,
    rb'\n.{1,2}VGG|name: "': FileKind("a Caffe model", weights=True),
    rb'\s*\{\s*"(module|class_name|modelTopology|format)"\s*:': FileKind(
        "a model's configuration without its weights",
        "save the whole model as my_model.keras, with model.save",
    ),
    rb"MATLAB [0-9]": FileKind("a MATLAB file", weights=True),
    rb"\x08\x01\x12|model_checkpoint_path:": FileKind("a TensorFlow model", weights=True),
    rb".{4}TFL3": FileKind("a TensorFlow Lite model", weights=True),
    rb"GGUF": FileKind("a GGUF file", weights=True),
    rb"\x12\x01\0\0\0\0\0\0": FileKind("an MXNet file", weights=True),
    rb"\x1f\x8b": FileKind("a gzip file", _UNPACK),
    rb"BZh[1-9]|\xfd7zXZ|\x28\xb5\x2f\xfd|7z\xbc\xaf|Rar!|.{257}ustar": _ARCHIVE,
    rb"\xd0\xcf\x11\xe0|%PDF": OFFICE,
    rb"\{\\rtf": FileKind("rich text", _AS_TEXT),
    rb"\xff\xfe|\xfe\xff": FileKind("text in UTF-16", _AS_TEXT),
}

# By a regular expression for the name of one of a zip archive's members.
_MEMBERS = {
    r"([^/]*/)?data\.pkl": PYTORCH,
    r"model\.weights\.h5": KERAS,
    r"[^/]*\.npy": NUMPY,
    r"([^/]*/)?(saved_model|keras_metadata)\.pb": SAVED_MODEL,
    r"\[Content_Types\]\.xml|mimetype": OFFICE,
}


def recognize(file: Path | BinaryIO) -> FileKind | None:
    """Return the kind of a file, by its content; None for other kinds, such as text in UTF-8."""
    if not isinstance(file, Path):
        return _recognize(file)
    if file.is_dir():
        return SAVED_MODEL if (file / "saved_model.pb").exists() else FOLDER
    with file.open("rb") as content:
        return _recognize(content)


def _recognize(file: BinaryIO) -> FileKind | None:
    start = file.read(1024)
    if start.startswith(b"PK"):
        # Of an archive whose list of members cannot be read, only the beginning is known, below.
        with suppress(zipfile.BadZipFile, NotImplementedError, UnicodeDecodeError):
            return _kind_of_zip(file)
    if not start:
        return EMPTY
    found = (kind for pattern, kind in _BEGINNINGS.items() if re.match(pattern, start, re.S))
    return next(found, None)


def _kind_of_zip(file: BinaryIO) -> FileKind:
    with zipfile.ZipFile(file) as archive:
        members = archive.namelist()
    for pattern, kind in _MEMBERS.items():
        if any(re.fullmatch(pattern, member) for member in members):
            return kind
    return ZIP
