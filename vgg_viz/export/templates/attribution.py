"""Attribution of one value of VGG19 to an earlier layer's maps or to the pixels."""

from vgg19 import *

# Arrays by name. The value is at a position (channel, row, column) of a layer, before its ReLU.
# Positions and maps count from 1; maps of the "input" are blue, green and red. An image is an index
# of IMAGES, below.
ARRAYS = {
    "pixels": {
        "weights": "imagenet",
        "image": 0,
        "preprocessing": "caffe",
        "layer": "block3_conv1",
        "position": [1, 28, 28],
        "back_to": "input",
        "method": "guided_backpropagation",
        "maps": [1, 2, 3],
        # "points": 65,  # of integrated gradients
    }
}


def attribution(
    images, weights, image, preprocessing, layer, position, back_to, method, maps, **settings
):
    """Attribute the value to maps, (maps, rows, columns), within its receptive field.

    The colors of pixels are summed or, by methods whose papers show colors, shown as an image.
    """
    model = network(weights)
    layers, to_start = layers_between(model, back_to, layer), submodel(model, "input", back_to)

    def read(pixels):
        return to_start(preprocess(pixels[None], preprocessing))

    channel, row, column = position
    index = (0, row - 1, column - 1, channel - 1)
    result, sums = METHODS[method](layers, index, read, images[image], **settings)
    for name, number in sums.items():
        print(f"{name} {float(number):g}", end=", ")
    print(f"attributions {float(tf.reduce_sum(result)):g}")
    # Beyond the border there are zeros.
    result = crop(result[0].numpy(), *(receptive_field(layers, number) for number in index[1:3]))
    result = np.moveaxis(result, -1, 0)[np.array(maps) - 1]
    if back_to != "input":
        return result
    if method in IN_COLOR:
        return as_colors(result[None], preprocessing)
    return result.sum(axis=0, keepdims=True)


def gradients(layers, index, x, *settings, forward=before_relu):
    """Compute the value, its gradient, and the sum of all biases times their gradients."""
    biases = [layer.bias.value for layer in layers if layer.weights]
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch([x, *biases])
        value = forward(layers, x, *settings)[index]
    gradient, *by_bias = tape.gradient(value, [x, *biases], unconnected_gradients="zero")
    terms = [tf.reduce_sum(bias * one) for bias, one in zip(biases, by_bias, strict=True)]
    return value, gradient, sum(terms)


def gradient(layers, index, read, pixels):
    """Compute the gradient of the value (Simonyan et al., 2013)."""
    return gradients(layers, index, read(pixels))[1], {}


def input_x_gradient(layers, index, read, pixels):
    """Input x gradient; with the bias terms, it sums to the value (Srinivas and Fleuret, 2019)."""
    x = read(pixels)
    value, gradient, biases = gradients(layers, index, x)
    return x * gradient, {"value": value, "bias terms": biases}


def guided_backpropagation(layers, index, read, pixels):
    """Keep positive gradients of active units at every ReLU (Springenberg et al., 2014)."""

    @tf.custom_gradient
    def relu(x):
        return tf.nn.relu(x), lambda upstream: tf.where((x > 0) & (upstream > 0), upstream, 0.0)

    return gradients(layers, index, read(pixels), relu)[1], {}


def deconvnet(layers, index, read, pixels):
    """Keep positive gradients at every ReLU (Zeiler and Fergus, 2013)."""
    relu = tf.custom_gradient(lambda x: (tf.nn.relu(x), tf.nn.relu))
    return gradients(layers, index, read(pixels), relu)[1], {}


def integrated_gradients(layers, index, read, pixels, points=65):
    """Average the gradient on a line from the mean color (Sundararajan et al., 2017)."""
    end = read(pixels)
    start = read(np.broadcast_to(np.float32([123.68, 116.779, 103.939]), pixels.shape))
    slope = tf.function(lambda x: gradients(layers, index, x)[1], autograph=False)
    mean = tf.zeros_like(end)
    for position, weight in zip(*clenshaw_curtis(points), strict=True):
        mean += weight * slope(position * end + (1 - position) * start)
    value, baseline = (before_relu(layers, x)[index] for x in (end, start))
    return mean * (end - start), {"value": value, "baseline": baseline}


def clenshaw_curtis(points):
    """Return positions and weights to integrate over [0, 1], exact for polynomials."""
    x, degrees = -np.cos(np.linspace(0, np.pi, points)), np.arange(points)
    # Of Chebyshev polynomials, the integrals over [-1, 1] are 2 / (1 - degree^2) or, if odd, 0.
    integrals = np.where(degrees % 2, 0, 2 / (1 - (degrees - degrees % 2) ** 2))
    weights = np.linalg.solve(np.polynomial.chebyshev.chebvander(x, points - 1).T, integrals)
    return np.float32((x + 1) / 2), np.float32(weights / 2)


def lrp(layers, index, read, pixels):
    """Propagate relevance (Bach et al., 2015) by the rules of Montavon et al. (2019).

    The gamma rule in blocks 1 to 3, the epsilon rule in blocks 4 and 5, zB at the pixels. The value
    has to be above 0. What attributions and bias terms lack to the value, denominators absorb.
    """
    x, first_output = read(pixels), None
    if layers[0].name == "block1_conv1":  # zB: distances to the bounds are its inputs
        bounds = [read(np.full_like(pixels, level)) for level in (0, 255)]
        first_output, x = layers[0](x), tf.concat([x - bound for bound in bounds], axis=3)
    value, gradient, biases = gradients(layers, index, x, index, first_output, forward=relevance)
    parts = tf.split(x * gradient, 1 if first_output is None else 2, axis=3)
    return sum(parts), {"value": value, "bias terms": biases}


def relevance(layers, x, index, first_output):
    """Compute the last output such that the value's gradient is relevance divided by activation."""
    for number, layer in enumerate(layers):
        if "pool" in layer.name:
            x = layer(x)
            continue
        kernel, bias = layer.kernel.value, layer.bias.value
        if first_output is not None and number == 0:
            kernel = tf.concat([tf.nn.relu(kernel), -tf.nn.relu(-kernel)], axis=2)
            x = with_share(tf.nn.conv2d(x, kernel, 1, "SAME"), first_output)
            continue
        z, epsilon = tf.nn.conv2d(x, kernel, 1, "SAME") + bias, 0.0
        output = tf.nn.relu(z)
        if int(layer.name[5]) > 3:  # "block4_conv1"
            rows, columns = (receptive_field(layers[number + 1 :], n) for n in index[1:3])
            inside = z[:, max(0, rows[0]) : rows[1], max(0, columns[0]) : columns[1]]
            epsilon = 0.25 * np.sqrt(np.mean(np.square(inside, dtype=float))).astype("float32")
        else:
            z += 0.25 * (tf.nn.conv2d(x, tf.nn.relu(kernel), 1, "SAME") + tf.nn.relu(bias))
        x = with_share(z, output, epsilon)
    return x


def with_share(z, output, epsilon=0.0):
    """Return the output, with the gradient of z times output / (z + epsilon)."""
    share = tf.stop_gradient(tf.math.divide_no_nan(output, z + epsilon))
    return share * z + tf.stop_gradient(output - share * z)


FUNCTIONS = gradient, input_x_gradient, guided_backpropagation, deconvnet, integrated_gradients, lrp
METHODS = {function.__name__: function for function in FUNCTIONS}
IN_COLOR = "guided_backpropagation", "deconvnet"
IMAGES = ["photo.jpg"]  # names of files, or PNG in base64

if __name__ == "__main__":
    images = read_images(IMAGES)
    save({name: attribution(images, **array) for name, array in ARRAYS.items()})
