"""Guided backpropagation: the gradient, set to zero at each ReLU where it is negative.

Springenberg et al., "Striving for Simplicity" (2014), https://arxiv.org/abs/1412.6806.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING

from vgg_viz.interpretability.attribution.attribution_pass import (
    Attribution,
    AttributionPass,
    InputImage,
    channels_first,
)
from vgg_viz.interpretability.attribution.deconvnet import positive_gradient
from vgg_viz.interpretability.receptive_field import relu_gradient

if TYPE_CHECKING:
    import tensorflow as tf


def guided_backpropagation(
    attribution_pass: AttributionPass, image: InputImage
) -> Generator[float, None, Attribution]:
    """Compute the gradient of a value, set to zero at each ReLU where it is negative."""
    _, value, guided, _ = yield from attribution_pass.at_image(image, guided_gradient)
    return Attribution(channels_first(guided), attribution_pass.area, value)


def guided_gradient(output: tf.Tensor, gradient: tf.Tensor) -> tf.Tensor:
    """Return the gradient where it is positive and the ReLU's unit is active, else zero.

    A backward rule of ReLU for guided backpropagation.
    """
    return relu_gradient(output, positive_gradient(output, gradient))
