"""Feature maps of one layer for one image: values, statistics, order, captions and grids."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from vgg_viz.export.scripts import Run, script_weights
from vgg_viz.image_io.input_image import InputImage
from vgg_viz.interpretability.map_orders import NUMBER, PAIR_ORDERS
from vgg_viz.interpretability.map_statistics import Statistics, statistics
from vgg_viz.model.architecture import ConvLayer
from vgg_viz.model.network import Network
from vgg_viz.model.preprocessing import PREPROCESSINGS
from vgg_viz.serving.results import Results, ValueRange
from vgg_viz.ui.widgets.controls import Appearance
from vgg_viz.ui.widgets.grid import OWN_SCALE, Grid
from vgg_viz.ui.widgets.text_blocks import caption


@dataclass(frozen=True)
class LayerMaps:
    """Feature maps of one layer for one image, computed on demand and cached by `Results`."""

    results: Results
    network: Network
    picture: InputImage
    layer: ConvLayer

    @property
    def key(self) -> tuple[object, ...]:
        """Cache key of the feature maps: network, image and layer."""
        return (*self.subject_key, self.layer.name)

    @property
    def subject_key(self) -> tuple[object, ...]:
        """Cache key of network and image, which the maps of all layers share."""
        return (self.network.identity, self.picture.digest)

    @property
    def subject(self) -> str:
        """Network and image in words, for captions, with a warning if preprocessed wrongly."""
        return " · ".join([self.network.label, self.picture.caption, *self._warnings])

    @property
    def _warnings(self) -> list[str]:
        if not self.network.is_preprocessed_wrongly:
            return []
        used, right = self.network.preprocessing, self.network.trained_with
        return [f"{PREPROCESSINGS[used].label} instead of {PREPROCESSINGS[right].label}"]

    def values(self) -> np.ndarray:
        """Return the feature maps after ReLU, float32 ``(maps, height, width)``."""
        forward = self.results.forward_pass(self.network, self.picture)
        key = forward.key(self.layer.name)
        return self.results.cached(key, partial(forward.maps, self.layer), network=True)

    def map(self, number: int) -> np.ndarray:
        """Return one feature map by number (from 1), float32 ``(height, width)``."""
        key = ("map", *self.key, number)
        return self.results.cached(
            key, lambda: np.ascontiguousarray(self.values()[number - 1], "<f4")
        )

    def statistics(self) -> Statistics:
        """Return the statistics of each of the layer's feature maps."""
        key = ("statistics", *self.key)
        return self.results.cached(key, lambda: statistics(self.values()))

    def grid(self, numbers: Sequence[int], appearance: Appearance = OWN_SCALE) -> Grid:
        """Return a grid of the feature maps with these numbers (from 1)."""
        consecutive = list(numbers) == list(range(1, len(numbers) + 1))
        # A slice is a view; an index array would copy up to 13 MB.
        index = slice(len(numbers)) if consecutive else np.array(numbers) - 1
        measured = self.statistics()
        return Grid(
            lambda: self.values()[index],
            [str(number) for number in numbers],
            numbers,
            ("maps", *self.key, len(numbers) if consecutive else tuple(numbers)),
            value_range=ValueRange.of_statistics(measured),
            appearance=appearance,
            measured=measured.of(index),
        )

    def ordered_grid(self, order: str, count: int, appearance: Appearance) -> Grid:
        """Return a captioned grid of the first ``count`` feature maps in an order."""
        grid = self.grid(self.statistics().numbers(order, count), appearance)
        return replace(grid, caption=self.caption(count, order))

    def caption(self, count: int, order: str) -> str:
        """Return the caption of a grid of the first ``count`` feature maps in the given order."""
        shown = f"{count} of {self.layer.filters} maps shown"
        if order != NUMBER:
            shown += f", largest {PAIR_ORDERS[order].label.lower()} first"
        inactive = self.statistics().inactive
        # Of the layer's maps, whichever of them are shown.
        shown += f" · {inactive} of {self.layer.filters} inactive on this image"
        text = f"{self.layer.title} · {self.subject} · {shown} · after ReLU"
        return caption(text, self.short_caption(count))

    def short_caption(self, count: int) -> str:
        """Return the caption that lecture mode shows below ``count`` feature maps, in one line."""
        share = f"{count} of {self.layer.filters} maps"
        return " · ".join([self.network.label, self.picture.title, *self._warnings, share])

    def script_run(self, name: str, numbers: Sequence[int]) -> Run:
        """Return the parameters of a Keras script that reproduces the maps with these numbers."""
        arguments = self.script_input | {"layer": self.layer.name, "maps": numbers}
        return Run("feature_maps", name, arguments)

    @property
    def script_input(self) -> dict[str, object]:
        """Network and image, as arguments of an exported Keras script."""
        return {
            "weights": script_weights(self.network.weights),
            "image": self.picture.pixels,
            "preprocessing": self.network.preprocessing,
        }
