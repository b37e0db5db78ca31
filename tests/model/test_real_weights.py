"""Predictions with Keras' real full file: ``VGG_VIZ_WEIGHTS=… make test-real``."""

import os
from pathlib import Path

import numpy as np
import pytest

from tests.support.photographs import load_image, sample_bytes
from vgg_viz.interpretability.class_evidence import evidence
from vgg_viz.model import class_names
from vgg_viz.model.dense_layers import open_dense
from vgg_viz.model.network import Network, import_keras
from vgg_viz.model.weights import FULL, PATH_VARIABLE, StoredWeights, open_weights
from vgg_viz.samples import SAMPLES

pytestmark = pytest.mark.real

TOP = 5


@pytest.fixture(scope="module")
def full() -> StoredWeights:
    path = os.environ.get(PATH_VARIABLE)
    if not path:
        pytest.skip(f"{PATH_VARIABLE} is not set")
    weights = open_weights(Path(path))
    if weights.fingerprint != FULL.md5:
        pytest.skip(f"{PATH_VARIABLE} names another file than Keras' {FULL.name}")
    return weights


@pytest.fixture(scope="module")
def network(full: StoredWeights) -> Network:
    return Network(full)


@pytest.fixture(scope="module")
def keras_model(full: StoredWeights):
    return import_keras().applications.VGG19(weights=str(full.path))


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
def test_top_classes_of_every_sample_match_keras(sample, full, network, keras_model):
    vgg19 = import_keras().applications.vgg19
    pixels = load_image(sample_bytes(sample.name))
    batch = vgg19.preprocess_input(pixels[None].astype("float32"))
    (expected,) = vgg19.decode_predictions(keras_model.predict(batch, verbose=0), top=TOP)

    maps = network.feature_maps(pixels, "block5_conv4")
    prediction, names = evidence.predict(open_dense(full), maps), class_names.obtain()
    numbers = prediction.most_likely(TOP)
    assert [names.wordnet_id(number) for number in numbers] == [one[0] for one in expected]
    probabilities = [float(one[2]) for one in expected]
    np.testing.assert_allclose(prediction.probabilities[numbers], probabilities, atol=1e-4)
