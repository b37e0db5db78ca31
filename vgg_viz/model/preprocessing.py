"""Preprocessing of an image's pixels to a network's input, one record each.

Importing this module does not import NumPy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from vgg_viz.option import Option, by_name

if TYPE_CHECKING:
    import numpy as np

# "caffe" is VGG's own preprocessing, by its name in Keras, which calls "signed" "tf".
Preprocessing = Literal["caffe", "rgb", "signed"]

# Mean of ImageNet's training images: red, green, blue.
# Keras: keras/src/applications/imagenet_utils.py, mode "caffe".
MEAN = (123.68, 116.779, 103.939)
# The mean as an RGB pixel; VGG's own input for it is almost zero, like the padding.
MEAN_COLOR = tuple(map(round, MEAN))


@dataclass(frozen=True)
class PreprocessingOption(Option):
    """One preprocessing: ``(pixels - mean) / scale``, with the colors in an order."""

    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)  # of red, green and blue, in gray levels
    scale: float = 1.0
    colors: tuple[str, str, str] = ("red", "green", "blue")  # of the network's input channels

    def apply(self, pixels: np.ndarray) -> np.ndarray:
        """Convert RGB pixels from 0 to 255, ``(…, 3)``, to the network's input, float32."""
        import numpy as np

        values = (pixels - np.array(self.mean, np.float32)) / np.float32(self.scale)
        return self.reorder(values.astype(np.float32))

    def invert(self, values: np.ndarray) -> np.ndarray:
        """Convert a network's input, ``(…, 3)``, back to RGB pixels, uint8."""
        import numpy as np

        levels = self.reorder(values.astype(np.float64)) * self.scale + np.array(self.mean)
        return np.rint(levels).clip(0, 255).astype(np.uint8)

    def backward(self, gradient: np.ndarray) -> np.ndarray:
        """Compute the gradient of RGB pixels from that of the network's input, ``(…, 3)``."""
        return self.reorder(gradient) / gradient.dtype.type(self.scale)

    def reorder(self, values: np.ndarray) -> np.ndarray:
        """Reorder the last axis from red, green, blue to the input's channels, or back."""
        return values if self.colors[0] == "red" else values[..., ::-1]


PREPROCESSINGS: Mapping[Preprocessing, PreprocessingOption] = by_name(
    PreprocessingOption("caffe", "BGR − mean", mean=MEAN, colors=("blue", "green", "red")),
    PreprocessingOption("rgb", "RGB / 255", scale=255),
    PreprocessingOption("signed", "RGB −1…1", mean=(127.5,) * 3, scale=127.5),
)
