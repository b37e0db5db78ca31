"""Models with VGG19 in them, built and saved by Keras itself, in all of its formats."""

import h5py
import numpy as np

from tests.support.thin import DEPTHS, RandomWeights
from vgg_viz.model.architecture import VGG19, Architecture
from vgg_viz.model.network import build_model, import_keras

# VGG19's layers with a few maps and small images: quick to save, and as deep.
SMALL = Architecture(
    "small",
    tuple(zip(DEPTHS, (4, 5, 6, 7, 7), strict=True)),
    (("fc1", 9), ("fc2", 8), ("predictions", 6)),
    input_side=64,
)


def vgg(architecture):
    """Build the convolutional part, by ``keras.applications`` in full size, with random weights."""
    keras, weights = import_keras(), RandomWeights(architecture)
    if architecture is not VGG19:
        return build_model(weights, architecture)
    model = keras.applications.VGG19(include_top=False, weights=None, input_shape=(224, 224, 3))
    for layer in VGG19.conv_layers:
        model.get_layer(layer.name).set_weights(weights.read(layer.name))
    return model


def nested_in_sequential(keras, architecture):
    """Build the usual fine-tuning: the last block is trained, so its arrays come first in HDF5."""
    layers, base = keras.layers, vgg(architecture)
    for layer in base.layers[:-5]:
        layer.trainable = False
    features = [layers.Rescaling(1 / 255), base, layers.GlobalAveragePooling2D()]
    return keras.Sequential(
        [
            keras.Input(base.input.shape[1:], batch_size=1),
            keras.Sequential([layers.RandomFlip("horizontal")]),
            keras.Sequential(features, name="features"),
            layers.Dropout(0.3),
            layers.BatchNormalization(center=False, epsilon=0.1),
            layers.Dense(5, activation="softmax"),
        ]
    )


def functional(keras, architecture):
    layers, base = keras.layers, vgg(architecture)
    inputs = keras.Input(base.input.shape[1:], batch_size=1)
    maps = base(keras.applications.vgg19.preprocess_input(inputs), training=False)
    hidden = layers.Dense(7, activation="relu", use_bias=False)(layers.Flatten()(maps))
    logits = layers.Dense(3)(layers.BatchNormalization()(hidden))
    return keras.Model(inputs, layers.Activation("sigmoid")(logits))


def extended(keras, architecture):
    """Build a head on VGG19's own graph, which ends with logits."""
    base = vgg(architecture)
    pooled = keras.layers.GlobalMaxPooling2D(keepdims=True)(base.output)
    hidden = keras.layers.Dense(6)(keras.layers.Flatten()(pooled))
    return keras.Model(base.input, keras.layers.Dense(4)(keras.layers.ReLU()(hidden)))


def laid_out(keras, architecture):
    """Build VGG19 layer by layer under other names, each ReLU a layer, without the last pooling."""
    layers = keras.layers
    model = keras.Sequential([keras.Input((architecture.input_side,) * 2 + (3,), batch_size=1)])
    for layer in architecture.spatial_layers[:-1]:
        if layer.kind == "pool":
            model.add(layers.MaxPooling2D())
            continue
        model.add(layers.Conv2D(layer.filters, 3, padding="same"))
        model.layers[-1].set_weights(RandomWeights(architecture).read(layer.name))
        model.add(layers.Activation("relu"))
    model.add(layers.GlobalAveragePooling2D())
    model.add(layers.Dense(2, activation="softmax"))
    return model


def randomize_head(keras, model):
    """Give dense layers and batch normalization random numbers; those of training are ones."""
    random = np.random.default_rng(8)
    for layer in model.layers:
        if isinstance(layer, keras.layers.Dense | keras.layers.BatchNormalization):
            layer.set_weights([random_array(random, a.shape) for a in layer.get_weights()])


def random_array(random, shape):
    """Draw a kernel, or positive numbers for a vector, since variances are positive."""
    numbers = random.uniform(0.5, 1.5, shape)
    return numbers * random.choice([-1, 1], shape) / np.sqrt(shape[0]) if shape[1:] else numbers


def save(keras, model, folder):
    """Save a model in all formats; return the paths by format."""
    from keras.src.legacy.saving.legacy_h5_format import save_weights_to_hdf5_group

    model.save(folder / "model.keras")
    model.save(folder / "model.h5")
    model.save_weights(folder / "model.weights.h5")
    with h5py.File(folder / "old_weights.h5", "w") as file:
        save_weights_to_hdf5_group(file, model)
    return {path.name: path for path in folder.iterdir()}


def conv_layers(keras, model):
    """Yield a model's conv layers in order, also those of models in it."""
    for layer in model.layers:
        if hasattr(layer, "layers"):
            yield from conv_layers(keras, layer)
        elif isinstance(layer, keras.layers.Conv2D):
            yield layer
