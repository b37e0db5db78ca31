"""Pictures drawn with ImageNet's weights: small files, and what their captions say."""

import numpy as np
import pytest
from PIL import Image

from tests.support.weights_files import reference_folder
from vgg_viz.model.architecture import VGG19
from vgg_viz.samples import IMAGENET_PICTURES, ImageNetPicture

MOST_BYTES = 300_000
FILTERS = IMAGENET_PICTURES[0]


def pixels_of(picture: ImageNetPicture) -> np.ndarray:
    """Return the pixels of a picture, float64 (h, w, 3)."""
    with Image.open(picture.path) as image:
        return np.asarray(image.convert("RGB"), np.float64)


def test_the_pictures_are_small_and_their_captions_count_what_the_layer_has():
    assert sum(one.path.stat().st_size for one in IMAGENET_PICTURES) <= MOST_BYTES
    assert {VGG19.conv_layer(one.layer).block for one in IMAGENET_PICTURES} == {1, 2, 3}
    for one in IMAGENET_PICTURES:
        count = VGG19.conv_layer(one.layer).filters
        assert one.caption.startswith(f"{one.count} of {count} ")
        assert pixels_of(one).shape[1] == 460


def test_the_filters_are_those_of_the_reference_weights():
    path = reference_folder() / "vgg19_blocks1-3.npz"
    if not path.exists():
        pytest.skip(f"needs the reference weights at {path}")
    with np.load(path) as arrays:
        kernel = arrays["block1_conv1/kernel"][:, :, ::-1]  # as RGB
    pixels = pixels_of(FILTERS)
    for index in range(FILTERS.count):
        row, column = divmod(index, 8)
        tile = pixels[58 * row :, 58 * column :][9:54:18, 9:54:18]  # a pixel for each weight
        weights = kernel[..., index]
        expected = 127.5 + 127.5 * weights / np.abs(weights).max()
        assert np.abs(tile - expected).mean() < 12, index  # WebP rounds
