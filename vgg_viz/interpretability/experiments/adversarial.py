"""Adversarial example: a small change of all pixels after which the network answers another class.

Projected gradient descent (PGD) of Madry et al., "Towards Deep Learning Models Resistant to
Adversarial Attacks" (2018), https://arxiv.org/abs/1706.06083, toward a class and without a random
start: each step changes all pixels by the sign of the gradient, and stays near the image.
"""

from collections.abc import Generator
from functools import partial
from typing import Any

import numpy as np

from vgg_viz.interpretability.attribution.attribution_pass import fractions
from vgg_viz.interpretability.class_evidence.evidence import Prediction, one_hot
from vgg_viz.interpretability.class_evidence.pixel_gradient import pixel_gradient
from vgg_viz.model.dense_layers import DenseWeights
from vgg_viz.model.network import Network

STEPS = 10
STEP_DIVISOR = 4  # Madry: a step is 2.5 times the largest change, divided by the number of steps


def adversarial_example(
    network: Network, dense: DenseWeights | Any, pixels: np.ndarray, target: int, epsilon: int
) -> Generator[float, None, np.ndarray]:
    """Change an image toward a class by at most ``epsilon`` gray levels, RGB uint8, in 10 steps."""

    def descend() -> Generator[int | None, None, np.ndarray]:
        # Number of layers of all passes.
        yield (2 * len(network.architecture.spatial_layers) - 1) * STEPS
        original = image = pixels.astype(np.int16)
        low, high = np.maximum(original - epsilon, 0), np.minimum(original + epsilon, 255)
        # In whole gray levels: rounding at the end could undo the change.
        step = max(1, epsilon // STEP_DIVISOR)
        for _ in range(STEPS):
            gradient = yield from pixel_gradient(network, dense, image, partial(toward, target))
            image = np.clip(image + step * np.sign(gradient).astype(np.int16), low, high)
        return image.astype(np.uint8)

    return fractions(descend())


def toward(target: int, prediction: Prediction) -> np.ndarray:
    """Return the gradient of a class's log-probability with respect to the logits, ``(classes,)``.

    Where each class has a probability of its own, the class's logit alone counts.
    """
    weights = one_hot(prediction, target)
    return weights - prediction.probabilities if prediction.output == "softmax" else weights


def magnified(original: np.ndarray, changed: np.ndarray, epsilon: int) -> np.ndarray:
    """Draw the difference of two images, RGB uint8; mid-gray is no change, black and white most."""
    difference = changed.astype(np.int16) - original
    return np.rint(128 + difference * magnification(epsilon)).astype(np.uint8)


def magnification(epsilon: int) -> float:
    """Return the factor by which differences of up to ``epsilon`` gray levels are drawn larger."""
    return 127 / epsilon
