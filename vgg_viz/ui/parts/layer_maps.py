"""A layer's maps of a picture: fetched, measured, ordered, and made into a grid of tiles."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from vgg_viz.export.scripts import MapsRun, ScriptNetwork, WeightsFile
from vgg_viz.image_io.picture import Picture
from vgg_viz.interpretability.map_orders import ORDERS
from vgg_viz.interpretability.map_statistics import Statistics, statistics
from vgg_viz.model.architecture import ConvLayer
from vgg_viz.model.network import Network, Preprocessing
from vgg_viz.model.weights import IMAGENET_LABEL, StoredWeights, Weights
from vgg_viz.serving.results import Results, ValueRange
from vgg_viz.ui.widgets.controls import Appearance
from vgg_viz.ui.widgets.grid import OWN_SCALE, Grid
from vgg_viz.ui.widgets.text_blocks import caption

WRONG = "RGB / 255 instead of BGR − mean"


@dataclass(frozen=True)
class LayerMaps:
    """What a layer of a network makes of a picture; fetched when asked for, and never held."""

    results: Results
    network: Network
    picture: Picture
    layer: ConvLayer
    preprocessing: Preprocessing = "caffe"

    def for_export(self) -> "LayerMaps":
        """The same for what is made outside of runs."""
        return replace(self, results=self.results.for_export())

    @property
    def key(self) -> tuple[object, ...]:
        """Whose maps these are."""
        return (*self.subject_key, self.layer.name)

    @property
    def subject_key(self) -> tuple[object, ...]:
        """Whose maps these are, in whatever layer."""
        return (self.network.identity, self.picture.digest, self.preprocessing)

    @property
    def subject(self) -> str:
        """The network and the picture, as captions name them."""
        return " · ".join([self.network.label, self.picture.caption, *self._wrong])

    @property
    def _wrong(self) -> list[str]:
        return [WRONG] if self.preprocessing == "rgb" else []

    def values(self) -> np.ndarray:
        """The maps after ReLU, float32 ``(maps, height, width)``."""
        forward = self.results.forward_pass(self.network, self.picture, self.preprocessing)
        key = forward.key(self.layer.name)
        return self.results.cached(key, partial(forward.maps, self.layer), network=True)

    def map(self, number: int) -> np.ndarray:
        """The map of that number, float32 ``(height, width)``."""
        key = ("map", *self.key, number)
        return self.results.cached(
            key, lambda: np.ascontiguousarray(self.values()[number - 1], "<f4")
        )

    def statistics(self) -> Statistics:
        """The maps' numbers."""
        key = ("statistics", *self.key)
        return self.results.cached(key, lambda: statistics(self.values()))

    def numbers(self, order: str, count: int) -> list[int]:
        """The numbers of the first ``count`` maps in that order, from 1."""
        return [int(index) + 1 for index in self.statistics().order(order)[:count]]

    def grid(self, numbers: Sequence[int], appearance: Appearance = OWN_SCALE) -> Grid:
        """The maps of these numbers as tiles."""
        in_order = list(numbers) == list(range(1, len(numbers) + 1))
        # A slice where it will do: picking one by one copies.
        which = slice(len(numbers)) if in_order else np.array(numbers) - 1
        return Grid(
            lambda: self.values()[which],
            [str(number) for number in numbers],
            numbers,
            ("maps", *self.key, len(numbers) if in_order else tuple(numbers)),
            value_range=ValueRange.of_statistics(self.statistics()),
            appearance=appearance,
        )

    def ordered_grid(self, order: str, count: int, appearance: Appearance) -> Grid:
        """The first ``count`` maps in that order as tiles, with all that one must know of them."""
        grid = self.grid(self.numbers(order, count), appearance)
        return replace(grid, caption=self.caption(count, order))

    def caption(self, count: int, order: str) -> str:
        """What a reader must know of a mosaic of so many of the maps, in that order."""
        words = f"{self.layer.title} · {self.subject} · {self._count_words(count, order)}"
        return caption(f"{words} · after ReLU", self.short_caption(count))

    def short_caption(self, count: int) -> str:
        """What can be read from the back of a room, in one line."""
        of = f"{count} of {self.layer.filters} maps"
        return " · ".join([self.network.label, self.picture.title, *self._wrong, of])

    def _count_words(self, count: int, order: str) -> str:
        """How many maps are shown, in what order, and how many are silent."""
        words = f"{count} of {self.layer.filters} maps shown"
        if order != "number":
            words += f", the largest {ORDERS[order].label.lower()} first"
        return f"{words}, {self.statistics().silent} silent on this picture"

    def script_run(self, name: str, numbers: Sequence[int]) -> MapsRun:
        """How a script of one's own makes the maps of these numbers."""
        return MapsRun(
            name,
            script_network(self.network.weights),
            self.preprocessing,
            self.picture.pixels,
            self.layer.name,
            numbers,
        )


def script_network(weights: Weights) -> ScriptNetwork:
    """The network as a script of one's own builds it."""
    if not isinstance(weights, StoredWeights):
        return "untrained"
    return "imagenet" if weights.label == IMAGENET_LABEL else WeightsFile(weights.path.name)
