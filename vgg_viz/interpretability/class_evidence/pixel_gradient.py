"""Gradient of logits with respect to the pixels, through the head and all convolutions."""

from collections.abc import Callable, Generator
from typing import Any

import numpy as np

from vgg_viz.interpretability.class_evidence import evidence
from vgg_viz.interpretability.class_evidence.evidence import Prediction
from vgg_viz.interpretability.receptive_field import (
    Area,
    Interval,
    LayerOperations,
    affected_stages,
    padded_input,
    relu_gradient,
    whole_area,
)
from vgg_viz.model.dense_layers import DenseWeights
from vgg_viz.model.network import Network, tf
from vgg_viz.model.preprocessing import PREPROCESSINGS

# The weights of a sum of logits, from the prediction.
Weigh = Callable[[Prediction], np.ndarray]


def pixel_attribution(
    network: Network, dense: DenseWeights | Any, pixels: np.ndarray, weigh: Weigh
) -> Generator[None, None, np.ndarray]:
    """Attribute a weighted sum of logits to the pixels by input × gradient, ``(224, 224)``."""
    gradient = yield from pixel_gradient(network, dense, pixels, weigh)
    preprocessing = PREPROCESSINGS[network.preprocessing]
    values = preprocessing.reorder(preprocessing.apply(pixels)) * preprocessing.scale
    return (values * gradient).sum(axis=-1)


def pixel_gradient(
    network: Network, dense: DenseWeights | Any, pixels: np.ndarray, weigh: Weigh
) -> Generator[None, None, np.ndarray]:
    """Compute the gradient of a weighted sum of logits, float32 ``(224, 224, 3)``, in steps.

    The pixels are RGB from 0 to 255, also between whole gray levels. Yields after each layer.
    """
    preprocessing, architecture = PREPROCESSINGS[network.preprocessing], network.architecture
    operations = LayerOperations(network)
    side, layers = Interval(0, architecture.input_side), architecture.spatial_layers[:-1]
    stages = affected_stages(Area(side, side), {layer: whole_area(layer) for layer in layers})
    outputs = [tf.constant(preprocessing.apply(pixels)[None])]  # with all layers', 75 MB
    for stage in stages:
        outputs.append(operations.forward(stage, padded_input(stage, outputs[-1])))
        yield
    maps = np.moveaxis(outputs[-1].numpy()[0], -1, 0)
    prediction = evidence.predict(dense, maps)
    found = evidence.logits_gradient(dense, maps, prediction, weigh(prediction))
    yield
    gradient = tf.constant(np.moveaxis(found.values, 0, -1)[None])
    for stage in reversed(stages):
        output = outputs.pop()
        if stage.is_conv:
            gradient = relu_gradient(output, gradient)
        gradient = operations.backward(stage, outputs[-1], output, gradient)
        yield
    return preprocessing.backward(gradient.numpy()[0])
