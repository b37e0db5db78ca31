"""The deconvnet: a backward pass in which each ReLU keeps only positive values.

Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks" (2013),
https://arxiv.org/abs/1311.2901.
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

if TYPE_CHECKING:
    import tensorflow as tf


def deconvnet(
    attribution_pass: AttributionPass, image: InputImage
) -> Generator[float, None, Attribution]:
    """Attribute a value with the deconvnet, yielding the fraction done."""
    _, value, passed, _ = yield from attribution_pass.at_image(image, positive_gradient)
    return Attribution(channels_first(passed), attribution_pass.area, value)


def positive_gradient(output: tf.Tensor, gradient: tf.Tensor) -> tf.Tensor:
    """Return the positive part of a gradient, whether or not the ReLU's unit is active.

    A backward rule of ReLU for the deconvnet.
    """
    import tensorflow as tf

    return tf.nn.relu(gradient)
