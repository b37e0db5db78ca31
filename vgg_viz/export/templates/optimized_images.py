"""Optimized images: activation maximization of channels of VGG19 by gradient ascent.

The array NAME_value has the channels' values, before ReLU, for the images. Gradient ascent
amplifies rounding from step to step: the images resemble those of VGG Viz, but pixels may differ.
An image of block 4 takes ten seconds or more, one of block 5 minutes.
"""

from vgg19 import *

# Arrays by name. Channels count from 1.
ARRAYS = {
    "images": {
        "weights": "imagenet",
        "preprocessing": "caffe",
        "layer": "block2_conv1",
        "channels": range(1, 17),
        "parametrization": "regularized",  # or "pixels"
        "side": 10,
        "seeds": [0, 3],
        "steps": [192, 48],  # under random transformations, then without
        "batch": 16,
    }
}
MEAN_COLOR = np.float32([124, 117, 104])  # ImageNet's, around the images
# Decorrelated colors of photographs, one a column (https://github.com/tensorflow/lucid).
COLORS = np.array([[0.26, 0.09, 0.02], [0.27, 0.0, -0.05], [0.27, -0.09, 0.03]])
COLORS /= np.linalg.norm(COLORS, axis=0).max()


def optimize(
    weights, layer, channels, parametrization, side, seeds, steps, batch, preprocessing="caffe"
):
    """Optimize an image for each channel, uint8 (n, side, side, 3); return the values, too."""
    values = value_function(network(weights), layer, side, preprocessing)
    regularized = parametrization == "regularized"
    wide = side + 2 * int(np.ceil(side / 8)) if regularized else side
    shape = (3, wide, wide // 2 + 1, 2) if regularized else (side, side, 3)

    @tf.function(autograph=False, reduce_retracing=True)
    def gradient(parameters, some, places, shares):
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(parameters)
            found = values(sample(canvases(parameters), places, shares), some)
        return tape.gradient(found, parameters)

    pictures, results = [], []
    for begin in range(0, len(channels), batch):
        some = np.array(channels[begin : begin + batch])
        draws = [np.random.default_rng([*seeds, one]).normal(0, 0.01, shape) for one in some]
        parameters = keras.Variable(np.stack(draws), dtype="float32")
        # The same transformations for all channels.
        random, found = np.random.default_rng(seeds) if regularized else None, []
        for count, generator in zip(steps, (random, None), strict=True):
            adam = keras.optimizers.Adam(0.05, epsilon=1e-8)
            for _ in range(count):
                seen = view(side, wide, generator)
                adam.apply([-gradient(parameters.value, some, *seen)], [parameters])
            middle = sample(canvases(parameters.value), *view(side, wide))
            pixels = np.rint(middle).astype("uint8")
            found.append((pixels, values(pixels.astype("float32"), some)))
        (before, low), (after, high) = found
        better = np.array(high > low)
        pictures.append(np.where(better[:, None, None, None], after, before))
        results.append(np.maximum(low, high))
        print(f"{layer}: {begin + len(some)} of {len(channels)} images")
    return np.concatenate(pictures), np.concatenate(results)


def value_function(model, layer, side, preprocessing):
    """Return a function from images and channels to the values before ReLU at a map's middle."""
    layers = layers_between(model, "input", layer)
    start, stop = receptive_field(layers, layers[-1].output.shape[1] // 2)
    # An image that is a whole receptive field needs no padding in any layer; the output is 1 x 1.
    # Smaller ones lie in the middle of the receptive field in an image of the mean color.
    whole, first = side == stop - start, start + (stop - start - side) // 2
    margins = (0, 0) if whole else (first, 224 - side - first)

    def values(images, channels):
        images = tf.pad(images - MEAN_COLOR, [(0, 0), margins, margins, (0, 0)]) + MEAN_COLOR
        x = preprocess(images, preprocessing)
        output = before_relu(layers, x, padding="VALID" if whole else "SAME")
        middle = output.shape[1] // 2
        return tf.gather(output[:, middle, middle], channels - 1, axis=1, batch_dims=1)

    return values


def canvases(parameters):
    """Compute canvases, RGB from 0 to 255, from pixels or Fourier coefficients (n, 3, h, w, 2)."""
    if parameters.shape[-1] == 3:
        return 255 * tf.sigmoid(parameters)
    wide = parameters.shape[2]
    frequencies = np.hypot(np.fft.fftfreq(wide)[:, None], np.fft.rfftfreq(wide))
    scale = wide / np.maximum(frequencies, 1 / wide) / 4  # amplitudes as in photographs
    real, imaginary = tf.unstack(tf.cast(parameters, tf.float64), axis=-1)
    waves = tf.signal.irfft2d(tf.complex(real, imaginary) * scale, [wide, wide])
    return tf.cast(255 * tf.sigmoid(tf.einsum("nkhw,ck->nhwc", waves, COLORS)), tf.float32)


def view(side, wide, random=None):
    """Return the middle of a canvas, under a random transformation or none: pixels and shares.

    Each pixel of the view is a mean of four of the canvas, weighted by their shares.
    """
    turn, scale, shifts = 0.0, 1.0, (0.0, 0.0)
    if random is not None:  # Olah et al. (2017)
        turn, scale = random.uniform(-np.deg2rad(10), np.deg2rad(10)), random.uniform(0.9, 1.1)
        shifts = random.uniform(-0.5, 0.5, 2) * side / 4
    steps, middle = scale * (np.arange(side) - (side - 1) / 2), (wide - 1) / 2
    rows = middle + shifts[0] + np.cos(turn) * steps[:, None] - np.sin(turn) * steps
    columns = middle + shifts[1] + np.sin(turn) * steps[:, None] + np.cos(turn) * steps
    rows, columns = rows.clip(0, wide - 1), columns.clip(0, wide - 1)
    top, left = (places.astype(int).clip(max=wide - 2) for places in (rows, columns))
    down, right = rows - top, columns - left
    places = [(top + y) * wide + left + x for y, x in np.ndindex(2, 2)]
    shares = [(1 - down) * (1 - right), (1 - down) * right, down * (1 - right), down * right]
    return np.stack(places), np.stack(shares).astype("float32")


def sample(canvases, places, shares):
    """Compute the images of a view of canvases."""
    pixels = tf.gather(tf.reshape(canvases, (-1, canvases.shape[1] ** 2, 3)), places, axis=1)
    return tf.einsum("nkhwc,khw->nhwc", pixels, shares)


if __name__ == "__main__":
    arrays = {}
    for name, array in ARRAYS.items():
        arrays[name], arrays[f"{name}_value"] = optimize(**array)
    save(arrays)
