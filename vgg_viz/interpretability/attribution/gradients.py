"""Attribution by one backward pass: gradient methods, which differ in what passes a ReLU.

Each function attributes the value of an attribution pass; `methods` cites the papers.
"""

from __future__ import annotations

import numpy as np

from vgg_viz.interpretability.attribution.attribution_pass import (
    Attribution,
    AttributionPass,
    Work,
    channels_first,
)
from vgg_viz.interpretability.receptive_field import ReluRule, relu_gradient
from vgg_viz.model.network import Tensor, tf


def input_x_gradient(attribution_pass: AttributionPass, pixels: np.ndarray) -> Work:
    """Attribute a value by input × gradient; with each layer's bias term, the sum is the value."""
    x, value, gradient, biases = yield from attribution_pass.at_image(pixels)
    return Attribution(channels_first(x * gradient), attribution_pass.area, value, biases)


def gradient(
    attribution_pass: AttributionPass, pixels: np.ndarray, rule: ReluRule = relu_gradient
) -> Work:
    """Attribute a value by its gradient (saliency), with a backward rule of ReLU."""
    _, value, slopes, _ = yield from attribution_pass.at_image(pixels, rule)
    return Attribution(channels_first(slopes), attribution_pass.area, value)


def guided_backpropagation(attribution_pass: AttributionPass, pixels: np.ndarray) -> Work:
    """Attribute a value by its gradient, set to zero at each ReLU where it is negative."""

    def guided(output: Tensor, gradient: Tensor) -> Tensor:
        return relu_gradient(output, positive_gradient(output, gradient))

    return (yield from gradient(attribution_pass, pixels, guided))


def deconvnet(attribution_pass: AttributionPass, pixels: np.ndarray) -> Work:
    """Attribute a value by a backward pass in which each ReLU keeps only positive values."""
    return (yield from gradient(attribution_pass, pixels, positive_gradient))


def positive_gradient(output: Tensor, gradient: Tensor) -> Tensor:
    """Return the positive part of a gradient, whether or not the ReLU's unit is active."""
    return tf.nn.relu(gradient)
