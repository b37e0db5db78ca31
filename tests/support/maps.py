"""Read-only maps and seeded weights for tests."""

import numpy as np
import pytest

from vgg_viz.model.architecture import VGG19
from vgg_viz.model.weights import UntrainedWeights


class BiasedWeights(UntrainedWeights):
    """Untrained weights with random biases."""

    def read(self, layer_name):
        kernel, bias = super().read(layer_name)
        random = np.random.default_rng(VGG19.layer(layer_name).index)
        return kernel, random.standard_normal(bias.shape, dtype=np.float32)


def zeros_vgg19(**options):
    """Return Keras' own VGG19; drawing 144 million random weights would take seconds."""
    import keras

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            keras.initializers.GlorotUniform,
            "__call__",
            lambda self, shape, dtype=None, **options: keras.ops.zeros(shape, dtype),
        )
        return keras.applications.VGG19(weights=None, **options)


def all_layers(model, architecture):
    """Return a function from the input (1, h, w, 3) to the maps of all conv layers."""
    import keras

    names = [layer.name for layer in architecture.conv_layers]
    outputs = keras.Model(model.input, [model.get_layer(name).output for name in names])

    def run(batch):
        maps = [np.moveaxis(np.array(tensor)[0], -1, 0) for tensor in outputs(batch)]
        return dict(zip(names, map(frozen, maps), strict=True))

    return run


def frozen(array):
    """Make an array read-only."""
    array.setflags(write=False)
    return array


def random_array(*shape, seed=0):
    return frozen(np.random.default_rng(seed).standard_normal(shape, dtype=np.float32))
