"""Layers after VGG19 up to the logits: a head, read from the configuration by an allow-list."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from vgg_viz.model.architecture import VGG19
from vgg_viz.model.network import import_keras, keras_lock
from vgg_viz.model.own_networks.configuration import ConfiguredLayer
from vgg_viz.model.own_networks.saved_file import SavedLayer, StoredArray

if TYPE_CHECKING:
    import keras

Activation = Literal["linear", "relu", "softmax", "sigmoid"]
Output = Literal["softmax", "sigmoid"]


@dataclass(frozen=True)
class HeadLayer:
    """A layer of a head; dropout and other layers without effect on predictions are left out."""

    kind: str  # Keras' class
    name: str
    settings: Mapping[str, Any] = field(default_factory=dict, hash=False)  # of Keras' class
    # Dense: kernel and, if it has one, bias. Batch normalization: gamma, beta, mean and variance,
    # without those that it lacks.
    arrays: tuple[StoredArray, ...] = ()

    @property
    def activation(self) -> Activation:
        """Activation function, which only dense and activation layers have."""
        return self.settings.get("activation", "linear")


@dataclass(frozen=True)
class Head:
    """Layers from VGG19's maps to the logits, and how the logits become an answer.

    A head that cannot be followed has an ``obstacle`` and no layers.
    """

    start: str = "block5_pool"  # or "block5_conv4": VGG19's layer whose maps enter
    layers: tuple[HeadLayer, ...] = ()  # the last one computes logits: its activation is linear
    classes: int = 0  # number of logits
    output: Output = "softmax"  # "sigmoid": each class by itself (multi-label)
    # For the page, completes "The page cannot follow …": "the layer attention (Attention)".
    obstacle: str = ""

    @property
    def is_piecewise_linear(self) -> bool:
        """Whether the logits are piecewise linear in the maps: no softmax or sigmoid inside."""
        return all(layer.activation in ("linear", "relu") for layer in self.layers)

    @property
    def parameters(self) -> int:
        """Number of the head's weights."""
        return sum(int(np.prod(a.shape)) for layer in self.layers for a in layer.arrays)


# Layers without effect on predictions.
WITHOUT_EFFECT = (
    "InputLayer",
    "Dropout",
    "SpatialDropout2D",
    "AlphaDropout",
    "GaussianDropout",
    "GaussianNoise",
    "ActivityRegularization",
    "Identity",
)
_ACTIVATIONS: tuple[Activation, ...] = ("linear", "relu", "softmax", "sigmoid")
MOST_PARAMETERS = 2**28  # 1 GB, twice those of VGG19's own head


def read_head(
    configured: Sequence[ConfiguredLayer], saved: Mapping[str, SavedLayer], *, loss: str = ""
) -> Head:
    """Read the head from the layers after VGG19's last conv layer, which comes first.

    ``saved`` has the arrays by place; ``loss`` tells multi-label heads that end with logits.
    """
    conv, *rest = configured
    layers = [layer for layer in rest if layer.kind not in WITHOUT_EFFECT]
    if activation_of(conv) != "relu":
        if not layers or not is_relu(layers[0]):
            return Head(obstacle=f"the layer {conv.title}, which has no ReLU")
        layers = layers[1:]
    pooled = bool(layers) and is_pooling(layers[0])
    if has_channels_first(conv) and any(layer.kind == "Flatten" for layer in layers):
        return Head(obstacle="a model with channels first: its Flatten has another order")
    start = (VGG19.pools if pooled else VGG19.conv_layers)[-1]
    shape = start.output_shape
    found: list[HeadLayer] = []
    for layer in layers[pooled:]:
        reader = _READERS.get(layer.kind)
        read = reader and reader(layer, saved, shape)
        if not read:
            return Head(obstacle=_obstacle(layer, saved, shape))
        head_layer, shape = read
        if layer.kind != "Activation" or head_layer.activation != "linear":
            found.append(head_layer)
    return _with_output(Head(start.name, tuple(found), shape[-1]), shape, loss)


def is_relu(layer: ConfiguredLayer) -> bool:
    """Return whether a layer is ReLU, without a limit, a slope or a threshold."""
    settings = (layer.settings.get(name) for name in ("max_value", "negative_slope", "threshold"))
    return "relu" in (activation_of(layer), layer.kind.lower()) and not any(settings)


def is_pooling(layer: ConfiguredLayer) -> bool:
    """Return whether a layer pools as VGG19 does: the maximum of each 2 × 2 positions."""
    sizes = (layer.settings.get(name) for name in ("pool_size", "strides"))
    return layer.kind == "MaxPooling2D" and all(size in (None, 2, [2, 2]) for size in sizes)


def has_channels_first(layer: ConfiguredLayer) -> bool:
    """Return whether a layer's maps come before rows and columns, as it says since Keras 1."""
    found = (layer.settings.get(name) for name in ("data_format", "dim_ordering"))
    return not {"channels_first", "th"}.isdisjoint(found)


def _obstacle(
    layer: ConfiguredLayer, saved: Mapping[str, SavedLayer], shape: tuple[int, ...]
) -> str:
    """Return a layer's name, and why it cannot be followed if its class does not tell."""
    activation, arrays = activation_of(layer), _arrays(layer, saved)
    if layer.kind in _READERS and activation not in _ACTIVATIONS:
        return f"the layer {layer.title}, whose activation is {activation}"
    if layer.kind == "Dense" and arrays and arrays[0].shape[0] != shape[-1]:
        expected = f"{arrays[0].shape[0]:,} inputs"
        return f"the layer {layer.title} with {expected}: images of this page give {shape[-1]:,}"
    return f"the layer {layer.title}"


def own_head(saved: Mapping[str, SavedLayer]) -> list[ConfiguredLayer]:
    """Return VGG19's own layers from its last conv layer on, whose arrays are in a file by name."""
    *hidden, last = VGG19.dense_layers
    activations = {**{layer.name: "relu" for layer in hidden}, last.name: "softmax"}
    dense = [
        ConfiguredLayer("Dense", name, {"activation": activation}, (saved[name].place,) * 2)
        for name, activation in activations.items()
    ]
    conv = ConfiguredLayer("Conv2D", "block5_conv4", {"activation": "relu"}, ("", ""))
    between = [ConfiguredLayer(kind, kind, {}, ("", "")) for kind in ("MaxPooling2D", "Flatten")]
    return [conv, *between, *dense]


def build_head(head: Head, read: Callable[[StoredArray], np.ndarray]) -> keras.Model:
    """Build the head of Keras' own layers: from maps, ``(1, 7, 7, 512)``, to logits ``(1, n)``.

    ``read`` returns an array's numbers. Raises a ``ValueError`` if the head cannot be followed.
    """
    if head.obstacle:
        raise ValueError(f"expected a head of known layers, got {head.obstacle}")
    keras = import_keras()
    shape = VGG19.layer(head.start).output_shape
    with keras_lock:
        model = keras.Sequential([keras.Input(shape, batch_size=1, name=head.start)], name="head")
        for layer in head.layers:
            # The kernels are overwritten: zeros avoid drawing random numbers.
            zeros = {"kernel_initializer": "zeros"} if layer.kind == "Dense" else {}
            model.add(getattr(keras.layers, layer.kind)(**layer.settings, **zeros))
            if layer.arrays:
                model.layers[-1].set_weights([read(array) for array in layer.arrays])
    return model


_Read = tuple[HeadLayer, tuple[int, ...]]  # a layer, and the shape of its output


def _with_output(head: Head, shape: tuple[int, ...], loss: str) -> Head:
    """Separate the last activation from the logits."""
    if not any(layer.kind == "Dense" for layer in head.layers) or len(shape) > 1:
        return Head(obstacle="the model's end: it has no dense layer that computes classes")
    if head.parameters > MOST_PARAMETERS:
        return Head(obstacle=f"a head of {head.parameters:,} parameters")
    *layers, last = head.layers
    # A linear last layer computes logits, of which the loss takes softmax or sigmoid.
    usual: Output = "sigmoid" if "binary" in loss.lower() or shape[0] == 1 else "softmax"
    output = usual if last.activation == "linear" else last.activation
    if output == "relu":
        return Head(obstacle=f"the last layer {last.name}, whose activation is relu")
    if last.kind == "Dense":
        last = replace(last, settings={**last.settings, "activation": "linear"})
    layers += [last] * (last.kind != "Activation")
    return replace(head, layers=tuple(layers), output=output)


def _shaping(
    layer: ConfiguredLayer, _: Mapping[str, SavedLayer], shape: tuple[int, ...]
) -> _Read | None:
    is_flatten = layer.kind == "Flatten"
    if has_channels_first(layer) or not (is_flatten or len(shape) == 3):
        return None
    return HeadLayer(layer.kind, layer.name), (int(np.prod(shape)) if is_flatten else shape[-1],)


def _activation(
    layer: ConfiguredLayer, _: Mapping[str, SavedLayer], shape: tuple[int, ...]
) -> _Read | None:
    if layer.kind == "ReLU" and not is_relu(layer):
        return None
    name = layer.kind.lower() if layer.kind != "Activation" else activation_of(layer)
    if name not in _ACTIVATIONS:
        return None
    return HeadLayer("Activation", layer.name, {"activation": name}), shape


def _dense(
    layer: ConfiguredLayer, saved: Mapping[str, SavedLayer], shape: tuple[int, ...]
) -> _Read | None:
    activation, arrays = activation_of(layer), _arrays(layer, saved)
    has_bias = len(arrays) == 2
    if activation not in _ACTIVATIONS or not arrays or len(arrays[0].shape) != 2:
        return None
    inputs, units = arrays[0].shape
    if inputs != shape[-1] or [array.shape for array in arrays[1:]] != [(units,)] * has_bias:
        return None
    settings = {"activation": activation, "units": units, "use_bias": has_bias}
    return HeadLayer("Dense", layer.name, settings, arrays), (*shape[:-1], units)


def _batch_normalization(
    layer: ConfiguredLayer, saved: Mapping[str, SavedLayer], shape: tuple[int, ...]
) -> _Read | None:
    arrays, axis = _arrays(layer, saved), layer.settings.get("axis", -1)
    center, scale = (bool(layer.settings.get(name, True)) for name in ("center", "scale"))
    if (axis[0] if isinstance(axis, list) else axis) not in (-1, len(shape)):
        return None
    if [array.shape for array in arrays] != [shape[-1:]] * (2 + center + scale):
        return None
    epsilon = float(layer.settings.get("epsilon", 1e-3))
    settings = {"epsilon": epsilon, "center": center, "scale": scale}
    return HeadLayer(layer.kind, layer.name, settings, arrays), shape


def activation_of(layer: ConfiguredLayer) -> Any:
    """Return the name of a layer's activation; Keras 3 may save a record of it."""
    found = layer.settings.get("activation") or "linear"
    return found.get("config") if isinstance(found, dict) else found


def _arrays(layer: ConfiguredLayer, saved: Mapping[str, SavedLayer]) -> tuple[StoredArray, ...]:
    found = (saved[place].arrays for place in layer.places if place in saved)
    return next(found, ())


_READERS = {
    **dict.fromkeys(("Flatten", "GlobalAveragePooling2D", "GlobalMaxPooling2D"), _shaping),
    **dict.fromkeys(("Activation", "ReLU", "Softmax"), _activation),
    "Dense": _dense,
    "BatchNormalization": _batch_normalization,
}
