"""Weights -> a Keras model, its truncated submodels, filters and feature maps.

Keras is channels-last; the axis is moved once, here, and everything outside is tiles first:
filters ``(filters, channels, 3, 3)``, feature maps ``(maps, height, width)``. Every array that
comes out is float32 and read-only, since it may be shared between viewers.

A picture goes through the network block by block, and each step is one that may be kept:

    pixels -- network_input --> block 1's input -- run --> its maps, and block 2's input --> …

What a block works on is small beside its maps (block 5's 0.4 MB take 140 ms of four blocks), and
from there any of the block's layers takes 5 to 65 ms in place of up to 170.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable, Sequence
from functools import partial
from threading import Event, Lock
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from vgg_viz.model.architecture import VGG19, Architecture, SpatialLayer
from vgg_viz.model.weights import Weights

if TYPE_CHECKING:
    # Importing TensorFlow takes seconds; only building a network needs it.
    import keras

# Mean of ImageNet's training pictures, in the order blue, green, red: that of the network's input.
# Keras: keras/src/applications/imagenet_utils.py, mode "caffe".
MEAN_BGR = (103.939, 116.779, 123.68)
# The same as a pixel, red, green, blue: what the network takes next to zero for, as its padding is.
MEAN_COLOR = tuple(round(mean) for mean in reversed(MEAN_BGR))

# Keras' name for VGG's own, and the commonest mistake: see `preprocess` and `preprocess_wrongly`.
Preprocessing = Literal["caffe", "rgb"]

# A step's forward pass, from a tensor to tensors; TensorFlow has no types.
Pass = Callable[[object], Sequence[Any]]

# Keras builds and traces with state of its own, which two networks at once would confuse.
_keras = Lock()


def import_keras() -> ModuleType:
    """Keras on TensorFlow, channels last and in single precision, whatever its user has set.

    A machine may have another backend, layout or precision in ``keras.json`` or, for the backend,
    in ``KERAS_BACKEND``. To be called in place of every other first import of Keras.
    """
    # Read once, at the import.
    os.environ["KERAS_BACKEND"] = "tensorflow"
    import keras

    keras.config.set_image_data_format("channels_last")
    keras.config.set_floatx("float32")
    module: ModuleType = keras
    return module


def preprocess(pixels: np.ndarray) -> np.ndarray:
    """Make the network's input, float32 (1, h, w, 3), of RGB pixels, uint8 (h, w, 3).

    Equal to Keras' ``vgg19.preprocess_input``, which would overwrite a float array of the caller's:
    blue first, the mean of ImageNet's pictures taken off, no scaling.
    """
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3:
        raise ValueError(f"expected uint8 (height, width, 3), got {pixels.dtype} {pixels.shape}")
    return (pixels[None, :, :, ::-1] - np.array(MEAN_BGR, np.float32)).astype(np.float32)


def preprocess_wrongly(pixels: np.ndarray) -> np.ndarray:
    """Make the input that many other networks want, and VGG19 does not: RGB from 0 to 1.

    Same shapes as `preprocess`; nothing fails with it, the maps are only not what was trained.
    """
    return (pixels[None] / np.float32(255)).astype(np.float32)


def network_input(pixels: np.ndarray, preprocessing: Preprocessing = "caffe") -> np.ndarray:
    """What the first block works on, float32 ``(3, h, w)``, of RGB pixels, uint8 ``(h, w, 3)``.

    ``preprocessing``: ``"caffe"`` is VGG's own, ``"rgb"`` a mistake to learn from.
    """
    prepare = {"caffe": preprocess, "rgb": preprocess_wrongly}[preprocessing]
    return read_only(np.moveaxis(prepare(pixels)[0], -1, 0))


def tiles_first(kernel: np.ndarray) -> np.ndarray:
    """Turn Keras' kernel, ``(3, 3, channels, filters)``, to ``(filters, channels, 3, 3)``."""
    return read_only(kernel.transpose(3, 2, 0, 1))


def filter_colors(filters: np.ndarray) -> np.ndarray:
    """Show the first layer's filters ``(filters, 3, 3, 3)`` as colors, uint8, of that shape.

    The channels go from blue, green, red (the network's order) to red, green, blue on the last
    axis. Each filter is on its own scale with zero at mid-gray, so that gray means "no weight" and
    a hue means what the filter answers to.
    """
    if filters.ndim != 4 or filters.shape[1] != 3:
        raise ValueError(f"expected filters of 3 channels, got shape {filters.shape}")
    colors = np.moveaxis(filters[:, ::-1], 1, -1)
    largest = np.abs(colors).max(axis=(1, 2, 3), keepdims=True)
    return np.rint(127.5 + 127.5 * colors / np.where(largest > 0, largest, 1)).astype(np.uint8)


def build_model(weights: Weights, architecture: Architecture = VGG19) -> keras.Model:
    """Build the network without its dense layers, as ``VGG19(include_top=False)`` does.

    Layer indices and names are those of ``architecture.layers``, and so those of Keras.
    """
    keras = import_keras()
    side = architecture.input_side
    # The kernels are overwritten at once: zeros spare 80 MB of random numbers.
    conv = partial(keras.layers.Conv2D, kernel_size=3, padding="same", kernel_initializer="zeros")
    output = inputs = keras.Input((side, side, 3), batch_size=1, name="input")
    for layer in architecture.layers:
        if layer.kind == "conv":
            output = conv(layer.filters, activation="relu", name=layer.name)(output)
        elif layer.kind == "pool":
            output = keras.layers.MaxPooling2D(2, strides=2, name=layer.name)(output)
    model = keras.Model(inputs, output, name=architecture.name.lower())
    for layer in architecture.conv_layers:
        model.get_layer(layer.name).set_weights(weights.read(layer.name))
    return model


def steps(architecture: Architecture) -> list[tuple[str, ...]]:
    """Every step that a picture may take: the names of layers whose outputs are had at once.

    A step begins with a block's input and stays in the block. Of a block of two layers these are
    ``(conv1,)  (conv2,)  (pool,)  (conv2, pool)  (conv1, conv2, pool)``: any conv layer alone, the
    next block's input alone, with the maps at the block's end, and with all of the block's maps.
    """
    found: list[tuple[str, ...]] = []
    for end, pool in zip(architecture.block_ends, architecture.pools, strict=True):
        names = [layer.name for layer in architecture.conv_layers if layer.block == end.block]
        found += [(name,) for name in names]
        found += [(pool.name,), (end.name, pool.name), (*names, pool.name)]
    return list(dict.fromkeys(found))  # in a block of one layer two of them are the same


class Network:
    """A loaded network and its truncated submodels.

    One instance serves all viewers; its methods may be called from any thread.
    """

    def __init__(self, weights: Weights, architecture: Architecture = VGG19) -> None:
        """Build the model; submodels are cut from it when first wanted.

        All 47 take 60 ms, for which the first page would wait. Nobody may reset Keras' global
        state from now on: see `vgg_viz.serving.loading.leave_sessions_alone`.
        """
        self.weights = weights
        self.architecture = architecture
        with _keras:
            self.model = build_model(weights, architecture)
        self._steps = frozenset(steps(architecture))
        self._submodels: dict[str, keras.Model] = {}
        self._passes: dict[tuple[str, ...], Pass] = {}
        self._summaries: dict[str, str] = {}

    @property
    def label(self) -> str:
        """What it is called in captions; two networks may share it."""
        return self.weights.label

    @property
    def identity(self) -> Hashable:
        """What tells it from all others: equal for networks of the same weights only."""
        return self.weights.identity

    def submodel(self, layer_name: str) -> keras.Model:
        """The model from the input to that conv layer.

        Raises:
            KeyError: there is no such conv layer.
        """
        name = self.architecture.conv_layer(layer_name).name
        with _keras:
            if name not in self._submodels:
                self._submodels[name] = self._cut(self.model.input, (name,))
            return self._submodels[name]

    def summary(self, layer_name: str) -> str:
        """Keras' own summary of the submodel that ends in that layer."""
        # Kept: writing it takes longer than all the rest of showing a layer again.
        if layer_name not in self._summaries:
            lines: list[str] = []
            self.submodel(layer_name).summary(line_length=76, print_fn=lines.append)
            self._summaries[layer_name] = "\n".join(lines)
        return self._summaries[layer_name]

    def feature_maps(
        self, pixels: np.ndarray, layer_name: str, preprocessing: Preprocessing = "caffe"
    ) -> np.ndarray:
        """What a conv layer makes of a picture, after ReLU: float32 ``(maps, height, width)``.

        Args:
            pixels: RGB, uint8 (224, 224, 3).
            layer_name: one of the 16 conv layers.
            preprocessing: as for `network_input`.
        """
        layer = self.architecture.conv_layer(layer_name)
        source = network_input(pixels, preprocessing)
        for pool in self.architecture.pools[: layer.block - 1]:
            (source,) = self.run((pool.name,), source)
        return self.run((layer.name,), source)[0]

    def run(self, layer_names: Sequence[str], source: np.ndarray) -> list[np.ndarray]:
        """What layers of one block make of the block's input: float32 ``(maps, height, width)``.

        Args:
            layer_names: one of the `steps`; a pool's output is the next block's input.
            source: float32 ``(channels, height, width)``.

        Raises:
            KeyError: there is no such step.
        """
        return outputs(self._pass(tuple(layer_names)), source)

    def run_on(self, layer_name: str, maps: np.ndarray) -> dict[str, np.ndarray]:
        """What follows a conv layer in its block, and the pool, where the layer has these maps.

        Args:
            layer_name: a conv layer.
            maps: float32 ``(maps, height, width)``.

        Returns:
            Float32 ``(maps, height, width)`` for each of the layers' names.

        Raises:
            KeyError: there is no such conv layer.
        """
        layer = self.architecture.conv_layer(layer_name)
        names = [
            one.name
            for one in self.architecture.layers[layer.index + 1 :]
            if isinstance(one, SpatialLayer) and one.block == layer.block
        ]
        source = self.model.get_layer(layer.name).output
        run = self._compiled((layer.name, "on"), lambda: self._cut(source, names))
        return dict(zip(names, outputs(run, maps), strict=True))

    def compile_passes(self, stopped: Callable[[], bool]) -> None:
        """Compile every step's forward pass, which takes 2 s, before anybody waits for one."""
        for step in steps(self.architecture):
            if stopped():
                return
            self._pass(step)
            # Whoever waits to compute comes first.
            Event().wait(0.02)

    def _cut_step(self, layer_names: tuple[str, ...]) -> keras.Model:
        """The submodel from the input of these layers' block to them."""
        block = self.architecture.block_of(layer_names[0])
        if block == 1:
            return self._cut(self.model.input, layer_names)
        before = self.architecture.pools[block - 2]
        return self._cut(self.model.get_layer(before.name).output, layer_names)

    def _cut(self, source: object, layer_names: Sequence[str]) -> keras.Model:
        import keras

        outputs = [self.model.get_layer(name).output for name in layer_names]
        return keras.Model(source, outputs, name=f"{self.model.name}_to_{layer_names[-1]}")

    def _pass(self, step: tuple[str, ...]) -> Pass:
        if step not in self._steps:
            raise KeyError(f"expected layers that are wanted together, got {step}")
        return self._compiled(step, lambda: self._cut_step(step))

    def _compiled(self, key: tuple[str, ...], cut: Callable[[], keras.Model]) -> Pass:
        """A submodel's compiled forward pass: a fifth quicker than ``predict_on_batch``."""
        import tensorflow as tf
        from keras import tree

        with _keras:
            if key not in self._passes:
                model = cut()
                signature = [tf.TensorSpec(model.input.shape, tf.float32)]
                compiled = tf.function(lambda x: tree.flatten(model(x, training=False)), signature)
                self._passes[key] = compiled.get_concrete_function()
            return self._passes[key]


def outputs(run: Pass, source: np.ndarray) -> list[np.ndarray]:
    """What a forward pass makes of this, float32 ``(channels, height, width)``: as many such."""
    import tensorflow as tf

    found = run(tf.constant(np.moveaxis(source, 0, -1)[None]))
    # The tensor's own memory, which lives as long as the array: ``numpy`` would copy it.
    arrays = [np.asarray(memoryview(output)) for output in found]
    return [read_only(np.moveaxis(array[0], -1, 0)) for array in arrays]


def read_only(array: np.ndarray) -> np.ndarray:
    """The same numbers in an array that cannot be written to."""
    view = array.view()
    view.setflags(write=False)
    return view
