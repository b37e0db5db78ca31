"""Forward and backward pass in float64 NumPy, on whole maps with padding and without TensorFlow.

An oracle for the passes of the package, which are restricted to a receptive field.
"""

from dataclasses import dataclass

import numpy as np
from numpy.polynomial import chebyshev


@dataclass(frozen=True)
class Attributed:
    """A value before its ReLU, with attributions and bias terms by layer name."""

    value: float
    values: dict[str, np.ndarray]  # (channels, height, width) of whole maps or the input
    biases: dict[str, float]
    absorbed: dict[str, float]  # by LRP's ε, or 0/0


class NumpyNetwork:
    """Outputs of all layers for an input, ``(channels, height, width)``, before and after ReLU."""

    def __init__(self, architecture, weights, source, start=None):
        """Run the network from the input, or from the maps of the layer ``start``."""
        self.architecture = architecture
        self.first = architecture.layer(start or architecture.layers[0].name)
        # The last pooling has no values to attribute.
        self.layers = architecture.spatial_layers[self.first.index : -1]
        convs = [layer.name for layer in self.layers if layer.kind == "conv"]
        self.read = {name: [part.astype(float) for part in weights.read(name)] for name in convs}
        self.before, self.after = {}, {self.first.name: np.asarray(source, np.float64)}
        x = self.after[self.first.name]
        for layer in self.layers:
            if layer.kind == "conv":
                self.before[layer.name] = convolve(x, *self.read[layer.name])
                x = np.maximum(self.before[layer.name], 0)
            else:
                x = windows(x).max(axis=-1)
            self.after[layer.name] = x

    def margin(self):
        """Return the smallest relative margin by which a ReLU or max pooling is decided."""
        least = 1.0
        for layer in self.layers:
            if layer.kind == "conv":
                scale = np.abs(self.before[layer.name]).mean()
                least = min(least, np.abs(self.before[layer.name]).min() / scale)
                continue
            values = np.sort(windows(self.after[self.source(layer)]), axis=-1)
            gaps = (values[..., 3] - values[..., 2])[values[..., 3] > 0]
            least = min(least, gaps.min() / scale)
        return least

    def source(self, layer):
        """Return the name of the layer before."""
        return self.architecture.layers[layer.index - 1].name

    def until(self, layer):
        """Return the layers up to that one, last first."""
        return self.layers[: layer.index - self.first.index][::-1]

    def attribute(self, layer, channel, row, column, method="input_x_gradient"):
        """Attribute a value, whose channel counts from 1, by a method of one backward pass."""
        value = self.before[layer.name][channel - 1, row, column]
        gradient = np.zeros_like(self.before[layer.name])
        gradient[channel - 1, row, column] = 1
        values, biases = {}, {}
        for here in self.until(layer):
            source = self.source(here)
            if here.kind == "conv":
                if here is not layer:
                    gradient = through_relu(method, self.after[here.name], gradient)
                kernel, bias = self.read[here.name]
                biases[here.name] = float(gradient.sum(axis=(1, 2)) @ bias)
                gradient = convolve_back(gradient, kernel)
            else:
                gradient = pool_back(self.after[source], gradient)
            times = self.after[source] if method == "input_x_gradient" else 1
            values[source] = gradient * times
        return Attributed(float(value), values, biases, {})

    def lrp(self, layer, channel, row, column, bounds=None, gamma=0.25, epsilon=0.25):
        """Attribute a value by LRP; without bounds of the input, pixels have LRP-0."""
        # Relevance itself goes back, divided by denominators as in the papers.
        value = self.before[layer.name][channel - 1, row, column]
        relevance = np.zeros_like(self.before[layer.name])
        relevance[channel - 1, row, column] = value
        values, biases, absorbed = {}, {}, {}
        field = [(row, row + 1), (column, column + 1)]  # on which the value depends
        for here in self.until(layer):
            source = self.source(here)
            x = self.after[source]
            if here.kind != "conv":
                relevance = pool_back(x, relevance)
                field = [(2 * start, 2 * stop) for start, stop in field]
            elif source == "input" and bounds is not None:
                kernel, _ = self.read[here.name]
                relevance, absorbed[here.name] = zb_rule(x, *bounds, kernel, relevance)
            else:
                kernel, bias = self.read[here.name]
                stabilizer = 0.0
                if here.block > 3:
                    (top, bottom), (left, right) = field
                    seen = self.before[here.name][:, top:bottom, left:right]
                    stabilizer = epsilon * np.sqrt(np.mean(seen**2))
                elif source != "input":
                    kernel = kernel + gamma * np.maximum(kernel, 0)
                    bias = bias + gamma * np.maximum(bias, 0)
                denominators = convolve(x, kernel, bias) + stabilizer
                shares = divide(relevance, denominators)
                biases[here.name] = float(shares.sum(axis=(1, 2)) @ bias)
                absorbed[here.name] = float(shares.sum() * stabilizer)
                relevance = x * convolve_back(shares, kernel)
                field = [(max(0, start - 1), min(stop + 1, len(x[0]))) for start, stop in field]
            values[source] = relevance
        return Attributed(float(value), values, biases, absorbed)


def zb_rule(x, low, high, kernel, relevance):
    """Pass relevance back to pixels between two bounds; return what 0/0 absorbs, too."""
    positive, negative = np.maximum(kernel, 0), np.minimum(kernel, 0)
    zero = np.zeros(kernel.shape[3])
    denominators = convolve(x - low, positive, zero) + convolve(x - high, negative, zero)
    shares = divide(relevance, denominators)
    back = x * convolve_back(shares, kernel)
    back -= low * convolve_back(shares, positive) + high * convolve_back(shares, negative)
    return back, float(relevance[denominators == 0].sum())


def divide(numerators, denominators):
    """Divide, where 0/0 is 0 and so is what no input receives."""
    defined = (numerators != 0) & (denominators != 0)
    return np.divide(numerators, denominators, out=np.zeros_like(numerators), where=defined)


def integrate(architecture, weights, back_to, ends, layer, value, points):
    """Compute integrated gradients between two inputs, each ``(channels, height, width)``.

    The value is at channel, row and column.
    """
    start, end = ends
    positions = -np.cos(np.linspace(0, np.pi, points))
    # Interpolate the gradients by Chebyshev polynomials and integrate these.
    series = np.linalg.inv(chebyshev.chebvander(positions, points - 1)).T
    integrals = [chebyshev.chebval(1, chebyshev.chebint(one, lbnd=-1)) for one in series]
    total = np.zeros(end.shape)
    for position, weight in zip(positions, integrals, strict=True):
        point = start + (position + 1) / 2 * (end - start)
        network = NumpyNetwork(architecture, weights, point, back_to)
        gradient = network.attribute(layer, *value, "gradient").values[back_to]
        total += weight / 2 * gradient
    return total * (end - start)


def through_relu(method, output, gradient):
    """Pass a gradient back through ReLU."""
    active, positive = output > 0, gradient > 0
    rules = {"guided_backpropagation": active & positive, "deconvnet": positive}
    return np.where(rules.get(method, active), gradient, 0)


def convolve(x, kernel, bias):
    _, height, width = x.shape
    padded = np.pad(x, [(0, 0), (1, 1), (1, 1)])
    output = np.zeros((kernel.shape[3], height, width))
    for y, z in np.ndindex(3, 3):
        output += np.tensordot(kernel[y, z], padded[:, y : y + height, z : z + width], (0, 0))
    return output + bias[:, None, None]


def convolve_back(gradient, kernel):
    """Compute the gradient of a convolution's input."""
    _, height, width = gradient.shape
    padded = np.zeros((kernel.shape[2], height + 2, width + 2))
    for y, z in np.ndindex(3, 3):
        part = padded[:, y : y + height, z : z + width]
        part += np.tensordot(kernel[y, z], gradient, (1, 0))
    return padded[:, 1:-1, 1:-1]


def windows(x):
    """Return the 2 x 2 windows of max pooling, in reading order, ``(channels, h, w, 4)``."""
    channels, height, width = x.shape
    parts = x.reshape(channels, height // 2, 2, width // 2, 2).transpose(0, 1, 3, 2, 4)
    return parts.reshape(channels, height // 2, width // 2, 4)


def pool_back(x, gradient):
    """Pass a gradient back to the first of each window's largest values."""
    values = windows(x)
    result = np.zeros(values.shape)
    np.put_along_axis(result, values.argmax(axis=-1)[..., None], gradient[..., None], axis=-1)
    channels, height, width = gradient.shape
    result = result.reshape(channels, height, width, 2, 2).transpose(0, 1, 3, 2, 4)
    return result.reshape(x.shape)
