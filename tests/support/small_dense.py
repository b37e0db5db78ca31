"""Dense layers for the last block's 512 maps, but with four pooled positions and few units."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest

from tests.support.maps import frozen
from vgg_viz.interpretability.class_evidence import evidence
from vgg_viz.model.architecture import Architecture
from vgg_viz.model.dense_layers import SLAB_ROWS

SMALL = Architecture(
    "small", ((1, 512),), (("fc1", 1024), ("fc2", 512), ("predictions", 300)), input_side=4
)


class SmallDense:
    """Seeded random weights and biases of the small dense layers."""

    identity = "small"

    def __init__(self):
        self.kernels, self.biases = {}, {}
        for layer in SMALL.dense_layers:
            random = np.random.default_rng(layer.index)
            deviation = np.sqrt(2 / layer.inputs)
            kernel = random.normal(0, deviation, layer.matrix_shape).astype(np.float32)
            self.kernels[layer.name] = frozen(kernel)
            self.biases[layer.name] = frozen(random.normal(0, 0.1, layer.units).astype(np.float32))

    def slab(self, layer, index):
        return self.kernels[layer.name][index * SLAB_ROWS : (index + 1) * SLAB_ROWS]

    def bias(self, layer):
        return self.biases[layer.name]


@contextmanager
def small_dense() -> Iterator[SmallDense]:
    """Make the small dense layers those of class evidence within a ``with`` block."""
    with pytest.MonkeyPatch.context() as patch:
        for name, layer in zip(("FC1", "FC2", "PREDICTIONS"), SMALL.dense_layers, strict=True):
            patch.setattr(evidence, name, layer)
        yield SmallDense()
