"""Source code, as text, of the functions that exported Keras scripts are composed of.

`script_writer` chooses the functions that a script needs.
"""

from vgg_viz.interpretability.feature_visualization.parametrizations import Parametrization
from vgg_viz.model.network import Preprocessing

START = '''"""{title} of VGG19, reproduced with Keras alone.

    pip install keras tensorflow pillow
    python THIS_FILE                 writes the arrays to reproduced.npz
    python THIS_FILE exported.npz    also prints how much they differ from the exported arrays

With Keras 3.15 and TensorFlow 2.21 on the same processor, the arrays match those of VGG Viz.
Another processor, a GPU or another version may add in another order: then the last digits differ.
{note}"""

'''

IMAGENET = '''
@functools.cache
def imagenet():
    """Build VGG19 with the ImageNet weights, which Keras downloads once (80 MB)."""
    return keras.applications.VGG19(
        weights="imagenet", include_top=False, input_shape=(224, 224, 3)
    )
'''

UNTRAINED = '''
@functools.cache
def untrained():
    """Build VGG19 with seeded random kernels (He et al., 2015) and zero biases."""
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
    """Build VGG19 with the weights of a file, which must be beside this script."""
    model = keras.applications.VGG19(weights=None, include_top=False, input_shape=(224, 224, 3))
    model.load_weights(Path(__file__).parent / name, by_name=True)
    return model
'''

WHOLE_IMAGENET = '''
@functools.cache
def imagenet():
    """Build VGG19 without softmax, with the ImageNet weights, downloaded once (575 MB)."""
    return keras.applications.VGG19(weights="imagenet", classifier_activation=None)
'''

WHOLE_UNTRAINED = '''
@functools.cache
def untrained():
    """Build VGG19 without softmax, with seeded random kernels and zero biases."""
    model = keras.applications.VGG19(weights=None, classifier_activation=None)
    for index, layer in enumerate(model.layers):
        if layer.weights:
            kernel = random_kernel(index, tuple(layer.kernel.shape))
            layer.set_weights([kernel, np.zeros(kernel.shape[-1], np.float32)])
    return model


def random_kernel(index, shape):
    """Draw a layer's kernel (He et al., 2015); a dense layer's 512 rows at a time."""
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
    """Build VGG19 without softmax, with the weights of a file beside this script."""
    model = keras.applications.VGG19(weights=None, classifier_activation=None)
    model.load_weights(Path(__file__).parent / name, by_name=True)
    return model
'''

CAFFE = '''
def caffe(pixels):
    """Preprocess as in training: BGR, ImageNet's mean subtracted."""
    return keras.applications.vgg19.preprocess_input(pixels.astype("float32"))
'''

RGB = '''
def rgb(pixels):
    """Preprocess as VGG19 does not expect it: RGB, scaled to 0 to 1."""
    return pixels / np.float32(255)
'''

FEATURE_MAPS = '''
def feature_maps(model, preprocess, picture, layer, numbers):
    """Compute maps (numbers from 1) after the layer's ReLU, (maps, height, width)."""
    pixels = np.array(Image.open(io.BytesIO(base64.b64decode(picture))))
    submodel = keras.Model(model.input, model.get_layer(layer).output)
    output = submodel.predict_on_batch(preprocess(pixels)[None])[0]
    return np.moveaxis(output, -1, 0)[np.array(numbers) - 1]
'''

ABLATED = '''
@functools.cache
def ablated(model, layer, numbers):
    """Copy a network with maps (numbers from 1) of a layer ablated: set to zero."""
    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    which = np.array(numbers) - 1
    kernel, bias = copy.get_layer(layer).get_weights()
    kernel[..., which], bias[which] = 0, 0
    copy.get_layer(layer).set_weights([kernel, bias])
    return copy
'''

HALVES = '''
@functools.cache
def halves(model):
    """Split the network at block5_conv4's ReLU."""
    maps = model.get_layer("block5_conv4").output
    return keras.Model(model.input, maps), keras.Model(maps, model.output)


def last_maps(model, preprocess, picture):
    """Compute the maps of block5_conv4 after its ReLU, (14, 14, 512)."""
    pixels = np.array(Image.open(io.BytesIO(base64.b64decode(picture))))
    before, _ = halves(model)
    return before.predict_on_batch(preprocess(pixels)[None])[0]
'''

PREDICT = '''
def predict(model, preprocess, picture):
    """Compute the 1,000 logits; print the five most likely classes."""
    _, after = halves(model)
    logits = after.predict_on_batch(last_maps(model, preprocess, picture)[None])[0]
    powers = np.exp(logits.astype("float64") - logits.max())
    for number in np.argsort(-logits, kind="stable")[:5]:
        print(f"class {number}: {powers[number] / powers.sum():.2%}")
    return logits
'''

POSITION_ABLATION = '''
def position_ablation(model, preprocess, picture, classes):
    """Compute how much logits drop when all maps are zero at a position, (classes, 14, 14)."""
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

CLASS_ACTIVATION_MAPS = '''
def class_activation_maps(model, preprocess, picture, method, classes):
    """Compute class activation maps from the maps and each logit's gradient, (classes, 14, 14)."""
    _, after = halves(model)
    maps = last_maps(model, preprocess, picture)
    values = tf.constant(maps[None])
    evidence = []
    for number in classes:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(values)
            logit = after(values)[0, number]
        gradients = tape.gradient(logit, values)[0].numpy()
        evidence.append(method(np.moveaxis(maps, -1, 0), np.moveaxis(gradients, -1, 0)))
    return np.stack(evidence)
'''

WITH_DIFFERENCE = '''
def with_difference(evidence):
    """Append the evidence for the first class minus that for the second, (3, 14, 14)."""
    return np.concatenate([evidence, evidence[:1] - evidence[1:]])
'''

READ_FILTERS = '''
def read_filters(model, layer, filters, channels):
    """Return kernels of filters and channels (numbers from 1), (filters, channels, 3, 3)."""
    kernel = model.get_layer(layer).get_weights()[0]  # (3, 3, channels, filters)
    kernel = kernel.transpose(3, 2, 0, 1)
    return kernel[np.array(filters) - 1][:, np.array(channels) - 1]
'''

TOP_PATCHES = '''
def decoded(number):
    """Decode one of the images, RGB (224, 224, 3)."""
    return np.array(Image.open(io.BytesIO(base64.b64decode(PICTURES[number]))))


def peaks(values, distance, most):
    """Find a map's largest values, apart from each other: value, row and column."""
    left, found = values.copy(), []
    for _ in range(most):
        row, column = map(int, np.unravel_index(left.argmax(), left.shape))
        found.append((float(left[row, column]), row, column))
        rows, columns = (slice(max(0, n - distance + 1), n + distance) for n in (row, column))
        left[rows, columns] = 0
    return found


@functools.cache
def top_positions(model, layer, channels, each, distance, pictures):
    """Find each channel's (from 1) largest values over all images: value, row, column, image.

    The largest of each image come first, then the second largest, then the rest. An inactive
    channel has one entry without an image.
    """
    submodel = keras.Model(model.input, model.get_layer(layer).output)
    positions = {channel: [] for channel in channels}
    for picture in pictures:
        maps = submodel.predict_on_batch(caffe(decoded(picture))[None])[0]
        for channel in channels:
            in_map = peaks(maps[:, :, channel - 1], distance, each)
            for number, (value, row, column) in enumerate(in_map):
                order = (min(number, 2), -value, number)
                positions[channel].append((order, (value, row, column, picture)))
    found = []
    for candidates in positions.values():
        ordered = [position for _, position in sorted(candidates, key=lambda one: one[0])]
        some = [position for position in ordered if position[0] > 0][:each]
        found += some or [(0.0, 0, 0, None)]
    return found


def patches(model, layer, channels, each, distance, pictures, first, stride, side):
    """Cut out the receptive fields of the top positions, (n, side, side, 3)."""
    cut_out = []
    for _, row, column, picture in top_positions(model, layer, channels, each, distance, pictures):
        if picture is None:
            cut_out.append(np.zeros((side, side, 3), np.uint8))
            continue
        framed = np.full((224 + 2 * side, 224 + 2 * side, 3), (124, 117, 104), np.uint8)
        framed[side:-side, side:-side] = decoded(picture)  # beyond it the mean of ImageNet
        rows, columns = (side + first + stride * n for n in (row, column))
        cut_out.append(framed[rows : rows + side, columns : columns + side])
    return np.stack(cut_out)


def values(model, layer, channels, each, distance, pictures):
    """Return the maps' values at the top positions, after the layer's ReLU."""
    positions = top_positions(model, layer, channels, each, distance, pictures)
    return np.array([value for value, *_ in positions], np.float32)
'''

ATTRIBUTION = '''
def forward_backward(model, start, x, layer, position, relu=tf.nn.relu):
    """A value before its ReLU, its gradient with respect to ``x``, and the sum of bias terms.

    ``x`` is the output of layer number ``start`` of the model.
    """
    end = model.layers.index(model.get_layer(layer))
    steps = model.layers[start + 1 : end + 1]
    biases = [tf.convert_to_tensor(step.bias) for step in steps if step.weights]
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch([x, biases])
        y, remaining = x, iter(biases)
        for step in steps:
            if not step.weights:
                y = tf.nn.max_pool2d(y, 2, 2, "VALID")
                continue
            kernel = tf.convert_to_tensor(step.kernel)
            before_relu = tf.nn.conv2d(y, kernel, 1, "SAME") + next(remaining)
            y = relu(before_relu)
        channel, row, column = position
        value = before_relu[0, row - 1, column - 1, channel - 1]
    gradient, *by_bias = tape.gradient(value, [x, *biases])
    terms = [float(tf.reduce_sum(one * two)) for one, two in zip(biases, by_bias)]
    return float(value), gradient, sum(terms)


def crop(maps, rows, columns):
    """Crop maps to these rows and columns, from 0; beyond the border there are zeros."""
    sides = zip(maps.shape[1:], (rows, columns))
    (above, below), (before, behind) = [(max(0, -a), max(0, b - side)) for side, (a, b) in sides]
    maps = np.pad(maps, [(0, 0), (above, below), (before, behind)])
    return maps[:, rows[0] + above : rows[1] + above, columns[0] + before : columns[1] + before]


def attribution(
    model,
    preprocess,
    picture,
    layer,
    position,
    back_to,
    method,
    rows,
    columns,
    numbers,
    summed=False,
):
    """Attributions of the value at a position (channel, row, column, all from 1) of a layer.

    The array has these maps (numbers from 1) of the layer ``back_to``, or blue, green and red of
    the input, in these rows and columns: the value's receptive field.
    """
    start = 0 if back_to == "input" else model.layers.index(model.get_layer(back_to))
    to_layer = keras.Model(model.input, model.layers[start].output)
    pixels = np.array(Image.open(io.BytesIO(base64.b64decode(picture))))
    x = tf.convert_to_tensor(to_layer(preprocess(pixels)[None]))
    result = method(model, preprocess, start, x, layer, position).numpy()[0]
    maps = crop(np.moveaxis(result, -1, 0)[np.array(numbers) - 1], rows, columns)
    return maps.sum(axis=0, keepdims=True) if summed else maps
'''

# Each attribution method's function, by the method's name.
METHODS = {
    "input_x_gradient": '''
def input_x_gradient(model, preprocess, start, x, layer, position):
    """Input x gradient; with the bias terms it sums to the value (Srinivas and Fleuret, 2019)."""
    value, gradient, biases = forward_backward(model, start, x, layer, position)
    print(f"{float(tf.reduce_sum(x * gradient)):g} and bias terms {biases:g}: value {value:g}")
    return x * gradient
''',
    "gradient": '''
def gradient(model, preprocess, start, x, layer, position):
    """The gradient of the value (Simonyan et al., 2013)."""
    return forward_backward(model, start, x, layer, position)[1]
''',
    "guided_backpropagation": '''
@tf.custom_gradient
def guided_relu(x):
    """A ReLU whose backward pass keeps positive gradients of active units."""
    return tf.nn.relu(x), lambda g: tf.where((x > 0) & (g > 0), g, 0.0)


def guided_backpropagation(model, preprocess, start, x, layer, position):
    """Guided backpropagation (Springenberg et al., 2014)."""
    return forward_backward(model, start, x, layer, position, guided_relu)[1]
''',
    "deconvnet": '''
@tf.custom_gradient
def deconvnet_relu(x):
    """A ReLU whose backward pass keeps positive gradients."""
    return tf.nn.relu(x), tf.nn.relu


def deconvnet(model, preprocess, start, x, layer, position):
    """The deconvnet (Zeiler and Fergus, 2013)."""
    return forward_backward(model, start, x, layer, position, deconvnet_relu)[1]
''',
    "integrated_gradients": '''
def integrated_gradients(model, preprocess, start, x, layer, position):
    """Integrated gradients (Sundararajan et al., 2017): Gauss-Legendre quadrature, 50 points."""
    # The baseline: ImageNet's mean color as the network's input.
    mean = {"rgb": np.float32([123.68, 116.779, 103.939]) / 255}
    color = mean.get(preprocess.__name__, np.zeros(3, np.float32))
    to_layer = keras.Model(model.input, model.layers[start].output)
    begin = tf.convert_to_tensor(to_layer(np.broadcast_to(color, (1, 224, 224, 3))))
    total = tf.zeros_like(x)
    for at, weight in zip(*np.polynomial.legendre.leggauss(50)):
        point = begin + np.float32((at + 1) / 2) * (x - begin)
        gradient = forward_backward(model, start, point, layer, position)[1]
        total += np.float32(weight / 2) * gradient
    result = total * (x - begin)
    value = forward_backward(model, start, x, layer, position)[0]
    baseline = forward_backward(model, start, begin, layer, position)[0]
    print(f"{float(tf.reduce_sum(result)):g} and baseline {baseline:g}: value {value:g}")
    return result
''',
    "lrp": '''
def conv(x, kernel):
    """A convolution with zero padding."""
    return tf.nn.conv2d(x, kernel, 1, "SAME")


def conv_back(x, kernel, gradient):
    """The gradient of a convolution with respect to its input."""
    return tf.nn.conv2d_transpose(gradient, kernel, x.shape, 1, "SAME")


def pool_back(x, gradient):
    """The gradient of max pooling: all of it goes to the first of the largest values."""
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(x)
        y = tf.nn.max_pool2d(x, 2, 2, "VALID")
    return tape.gradient(y, x, gradient)


def zb_rule(x, kernel, relevance, low, high):
    """Relevance of pixels whose values lie between low and high, and what 0/0 absorbs."""
    kernels = tf.concat([tf.nn.relu(kernel), -tf.nn.relu(-kernel)], axis=2)
    distances = tf.concat([x - low, x - high], axis=3)
    denominator = conv(distances, kernels)
    ratio = tf.math.divide_no_nan(relevance, denominator)
    from_low, from_high = tf.split(distances * conv_back(distances, kernels, ratio), 2, axis=3)
    return from_low + from_high, float(tf.reduce_sum(relevance[denominator == 0]))


def lrp(model, preprocess, start, x, layer, position):
    """Layer-wise relevance propagation (Bach et al., 2015; rules of Montavon et al., 2019).

    The gamma rule in blocks 1 to 3, the epsilon rule in blocks 4 and 5, zB at the pixels. ``ratio``
    is relevance divided by activation.
    """
    end = model.layers.index(model.get_layer(layer))
    steps, outputs = model.layers[start + 1 : end + 1], [x]
    for step in steps:
        y = outputs[-1]
        if step.weights:
            outputs.append(tf.nn.relu(conv(y, tf.convert_to_tensor(step.kernel)) + step.bias))
        else:
            outputs.append(tf.nn.max_pool2d(y, 2, 2, "VALID"))
    channel, row, column = position
    value = float(outputs[-1][0, row - 1, column - 1, channel - 1])
    ratio = tf.scatter_nd([[0, row - 1, column - 1, channel - 1]], [1.0], outputs[-1].shape)
    field = [(row - 1, row), (column - 1, column)]  # rows and columns that the value depends on
    bias_terms = absorbed = 0.0
    for number in reversed(range(len(steps))):
        step, y, output = steps[number], outputs[number], outputs[number + 1]
        if not step.weights:
            ratio = pool_back(y, ratio)
            field = [(2 * first, 2 * last) for first, last in field]
            continue
        kernel, bias = tf.convert_to_tensor(step.kernel), tf.convert_to_tensor(step.bias)
        if start == number == 0:
            low, high = (preprocess(np.full((224, 224, 3), n, np.uint8)) for n in (0, 255))
            relevance, lost = zb_rule(x, kernel, ratio * output, low, high)
            absorbed += lost
            break
        if int(step.name[5]) > 3:  # "block4_conv1"
            rows, columns = (slice(*side) for side in field)
            values = (conv(y, kernel) + bias)[:, rows, columns]
            stabilizer = epsilon = 0.25 * float(np.sqrt(np.mean(np.square(values, dtype=float))))
        else:
            more, more_bias = 0.25 * tf.nn.relu(kernel), 0.25 * tf.nn.relu(bias)
            stabilizer, epsilon = conv(y, more) + more_bias, 0.0
            kernel, bias = kernel + more, bias + more_bias
        ratio *= tf.math.divide_no_nan(output, output + stabilizer)
        bias_terms += float(tf.reduce_sum(ratio * bias))
        absorbed += epsilon * float(tf.reduce_sum(ratio))
        ratio = conv_back(y, kernel, ratio)
        field = [(max(0, a - 1), min(b + 1, side)) for (a, b), side in zip(field, y.shape[1:])]
    else:
        relevance = x * ratio
    total = float(tf.reduce_sum(relevance))
    print(f"{total:g} and bias terms {bias_terms:g} and absorbed {absorbed:g}: value {value:g}")
    return relevance
''',
}

AS_COLORS = '''
def as_colors(numbers):
    """Show blue, green and red as RGB images, each on its own scale, zero at mid-gray."""
    colors = np.moveaxis(numbers[:, ::-1], 1, -1)
    largest = np.abs(colors).max(axis=(1, 2, 3), keepdims=True)
    return np.rint(127.5 + 127.5 * colors / np.where(largest > 0, largest, 1)).astype("uint8")
'''

# Note in the docstring of scripts that optimize images.
OPTIMIZATION_NOTE = """
Gradient ascent amplifies such differences from step to step: the images are then similar, but not
the same. An image of block 4 takes ten seconds or more, one of block 5 half a minute.
"""

OPTIMIZE_IMAGES = '''
MEAN_BGR = np.array([103.939, 116.779, 123.68], np.float32)


def apply(step, x, padding):
    """Apply a layer to its input."""
    if "pool" in step.name:
        return tf.nn.max_pool2d(x, 2, 2, "VALID")
    return tf.nn.relu(tf.nn.conv2d(x, step.kernel.value, 1, padding) + step.bias.value)


@functools.cache
def surroundings(model, areas):
    """Compute each layer's input around an image that lies in the mean color, and its margins.

    ``areas`` has, for each layer, the image's rows in its input and all rows that it reads.
    """
    maps = np.full((1, 224, 224, 3), (104, 117, 124), np.float32) - MEAN_BGR
    found = []
    for step, (first, end, start, stop) in zip(model.layers[1:], areas):
        bordered = np.pad(maps[0], [(1, 1), (1, 1), (0, 0)])
        ring = bordered[start + 1 : stop + 1, start + 1 : stop + 1].copy()
        ring[first - start : end - start, first - start : end - start] = 0
        found.append((ring, (first - start, stop - end)))
        maps = apply(step, maps, "SAME").numpy()
    return found


def channel_values(model, layer, channels, x, areas):
    """Compute one channel (from 1) for each image, at its map's center, before ReLU."""
    around = surroundings(model, areas)
    for number, step in enumerate(model.layers[1:]):
        if around and any(around[number][1]):
            ring, margins = around[number]
            x = tf.pad(x, [(0, 0), margins, margins, (0, 0)]) + ring
        if step.name == layer:
            break
        x = apply(step, x, "VALID")
    # 3 x 3 positions are left of the value's receptive field.
    which = np.array(channels) - 1
    kernels = tf.transpose(tf.gather(step.kernel.value, which, axis=3), (3, 0, 1, 2))
    return tf.reduce_sum(x * kernels, axis=(1, 2, 3)) + tf.gather(step.bias.value, which)


def values_and_gradients(model, layer, channels, pictures, areas):
    """Compute the values for images, RGB (n, side, side, 3), and their gradient by pixel."""
    x = tf.constant((pictures[..., ::-1] - MEAN_BGR).astype("float32"))
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(x)
        values = channel_values(model, layer, channels, x, areas)
    return values.numpy(), tape.gradient(values, x).numpy()[..., ::-1]


def squashed(numbers):
    """Map real numbers to colors from 0 to 255."""
    return (255 / (1 + np.exp(-numbers))).astype("float32")


def unsquashed(colors, gradients):
    """Return the gradient of the numbers from that of their colors."""
    shares = colors / 255
    return gradients * (255 * shares * (1 - shares))


@functools.cache
def optimize_images(model, layer, channels, kind, side, seeds, steps, batch, areas=()):
    """Optimize an image for each channel, uint8 (n, side, side, 3); return the values, too, (n,).

    By gradient ascent with Adam (Kingma and Ba, 2015), on batches of channels.
    """
    canvas, pictures, found = kind(side), [], []
    for begin in range(0, len(channels), batch):
        some = channels[begin : begin + batch]
        numbers = np.stack([canvas.begin([*seeds, channel]) for channel in some])
        mean, square = np.zeros_like(numbers), np.zeros_like(numbers)
        random = np.random.default_rng(seeds)  # the same transformations for all channels
        for step in range(1, steps + 1):
            colors = canvas.colors(numbers)
            view, back = canvas.view(colors, random)
            _, gradients = values_and_gradients(model, layer, some, view, areas)
            gradients = canvas.back(colors, back(gradients))
            mean = 0.9 * mean + (1 - 0.9) * gradients
            square = 0.999 * square + (1 - 0.999) * gradients**2
            speed = np.sqrt(square / (1 - 0.999**step)) + 1e-8
            numbers = (numbers + 0.05 * (mean / (1 - 0.9**step)) / speed).astype("float32")
        pixels = np.rint(canvas.middle(canvas.colors(numbers))).astype("uint8")
        values, _ = values_and_gradients(model, layer, some, pixels.astype("float32"), areas)
        pictures.append(pixels)
        found.append(values)
        print(f"{layer}: {begin + len(some)} of {len(channels)} images")
    return np.concatenate(pictures), np.concatenate(found)
'''

FREQUENCIES = '''
# Correlation of colors in photographs: each column is an independent direction.
COLORS = np.array([[0.26, 0.09, 0.02], [0.27, 0.0, -0.05], [0.27, -0.09, 0.03]])
COLORS /= np.linalg.norm(COLORS, axis=0).max()


class Frequencies:
    """A canvas in the Fourier basis, seen under random transformations (Olah et al., 2017)."""

    def __init__(self, side):
        self.side = side
        self.wide = wide = side + 2 * int(np.ceil(0.25 * side / 2))
        frequencies = np.hypot(np.fft.fftfreq(wide)[:, None], np.fft.rfftfreq(wide))
        self.scale = wide / np.maximum(frequencies, 1 / wide) / 4
        self.times = np.full(frequencies.shape[1], 2.0)  # in the whole spectrum
        self.times[[0, -1] if wide % 2 == 0 else [0]] = 1

    def begin(self, seed):
        shape = (3, *self.scale.shape, 2)
        return np.random.default_rng(seed).normal(0, 0.01, shape).astype("float32")

    def colors(self, numbers):
        spectrum = (numbers[..., 0] + 1j * numbers[..., 1]) * self.scale
        waves = np.fft.irfft2(spectrum, (self.wide, self.wide))
        return squashed(np.moveaxis(waves, 1, -1) @ COLORS.T)

    def back(self, colors, gradients):
        """Return the gradient of the numbers from that of the colors."""
        spectrum = np.fft.rfft2(np.moveaxis(unsquashed(colors, gradients) @ COLORS, -1, 1))
        spectrum *= self.scale * self.times / self.wide**2
        return np.stack([spectrum.real, spectrum.imag], axis=-1)

    def view(self, colors, random):
        """Transform canvases at random; return the function that maps gradients back, too."""
        turn, scale = random.uniform(-np.deg2rad(10), np.deg2rad(10)), random.uniform(0.9, 1.1)
        shifts = 0.25 * self.side * random.uniform(-0.5, 0.5, 2)
        steps = scale * (np.arange(self.side) - (self.side - 1) / 2)
        sine, cosine = np.sin(turn), np.cos(turn)
        middle, last = (self.wide - 1) / 2, self.wide - 1
        rows = middle + shifts[0] + cosine * steps[:, None] - sine * steps
        columns = middle + shifts[1] + sine * steps[:, None] + cosine * steps
        # Bilinear interpolation: four positions, and the weight of each.
        rows, columns = rows.clip(0, last), columns.clip(0, last)
        top, left = (np.minimum(n.astype(int), last - 1) for n in (rows, columns))
        down, right = rows - top, columns - left
        positions = [(top + y) * self.wide + left + x for y in (0, 1) for x in (0, 1)]
        positions = np.stack([one.ravel() for one in positions])
        shares = [(1 - down) * (1 - right), (1 - down) * right, down * (1 - right), down * right]
        shares = np.stack([one.ravel() for one in shares]).astype("float32")
        flat = colors.reshape(len(colors), -1, 3)
        view = sum(flat[:, position] * share[:, None] for position, share in zip(positions, shares))

        def back(gradients):
            parts = gradients.reshape(len(gradients), -1, 3)
            found = np.empty_like(flat)
            for picture, color in np.ndindex(len(gradients), 3):
                spread = (shares * parts[picture, :, color]).ravel()
                found[picture, :, color] = np.bincount(positions.ravel(), spread, self.wide**2)
            return found.reshape(colors.shape)

        return view.reshape(-1, self.side, self.side, 3), back

    def middle(self, colors):
        which = slice((self.wide - self.side) // 2, (self.wide + self.side) // 2)
        return colors[:, which, which]
'''

PIXELS = '''
class Pixels:
    """A canvas of plain pixels, without transformations."""

    def __init__(self, side):
        self.side = side

    def begin(self, seed):
        shape = (self.side, self.side, 3)
        return np.random.default_rng(seed).normal(0, 0.01, shape).astype("float32")

    def colors(self, numbers):
        return squashed(numbers)

    def back(self, colors, gradients):
        """Return the gradient of the numbers from that of the colors."""
        return unsquashed(colors, gradients)

    def view(self, colors, random):
        """Return the colors, and the function that maps gradients back."""
        return colors, lambda gradients: gradients

    def middle(self, colors):
        return colors
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

# The user may have other settings in keras.json or, for the backend, in the environment.
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
CANVASES: dict[Parametrization, str] = {"regularized": FREQUENCIES, "pixels": PIXELS}
PREPROCESSINGS: dict[Preprocessing, str] = {"caffe": CAFFE, "rgb": RGB}
