"""VGG19's plan with a few maps a layer and small pictures: all of its layers in milliseconds."""

import numpy as np

from tests.support.maps import frozen
from vgg_viz.model.architecture import VGG19, Architecture

DEPTHS = [depth for depth, _ in VGG19.blocks]
THIN = Architecture("thin", tuple(zip(DEPTHS, (4, 4, 5, 6, 6), strict=True)), (), input_side=48)


class RandomWeights:
    """Seeded random kernels and biases that count, for any plan."""

    label = identity = "random"

    def __init__(self, plan):
        self.plan = plan

    def read(self, layer_name):
        layer = self.plan.layer(layer_name)
        random = np.random.default_rng([5, layer.index])
        kernel = random.standard_normal(layer.kernel_shape, dtype=np.float32)
        kernel *= np.float32(np.sqrt(2 / (9 * layer.channels)))
        return kernel, random.standard_normal(layer.filters, dtype=np.float32)


class Changed:
    """Other weights, but for what functions make of the kernels and biases of some layers."""

    label = identity = "changed"

    def __init__(self, weights, changes):
        self.weights, self.changes = weights, changes

    def read(self, layer_name):
        kernel, bias = self.weights.read(layer_name)
        return self.changes.get(layer_name, lambda *both: both)(kernel, bias)


def noise(side, seed=0):
    """A picture of random pixels, which nobody can write to."""
    random = np.random.default_rng([side, seed])
    return frozen(random.integers(0, 256, (side, side, 3), dtype=np.uint8))


def outcome(generator):
    """What a generator returns, and in how many steps."""
    steps = 0
    while True:
        try:
            next(generator)
        except StopIteration as stopped:
            return stopped.value, steps
        steps += 1
