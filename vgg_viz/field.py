"""What one value of a map depends on, and the network run there and back, and nowhere else.

The part of a map that a value depends on is small: 3 x 3 positions one layer below, 48 x 48 pixels
of the picture for block3_conv4. It is run with convolutions that add no border, so that exactly
1 x 1 is left; beyond the picture's border there is the same zero at every layer as in the network.

A picture that is smaller than the field lies in the middle of one of mean colour. Only what depends
on it is run; what is around that is the same for all pictures, and computed once.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vgg_viz.architecture import POOL_SIDE, VGG19, Architecture, ConvLayer, SpatialLayer
from vgg_viz.explanation import receptive_fields
from vgg_viz.network import MEAN_BGR, MEAN_COLOUR, network_input

if TYPE_CHECKING:
    import tensorflow as tf

    from vgg_viz.network import Network


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


@dataclass(frozen=True)
class Stage:
    """One layer on the way to a value, along one side, the other side being the same.

    have: what of the layer's input depends on the picture.
    takes: what the layer is given.
    makes: what it makes of that.
    """

    layer: SpatialLayer
    have: Interval
    takes: Interval
    makes: Interval

    @property
    def is_conv(self) -> bool:
        """Whether it is a convolution, and not a pool."""
        return isinstance(self.layer, ConvLayer)


def depends_on(layer: ConvLayer, position: int, plan: Architecture = VGG19) -> list[Interval]:
    """What a value depends on in the picture and in each layer up to its own, along one side.

    Within the picture: see `vgg_viz.explanation.receptive_fields` for what lies beyond.
    """
    needed = [Interval(position, position + 1)]
    for after in plan.layers[layer.index : 0 : -1]:
        start, stop = needed[0]
        before = plan.layers[after.index - 1]
        whole = Interval(0, before.output_shape[0])
        wanted = needed[0].grown() if after.kind == "conv" else Interval(2 * start, 2 * stop)
        needed.insert(0, wanted.within(whole))
    return needed


def middle(layer: ConvLayer) -> int:
    """The position whose field lies in the middle of the picture."""
    return layer.output_shape[0] // 2


def stages(layer: ConvLayer, side: int, plan: Architecture = VGG19) -> tuple[Interval, list[Stage]]:
    """The way from a picture of ``side`` pixels to the value in the middle of a layer's map.

    Returns where the picture lies, along one side of the network's input, and the layers.
    """
    needed = depends_on(layer, middle(layer), plan)
    # In the middle of the whole field, even where that reaches beyond the border.
    first = receptive_fields(layer)[middle(layer)][0] + (layer.receptive_field - side) // 2
    place = reached = have = Interval(first, first + side)
    way = []
    for spatial, within in zip(plan.layers[1:], needed[1:], strict=False):
        if not isinstance(spatial, SpatialLayer):
            raise ValueError(f"expected a conv layer, got {layer.name}")
        if spatial.kind == "conv":
            reached = reached.grown()
            makes = reached.within(within)
            takes = makes.grown()
        else:
            reached = Interval(reached.start // POOL_SIDE, -(-reached.stop // POOL_SIDE))
            makes = reached.within(within)
            takes = Interval(POOL_SIDE * makes.start, POOL_SIDE * makes.stop)
        way.append(Stage(spatial, have, takes, makes))
        have = makes
    return place, way


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
        self.place, self.stages = stages(layer, side, network.architecture)
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
            x = self._forward(stage, taken)
            passed.append((taken, x))
            yield
        last = self.stages[-1]
        taken = surrounded(last, x, around.get(last.layer.name))
        kernels, biases = self._filters(channels)
        values = tf.reduce_sum(taken * kernels, axis=(1, 2, 3)) + biases
        gradient = inner(last, kernels)
        for stage, (taken, made) in zip(self.stages[-2::-1], reversed(passed), strict=True):
            gradient = inner(stage, self._back(stage, taken, made, gradient))
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
        """What the first blocks make of a picture of mean colour, (maps, height, width) a layer."""
        plan = self.network.architecture
        pixels = np.full((plan.input_side, plan.input_side, 3), MEAN_COLOUR, np.uint8)
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

    def _filters(self, channels: Sequence[int]) -> tuple[tf.Tensor, tf.Tensor]:
        """The kernels (n, 3, 3, channels) and the biases (n,) of these channels of the layer."""
        import tensorflow as tf

        kernel, bias = self._weights(self.layer)
        which = [channel - 1 for channel in channels]
        kernels = tf.transpose(tf.gather(kernel, which, axis=3), (3, 0, 1, 2))
        return kernels, tf.gather(bias, which)

    def _weights(self, layer: SpatialLayer) -> tuple[tf.Tensor, tf.Tensor]:
        built = self.network.model.get_layer(layer.name)
        return built.kernel.value, built.bias.value

    def _forward(self, stage: Stage, taken: tf.Tensor) -> tf.Tensor:
        """A layer after its ReLU, or a pool."""
        import tensorflow as tf

        if not stage.is_conv:
            return tf.nn.max_pool2d(taken, POOL_SIDE, POOL_SIDE, "VALID")
        kernel, bias = self._weights(stage.layer)
        return tf.nn.relu(tf.nn.conv2d(taken, kernel, 1, "VALID") + bias)

    def _back(
        self, stage: Stage, taken: tf.Tensor, made: tf.Tensor, gradient: tf.Tensor
    ) -> tf.Tensor:
        """The gradient with respect to what a layer was given, of that to what it made."""
        import tensorflow as tf

        # By hand: a tape would compute the gradients of all kernels as well.
        if not stage.is_conv:
            sides = [1, POOL_SIDE, POOL_SIDE, 1]
            return tf.raw_ops.MaxPoolGrad(
                orig_input=taken,
                orig_output=made,
                grad=gradient,
                ksize=sides,
                strides=sides,
                padding="VALID",
            )
        kernel, _ = self._weights(stage.layer)
        return tf.raw_ops.Conv2DBackpropInput(
            input_sizes=tf.shape(taken),
            filter=kernel,
            out_backprop=tf.raw_ops.ReluGrad(gradients=gradient, features=made),
            strides=[1, 1, 1, 1],
            padding="VALID",
        )


def surrounded(stage: Stage, have: tf.Tensor, around: np.ndarray | None) -> tf.Tensor:
    """What a layer is given: what depends on the picture, in the middle of what does not."""
    import tensorflow as tf

    if around is None:
        return have
    side = [stage.have.start - stage.takes.start, stage.takes.stop - stage.have.stop]
    return tf.pad(have, [[0, 0], side, side, [0, 0]]) + around


def inner(stage: Stage, gradient: tf.Tensor) -> tf.Tensor:
    """Of the gradient with respect to what a layer was given, that which the picture moves."""
    first = stage.have.start - stage.takes.start
    which = slice(first, first + stage.have.length)
    return gradient[:, which, which]


def ring(stage: Stage, maps: np.ndarray) -> np.ndarray:
    """What lies around the middle, float32 ``(side, side, channels)``, of maps (channels, h, w).

    Zero beyond the maps' border, and in the middle.
    """
    length, side = stage.takes.length, maps.shape[1]
    found = np.zeros((length, length, len(maps)), np.float32)
    seen = stage.takes.within(Interval(0, side))
    whole, part = slice(*seen), slice(*(end - stage.takes.start for end in seen))
    found[part, part] = np.moveaxis(maps[:, whole, whole], 0, -1)
    middle_part = slice(*(end - stage.takes.start for end in stage.have))
    found[middle_part, middle_part] = 0
    return found
