"""Feature maps of VGG19, also with maps of an earlier layer ablated (set to zero)."""

from vgg19 import *

# Arrays by name. Maps count from 1; an image is an index of IMAGES, below.
ARRAYS = {
    "maps": {
        "weights": "imagenet",
        "image": 0,
        "preprocessing": "caffe",
        "layer": "block3_conv1",
        "maps": range(1, 17),
    }
}


def feature_maps(images, weights, image, preprocessing, layer, maps, ablated_in="", ablated=()):
    """Compute a layer's maps after ReLU, (maps, height, width)."""
    model, start = network(weights), "input"
    output = preprocess(images[image][None], preprocessing)
    if ablated_in:
        output = np.array(submodel(model, start, ablated_in).predict_on_batch(output))
        output[..., np.array(ablated) - 1] = 0
        start = ablated_in
    output = submodel(model, start, layer).predict_on_batch(output)
    return np.moveaxis(output[0], -1, 0)[np.array(maps) - 1]


IMAGES = ["photo.jpg"]  # names of files, or PNG in base64

if __name__ == "__main__":
    images = read_images(IMAGES)
    arrays = {name: feature_maps(images, **array) for name, array in ARRAYS.items()}
    if len(arrays) == 2:
        first, second = arrays.values()
        arrays["difference"] = second - first
    save(arrays)
