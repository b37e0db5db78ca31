"""A picture on its way through a network, block by block; every step is taken once and kept.

What a block works on is kept beside the maps: it is small, and any layer of the block can be had
from it again in a fraction of the time that the whole way takes. So viewers with pictures of their
own need not hold all their maps, and few turns take as long as a whole forward pass.
"""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from vgg_viz import inspection
from vgg_viz.architecture import VGG19, Layer
from vgg_viz.mosaic import enlarge, shrink
from vgg_viz.network import Network, Preprocessing, network_input
from vgg_viz.serving.cache import Shelf, set_aside, working_seconds
from vgg_viz.ui.widgets.picture import Picture

STRIP = 4  # maps a layer, of those that follow a picture through all layers
STRIP_SIDE = 56  # pixels: a whole fraction or multiple of every layer's maps


@dataclass(frozen=True)
class Overview:
    """The most active maps of conv layers, all of one size.

    ``maps`` float32 (layers, count, side, side); ``numbers`` int (layers, count), from 1.
    """

    maps: np.ndarray
    numbers: np.ndarray


@dataclass(frozen=True)
class Whole:
    """What all layers make of a picture; ``profiles`` has one a conv layer."""

    overview: Overview
    profiles: tuple[inspection.Profile, ...]


@dataclass(frozen=True)
class Passage:
    """One picture's way through one network.

    ``get`` returns the value of a key from the ``shelf``, computed if need be; ``in_turn`` runs
    what needs the network when it is its turn. Nothing large is in hand while one waits for that:
    forty runs would wait with 3 MB each.
    """

    shelf: Shelf
    get: Callable[[Hashable, Callable[[], Any]], Any]
    in_turn: Callable[[Callable[[], Any]], Any]
    network: Network
    picture: Picture
    preprocessing: Preprocessing = "caffe"

    def maps(self, layer: Layer) -> np.ndarray:
        """A conv layer's maps, float32 ``(maps, height, width)``."""
        key = self._key(layer.name)
        return self.get(key, lambda: self.in_turn(lambda: self._maps(layer)))

    def whole(self) -> Whole:
        """What is worth knowing of all layers together, from one forward pass."""
        return self.get(self._key("whole"), lambda: self.in_turn(self._whole))

    def _maps(self, layer: Layer) -> np.ndarray:
        if layer in VGG19.block_ends:
            return self._to_the_end(layer.block, [layer.name])[0]
        return self.network.run((layer.name,), self._source(layer.block))[0]

    def _whole(self) -> Whole:
        blocks = range(1, len(VGG19.blocks) + 1)
        parts = [self._survey(block) for block in blocks]
        overview = Overview(
            np.concatenate([part.overview.maps for part in parts]),
            np.concatenate([part.overview.numbers for part in parts]),
        )
        return Whole(overview, tuple(profile for part in parts for profile in part.profiles))

    def _survey(self, block: int) -> Whole:
        """The same of one block; its maps, up to 26 MB, are let go before the next one's come."""
        names = [layer.name for layer in VGG19.conv_layers if layer.block == block]
        maps = self._to_the_end(block, names)
        profiles = tuple(inspection.profile(values, self.picture.pixels) for values in maps)
        return Whole(most_active(maps, STRIP, STRIP_SIDE), profiles)

    def _to_the_end(self, block: int, layer_names: Sequence[str]) -> list[np.ndarray]:
        """The maps of these layers, the block's last among them; keeps the next block's input."""
        pool = VGG19.pools[block - 1].name
        *maps, _ = self._run((*layer_names, pool), block)
        return maps

    def _source(self, block: int) -> np.ndarray:
        """What a block works on, float32 ``(channels, height, width)``."""
        if block == 1:
            return network_input(self.picture.pixels, self.preprocessing)
        pool = VGG19.pools[block - 2].name
        # Not waited for, as a value is: whoever has the turn is the only one to make it.
        kept = self.shelf.peek(self._key(pool))
        if kept is not None:
            return kept
        start = working_seconds()
        (made,) = self._run((pool,), block - 1)
        # Kept at a price of its own, it is no part of that of the maps made from it.
        set_aside(working_seconds() - start)
        return made

    def _run(self, layer_names: tuple[str, ...], block: int) -> list[np.ndarray]:
        """Run a step that ends with the block's pool, and keep what that makes."""
        source = self._source(block)
        start = working_seconds()
        outputs = self.network.run(layer_names, source)
        if block < len(VGG19.blocks):
            self.shelf.put(self._key(layer_names[-1]), outputs[-1], working_seconds() - start)
        return outputs

    def _key(self, name: str) -> Hashable:
        return ("passage", name, self.network.label, self.picture.digest, self.preprocessing)


def most_active(maps: Sequence[np.ndarray], count: int, side: int) -> Overview:
    """Choose the maps with the highest mean of every layer, the most active first."""
    shown, numbers = [], []
    for values in maps:
        order = np.argsort(-inspection.means(values), kind="stable")[:count]
        small = shrink(values[order], min(side, values.shape[1]))
        shown.append(enlarge(small, side // small.shape[1]))
        numbers.append(order + 1)
    return Overview(np.stack(shown), np.stack(numbers))
