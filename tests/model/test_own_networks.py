"""Networks that Keras has saved: read back from every format, their heads against `predict`."""

import re
import shutil
from contextlib import contextmanager
from functools import cache, cached_property, partial

import numpy as np
import pytest

from tests.support.fine_tuned import fine_tuning_code
from tests.support.own_models import (
    SMALL,
    conv_layers,
    extended,
    functional,
    laid_out,
    nested_in_sequential,
    randomize_head,
    save,
    vgg,
)
from tests.support.photographs import sample_bytes
from tests.support.thin import noise
from vgg_viz.model import weights
from vgg_viz.model.architecture import VGG19
from vgg_viz.model.class_names import own_names
from vgg_viz.model.network import build_model, import_keras
from vgg_viz.model.own_networks import convolutions, head, own_network
from vgg_viz.model.own_networks.configuration import ConfiguredLayer
from vgg_viz.model.own_networks.fine_tuning import relative_change
from vgg_viz.model.own_networks.own_network import open_network
from vgg_viz.model.preprocessing import PREPROCESSINGS

FORMATS = ("model.keras", "model.h5", "model.weights.h5", "old_weights.h5")
WITH_CONFIGURATION = FORMATS[:2]

# Model, precision, preprocessing that it records, where VGG19 is found, and the head's kinds.
CASES = {
    "nested": (
        nested_in_sequential,
        "float32",
        "rgb",
        "in the layer features, by the names of its layers",
        ["GlobalAveragePooling2D", "BatchNormalization", "Dense"],
    ),
    "functional": (
        functional,
        "float32",
        "caffe",
        "in the layer {}, by the names of its layers",
        ["Flatten", "Dense", "BatchNormalization", "Dense"],
    ),
    "extended": (
        extended,
        "float32",
        None,
        "by the names of its layers",
        ["GlobalMaxPooling2D", "Flatten", "Dense", "Activation", "Dense"],
    ),
    **{
        precision: (
            laid_out,
            precision,
            None,
            "by the shapes of its kernels in the model's order",
            ["GlobalAveragePooling2D", "Dense"],
        )
        for precision in ("mixed_float16", "float16", "bfloat16", "float64")
    },
}
CLASSES = {"nested": 5, "functional": 3, "extended": 4}


class Saved:
    """A model as Keras has it in memory, and the paths of its files."""

    def __init__(self, name, architecture, folder):
        keras = import_keras()
        build, precision, self.preprocessing, self.where, self.kinds = CASES[name]
        keras.config.set_dtype_policy(precision)
        try:
            self.model = build(keras, architecture)
        finally:
            keras.config.set_dtype_policy("float32")
        randomize_head(keras, self.model)
        self.architecture, self.precise = architecture, precision in ("float32", "float64")
        self.classes = CLASSES.get(name, 2)
        self.arrays = [layer.get_weights() for layer in conv_layers(keras, self.model)]
        self.paths = save(keras, self.model, folder)
        self.pixels = noise(architecture.input_side)

    @cached_property
    def answer(self):
        """Answer of Keras' `predict`."""
        pixels = self.pixels
        inputs = pixels if self.preprocessing else PREPROCESSINGS["caffe"].apply(pixels)
        return self.model.predict(inputs[None].astype(np.float32), verbose=0)[0]

    @cached_property
    def maps(self):
        """Maps from which the head starts; the arrays of all files are equal."""
        network = open_network(self.paths["model.keras"])
        model = build_model(network, self.architecture)
        before = import_keras().Model(model.input, model.get_layer(network.head.start).output)
        preprocessing = PREPROCESSINGS[network.preprocessing or "caffe"]
        return before(preprocessing.apply(self.pixels)[None])


def sizes():
    """Yield every case in a small size, and three in full size."""
    for name in CASES:
        marks = pytest.mark.slow if name in ("float16", "bfloat16", "float64") else ()
        yield pytest.param((name, SMALL), id=name, marks=marks)
    for name in ("nested", "functional", "mixed_float16"):
        yield pytest.param((name, VGG19), id=f"{name}-full", marks=pytest.mark.slow)


@pytest.fixture(scope="module", params=sizes())
def saved(request, tmp_path_factory):
    name, architecture = request.param
    folder = tmp_path_factory.mktemp(name)
    with reading(architecture):
        yield Saved(name, architecture, folder)
    shutil.rmtree(folder)


@pytest.fixture
def small():
    with reading(SMALL):
        yield


@pytest.fixture
def full():
    with reading(VGG19):
        yield


@contextmanager
def reading(architecture):
    """Read files of an architecture."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (convolutions, head, own_network):
            patch.setattr(module, "VGG19", architecture)
        # A trial takes a third of a second.
        patch.setattr(own_network, "check_in_child", lambda source: None)
        yield


@pytest.mark.parametrize("file", FORMATS)
def test_all_arrays_are_read_back_from_every_format(saved, file):
    network = open_network(saved.paths[file])
    assert network.name == file
    for layer, expected in zip(saved.architecture.conv_layers, saved.arrays, strict=True):
        for found, array in zip(network.read(layer.name), expected, strict=True):
            assert found.dtype == np.float32
            np.testing.assert_array_equal(found, np.asarray(array, np.float32))


@pytest.mark.parametrize("file", FORMATS)
def test_the_hosts_file_may_be_any_that_keras_has_saved(saved, file, without_trial, monkeypatch):
    monkeypatch.setattr(weights, "VGG19", saved.architecture)
    monkeypatch.setenv(weights.PATH_VARIABLE, str(saved.paths[file]))
    found = weights.obtain()
    assert found.label == f"weights of {file}"
    assert found.head.classes == (saved.classes if file in WITH_CONFIGURATION else 0)


@pytest.mark.parametrize("file", WITH_CONFIGURATION)
def test_the_answer_is_that_of_predict(saved, file):
    network = open_network(saved.paths[file].read_bytes(), "dropped")
    assert (network.preprocessing, network.input_side) == (
        saved.preprocessing,
        saved.architecture.input_side,
    )
    assert network.found.split("; VGG19 found ")[1] == saved.where.format(
        saved.architecture.name.lower()
    )
    assert [layer.kind for layer in network.head.layers] == saved.kinds
    assert (network.head.classes, network.head.obstacle) == (saved.classes, "")
    logits = saved.kinds[-2:] == ["Activation", "Dense"]
    answer = answer_of(network, saved.maps, ends_with_logits=logits)
    tolerance = {"rtol": 1e-5, "atol": 1e-6} if saved.precise else {"rtol": 0.05, "atol": 0.01}
    np.testing.assert_allclose(answer, saved.answer, **tolerance)
    assert np.ptp(saved.answer) > 0.01


def answer_of(network, maps, *, ends_with_logits):
    """Compute a head's answer from the maps before it."""
    logits = np.asarray(network.build_head()(maps))[0]
    if ends_with_logits:
        return logits
    if network.head.output == "sigmoid":
        return 1 / (1 + np.exp(-logits))
    exponentials = np.exp(logits - logits.max())
    return exponentials / exponentials.sum()


@cache
def base():
    """Return one VGG19 without dense layers for all heads."""
    return vgg(SMALL)


def with_head(head):
    """Build a model of a function of the layers module and of VGG19's maps."""

    def build(keras):
        return keras.Model(base().input, head(keras.layers, base().output))

    return build


def pooled(layers, maps):
    return layers.GlobalAveragePooling2D()(maps)


def own_class(keras):
    class Own(keras.Model):
        def __init__(self):
            super().__init__()
            self.base, self.top = vgg(SMALL), keras.layers.Dense(2)

        def call(self, pixels):
            return self.top(pooled(keras.layers, self.base(pixels)))

        def get_config(self):
            return {}

    model = Own()
    model(np.zeros((1, 64, 64, 3), np.float32))
    return model


def built_for_another_size(keras):
    base = keras.Sequential(vgg(SMALL).layers[1:])
    layers = [keras.Input((96, 96, 3)), base, keras.layers.Flatten(), keras.layers.Dense(2)]
    return keras.Sequential(layers)


OBSTACLES = {
    "features alone": (
        with_head(lambda layers, maps: pooled(layers, maps)),
        "the model's end: it has no dense layer that computes classes",
    ),
    "branches": (
        with_head(
            lambda layers, maps: layers.Concatenate()(
                [pooled(layers, maps), layers.GlobalMaxPooling2D()(maps)]
            )
        ),
        r"the 2 layers that follow block5_pool \(MaxPooling2D\)",
    ),
    "outputs": (
        with_head(lambda layers, maps: [layers.Dense(n)(pooled(layers, maps)) for n in (2, 3)]),
        "a model with 2 outputs",
    ),
    "activation": (
        with_head(lambda layers, maps: layers.Dense(2, "gelu", name="top")(pooled(layers, maps))),
        r"the layer top \(Dense\), whose activation is gelu",
    ),
    "last activation": (
        with_head(lambda layers, maps: layers.Dense(2, "relu", name="top")(pooled(layers, maps))),
        "the last layer top, whose activation is relu",
    ),
    "layer": (
        with_head(
            lambda layers, maps: layers.Dense(2)(
                layers.LayerNormalization(name="norm")(pooled(layers, maps))
            )
        ),
        r"the layer norm \(LayerNormalization\)",
    ),
    "size": (
        built_for_another_size,
        r"the layer dense\w* \(Dense\) with 63 inputs: images of this page give 28",
    ),
    "class": (own_class, "a model of the class Own"),
}


CONV = {"activation": "relu"}


@pytest.mark.parametrize(
    ("conv", "layers", "obstacle"),
    [
        ({}, [("ReLU", {"max_value": 6.0})], "the layer conv (Conv2D), which has no ReLU"),
        ({}, [("ReLU", {"negative_slope": 0.1})], "the layer conv (Conv2D), which has no ReLU"),
        (CONV, [("MaxPooling2D", {"pool_size": [7, 7]})], "the layer MaxPooling2D (MaxPooling2D)"),
        *(
            (CONV | first, [("Flatten", {})], "a model with channels first: its Flatten has an")
            for first in ({"data_format": "channels_first"}, {"dim_ordering": "th"})
        ),
    ],
)
def test_settings_that_change_what_a_layer_computes_are_obstacles(conv, layers, obstacle):
    chain = [("Conv2D", conv), *layers, ("Dense", {})]
    names = ["conv", *(kind for kind, _ in chain[1:])]
    configured = [
        ConfiguredLayer(kind, name, settings, (name, name))
        for name, (kind, settings) in zip(names, chain, strict=True)
    ]
    assert head.read_head(configured, {}).obstacle.startswith(obstacle)


@pytest.mark.parametrize(("build", "obstacle"), OBSTACLES.values(), ids=OBSTACLES)
def test_heads_that_cannot_be_followed_are_named(small, tmp_path, build, obstacle):
    path = tmp_path / "model.keras"
    build(import_keras()).save(path)
    network = open_network(path)
    assert re.fullmatch(obstacle, network.head.obstacle)
    assert network.read("block5_conv4")[0].shape == (3, 3, 7, 7)


@pytest.mark.parametrize(
    ("last", "loss", "output"),
    [
        (lambda layers: [layers.Dense(3)], "binary_crossentropy", "sigmoid"),
        (lambda layers: [layers.Dense(3)], "categorical_crossentropy", "softmax"),
        (lambda layers: [layers.Dense(1)], "mse", "sigmoid"),
        (lambda layers: [layers.Dense(3), layers.Softmax()], "mse", "softmax"),
        (
            # As TensorFlow's guide to mixed precision ends a model.
            lambda layers: [layers.Dense(3, "sigmoid"), layers.Activation("linear")],
            "mse",
            "sigmoid",
        ),
    ],
)
def test_the_last_activation_or_the_loss_tells_the_output(small, tmp_path, last, loss, output):
    keras, path = import_keras(), tmp_path / "model.h5"
    model = keras.Sequential([base(), keras.layers.Flatten(), *last(keras.layers)])
    model.compile(loss=loss)
    model.save(path)
    head = open_network(path).head
    assert (head.output, head.obstacle) == (output, "")
    assert [layer.activation for layer in head.layers if layer.kind == "Dense"] == ["linear"]
    assert [layer.kind for layer in head.layers] == ["Flatten", "Dense"]


@pytest.mark.slow
def test_the_fine_tuning_of_the_guide_is_read_as_it_says(full, tmp_path, monkeypatch):
    keras = import_keras()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        keras.applications, "VGG19", partial(keras.applications.VGG19, weights=None)
    )
    for name in ("cat", "coffee", "bricks", "astronaut", "retina"):
        for number in range(2):
            path = tmp_path / "photos" / name / f"{number}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(sample_bytes(name))
    kernels_before, fit = [], keras.Model.fit

    def fit_briefly(model, images, epochs):
        kernels_before.extend(layer.get_weights()[0] for layer in conv_layers(keras, model))
        fit(model, images, epochs=1, verbose=0)

    monkeypatch.setattr(keras.Model, "fit", fit_briefly)
    exec(fine_tuning_code(), {})

    network = open_network(tmp_path / "my_model.keras")
    head = network.head
    assert (network.preprocessing, head.output, head.classes) == ("caffe", "softmax", 5)
    names_of_classes = own_names(tmp_path / "my_model.keras", 5)
    assert names_of_classes.names == ("astronaut", "bricks", "cat", "coffee", "retina")
    changes = {
        layer.name: relative_change(network.read(layer.name)[0], before)
        for layer, before in zip(VGG19.conv_layers, kernels_before, strict=True)
    }
    assert {name for name, change in changes.items() if change == 0} == {
        layer.name for layer in VGG19.conv_layers if layer.block < 5
    }
    assert all(0 < changes[name] < 1 for name in changes if name.startswith("block5"))


@pytest.mark.parametrize("file", FORMATS[2:])
def test_weights_alone_do_not_record_the_head(saved, file):
    network = open_network(saved.paths[file])
    assert network.head.obstacle == "a file of weights alone, which does not record the layers"
    with pytest.raises(ValueError, match="expected a head of known layers, got a file of weights"):
        network.build_head()
