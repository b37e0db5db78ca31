"""A network there and back in float64 NumPy: whole maps with padding, nothing of TensorFlow's.

    whole = Whole(plan, weights, source)
    attributed = whole.attributed(layer, channel, row, column, "guided_backpropagation")
    attributed.values["block1_conv2"], attributed.value, attributed.biases

Where the program looks at fields alone, this goes through all of every map.
"""

from dataclasses import dataclass

import numpy as np

from vgg_viz.model.architecture import SpatialLayer

POINTS = 50


@dataclass(frozen=True)
class Attributed:
    """A value before its ReLU, and what each layer before it, and the input, has to do with it.

    ``values``: (channels, h, w) of whole maps, under the layers' names; ``biases``: what those of
    each layer on the way contribute.
    """

    value: float
    values: dict[str, np.ndarray]
    biases: dict[str, float]


class Whole:
    """What all layers of a network make of an input, ``(channels, h, w)``."""

    def __init__(self, plan, weights, source, start=None):
        """Run it from the input, or from that layer's maps on."""
        self.plan, self.weights = plan, weights
        layers = [layer for layer in plan.layers if isinstance(layer, SpatialLayer)]
        self.first = plan.layer(start or plan.layers[0].name)
        self.layers = layers[self.first.index : -1]  # nothing is asked of what the last pool makes
        self.read = {one.name: doubles(weights, one) for one in self.layers if one.kind == "conv"}
        self.before, self.made = {}, {self.first.name: np.asarray(source, np.float64)}
        x = self.made[self.first.name]
        for layer in self.layers:
            if layer.kind == "conv":
                self.before[layer.name] = convolved(x, *self.read[layer.name])
                x = np.maximum(self.before[layer.name], 0)
            else:
                x = windows(x).max(axis=-1)
            self.made[layer.name] = x

    def margin(self):
        """How clear the least clear ReLU or pool is about what it lets through, as a share."""
        least = 1.0
        for layer in self.layers:
            if layer.kind == "conv":
                scale = np.abs(self.before[layer.name]).mean()
                least = min(least, np.abs(self.before[layer.name]).min() / scale)
                continue
            values = np.sort(windows(self.made[self.plan.layers[layer.index - 1].name]), axis=-1)
            gaps = (values[..., 3] - values[..., 2])[values[..., 3] > 0]
            least = min(least, gaps.min() / scale)
        return least

    def attributed(self, layer, channel, row, column, method="input_x_gradient"):
        """By contribution, gradient, guided or deconvnet; the channel's number is from 1."""
        value = self.before[layer.name][channel - 1, row, column]
        gradient = np.zeros_like(self.before[layer.name])
        gradient[channel - 1, row, column] = 1
        values, biases = {}, {}
        for index in range(layer.index - self.first.index - 1, -1, -1):
            here = self.layers[index]
            source = self.layers[index - 1].name if index else self.first.name
            if here.kind == "conv":
                if here is not layer:
                    gradient = through_relu(method, self.made[here.name], gradient)
                kernel, bias = self.read[here.name]
                biases[here.name] = float(gradient.sum(axis=(1, 2)) @ bias)
                gradient = convolved_back(gradient, kernel)
            else:
                gradient = pooled_back(self.made[source], gradient)
            times = self.made[source] if method == "input_x_gradient" else 1
            values[source] = gradient * times
        return Attributed(float(value), values, biases)


def integrated(plan, weights, back_to, base, end, layer, channel, row, column):
    """Integrated gradients with respect to a layer's maps, (channels, h, w), from ``base`` on."""
    total = np.zeros(end.shape)
    for place, share in zip(*np.polynomial.legendre.leggauss(POINTS), strict=True):
        along = base + (place + 1) / 2 * (end - base)
        whole = Whole(plan, weights, along, back_to)
        gradient = whole.attributed(layer, channel, row, column, "gradient").values[back_to]
        total += share / 2 * gradient
    return total * (end - base)


def through_relu(method, made, gradient):
    active, speaks = made > 0, gradient > 0
    passed = {"guided_backpropagation": active & speaks, "deconvnet": speaks}.get(method, active)
    return np.where(passed, gradient, 0)


def doubles(weights, layer):
    kernel, bias = weights.read(layer.name)
    return kernel.astype(np.float64), bias.astype(np.float64)


def convolved(x, kernel, bias):
    _, height, width = x.shape
    padded = np.pad(x, [(0, 0), (1, 1), (1, 1)])
    made = np.zeros((kernel.shape[3], height, width))
    for y, z in np.ndindex(3, 3):
        made += np.tensordot(kernel[y, z], padded[:, y : y + height, z : z + width], (0, 0))
    return made + bias[:, None, None]


def convolved_back(gradient, kernel):
    _, height, width = gradient.shape
    padded = np.zeros((kernel.shape[2], height + 2, width + 2))
    for y, z in np.ndindex(3, 3):
        there = padded[:, y : y + height, z : z + width]
        there += np.tensordot(kernel[y, z], gradient, (1, 0))
    return padded[:, 1:-1, 1:-1]


def windows(x):
    """The four values of each pool's window, in reading order, ``(channels, h, w, 4)``."""
    channels, height, width = x.shape
    parts = x.reshape(channels, height // 2, 2, width // 2, 2).transpose(0, 1, 3, 2, 4)
    return parts.reshape(channels, height // 2, width // 2, 4)


def pooled_back(x, gradient):
    """To the first of the largest."""
    seen = windows(x)
    found = np.zeros(seen.shape)
    np.put_along_axis(found, seen.argmax(axis=-1)[..., None], gradient[..., None], axis=-1)
    channels, height, width = gradient.shape
    found = found.reshape(channels, height, width, 2, 2).transpose(0, 1, 3, 2, 4)
    return found.reshape(x.shape)
