"""Responses of a layer's channels to gratings: gray stripes of many orientations and widths.

The responses to two phases, a quarter of a period apart, make one magnitude that does not depend on
where the stripes lie. For the first conv layer, it is that of the Fourier transform of a kernel.
"""

from collections.abc import Generator

import numpy as np

from vgg_viz.interpretability.receptive_field import (
    Area,
    LayerOperations,
    Stage,
    middle,
    padded_input,
    value_stages,
)
from vgg_viz.model.architecture import ConvLayer
from vgg_viz.model.network import Network, Tensor, tf
from vgg_viz.model.preprocessing import MEAN_COLOR, PREPROCESSINGS

ORIENTATIONS = 12
PERIODS = (2, 3, 4, 6, 8, 12, 16, 32)  # pixels
AMPLITUDE = 60  # gray levels around the mean color
MOST_PIXELS = 200_000  # of the gratings that one step computes


def grating_responses(network: Network, layer: ConvLayer) -> Generator[float, None, np.ndarray]:
    """Measure all channels in the middle of a layer, float64 ``(orientations, periods, channels)``.

    The responses are values before ReLU, less that for the mean color alone. Yields the fraction
    done after each step.
    """
    stages = value_stages(layer, middle(layer), middle(layer), network.architecture)
    area = stages[0].input_area
    blank = values(network, stages, np.zeros((1, area.rows.length, area.columns.length)))
    phases = np.concatenate([stripes(area, quarter) for quarter in (0, 1)])
    step = max(1, MOST_PIXELS // phases[0].size)
    found: list[np.ndarray] = []
    for first in range(0, len(phases), step):
        found.append(values(network, stages, phases[first : first + step]) - blank)
        yield min(1.0, (first + step) / len(phases))
    both = np.concatenate(found).astype(np.float64)
    magnitudes: np.ndarray = np.hypot(*np.split(both, 2))
    return magnitudes.reshape(ORIENTATIONS, len(PERIODS), -1)


def stripes(area: Area, quarters: int) -> np.ndarray:
    """Return gratings over an area, from −1 to 1, ``(orientations * periods, height, width)``.

    Orientation 0 has vertical stripes; further ones are turned clockwise.
    """
    row, column = np.mgrid[slice(*area.rows), slice(*area.columns)]
    angles = np.pi * np.arange(ORIENTATIONS) / ORIENTATIONS
    return np.stack(
        [
            np.cos(2 * np.pi * across / period - np.pi / 2 * quarters)
            for across in (np.cos(angle) * column + np.sin(angle) * row for angle in angles)
            for period in PERIODS
        ]
    )


def values(network: Network, stages: list[Stage], patterns: np.ndarray) -> np.ndarray:
    """Compute all channels' values before ReLU, ``(n, channels)``, for patterns from −1 to 1."""
    operations = LayerOperations(network)
    images = MEAN_COLOR + AMPLITUDE * patterns[..., None]
    x: Tensor = tf.constant(PREPROCESSINGS[network.preprocessing].apply(images))
    for stage in stages[:-1]:
        x = operations.forward(stage, padded_input(stage, x))
    kernel, bias = operations.weights(stages[-1].layer)
    found = tf.nn.conv2d(padded_input(stages[-1], x), kernel, 1, "VALID") + bias
    return found.numpy()[:, 0, 0]
