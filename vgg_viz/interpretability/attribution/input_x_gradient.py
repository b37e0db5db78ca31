"""Input × gradient, whose sum over the inputs equals the value once bias terms are added.

Srinivas and Fleuret, "Full-Gradient Representation" (2019), https://arxiv.org/abs/1905.00780.
"""

from collections.abc import Generator

from vgg_viz.interpretability.attribution.attribution_pass import (
    Attribution,
    AttributionPass,
    InputImage,
    channels_first,
)


def input_x_gradient(
    attribution_pass: AttributionPass, image: InputImage
) -> Generator[float, None, Attribution]:
    """Attribute a value by input × gradient, with each layer's bias term."""
    x, value, gradient, biases = yield from attribution_pass.at_image(image)
    return Attribution(channels_first(x * gradient), attribution_pass.area, value, biases)
