"""Keras model of a VGG network, its preprocessing, and its forward passes block by block.

Keras is channels-last. This module moves the axis once: outside it, filters are ``(filters,
channels, 3, 3)`` and feature maps ``(maps, height, width)``. All returned arrays are float32 and
read-only, since viewers share them.

A forward pass goes block by block, so that the input of each block can be cached:

    pixels -- network_input --> input of block 1 -- run --> its maps, input of block 2 -- run --> …

A block's input is small beside its maps: that of block 5 has 0.4 MB and costs 140 ms to compute.
From this input, any layer of the block takes 5 to 65 ms, instead of up to 170 ms from the pixels.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable, Iterator, Sequence
from copy import copy
from functools import partial
from importlib import import_module
from threading import Event, Lock
from types import ModuleType
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from vgg_viz.downloads.fetching import expanded
from vgg_viz.model.architecture import VGG19, Architecture, ConvLayer
from vgg_viz.model.preprocessing import PREPROCESSINGS, Preprocessing

if TYPE_CHECKING:
    # Importing TensorFlow takes seconds, so only building a network does.
    import keras

LayerWeights = tuple[np.ndarray, np.ndarray]
Tensor = Any  # TensorFlow has no type stubs
Pass = Callable[[Tensor], Sequence[Tensor]]  # a compiled forward pass

# Keras builds and traces models with global state, which is not thread-safe.
keras_lock = Lock()


class NamedWeights(Protocol):
    """Weights with a name for captions."""

    @property
    def label(self) -> str:
        """Name of the weights in captions, such as "ImageNet" or "untrained"."""

    @property
    def identity(self) -> Hashable:
        """Hashable value that differs between different weights, even with equal labels."""


class Weights(NamedWeights, Protocol):
    """Source of the weights of VGG19's conv layers."""

    def read(self, layer_name: str) -> LayerWeights:
        """Return a conv layer's kernel (3, 3, channels, filters) and bias (filters,), float32."""


class _TensorFlow:
    """The module ``tensorflow``, imported at first use, since the import takes seconds."""

    def __getattr__(self, name: str) -> Any:
        return getattr(import_module("tensorflow"), name)


tf: Any = _TensorFlow()


def import_keras() -> ModuleType:
    """Import Keras with TensorFlow, channels last and float32, and return the module.

    ``keras.json`` or ``KERAS_BACKEND`` may set another backend, layout or precision, which this
    function overrides. Call it before any other import of Keras.
    """
    # Keras reads the variable once, on import.
    os.environ["KERAS_BACKEND"] = "tensorflow"
    if home := expanded(os.environ.get("KERAS_HOME")):
        os.environ["KERAS_HOME"] = str(home)  # else Keras creates a folder of the name "~"
    import keras

    keras.config.set_image_data_format("channels_last")
    keras.config.set_floatx("float32")
    return keras


def network_input(pixels: np.ndarray, preprocessing: Preprocessing = "caffe") -> np.ndarray:
    """Preprocess RGB pixels, uint8 ``(h, w, 3)``, to the first block's input, ``(3, h, w)``.

    >>> red = np.array([[[255, 0, 0]]], np.uint8)
    >>> network_input(red).round().ravel().tolist()  # blue, green, red
    [-104.0, -117.0, 131.0]
    """
    return read_only(np.moveaxis(PREPROCESSINGS[preprocessing].apply(pixels), -1, 0))


def tiles_first(kernel: np.ndarray) -> np.ndarray:
    """Transpose Keras' kernel ``(3, 3, channels, filters)`` to ``(filters, channels, 3, 3)``."""
    return read_only(kernel.transpose(3, 2, 0, 1))


def color_images(values: np.ndarray, preprocessing: Preprocessing = "caffe") -> np.ndarray:
    """Render values of the network's input channels, ``(n, 3, h, w)``, as RGB ``(n, h, w, 3)``.

    Zero is mid-gray on each image's own scale. So a filter has the hue that it responds to.
    """
    colors = PREPROCESSINGS[preprocessing].reorder(np.moveaxis(values, 1, -1))
    largest = np.abs(colors).max(axis=(1, 2, 3), keepdims=True)
    return np.rint(127.5 + 127.5 * colors / np.where(largest > 0, largest, 1)).astype(np.uint8)


def build_model(weights: Weights, architecture: Architecture = VGG19) -> keras.Model:
    """Build the Keras model with weights, without dense layers, like ``include_top=False``."""
    keras = import_keras()
    side = architecture.input_side
    # The kernels are overwritten below: zeros avoid drawing 80 MB of random numbers.
    conv = partial(keras.layers.Conv2D, kernel_size=3, padding="same", kernel_initializer="zeros")
    output = inputs = keras.Input((side, side, 3), batch_size=1, name="input")
    for layer in architecture.spatial_layers:
        if isinstance(layer, ConvLayer):
            output = conv(layer.filters, activation="relu", name=layer.name)(output)
        else:
            output = keras.layers.MaxPooling2D(2, strides=2, name=layer.name)(output)
    model = keras.Model(inputs, output, name=architecture.name.lower())
    for layer in architecture.conv_layers:
        model.get_layer(layer.name).set_weights(weights.read(layer.name))
    return model


class Network:
    """A Keras model of a VGG network with weights, and its forward passes; thread-safe."""

    def __init__(self, weights: Weights, architecture: Architecture = VGG19) -> None:
        """Build the Keras model and set its weights; submodels are built on first use."""
        # From here on, nothing must reset Keras' state: see `loading.disable_session_resets`.
        self.weights = weights
        self.label = weights.label  # for captions; networks with different weights may share it
        # Equal only for networks with the same weights and the same preprocessing.
        self.identity = weights.identity
        self.preprocessing: Preprocessing = "caffe"
        self.trained_with: Preprocessing = "caffe"  # differs for the lesson on a wrong one
        self.architecture = architecture
        with keras_lock:
            self.model = build_model(weights, architecture)
        self.is_compiled = False  # whether `compile_passes` has ended
        self._passes: dict[tuple[str, ...], Pass] = {}
        self._summaries: dict[str, str] = {}

    def preprocessed(self, preprocessing: Preprocessing, *, wrongly: bool = False) -> Network:
        """Return this network, with the same Keras model, and its own or a wrong preprocessing."""
        other = copy(self)
        other.preprocessing = preprocessing
        if not wrongly:
            other.trained_with = preprocessing
            other.label = f"{self.weights.label}, {PREPROCESSINGS[preprocessing].label}"
        if preprocessing != "caffe":
            other.identity = (preprocessing, self.weights.identity)
        return other

    @property
    def is_preprocessed_wrongly(self) -> bool:
        """Whether the network was trained with another preprocessing than it has here."""
        return self.preprocessing != self.trained_with

    def input(self, pixels: np.ndarray) -> np.ndarray:
        """Preprocess RGB pixels, uint8 ``(h, w, 3)``, to this network's input, ``(3, h, w)``."""
        return network_input(pixels, self.preprocessing)

    def summary(self, layer_name: str) -> str:
        """Return Keras' text summary of the model that ends with a conv layer."""
        # Cached, since writing it takes longer than showing the rest of a layer again.
        if layer_name not in self._summaries:
            lines: list[str] = []
            with keras_lock:
                model = self._cut(self.architecture.layers[0].name, (layer_name,))
            model.summary(line_length=76, print_fn=lines.append)
            self._summaries[layer_name] = "\n".join(lines)
        return self._summaries[layer_name]

    def feature_maps(self, pixels: np.ndarray, layer_name: str) -> np.ndarray:
        """Compute the feature maps of a conv layer for an image, RGB uint8 ``(224, 224, 3)``."""
        layer = self.architecture.conv_layer(layer_name)
        source = self.input(pixels)
        for pool in self.architecture.pools[: layer.block - 1]:
            (source,) = self.run((pool.name,), source)
        return self.run((layer.name,), source)[0]

    def layer_maps(self, pixels: np.ndarray, blocks: int) -> Iterator[tuple[str, np.ndarray]]:
        """Compute the input and all layers of the first blocks; yield each with its name."""
        source = self.input(pixels)
        yield self.architecture.layers[0].name, source
        for block in range(1, blocks + 1):
            maps = self.run_block(block, source)
            source = maps[self.architecture.pools[block - 1].name]
            yield from maps.items()

    def conv_maps(self, pixels: np.ndarray) -> Iterator[np.ndarray]:
        """Compute the maps of all conv layers, first to last, holding those of one block."""
        names = [layer.name for layer in self.architecture.conv_layers]
        every = self.layer_maps(pixels, len(self.architecture.blocks))
        return (maps for name, maps in every if name in names)

    def run(self, layer_names: Sequence[str], source: np.ndarray) -> list[np.ndarray]:
        """Compute the outputs of some layers of one block, in order, from the block's input."""
        return outputs(self._block_pass(tuple(layer_names)), source)

    def run_block(self, block: int, source: np.ndarray) -> dict[str, np.ndarray]:
        """Compute all layers of a block from the block's input, by layer name."""
        names = [layer.name for layer in self.architecture.block(block)]
        return dict(zip(names, self.run(names, source), strict=True))

    def run_from(self, layer_name: str, maps: np.ndarray) -> dict[str, np.ndarray]:
        """Compute the later layers of a conv layer's block from its maps, by layer name."""
        layer = self.architecture.conv_layer(layer_name)
        block = self.architecture.block(layer.block)
        names = [later.name for later in block if later.index > layer.index]
        run = self._pass(layer.name, tuple(names))
        return dict(zip(names, outputs(run, maps), strict=True))

    def compile_passes(self, should_stop: Callable[[], bool]) -> None:
        """Compile each block's passes ahead, which takes 2 s, until ``should_stop()``."""
        for block in range(1, len(self.architecture.blocks) + 1):
            names = tuple(layer.name for layer in self.architecture.block(block))
            for step in dict.fromkeys([*((name,) for name in names), names[-2:], names]):
                if should_stop():
                    return
                self._block_pass(step)
                # Let waiting computations run first.
                Event().wait(0.02)
        self.is_compiled = True

    def _cut(self, start: str, layer_names: Sequence[str]) -> keras.Model:
        """Build the model from one layer's output to those of later layers."""
        import keras

        source, *outputs = (self.model.get_layer(name).output for name in (start, *layer_names))
        return keras.Model(source, outputs, name=f"{self.model.name}_to_{layer_names[-1]}")

    def _block_pass(self, layer_names: tuple[str, ...]) -> Pass:
        before = self.architecture.block((self.architecture.layer(layer_names[0]).block or 1) - 1)
        start = before[-1] if before else self.architecture.layers[0]
        return self._pass(start.name, layer_names)

    def _pass(self, start: str, layer_names: tuple[str, ...]) -> Pass:
        """Return the pass from one layer's output to others', compiled on first use."""
        # A compiled pass is a fifth faster than Keras' ``predict_on_batch``.
        from keras import tree

        with keras_lock:
            key = (start, *layer_names)
            if key not in self._passes:
                model = self._cut(start, layer_names)
                signature = [tf.TensorSpec(model.input.shape, tf.float32)]
                compiled = tf.function(lambda x: tree.flatten(model(x, training=False)), signature)
                self._passes[key] = compiled.get_concrete_function()
            return self._passes[key]


def outputs(run: Pass, source: np.ndarray) -> list[np.ndarray]:
    """Run a compiled forward pass on one input and return its outputs, all channels first."""
    tensors = run(tf.constant(np.moveaxis(source, 0, -1)[None]))
    # Views of the tensors' memory: ``numpy()`` would copy it.
    arrays = [np.asarray(memoryview(tensor)) for tensor in tensors]
    return [read_only(np.moveaxis(array[0], -1, 0)) for array in arrays]


def read_only(array: np.ndarray) -> np.ndarray:
    """Return a read-only view of an array."""
    view = array.view()
    view.setflags(write=False)
    return view
