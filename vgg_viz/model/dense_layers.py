"""Weights of the dense layers, read in slabs (512 rows of a kernel) and not held in memory.

In Keras' full weights file, they take 494 MB. The file's arrays are contiguous, so they are
memory-mapped: the system loads pages on first access and may drop them again. Arrays with another
layout are read slab by slab. Untrained weights are drawn slab by slab.
"""

import mmap
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Protocol

import numpy as np

from vgg_viz.model.architecture import VGG19, DenseLayer
from vgg_viz.model.file_guards import WeightsError, as_weights_error, check_finite, names_in
from vgg_viz.model.network import NamedWeights
from vgg_viz.model.weights import (
    IMAGENET_LABEL,
    StoredWeights,
    UntrainedWeights,
    Weights,
    arrays_of,
    hdf5_layers,
)

if TYPE_CHECKING:
    import h5py

SLAB_ROWS = 512  # in fc1's kernel, the rows for one position of the last pool


class DenseWeights(NamedWeights, Protocol):
    """Source of the weights of VGG19's dense layers."""

    def slab(self, layer: DenseLayer, index: int) -> np.ndarray:
        """Return the kernel's rows from ``index * SLAB_ROWS``, float32 ``(SLAB_ROWS, units)``."""

    def bias(self, layer: DenseLayer) -> np.ndarray:
        """Return a layer's biases, float32 ``(units,)``."""


def slab_count(layer: DenseLayer) -> int:
    """Return the number of slabs of ``SLAB_ROWS`` rows in a dense layer's kernel."""
    return layer.inputs // SLAB_ROWS


SLABS = sum(map(slab_count, VGG19.dense_layers))


@dataclass(frozen=True)
class UntrainedDense:
    """Random weights for the dense layers of an untrained network, determined by a seed.

    He initialization, as in `vgg_viz.model.weights.UntrainedWeights`. Each slab has its own random
    stream, so slabs may be drawn in any order.
    """

    seed: int
    label: ClassVar[str] = UntrainedWeights.label

    @property
    def identity(self) -> Hashable:
        """Hashable value that differs between different seeds."""
        return ("dense", self.label, self.seed)

    def slab(self, layer: DenseLayer, index: int) -> np.ndarray:
        """Draw one slab of a layer's kernel, float32 ``(SLAB_ROWS, units)``."""
        random = np.random.default_rng([self.seed, layer.index, index])
        rows = random.standard_normal((SLAB_ROWS, layer.units), np.float32)
        rows *= np.float32(np.sqrt(2 / layer.inputs))
        return rows

    def bias(self, layer: DenseLayer) -> np.ndarray:
        """Return a layer's biases, float32 ``(units,)``: all zero."""
        return np.zeros(layer.units, np.float32)


class StoredDense:
    """Weights of the dense layers in an HDF5 file, memory-mapped if its arrays are contiguous.

    Reading a mapped page beyond the end of a truncated file would kill the process, so each slab is
    read only after a check that the file is unchanged.
    """

    def __init__(self, weights: StoredWeights) -> None:
        """Locate the dense layers' kernels in a conv layers' file, and read their biases."""
        self._weights = weights
        self.label, self.identity = weights.label, ("dense", weights.identity)
        self._biases: dict[str, np.ndarray] = {}
        self._mapped: dict[str, np.ndarray | None] = {}
        with hdf5_layers(weights.path) as layers:
            # The map holds this file open, even if another one takes its name later.
            with weights.path.open("rb") as file:
                self._file = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            for layer in VGG19.dense_layers:
                kernel, bias = arrays_of(layers, layer)
                self._mapped[layer.name] = mapped_array(kernel, self._file)
                self._biases[layer.name] = bias.astype(np.float32)[()]
        if weights.label != IMAGENET_LABEL:
            for layer in VGG19.dense_layers:
                check_finite(layer.name, "bias", self.bias(layer))
                for index in range(slab_count(layer)):
                    check_finite(layer.name, "kernel", self.slab(layer, index))

    def slab(self, layer: DenseLayer, index: int) -> np.ndarray:
        """Return one slab; raise a ``WeightsError`` if the file is missing, cut or changed."""
        rows = slice(index * SLAB_ROWS, (index + 1) * SLAB_ROWS)
        kernel = self._mapped[layer.name]
        with as_weights_error(self._weights.path.name):
            self._weights.check_unchanged()
            expected, size = len(self._file), self._file.size()
            if size < expected:
                raise WeightsError(f"expected {expected:,} bytes, got {size:,}")
        if kernel is None:
            with hdf5_layers(self._weights.path) as layers:
                return arrays_of(layers, layer)[0].astype(np.float32)[rows]
        return kernel[rows].astype(np.float32, copy=False)

    def bias(self, layer: DenseLayer) -> np.ndarray:
        """Return a layer's biases, float32 ``(units,)``."""
        return self._biases[layer.name]


class ReportingDense:
    """Source of dense weights that calls ``report`` before each slab is read.

    It gets the fraction of all slabs that was read, 0 to 1, and may raise an exception to stop.
    """

    def __init__(self, dense: DenseWeights, report: Callable[[float], None]) -> None:
        """Wrap another source."""
        self.label, self.identity, self.bias = dense.label, dense.identity, dense.bias
        self._dense, self._report, self._slabs_read = dense, report, 0

    def slab(self, layer: DenseLayer, index: int) -> np.ndarray:
        """Report progress; return one slab of a layer's kernel, float32 ``(SLAB_ROWS, units)``."""
        self._report(min(1.0, self._slabs_read / SLABS))
        self._slabs_read += 1
        return self._dense.slab(layer, index)


class NoDenseLayers(WeightsError):
    """Raised when a file has VGG19's conv layers alone."""


def open_dense(weights: Weights) -> DenseWeights:
    """Return the dense layers' weights from the conv layers' file, or drawn with the same seed.

    Raises a `NoDenseLayers` if the file has none, and a `WeightsError` if it is damaged.
    """
    if isinstance(weights, StoredWeights):
        with hdf5_layers(weights.path) as layers:
            names = names_in(layers, "layer_names")
        if not any(layer.name in names for layer in VGG19.dense_layers):
            raise NoDenseLayers(f"expected VGG19's dense layers in {weights.label}, got none")
        return StoredDense(weights)
    if isinstance(weights, UntrainedWeights):
        return UntrainedDense(weights.seed)
    raise WeightsError(f"expected weights with dense layers, got {weights.label}")


def mapped_array(array: "h5py.Dataset", file: mmap.mmap) -> np.ndarray | None:
    """Return a contiguous floating-point dataset as a view of its memory-mapped file, else None."""
    offset = array.id.get_offset()
    if offset is None or array.external or array.is_virtual or array.dtype.kind != "f":
        return None
    return np.ndarray(array.shape, array.dtype, file, offset)
