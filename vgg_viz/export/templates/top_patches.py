"""Top patches: the parts of images that activate channels of VGG19 most.

The array NAME_value has the channels' values at the patches.
"""

from vgg19 import *

# Arrays by name. Channels count from 1; images are indices of IMAGES, below.
ARRAYS = {
    "patches": {
        "weights": "imagenet",
        "preprocessing": "caffe",
        "searched": [0],
        "layer": "block3_conv1",
        "channels": range(1, 17),
        "each": 1,  # patches of a channel
    }
}
MEAN_COLOR = (124, 117, 104)  # ImageNet's, beyond the images' borders


def top_patches(images, weights, searched, layer, channels, each, preprocessing="caffe"):
    """Find each channel's top patches, uint8 (n, side, side, 3), and its values there.

    The strongest of each image come first, then the second of each, then all others. A channel
    that is inactive on all images has one black patch.
    """
    model = network(weights)
    to_layer = submodel(model, "input", layer)
    inputs = {one: preprocess(images[one][None], preprocessing) for one in searched}
    maps = {one: to_layer.predict_on_batch(x)[0] for one, x in inputs.items()}
    layers, rows = layers_between(model, "input", layer), to_layer.output.shape[1]
    fields = [receptive_field(layers, row) for row in range(rows)]
    side, stride = fields[0][1] - fields[0][0], fields[1][0] - fields[0][0]
    distance = min(-(-side // (2 * stride)), rows // 4)
    patches, values = [], []
    for channel in channels:
        found = []
        for image in searched:
            for nth, peak in enumerate(peaks(maps[image][..., channel - 1], distance, each)):
                found.append((min(nth, 2), -peak[0], nth, searched.index(image), image, *peak[1:]))
        for _, value, _, _, image, row, column in sorted(found)[:each]:
            patches.append(crop(images[image], fields[row], fields[column], MEAN_COLOR))
            values.append(-value)
        if not found:
            patches.append(np.zeros((side, side, 3), np.uint8))
            values.append(0)
    return np.stack(patches), np.array(values, np.float32)


def peaks(values, distance, count):
    """Find a map's largest values above 0, apart from each other: value, row and column."""
    left, found = values.copy(), []
    while len(found) < count and left.max() > 0:
        row, column = map(int, np.unravel_index(left.argmax(), left.shape))
        found.append((float(left[row, column]), row, column))
        rows, columns = (slice(max(0, n - distance + 1), n + distance) for n in (row, column))
        left[rows, columns] = 0
    return found


IMAGES = ["photo.jpg"]  # names of files, or PNG in base64

if __name__ == "__main__":
    images, arrays = read_images(IMAGES), {}
    for name, array in ARRAYS.items():
        arrays[name], arrays[f"{name}_value"] = top_patches(images, **array)
    save(arrays)
