"""Weights files in Keras' old HDF5 layout, for tests and for looking.

``python -m tests.support.weights_files OUT.h5`` writes one with the reference weights in blocks
1 to 3, and seeded dense layers.
"""

import hashlib
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from tests.support import REPOSITORY
from vgg_viz.model import weights
from vgg_viz.model.architecture import VGG19, DenseLayer, Layer
from vgg_viz.model.dense_layers import SLAB_ROWS, DenseWeights, UntrainedDense, slab_count
from vgg_viz.model.weights import LayerWeights, UntrainedWeights, Weights

OLD_NAMES = ("{layer}_W_1:0", "{layer}_b_1:0")
NEW_NAMES = ("{layer}/kernel:0", "{layer}/bias:0")

CONVOLUTIONAL = ("input", "conv", "pool")
ALL_KINDS = (*CONVOLUTIONAL, "flatten", "dense")

CreateArrays = Callable[[h5py.Group, tuple[str, str], Layer], None]


def reference_folder() -> Path:
    """Where the reference data stand, if they do: ``$VGG_VIZ_REFERENCE``, or beside the project."""
    beside = REPOSITORY.parent / "shared" / "reference"
    return Path(os.environ.get("VGG_VIZ_REFERENCE") or beside)


class ReferenceWeights:
    """The ImageNet weights in blocks 1 to 3, and untrained ones in blocks 4 and 5."""

    label = "ImageNet in blocks 1 to 3, untrained in 4 and 5"

    def __init__(self) -> None:
        self.path = reference_folder() / "vgg19_blocks1-3.npz"

    def read(self, layer_name: str) -> LayerWeights:
        """One conv layer's kernel (3, 3, channels, filters) and bias (filters,), float32."""
        if VGG19.layer(layer_name).block > 3:
            return UntrainedWeights().read(layer_name)
        with np.load(self.path) as arrays:
            return arrays[f"{layer_name}/kernel"], arrays[f"{layer_name}/bias"]


def pass_for_keras(patch: pytest.MonkeyPatch, md5: str) -> None:
    """Take a file with that MD5 for Keras' own without the dense layers."""
    notop = replace(weights.NOTOP, md5=md5)
    patch.setattr(weights, "NOTOP", notop)
    patch.setattr(weights, "KERAS_FILES", (notop, weights.FULL))


def pass_for_the_full_file(patch: pytest.MonkeyPatch, content: bytes) -> None:
    """Take a file of that content, and its size, for Keras' own with all layers."""
    full = replace(weights.FULL, md5=hashlib.md5(content).hexdigest(), size=len(content))
    patch.setattr(weights, "FULL", full)
    patch.setattr(weights, "KERAS_FILES", (weights.NOTOP, full))


def write_keras_weights(path: Path, network: Weights) -> None:
    """Write the weights of all conv layers (80 MB) as Keras' own notop file has them."""

    def create(group: h5py.Group, names: tuple[str, str], layer: Layer) -> None:
        for name, array in zip(names, network.read(layer.name), strict=True):
            group.create_dataset(name, data=array)

    _write(path, create)


def write_full_weights(path: Path, network: Weights, dense: DenseWeights | None = None) -> None:
    """Write all layers (575 MB) as Keras' own full file has them.

    Without dense layers to write there is a hole in the file for theirs, which takes no room on the
    disk and reads as zeros.
    """

    def create(group: h5py.Group, names: tuple[str, str], layer: Layer) -> None:
        if not isinstance(layer, DenseLayer):
            for name, array in zip(names, network.read(layer.name), strict=True):
                group.create_dataset(name, data=array)
            return
        kernel = create_hole(group, names[0], layer.matrix_shape)
        bias = create_hole(group, names[1], (layer.units,))
        if dense:
            bias[...] = dense.bias(layer)
            for index in range(slab_count(layer)):
                kernel[index * SLAB_ROWS : (index + 1) * SLAB_ROWS] = dense.slab(layer, index)

    _write(path, create, kinds=ALL_KINDS)


def write_hollow_full_weights(path: Path) -> None:
    """Write a file of a few kB with all layers in full size, as `write_hollow_weights` does.

    Kernels are filled with the layer's index, biases with minus that.
    """

    def create(group: h5py.Group, names: tuple[str, str], layer: Layer) -> None:
        is_dense = isinstance(layer, DenseLayer)
        shape = layer.matrix_shape if is_dense else layer.kernel_shape
        group.create_dataset(names[0], shape, np.float32, fillvalue=layer.index)
        group.create_dataset(names[1], shape[-1:], np.float32, fillvalue=-layer.index)

    _write(path, create, kinds=ALL_KINDS)


def create_hole(group: h5py.Group, name: str, shape: tuple[int, ...]) -> h5py.Dataset:
    """An array in one piece that has its place in the file, and nothing written to it."""
    settings = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    settings.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    settings.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
    space = h5py.h5s.create_simple(shape)
    h5py.h5d.create(group.id, name.encode(), h5py.h5t.IEEE_F32LE, space, settings)
    return group[name]


def write_hollow_weights(
    path: Path,
    *,
    names: tuple[str, str] = OLD_NAMES,
    as_text: bool = False,
    group: str = "/",
    shapes: dict[str, tuple[tuple[int, ...], ...]] | None = None,
) -> None:
    """Write a file of a few kB with all arrays in full size, but no numbers in it.

    HDF5 fills them in when they are read: kernels with the layer's number, 1 to 16, biases with
    minus that number. ``names`` are those of the arrays, ``as_text`` stores the attributes as str
    instead of bytes, ``group`` is where the layers stand, ``shapes`` replaces those of some layers.
    """

    def create(layer_group: h5py.Group, names: tuple[str, str], layer: Layer) -> None:
        right = (layer.kernel_shape, (layer.filters,))
        fillings = (layer.conv_number, -layer.conv_number)
        for name, shape, filling in zip(
            names, (shapes or {}).get(layer.name, right), fillings, strict=True
        ):
            layer_group.create_dataset(name, shape, np.float32, fillvalue=filling)

    _write(path, create, names=names, as_text=as_text, group=group)


def _write(
    path: Path,
    create: CreateArrays,
    *,
    names: tuple[str, str] = OLD_NAMES,
    as_text: bool = False,
    group: str = "/",
    kinds: tuple[str, ...] = CONVOLUTIONAL,
) -> None:
    layers = [layer for layer in VGG19.layers if layer.kind in kinds]
    with h5py.File(path, "w") as file:
        root = file.require_group(group)
        _set_names(root, "layer_names", [layer.name for layer in layers], as_text=as_text)
        for layer in layers:
            layer_group = root.create_group(layer.name)
            own = [name.format(layer=layer.name) for name in names if layer.parameters]
            _set_names(layer_group, "weight_names", own, as_text=as_text)
            if layer.parameters:
                create(layer_group, (own[0], own[1]), layer)


def _set_names(group: h5py.Group, attribute: str, names: list[str], *, as_text: bool) -> None:
    kind = h5py.string_dtype() if as_text else "S32"
    group.attrs.create(attribute, np.array(names, dtype=object if as_text else "S32"), dtype=kind)


if __name__ == "__main__":
    write_full_weights(Path(sys.argv[1]), ReferenceWeights(), UntrainedDense(19))
