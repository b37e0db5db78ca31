"""Architecture of VGG networks as data: layers, shapes, parameter counts and receptive fields.

All of it is derived from the number of conv layers and filters of each block, without TensorFlow
and without weights.

VGG19 is configuration E of Simonyan and Zisserman, "Very Deep Convolutional Networks for
Large-Scale Image Recognition" (2014), https://arxiv.org/abs/1409.1556; the layer names are those of
Keras (keras/src/applications/vgg19.py).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Literal

LayerKind = Literal["input", "conv", "pool", "flatten", "dense"]

# Names on the page of the kinds of layers.
KINDS: dict[LayerKind, str] = {
    "input": "input",
    "conv": "convolution",
    "pool": "max pool",
    "flatten": "flatten",
    "dense": "dense",
}

KERNEL_SIDE = 3
POOL_SIDE = 2


@dataclass(frozen=True)
class Layer:
    """A layer of a network, with its index and name in Keras' ``model.layers``."""

    index: int
    name: str
    kind: LayerKind
    block: int | None  # from 1; None for the input, flatten and dense layers
    # Without the batch: (height, width, channels), or (units,) from the flatten layer on.
    output_shape: tuple[int, ...]
    parameters: int  # number of weights and biases
    # See `ConvLayer` and `SpatialLayer`.
    kernel_shape: tuple[int, int, int, int] | None = None
    conv_number: int | None = None
    receptive_field: int | None = None
    stride: int | None = None
    offset: float | None = None

    @property
    def title(self) -> str:
        """Layer name for the page; for a conv layer, after its number: ``"7 · block3_conv3"``."""
        return f"{self.conv_number} · {self.name}" if self.conv_number else self.name


@dataclass(frozen=True)
class SpatialLayer(Layer):
    """A conv or pooling layer: its positions have a receptive field in the image."""

    block: int
    receptive_field: int = 0  # side in input pixels
    stride: int = 0  # input pixels between the receptive fields of neighboring positions
    offset: float = 0.0  # center of position 0's receptive field; may lie between two pixels


@dataclass(frozen=True)
class ConvLayer(SpatialLayer):
    """A conv layer."""

    kernel_shape: tuple[int, int, int, int] = (0, 0, 0, 0)  # (3, 3, channels, filters)
    conv_number: int = 0  # among the conv layers, from 1

    @property
    def channels(self) -> int:
        """Number of input channels; each filter covers all of them."""
        return self.kernel_shape[2]

    @property
    def filters(self) -> int:
        """Number of filters, which is also that of the feature maps."""
        return self.kernel_shape[3]


@dataclass(frozen=True)
class DenseLayer(Layer):
    """A dense (fully connected) layer; ``inputs`` is its number of inputs."""

    inputs: int = 0

    @property
    def units(self) -> int:
        """Number of units, which is also that of the layer's outputs."""
        return self.output_shape[0]

    @property
    def matrix_shape(self) -> tuple[int, int]:
        """Shape of the layer's kernel in Keras."""
        return self.inputs, self.units


@dataclass(frozen=True)
class Architecture:
    """A VGG network as data: blocks of 3 × 3 convolutions and a 2 × 2 max pool, then dense layers.

    >>> small = Architecture("small", blocks=((1, 8), (2, 16)), dense=(("classes", 10),))
    >>> [layer.name for layer in small.conv_layers]
    ['block1_conv1', 'block2_conv1', 'block2_conv2']
    >>> small.conv_layer("block2_conv2").output_shape
    (112, 112, 16)
    """

    name: str
    blocks: tuple[tuple[int, int], ...]  # number of conv layers and filters of each
    dense: tuple[tuple[str, int], ...] = (("fc1", 4096), ("fc2", 4096), ("predictions", 1000))
    input_side: int = 224  # pixels

    @cached_property
    def layers(self) -> tuple[Layer, ...]:
        """All layers, from input to last dense layer, in the order of Keras' ``model.layers``."""
        return tuple(self._layers())

    @cached_property
    def spatial_layers(self) -> tuple[SpatialLayer, ...]:
        """Conv and pooling layers, in order; ``layers`` has the input before the first."""
        return tuple(layer for layer in self.layers if isinstance(layer, SpatialLayer))

    @cached_property
    def conv_layers(self) -> tuple[ConvLayer, ...]:
        """Conv layers in order; the one with ``conv_number`` ``n`` is at index ``n - 1``."""
        return tuple(layer for layer in self.layers if isinstance(layer, ConvLayer))

    @cached_property
    def block_ends(self) -> tuple[ConvLayer, ...]:
        """Last conv layer of each block, in order."""
        return tuple({layer.block: layer for layer in self.conv_layers}.values())

    @cached_property
    def pools(self) -> tuple[SpatialLayer, ...]:
        """Max pooling layer of each block, in order."""
        return tuple(layer for layer in self.spatial_layers if layer.kind == "pool")

    @cached_property
    def dense_layers(self) -> tuple[DenseLayer, ...]:
        """Dense layers in order; the last one has a unit for each class."""
        return tuple(layer for layer in self.layers if isinstance(layer, DenseLayer))

    @property
    def classes(self) -> int:
        """Number of classes that the network predicts."""
        return self.dense_layers[-1].units

    @property
    def parameters(self) -> int:
        """Number of weights and biases of the whole network."""
        return sum(layer.parameters for layer in self.layers)

    @property
    def conv_parameters(self) -> int:
        """Number of weights and biases of the conv layers."""
        return sum(layer.parameters for layer in self.conv_layers)

    def layer(self, name: str) -> Layer:
        """Return the layer with this name, or raise a KeyError."""
        return {layer.name: layer for layer in self.layers}[name]

    def conv_layer(self, name: str) -> ConvLayer:
        """Return the conv layer with this name, or raise a KeyError.

        >>> VGG19.conv_layer("block3_conv4").receptive_field
        48
        """
        return {layer.name: layer for layer in self.conv_layers}[name]

    def block(self, number: int) -> tuple[SpatialLayer, ...]:
        """Return the layers of a block, numbered from 1: its conv layers, then its pool."""
        return tuple(layer for layer in self.spatial_layers if layer.block == number)

    def _layers(self) -> Iterator[Layer]:
        """Yield the input layer, the conv layers and the pool of each block, and the dense layers.

        Receptive fields follow Araujo, Norris and Sim, "Computing Receptive Fields of
        Convolutional Neural Networks" (2019), https://distill.pub/2019/computing-receptive-fields.
        """
        side, channels = self.input_side, 3
        receptive_field, stride, offset = 1, 1, 0.0
        index = conv_number = 0
        yield Layer(0, "input", "input", None, (side, side, channels), 0)
        for block, (depth, filters) in enumerate(self.blocks, start=1):
            shape = (side, side, filters)
            for position in range(1, depth + 1):
                name = f"block{block}_conv{position}"
                index, conv_number = index + 1, conv_number + 1
                receptive_field += (KERNEL_SIDE - 1) * stride
                field = (receptive_field, stride, offset)
                kernel = (KERNEL_SIDE, KERNEL_SIDE, channels, filters)
                parameters = prod(kernel) + filters
                yield ConvLayer(
                    index, name, "conv", block, shape, parameters, kernel, conv_number, *field
                )
                channels = filters
            name, index, side = f"block{block}_pool", index + 1, side // POOL_SIDE
            receptive_field += (POOL_SIDE - 1) * stride
            offset += (POOL_SIDE - 1) * stride / 2
            stride *= POOL_SIDE
            shape, field = (side, side, channels), (receptive_field, stride, offset)
            yield SpatialLayer(index, name, "pool", block, shape, 0, None, None, *field)
        units = side * side * channels
        yield Layer(index + 1, "flatten", "flatten", None, (units,), 0)
        for place, (name, outputs) in enumerate(self.dense, start=index + 2):
            parameters = units * outputs + outputs
            yield DenseLayer(place, name, "dense", None, (outputs,), parameters, inputs=units)
            units = outputs


VGG19 = Architecture("VGG19", blocks=((2, 64), (2, 128), (4, 256), (4, 512), (4, 512)))


def format_shape(shape: Sequence[int]) -> str:
    """Format an array's shape for the page.

    >>> format_shape((7, 25088))
    '7 × 25,088'
    """
    return " × ".join(f"{size:,}" for size in shape)
