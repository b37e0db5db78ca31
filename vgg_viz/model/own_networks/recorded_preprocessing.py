"""Layers before VGG19 that preprocess images, as one of the known preprocessings.

Keras records ``preprocess_input`` and arithmetic as operations; a ``Rescaling`` layer is one, too.
These few are computed here for some colors and compared with what each preprocessing computes.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from vgg_viz.model.own_networks.configuration import CannotFollow, ConfiguredLayer
from vgg_viz.model.own_networks.head import WITHOUT_EFFECT
from vgg_viz.model.preprocessing import PREPROCESSINGS, Preprocessing

# Layers that change an image only in training, or its size, which the page has changed before.
_NEUTRAL = (*WITHOUT_EFFECT, "Resizing", "CenterCrop", "ZeroPadding2D")

_COLORS = np.array([[0, 0, 0], [255, 0, 0], [0, 100, 0], [0, 0, 50.0]])


def recorded_preprocessing(first: ConfiguredLayer) -> Preprocessing | None:
    """Return what the layers before VGG19's first conv layer compute, if that is one of them."""
    try:
        computed = _compute(first.sources[0])
    except (CannotFollow, LookupError, TypeError, ValueError, AttributeError):
        return None
    for name, option in PREPROCESSINGS.items():
        if np.allclose(computed, option.apply(_COLORS), rtol=1e-4, atol=1e-4):
            return name
    return None


def input_side(first: ConfiguredLayer) -> int | None:
    """Return the side of the images that a model was built for; None if it takes any size."""
    here, side = first, None
    while here.sources:
        here = here.sources[0]
        shape = here.settings.get("batch_shape") or here.settings.get("batch_input_shape")
        if here.kind == "InputLayer" and shape and len(shape) == 4:
            side = shape[1] or side
    return side if isinstance(side, int) else None


def _compute(layer: ConfiguredLayer) -> np.ndarray:
    """Compute a layer's output for the colors."""
    if not layer.sources:
        return _COLORS
    if layer.kind == "Stack":
        return _compute(layer.sources[0].sources[0])[:, _stacked_channels(layer)]
    before = _compute(layer.sources[0])
    if layer.kind in _NEUTRAL or layer.kind.startswith("Random"):
        return before
    operation = _OPERATIONS.get(str(layer.settings.get("function", layer.kind)))
    if operation is None or len(layer.sources) > 1:
        raise CannotFollow(layer.title)
    return operation(before, layer)


def _stacked_channels(layer: ConfiguredLayer) -> list[int]:
    """Return the channels that a stack of an image's channels holds, in order."""
    images = {id(source.sources[0]) for source in layer.sources}
    if len(images) > 1 or any(source.kind != "GetItem" for source in layer.sources):
        raise CannotFollow(layer.title)
    return [int(_argument(source)[-1]) for source in layer.sources]


def _reversed(before: np.ndarray, layer: ConfiguredLayer) -> np.ndarray:
    """Apply the index ``[..., ::-1]``."""
    last = _argument(layer)[-1]
    if last.get("config", last) != {"start": None, "stop": None, "step": -1}:
        raise CannotFollow(layer.title)
    return before[:, ::-1]


def _argument(layer: ConfiguredLayer) -> Any:
    """Return the argument of an operation on an image; only sums and products commute."""
    # tf.keras records a layout, too: "NHWC".
    (argument,) = (value for value in layer.arguments if not isinstance(value, str | None))
    if layer.arguments[0] is not None and layer.kind not in ("Add", "Multiply"):
        raise CannotFollow(layer.title)
    return argument


def _numbers(value: Any) -> np.ndarray:
    """Return one or three numbers; Keras 3 saves a record of a tensor."""
    if isinstance(value, dict):
        value = value["config"]["value"]
    return np.asarray(value, np.float64).ravel()


def _normalized(before: np.ndarray, layer: ConfiguredLayer) -> np.ndarray:
    mean, variance = (_numbers(layer.settings[name]) for name in ("mean", "variance"))
    return (before - mean) / np.sqrt(variance)


def _rescaled(before: np.ndarray, layer: ConfiguredLayer) -> np.ndarray:
    scale, offset = (_numbers(layer.settings[name]) for name in ("scale", "offset"))
    return before * scale + offset


def _calculated(
    function: Callable[[np.ndarray, np.ndarray], np.ndarray],
) -> Callable[[np.ndarray, ConfiguredLayer], np.ndarray]:
    return lambda before, layer: function(before, _numbers(_argument(layer)))


# By the class of a layer or of Keras 3's operation, or tf.keras' name of a function.
_OPERATIONS: Mapping[str, Callable[[np.ndarray, ConfiguredLayer], np.ndarray]] = {
    "Rescaling": _rescaled,
    "Normalization": _normalized,
    **dict.fromkeys(("GetItem", "__operators__.getitem"), _reversed),
    **dict.fromkeys(("Add", "math.add", "nn.bias_add"), _calculated(np.add)),
    **dict.fromkeys(("Subtract", "math.subtract"), _calculated(np.subtract)),
    **dict.fromkeys(("Multiply", "math.multiply"), _calculated(np.multiply)),
    **dict.fromkeys(("TrueDivide", "Divide", "math.truediv"), _calculated(np.divide)),
}
