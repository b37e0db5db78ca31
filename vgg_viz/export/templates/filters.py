"""Filters of VGG19: the kernels of a layer."""

from vgg19 import *

# Arrays by name. Filters and channels count from 1.
ARRAYS = {
    "filters": {
        "weights": "imagenet",
        "layer": "block1_conv1",
        "filters": range(1, 65),
        "channels": range(1, 4),
        "in_color": True,
        "preprocessing": "caffe",  # of the network's input
    }
}


def kernels(weights, layer, filters, channels, in_color, preprocessing="caffe"):
    """Return kernels, (filters, channels, 3, 3), or color images of them, (filters, 3, 3, 3)."""
    kernel = network(weights).get_layer(layer).get_weights()[0]  # (3, 3, channels, filters)
    kernel = kernel.transpose(3, 2, 0, 1)[np.array(filters) - 1][:, np.array(channels) - 1]
    return as_colors(kernel, preprocessing) if in_color else kernel


if __name__ == "__main__":
    save({name: kernels(**array) for name, array in ARRAYS.items()})
