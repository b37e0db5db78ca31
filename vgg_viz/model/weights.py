"""Weights of VGG19's conv layers: found on the disk or downloaded, and read layer by layer.

The pretrained weights are those of Simonyan and Zisserman, https://arxiv.org/abs/1409.1556, as
Keras distributes them (keras/src/applications/vgg19.py). The convolutions need only the 80 MB file
without the dense layers ("notop"); the full file of 574 MB works too. h5py is imported at first
use.
"""

import logging
import os
from collections.abc import Hashable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from vgg_viz.downloads.fetching import FileUnavailable, ProgressCallback, expanded
from vgg_viz.downloads.file_kinds import recognize
from vgg_viz.downloads.keras_files import (
    DownloadOffer,
    KerasFile,
    fetch,
    find,
    fingerprint_of,
    folders,
    offers,
)
from vgg_viz.model.architecture import KERNEL_SIDE, VGG19, ConvLayer, DenseLayer, format_shape
from vgg_viz.model.file_guards import WeightsError as WeightsError  # most callers catch it
from vgg_viz.model.file_guards import (
    as_weights_error,
    check_finite,
    is_turned,
    member,
    names_in,
    turn,
    unexpected,
)
from vgg_viz.model.network import LayerWeights as LayerWeights
from vgg_viz.model.network import Weights as Weights
from vgg_viz.model.own_networks.own_network import OwnNetwork, open_network
from vgg_viz.model.own_networks.trial import check_in_child

if TYPE_CHECKING:
    import h5py

# Current host of Keras' weights (keras/src/applications/vgg19.py), then the original one.
ADDRESSES = (
    "https://storage.googleapis.com/tensorflow/keras-applications/vgg19/",
    "https://github.com/fchollet/deep-learning-models/releases/download/v0.1/",
)
# Names and MD5s as in keras/src/applications/vgg19.py.
NOTOP = KerasFile(
    "vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5",
    "253f8cb515780f3b799900260a226db6",
    80_134_624,
    ADDRESSES,
    "VGG_VIZ_WEIGHTS_URL",
)
FULL = KerasFile(
    "vgg19_weights_tf_dim_ordering_tf_kernels.h5",
    "cbe5617147190e668d6c5d5026f83318",
    574_710_816,
    ADDRESSES,
    "VGG_VIZ_FULL_WEIGHTS_URL",
)
KERAS_FILES = (NOTOP, FULL)

PATH_VARIABLE = "VGG_VIZ_WEIGHTS"

IMAGENET_LABEL = "ImageNet"
FILE_LABEL = "weights of "

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class StoredWeights:
    """Weights of VGG19 in an HDF5 file, read layer by layer and not kept in memory."""

    path: Path
    label: str  # "ImageNet" only for the files that Keras distributes
    # MD5 of the file when it was found; HDF5 itself has no checksum.
    fingerprint: str | None = field(default=None, compare=False, repr=False)
    # Reasons why the host's own file is not used, one sentence each, for the page.
    skipped: tuple[str, ...] = field(default=(), compare=False)

    @property
    def identity(self) -> Hashable:
        """MD5 of the file's content, or the file's path if the MD5 is unknown."""
        return self.fingerprint or self.path

    def read(self, layer_name: str) -> LayerWeights:
        """Return a conv layer's kernel (3, 3, channels, filters) and bias (filters,), float32.

        In Keras' files, the input channels of block1_conv1 are in the order B, G, R. Raises a
        `WeightsError` if the file is missing, damaged or has changed since it was found.
        """
        layer = VGG19.conv_layer(layer_name)
        try:
            with hdf5_layers(self.path) as layers:
                kernel, bias = (array.astype(np.float32)[()] for array in arrays_of(layers, layer))
                kernel = turn(kernel) if is_turned(layers) else kernel
                # After reading, so that the arrays come from the file that is checked.
                self.check_unchanged()
        except WeightsError as error:
            # As text, since a kept log record must not keep the traceback's frames alive.
            _log.warning("%s: %s", self.path, str(error))
            raise
        return kernel, bias

    def check_unchanged(self) -> None:
        """Raise an ``OSError`` if the file is missing, ``WeightsError`` if its content changed."""
        if self.fingerprint and fingerprint_of(self.path) != self.fingerprint:
            raise WeightsError("expected the contents that it had when it was found, got others")


@dataclass(frozen=True)
class UntrainedWeights:
    """Random weights for the conv layers of an untrained network, determined by a seed.

    He initialization: normal kernels with a standard deviation of ``sqrt(2 / (9 * channels))`` and
    zero biases. He et al., "Delving Deep into Rectifiers" (2015), https://arxiv.org/abs/1502.01852.

    >>> kernel, bias = UntrainedWeights().read("block1_conv1")
    >>> kernel.shape, bias.shape
    ((3, 3, 3, 64), (64,))
    """

    label: ClassVar[str] = "untrained"
    seed: int = 19

    @property
    def identity(self) -> Hashable:
        """Hashable value that differs between different seeds."""
        return (self.label, self.seed)

    def read(self, layer_name: str) -> LayerWeights:
        """Draw a conv layer's kernel (3, 3, channels, filters) and bias (filters,), float32.

        Each layer has its own random stream, so layers may be read in any order.
        """
        layer = VGG19.conv_layer(layer_name)
        deviation = np.float32(np.sqrt(2 / (KERNEL_SIDE**2 * layer.channels)))
        random = np.random.default_rng([self.seed, layer.index])
        kernel = random.standard_normal(layer.kernel_shape, dtype=np.float32) * deviation
        return kernel, np.zeros(layer.filters, dtype=np.float32)


def obtain(*, on_progress: ProgressCallback | None = None) -> StoredWeights | OwnNetwork:
    """Find VGG19's weights on the disk, or download them.

    Sources, in this order: the file that ``VGG_VIZ_WEIGHTS`` names; Keras' files on this disk, if
    their MD5 matches; a download of Keras' notop file. Files that cannot be used are skipped with a
    warning in the log. Raises a `FileUnavailable` if no source has weights.
    """
    skipped: tuple[str, ...] = ()
    if path := expanded(os.environ.get(PATH_VARIABLE)):
        try:
            return _open_any(path)
        except WeightsError as error:
            sentence = f"Could not use the file named by {PATH_VARIABLE}: {error}."
            _log.warning("%s (%s)", sentence, path)
            skipped = (sentence,)
    attempts = skipped or (f"The environment variable {PATH_VARIABLE} is not set.",)
    try:
        found = find(KERAS_FILES, folders())
    except FileUnavailable as error:
        not_found = "Found no VGG19 weights of Keras on the server's disk."
        attempts += error.attempts or (not_found,)
        try:
            found = fetch(NOTOP, on_progress)
        except FileUnavailable as error:
            raise FileUnavailable(*attempts, *error.attempts) from error
    path, fingerprint = found
    return StoredWeights(path, IMAGENET_LABEL, fingerprint, skipped)


def _open_any(path: Path) -> StoredWeights | OwnNetwork:
    """Open a file in the layout of Keras' own, or else any that Keras has saved, with its head."""
    with suppress(WeightsError):  # else that of the second attempt says what is wrong
        stored = open_weights(path)
        if stored.label == IMAGENET_LABEL or not _has_other_head(path):
            return stored
    return replace(open_network(path, path.name), name=FILE_LABEL + path.name)


def _has_other_head(path: Path) -> bool:
    """Return whether a file in the layout of Keras' own has dense layers that are not VGG19's."""
    with hdf5_layers(path) as layers:
        others = set(names_in(layers, "layer_names")) - {layer.name for layer in VGG19.layers}
        return any(len(names_in(member(layers, name), "weight_names")) for name in others)


def find_full() -> StoredWeights | None:
    """Find Keras' weights file of the whole network on this disk; reads all 574 MB for its MD5."""
    try:
        path, fingerprint = find([FULL], folders())
    except FileUnavailable:
        return None
    return StoredWeights(path, IMAGENET_LABEL, fingerprint)


def fetch_full(*, on_progress: ProgressCallback | None = None) -> StoredWeights:
    """Find Keras' weights file of the whole network, or download it to where `find_full` finds it.

    Raises a `FileUnavailable` if the download failed, or no disk has enough space.
    """
    if found := find_full():
        return found
    path, fingerprint = fetch(FULL, on_progress)
    return StoredWeights(path, IMAGENET_LABEL, fingerprint)


def offer_full() -> DownloadOffer:
    """Return an offer to download Keras' full weights file: its destination and free space."""
    return offers(FULL)[0]


def open_weights(path: Path) -> StoredWeights:
    """Open a weights file, after checking the shapes and numbers of all conv layers.

    Keras' own files are recognized by their MD5 and not checked further. Raises a `WeightsError` if
    the file cannot be read or is not a VGG19 weights file.
    """
    with as_weights_error(path.name, str(path)):
        fingerprint = fingerprint_of(path)
    if any(fingerprint == file.md5 for file in KERAS_FILES):
        return StoredWeights(path, IMAGENET_LABEL, fingerprint)
    with as_weights_error(path.name):
        check_in_child(path)
    with hdf5_layers(path) as layers:
        is_turned(layers)  # raises for an unknown backend
        for layer in VGG19.conv_layers:
            for name, array in zip(("kernel", "bias"), arrays_of(layers, layer), strict=True):
                check_finite(layer.name, name, array.astype(np.float32)[()])
    return StoredWeights(path, FILE_LABEL + path.name, fingerprint)


@contextmanager
def hdf5_layers(path: Path) -> Iterator["h5py.Group"]:
    """Open a weights file in the layout of Keras 1 and 2; yield the group with a group per layer.

    Raises a `WeightsError` if it has another layout or is damaged, also within the ``with`` block.
    """
    import h5py

    with as_weights_error(path.name, str(path)):
        if not h5py.is_hdf5(path):
            raise unexpected(recognize(path))
        with h5py.File(path, "r") as file:
            layers = member(file, "model_weights") if "model_weights" in file else file
            yield layers


def arrays_of(
    layers: "h5py.Group", layer: ConvLayer | DenseLayer
) -> tuple["h5py.Dataset", "h5py.Dataset"]:
    """Return a layer's kernel and bias as HDF5 datasets, not yet read, after checking shapes."""
    names = names_in(layers, "layer_names")
    if layer.name not in names:
        raise WeightsError(f"expected a layer {layer.name}, got {', '.join(names) or 'none'}")
    group = member(layers, layer.name)
    arrays = tuple(member(group, name) for name in names_in(group, "weight_names"))
    kernel = layer.matrix_shape if isinstance(layer, DenseLayer) else layer.kernel_shape
    bias = layer.output_shape[-1:]
    if [array.shape for array in arrays] != [kernel, bias]:
        shapes = [format_shape(array.shape) for array in arrays]
        raise WeightsError(
            f"expected {layer.name} to hold a kernel of {format_shape(kernel)} and a bias of "
            f"{format_shape(bias)}, got {' and '.join(shapes) or 'nothing'}"
        )
    return arrays
