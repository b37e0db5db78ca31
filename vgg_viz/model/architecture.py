"""The network's plan as data: layers, shapes, parameters and receptive fields.

Everything here follows from one row of numbers a network, so that the architecture can be shown
without TensorFlow and without weights.

VGG19 is configuration E of Simonyan and Zisserman, "Very Deep Convolutional Networks for
Large-Scale Image Recognition" (2014), https://arxiv.org/abs/1409.1556; the layer names are those of
Keras (keras/src/applications/vgg19.py).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

LayerKind = Literal["input", "conv", "pool", "flatten", "dense"]

# What a reader calls them.
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
    """One layer of the plan, as Keras' ``model.layers[index]`` has it.

    ``output_shape`` leaves the batch out: ``(height, width, channels)``, or ``(units,)`` after the
    flattening. ``receptive_field`` is the side, in input pixels, of the square that one position
    of the output depends on; ``stride`` the distance in input pixels between two neighboring
    positions; ``offset`` the input pixel (a fraction where it falls between two) at the center of
    position 0's receptive field. All three are ``None`` from the flattening on, where every unit
    sees the whole picture.
    """

    index: int
    name: str
    kind: LayerKind
    block: int | None
    output_shape: tuple[int, ...]
    parameters: int
    kernel_shape: tuple[int, int, int, int] | None = None
    conv_number: int | None = None
    receptive_field: int | None = None
    stride: int | None = None
    offset: float | None = None

    @property
    def title(self) -> str:
        """The conv layer as the page names it: ``"7 · block3_conv3"``."""
        return f"{self.conv_number} · {self.name}" if self.conv_number else self.name

    @property
    def channels(self) -> int:
        """How many channels the filters of a conv layer have (those of its input)."""
        return self._conv_kernel[2]

    @property
    def filters(self) -> int:
        """How many filters a conv layer has, and so how many feature maps it makes."""
        return self._conv_kernel[3]

    @property
    def _conv_kernel(self) -> tuple[int, int, int, int]:
        if self.kernel_shape is None:
            raise ValueError(f"expected a conv layer, got {self.name} ({self.kind})")
        return self.kernel_shape


@dataclass(frozen=True)
class SpatialLayer(Layer):
    """A layer of a block, whose positions lie over the picture: a convolution or a pool."""

    block: int
    receptive_field: int = 0
    stride: int = 0
    offset: float = 0.0


@dataclass(frozen=True)
class ConvLayer(SpatialLayer):
    """A conv layer: it also has filters, and a number among its like."""

    kernel_shape: tuple[int, int, int, int] = (0, 0, 0, 0)
    conv_number: int = 0


@dataclass(frozen=True)
class DenseLayer(Layer):
    """A dense layer: each of its units depends on all of its inputs."""

    inputs: int = 0

    @property
    def units(self) -> int:
        """How many numbers it makes."""
        return self.output_shape[0]

    @property
    def matrix_shape(self) -> tuple[int, int]:
        """The shape of its kernel, as Keras has it: inputs first."""
        return self.inputs, self.units


@dataclass(frozen=True)
class Architecture:
    """A VGG: blocks of 3 x 3 convolutions, each closed by a 2 x 2 max pool, then dense layers.

    ``blocks`` holds a pair ``(conv layers, filters)`` a block, ``dense`` a pair ``(name, units)``.
    """

    name: str
    blocks: tuple[tuple[int, int], ...]
    dense: tuple[tuple[str, int], ...] = (("fc1", 4096), ("fc2", 4096), ("predictions", 1000))
    input_side: int = 224

    @cached_property
    def layers(self) -> tuple[Layer, ...]:
        """All layers in the order, and with the indices, of Keras' ``model.layers``."""
        convolutional = tuple(self._convolutional_layers())
        return convolutional + tuple(self._dense_layers(convolutional[-1]))

    @cached_property
    def conv_layers(self) -> tuple[ConvLayer, ...]:
        """The conv layers alone; the layer of number ``n`` (1 to 16) stands at ``n - 1``."""
        return tuple(layer for layer in self.layers if isinstance(layer, ConvLayer))

    @cached_property
    def block_ends(self) -> tuple[ConvLayer, ...]:
        """The last conv layer of every block."""
        return tuple(
            [layer for layer in self.conv_layers if layer.block == block][-1]
            for block in range(1, len(self.blocks) + 1)
        )

    @cached_property
    def pools(self) -> tuple[SpatialLayer, ...]:
        """The max pool that closes each block."""
        return tuple(
            layer
            for layer in self.layers
            if isinstance(layer, SpatialLayer) and layer.kind == "pool"
        )

    @cached_property
    def dense_layers(self) -> tuple[DenseLayer, ...]:
        """The dense layers, the last of which has a unit a class."""
        return tuple(layer for layer in self.layers if isinstance(layer, DenseLayer))

    @property
    def classes(self) -> int:
        """How many classes it tells apart."""
        return self.dense_layers[-1].units

    @property
    def parameters(self) -> int:
        """All weights and biases of the network."""
        return sum(layer.parameters for layer in self.layers)

    @property
    def conv_parameters(self) -> int:
        """The weights and biases of the convolutions alone."""
        return sum(layer.parameters for layer in self.conv_layers)

    def layer(self, name: str) -> Layer:
        """The layer of that name.

        Raises:
            KeyError: there is none.
        """
        for layer in self.layers:
            if layer.name == name:
                return layer
        raise KeyError(f"expected a layer of {self.name}, got {name!r}")

    def conv_layer(self, name: str) -> ConvLayer:
        """The conv layer of that name.

        Raises:
            KeyError: there is none.
        """
        layer = self.layer(name)
        if not isinstance(layer, ConvLayer):
            raise KeyError(f"expected a conv layer of {self.name}, got {name!r}")
        return layer

    def block_of(self, name: str) -> int:
        """The block, from 1, that a conv layer or a pool is in.

        Raises:
            KeyError: there is no such layer, or it is in no block.
        """
        layer = self.layer(name)
        if not isinstance(layer, SpatialLayer):
            raise KeyError(f"expected a layer of one of {self.name}'s blocks, got {name!r}")
        return layer.block

    def _convolutional_layers(self) -> Iterator[Layer]:
        """The input, the conv and the pool layers.

        The receptive field grows as in Araujo, Norris and Sim, "Computing Receptive Fields of
        Convolutional Neural Networks" (2019), https://distill.pub/2019/computing-receptive-fields.
        """
        side, channels = self.input_side, 3
        field, stride, offset = 1, 1, 0.0
        index = conv_number = 0
        yield Layer(0, "input", "input", None, (side, side, channels), 0)
        for block, (depth, filters) in enumerate(self.blocks, start=1):
            for position in range(1, depth + 1):
                index, conv_number = index + 1, conv_number + 1
                field += (KERNEL_SIDE - 1) * stride
                kernel_shape = (KERNEL_SIDE, KERNEL_SIDE, channels, filters)
                yield ConvLayer(
                    index,
                    f"block{block}_conv{position}",
                    "conv",
                    block,
                    (side, side, filters),
                    KERNEL_SIDE**2 * channels * filters + filters,
                    kernel_shape,
                    conv_number,
                    field,
                    stride,
                    offset,
                )
                channels = filters
            index, side = index + 1, side // POOL_SIDE
            field += (POOL_SIDE - 1) * stride
            offset += (POOL_SIDE - 1) * stride / 2
            stride *= POOL_SIDE
            yield SpatialLayer(
                index,
                f"block{block}_pool",
                "pool",
                block,
                (side, side, channels),
                0,
                receptive_field=field,
                stride=stride,
                offset=offset,
            )

    def _dense_layers(self, last: Layer) -> Iterator[Layer]:
        height, width, channels = last.output_shape
        units = height * width * channels
        yield Layer(last.index + 1, "flatten", "flatten", None, (units,), 0)
        for index, (name, outputs) in enumerate(self.dense, start=last.index + 2):
            parameters = units * outputs + outputs
            yield DenseLayer(index, name, "dense", None, (outputs,), parameters, inputs=units)
            units = outputs


VGG19 = Architecture("VGG19", blocks=((2, 64), (2, 128), (4, 256), (4, 512), (4, 512)))


def format_shape(shape: Sequence[int]) -> str:
    """A shape as people read it: ``(224, 224, 64)`` -> ``"224 × 224 × 64"``."""
    return " × ".join(f"{size:,}" for size in shape)
