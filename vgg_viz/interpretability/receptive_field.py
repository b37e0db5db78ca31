"""Receptive field of one value, and forward and backward passes restricted to it.

A value depends on a small part of each earlier layer: 3 × 3 positions one layer below, 48 × 48
pixels of the image for block3_conv4. Unpadded convolutions run on this part alone, so that exactly
one value, 1 × 1, remains. Beyond the image's border, each layer's input is zero, as in the network.

    value_stages                     layers before a value, each with the area that it reads
    padded_input -> LayerOperations  one layer within that area, forward and backward

`ReceptiveFieldPass` runs images that are smaller than the receptive field, centered in an image of
mean color. It runs only the parts of each layer that depend on these images; the surroundings are
computed once for all images.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from vgg_viz.model.architecture import POOL_SIDE, VGG19, Architecture, ConvLayer, SpatialLayer
from vgg_viz.model.network import Network, Tensor, tf
from vgg_viz.model.preprocessing import MEAN_COLOR, PREPROCESSINGS

# Backward rule of a ReLU: (its output, gradient of its output) -> gradient of its input.
ReluRule = Callable[[Tensor, Tensor], Tensor]


class Interval(NamedTuple):
    """Positions along one side of a map, from ``start`` to before ``stop``; may exceed the map."""

    start: int
    stop: int

    @property
    def length(self) -> int:
        """Number of positions in the interval."""
        return self.stop - self.start

    def within(self, other: Interval) -> Interval:
        """Return the intersection with another interval."""
        return Interval(max(self.start, other.start), min(self.stop, other.stop))


class Area(NamedTuple):
    """Rectangle of positions in a map, or of pixels in an image."""

    rows: Interval
    columns: Interval

    def slices_in(self, other: Area) -> tuple[slice, slice]:
        """Return slices of rows and columns that select this area in an array of another area."""
        rows, columns = (
            slice(mine.start - its.start, mine.stop - its.start)
            for mine, its in zip(self, other, strict=True)
        )
        return rows, columns


@dataclass(frozen=True)
class Stage:
    """A conv or pooling layer, and the areas of its input and output that a pass computes."""

    layer: SpatialLayer
    input_area: Area
    output_area: Area

    @property
    def padded_area(self) -> Area:
        """Area of the input that the layer reads: the computed input area and its padding."""
        return Area(*(input_interval(self.layer, side) for side in self.output_area))

    @property
    def padding(self) -> list[list[int]]:
        """Padding around the input area for ``tf.pad``: of batch, rows, columns, channels."""
        sides = zip(self.input_area, self.padded_area, strict=True)
        pairs = [[side.start - padded.start, padded.stop - side.stop] for side, padded in sides]
        return [[0, 0], *pairs, [0, 0]]

    @property
    def is_conv(self) -> bool:
        """Whether the layer is a conv layer, not a pool."""
        return isinstance(self.layer, ConvLayer)


def input_interval(layer: SpatialLayer, output: Interval) -> Interval:
    """Return the input positions that a conv or pooling layer reads for some output positions."""
    if layer.kind == "conv":
        return Interval(output.start - 1, output.stop + 1)
    return Interval(POOL_SIDE * output.start, POOL_SIDE * output.stop)


def output_interval(layer: SpatialLayer, source: Interval) -> Interval:
    """Return the output positions of a conv or pooling layer that read some input positions."""
    if layer.kind == "conv":
        return Interval(source.start - 1, source.stop + 1)
    return Interval(source.start // POOL_SIDE, -(-source.stop // POOL_SIDE))


def receptive_fields(layer: SpatialLayer) -> list[tuple[int, int]]:
    """Return the receptive field of each position along a side of a layer's map: start and stop.

    In pixels, which may lie in the padding; exact if all max pools can halve the image's side.

    >>> receptive_fields(VGG19.conv_layer("block1_conv1"))[:2]
    [(-1, 2), (0, 3)]
    """
    first = int(layer.offset - (layer.receptive_field - 1) / 2)
    starts = [first + position * layer.stride for position in range(layer.output_shape[0])]
    return [(start, start + layer.receptive_field) for start in starts]


def receptive_intervals(
    layer: ConvLayer, position: int, architecture: Architecture = VGG19
) -> list[Interval]:
    """Return the positions along a side of each layer, from the image on, that a value depends on.

    Positions beyond the border are left out; `receptive_fields` includes them.

    >>> [side.length for side in receptive_intervals(VGG19.conv_layer("block2_conv1"), 50)]
    [10, 8, 6, 3, 1]
    """
    intervals = [Interval(position, position + 1)]
    for later in reversed(architecture.spatial_layers[: layer.index]):
        whole = Interval(0, architecture.layers[later.index - 1].output_shape[0])
        intervals.insert(0, input_interval(later, intervals[0]).within(whole))
    return intervals


def middle(layer: ConvLayer) -> int:
    """Return the row and column of the position in the middle of a layer's map."""
    return layer.output_shape[0] // 2


def value_stages(
    layer: ConvLayer, row: int, column: int, architecture: Architecture = VGG19
) -> list[Stage]:
    """Return the layers from the image to one value, with the areas that the value depends on."""
    sides = (receptive_intervals(layer, place, architecture) for place in (row, column))
    areas = [Area(*both) for both in zip(*sides, strict=True)]
    return list(map(Stage, architecture.spatial_layers, areas, areas[1:]))


def image_stages(layer: ConvLayer, side: int, architecture: Architecture = VGG19) -> list[Stage]:
    """Return the layers from a small image to the value in the middle of a layer's map.

    The image is centered in the value's receptive field; each area is what depends on the image.
    """
    # Centered in the whole receptive field, even if that reaches beyond the border.
    first = receptive_fields(layer)[middle(layer)][0] + (layer.receptive_field - side) // 2
    image = Interval(first, first + side)
    whole = value_stages(layer, middle(layer), middle(layer), architecture)
    return affected_stages(Area(image, image), {stage.layer: stage.output_area for stage in whole})


def affected_stages(area: Area, layers: Mapping[SpatialLayer, Area]) -> list[Stage]:
    """Return consecutive layers with the areas that depend on an area of the first one's input.

    ``layers`` has the area of each one's output beyond which nothing is computed.
    """
    stages = []
    for layer, whole in layers.items():
        sides = zip(area, whole, strict=True)
        output = Area(*(output_interval(layer, side).within(limit) for side, limit in sides))
        stages.append(Stage(layer, area, output))
        area = output
    return stages


def whole_area(layer: SpatialLayer) -> Area:
    """Return the area of all of a layer's positions."""
    height, width, _ = layer.output_shape
    return Area(Interval(0, height), Interval(0, width))


def relu_gradient(output: Tensor, gradient: Tensor) -> Tensor:
    """Compute the gradient of a ReLU's input from the ReLU's output and the output's gradient."""
    return tf.raw_ops.ReluGrad(gradients=gradient, features=output)


@dataclass(frozen=True)
class LayerOperations:
    """Forward and backward operations of a network's layers, for one layer at a time."""

    # Instead of a gradient tape, which would also compute the gradients of all kernels.
    network: Network

    def forward(self, stage: Stage, padded: Tensor) -> Tensor:
        """Compute a layer's output, after ReLU, from its padded input."""
        if not stage.is_conv:
            return tf.nn.max_pool2d(padded, POOL_SIDE, POOL_SIDE, "VALID")
        kernel, bias = self.weights(stage.layer)
        return tf.nn.relu(tf.nn.conv2d(padded, kernel, 1, "VALID") + bias)

    def value(self, stage: Stage, padded: Tensor, channels: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Compute one value before ReLU per 3 × 3 area and channel, and its input's gradient."""
        kernel, bias = self.weights(stage.layer)
        indices = [channel - 1 for channel in channels]
        kernels = tf.transpose(tf.gather(kernel, indices, axis=3), (3, 0, 1, 2))
        values = tf.reduce_sum(padded * kernels, axis=(1, 2, 3)) + tf.gather(bias, indices)
        return values, crop_gradient(stage, kernels)

    def backward(self, stage: Stage, padded: Tensor, output: Tensor, gradient: Tensor) -> Tensor:
        """Compute the gradient of a layer's input from the gradient before the layer's ReLU.

        In each window of a max pool, the first of the largest values receives the gradient.
        """
        if stage.is_conv:
            return conv_gradient(stage, self.weights(stage.layer)[0], gradient)
        window = [1, POOL_SIDE, POOL_SIDE, 1]
        back = tf.raw_ops.MaxPoolGrad(
            orig_input=padded,
            orig_output=output,
            grad=gradient,
            ksize=window,
            strides=window,
            padding="VALID",
        )
        return crop_gradient(stage, back)

    def weights(self, layer: SpatialLayer) -> tuple[Tensor, Tensor]:
        """Return a conv layer's kernel ``(3, 3, channels, filters)`` and biases ``(filters,)``."""
        keras_layer = self.network.model.get_layer(layer.name)
        return keras_layer.kernel.value, keras_layer.bias.value


class ReceptiveFieldPass:
    """Forward and backward pass between small images and the value in the middle of a layer's map.

    Generators yield after each layer. Two threads must not use one instance at the same time.
    """

    def __init__(self, network: Network, layer: ConvLayer, side: int) -> None:
        """Prepare the pass for images of ``side`` × ``side`` pixels within the receptive field."""
        self.network = network
        self.layer = layer
        self.side = side
        self.stages = image_stages(layer, side, network.architecture)
        self._operations = LayerOperations(network)
        self._surroundings: dict[str, np.ndarray] | None = None

    def values(
        self, images: np.ndarray, channels: Sequence[int]
    ) -> Generator[None, None, tuple[np.ndarray, np.ndarray]]:
        """Compute each image's value of one channel before ReLU, and its gradient, float32."""
        surroundings = yield from self._cached_surroundings()
        preprocessing = PREPROCESSINGS[self.network.preprocessing]
        x = tf.constant(preprocessing.apply(images))
        activations = []
        for stage in self.stages[:-1]:
            padded = padded_input(stage, x, surroundings.get(stage.layer.name))
            x = self._operations.forward(stage, padded)
            activations.append((padded, x))
            yield
        last = self.stages[-1]
        padded = padded_input(last, x, surroundings.get(last.layer.name))
        values, gradient = self._operations.value(last, padded, channels)
        for stage, (padded, output) in zip(self.stages[-2::-1], reversed(activations), strict=True):
            if stage.is_conv:
                gradient = relu_gradient(output, gradient)
            gradient = self._operations.backward(stage, padded, output, gradient)
            yield
        return values.numpy(), preprocessing.backward(gradient.numpy())

    def _cached_surroundings(self) -> Generator[None, None, dict[str, np.ndarray]]:
        """Compute once the `surrounding_input` of each layer that reads beyond the images' part."""
        if self._surroundings is None:
            surroundings: dict[str, np.ndarray] = {}
            padded = [stage for stage in self.stages if stage.input_area != stage.padded_area]
            side, maps = self.network.architecture.input_side, dict[str, np.ndarray]()
            image = np.full((side, side, 3), MEAN_COLOR, np.uint8)
            blocks = padded[-1].layer.block if padded else 0
            for name, found in self.network.layer_maps(image, blocks):
                maps[name] = found
                yield
            for stage in padded:
                previous = self.network.architecture.layers[stage.layer.index - 1]
                surroundings[stage.layer.name] = surrounding_input(stage, maps[previous.name])
            self._surroundings = surroundings
        return self._surroundings


def padded_input(stage: Stage, x: Tensor, surroundings: np.ndarray | None = None) -> Tensor:
    """Pad a layer's input with its precomputed surroundings, or with zeros."""
    padded = x if stage.input_area == stage.padded_area else tf.pad(x, stage.padding)
    return padded if surroundings is None else padded + surroundings


def crop_gradient(stage: Stage, gradient: Tensor) -> Tensor:
    """Crop the gradient of a layer's padded input to the layer's input area without padding."""
    rows, columns = stage.input_area.slices_in(stage.padded_area)
    return gradient[:, rows, columns]


def conv_gradient(stage: Stage, kernel: Tensor, gradient: Tensor) -> Tensor:
    """Compute the gradient of a convolution's input, cropped to the layer's input area."""
    shape = [len(gradient), *(side.length for side in stage.padded_area), kernel.shape[2]]
    return crop_gradient(stage, tf.nn.conv2d_transpose(gradient, kernel, shape, 1, "VALID"))


def surrounding_input(stage: Stage, maps: np.ndarray) -> np.ndarray:
    """Return a layer's padded input for an image of mean color, ``(height, width, channels)``.

    It is zero in the area that depends on the images, and beyond the border of ``maps``.
    """
    padded, sizes = stage.padded_area, maps.shape[1:]
    values = np.zeros((padded.rows.length, padded.columns.length, len(maps)), np.float32)
    inside = Area(*(side.within(Interval(0, n)) for side, n in zip(padded, sizes, strict=True)))
    rows, columns = (slice(*side) for side in inside)
    values[inside.slices_in(padded)] = np.moveaxis(maps[:, rows, columns], 0, -1)
    values[stage.input_area.slices_in(padded)] = 0
    return values
