"""A picture on its way through a network, block by block; every step is taken once and kept.

What a block works on is kept beside the maps: it is small, and any layer of the block can be had
from it again in a fraction of the time that the whole way takes. So viewers with pictures of their
own need not hold all their maps, and few turns take as long as a whole forward pass.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from vgg_viz.export.mosaic import enlarge, shrink
from vgg_viz.image_io.input_image import NetworkInput
from vgg_viz.interpretability.feature_visualization.top_patches import Peaks, peaks
from vgg_viz.interpretability.map_statistics import Profile, means, profile
from vgg_viz.model.architecture import VGG19, ConvLayer
from vgg_viz.model.network import Network, Preprocessing, network_input
from vgg_viz.serving.cache import Cache
from vgg_viz.serving.locks import keep_waiting

STRIP = 4  # maps a layer, of those that follow a picture through all layers
STRIP_SIDE = 56  # pixels: a whole fraction or multiple of every layer's maps
PEAKS = "peaks"  # what they are kept under


@dataclass(frozen=True)
class Overview:
    """What conv layers make of a picture, in their most active maps and in numbers.

    ``maps`` float32 (layers, count, side, side); ``numbers`` int (layers, count), from 1;
    ``profiles`` one a layer.
    """

    maps: np.ndarray
    numbers: np.ndarray
    profiles: tuple[Profile, ...]


@dataclass(frozen=True)
class ForwardPass:
    """One picture's way through one network; to be taken by one thread at a time, in its turn.

    What blocks work on is kept in the ``cache``, and peaks where they are by the way; all else is
    for the caller to keep.
    """

    cache: Cache
    network: Network
    picture: NetworkInput
    preprocessing: Preprocessing = "caffe"

    def key(self, name: str) -> Hashable:
        """What is kept under that name, of this picture in this network."""
        return (name, self.network.identity, self.picture.digest, self.preprocessing)

    def maps(self, layer: ConvLayer) -> np.ndarray:
        """A conv layer's maps, float32 ``(maps, height, width)``."""
        if layer in VGG19.block_ends:
            return self._to_the_end(layer.block, [layer.name])[0]
        return self.network.run((layer.name,), self._source(layer.block))[0]

    def overview(self) -> Overview:
        """What is worth knowing of all conv layers together; keeps their peaks as well."""
        return self.cache.keep_second(self.key(PEAKS), self._surveyed)

    def peaks(self) -> tuple[Peaks, ...]:
        """Where each conv layer's channels answer most.

        Nothing is kept on the way: of many pictures that are looked through, most will not be
        looked at.
        """
        source, found = network_input(self.picture.pixels, self.preprocessing), list[Peaks]()
        for block, pool in enumerate(VGG19.pools, start=1):
            layers = layers_of(block)
            names = [layer.name for layer in layers]
            *maps, source = self.network.run((*names, pool.name), source)
            found += map(peaks, maps, layers)
        return tuple(found)

    def _surveyed(self) -> tuple[Overview, tuple[Peaks, ...]]:
        parts = [self._survey(block) for block in range(1, len(VGG19.blocks) + 1)]
        overviews = [overview for overview, _ in parts]
        whole = Overview(
            np.concatenate([part.maps for part in overviews]),
            np.concatenate([part.numbers for part in overviews]),
            tuple(profile for part in overviews for profile in part.profiles),
        )
        return whole, tuple(one for _, found in parts for one in found)

    def _survey(self, block: int) -> tuple[Overview, list[Peaks]]:
        """The same of one block; its maps, up to 26 MB, are let go before the next one's come."""
        layers = layers_of(block)
        maps = self._to_the_end(block, [layer.name for layer in layers])
        profiles = tuple(profile(values, self.picture.pixels) for values in maps)
        overview = Overview(*most_active(maps, STRIP, STRIP_SIDE), profiles)
        return overview, list(map(peaks, maps, layers))

    def _to_the_end(self, block: int, layer_names: Sequence[str]) -> list[np.ndarray]:
        """The maps of these layers, the block's last among them; keeps the next block's input."""
        pool = VGG19.pools[block - 1].name
        source = self._source(block)
        if block == len(VGG19.blocks):
            return self.network.run((*layer_names, pool), source)[:-1]

        def both() -> tuple[list[np.ndarray], np.ndarray]:
            *maps, pooled = self.network.run((*layer_names, pool), source)
            return maps, pooled

        return self.cache.keep_second(self.key(pool), both)

    def _source(self, block: int) -> np.ndarray:
        """What a block works on, float32 ``(channels, height, width)``."""
        if block == 1:
            return network_input(self.picture.pixels, self.preprocessing)
        # Nobody else makes it meanwhile: whoever has the turn is the only one.
        pool = VGG19.pools[block - 2].name
        return self.cache.get(self.key(pool), partial(self._pooled, block - 1), keep_waiting)

    def _pooled(self, block: int) -> np.ndarray:
        """What the pool at a block's end makes."""
        return self.network.run((VGG19.pools[block - 1].name,), self._source(block))[0]


def layers_of(block: int) -> list[ConvLayer]:
    """The conv layers of a block."""
    return [layer for layer in VGG19.conv_layers if layer.block == block]


def most_active(maps: Sequence[np.ndarray], count: int, side: int) -> tuple[np.ndarray, np.ndarray]:
    """Choose the maps with the highest mean of every layer, the most active first.

    Returns them, float32 ``(layers, count, side, side)``, and their numbers, from 1.
    """
    shown, numbers = [], []
    for values in maps:
        order = np.argsort(-means(values), kind="stable")[:count]
        small = shrink(values[order], min(side, values.shape[1]))
        shown.append(enlarge(small, side // small.shape[1]))
        numbers.append(order + 1)
    return np.stack(shown), np.stack(numbers)
