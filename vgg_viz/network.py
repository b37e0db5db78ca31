"""Weights -> a Keras model, its truncated submodels, filters and feature maps.

Keras is channels-last; the axis is moved once, here, and everything outside is tiles first:
filters ``(filters, channels, 3, 3)``, feature maps ``(maps, height, width)``. Every array that
comes out is float32 and read-only, since it may be shared between viewers.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from threading import Event, Lock
from typing import TYPE_CHECKING, Literal

import numpy as np

from vgg_viz.architecture import VGG19, Architecture
from vgg_viz.weights import Weights

if TYPE_CHECKING:
    # Importing TensorFlow takes seconds; only building a network needs it.
    import keras

# Mean of ImageNet's training pictures, in the order blue, green, red: that of the network's input.
# Keras: keras/src/applications/imagenet_utils.py, mode "caffe".
MEAN_BGR = (103.939, 116.779, 123.68)

# From here on a layer's maps are small, and nearly all of the time goes into what is before them.
DEEP = 4

# Keras' name for VGG's own, and the commonest mistake: see `preprocess` and `preprocess_wrongly`.
Preprocessing = Literal["caffe", "rgb"]


# Keras builds and traces with state of its own, which two networks at once would confuse.
_keras = Lock()


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


def tiles_first(kernel: np.ndarray) -> np.ndarray:
    """Turn Keras' kernel, ``(3, 3, channels, filters)``, to ``(filters, channels, 3, 3)``."""
    return read_only(kernel.transpose(3, 2, 0, 1))


def filter_colours(filters: np.ndarray) -> np.ndarray:
    """Show the first layer's filters ``(filters, 3, 3, 3)`` as colours, uint8, of that shape.

    The channels go from blue, green, red (the network's order) to red, green, blue on the last
    axis. Each filter is on its own scale with zero at mid-grey, so that grey means "no weight" and
    a hue means what the filter answers to.
    """
    if filters.ndim != 4 or filters.shape[1] != 3:
        raise ValueError(f"expected filters of 3 channels, got shape {filters.shape}")
    colours = np.moveaxis(filters[:, ::-1], 1, -1)
    largest = np.abs(colours).max(axis=(1, 2, 3), keepdims=True)
    return np.rint(127.5 + 127.5 * colours / np.where(largest > 0, largest, 1)).astype(np.uint8)


def build_model(weights: Weights, architecture: Architecture = VGG19) -> keras.Model:
    """Build the network without its dense layers, as ``VGG19(include_top=False)`` does.

    Layer indices and names are those of ``architecture.layers``, and so those of Keras.
    """
    import keras

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


class Network:
    """A loaded network and its truncated submodels.

    One instance serves all viewers; its methods may be called from any thread.
    """

    def __init__(self, weights: Weights, architecture: Architecture = VGG19) -> None:
        """Build the model and every submodel.

        All of them now, not when first wanted: Streamlit resets Keras' global state after every
        script run, whoever's it is.
        """
        self.label = weights.label
        self.architecture = architecture
        with _keras:
            self.model = build_model(weights, architecture)
        names = [layer.name for layer in architecture.conv_layers]
        ends = [layer.name for layer in architecture.block_ends]
        deep = tuple(layer.name for layer in architecture.conv_layers if layer.block >= DEEP)
        selections = [tuple(names), *filter(None, [deep]), *((name,) for name in names)] + [
            tuple(ends[: n + 2]) for n in range(len(ends) - 1)
        ]
        with _keras:
            self._submodels = {selection: self._truncate(selection) for selection in selections}
        self._passes: dict[tuple[str, ...], object] = {}
        self._summaries: dict[str, str] = {}

    def submodel(self, layer_name: str) -> keras.Model:
        """The model from the input to that conv layer.

        Raises:
            KeyError: there is no such conv layer.
        """
        return self._submodels[self.architecture.layer(layer_name).name,]

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
            preprocessing: ``"caffe"`` is VGG's own, ``"rgb"`` a mistake to learn from.
        """
        return self._run((self.architecture.layer(layer_name).name,), pixels, preprocessing)[0]

    def block_maps(self, pixels: np.ndarray, blocks: Sequence[int]) -> dict[int, np.ndarray]:
        """The maps at the end of each of these blocks (1 to 5), from one forward pass.

        Raises:
            ValueError: there is no such block, or none is asked for.
        """
        known = range(1, len(self.architecture.blocks) + 1)
        if not blocks or not set(blocks) <= set(known):
            raise ValueError(f"expected blocks from 1 to {known[-1]}, got {list(blocks)}")
        ends = [layer.name for layer in self.architecture.block_ends[: max(blocks)]]
        maps = self._run(tuple(ends), pixels)
        return {block: maps[block - 1] for block in blocks}

    def deep_maps(self, pixels: np.ndarray) -> dict[str, np.ndarray]:
        """The maps of every conv layer from block `DEEP` on, from one forward pass; 8 MB in all."""
        layers = self.architecture.conv_layers
        names = tuple(layer.name for layer in layers if layer.block >= DEEP)
        return dict(zip(names, self._run(names, pixels), strict=True))

    def all_maps(self, pixels: np.ndarray) -> dict[str, np.ndarray]:
        """The maps of every conv layer under its name, from one forward pass; 59 MB in all."""
        names = tuple(layer.name for layer in self.architecture.conv_layers)
        return dict(zip(names, self._run(names, pixels), strict=True))

    def compile_passes(self, stopped: Event) -> None:
        """Compile the forward pass of every submodel, which takes 2 s, before anybody waits."""
        for selection in self._submodels:
            if stopped.is_set():
                return
            self._pass(selection)
            # Whoever waits to compute comes first.
            Event().wait(0.02)

    def _truncate(self, layer_names: tuple[str, ...]) -> keras.Model:
        import keras

        outputs = [self.model.get_layer(name).output for name in layer_names]
        return keras.Model(
            self.model.input, outputs, name=f"{self.model.name}_to_{layer_names[-1]}"
        )

    def _run(
        self,
        selection: tuple[str, ...],
        pixels: np.ndarray,
        preprocessing: Preprocessing = "caffe",
    ) -> list[np.ndarray]:
        import tensorflow as tf

        prepare = {"caffe": preprocess, "rgb": preprocess_wrongly}[preprocessing]
        outputs = self._pass(selection)(tf.constant(prepare(pixels)))
        return [read_only(np.moveaxis(output.numpy()[0], -1, 0)) for output in outputs]

    def _pass(self, selection: tuple[str, ...]) -> object:
        """The compiled forward pass of a submodel: a fifth quicker than ``predict_on_batch``."""
        import tensorflow as tf
        from keras import tree

        with _keras:
            if selection not in self._passes:
                submodel = self._submodels[selection]
                side = self.architecture.input_side
                signature = [tf.TensorSpec((1, side, side, 3), tf.float32)]
                compiled = tf.function(
                    lambda x: tree.flatten(submodel(x, training=False)), signature
                )
                self._passes[selection] = compiled.get_concrete_function()
            return self._passes[selection]


def read_only(array: np.ndarray) -> np.ndarray:
    """The same numbers in an array that cannot be written to."""
    view = array.view()
    view.setflags(write=False)
    return view
