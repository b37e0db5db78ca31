"""What one value of a map depends on, and the network run there and back, and nowhere else.

The part of a map that a value depends on is small: 3 x 3 positions one layer below, 48 x 48 pixels
of the picture for block3_conv4. It is run with convolutions that add no border, so that exactly
1 x 1 is left; beyond the picture's border there is the same zero at every layer as in the network.

    way_to                 the layers on the way to any value, and what each makes of what
    surrounded -> Layers   one layer there, with what lies around what is looked at, and back

`FieldPass` looks at pictures that are smaller than the field, in the middle of one of mean color:
only what depends on them is run, and what is around that is computed once for all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vgg_viz.interpretability.decomposition import receptive_fields
from vgg_viz.model.architecture import (
    POOL_SIDE,
    VGG19,
    Architecture,
    ConvLayer,
    Layer,
    SpatialLayer,
)
from vgg_viz.model.network import MEAN_BGR, MEAN_COLOR, network_input

if TYPE_CHECKING:
    import tensorflow as tf

    from vgg_viz.model.network import Network

# What becomes at a ReLU of what comes back from behind, given what the ReLU made and what comes.
Rule = Callable[["tf.Tensor", "tf.Tensor"], "tf.Tensor"]


class Interval(NamedTuple):
    """Positions along one side, from ``start`` to before ``stop``; may reach beyond a border."""

    start: int
    stop: int

    @property
    def length(self) -> int:
        """How many they are."""
        return self.stop - self.start

    def grown(self) -> Interval:
        """What a 3 x 3 convolution needs to make these, or what depends on these after it."""
        return Interval(self.start - 1, self.stop + 1)

    def within(self, other: Interval) -> Interval:
        """Those that are in the other as well."""
        return Interval(max(self.start, other.start), min(self.stop, other.stop))


class Area(NamedTuple):
    """Positions of a map, or pixels: which rows, and which columns."""

    rows: Interval
    columns: Interval

    def within(self, other: Area) -> Area:
        """Those that are in the other as well."""
        return Area(self.rows.within(other.rows), self.columns.within(other.columns))

    def seen_from(self, other: Area) -> tuple[slice, slice]:
        """Where they lie in an array that begins where the other does."""
        rows, columns = (
            slice(mine.start - its.start, mine.stop - its.start)
            for mine, its in zip(self, other, strict=True)
        )
        return rows, columns


@dataclass(frozen=True)
class Stage:
    """One layer on the way to a value.

    have: what of the layer's input is looked at.
    makes: what it makes.
    """

    layer: SpatialLayer
    have: Area
    makes: Area

    @property
    def takes(self) -> Area:
        """What it is given to make that of."""
        return Area(*(needed(self.layer, side) for side in self.makes))

    @property
    def margins(self) -> list[list[int]]:
        """How much of that lies around what is looked at: of the batch, rows, columns, channels."""
        sides = zip(self.have, self.takes, strict=True)
        around = [[have.start - takes.start, takes.stop - have.stop] for have, takes in sides]
        return [[0, 0], *around, [0, 0]]

    @property
    def is_conv(self) -> bool:
        """Whether it is a convolution, and not a pool."""
        return isinstance(self.layer, ConvLayer)


def needed(layer: Layer, makes: Interval) -> Interval:
    """What a convolution or a pool needs to make these, along one side; may be beyond a border."""
    if layer.kind == "conv":
        return makes.grown()
    return Interval(POOL_SIDE * makes.start, POOL_SIDE * makes.stop)


def depends_on(layer: ConvLayer, position: int, plan: Architecture = VGG19) -> list[Interval]:
    """What a value depends on in the picture and in each layer up to its own, along one side.

    Within the picture: see `decomposition.receptive_fields` for what lies beyond.
    """
    found = [Interval(position, position + 1)]
    for after in plan.layers[layer.index : 0 : -1]:
        whole = Interval(0, plan.layers[after.index - 1].output_shape[0])
        found.insert(0, needed(after, found[0]).within(whole))
    return found


def middle(layer: ConvLayer) -> int:
    """The position whose field lies in the middle of the picture."""
    return layer.output_shape[0] // 2


def way_to(layer: ConvLayer, row: int, column: int, plan: Architecture = VGG19) -> list[Stage]:
    """The way from a whole picture to one value: the layers, and what each makes of what."""
    sides = (depends_on(layer, row, plan), depends_on(layer, column, plan))
    areas = [Area(*both) for both in zip(*sides, strict=True)]
    spatial = [one for one in plan.layers[1:] if isinstance(one, SpatialLayer)]
    return list(map(Stage, spatial, areas, areas[1:]))


def stages(layer: ConvLayer, side: int, plan: Architecture = VGG19) -> list[Stage]:
    """The way from a picture of ``side`` pixels to the value in the middle of a layer's map.

    The picture lies in the middle of the value's field; what the stages have is what depends on it.
    """
    # In the middle of the whole field, even where that reaches beyond the border.
    first = receptive_fields(layer)[middle(layer)][0] + (layer.receptive_field - side) // 2
    reached = Interval(first, first + side)
    way = []
    for stage in way_to(layer, middle(layer), middle(layer), plan):
        have = reached
        if stage.is_conv:
            reached = have.grown().within(stage.makes.rows)
        else:
            halves = Interval(have.start // POOL_SIDE, -(-have.stop // POOL_SIDE))
            reached = halves.within(stage.makes.rows)
        way.append(Stage(stage.layer, Area(have, have), Area(reached, reached)))
    return way


def relu_gradient(made: tf.Tensor, gradient: tf.Tensor) -> tf.Tensor:
    """The gradient with respect to what a ReLU was given, of that to what it made."""
    import tensorflow as tf

    return tf.raw_ops.ReluGrad(gradients=gradient, features=made)


@dataclass(frozen=True)
class Layers:
    """What a network's layers do, one at a time, there and back.

    By hand: a tape would compute the gradients of all kernels as well.
    """

    network: Network

    def forward(self, stage: Stage, taken: tf.Tensor) -> tf.Tensor:
        """What a layer makes of this, after its ReLU; or a pool."""
        import tensorflow as tf

        if not stage.is_conv:
            return tf.nn.max_pool2d(taken, POOL_SIDE, POOL_SIDE, "VALID")
        kernel, bias = self.weights(stage.layer)
        return tf.nn.relu(tf.nn.conv2d(taken, kernel, 1, "VALID") + bias)

    def value(
        self, stage: Stage, taken: tf.Tensor, channels: Sequence[int]
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """One value before the ReLU a picture, ``(n,)``, and its gradient as `back` returns it.

        ``channels``: one a picture, from 1.
        """
        import tensorflow as tf

        kernel, bias = self.weights(stage.layer)
        which = [channel - 1 for channel in channels]
        kernels = tf.transpose(tf.gather(kernel, which, axis=3), (3, 0, 1, 2))
        values = tf.reduce_sum(taken * kernels, axis=(1, 2, 3)) + tf.gather(bias, which)
        return values, inner(stage, kernels)

    def before_relu(
        self, stage: Stage, made: tf.Tensor, gradient: tf.Tensor, rule: Rule = relu_gradient
    ) -> tf.Tensor:
        """The gradient before a layer's ReLU, of that after it; a pool has none."""
        return rule(made, gradient) if stage.is_conv else gradient

    def back(
        self, stage: Stage, taken: tf.Tensor, made: tf.Tensor, gradient: tf.Tensor
    ) -> tf.Tensor:
        """The gradient with respect to what a layer has, of that before its ReLU.

        At a max pool the largest value gets it, the first in reading order if several are equal.
        Only there it matters what was ``taken`` and ``made``.
        """
        import tensorflow as tf

        if stage.is_conv:
            kernel, _ = self.weights(stage.layer)
            sides = [side.length for side in stage.takes]
            whole = tf.raw_ops.Conv2DBackpropInput(
                input_sizes=[len(gradient), *sides, kernel.shape[2]],
                filter=kernel,
                out_backprop=gradient,
                strides=[1, 1, 1, 1],
                padding="VALID",
            )
            return inner(stage, whole)
        sides = [1, POOL_SIDE, POOL_SIDE, 1]
        whole = tf.raw_ops.MaxPoolGrad(
            orig_input=taken,
            orig_output=made,
            grad=gradient,
            ksize=sides,
            strides=sides,
            padding="VALID",
        )
        return inner(stage, whole)

    def weights(self, layer: SpatialLayer) -> tuple[tf.Tensor, tf.Tensor]:
        """A conv layer's kernel, (3, 3, channels, filters), and its biases."""
        built = self.network.model.get_layer(layer.name)
        return built.kernel.value, built.bias.value


class FieldPass:
    """The network from small pictures to the value in the middle of a layer's map, and back.

    Each step of its generators is one layer's work, so that others need not wait for the whole.
    May be used by one thread at a time.
    """

    def __init__(self, network: Network, layer: ConvLayer, side: int) -> None:
        """Prepare for pictures of ``side`` pixels.

        Raises:
            ValueError: that is none, or more than what lies in the middle of the value's field
                and within the network's input.
        """
        start, stop = receptive_fields(layer)[middle(layer)]
        beyond = max(0, -start, stop - network.architecture.input_side)
        largest = stop - start - 2 * beyond
        if not 1 <= side <= largest:
            raise ValueError(f"expected 1 to {largest} pixels, got {side}")
        self.network = network
        self.layer = layer
        self.side = side
        self.stages = stages(layer, side, network.architecture)
        self._layers = Layers(network)
        self._around: dict[str, np.ndarray] | None = None

    def values(
        self, pictures: np.ndarray, channels: Sequence[int]
    ) -> Generator[None, None, tuple[np.ndarray, np.ndarray]]:
        """The value of a channel before its ReLU for each picture, and how it changes with it.

        Args:
            pictures: RGB from 0 to 255, float ``(n, side, side, 3)``.
            channels: one a picture, from 1.

        Returns:
            Float32 ``(n,)``, and the gradient, float32 of the pictures' shape.
        """
        import tensorflow as tf

        around = yield from self._surroundings()
        mean = np.array(MEAN_BGR, np.float32)
        x = tf.constant((pictures[..., ::-1] - mean).astype(np.float32))
        passed = []
        for stage in self.stages[:-1]:
            taken = surrounded(stage, x, around.get(stage.layer.name))
            x = self._layers.forward(stage, taken)
            passed.append((taken, x))
            yield
        last = self.stages[-1]
        taken = surrounded(last, x, around.get(last.layer.name))
        values, gradient = self._layers.value(last, taken, channels)
        for stage, (taken, made) in zip(self.stages[-2::-1], reversed(passed), strict=True):
            gradient = self._layers.before_relu(stage, made, gradient)
            gradient = self._layers.back(stage, taken, made, gradient)
            yield
        return values.numpy(), gradient.numpy()[..., ::-1]

    def _surroundings(self) -> Generator[None, None, dict[str, np.ndarray]]:
        """What lies around that which depends on the picture, a layer's input under its name.

        Only where there is something: float32 ``(side, side, channels)``, zero in the middle.
        """
        if self._around is None:
            found: dict[str, np.ndarray] = {}
            short = [stage for stage in self.stages if stage.have != stage.takes]
            maps = yield from self._mean_maps(short[-1].layer.block if short else 0)
            for stage in short:
                before = self.network.architecture.layers[stage.layer.index - 1]
                found[stage.layer.name] = ring(stage, maps[before.name])
            self._around = found
        return self._around

    def _mean_maps(self, blocks: int) -> Generator[None, None, dict[str, np.ndarray]]:
        """What the first blocks make of a picture of mean color, (maps, height, width) a layer."""
        plan = self.network.architecture
        pixels = np.full((plan.input_side, plan.input_side, 3), MEAN_COLOR, np.uint8)
        source = network_input(pixels)
        found = {plan.layers[0].name: source}
        for block in range(1, blocks + 1):
            names = [
                layer.name
                for layer in plan.layers
                if isinstance(layer, SpatialLayer) and layer.block == block
            ]
            found |= zip(names, self.network.run(names, source), strict=True)
            source = found[names[-1]]
            yield
        return found


def surrounded(stage: Stage, have: tf.Tensor, around: np.ndarray | None = None) -> tf.Tensor:
    """What a layer is given: what is looked at, in the middle of what is not, or of zeros."""
    import tensorflow as tf

    padded = have if stage.have == stage.takes else tf.pad(have, stage.margins)
    return padded if around is None else padded + around


def inner(stage: Stage, gradient: tf.Tensor) -> tf.Tensor:
    """Of the gradient with respect to what a layer was given, that which is looked at."""
    if stage.have == stage.takes:
        return gradient
    rows, columns = stage.have.seen_from(stage.takes)
    return gradient[:, rows, columns]


def ring(stage: Stage, maps: np.ndarray) -> np.ndarray:
    """What lies around the middle, float32 ``(height, width, channels)``, of maps (channels, h, w).

    Zero beyond the maps' border, and in the middle.
    """
    takes, (height, width) = stage.takes, maps.shape[1:]
    found = np.zeros((takes.rows.length, takes.columns.length, len(maps)), np.float32)
    seen = takes.within(Area(Interval(0, height), Interval(0, width)))
    rows, columns = (slice(*side) for side in seen)
    found[seen.seen_from(takes)] = np.moveaxis(maps[:, rows, columns], 0, -1)
    found[stage.have.seen_from(takes)] = 0
    return found
