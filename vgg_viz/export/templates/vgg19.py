"""VGG19 and its input, shared by all scripts; an exported script contains this file.

    pip install keras tensorflow matplotlib
    python FILE                 writes the arrays to reproduced.npz, and a picture of each
    python FILE exported.npz    also prints how much they differ from the exported arrays
    python FILE photo.jpg       reads your image in place of the first one

In a notebook, paste the script into a cell. With Keras 3.15 and TensorFlow 2.21 on the same
processor, the arrays match those of VGG Viz; elsewhere, the last digits may differ.
"""

import base64
import functools
import io
import os
import sys
import zipfile
from pathlib import Path

os.environ["KERAS_BACKEND"] = "tensorflow"

import h5py
import keras
import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf

keras.config.set_image_data_format("channels_last")
keras.config.set_floatx("float32")

# Your own networks by file name: the places of each conv layer's kernel and bias in the file, and
# whether Theano wrote the kernels, which turns them by 180 degrees.
FILES = {}


@functools.cache
def network(weights, top=False):
    """Build VGG19 with weights "imagenet", "untrained" or of a file; with top, to logits."""
    model = keras.applications.VGG19(
        weights="imagenet" if weights == "imagenet" else None,
        include_top=top,
        input_tensor=keras.Input((224, 224, 3), name="input"),
        classifier_activation=None,
    )
    if weights == "untrained":
        for index, layer in enumerate(model.layers):
            if layer.weights:
                layer.kernel.assign(random_kernel(index, tuple(layer.kernel.shape)))
    elif weights in FILES:
        for name, (kernel, bias) in read_arrays(weights, FILES[weights]["layers"]).items():
            kernel = kernel[::-1, ::-1] if FILES[weights]["turned"] else kernel
            model.get_layer(name).set_weights([kernel, bias])
    elif weights != "imagenet":
        model.load_weights(weights, by_name=True)
    return model


def read_arrays(file, layers):
    """Read the arrays of layers, places by name, from a file of any format of Keras."""
    content = file
    if zipfile.is_zipfile(file):  # Keras 3's .keras
        content = io.BytesIO(zipfile.ZipFile(file).read("model.weights.h5"))
    with h5py.File(content, "r") as opened:
        root = opened.get("model_weights", opened)
        return {
            name: [as_float32(root[place][()]) for place in places]
            for name, places in layers.items()
        }


def as_float32(numbers):
    """Convert numbers to float32, also bfloat16, which h5py reads as two bytes."""
    bfloat16 = tf.bfloat16.as_numpy_dtype
    return (numbers.view(bfloat16) if numbers.dtype == "V2" else numbers).astype("float32")


def random_kernel(index, shape):
    """Draw a layer's kernel (He et al., 2015), a dense layer's 512 rows at a time."""
    kernel = np.empty(shape, np.float32)
    parts = kernel.reshape(-1, 512, shape[1]) if len(shape) == 2 else [kernel]
    for number, part in enumerate(parts):
        seeds = [19, index, number] if len(shape) == 2 else [19, index]
        np.random.default_rng(seeds).standard_normal(dtype=np.float32, out=part)
    kernel *= np.float32(np.sqrt(2 / np.prod(shape[:-1])))
    return kernel


def layers_between(model, start, end):
    """Return the layers after one layer, or after the "input", up to another."""
    names = [layer.name for layer in model.layers]
    return model.layers[names.index(start) + 1 : names.index(end) + 1]


def submodel(model, start, end):
    """Cut the part of a network from one layer's output, or from the "input", to another's."""
    return keras.Model(model.get_layer(start).output, model.get_layer(end).output)


def before_relu(layers, x, relu=tf.nn.relu, padding="SAME"):
    """Run layers one after the other; return the output of the last one before its ReLU."""
    for layer in layers:
        if "pool" in layer.name:
            x = layer(x)
        else:
            z = tf.nn.conv2d(x, layer.kernel, 1, padding) + layer.bias
            x = relu(z)
    return z


def receptive_field(layers, row):
    """Return the first row that a row depends on before these layers, and the row after the last.

    Columns are alike. The rows may reach beyond the border, where the network pads with zeros.
    """
    start, stop = row, row + 1
    for layer in reversed(layers):
        start, stop = (2 * start, 2 * stop) if "pool" in layer.name else (start - 1, stop + 1)
    return start, stop


def crop(image, rows, columns, fill=0):
    """Crop an image, (height, width, channels), to rows and columns, also beyond its border."""
    margin = rows[1] - rows[0]
    framed = np.full(np.add(image.shape, [2 * margin, 2 * margin, 0]), fill, image.dtype)
    framed[margin:-margin, margin:-margin] = image
    return framed[slice(*np.add(rows, margin)), slice(*np.add(columns, margin))]


def read_images(images):
    """Read images, RGB uint8 (224, 224, 3), from files or from PNG in base64."""
    named = named_files(".bmp", ".gif", ".jpeg", ".jpg", ".png", ".webp")
    files = [*named, *images[len(named) :]]
    files = [io.BytesIO(base64.b64decode(one)) if isinstance(one, bytes) else one for one in files]
    return [np.array(keras.utils.load_img(file, target_size=(224, 224))) for file in files]


def named_files(*endings):
    """Return the files of some kinds that the command line names; a notebook's names none."""
    paths = [Path(argument) for argument in sys.argv[1:]]
    return [path for path in paths if path.suffix.lower() in endings and path.is_file()]


def preprocess(images, preprocessing="caffe"):
    """Preprocess: "caffe" (BGR minus mean, as VGG19), "rgb" (0 to 1) or "signed" (-1 to 1)."""
    x = tf.cast(images, tf.float32)
    if preprocessing == "caffe":
        return keras.applications.vgg19.preprocess_input(x)
    return x / 255 if preprocessing == "rgb" else x / 127.5 - 1


def as_colors(values, preprocessing="caffe"):
    """Show an input's colors, (n, 3, h, w), as RGB images, each on its own scale from gray."""
    colors = np.moveaxis(values[:, ::-1] if preprocessing == "caffe" else values, 1, -1)
    largest = np.abs(colors).max(axis=(1, 2, 3), keepdims=True)
    return np.rint(127.5 + 127.5 * colors / np.where(largest > 0, largest, 1)).astype("uint8")


def save(arrays):
    """Write arrays and their pictures; print how much they differ from an exported file."""
    files = named_files(".npz")
    exported = np.load(files[0]) if files else {}
    np.savez("reproduced.npz", **arrays)
    for name, array in arrays.items():
        print(name, array.shape, end="")
        if name in exported:
            difference = np.abs(array.astype("float64") - exported[name]).max()
            print(f": largest difference {difference:g}", end="")
        print()
        if array.ndim > 2:
            draw(name, array)


def draw(name, array):
    """Draw an array's tiles and write them as NAME.png; a notebook shows them, too."""
    tiles = array.reshape(-1, *array.shape[-3 if array.dtype == np.uint8 else -2 :])
    columns = int(np.ceil(np.sqrt(len(tiles))))
    margins = [(0, -len(tiles) % columns), (0, 1), (0, 1), (0, 0)]
    tiles = np.pad(tiles, margins[: tiles.ndim])
    mosaic = np.vstack([np.hstack(row) for row in np.split(tiles, len(tiles) // columns)])
    plt.imsave(f"{name}.png", mosaic, cmap="gray")
    plt.figure(figsize=(10, 10))
    plt.imshow(mosaic, cmap="gray")
