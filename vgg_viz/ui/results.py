"""What the views ask for: weights, networks and maps, computed once and shared by all viewers."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from vgg_viz import inspection
from vgg_viz.mosaic import enlarge, shrink
from vgg_viz.network import Network, filter_colours, tiles_first
from vgg_viz.ui.cache import Shelf, Turnstile
from vgg_viz.ui.controls import NetworkChoice
from vgg_viz.ui.loading import Loader, loader, wait_for
from vgg_viz.ui.picture import Picture
from vgg_viz.weights import Weights, WeightsError, WeightsUnavailable

# One picture's maps of all 16 layers are 59 MB, a layer's filters at most 9 MB, and a drawn
# mosaic at most 1 MB: enough for a room that looks at two pictures.
VALUE_BYTES = 128 * 2**20
DRAWN_BYTES = 32 * 2**20


@dataclass(frozen=True)
class Shelves:
    """Everything kept between runs, for all viewers together."""

    values: Shelf
    drawn: Shelf
    forward_pass: Turnstile


@st.cache_resource(show_spinner=False)
def shelves() -> Shelves:
    """The one set of shelves."""
    return Shelves(Shelf(VALUE_BYTES), Shelf(DRAWN_BYTES), Turnstile())


@dataclass(frozen=True)
class Span:
    """How far a layer's values reach: the smallest, the largest, and, of weights, a usual size.

    ``usual`` is not exceeded, either way, by 99.5 % of them: a few large weights would make a
    scale around zero pale.
    """

    low: float
    high: float
    usual: float = 0.0


@dataclass(frozen=True)
class Overview:
    """The most active maps of every conv layer, all of one size.

    ``maps`` float32 (layers, count, side, side); ``numbers`` int (layers, count), from 1.
    """

    maps: np.ndarray
    numbers: np.ndarray


class Work:
    """What one run of the page may ask for, and the places where it says how that goes.

    ``notice`` is the container for a message that stays, ``slot`` the place for what comes.
    """

    def __init__(self, choice: NetworkChoice, notice: DeltaGenerator, slot: DeltaGenerator) -> None:
        """Serve one run of the page with the chosen network."""
        self.notice = notice
        self.slot = slot
        self._said_so = False
        self._loader = loader(choice)

    def weights(self) -> Weights:
        """The chosen network's weights, or the untrained ones, with a notice, if it has none."""
        return self._loaded(Loader.weights)

    def network(self) -> Network:
        """The chosen network, or the untrained one, with a notice, if it has no weights."""
        return self._loaded(Loader.network)

    def filters(self, weights: Weights, layer_name: str) -> np.ndarray:
        """A layer's filters, float32 ``(filters, channels, 3, 3)``."""
        key = ("filters", weights.label, layer_name)
        return self._value(key, lambda: tiles_first(weights.read(layer_name)[0]))

    def biases(self, weights: Weights, layer_name: str) -> np.ndarray:
        """A layer's biases, float32 ``(filters,)``."""
        key = ("biases", weights.label, layer_name)
        return self._value(key, lambda: weights.read(layer_name)[1])

    def filters_span(self, weights: Weights, layer_name: str) -> Span:
        """How far a layer's weights reach."""
        key = ("filters span", weights.label, layer_name)
        return self._value(key, lambda: measure_weights(self.filters(weights, layer_name)))

    def filter_colours(self, weights: Weights, layer_name: str) -> np.ndarray:
        """The first layer's filters as colours, uint8 ``(filters, 3, 3, 3)``."""
        return filter_colours(self.filters(weights, layer_name))

    def feature_maps(self, network: Network, picture: Picture, layer_name: str) -> np.ndarray:
        """A layer's maps of a picture, float32 ``(maps, height, width)``."""
        key = ("maps", network.label, picture.digest, layer_name)
        return self._value(key, lambda: self._pass(network.feature_maps, picture, layer_name))

    def block_maps(
        self, network: Network, picture: Picture, blocks: Sequence[int]
    ) -> dict[int, np.ndarray]:
        """The maps at the end of each of these blocks, from one forward pass."""
        every = range(1, max(blocks) + 1)
        key = ("blocks", network.label, picture.digest, max(blocks))
        maps = self._value(key, lambda: self._pass(network.block_maps, picture, every))
        return {block: maps[block] for block in blocks}

    def overview(self, network: Network, picture: Picture, count: int, side: int) -> Overview:
        """The ``count`` most active maps of every conv layer, from one forward pass."""
        key = ("overview", network.label, picture.digest, count, side)
        return self._value(
            key, lambda: most_active(self._pass(network.all_maps, picture), count, side)
        )

    def drawn(self, key: Hashable, draw: Callable[[], Any]) -> Any:
        """A drawn mosaic, kept under that key."""
        return self._from(shelves().drawn, key, draw)

    def _pause(self) -> None:
        # Any st call would do: a run that a newer one has superseded ends there.
        self.slot.caption("Another picture is being computed…")
        self._said_so = True

    def _value(self, key: Hashable, compute: Callable[[], Any]) -> Any:
        return self._from(shelves().values, key, compute)

    def _from(self, shelf: Shelf, key: Hashable, compute: Callable[[], Any]) -> Any:
        value = shelf.get(key, compute, self._pause)
        if self._said_so:
            self.slot.empty()
            self._said_so = False
        return value

    def _pass(self, run: Callable[..., Any], picture: Picture, *what: object) -> Any:
        with shelves().forward_pass.turn(self._pause):
            return run(picture.pixels, *what)

    def _loaded(self, wanted: Callable[[Loader], Future]) -> Any:
        future = wanted(self._loader)
        wait_for(future, self._loader, self.slot)
        error = future.exception()
        if error is None:
            return future.result()
        self._fall_back(error)
        return self._loaded(wanted)

    def _fall_back(self, error: BaseException) -> None:
        failed, self._loader = self._loader, loader("untrained")
        if failed is self._loader or not isinstance(error, WeightsUnavailable | WeightsError):
            raise error
        # A file that was sound a moment ago may be damaged when it is read.
        attempts = error.attempts if isinstance(error, WeightsUnavailable) else [str(error)]
        explain(self.notice, attempts, failed)


def most_active(maps: Mapping[str, np.ndarray], count: int, side: int) -> Overview:
    """Choose the maps with the highest mean of every layer, the most active first."""
    shown, numbers = [], []
    for values in maps.values():
        order = np.argsort(-inspection.statistics(values).mean, kind="stable")[:count]
        small = shrink(values[order], min(side, values.shape[1]))
        shown.append(enlarge(small, side // small.shape[1]))
        numbers.append(order + 1)
    return Overview(np.stack(shown), np.stack(numbers))


def measure_weights(filters: np.ndarray) -> Span:
    """Measure how far a layer's weights reach."""
    usual = np.percentile(np.abs(filters), 99.5)
    return Span(float(filters.min()), float(filters.max()), float(usual))


def measure_maps(maps: np.ndarray) -> Span:
    """Measure how far a layer's maps reach."""
    return Span(float(maps.min()), float(maps.max()))


def explain(notice: DeltaGenerator, attempts: Sequence[str], failed: Loader) -> None:
    """Say that the weights are not to be had, what was tried, and offer to try again."""
    with notice.container(border=True, key="weights-notice"):
        st.markdown(
            ":material/cloud_off: **ImageNet's weights could not be had.** The page works on with "
            "an **untrained** VGG19, whose filters are random numbers; every caption says so."
        )
        with st.expander("What was tried"):
            for attempt in attempts:
                # As text: addresses and paths must not be read as Markdown.
                st.text(attempt)
        st.button("Retry", icon=":material/refresh:", key="retry", on_click=failed.retry)
