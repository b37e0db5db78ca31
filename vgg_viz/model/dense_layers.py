"""The dense layers' weights, read where they lie, a slab of rows at a time.

Keras' full file has 494 MB of them, and none is ever held: in its HDF5 layout every array lies in
one piece, so the system can map it into memory, takes its pages from the disk when they are first
touched, and takes them back when it needs them. A file that lays them out otherwise is read slab
by slab; untrained ones are drawn slab by slab.
"""

import mmap
from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, ClassVar, Protocol

import numpy as np

from vgg_viz.downloads.keras_files import stamp_of
from vgg_viz.model.architecture import VGG19, DenseLayer
from vgg_viz.model.weights import (
    IMAGENET_LABEL,
    StoredWeights,
    UntrainedWeights,
    Weights,
    WeightsError,
    arrays_of,
    check_finite,
    damage_told,
    hdf5_layers,
)

if TYPE_CHECKING:
    import h5py

SLAB_ROWS = 512  # of a kernel: of fc1's, those of one place of the last pool


class DenseWeights(Protocol):
    """Anything that gives VGG19's dense layers their weights."""

    @property
    def label(self) -> str:
        """Which network these weights make."""
        ...

    @property
    def identity(self) -> Hashable:
        """What tells these weights from all others."""
        ...

    def slab(self, layer: DenseLayer, index: int) -> np.ndarray:
        """Some rows of a layer's kernel, float32 ``(SLAB_ROWS, units)``, from 0."""
        ...

    def bias(self, layer: DenseLayer) -> np.ndarray:
        """A layer's biases, float32 ``(units,)``."""
        ...


def slab_count(layer: DenseLayer) -> int:
    """How many slabs a layer's kernel has."""
    return layer.inputs // SLAB_ROWS


SLABS = sum(map(slab_count, VGG19.dense_layers))


class UntrainedDense:
    """Dense layers that have learned nothing: the same random weights at every start.

    As `vgg_viz.model.weights.UntrainedWeights`, every slab from random numbers of its own.
    """

    label: ClassVar[str] = UntrainedWeights.label

    def __init__(self, seed: int) -> None:
        self._seed = seed

    @property
    def identity(self) -> Hashable:
        """What the random numbers follow from."""
        return ("dense", self.label, self._seed)

    def slab(self, layer: DenseLayer, index: int) -> np.ndarray:
        """Draw some rows of a kernel, float32 ``(SLAB_ROWS, units)``."""
        random = np.random.default_rng([self._seed, layer.index, index])
        rows = random.standard_normal((SLAB_ROWS, layer.units), np.float32)
        rows *= np.float32(np.sqrt(2 / layer.inputs))
        return rows

    def bias(self, layer: DenseLayer) -> np.ndarray:
        """Zeros, float32 ``(units,)``."""
        return np.zeros(layer.units, np.float32)


class StoredDense:
    """Dense layers in an HDF5 file, mapped where they lie in one piece.

    Reading a mapped page beyond the end of a file that was cut ends the process: every use looks
    first whether the file is still what it was.
    """

    def __init__(self, weights: StoredWeights) -> None:
        """Find the arrays in that file.

        Raises:
            WeightsError: it has none, or they are damaged.
        """
        self._weights = weights
        self._stamp = weights.fingerprint.stamp if weights.fingerprint else None
        self._biases: dict[str, np.ndarray] = {}
        self._mapped: dict[str, np.ndarray | None] = {}
        with hdf5_layers(weights.path) as layers:
            # What is mapped is this file, whichever has its name later, and is held open.
            with weights.path.open("rb") as file:
                self._file = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            for layer in VGG19.dense_layers:
                kernel, bias = arrays_of(layers, layer)
                self._mapped[layer.name] = in_file(kernel, self._file)
                self._biases[layer.name] = bias.astype(np.float32)[()]
        if weights.label != IMAGENET_LABEL:
            self._check_finite()

    @property
    def label(self) -> str:
        """Which network these weights make."""
        return self._weights.label

    @property
    def identity(self) -> Hashable:
        """The file's contents."""
        return ("dense", self._weights.identity)

    def slab(self, layer: DenseLayer, index: int) -> np.ndarray:
        """Some rows of a kernel, float32 ``(SLAB_ROWS, units)``.

        Raises:
            WeightsError: the file is gone, cut or another one.
        """
        rows = slice(index * SLAB_ROWS, (index + 1) * SLAB_ROWS)
        kernel = self._mapped[layer.name]
        with damage_told(self._weights.path):
            self._check_unchanged()
        if kernel is None:
            with hdf5_layers(self._weights.path) as layers:
                read: np.ndarray = arrays_of(layers, layer)[0].astype(np.float32)[rows]
                return read
        return kernel[rows].astype(np.float32, copy=False)

    def bias(self, layer: DenseLayer) -> np.ndarray:
        """A layer's biases, float32 ``(units,)``."""
        return self._biases[layer.name]

    def _check_unchanged(self) -> None:
        stamp = stamp_of(self._weights.path.stat())
        # One that was only touched is read once to see that, and not before each slab.
        if stamp != self._stamp:
            self._weights.check_unchanged()
            self._stamp = stamp
        expected, size = len(self._file), self._file.size()
        if size < expected:
            raise WeightsError(f"expected {expected:,} bytes, got {size:,}")

    def _check_finite(self) -> None:
        for layer in VGG19.dense_layers:
            check_finite(layer.name, "bias", self.bias(layer))
            for index in range(slab_count(layer)):
                check_finite(layer.name, "kernel", self.slab(layer, index))


class WatchedDense:
    """Other dense layers, with a word before each slab: for who shows how far the reading is.

    ``before_slab`` is told the share of a whole pass that was read, 0 to 1; it may raise, to stop.
    """

    def __init__(self, dense: DenseWeights, before_slab: Callable[[float], None]) -> None:
        self._dense = dense
        self._before_slab = before_slab
        self._read = 0

    @property
    def label(self) -> str:
        """Which network these weights make."""
        return self._dense.label

    @property
    def identity(self) -> Hashable:
        """What tells these weights from all others."""
        return self._dense.identity

    def slab(self, layer: DenseLayer, index: int) -> np.ndarray:
        """Some rows of a kernel, float32 ``(SLAB_ROWS, units)``."""
        self._before_slab(min(1.0, self._read / SLABS))
        self._read += 1
        return self._dense.slab(layer, index)

    def bias(self, layer: DenseLayer) -> np.ndarray:
        """A layer's biases, float32 ``(units,)``."""
        return self._dense.bias(layer)


def open_dense(weights: Weights) -> DenseWeights:
    """The dense layers that belong to these convolutions: of the same file, or as untrained.

    Raises:
        WeightsError: the file has none, or they are damaged.
    """
    if isinstance(weights, StoredWeights):
        return StoredDense(weights)
    if isinstance(weights, UntrainedWeights):
        return UntrainedDense(weights.seed)
    raise WeightsError(f"expected weights with dense layers, got {weights.label}")


def in_file(array: "h5py.Dataset", file: mmap.mmap) -> np.ndarray | None:
    """An HDF5 file's array, as it lies in the file that is mapped.

    None where it does not lie there in one piece, or not as floating-point numbers.
    """
    offset = array.id.get_offset()
    if offset is None or array.external or array.is_virtual or array.dtype.kind != "f":
        return None
    return np.ndarray(array.shape, array.dtype, file, offset)
