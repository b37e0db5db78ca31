"""What one value comes from, however far back: any earlier layer's maps, or the pixels.

    pixels -- forward --> what is looked at -- forward --> the value, before its ReLU
                              |                               |
                           maps there  x  gradient  <-- back -+

Contributions, what is looked at times the gradient, and those of the biases on the way add up to
the value (Srinivas and Fleuret, "Full-Gradient Representation", 2019). The other methods are those
of the field, as their papers have them: they differ in what becomes of a gradient at a ReLU, and
integrated gradients take it at many points.

Only what the value depends on is run. Each step of the generators is one layer's work; those of
`attribute` say how much of all is done, 0 to 1.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import count
from typing import TYPE_CHECKING

import numpy as np

from vgg_viz.interpretability.receptive_field import (
    Area,
    Interval,
    Layers,
    Rule,
    Stage,
    needed,
    relu_gradient,
    surrounded,
    way_to,
)
from vgg_viz.model.architecture import VGG19, Architecture, ConvLayer, Layer
from vgg_viz.model.network import MEAN_BGR, Network, Preprocessing, network_input, read_only

if TYPE_CHECKING:
    import tensorflow as tf


POINTS = 50  # between the mean color and the picture, of integrated gradients
# Numbers of one layer at several points that are looked at together: as one whole layer has.
TOGETHER = 2**22


class NotFiniteError(ValueError):
    """Numbers on the way are too large for 32 bits, or none."""


@dataclass(frozen=True)
class AttributionSpec:
    """What is asked of one value: ``channel`` from 1, ``row`` and ``column`` from 0.

    ``back_to`` is a conv layer before the value's own, or ``"input"``.
    """

    layer: ConvLayer
    channel: int
    row: int
    column: int
    back_to: str
    method: str = "input_x_gradient"


@dataclass(frozen=True, eq=False)
class Attribution:
    """What the value comes from, by one method.

    values: float32 ``(channels, rows, columns)``: a number for each of the layer's maps, or for
        blue, green and red, at each place that the value depends on.
    area: where these places lie in the maps or in the picture.
    value: the value before its ReLU.
    biases: what the biases of each layer on the way contribute; of contributions only.
    base: what the value would be if all looked at were of the mean color; of integrated
        gradients only.
    """

    values: np.ndarray
    area: Area
    value: float
    biases: Mapping[str, float] = field(default_factory=dict)
    base: float = 0.0

    @property
    def silent(self) -> bool:
        """Whether nothing that is looked at speaks for the value or against it."""
        return not self.values.any()

    @cached_property
    def by_map(self) -> np.ndarray:
        """All of each map's places together, float64 ``(channels,)``."""
        return read_only(self.values.sum(axis=(1, 2), dtype=np.float64))

    @cached_property
    def by_place(self) -> np.ndarray:
        """All maps together, or all colors, float64 ``(rows, columns)``."""
        return read_only(self.values.sum(axis=0, dtype=np.float64))

    @property
    def total(self) -> float:
        """All there is."""
        return float(self.by_map.sum())

    @property
    def explained(self) -> float:
        """What has to be the value, of contributions and of integrated gradients."""
        return self.total + sum(self.biases.values()) + self.base

    def strongest(self, count: int) -> tuple[np.ndarray, np.ndarray]:
        """The maps that add most, and those that take most away, by their indices.

        Up to ``count`` each, strongest first; maps that add nothing are in neither.
        """
        by_map = self.by_map
        order = np.argsort(-by_map, kind="stable")
        signs = np.sign(by_map[order])
        return order[signs > 0][:count], order[signs < 0][::-1][:count]

    def place(self, index: int) -> tuple[int, int] | None:
        """Row and column in that map, from 0, of its largest number, whatever its sign.

        The first in reading order if several are equal; None if all are zero.
        """
        sizes = np.abs(self.values[index])
        if not sizes.any():
            return None
        row, column = np.unravel_index(sizes.argmax(), sizes.shape)
        return int(row) + self.area.rows.start, int(column) + self.area.columns.start


def seen(question: AttributionSpec, plan: Architecture = VGG19) -> Area:
    """What the value depends on, of the maps or the pixels that it is asked back to.

    Raises:
        ValueError: there is no such value, or what it is asked of does not lie before it.
    """
    _check(question)
    way = way_to(question.layer, question.row, question.column, plan)
    return way[_back_to(question, plan.layers).index].have


def reach(question: AttributionSpec, plan: Architecture = VGG19) -> Area:
    """The same with what lies beyond the border, all zero: as wide for every value of a layer.

    Raises:
        ValueError: there is no such value, or what it is asked of does not lie before it.
    """
    _check(question)
    back_to, sides = _back_to(question, plan.layers), []
    for position in (question.row, question.column):
        found = Interval(position, position + 1)
        for after in plan.layers[question.layer.index : back_to.index : -1]:
            found = needed(after, found)
        sides.append(found)
    return Area(*sides)


def attribute(
    network: Network,
    pixels: np.ndarray,
    question: AttributionSpec,
    preprocessing: Preprocessing = "caffe",
) -> Generator[float, None, Attribution]:
    """Find what a value comes from; each step says how much is done, 0 to 1.

    Args:
        network: the network.
        pixels: the whole picture, RGB, uint8 ``(224, 224, 3)``.
        question: which value, how far back, and by which method.
        preprocessing: as for `network_input`.

    Raises:
        ValueError: there is no such value, or what it is asked of does not lie before it.
        NotFiniteError: numbers on the way are too large.
    """
    way = AttributionPass(network, question)
    found = yield from _shares(_found(way, pixels, preprocessing), way.steps)
    check_finite(found.values, found.value, *found.biases.values(), found.base)
    return found


def check_finite(*numbers: np.ndarray | float) -> None:
    """Refuse numbers that are none, or infinite.

    Raises:
        NotFiniteError: there are such.
    """
    if not all(np.isfinite(some).all() for some in numbers):
        raise NotFiniteError("expected finite numbers on the way, got larger ones than float32 has")


def _shares(
    work: Generator[None, None, Attribution], steps: int
) -> Generator[float, None, Attribution]:
    """The same work, each step of which says how much is done."""
    for done in count(1):
        try:
            next(work)
        except StopIteration as stopped:
            found: Attribution = stopped.value
            break
        yield done / steps
    return found


def _found(
    way: AttributionPass, pixels: np.ndarray, preprocessing: Preprocessing
) -> Generator[None, None, Attribution]:
    """By whichever method is asked."""
    source = network_input(pixels, preprocessing)
    end = yield from way.before(source)
    if way.question.method != "integrated_gradients":
        return (yield from _at_once(way, end))
    color = mean_input(preprocessing)[:, None, None]
    begin = yield from way.before(np.broadcast_to(color, source.shape))
    return (yield from _integrated(way, begin, end))


def _at_once(way: AttributionPass, end: tf.Tensor) -> Generator[None, None, Attribution]:
    """All methods that take the gradient at the picture alone."""
    question = way.question
    values, gradient, biases = yield from way.forward_backward(end, RULES[question.method])
    value = float(values[0])
    if question.method != "input_x_gradient":
        return Attribution(_tiles(gradient), way.area, value)
    return Attribution(_tiles(end * gradient), way.area, value, biases)


def _integrated(
    way: AttributionPass, begin: tf.Tensor, end: tf.Tensor
) -> Generator[None, None, Attribution]:
    """Gradients along the straight line from one to the other, times their difference."""
    import tensorflow as tf

    places, shares = np.polynomial.legendre.leggauss(POINTS)
    places, shares = (places + 1) / 2, shares / 2
    mean = tf.zeros_like(end)
    for first in range(0, POINTS, way.together):
        which = slice(first, first + way.together)
        along = tf.constant(places[which, None, None, None], tf.float32)
        share = tf.constant(shares[which, None, None, None], tf.float32)
        _, gradient, _ = yield from way.forward_backward(begin + along * (end - begin))
        mean += tf.reduce_sum(share * gradient, axis=0, keepdims=True)
    value = yield from way.value(end)
    base = yield from way.value(begin)
    return Attribution(_tiles(mean * (end - begin)), way.area, value, base=base)


class AttributionPass:
    """The way from the picture to a value, cut where it is asked back to."""

    def __init__(self, network: Network, question: AttributionSpec) -> None:
        """Find it.

        Raises:
            ValueError: there is no such value, or what it is asked of does not lie before it.
        """
        _check(question)
        plan, layer = network.architecture, question.layer
        whole = way_to(layer, question.row, question.column, plan)
        back_to = _back_to(question, plan.layers)
        self.question = question
        self.first, self.rest, self.last = (
            whole[: back_to.index],
            whole[back_to.index : -1],
            whole[-1],
        )
        self.area = whole[back_to.index].have
        self.seen = whole[0].have
        largest = max(_numbers(stage) for stage in whole[back_to.index :])
        self.together = max(1, TOGETHER // largest)  # points at once, of integrated gradients
        self._layers = Layers(network)

    @property
    def steps(self) -> int:
        """How many `attribute` takes."""
        if self.question.method != "integrated_gradients":
            return len(self.first) + 2 * len(self.rest)
        # There to both ends, and there and back for each group of points.
        groups = -(-POINTS // self.together)
        return 2 * (len(self.first) + (1 + groups) * len(self.rest))

    def before(self, source: np.ndarray) -> Generator[None, None, tf.Tensor]:
        """What is looked at, ``(1, rows, columns, channels)``, of the network's input."""
        x = _point(source, self.seen)
        for stage in self.first:
            x = self._layers.forward(stage, surrounded(stage, x))
            yield
        return x

    def of_maps(self, maps: np.ndarray) -> tf.Tensor:
        """What is looked at, of the whole layer's maps, ``(channels, height, width)``."""
        return _point(maps, self.area)

    def value(self, points: tf.Tensor) -> Generator[None, None, float]:
        """The value where this is looked at."""
        for stage in self.rest:
            points = self._layers.forward(stage, surrounded(stage, points))
            yield
        values, _ = self._value(points)
        return float(values[0])

    def forward_backward(
        self, points: tf.Tensor, rule: Rule = relu_gradient
    ) -> Generator[None, None, tuple[tf.Tensor, tf.Tensor, dict[str, float]]]:
        """The value at each of these points, the gradient there, and what biases contribute."""
        made = [points]
        for stage in self.rest:
            made.append(self._layers.forward(stage, surrounded(stage, made[-1])))
            yield
        values, gradient = self._value(made[-1])
        biases = {self.question.layer.name: float(self._bias(self.last)[self.question.channel - 1])}
        for stage in reversed(self.rest):
            behind = made.pop()
            gradient = self._layers.before_relu(stage, behind, gradient, rule)
            if stage.is_conv:
                biases[stage.layer.name] = _contributed(gradient, self._bias(stage))
            gradient = self._layers.back(stage, made[-1], behind, gradient)
            yield
        return values, gradient, biases

    def _value(self, points: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        channels = [self.question.channel] * len(points)
        return self._layers.value(self.last, surrounded(self.last, points), channels)

    def _bias(self, stage: Stage) -> np.ndarray:
        bias: np.ndarray = self._layers.weights(stage.layer)[1].numpy()
        return bias


def guided(made: tf.Tensor, gradient: tf.Tensor) -> tf.Tensor:
    """Guided backpropagation: only what was active, and what speaks for the value.

    Springenberg et al., "Striving for Simplicity" (2014), https://arxiv.org/abs/1412.6806.
    """
    return relu_gradient(made, deconvnet(made, gradient))


def deconvnet(made: tf.Tensor, gradient: tf.Tensor) -> tf.Tensor:
    """The deconvnet: only what speaks for the value, whether it was active or not.

    Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks" (2013),
    https://arxiv.org/abs/1311.2901.
    """
    import tensorflow as tf

    return tf.nn.relu(gradient)


RULES: Mapping[str, Rule] = {
    "input_x_gradient": relu_gradient,
    "gradient": relu_gradient,
    "guided_backpropagation": guided,
    "deconvnet": deconvnet,
}


def mean_input(preprocessing: Preprocessing) -> np.ndarray:
    """The mean color of ImageNet's pictures as the network's input has it, float32 ``(3,)``."""
    if preprocessing == "caffe":
        return np.zeros(3, np.float32)
    return np.array(MEAN_BGR[::-1], np.float32) / np.float32(255)


def correlation(one: np.ndarray, other: np.ndarray) -> float | None:
    """How far two arrays of one shape go together, -1 to 1; None if either is constant."""
    return cosine(one - one.mean(dtype=np.float64), other - other.mean(dtype=np.float64))


def cosine(one: np.ndarray, other: np.ndarray) -> float | None:
    """The cosine of the angle between two arrays of one shape; None if either is zero."""
    lengths = [float(np.linalg.norm(array.astype(np.float64))) for array in (one, other)]
    if not all(lengths):
        return None
    product = np.vdot(one.astype(np.float64) / lengths[0], other.astype(np.float64) / lengths[1])
    return float(product.clip(-1, 1))


def _point(maps: np.ndarray, area: Area) -> tf.Tensor:
    """That part of maps, ``(channels, height, width)``, as layers take it."""
    import tensorflow as tf

    rows, columns = (slice(*side) for side in area)
    return tf.constant(np.moveaxis(maps[:, rows, columns], 0, -1)[None])


def _tiles(numbers: tf.Tensor) -> np.ndarray:
    """The only one of these, ``(1, rows, columns, channels)``, tiles first."""
    return read_only(np.moveaxis(numbers.numpy()[0], -1, 0))


def _contributed(gradient: tf.Tensor, bias: np.ndarray) -> float:
    import tensorflow as tf

    summed = tf.reduce_sum(gradient, axis=(0, 1, 2)).numpy()
    with np.errstate(invalid="ignore"):  # what is not finite is refused at the end
        return float(summed.astype(np.float64) @ bias)


def _numbers(stage: Stage) -> int:
    """How many numbers a layer makes on the way, or is given if these are more."""
    rows, columns = stage.makes
    return rows.length * columns.length * stage.layer.output_shape[2]


def _back_to(question: AttributionSpec, layers: Sequence[Layer]) -> Layer:
    for layer in layers[: question.layer.index]:
        if layer.name == question.back_to and layer.kind in ("input", "conv"):
            return layer
    raise ValueError(
        f"expected input or a conv layer before {question.layer.name}, got {question.back_to!r}"
    )


def _check(question: AttributionSpec) -> None:
    height, width, filters = question.layer.output_shape
    which = (question.channel, question.row, question.column)
    wanted = (range(1, filters + 1), range(height), range(width))
    if not all(number in numbers for number, numbers in zip(which, wanted, strict=True)):
        raise ValueError(f"expected a value of {question.layer.name}, got {which}")
