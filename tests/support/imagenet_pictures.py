"""Draw the pictures in ``assets/imagenet/`` with the reference weights (ImageNet's, blocks 1 to 3).

The page shows them where ImageNet's weights are missing: ``python -m
tests.support.imagenet_pictures``
"""

import io
from collections.abc import Iterator

import numpy as np
from PIL import Image

from tests.support.photographs import load_image, sample_bytes
from tests.support.weights_files import ReferenceWeights
from vgg_viz.export.mosaic import enlarge, pack_tiles, shrink
from vgg_viz.interpretability.map_statistics import statistics
from vgg_viz.model.network import Network, color_images, tiles_first
from vgg_viz.samples import IMAGENET_PICTURES, ImageNetPicture

SIDE, GAP = 112, 4  # pixels
FILTERS_FACTOR, FILTERS_COLUMNS = 18, 8
QUALITY = 80


def grid(tiles: np.ndarray, columns: int) -> Image.Image:
    """Lay out tiles, uint8 ``(n, s, s)`` or ``(n, s, s, 3)``, on white."""
    edges = [(0, 0), (0, GAP), (0, GAP), (0, 0)][: tiles.ndim]
    packed = pack_tiles(np.pad(tiles, edges, constant_values=255), columns)
    return Image.fromarray(packed[:-GAP, :-GAP])


def filters(count: int) -> Image.Image:
    """Draw the first layer's first filters as colors."""
    kernel, _ = ReferenceWeights().read("block1_conv1")
    colors = color_images(tiles_first(kernel))[:count]
    return grid(enlarge(colors, FILTERS_FACTOR), FILTERS_COLUMNS)


def maps(network: Network, layer_name: str, count: int) -> Image.Image:
    """Draw a layer's maps of the cat with the highest mean, each on its own scale."""
    values = network.feature_maps(load_image(sample_bytes("cat")), layer_name)
    chosen = values[sorted(statistics(values).order("mean")[:count])]
    tiles = shrink(chosen, min(SIDE, chosen.shape[1]))
    tiles = enlarge(tiles, SIDE // tiles.shape[1])
    low, high = (end(axis=(1, 2), keepdims=True) for end in (tiles.min, tiles.max))
    return grid(np.rint(255 * (tiles - low) / (high - low)).astype(np.uint8), 4)


def drawn() -> Iterator[tuple[ImageNetPicture, Image.Image]]:
    """Yield each picture's record and its drawing."""
    network = Network(ReferenceWeights())
    for one in IMAGENET_PICTURES:
        yield one, filters(one.count) if one.of_filters else maps(network, one.layer, one.count)


def main() -> None:
    """Draw all pictures."""
    for one, image in drawn():
        one.path.parent.mkdir(exist_ok=True)
        content = io.BytesIO()
        image.save(content, "WEBP", quality=QUALITY, method=6)
        one.path.write_bytes(content.getvalue())


if __name__ == "__main__":
    main()
