"""The functions that scripts for Keras alone are put together from, as Python code.

`vgg_viz.reproduction` chooses those that a script needs.
"""

from vgg_viz.network import Preprocessing

START = '''"""{title} of VGG19, made again with Keras alone.

    pip install keras tensorflow pillow
    python THIS_FILE                 writes the arrays to reproduced.npz
    python THIS_FILE exported.npz    and says how far they are from the exported ones

With Keras 3.15 and TensorFlow 2.21 on the same processor the arrays are those of VGG Viz. Another
processor, a GPU or another version may add up in another order: the last digits then differ.
"""

'''

IMAGENET = '''
@functools.cache
def imagenet():
    """VGG19 with the weights of ImageNet, which Keras downloads once (80 MB)."""
    return keras.applications.VGG19(
        weights="imagenet", include_top=False, input_shape=(224, 224, 3)
    )
'''

UNTRAINED = '''
@functools.cache
def untrained():
    """VGG19 with seeded random kernels (He et al., 2015) and biases of zero."""
    model = keras.applications.VGG19(weights=None, include_top=False, input_shape=(224, 224, 3))
    for index, layer in enumerate(model.layers):
        if layer.weights:
            shape = tuple(layer.kernel.shape)  # (3, 3, channels, filters)
            random = np.random.default_rng([19, index])
            kernel = random.standard_normal(shape, np.float32)
            kernel *= np.float32(np.sqrt(2 / (9 * shape[2])))
            layer.set_weights([kernel, np.zeros(shape[3], np.float32)])
    return model
'''

FROM_FILE = '''
@functools.cache
def from_file(name):
    """VGG19 with the weights of a file, which must lie beside this script under that name."""
    model = keras.applications.VGG19(weights=None, include_top=False, input_shape=(224, 224, 3))
    model.load_weights(Path(__file__).parent / name, by_name=True)
    return model
'''

WHOLE_IMAGENET = '''
@functools.cache
def imagenet():
    """All of VGG19, without the softmax, with ImageNet's weights, downloaded once (575 MB)."""
    return keras.applications.VGG19(weights="imagenet", classifier_activation=None)
'''

WHOLE_UNTRAINED = '''
@functools.cache
def untrained():
    """All of VGG19, without the softmax, with seeded random kernels and biases of zero."""
    model = keras.applications.VGG19(weights=None, classifier_activation=None)
    for index, layer in enumerate(model.layers):
        if layer.weights:
            kernel = random_kernel(index, tuple(layer.kernel.shape))
            layer.set_weights([kernel, np.zeros(kernel.shape[-1], np.float32)])
    return model


def random_kernel(index, shape):
    """A layer's kernel (He et al., 2015); a dense layer's is drawn 512 rows at a time."""
    if len(shape) == 4:  # (3, 3, channels, filters)
        kernel = np.random.default_rng([19, index]).standard_normal(shape, np.float32)
    else:  # (inputs, units)
        kernel = np.empty(shape, np.float32)
        for part, rows in enumerate(kernel.reshape(-1, 512, shape[1])):
            random = np.random.default_rng([19, index, part])
            rows[:] = random.standard_normal(rows.shape, np.float32)
    kernel *= np.float32(np.sqrt(2 / np.prod(shape[:-1])))
    return kernel
'''

WHOLE_FROM_FILE = '''
@functools.cache
def from_file(name):
    """All of VGG19, without the softmax, with the weights of a file beside this script."""
    model = keras.applications.VGG19(weights=None, classifier_activation=None)
    model.load_weights(Path(__file__).parent / name, by_name=True)
    return model
'''

CAFFE = '''
def caffe(pixels):
    """What VGG19 was trained with: blue, green, red, the mean of ImageNet taken off."""
    return keras.applications.vgg19.preprocess_input(pixels.astype("float32"))
'''

RGB = '''
def rgb(pixels):
    """What VGG19 was not trained with: red, green, blue, from 0 to 1."""
    return pixels / np.float32(255)
'''

MAKE_MAPS = '''
def make_maps(model, preprocess, picture, layer, numbers):
    """The maps of these numbers (from 1) after the layer's ReLU, (maps, height, width)."""
    pixels = np.array(Image.open(io.BytesIO(base64.b64decode(picture))))
    submodel = keras.Model(model.input, model.get_layer(layer).output)
    output = submodel.predict_on_batch(preprocess(pixels)[None])[0]
    return np.moveaxis(output, -1, 0)[np.array(numbers) - 1]
'''

HALVES = '''
@functools.cache
def halves(model):
    """The network up to block5_conv4's ReLU, and from there to the logits."""
    maps = model.get_layer("block5_conv4").output
    return keras.Model(model.input, maps), keras.Model(maps, model.output)


def last_maps(model, preprocess, picture):
    """The maps of block5_conv4 after its ReLU, (14, 14, 512)."""
    pixels = np.array(Image.open(io.BytesIO(base64.b64decode(picture))))
    before, _ = halves(model)
    return before.predict_on_batch(preprocess(pixels)[None])[0]
'''

ANSWER = '''
def answer(model, preprocess, picture):
    """The 1,000 logits, before the softmax; says which five classes are the most likely."""
    _, after = halves(model)
    logits = after.predict_on_batch(last_maps(model, preprocess, picture)[None])[0]
    powers = np.exp(logits.astype("float64") - logits.max())
    for number in np.argsort(-logits, kind="stable")[:5]:
        print(f"class {number}: {powers[number] / powers.sum():.2%}")
    return logits
'''

WITHOUT_PLACES = '''
def without_places(model, preprocess, picture, classes):
    """The logits minus those with each place of all maps set to 0, (classes, 14, 14)."""
    _, after = halves(model)
    maps = last_maps(model, preprocess, picture)
    whole = after.predict_on_batch(maps[None])[0]
    evidence = np.empty((len(classes), 14, 14), np.float32)
    for row in range(14):
        without = maps[None].repeat(14, axis=0)
        for column in range(14):
            without[column, row, column] = 0
        difference = whole - after.predict_on_batch(without)
        evidence[:, row] = difference[:, np.array(classes)].T
    return evidence
'''

ACTIVATION_MAPS = '''
def activation_maps(model, preprocess, picture, method, classes):
    """What a method makes of the maps and each class's gradients, (classes, 14, 14)."""
    _, after = halves(model)
    maps = last_maps(model, preprocess, picture)
    values = tf.constant(maps[None])
    evidence = []
    for number in classes:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(values)
            logit = after(values)[0, number]
        evidence.append(method(maps, tape.gradient(logit, values)[0].numpy()))
    return np.stack(evidence)
'''

GRADCAM = '''
def gradcam(maps, gradients):
    """Selvaraju et al. (2017), without their ReLU: each map times its mean gradient."""
    return (maps * gradients.mean(axis=(0, 1))).sum(axis=-1)
'''

HIRESCAM = '''
def hirescam(maps, gradients):
    """Draelos and Carin (2020): each value times its own gradient."""
    return (maps * gradients).sum(axis=-1)
'''

LAYERCAM = '''
def layercam(maps, gradients):
    """Jiang et al. (2021): each value times its own gradient where that is positive."""
    return (maps * np.maximum(gradients, 0)).sum(axis=-1)
'''

WITH_DIFFERENCE = '''
def with_difference(evidence):
    """The same for two classes, and the first one's minus the second's, (3, 14, 14)."""
    return np.concatenate([evidence, evidence[:1] - evidence[1:]])
'''

READ_FILTERS = '''
def read_filters(model, layer, filters, channels):
    """The kernels of these filters and channels (numbers from 1), (filters, channels, 3, 3)."""
    kernel = model.get_layer(layer).get_weights()[0]  # (3, 3, channels, filters)
    kernel = kernel.transpose(3, 2, 0, 1)
    return kernel[np.array(filters) - 1][:, np.array(channels) - 1]
'''

STRONGEST_PATCHES = '''
def decoded(number):
    """One of the pictures, RGB (224, 224, 3)."""
    return np.array(Image.open(io.BytesIO(base64.b64decode(PICTURES[number]))))


def two_strongest(values, apart):
    """A map's strongest place and the strongest away from it: value, row and column of each."""
    left, found = values.copy(), []
    for _ in range(2):
        row, column = map(int, np.unravel_index(left.argmax(), left.shape))
        found.append((float(left[row, column]), row, column))
        rows, columns = (slice(max(0, n - apart + 1), n + apart) for n in (row, column))
        left[rows, columns] = 0
    return found


@functools.cache
def strongest(model, layer, channels, each, apart, pictures):
    """Where each channel (from 1) is strongest over all pictures: value, row, column, picture.

    One a picture first, then the second ones; none where the channel is silent.
    """
    submodel = keras.Model(model.input, model.get_layer(layer).output)
    places = {channel: ([], []) for channel in channels}
    for picture in pictures:
        maps = submodel.predict_on_batch(caffe(decoded(picture))[None])[0]
        for channel in channels:
            both = two_strongest(maps[:, :, channel - 1], apart)
            for kind, place in zip(places[channel], both):
                kind.append((*place, picture))
    found = []
    for kinds in places.values():
        ordered = [place for kind in kinds for place in sorted(kind, key=lambda one: -one[0])]
        some = [place for place in ordered if place[0] > 0][:each]
        found += some or [(0.0, 0, 0, None)]
    return found


def patches(model, layer, channels, each, apart, pictures, first, stride, side):
    """What these places see of the pictures, (n, side, side, 3): their receptive fields."""
    cut_out = []
    for _, row, column, picture in strongest(model, layer, channels, each, apart, pictures):
        if picture is None:
            cut_out.append(np.zeros((side, side, 3), np.uint8))
            continue
        framed = np.full((224 + 2 * side, 224 + 2 * side, 3), (124, 117, 104), np.uint8)
        framed[side:-side, side:-side] = decoded(picture)  # beyond it the mean of ImageNet
        rows, columns = (side + first + stride * n for n in (row, column))
        cut_out.append(framed[rows : rows + side, columns : columns + side])
    return np.stack(cut_out)


def values(model, layer, channels, each, apart, pictures):
    """The maps' values at these places, after the layer's ReLU."""
    places = strongest(model, layer, channels, each, apart, pictures)
    return np.array([value for value, *_ in places], np.float32)
'''

AS_COLOURS = '''
def as_colours(filters):
    """Filters of blue, green and red as RGB pictures, each on its own scale, zero at mid-grey."""
    colours = np.moveaxis(filters[:, ::-1], 1, -1)
    largest = np.abs(colours).max(axis=(1, 2, 3), keepdims=True)
    return np.rint(127.5 + 127.5 * colours / np.where(largest > 0, largest, 1)).astype("uint8")
'''

MAIN = """
def main():
    arrays = make_arrays()
    np.savez("reproduced.npz", **arrays)
    exported = np.load(sys.argv[1]) if len(sys.argv) > 1 else None
    for name, array in arrays.items():
        print(name, array.shape, end="")
        if exported is not None and name in exported:
            difference = np.abs(array.astype("float64") - exported[name]).max()
            print(f": largest difference {difference:g}", end="")
        print()
"""

# Keras' own settings may be others, in keras.json or, for the backend, in the environment.
BACKEND = 'os.environ["KERAS_BACKEND"] = "tensorflow"'
LAYOUT = """
keras.config.set_image_data_format("channels_last")
keras.config.set_floatx("float32")
"""

NETWORKS = {"imagenet": IMAGENET, "untrained": UNTRAINED, "file": FROM_FILE}
WHOLE_NETWORKS = {
    "imagenet": WHOLE_IMAGENET,
    "untrained": WHOLE_UNTRAINED,
    "file": WHOLE_FROM_FILE,
}
CAMS = {"gradcam": GRADCAM, "hirescam": HIRESCAM, "layercam": LAYERCAM}
PREPROCESSINGS: dict[Preprocessing, str] = {"caffe": CAFFE, "rgb": RGB}
