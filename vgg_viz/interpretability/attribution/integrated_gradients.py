"""Integrated gradients along the line from a baseline, ImageNet's mean color, to the image."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING

import numpy as np

from vgg_viz.interpretability.attribution.attribution_pass import (
    Attribution,
    AttributionPass,
    InputImage,
    Work,
    channels_first,
)
from vgg_viz.model.network import MEAN_BGR, Preprocessing

if TYPE_CHECKING:
    import tensorflow as tf

POINTS = 50  # of Gauss-Legendre quadrature
# Values of one layer's output in a batch of points: as many as the largest layer has.
BATCH_VALUES = 2**22


def integrated_gradients(attribution_pass: AttributionPass, image: InputImage) -> Work:
    """Attribute a value by integrated gradients, from maps or pixels of an image of mean color."""
    to_layer, to_value = len(attribution_pass.before), len(attribution_pass.between)
    batches = -(-POINTS // _batch_size(attribution_pass))
    # Both ends need a forward pass; each batch needs a forward and a backward pass.
    yield 2 * (to_layer + (1 + batches) * to_value)
    end = yield from attribution_pass.maps(image.values)
    color = mean_input(image.preprocessing)[:, None, None]
    start = yield from attribution_pass.maps(np.broadcast_to(color, image.values.shape))
    gradient = yield from _mean_gradient(attribution_pass, start, end)
    value = yield from attribution_pass.value(end)
    baseline = yield from attribution_pass.value(start)
    values = channels_first(gradient * (end - start))
    return Attribution(values, attribution_pass.area, value, baseline=baseline)


def _mean_gradient(
    attribution_pass: AttributionPass, start: tf.Tensor, end: tf.Tensor
) -> Generator[None, None, tf.Tensor]:
    """Compute the value's mean gradient along the straight line between two inputs."""
    import tensorflow as tf

    positions, weights = np.polynomial.legendre.leggauss(POINTS)
    positions, weights = (positions + 1) / 2, weights / 2
    mean = tf.zeros_like(end)
    size = _batch_size(attribution_pass)
    for first in range(0, POINTS, size):
        batch = slice(first, first + size)
        position = tf.constant(positions[batch, None, None, None], tf.float32)
        weight = tf.constant(weights[batch, None, None, None], tf.float32)
        points = start + position * (end - start)
        _, gradient, _ = yield from attribution_pass.forward_backward(points)
        mean += tf.reduce_sum(weight * gradient, axis=0, keepdims=True)
    return mean


def _batch_size(attribution_pass: AttributionPass) -> int:
    areas = [(one.layer.output_shape[2], *one.output_area) for one in attribution_pass.between]
    sizes = [channels * rows.length * columns.length for channels, rows, columns in areas]
    return max(1, BATCH_VALUES // max(sizes, default=1))


def mean_input(preprocessing: Preprocessing) -> np.ndarray:
    """Return ImageNet's mean color, preprocessed as the network's input, float32 ``(3,)``.

    >>> mean_input("caffe")
    array([0., 0., 0.], dtype=float32)
    """
    if preprocessing == "caffe":
        return np.zeros(3, np.float32)
    return np.array(MEAN_BGR[::-1], np.float32) / np.float32(255)
