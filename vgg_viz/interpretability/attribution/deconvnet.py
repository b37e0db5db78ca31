"""The deconvnet, whose backward pass lets positive values alone through each ReLU.

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
    """Compute the deconvnet's backward pass."""
    _, value, passed, _ = yield from attribution_pass.at_image(image, positive_gradient)
    return Attribution(channels_first(passed), attribution_pass.area, value)


def positive_gradient(output: tf.Tensor, gradient: tf.Tensor) -> tf.Tensor:
    """Keep the gradient where it is positive, whether the unit is active or not."""
    import tensorflow as tf

    return tf.nn.relu(gradient)


SCRIPT = '''
@tf.custom_gradient
def deconvnet_relu(x):
    """A ReLU whose backward pass keeps positive gradients."""
    return tf.nn.relu(x), tf.nn.relu


def deconvnet(model, preprocess, start, x, layer, position):
    """The deconvnet (Zeiler and Fergus, 2013)."""
    return forward_backward(model, start, x, layer, position, deconvnet_relu)[1]
'''
