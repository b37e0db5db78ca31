"""Attribution of one value: how it is specified, its result, and the passes that all methods share.

    image -- forward --> maps of the layer `back_to` -- forward --> the value, before its ReLU
                                     |                                  |
                           maps or pixels, gradient <---- backward -----+

Both passes are restricted to the value's receptive field. The generators of this module yield after
each layer, so that other computations can run in between. A method's function yields its number of
steps first, from which `attribute` yields the fraction of the work done, 0 to 1. A method that
refines its attributions yields them, too, as soon as they can be shown.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeVar, cast

import numpy as np

from vgg_viz.interpretability.attribution.methods import ATTRIBUTION_METHODS
from vgg_viz.interpretability.map_statistics import strongest
from vgg_viz.interpretability.receptive_field import (
    Area,
    Interval,
    LayerOperations,
    ReluRule,
    Stage,
    input_interval,
    padded_input,
    relu_gradient,
    value_stages,
)
from vgg_viz.model.architecture import VGG19, Architecture, ConvLayer, Layer
from vgg_viz.model.network import Network, Tensor, read_only, tf
from vgg_viz.option import resolve

Value = TypeVar("Value")
Work = Generator["int | Attribution | None", None, "Attribution"]

ROUNDING = 1e-4  # largest error of a sum by float32 rounding, as a share of its summands' sizes
CONVERGED = 1e-2  # largest error of a converged integral, as a share of the value


class NotFiniteError(ValueError):
    """Raised when activations or gradients overflow float32."""


class NotPositiveError(ValueError):
    """Raised when an attribution method that needs a value above 0 gets a value of 0 or less."""


@dataclass(frozen=True)
class AttributionSpec:
    """A value to attribute, the layer to attribute it to, and the method."""

    layer: ConvLayer
    channel: int  # from 1
    row: int  # from 0, like the column
    column: int
    back_to: str  # "input" for the pixels, or a conv layer before
    method: str = "input_x_gradient"  # in ATTRIBUTION_METHODS


@dataclass(frozen=True, eq=False)
class Attribution:
    """Attributions of one value, and the other terms of its sum."""

    # Of each value of the earlier layer's maps, or of the pixels, within the receptive field,
    # float32 (channels, rows, columns).
    values: np.ndarray
    area: Area  # position of these rows and columns in the maps or the image
    value: float  # the attributed value, before its ReLU
    biases: Mapping[str, float] = field(default_factory=dict)  # bias terms by layer name
    baseline: float = 0.0  # integrated gradients: the value for the baseline image
    absorbed: float = 0.0  # LRP: relevance that the denominators' stabilizer absorbs
    # Integrated gradients: `difference` by number of points of the quadrature, level after level.
    differences: Mapping[int, float] = field(default_factory=dict)

    @property
    def is_zero(self) -> bool:
        """Whether all attributions are zero."""
        return not self.values.any()

    @cached_property
    def by_map(self) -> np.ndarray:
        """Sum of the attributions over each map's positions, float64 ``(channels,)``."""
        return read_only(self.values.sum(axis=(1, 2), dtype=np.float64))

    @cached_property
    def by_position(self) -> np.ndarray:
        """Sum of the attributions over the maps or the colors, float64 ``(rows, columns)``."""
        return read_only(self.values.sum(axis=0, dtype=np.float64))

    @property
    def total(self) -> float:
        """Sum of all attributions."""
        return float(self.by_map.sum())

    @property
    def bias_sum(self) -> float:
        """Sum of all layers' bias terms."""
        return sum(self.biases.values())

    @property
    def reconstruction(self) -> float:
        """Sum of attributions and other terms; for a complete method, equal to the value."""
        return self.total + self.bias_sum + self.baseline + self.absorbed

    @property
    def difference(self) -> float:
        """Absolute difference between the sum and the value."""
        return abs(self.reconstruction - self.value)

    @property
    def points(self) -> int:
        """Number of points of the quadrature; 0 for methods without one."""
        return max(self.differences, default=0)

    @property
    def converged(self) -> bool:
        """Whether the sum is the value to within 1% of it at the last two levels."""
        last = list(self.differences.values())[-2:]
        return len(last) == 2 and max(last) <= CONVERGED * abs(self.value)

    @property
    def sums_to_value(self) -> bool:
        """Whether the sum is the value to within rounding; with a quadrature, has converged."""
        if self.differences:
            return self.converged
        terms = (self.bias_sum, self.baseline, self.absorbed)
        sizes = float(np.abs(self.values).sum(dtype=np.float64)) + sum(map(abs, terms))
        return self.difference <= ROUNDING * sizes

    def strongest(self, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the indices of the maps with the largest attributions, positive and negative."""
        return strongest(self.by_map, count)

    def strongest_position(self, index: int) -> tuple[int, int] | None:
        """Return row and column of a map's largest absolute attribution; None if all are zero."""
        sizes = np.abs(self.values[index])
        if not sizes.any():
            return None
        row, column = np.unravel_index(sizes.argmax(), sizes.shape)
        return int(row) + self.area.rows.start, int(column) + self.area.columns.start


def padded_receptive_field(spec: AttributionSpec) -> Area:
    """Return a value's receptive field in ``back_to``'s maps or the image, including padding."""
    sides, start = [], _checked_start(spec, VGG19).index
    for position in (spec.row, spec.column):
        side = Interval(position, position + 1)
        for layer in reversed(VGG19.spatial_layers[start : spec.layer.index]):
            side = input_interval(layer, side)
        sides.append(side)
    return Area(*sides)


def attribute(
    network: Network,
    pixels: np.ndarray,
    spec: AttributionSpec,
    report: Callable[[Attribution], object] = lambda _: None,
) -> Generator[float, None, Attribution]:
    """Attribute a value to an earlier layer's maps or to the pixels, yielding the fraction done.

    The image is RGB uint8 ``(224, 224, 3)``. A method that refines its attributions gives each to
    ``report``, and may end before the fraction is 1. A `NotFiniteError` means that activations or
    gradients overflow float32, a `NotPositiveError` that the method needs a value above 0.
    """
    method = resolve(ATTRIBUTION_METHODS[spec.method].function)
    work: Work = method(AttributionPass(network, spec), pixels)
    result = yield from fractions(work, report)
    terms = (*result.biases.values(), result.baseline, result.absorbed)
    check_finite(result.values, result.value, *terms)
    return result


def check_finite(*numbers: np.ndarray | float) -> None:
    """Raise a `NotFiniteError` if a number is infinite or NaN."""
    if not all(np.isfinite(some).all() for some in numbers):
        raise NotFiniteError(
            "expected finite activations and gradients, got overflow in float32; use other weights"
        )


def fractions(
    work: Generator[int | Attribution | None, None, Value],
    report: Callable[[Attribution], object] = lambda _: None,
) -> Generator[float, None, Value]:
    """Run a generator that yields its number of steps first; yield the fraction after each step."""
    steps, done = cast(int, next(work)), 0
    while True:
        try:
            intermediate = next(work)
        except StopIteration as stopped:
            return stopped.value
        if isinstance(intermediate, Attribution):
            report(intermediate)
        else:
            done += 1
            yield done / steps


class AttributionPass:
    """Forward and backward pass between one value and an earlier layer's maps, or the pixels."""

    def __init__(self, network: Network, spec: AttributionSpec) -> None:
        """Find the layers, and the part of each, that lie within the value's receptive field.

        A ValueError means that there is no such value, or that ``back_to`` is not before its layer.
        """
        start = _checked_start(spec, network.architecture).index
        stages = value_stages(spec.layer, spec.row, spec.column, network.architecture)
        self.network, self.spec = network, spec
        self.layers = LayerOperations(network)
        # To the maps of `back_to` (none for the pixels), to the last layer's input, to the value.
        self.before, self.between, self.last = stages[:start], stages[start:-1], stages[-1]
        self.image_area = stages[0].input_area

    @property
    def area(self) -> Area:
        """Receptive field of the value in the maps of ``back_to``, or in the image."""
        return [*self.between, self.last][0].input_area

    @property
    def steps(self) -> int:
        """Number of times that one forward and backward pass from the image yields."""
        return len(self.before) + 2 * len(self.between)

    def maps(self, source: np.ndarray) -> Generator[None, None, Tensor]:
        """Compute the maps of ``back_to`` within the receptive field from the network's input."""
        x = _cropped(source, self.image_area)
        for stage in self.before:
            x = self.layers.forward(stage, padded_input(stage, x))
            yield
        return x

    def crop(self, maps: np.ndarray) -> Tensor:
        """Crop the maps of ``back_to``, ``(channels, height, width)``, to the receptive field."""
        return _cropped(maps, self.area)

    def at_image(
        self, pixels: np.ndarray, rule: ReluRule = relu_gradient
    ) -> Generator[int | None, None, tuple[Tensor, float, Tensor, dict[str, float]]]:
        """Compute maps of ``back_to`` or pixels, value, gradient and bias terms for an image."""
        yield self.steps
        x = yield from self.maps(self.network.input(pixels))
        values, gradient, biases = yield from self.forward_backward(x, rule)
        return x, float(values[0]), gradient, biases

    def value(self, x: Tensor) -> Generator[None, None, float]:
        """Compute the value before its ReLU from cropped maps of ``back_to`` or cropped pixels."""
        outputs = yield from self.outputs(x)
        values, _ = self._value(outputs[-1])
        return float(values[0])

    def outputs(self, x: Tensor) -> Generator[None, None, list[Tensor]]:
        """Return cropped maps or pixels and, computed from them, each output before the value's."""
        outputs = [x]
        for stage in self.between:
            outputs.append(self.layers.forward(stage, padded_input(stage, outputs[-1])))
            yield
        return outputs

    def forward_backward(
        self, x: Tensor, rule: ReluRule = relu_gradient
    ) -> Generator[None, None, tuple[Tensor, Tensor, dict[str, float]]]:
        """Compute the value for a batch of cropped inputs, gradients, and layers' bias terms."""
        outputs = yield from self.outputs(x)
        values, gradient = self._value(outputs[-1])
        biases = {self.spec.layer.name: float(self._bias(self.last)[self.spec.channel - 1])}
        for stage in reversed(self.between):
            output = outputs.pop()
            if stage.is_conv:
                gradient = rule(output, gradient)
                biases[stage.layer.name] = bias_term(gradient, self._bias(stage))
            gradient = self.layers.backward(stage, outputs[-1], output, gradient)
            yield
        return values, gradient, biases

    def _value(self, x: Tensor) -> tuple[Tensor, Tensor]:
        channels = [self.spec.channel] * len(x)
        return self.layers.value(self.last, padded_input(self.last, x), channels)

    def _bias(self, stage: Stage) -> np.ndarray:
        return self.layers.weights(stage.layer)[1].numpy()


def bias_term(gradient: Tensor, bias: np.ndarray) -> float:
    """Compute a conv layer's bias term: its biases times the gradient before its ReLU, summed."""
    by_channel = tf.reduce_sum(gradient, axis=(0, 1, 2)).numpy()
    with np.errstate(invalid="ignore"):  # `attribute` refuses what is not finite
        return float(by_channel.astype(np.float64) @ bias)


def channels_first(values: Tensor) -> np.ndarray:
    """Convert tensor ``(1, rows, columns, channels)`` to array ``(channels, rows, columns)``."""
    return read_only(np.moveaxis(values.numpy()[0], -1, 0))


def correlation(one: np.ndarray, other: np.ndarray) -> float | None:
    """Compute the Pearson correlation of two arrays of equal shape; None if either is constant.

    >>> round(correlation(np.array([1.0, 2.0, 3.0]), np.array([2.0, 4.0, 7.0])), 3)
    0.993
    """
    if not (np.ptp(one) and np.ptp(other)):
        return None
    return float(np.corrcoef(one.ravel(), other.ravel(), dtype=np.float64)[0, 1])


def _cropped(maps: np.ndarray, area: Area) -> Tensor:
    """Crop maps, ``(channels, height, width)``, to an area and convert them to a batch of one."""
    rows, columns = (slice(*side) for side in area)
    return tf.constant(np.moveaxis(maps[:, rows, columns], 0, -1)[None])


def _checked_start(spec: AttributionSpec, architecture: Architecture) -> Layer:
    """Return the layer that a value is attributed to; raise a ValueError if there is none."""
    height, width, filters = spec.layer.output_shape
    position = (spec.channel, spec.row, spec.column)
    ranges = (range(1, filters + 1), range(height), range(width))
    if not all(number in numbers for number, numbers in zip(position, ranges, strict=True)):
        raise ValueError(f"expected a value of {spec.layer.name}, got {position}")
    for layer in architecture.layers[: spec.layer.index]:
        if layer.name == spec.back_to and layer.kind in ("input", "conv"):
            return layer
    raise ValueError(
        f"expected input or a conv layer before {spec.layer.name}, got {spec.back_to!r}"
    )
