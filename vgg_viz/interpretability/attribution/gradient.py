"""The gradient of one value as its attribution (saliency).

Simonyan, Vedaldi and Zisserman, "Deep Inside Convolutional Networks" (2013),
https://arxiv.org/abs/1312.6034.
"""

from collections.abc import Generator

from vgg_viz.interpretability.attribution.attribution_pass import (
    Attribution,
    AttributionPass,
    InputImage,
    channels_first,
)


def gradient(
    attribution_pass: AttributionPass, image: InputImage
) -> Generator[float, None, Attribution]:
    """Compute the gradient of a value with respect to an earlier layer's maps or the pixels."""
    _, value, slopes, _ = yield from attribution_pass.at_image(image)
    return Attribution(channels_first(slopes), attribution_pass.area, value)
