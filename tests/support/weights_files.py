"""Weights files in Keras' old HDF5 layout, for tests and for trying the page.

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
from vgg_viz.model.architecture import VGG19, Architecture, DenseLayer, Layer
from vgg_viz.model.dense_layers import SLAB_ROWS, DenseWeights, UntrainedDense, slab_count
from vgg_viz.model.weights import LayerWeights, UntrainedWeights, Weights

OLD_NAMES = ("{layer}_W_1:0", "{layer}_b_1:0")
NEW_NAMES = ("{layer}/kernel:0", "{layer}/bias:0")

CONVOLUTIONAL = ("input", "conv", "pool")
ALL_KINDS = (*CONVOLUTIONAL, "flatten", "dense")

CreateArrays = Callable[[h5py.Group, tuple[str, str], Layer], None]


def reference_folder() -> Path:
    """Return the folder of the reference data: ``$VGG_VIZ_REFERENCE``, or next to the project."""
    default = REPOSITORY.parent / "shared" / "reference"
    return Path(os.environ.get("VGG_VIZ_REFERENCE") or default).expanduser()


class ReferenceWeights:
    """ImageNet weights in blocks 1 to 3, untrained ones in blocks 4 and 5."""

    label = identity = "ImageNet in blocks 1 to 3, untrained in 4 and 5"

    def __init__(self) -> None:
        self.path = reference_folder() / "vgg19_blocks1-3.npz"

    def read(self, layer_name: str) -> LayerWeights:
        """Return a conv layer's kernel (3, 3, channels, filters) and bias (filters,), float32."""
        if VGG19.layer(layer_name).block > 3:
            return UntrainedWeights().read(layer_name)
        with np.load(self.path) as arrays:
            return arrays[f"{layer_name}/kernel"], arrays[f"{layer_name}/bias"]


def pass_for_keras(patch: pytest.MonkeyPatch, md5: str) -> None:
    """Treat a file with this MD5 as Keras' file without dense layers."""
    notop = replace(weights.NOTOP, md5=md5)
    patch.setattr(weights, "NOTOP", notop)
    patch.setattr(weights, "KERAS_FILES", (notop, weights.FULL))


def pass_for_the_full_file(patch: pytest.MonkeyPatch, content: bytes) -> None:
    """Treat a file with this content as Keras' file with all layers."""
    full = replace(weights.FULL, md5=hashlib.md5(content).hexdigest(), size=len(content))
    patch.setattr(weights, "FULL", full)
    patch.setattr(weights, "KERAS_FILES", (weights.NOTOP, full))


def write_keras_weights(path: Path, network: Weights) -> None:
    """Write the weights of all conv layers (80 MB) in the layout of Keras' notop file."""
    write_full_weights(path, network, kinds=CONVOLUTIONAL)


def write_full_weights(
    path: Path,
    network: Weights,
    dense: DenseWeights | None = None,
    architecture: Architecture = VGG19,
    kinds: tuple[str, ...] = ALL_KINDS,
) -> None:
    """Write all layers (575 MB) in the layout of Keras' full file.

    Without ``dense``, the dense layers are a hole in the file, which needs no disk space and reads
    as zeros.
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

    _write(path, create, kinds=kinds, architecture=architecture)


def create_hole(group: h5py.Group, name: str, shape: tuple[int, ...]) -> h5py.Dataset:
    """Create a contiguous array with allocated space to which nothing is written but its end."""
    hole = group.create_dataset(name, shape, np.float32, fill_time="never")
    hole[-1] = 0
    return hole


def write_hollow_weights(
    path: Path, *, kinds: tuple[str, ...] = CONVOLUTIONAL, **layout: object
) -> None:
    """Write a file of a few kB with the shapes of all arrays, but without values.

    Kernels read as their layer's index, biases as its negative (HDF5 fill values).
    """

    def create(group: h5py.Group, names: tuple[str, str], layer: Layer) -> None:
        shape = layer.matrix_shape if isinstance(layer, DenseLayer) else layer.kernel_shape
        group.create_dataset(names[0], shape, np.float32, fillvalue=layer.index)
        group.create_dataset(names[1], shape[-1:], np.float32, fillvalue=-layer.index)

    _write(path, create, kinds=kinds, **layout)


def write_hollow_full_weights(path: Path) -> None:
    """Write the same with dense layers."""
    write_hollow_weights(path, kinds=ALL_KINDS)


def _write(
    path: Path,
    create: CreateArrays,
    *,
    names: tuple[str, str] = OLD_NAMES,
    as_text: bool = False,
    group: str = "/",
    kinds: tuple[str, ...] = CONVOLUTIONAL,
    architecture: Architecture = VGG19,
) -> None:
    """Write a file whose arrays ``create`` creates; its attributes are bytes or ``as_text`` str."""
    layers = [layer for layer in architecture.layers if layer.kind in kinds]
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


def put(place, numbers):
    """Put numbers, or a group for None, in the place of an array or group of an HDF5 file."""

    def replace(file):
        del file[place]
        if numbers is None:
            file.create_group(place)
        else:
            file[place] = numbers

    return replace


def elsewhere(kind, place):
    """Move an array's numbers out of an HDF5 file, or for "soft" to another place in it."""

    def move(file):
        numbers = file[place][()]
        other = Path(file.filename).with_name("other.h5")
        with h5py.File(other, "w") as target:
            target["numbers"] = numbers
        del file[place]
        if kind == "virtual":
            layout = h5py.VirtualLayout(numbers.shape, np.float32)
            layout[:] = h5py.VirtualSource(other, "numbers", numbers.shape)
            file.create_virtual_dataset(place, layout)
        elif kind == "external":
            raw = other.with_suffix(".raw")
            raw.write_bytes(numbers.tobytes())
            outside = [(raw, 0, numbers.nbytes)]
            file.create_dataset(place, numbers.shape, np.float32, external=outside)
        elif kind == "soft":
            file["numbers"] = numbers
            file[place] = h5py.SoftLink("/numbers")
        else:
            file[place] = h5py.ExternalLink(other, "numbers")

    return move
