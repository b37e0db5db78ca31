"""Forward pass of one image, block by block, with the input of every block cached.

A block's input is small, and any layer of the block can be computed from it in a fraction of the
time of a full forward pass. So the maps of viewers' own images can be evicted from the cache, and
few script runs hold the network lock for a full forward pass.
"""

from collections.abc import Generator, Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from vgg_viz.export.mosaic import enlarge, shrink
from vgg_viz.image_io.input_image import NetworkInput
from vgg_viz.interpretability.feature_visualization.top_patches import Peaks, find_peaks
from vgg_viz.interpretability.map_statistics import Profile, means, profile
from vgg_viz.model.architecture import Architecture, ConvLayer
from vgg_viz.model.network import Network
from vgg_viz.serving.cache import Cache
from vgg_viz.serving.locks import no_pause

STRIP = 4  # maps per layer in an overview
STRIP_SIDE = 56  # pixels: a whole fraction or multiple of every layer's side


@dataclass(frozen=True)
class Overview:
    """Most active maps of every conv layer, and statistics of the layers, for one image."""

    maps: np.ndarray  # float32 `(layers, count, side, side)`, the most active first
    numbers: np.ndarray  # the maps' numbers, from 1: int `(layers, count)`
    profiles: tuple[Profile, ...]  # statistics of all maps of a layer, one entry per layer


@dataclass(frozen=True)
class ForwardPass:
    """Forward pass of one image through one network; call its methods with the network lock held.

    It caches the inputs of VGG19's blocks; the caller caches the results of its methods.
    """

    cache: Cache
    network: Network
    picture: NetworkInput

    @property
    def architecture(self) -> Architecture:
        """The network's blocks and layers."""
        return self.network.architecture

    def key(self, name: str) -> Hashable:
        """Return the cache key of a result for this image and network, such as "overview"."""
        return (name, self.network.identity, self.picture.digest)

    def maps(self, layer: ConvLayer) -> np.ndarray:
        """Compute a conv layer's maps after ReLU, float32 ``(maps, height, width)``."""
        if layer in self.architecture.block_ends:
            (maps,) = self._run_to_end(layer.block, [layer.name])
            return maps
        return self.network.run((layer.name,), self._block_input(layer.block))[0]

    def overview(self) -> Generator[None, None, Overview]:
        """Compute the most active maps and the statistics of all conv layers, a block per step."""
        parts = list[Overview]()
        for block, _ in enumerate(self.architecture.pools, start=1):
            if parts:
                yield
            parts.append(self._block_overview(block))
        return Overview(
            np.concatenate([part.maps for part in parts]),
            np.concatenate([part.numbers for part in parts]),
            tuple(profile for part in parts for profile in part.profiles),
        )

    def peaks(self) -> Generator[None, None, tuple[Peaks, ...]]:
        """Compute the strongest activations of all channels, one entry per conv layer, in steps.

        A step is one block. Block inputs are not cached here: peaks are computed for many images,
        and the viewer looks at few of them.
        """
        source, found = self.network.input(self.picture.pixels), list[Peaks]()
        for block, pool in enumerate(self.architecture.pools, start=1):
            if found:
                yield
            layers = [one for one in self.architecture.conv_layers if one.block == block]
            names = [layer.name for layer in layers]
            *maps, source = self.network.run((*names, pool.name), source)
            found += map(find_peaks, maps, layers)
            del maps  # up to 26 MB
        return tuple(found)

    def _block_overview(self, block: int) -> Overview:
        """Compute the overview of one block; its maps, up to 26 MB, are released on return.

        Those of its last layer are cached: several views show the ends of the blocks.
        """
        names = [layer.name for layer in self.architecture.block(block)[:-1]]
        start = self.cache.clock()
        maps = self._run_to_end(block, names)
        self.cache.keep(self.key(names[-1]), maps[-1], self.cache.clock() - start)
        profiles = tuple(profile(values, self.picture.pixels) for values in maps)
        return Overview(*most_active(maps, STRIP, STRIP_SIDE), profiles)

    def _run_to_end(self, block: int, layer_names: Sequence[str]) -> list[np.ndarray]:
        """Compute some layers' maps up to the end of a block, and cache the next block's input."""
        pool = self.architecture.pools[block - 1].name
        source = self._block_input(block)
        start = self.cache.clock()
        *maps, pooled = self.network.run((*layer_names, pool), source)
        if block < len(self.architecture.blocks):
            self.cache.keep(self.key(pool), [pooled], self.cache.clock() - start)
        return maps

    def _block_input(self, block: int) -> np.ndarray:
        """Return a block's input, float32 ``(channels, height, width)``, computed if not cached."""
        if block == 1:
            return self.network.input(self.picture.pixels)
        pool = self.architecture.pools[block - 2].name
        # No other thread computes it meanwhile: this one holds the network lock.
        (source,) = self.cache.get(
            self.key(pool),
            lambda: self.network.run((pool,), self._block_input(block - 1)),
            no_pause,
        )
        return source


def most_active(maps: Sequence[np.ndarray], count: int, side: int) -> tuple[np.ndarray, np.ndarray]:
    """Select the maps with the highest mean in each layer, the most active first.

    ``maps`` has one array per layer, float32 ``(maps, height, width)``. The result is float32
    ``(layers, count, side, side)``, averaged down or enlarged, and the maps' numbers, from 1.
    """
    selected, numbers = [], []
    for values in maps:
        order = np.argsort(-means(values), kind="stable")[:count]
        small = shrink(values[order], min(side, values.shape[1]))
        selected.append(enlarge(small, side // small.shape[1]))
        numbers.append(order + 1)
    return np.stack(selected), np.stack(numbers)
