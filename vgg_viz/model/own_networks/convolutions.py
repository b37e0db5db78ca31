"""VGG19's 16 conv layers in a saved network, by their names or by the shapes of their kernels."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

from vgg_viz.model.architecture import VGG19, Architecture, ConvLayer, format_shape
from vgg_viz.model.file_guards import WeightsError
from vgg_viz.model.own_networks.configuration import ConfiguredLayer
from vgg_viz.model.own_networks.head import WITHOUT_EFFECT, activation_of, is_pooling, is_relu
from vgg_viz.model.own_networks.saved_file import SavedLayer, natural_order

# Relatives whose kernels are named if a file holds them.
RELATIVES = (
    Architecture("VGG16", blocks=((2, 64), (2, 128), (3, 256), (3, 512), (3, 512))),
    Architecture("VGG13", blocks=((2, 64), (2, 128), (2, 256), (2, 512), (2, 512))),
    Architecture("VGG11", blocks=((1, 64), (1, 128), (2, 256), (2, 512), (2, 512))),
)


def find_convolutions(
    layers: Sequence[SavedLayer], configured: Sequence[ConfiguredLayer] = ()
) -> tuple[Sequence[SavedLayer], str]:
    """Find VGG19's conv layers, in order, by their names or by the shapes of their kernels.

    Also return how they were found, for captions: completes "VGG19 found …".

    The order is that of the configuration; without one, that of the file, then that of names, since
    a nested model's frozen layers come last in the older layout. Raises a ``WeightsError`` that
    names the first layer that does not fit.
    """
    if sum(_is_normalization(layer) for layer in layers) >= len(VGG19.conv_layers):
        raise _NORMALIZED
    by_name = {layer.name: layer for layer in reversed(layers)}  # of several, the first
    if all(layer.name in by_name for layer in VGG19.conv_layers):
        named = [by_name[layer.name] for layer in VGG19.conv_layers]
        _check(named)
        return named, "by the names of its layers"
    by_place = {layer.place: layer for layer in layers}
    placed = [
        by_place[place] for layer in configured for place in layer.places if place in by_place
    ]
    orders = {
        "by the shapes of its kernels in the model's order": placed,
        "by the shapes of its kernels in the file's order": layers,
        "by the shapes of its kernels in the order of names": sorted(
            layers, key=lambda layer: natural_order(layer.place)
        ),
    }
    for how, order in orders.items():
        kernels = [layer for layer in order if len(layer.arrays[0].shape) == 4]
        for start in range(len(kernels) - len(VGG19.conv_layers) + 1):
            found = kernels[start : start + len(VGG19.conv_layers)]
            if _kernel_shapes(found) == _shapes(VGG19):
                _check(found)
                return found, how
    raise _misfit(layers, placed or layers)


def check_plan(convs: Sequence[ConfiguredLayer]) -> None:
    """Raise a ``WeightsError`` for conv layers with other settings, or layers between them."""
    expected = list(VGG19.conv_layers)
    for layer, conv in zip(expected, convs, strict=True):
        for setting, values in _SETTINGS.items():
            if (found := conv.settings.get(setting, values[0])) not in values:
                here = f"{layer.name}, here {conv.name},"
                raise WeightsError(f"expected {here} with {setting} {values[0]}, got {found}")
    for (layer, following), (conv, after) in zip(pairwise(expected), pairwise(convs), strict=True):
        between = _between(conv, after)
        if any(other.kind == "BatchNormalization" for other in between):
            raise _NORMALIZED
        roles = {_ROLES.get(other.kind, str)(other) for other in between} - {""}
        needed = {"relu"} if activation_of(conv) != "relu" else set()
        needed |= {"pooling"} if layer.block != following.block else set()
        if not needed <= roles <= needed | {"relu", "padding"} or not _is_padded(after):
            described = ", ".join(other.title for other in between) or "none"
            here = f"between {layer.name} and {following.name}"
            raise WeightsError(f"expected VGG19's layers {here}, got {described}")


def _between(before: ConfiguredLayer, after: ConfiguredLayer) -> list[ConfiguredLayer]:
    """Return the layers that lead from one layer to another."""
    found, here = [], after
    while here.sources and here.sources[0] is not before:
        here = here.sources[0]
        found.append(here)
    return found[::-1]


def _is_padded(conv: ConfiguredLayer) -> bool:
    settings, source = conv.settings, conv.sources[0]
    padding = settings.get("padding", settings.get("border_mode", "valid"))
    return padding == "same" or _ROLES.get(source.kind, str)(source) == "padding"


# Settings of a conv layer, each with the values that agree with VGG19; the first is the default.
_SETTINGS: dict[str, tuple[Any, ...]] = {
    "strides": ([1, 1], 1),
    "dilation_rate": ([1, 1], 1),
    "groups": (1,),
}

_ACTIVATION_ROLES = {"relu": "relu", "linear": ""}

# Role of a layer between two conv layers by its class; those of other classes are no role of VGG19.
_ROLES: dict[str, Callable[[ConfiguredLayer], str]] = {
    **dict.fromkeys(WITHOUT_EFFECT, lambda _: ""),
    "ReLU": lambda layer: "relu" if is_relu(layer) else layer.title,
    "Activation": lambda layer: _ACTIVATION_ROLES.get(activation_of(layer), layer.title),
    "MaxPooling2D": lambda layer: "pooling" if is_pooling(layer) else layer.title,
    "ZeroPadding2D": lambda layer: (
        "padding" if layer.settings["padding"] in ([[1, 1], [1, 1]], [1, 1], 1) else layer.title
    ),
}

_NORMALIZED = WeightsError(
    "got VGG19 with batch normalization; this page shows VGG19 without, as Keras has it"
)

_CHANNELS_FIRST = WeightsError(
    "got kernels with channels first, as Keras 1 saves them, without saying whether Theano turned "
    "them by 180 degrees; convert the model to channels last, and save it again"
)


def _shapes(architecture: Architecture) -> list[tuple[int, ...]]:
    return [layer.kernel_shape for layer in architecture.conv_layers]


def _is_normalization(layer: SavedLayer) -> bool:
    """Return whether a layer has the four arrays of batch normalization."""
    return len(layer.arrays) == 4 and all(len(array.shape) == 1 for array in layer.arrays)


def _kernel_shapes(layers: Sequence[SavedLayer]) -> list[tuple[int, ...]]:
    return [layer.arrays[0].shape for layer in layers]


def _check(layers: Sequence[SavedLayer]) -> None:
    """Raise a ``WeightsError`` for the first layer whose kernel or bias has another shape."""
    for layer, saved in zip(VGG19.conv_layers, layers, strict=False):
        shapes = [array.shape for array in saved.arrays]
        if shapes != [layer.kernel_shape, (layer.filters,)]:
            raise _unexpected(layer, saved.name, shapes)


def _unexpected(layer: ConvLayer, name: str, shapes: Sequence[tuple[int, ...]]) -> WeightsError:
    if shapes and shapes[0] == layer.kernel_shape[::-1]:
        return _CHANNELS_FIRST
    got = " and ".join(format_shape(shape) for shape in shapes) or "nothing"
    here = f"{layer.name}, here {name}," if name not in ("", layer.name) else layer.name
    return WeightsError(
        f"expected {here} to hold a kernel of {format_shape(layer.kernel_shape)} and a bias of "
        f"{layer.filters}, got {got}"
    )


def _misfit(layers: Sequence[SavedLayer], order: Sequence[SavedLayer]) -> WeightsError:
    """Return an error that says which network a file holds, or raise one for a layer's misfit."""
    kernels = [layer for layer in order if len(layer.arrays[0].shape) == 4]
    shapes = _kernel_shapes(kernels)
    for relative in RELATIVES:
        if shapes[: len(relative.conv_layers)] == _shapes(relative):
            return WeightsError(
                f"got {relative.name}; this page shows VGG19, which has 16 conv layers"
            )
    if not kernels:
        names = ", ".join(layer.name for layer in layers[:5])
        return WeightsError(f"expected 16 conv layers, got none among the layers {names}")
    _check(kernels)
    return _unexpected(VGG19.conv_layers[min(len(kernels), 15)], "", [])
