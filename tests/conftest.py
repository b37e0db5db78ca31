import os

import pytest

from vgg_viz import images, samples
from vgg_viz.network import Network
from vgg_viz.weights import UntrainedWeights

# Before the first import of TensorFlow: no reports about the machine it finds.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")


@pytest.fixture(scope="session")
def untrained_network():
    """VGG19 with seeded random weights, built once for all tests."""
    return Network(UntrainedWeights())


@pytest.fixture(scope="session")
def photograph():
    """A photograph as the network's input, uint8 (224, 224, 3); nobody may write to it."""
    pixels = images.load_picture(samples.sample_bytes("cat"))
    pixels.setflags(write=False)
    return pixels
