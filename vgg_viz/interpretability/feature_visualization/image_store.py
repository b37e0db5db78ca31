"""Optimized images on disk, so that minutes of optimization are not repeated after a restart.

Each channel's optimized image is one PNG, in a folder beside the weights. The PNG's text chunks
describe the image and hold a digest of description and pixels, so that damaged or renamed files are
computed again. One process at a time writes an image, to ``image.part``, and moves it into place,
so readers see complete files only. The folder's size is bounded: the least recently shown images
are deleted first.
"""

import hashlib
import io
import os
from collections.abc import Hashable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from vgg_viz.downloads.fetching import locked, partial_of
from vgg_viz.downloads.keras_files import folders
from vgg_viz.interpretability.feature_visualization.optimization import VERSION, OptimizedImage
from vgg_viz.interpretability.feature_visualization.parametrizations import Parametrization
from vgg_viz.model.architecture import VGG19
from vgg_viz.model.network import read_only
from vgg_viz.model.weights import StoredWeights, UntrainedWeights, Weights

FOLDER = "vgg_viz-made"
IMAGE = "image"  # with .part, the image that is written; with .lock, its lock
MOST_BYTES = 512 * 10**6  # enough for all channels of two networks

LARGEST_SIDE = 512  # pixels; the largest receptive field and its margin have 315
LARGEST_FILE = 2**20  # bytes

# Exceptions that Pillow and the checks raise for a damaged file.
DAMAGES = (
    ArithmeticError,
    EOFError,
    Image.DecompressionBombError,
    LookupError,
    OSError,
    SyntaxError,
    TypeError,
    ValueError,
)


@dataclass(frozen=True)
class Series:
    """Optimized images of one network with the same layer, seed and parametrization."""

    layer_name: str
    seed: int
    parametrization: Parametrization


class ImageStore:
    """Folder with the optimized images of one network; the folder is created when needed.

    Several processes, and the stores of several networks, may use one folder at the same time.
    """

    def __init__(self, folder: Path, identity: Hashable, max_bytes: int = MOST_BYTES) -> None:
        """Use a folder for the optimized images of one network.

        Args:
            folder: folder that holds optimized images only.
            identity: identity of the network's weights, the same in all processes.
            max_bytes: bound on the total size of the folder's files, which may include other
                networks' images.
        """
        self.folder = folder
        self.max_bytes = max_bytes
        self._network = hashlib.sha256(repr(identity).encode()).hexdigest()
        self._prepared = False

    def read(self, series: Series, channel: int) -> OptimizedImage | None:
        """Return a channel's stored image, or None if it is missing or damaged.

        Args:
            series: layer, seed and parametrization of the image.
            channel: number of the channel, from 1.
        """
        path = self._path(series, channel)
        try:
            with path.open("rb") as file:
                content = file.read(LARGEST_FILE + 1)
        except OSError:
            return None
        try:
            image = _decode(content, self._description(series, channel))
        except DAMAGES:
            with suppress(OSError):
                path.unlink()
            return None
        with suppress(OSError):
            os.utime(path)  # the time of last use, see `_delete_least_recent`
        return image

    def save(self, series: Series, images: Mapping[int, OptimizedImage]) -> None:
        """Save optimized images, then delete the least recently shown beyond the size bound.

        Args:
            series: layer, seed and parametrization of the images.
            images: the images, keyed by their channels' numbers from 1.

        Raises:
            OSError: the folder is not writable or the disk is full; some images may be saved.
        """
        self.prepare()
        part = partial_of(self.folder / IMAGE)
        with locked(self.folder / IMAGE):
            try:
                for channel, image in images.items():
                    part.write_bytes(_encode(image, self._description(series, channel)))
                    part.replace(self._path(series, channel))
            finally:
                part.unlink(missing_ok=True)  # after an error, such as a full disk
        self._delete_least_recent()

    def prepare(self) -> None:
        """Create the image folder if needed, and check that it is writable.

        Raises:
            OSError: the folder is not writable.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        if not self._prepared:
            with locked(self.folder / IMAGE):
                self._prepared = True

    def _path(self, series: Series, channel: int) -> Path:
        """Return the path of a channel's image file."""
        layer = VGG19.conv_layer(series.layer_name)
        parts = (
            self._network[:16],
            layer.name,
            f"{channel:03}",
            series.parametrization,
            series.seed,
        )
        return self.folder / f"{'-'.join(map(str, parts))}-v{VERSION}.png"

    def _description(self, series: Series, channel: int) -> dict[str, str]:
        """Return the PNG text chunks that identify a channel's image."""
        return {
            "Software": "VGG Viz",
            "Network": self._network,
            "Layer": series.layer_name,
            "Channel": str(channel),
            "Parametrization": f"{series.parametrization}, version {VERSION}",
            "Seed": str(series.seed),
        }

    def _delete_least_recent(self) -> None:
        """Delete the least recently shown images until the others are within the size bound."""
        files = []
        for path in self.folder.glob("*.png"):
            with suppress(OSError):
                state = path.stat()
                files.append((state.st_mtime_ns, path.name, state.st_size))
        total = sum(size for *_, size in files)
        for _, name, size in sorted(files):
            if total <= self.max_bytes:
                return
            with suppress(OSError):
                (self.folder / name).unlink()
            total -= size


def store_of(weights: Weights, environment: Mapping[str, str] = os.environ) -> ImageStore | None:
    """Return the store for a network's optimized images, in a folder beside the network's weights.

    Untrained weights have no file, so their images go to the first writable folder for Keras'
    files. The result is None if there is no such folder, or if the weights have no identity that is
    the same after a restart.
    """
    if isinstance(weights, StoredWeights):
        if not weights.fingerprint:
            return None
        return ImageStore(weights.path.parent / FOLDER, weights.identity)
    # A subclass may have other weights with the same identity.
    if type(weights) is not UntrainedWeights:
        return None
    for folder in folders(environment):
        store = ImageStore(folder / FOLDER, weights.identity)
        with suppress(OSError):
            store.prepare()
            return store
    return None


def _encode(image: OptimizedImage, description: Mapping[str, str]) -> bytes:
    """Encode an optimized image as a PNG file with its description in text chunks."""
    texts = {**description, "Value": repr(float(image.value)), "Steps": str(image.steps)}
    info = PngInfo()
    for keyword, text in texts.items():
        info.add_text(keyword, text)
    info.add_text("Digest", _digest(texts, image.pixels))
    content = io.BytesIO()
    Image.fromarray(image.pixels).save(content, "PNG", pnginfo=info)
    return content.getvalue()


def _decode(content: bytes, description: Mapping[str, str]) -> OptimizedImage:
    """Decode an optimized image from the content of its PNG file.

    Raises:
        Exception: one of `DAMAGES`, if the file is damaged or does not have this description.
    """
    if len(content) > LARGEST_FILE:
        raise ValueError(f"expected at most {LARGEST_FILE} bytes, got more")
    with Image.open(io.BytesIO(content), formats=["PNG"]) as file:
        if file.mode != "RGB" or max(file.size) > LARGEST_SIDE:
            raise ValueError(f"expected a small RGB image, got {file.mode} of {file.size}")
        pixels = np.asarray(file)  # also reads the text chunks behind the pixels
        texts = {str(name): str(text) for name, text in file.info.items()}
    if texts.pop("Digest") != _digest(texts, pixels):
        raise ValueError("expected the contents that it was written with, got others")
    if {**texts, **description} != texts:
        raise ValueError("expected the image of another channel, layer, seed or network")
    return OptimizedImage(read_only(pixels), float(texts["Value"]), int(texts["Steps"]))


def _digest(texts: Mapping[str, str], pixels: np.ndarray) -> str:
    """Compute the digest of an optimized image's text chunks and pixels."""
    digest = hashlib.sha256(repr((sorted(texts.items()), pixels.shape)).encode())
    digest.update(np.ascontiguousarray(pixels).data)
    return digest.hexdigest()
