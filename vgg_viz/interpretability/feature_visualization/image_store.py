"""Optimized images on disk, so that minutes of optimization are not repeated after a restart.

Each channel's optimized image is one PNG, in a folder beside the weights. The PNG's text chunks
describe the image and hold a digest of description and pixels, so that damaged or renamed files are
computed again. One process at a time writes an image, to ``image.part``, and moves it into place,
so readers see complete files only. The folder's size is bounded: the least recently shown images
are deleted first.

The same folder has the peaks of the sample images, so that a restart does not run the network on
them again: an NPZ file for each image. Its name says the network, the image and the version.
"""

import hashlib
import io
import os
from collections.abc import Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from vgg_viz.downloads.fetching import locked, partial_of
from vgg_viz.downloads.keras_files import folders
from vgg_viz.interpretability.feature_visualization.optimization import (
    VERSION,
    OptimizationSpec,
    OptimizedImage,
)
from vgg_viz.interpretability.feature_visualization.top_patches import PEAKS_PER_IMAGE, Peaks
from vgg_viz.model.architecture import Architecture
from vgg_viz.model.network import read_only
from vgg_viz.model.weights import StoredWeights, UntrainedWeights, Weights

FOLDER = "vgg_viz-made"
IMAGE = "image"  # with .part, the image that is written; with .lock, its lock
MOST_BYTES = 512 * 10**6  # enough for all channels of two networks
PEAKS = "peaks"  # as `IMAGE`
PEAKS_VERSION = 1  # of `find_peaks`; files of other versions are not read
LARGEST_SIDE = 512  # pixels; the largest receptive field and its margin have 315


class ImageStore:
    """Folder with optimized images only, of any networks; it is created when needed.

    Several processes may use one folder at the same time. ``max_bytes`` bounds its total size.
    """

    def __init__(self, folder: Path, max_bytes: int = MOST_BYTES) -> None:
        self.folder = folder
        self.max_bytes = max_bytes

    def read(self, spec: OptimizationSpec, channel: int) -> OptimizedImage | None:
        """Return a channel's (from 1) image, or None if missing or damaged, which is deleted."""
        path, image = self._path(spec, channel), None
        with suppress(OSError):
            content = path.read_bytes()
            try:
                image = _decode(content, _description(spec, channel))
            except Exception:  # Pillow raises eight kinds of them for damaged files
                path.unlink()
            else:
                os.utime(path)  # the time of last use, see `_delete_least_recent`
        return image

    def save(self, spec: OptimizationSpec, images: Mapping[int, OptimizedImage]) -> None:
        """Save images by channel, then delete the least recently shown beyond the size bound.

        After an OSError, such as of a full disk, some images may be saved.
        """
        with partial_file(self.folder, IMAGE) as part:
            for channel, image in images.items():
                part.write_bytes(_encode(image, _description(spec, channel)))
                part.replace(self._path(spec, channel))
        self._delete_least_recent()

    def prepare(self) -> None:
        """Create the folder if needed; raise an OSError if it is not writable."""
        with partial_file(self.folder, IMAGE):
            pass

    def _path(self, spec: OptimizationSpec, channel: int) -> Path:
        image = f"{spec.layer.name}-{channel:03}-{spec.parametrization}-{spec.seed}"
        return self.folder / f"{network_digest(spec.network.identity)[:16]}-{image}-v{VERSION}.png"

    def _delete_least_recent(self) -> None:
        """Delete the least recently shown images until the others are within the size bound."""
        files = []
        for path in self.folder.glob("*.png"):
            with suppress(OSError):
                state = path.stat()
                files.append((state.st_mtime_ns, path, state.st_size))
        total = sum(size for *_, size in files)
        for _, path, size in sorted(files):
            if total <= self.max_bytes:
                return
            with suppress(OSError):
                path.unlink()
            total -= size


def store_of(weights: Weights) -> ImageStore | None:
    """Return the store for a network's optimized images, in a folder beside the network's weights.

    Untrained weights have no file, so their images go to the first writable folder for Keras'
    files, if there is one. Weights without an identity that outlasts a restart have no store.
    """
    if isinstance(weights, StoredWeights):
        return ImageStore(weights.path.parent / FOLDER) if weights.fingerprint else None
    # A subclass may have other weights with the same identity.
    if type(weights) is not UntrainedWeights:
        return None
    for folder in folders():
        store = ImageStore(folder / FOLDER)
        with suppress(OSError):
            store.prepare()
            return store
    return None


@contextmanager
def partial_file(folder: Path, name: str) -> Iterator[Path]:
    """Return a context manager with the path of a partial file, to be moved into place.

    The folder is created if needed. One process at a time writes ``name.part``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    part = partial_of(folder / name)
    with locked(folder / name):
        try:
            yield part
        finally:
            part.unlink(missing_ok=True)  # after an error, such as a full disk


def network_digest(identity: Hashable) -> str:
    """Return the digest of a network's identity, the same in all processes."""
    return hashlib.sha256(repr(identity).encode()).hexdigest()


def read_peaks(
    weights: Weights, architecture: Architecture, digest: str
) -> tuple[Peaks, ...] | None:
    """Return an image's stored peaks, one entry per conv layer; None if missing or damaged."""
    path = peaks_path(weights, digest)
    if path is None:
        return None
    ends = np.cumsum([layer.filters for layer in architecture.conv_layers])
    try:
        with path.open("rb") as stored, np.load(stored) as file:
            values, positions = file["values"], file["positions"]
        if (values.dtype, positions.dtype) != (np.float32, np.int16):
            raise ValueError(f"expected float32 and int16, got {values.dtype}, {positions.dtype}")
        values = values.reshape(ends[-1], PEAKS_PER_IMAGE)
        positions = positions.reshape(ends[-1], PEAKS_PER_IMAGE, 2)
    except Exception:  # NumPy and zipfile raise a dozen kinds for damaged files
        return None
    return tuple(map(Peaks, np.split(values, ends[:-1]), np.split(positions, ends[:-1])))


def save_peaks(weights: Weights, digest: str, peaks: Sequence[Peaks]) -> None:
    """Save an image's peaks, one entry per conv layer; an OSError may say why it could not."""
    path = peaks_path(weights, digest)
    if path is None:
        return
    with partial_file(path.parent, PEAKS) as part:
        with part.open("wb") as file:
            np.savez(
                file,
                values=np.concatenate([each.values for each in peaks]),
                positions=np.concatenate([each.positions for each in peaks]),
            )
        part.replace(path)  # so that readers see complete files only


def peaks_path(weights: Weights, digest: str) -> Path | None:
    """Return the path of an image's peaks; None for a network whose results are not stored."""
    store = store_of(weights)
    if store is None:
        return None
    network = network_digest(weights.identity)
    return store.folder / f"{network[:16]}-peaks-{digest}-v{PEAKS_VERSION}.npz"


def _description(spec: OptimizationSpec, channel: int) -> dict[str, str]:
    return {
        "Software": "VGG Viz",
        "Network": network_digest(spec.network.identity),
        "Layer": spec.layer.name,
        "Channel": str(channel),
        "Parametrization": f"{spec.parametrization}, version {VERSION}",
        "Seed": str(spec.seed),
    }


def _encode(image: OptimizedImage, description: Mapping[str, str]) -> bytes:
    """Encode an optimized image as a PNG file with its description in text chunks."""
    texts = {**description, "Value": repr(float(image.value)), "Steps": str(image.steps)}
    info = PngInfo()
    for keyword, text in {**texts, "Digest": _digest(texts, image.pixels)}.items():
        info.add_text(keyword, text)
    content = io.BytesIO()
    Image.fromarray(image.pixels).save(content, "PNG", pnginfo=info)
    return content.getvalue()


def _decode(content: bytes, description: Mapping[str, str]) -> OptimizedImage:
    """Decode a PNG file; raise an error if it is damaged or does not have this description."""
    with Image.open(io.BytesIO(content), formats=["PNG"]) as file:
        if file.mode != "RGB" or max(file.size) > LARGEST_SIDE:
            raise ValueError(f"expected a small RGB image, got {file.mode} of {file.size}")
        pixels = np.asarray(file)  # also reads the text chunks behind the pixels
        texts = {str(name): str(text) for name, text in file.info.items()}
    if texts.pop("Digest") != _digest(texts, pixels) or {**texts, **description} != texts:
        raise ValueError("expected the contents that it was written with, got others")
    steps = int(texts["Steps"])
    return OptimizedImage(read_only(pixels), float(texts["Value"]), steps, steps)


def _digest(texts: Mapping[str, str], pixels: np.ndarray) -> str:
    digest = hashlib.sha256(repr((sorted(texts.items()), pixels.shape)).encode())
    digest.update(np.ascontiguousarray(pixels).data)
    return digest.hexdigest()
