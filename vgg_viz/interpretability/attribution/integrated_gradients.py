"""Integrated gradients along the line from a baseline, ImageNet's mean color, to the image.

The integral is computed by Clenshaw–Curtis quadrature on [0, 1] at several levels. The points nest:
each level includes the points of all levels before it, so a finer level needs the integrand at its
new points only. With n points it is exact for polynomials up to degree n - 1.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from vgg_viz.interpretability.attribution.attribution_pass import (
    Attribution,
    AttributionPass,
    Work,
    channels_first,
    check_finite,
)
from vgg_viz.model.preprocessing import MEAN

if TYPE_CHECKING:
    import tensorflow as tf

POINTS = (9, 17, 33, 65)  # number of points of each level
# Values of one layer's output in a batch of points: as many as the largest layer has.
BATCH_VALUES = 2**22


def integrated_gradients(attribution_pass: AttributionPass, pixels: np.ndarray) -> Work:
    """Attribute a value by integrated gradients, from maps or pixels of an image of mean color.

    Yields the attributions of each level of the quadrature. The last level is the one with which
    the attributions have converged, or the one of most points.
    """
    levels = _batches(attribution_pass)
    # Both ends need a forward pass; each batch needs a forward and a backward pass.
    passes = sum(map(len, levels))
    yield 2 * (len(attribution_pass.before) + passes * len(attribution_pass.between))
    end = yield from attribution_pass.maps(attribution_pass.network.input(pixels))
    baseline = np.broadcast_to(np.array(MEAN, np.float32), pixels.shape)
    start = yield from attribution_pass.maps(attribution_pass.network.input(baseline))
    line = _Line(attribution_pass, start, end)
    for batches in levels:
        for batch in batches:
            yield from line.add(batch)
        result = line.attribution()
        check_finite(result.values, result.value, result.baseline)
        yield result
        if result.converged:
            break
    return result


def _batches(attribution_pass: AttributionPass) -> list[list[np.ndarray]]:
    """Return the indices of each level's new points, in batches that fit in memory."""
    areas = [(one.layer.output_shape[2], *one.output_area) for one in attribution_pass.between]
    sizes = [channels * rows.length * columns.length for channels, rows, columns in areas]
    size = max(1, BATCH_VALUES // max(sizes, default=1))
    levels = map(new_points, range(len(POINTS)))
    return [np.split(points, range(size, len(points), size)) for points in levels]


class _Line:
    """Straight line between two inputs: values at its ends, and integrals of the gradient."""

    def __init__(self, attribution_pass: AttributionPass, start: tf.Tensor, end: tf.Tensor) -> None:
        self._pass, self._start, self._end = attribution_pass, start, end
        self._positions, self._weights = clenshaw_curtis(POINTS[-1])[0], level_weights()
        self._values: dict[int, float] = {}  # by index of the point
        # A gradient has another weight at each level, and all gradients together would take too
        # much memory. So each is added at once to the integrals of all levels that have its point.
        self._integrals = [0.0 * end for _ in POINTS]
        self._differences: dict[int, float] = {}

    def add(self, batch: np.ndarray) -> Generator[None, None, None]:
        """Compute values and gradients at some points, given as indices."""
        import tensorflow as tf

        position = tf.constant(self._positions[batch, None, None, None], tf.float32)
        points = position * self._end + (1 - position) * self._start
        values, gradients, _ = yield from self._pass.forward_backward(points)
        self._values |= zip(batch.tolist(), values.numpy().tolist(), strict=True)
        for level in range(len(self._differences), len(POINTS)):
            weight = tf.constant(self._weights[level, batch, None, None, None], tf.float32)
            self._integrals[level] += tf.reduce_sum(weight * gradients, axis=0, keepdims=True)

    def attribution(self) -> Attribution:
        """Return the attributions of the next level, whose points have all been added."""
        level = len(self._differences)
        values = channels_first(self._integrals[level] * (self._end - self._start))
        value, baseline = self._values[POINTS[-1] - 1], self._values[0]
        result = Attribution(values, self._pass.area, value, baseline=baseline)
        self._differences = {**self._differences, POINTS[level]: result.difference}
        return replace(result, differences=self._differences)


def clenshaw_curtis(points: int) -> tuple[np.ndarray, np.ndarray]:
    """Return positions and weights of an odd number of points, float64 ``(points,)`` each.

    >>> positions, weights = clenshaw_curtis(3)  # Simpson's rule
    >>> positions.round(6).tolist(), (6 * weights).round(6).tolist()
    ([0.0, 0.5, 1.0], [1.0, 4.0, 1.0])
    """
    angles = np.pi * np.arange(points) / (points - 1)
    degrees = np.arange(0, points, 2)
    # The integral of the cosine series that interpolates the integrand at these angles.
    terms = np.cos(np.outer(angles, degrees)) * 2 / (1 - degrees**2)
    terms[:, [0, -1]] /= 2
    weights = terms.sum(axis=1) / (points - 1)
    weights[[0, -1]] /= 2
    return (1 - np.cos(angles)) / 2, weights


def level_weights() -> np.ndarray:
    """Return the weight of each point of the last level at every level, ``(levels, points)``.

    It is zero where a level does not have the point.
    """
    weights = np.zeros((len(POINTS), POINTS[-1]))
    for row, points in zip(weights, POINTS, strict=True):
        row[:: (POINTS[-1] - 1) // (points - 1)] = clenshaw_curtis(points)[1]
    return weights


def new_points(level: int) -> np.ndarray:
    """Return the indices, among the last level's points, of those that are new at a level.

    >>> new_points(0).tolist(), new_points(1).tolist()
    ([0, 8, 16, 24, 32, 40, 48, 56, 64], [4, 12, 20, 28, 36, 44, 52, 60])
    """
    step = (POINTS[-1] - 1) // (POINTS[level] - 1)
    return np.arange(step, POINTS[-1], 2 * step) if level else np.arange(0, POINTS[-1], step)
