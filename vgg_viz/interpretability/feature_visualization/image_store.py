"""Made pictures on the disk: what took minutes to make is there at once tomorrow.

One PNG a channel, in a folder of their own beside the weights. A file says in text chunks what it
shows, and has a digest over all that counts in it, so that what was damaged, cut off, or put under
another name is not shown but made anew. Files are put together in a workplace and moved to their
place in one step: whoever reads has all of one or none, and what a killed process leaves is
removed by the next. The folder is bounded in bytes; what nobody has looked at for longest goes.
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

from vgg_viz.downloads.keras_files import folders
from vgg_viz.downloads.temporary_directories import remove_leftovers, temporary_directory
from vgg_viz.interpretability.feature_visualization.optimization import VERSION, OptimizedImage
from vgg_viz.interpretability.feature_visualization.parametrizations import Parametrization
from vgg_viz.model.architecture import VGG19
from vgg_viz.model.network import read_only
from vgg_viz.model.weights import StoredWeights, UntrainedWeights, Weights

FOLDER = "vgg_viz-made"
MOST_BYTES = 512 * 10**6  # all channels of all layers of two networks

LARGEST_SIDE = 512  # pixels; the largest receptive field and its margin have 315
LARGEST_FILE = 2**20

# What Pillow and the checks raise for a damaged file, wherever the damage is.
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
    """What pictures of a network have in common: the layer, the start, and the way."""

    layer_name: str
    seed: int
    parametrization: Parametrization


class ImageStore:
    """The made pictures of one network in a folder, which need not be there yet.

    Several processes may use a folder at the same time.
    """

    def __init__(self, folder: Path, identity: Hashable, max_bytes: int = MOST_BYTES) -> None:
        """Look there for pictures of the network with these weights.

        Args:
            folder: of made pictures alone.
            identity: tells the weights from all others, in other processes as well.
            max_bytes: how large all files in the folder may be together, of whatever network.
        """
        self.folder = folder
        self.max_bytes = max_bytes
        self._network = hashlib.sha256(repr(identity).encode()).hexdigest()
        self._tidied = False

    def read(self, series: Series, channel: int) -> OptimizedImage | None:
        """The picture of a channel, from 1; None if there is none, or it is damaged."""
        path = self._path(series, channel)
        try:
            with path.open("rb") as file:
                content = file.read(LARGEST_FILE + 1)
        except OSError:
            return None
        try:
            made = _decoded(content, self._description(series, channel))
        except DAMAGES:
            with suppress(OSError):
                path.unlink()
            return None
        with suppress(OSError):
            os.utime(path)  # somebody has looked at it
        return made

    def save(self, series: Series, pictures: Mapping[int, OptimizedImage]) -> None:
        """Keep the pictures of these channels, and let others go where there are too many.

        Raises:
            OSError: they cannot be kept, or not all of them: the folder cannot be written to, or
                the disk is full.
        """
        self.prepare()
        with temporary_directory(self.folder) as workplace:
            for channel, made in pictures.items():
                path = self._path(series, channel)
                whole = workplace / path.name
                whole.write_bytes(_encoded(made, self._description(series, channel)))
                whole.replace(path)
        self._let_go()

    def prepare(self) -> None:
        """Make the folder if need be, and remove what killed processes have left there.

        Raises:
            OSError: it cannot be written to.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        if not self._tidied:
            remove_leftovers(self.folder)
            with temporary_directory(self.folder):
                self._tidied = True

    def _path(self, series: Series, channel: int) -> Path:
        """Where the picture of a channel stands."""
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
        """What a picture's file says that it shows."""
        return {
            "Software": "VGG Viz",
            "Network": self._network,
            "Layer": series.layer_name,
            "Channel": str(channel),
            "Parametrization": f"{series.parametrization}, version {VERSION}",
            "Seed": str(series.seed),
        }

    def _let_go(self) -> None:
        """Remove what nobody has looked at for longest until the rest is within the bound."""
        found = []
        for path in self.folder.glob("*.png"):
            with suppress(OSError):
                state = path.stat()
                found.append((state.st_mtime_ns, path.name, state.st_size))
        total = sum(size for *_, size in found)
        for _, name, size in sorted(found):
            if total <= self.max_bytes:
                return
            with suppress(OSError):
                (self.folder / name).unlink()
            total -= size


def store_of(weights: Weights, environment: Mapping[str, str] = os.environ) -> ImageStore | None:
    """Where pictures that are made of these weights are kept: beside them.

    Of untrained ones, which are in no file, in the first folder that files of Keras may be stored
    in. None where there is no such folder, or nothing is known that tells the weights from others
    at the next start as well.
    """
    if isinstance(weights, StoredWeights):
        return (
            ImageStore(weights.path.parent / FOLDER, weights.identity)
            if weights.fingerprint
            else None
        )
    # Not what is derived from it, with other numbers perhaps.
    if type(weights) is not UntrainedWeights:
        return None
    for folder in folders(environment):
        store = ImageStore(folder / FOLDER, weights.identity)
        with suppress(OSError):
            store.prepare()
            return store
    return None


def _encoded(made: OptimizedImage, description: Mapping[str, str]) -> bytes:
    """A picture's file."""
    texts = {**description, "Value": repr(float(made.value)), "Steps": str(made.steps)}
    info = PngInfo()
    for keyword, text in texts.items():
        info.add_text(keyword, text)
    info.add_text("Digest", _digest(texts, made.pixels))
    content = io.BytesIO()
    Image.fromarray(made.pixels).save(content, "PNG", pnginfo=info)
    return content.getvalue()


def _decoded(content: bytes, description: Mapping[str, str]) -> OptimizedImage:
    """The picture in a file's content, if it shows that; else one of the `DAMAGES`."""
    if len(content) > LARGEST_FILE:
        raise ValueError("expected a small file")
    with Image.open(io.BytesIO(content), formats=["PNG"]) as image:
        if image.mode != "RGB" or max(image.size) > LARGEST_SIDE:
            raise ValueError(f"expected a small RGB picture, got {image.mode} of {image.size}")
        pixels = np.asarray(image)  # and with it the chunks behind the pixels
        texts = {str(name): str(text) for name, text in image.info.items()}
    if texts.pop("Digest") != _digest(texts, pixels):
        raise ValueError("expected the contents that it was written with, got others")
    if {**texts, **description} != texts:
        raise ValueError("expected a picture of another subject")
    return OptimizedImage(read_only(pixels), float(texts["Value"]), int(texts["Steps"]))


def _digest(texts: Mapping[str, str], pixels: np.ndarray) -> str:
    """A digest over everything that counts in a file."""
    digest = hashlib.sha256(repr((sorted(texts.items()), pixels.shape)).encode())
    digest.update(np.ascontiguousarray(pixels).data)
    return digest.hexdigest()
