"""Scenes: what one layer of one network makes of one picture, and how a grid of it is read."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vgg_viz.architecture import Layer
from vgg_viz.inspection import Statistics, statistics
from vgg_viz.links import ORDERS, Order
from vgg_viz.network import Network, Preprocessing
from vgg_viz.reproduction import MapsRun
from vgg_viz.serving.results import Work, span_of
from vgg_viz.ui.page import lecture
from vgg_viz.ui.widgets import grid as mosaics
from vgg_viz.ui.widgets.picture import Picture

WRONG = "RGB / 255 instead of BGR − mean"


@dataclass(frozen=True)
class Scene:
    """A layer's maps of a picture; they are fetched when asked for, and never held."""

    work: Work
    network: Network
    picture: Picture
    layer: Layer
    preprocessing: Preprocessing = "caffe"

    @property
    def key(self) -> tuple[str, ...]:
        """Whose maps these are."""
        return (self.network.label, self.picture.digest, self.layer.name, self.preprocessing)

    @property
    def subject_key(self) -> tuple[str, ...]:
        """Whose maps these are, in whatever layer."""
        return (self.network.label, self.picture.digest, self.preprocessing)

    @property
    def subject(self) -> str:
        """The network and the picture, as captions name them."""
        wrong = [WRONG] if self.preprocessing == "rgb" else []
        return " · ".join([self.network.label, self.picture.caption, *wrong])

    def maps(self) -> np.ndarray:
        """The maps after ReLU, float32 ``(maps, height, width)``."""
        return self.work.feature_maps(
            self.network, self.picture, self.layer.name, self.preprocessing
        )

    def map(self, number: int) -> np.ndarray:
        """The map of that number, float32 ``(height, width)``."""
        key = ("map", *self.key, number)
        return self.work.kept(key, lambda: np.ascontiguousarray(self.maps()[number - 1], "<f4"))

    def statistics(self) -> Statistics:
        """The maps' numbers."""
        return self.work.kept(("statistics", *self.key), lambda: statistics(self.maps()))

    def shown(self, order: Order, count: int) -> np.ndarray:
        """The indices of the first ``count`` maps in that order."""
        return self.statistics().order(order)[:count]

    def numbers(self, order: Order, count: int) -> list[int]:
        """The numbers of the first ``count`` maps in that order, from 1."""
        return [int(index) + 1 for index in self.shown(order, count)]

    def tiles(self, shown: np.ndarray) -> mosaics.Tiles:
        """The maps of these indices as tiles, titled with their numbers."""
        numbers = [int(index) + 1 for index in shown]
        in_order = numbers == list(range(1, len(numbers) + 1))
        # A slice where it will do: picking one by one copies.
        which = slice(len(numbers)) if in_order else shown
        return mosaics.Tiles(
            lambda: self.maps()[which],
            [str(number) for number in numbers],
            numbers,
            span_of(self.statistics()),
            ("maps", *self.key, len(numbers) if in_order else tuple(numbers)),
        )

    def caption(self, count: int, order: Order) -> str:
        """What a reader must know of a mosaic of so many of the maps, in that order."""
        words = f"{self.layer.title} · {self.subject} · {count_words(self, count, order)}"
        return lecture.caption(f"{words} · after ReLU", self.short_caption(count))

    def short_caption(self, count: int) -> str:
        """What can be read from the back of a room, in one line."""
        wrong = [WRONG] if self.preprocessing == "rgb" else []
        of = f"{count} of {self.layer.filters} maps"
        return " · ".join([self.network.label, self.picture.title, *wrong, of])

    def run(self, name: str, numbers: Sequence[int]) -> MapsRun:
        """How a script of one's own makes the maps of these numbers."""
        return MapsRun(
            name,
            self.work.script_network(),
            self.preprocessing,
            self.picture.pixels,
            self.layer.name,
            numbers,
        )


def count_words(scene: Scene, count: int, order: Order) -> str:
    """How many maps are shown, in what order, and how many are silent."""
    words = f"{count} of {scene.layer.filters} maps shown"
    if order != "number":
        words += f", the largest {ORDERS[order].lower()} first"
    return f"{words}, {scene.statistics().silent} silent on this picture"
