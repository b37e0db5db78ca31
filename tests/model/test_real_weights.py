"""Keras' real file of the whole network: for who has it, ``VGG_VIZ_WEIGHTS=… make test-real``."""

import os
from pathlib import Path

import numpy as np
import pytest

from vgg_viz.downloads.keras_files import FULL
from vgg_viz.image_io import images
from vgg_viz.interpretability.class_evidence import evidence
from vgg_viz.model import class_names
from vgg_viz.model.dense_layers import open_dense
from vgg_viz.model.network import Network, import_keras
from vgg_viz.model.weights import PATH_VARIABLE, StoredWeights, open_weights
from vgg_viz.samples import SAMPLES, sample_bytes

pytestmark = pytest.mark.real

FIRST = 5


@pytest.fixture(scope="module")
def full() -> StoredWeights:
    path = os.environ.get(PATH_VARIABLE)
    if not path:
        pytest.skip(f"{PATH_VARIABLE} names no file")
    found = open_weights(Path(path))
    if found.fingerprint is None or found.fingerprint.md5 != FULL.md5:
        pytest.skip(f"{PATH_VARIABLE} names another file than Keras' {FULL.name}")
    return found


@pytest.fixture(scope="module")
def network(full: StoredWeights) -> Network:
    return Network(full)


@pytest.fixture(scope="module")
def keras_model(full: StoredWeights):
    return import_keras().applications.VGG19(weights=str(full.path))


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
def test_the_first_classes_of_every_sample_are_those_of_keras(sample, full, network, keras_model):
    vgg19 = import_keras().applications.vgg19
    pixels = images.load_image(sample_bytes(sample.name))
    batch = vgg19.preprocess_input(pixels[None].astype("float32"))
    (expected,) = vgg19.decode_predictions(keras_model.predict(batch, verbose=0), top=FIRST)

    maps = network.feature_maps(pixels, "block5_conv4")
    found, names = evidence.predict(open_dense(full), maps), class_names.obtain()
    numbers = found.most_likely(FIRST)
    assert [names.wordnet_id(number) for number in numbers] == [one[0] for one in expected]
    probabilities = [float(one[2]) for one in expected]
    np.testing.assert_allclose(found.probabilities[numbers], probabilities, atol=1e-4)
