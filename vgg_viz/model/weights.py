"""The weights: which are taken, and how one layer of them is read.

The pre-trained weights are those of Simonyan and Zisserman, https://arxiv.org/abs/1409.1556, as
Keras distributes them (keras/src/applications/vgg19.py). For the convolutions the 80 MB file
without the dense layers ("notop") is enough; the full one (574 MB) does as well.

Nothing heavy is imported with this module: h5py and pooch come with the first use.
"""

import logging
import os
import zipfile
from collections.abc import Hashable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np

from vgg_viz.downloads.fetching import ProgressCallback
from vgg_viz.downloads.keras_files import (
    FULL,
    KERAS_FILES,
    NOTOP,
    DownloadOffer,
    FileUnavailable,
    Fingerprint,
    FoundFile,
    fetch,
    find,
    fingerprint_of,
    folders,
    offer_download,
    stamp_of,
)
from vgg_viz.downloads.temporary_directories import remove_leftovers
from vgg_viz.model.architecture import (
    KERNEL_SIDE,
    VGG19,
    ConvLayer,
    DenseLayer,
    format_shape,
)

if TYPE_CHECKING:
    import h5py

LayerWeights = tuple[np.ndarray, np.ndarray]

PATH_VARIABLE = "VGG_VIZ_WEIGHTS"

IMAGENET_LABEL = "ImageNet"
FILE_LABEL = "weights of "


# How to make a file that is read here, with Keras 3, of one that is not.
CONVERSIONS = {
    "model": """import keras
model = keras.saving.load_model({name!a}, compile=False)
model.save({new!a})""",
    "weights": """import keras
model = keras.applications.VGG19(include_top=False, weights=None)  # or yours
model.load_weights({name!a}); model.save({new!a})""",
    "nested": """import keras
model = keras.saving.load_model({name!a}, compile=False)
model.get_layer({layer!a}).save({new!a})""",
}

# What h5py raises for a damaged file, on whichever page of it the damage is.
DAMAGES = (OSError, LookupError, RuntimeError, TypeError, ValueError, AttributeError)

_log = logging.getLogger(__name__)


class WeightsError(ValueError):
    """A file that is not a VGG19 weights file, or is damaged; names the file, not its folder.

    ``conversion`` is a program of three lines that makes one of it, where there is one.
    """

    def __init__(self, message: str, conversion: str = "") -> None:
        super().__init__(message)
        self.conversion = conversion


class WeightsUnavailable(FileUnavailable):
    """No weights could be had; after a sentence of ``attempts`` there may be a program.

    It has lines of its own, and converts the file.
    """


class Weights(Protocol):
    """Anything that gives VGG19's convolutions their weights."""

    @property
    def label(self) -> str:
        """Which network these weights make, as a picture's caption names it."""
        ...

    @property
    def identity(self) -> Hashable:
        """What tells these weights from all others, of the same label as well."""
        ...

    def read(self, layer_name: str) -> LayerWeights:
        """One conv layer's kernel (3, 3, channels, filters) and bias (filters,), float32."""
        ...


@dataclass(frozen=True)
class StoredWeights:
    """Weights in an HDF5 file; nothing of it is held in memory.

    ``label`` is "ImageNet" only for the files that Keras distributes. ``fingerprint`` is the file
    as it was found: HDF5 does not notice other numbers in the place of the weights. ``passed_over``
    says, for visitors, why the file that the host has named was not taken, if there is one.
    """

    path: Path
    label: str
    fingerprint: Fingerprint | None = field(default=None, compare=False, repr=False)
    passed_over: tuple[str, ...] = field(default=(), compare=False)

    @property
    def identity(self) -> Hashable:
        """The contents where they are known, else the place."""
        return self.fingerprint.md5 if self.fingerprint else self.path

    def read(self, layer_name: str) -> LayerWeights:
        """Read one conv layer from the file.

        Returns:
            The kernel (3, 3, channels, filters), its input channels in the order B, G, R at
            block1_conv1 in the files of Keras, and the bias (filters,), both float32.

        Raises:
            KeyError: VGG19 has no such layer.
            ValueError: the layer is not a conv layer.
            WeightsError: the file is gone, damaged or another one than was found, or its arrays
                have other shapes.
        """
        layer = _conv_layer(layer_name)
        try:
            with hdf5_layers(self.path) as layers:
                kernel, bias = (array.astype(np.float32)[()] for array in arrays_of(layers, layer))
                # After reading, so that what was read is what is compared.
                self.check_unchanged()
        except WeightsError as error:
            _log.warning("%s: %s", self.path, str(error))  # a kept record must not hold frames
            raise
        return kernel, bias

    def check_unchanged(self) -> None:
        """See that the file still holds what it did when it was found.

        Raises:
            OSError: it is gone.
            WeightsError: it holds something else.
        """
        if self.fingerprint is None or stamp_of(self.path.stat()) == self.fingerprint.stamp:
            return
        if fingerprint_of(self.path).md5 != self.fingerprint.md5:
            raise WeightsError("expected the contents that it had when it was found, got others")


@dataclass(frozen=True)
class UntrainedWeights:
    """A network that has learned nothing: the same random weights at every start.

    The kernels are normal with a standard deviation of ``sqrt(2 / (9 * channels))``, the biases
    zero: He et al., "Delving Deep into Rectifiers" (2015), https://arxiv.org/abs/1502.01852.
    """

    label: ClassVar[str] = "untrained"
    seed: int = 19

    @property
    def identity(self) -> Hashable:
        """What the random numbers follow from."""
        return (self.label, self.seed)

    def read(self, layer_name: str) -> LayerWeights:
        """Draw one conv layer: kernel (3, 3, channels, filters) and bias (filters,), float32.

        Every layer has a stream of random numbers of its own, so the order of reading is free.

        Raises:
            KeyError: VGG19 has no such layer.
            ValueError: the layer is not a conv layer.
        """
        layer = _conv_layer(layer_name)
        deviation = np.float32(np.sqrt(2 / (KERNEL_SIDE**2 * layer.channels)))
        random = np.random.default_rng([self.seed, layer.index])
        kernel = random.standard_normal(layer.kernel_shape, dtype=np.float32) * deviation
        return kernel, np.zeros(layer.filters, dtype=np.float32)


def obtain(
    environment: Mapping[str, str] = os.environ, *, on_progress: ProgressCallback | None = None
) -> StoredWeights:
    """Find the weights, or download them.

    Tried in this order: the file that ``VGG_VIZ_WEIGHTS`` names; the files that Keras, or an
    earlier download, left on this disk, if their MD5 agrees; Keras' notop file from the addresses
    that it is to be had from, or from ``VGG_VIZ_WEIGHTS_URL``. The download is stored where Keras
    looks for it (``$KERAS_HOME/models``, else ``~/.keras/models``), or, where that cannot be
    written to, among the system's temporary files. What cannot be used is logged as a warning and
    passed over. What killed downloads have left in these folders is removed first.

    Args:
        environment: the environment variables.
        on_progress: called with the bytes received and the bytes expected during a download.

    Raises:
        WeightsUnavailable: none of it led to weights.
    """
    where = folders(environment)
    for folder in where:
        remove_leftovers(folder)
    passed_over: tuple[str, ...] = ()
    if named := environment.get(PATH_VARIABLE):
        try:
            return _named(Path(named))
        except WeightsUnavailable as error:
            passed_over = error.attempts
    attempts = passed_over or (f"The environment variable {PATH_VARIABLE} names no file.",)
    try:
        return replace(_of_keras(find(KERAS_FILES, where)), passed_over=passed_over)
    except FileUnavailable as error:
        nothing = "There are no VGG19 weights of Keras on the server's disk."
        attempts += error.attempts or (nothing,)
    try:
        found = fetch(NOTOP, environment, on_progress)
        return replace(_of_keras(found), passed_over=passed_over)
    except FileUnavailable as error:
        raise WeightsUnavailable(attempts + error.attempts) from error


def find_full(environment: Mapping[str, str] = os.environ) -> StoredWeights | None:
    """Keras' file of the whole network, if it is on this disk: all 574 MB are read to see that."""
    try:
        return _of_keras(find([FULL], folders(environment)))
    except FileUnavailable:
        return None


def fetch_full(
    environment: Mapping[str, str] = os.environ, *, on_progress: ProgressCallback | None = None
) -> StoredWeights:
    """Keras' file of the whole network, downloaded to where `find_full` finds it.

    From the same two addresses as the small one, or from ``VGG_VIZ_FULL_WEIGHTS_URL``. What had
    come when an earlier attempt broke off, or was killed, is not asked for again.

    Args:
        environment: the environment variables.
        on_progress: called with the bytes received and the bytes expected; first with those of an
            earlier attempt.

    Raises:
        WeightsUnavailable: it did not come, or no disk has room for it.
    """
    try:
        return find_full(environment) or _of_keras(
            fetch(FULL, environment, on_progress, resumable=True)
        )
    except FileUnavailable as error:
        raise WeightsUnavailable(error.attempts) from error


def offer_full(environment: Mapping[str, str] = os.environ) -> DownloadOffer:
    """What it would take to fetch Keras' file of the whole network, for who is to decide that."""
    return offer_download(FULL, environment)


def open_weights(path: Path) -> StoredWeights:
    """The weights in a file, once all conv layers were seen in it: right shapes, finite numbers.

    Raises:
        WeightsError: the file cannot be read, or is not a VGG19 weights file.
    """
    try:
        fingerprint = fingerprint_of(path)
    except OSError as error:
        raise WeightsError(
            f"expected a VGG19 weights file in {path.name}, got: {error.strerror}"
        ) from error
    if any(fingerprint.md5 == file.md5 for file in KERAS_FILES):
        return StoredWeights(path, IMAGENET_LABEL, fingerprint)
    with hdf5_layers(path) as layers:
        for layer in VGG19.conv_layers:
            for name, array in zip(("kernel", "bias"), arrays_of(layers, layer), strict=True):
                check_finite(layer.name, name, array.astype(np.float32)[()])
    return StoredWeights(path, FILE_LABEL + path.name, fingerprint)


def _named(path: Path) -> StoredWeights:
    """The file that the host has named; a file that cannot be used is worth a warning."""
    try:
        return open_weights(path)
    except WeightsError as error:
        sentence = f"The file named by {PATH_VARIABLE} was not taken: {error}."
        _log.warning("%s (%s)", sentence, path)
        program = f"\nThese three lines convert it:\n\n{error.conversion}"
        raise WeightsUnavailable([sentence + program * bool(error.conversion)]) from error


def _of_keras(found: FoundFile) -> StoredWeights:
    return StoredWeights(found.path, IMAGENET_LABEL, found.fingerprint)


def _conv_layer(name: str) -> ConvLayer:
    layer = VGG19.layer(name)
    if not isinstance(layer, ConvLayer):
        raise ValueError(f"expected a conv layer, got {name} ({layer.kind})")
    return layer


@contextmanager
def hdf5_layers(path: Path) -> Iterator["h5py.Group"]:
    """The group with a group for each layer, in the layout of Keras 1 and 2.

    Raises:
        WeightsError: the file is damaged, here or in the body, or of another layout.
    """
    import h5py

    with damage_told(path):
        if not h5py.is_hdf5(path) and _is_keras_archive(path):
            raise WeightsError("got a model in Keras 3's own format", _conversion("model", path))
        with h5py.File(path, "r") as file:
            layers = file.get("model_weights", file)
            _check_layout(layers, path)
            yield layers


@contextmanager
def damage_told(path: Path) -> Iterator[None]:
    """Make of whatever a damaged file raises a ``WeightsError``, with its name, but no folder."""
    try:
        yield
    except WeightsError as error:
        message = f"expected VGG19 weights in {path.name}: {error}"
        raise WeightsError(message, error.conversion) from error
    except (*DAMAGES, zipfile.BadZipFile) as error:
        reason = str(error).replace(str(path), path.name)
        raise WeightsError(f"expected VGG19 weights in {path.name}, got: {reason}") from error


def _is_keras_archive(path: Path) -> bool:
    """Whether that is a model as Keras 3 saves it, a ``.keras`` file."""
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return "model.weights.h5" in archive.namelist()


def _check_layout(layers: "h5py.Group", path: Path) -> None:
    """Refuse what Keras writes as well, but in another layout, or with VGG19 inside a layer."""
    if "layers" in layers and "layer_names" not in layers.attrs:
        raise WeightsError(
            "expected the HDF5 layout of Keras 1 and 2, got that of Keras 3's .weights.h5",
            _conversion("weights", path),
        )
    first = VGG19.conv_layers[0].name
    names = _names(layers, "layer_names")
    if first in names:
        return
    for name in names:
        inside = _names(layers[name], "weight_names")
        if any(first in weight for weight in inside):
            raise WeightsError(
                f"expected the layer {first}, got it inside the layer {name}, a model of its own",
                _conversion("nested", path, name),
            )


def _conversion(kind: str, path: Path, layer: str = "") -> str:
    """The program that makes, of a file of that kind, one that can be read."""
    new = f"{path.name.split('.')[0]}-vgg19.h5"
    return CONVERSIONS[kind].format(name=path.name, new=new, layer=layer)


def arrays_of(
    layers: "h5py.Group", layer: ConvLayer | DenseLayer
) -> tuple["h5py.Dataset", "h5py.Dataset"]:
    """A layer's kernel and bias, unread but of the right shapes.

    Raises:
        WeightsError: there are none, or they have other shapes.
    """
    names = _names(layers, "layer_names")
    if layer.name not in names:
        raise WeightsError(f"expected a layer {layer.name}, got {', '.join(names) or 'none'}")
    group = layers[layer.name]
    arrays = tuple(group[name] for name in _names(group, "weight_names"))
    kernel = layer.matrix_shape if isinstance(layer, DenseLayer) else layer.kernel_shape
    bias = layer.output_shape[-1:]
    if [array.shape for array in arrays] != [kernel, bias]:
        shapes = [format_shape(array.shape) for array in arrays]
        raise WeightsError(
            f"expected {layer.name} to hold a kernel of {format_shape(kernel)} and a bias of "
            f"{format_shape(bias)}, got {' and '.join(shapes) or 'nothing'}"
        )
    return arrays


def check_finite(layer_name: str, name: str, numbers: np.ndarray) -> None:
    """Refuse numbers that are none, or too large for single precision: maps of them are blank.

    Raises:
        WeightsError: there are some, in what is called so of that layer.
    """
    wrong = numbers.size - np.count_nonzero(np.isfinite(numbers))
    if wrong:
        raise WeightsError(
            f"expected numbers in the {name} of {layer_name}, got {wrong:,} of "
            f"{numbers.size:,} that are infinite or none (NaN)"
        )


def _names(group: Any, attribute: str) -> list[str]:
    """A list of names in an attribute: bytes in old files, text in newer ones."""
    if attribute not in group.attrs:
        raise WeightsError(f"expected the attribute {attribute} of Keras' HDF5 layout, got none")
    return [
        name.decode() if isinstance(name, bytes) else str(name) for name in group.attrs[attribute]
    ]
