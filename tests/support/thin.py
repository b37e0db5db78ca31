"""VGG19 with a few maps a layer and small images, which runs in milliseconds."""

import numpy as np

from tests.support.maps import frozen
from vgg_viz.model.architecture import VGG19, Architecture

DEPTHS = [depth for depth, _ in VGG19.blocks]
THIN = Architecture("thin", tuple(zip(DEPTHS, (4, 4, 5, 6, 6), strict=True)), (), input_side=48)


class RandomWeights:
    """Seeded random kernels and biases, for any architecture."""

    label = identity = "random"

    def __init__(self, architecture):
        self.architecture = architecture

    def read(self, layer_name):
        layer = self.architecture.layer(layer_name)
        random = np.random.default_rng([5, layer.index])
        kernel = random.standard_normal(layer.kernel_shape, dtype=np.float32)
        kernel *= np.float32(np.sqrt(2 / (9 * layer.channels)))
        return kernel, random.standard_normal(layer.filters, dtype=np.float32)


class Changed:
    """Weights with the kernels and biases of some layers replaced by functions of them."""

    label = identity = "changed"

    def __init__(self, weights, changes):
        self.weights, self.changes = weights, changes

    def read(self, layer_name):
        kernel, bias = self.weights.read(layer_name)
        return self.changes.get(layer_name, lambda *both: both)(kernel, bias)


def noise(side, seed=0):
    """Return a read-only image of random pixels."""
    random = np.random.default_rng([side, seed])
    return frozen(random.integers(0, 256, (side, side, 3), dtype=np.uint8))


def outcome(generator):
    """Run a generator; return its value and its number of steps."""
    steps = 0
    while True:
        try:
            next(generator)
        except StopIteration as stopped:
            return stopped.value, steps
        steps += 1
