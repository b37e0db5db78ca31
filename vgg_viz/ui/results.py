"""What the views ask for: weights, networks and maps, computed once and shared by all viewers."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from vgg_viz import inspection
from vgg_viz.architecture import VGG19
from vgg_viz.links import NetworkChoice
from vgg_viz.mosaic import enlarge, shrink
from vgg_viz.network import DEEP, Network, Preprocessing, filter_colours, tiles_first
from vgg_viz.reproduction import ScriptNetwork, WeightsFile
from vgg_viz.ui.cache import Shelf, Turnstile
from vgg_viz.ui.loading import Loader, loader, wait_for
from vgg_viz.ui.memory import Relief, cache_bytes, limit_bytes, trim
from vgg_viz.ui.picture import Picture
from vgg_viz.weights import (
    IMAGENET_LABEL,
    LayerWeights,
    StoredWeights,
    Weights,
    WeightsError,
    WeightsUnavailable,
)

STRIP = 4  # maps a layer, of those that follow a picture through all layers
STRIP_SIDE = 56  # pixels: a whole fraction or multiple of every layer's maps

TIDY_TURNS = 4  # forward passes


@dataclass(frozen=True)
class Shelves:
    """Everything kept between runs, for all viewers together."""

    values: Shelf
    drawn: Shelf
    forward_pass: Turnstile
    relief: Relief

    def forget(self) -> None:
        """Keep nothing: a network of the same name may have other weights from now on."""
        self.values.shrink_to(0)
        self.drawn.shrink_to(0)

    def relieve(self) -> None:
        """Make room if memory is nearly used up."""
        self.relief.relieve(self.values, self.drawn)

    def tidy(self) -> None:
        """Hand free memory back now and then: passes leave 150 MB of it in pieces."""
        if self.forward_pass.turns % TIDY_TURNS == 0:
            trim()


@st.cache_resource(show_spinner=False)
def shelves() -> Shelves:
    """The one set of shelves; `vgg_viz.ui.memory` says how large they are, and why."""
    limit = limit_bytes()
    budgets = cache_bytes(limit)
    return Shelves(Shelf(budgets.values), Shelf(budgets.drawn), Turnstile(), Relief(limit))


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


@dataclass(frozen=True)
class Whole:
    """What all layers make of a picture; ``profiles`` has one a conv layer."""

    overview: Overview
    profiles: tuple[inspection.Profile, ...]


class Work:
    """What one run of the page may ask for, and the places where it says how that goes.

    ``notice`` is the container for a message that stays, ``slot`` the place for what comes.
    """

    def __init__(self, choice: NetworkChoice, notice: DeltaGenerator, slot: DeltaGenerator) -> None:
        """Serve one run of the page with the chosen network."""
        self.choice = choice
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

    def script_network(self) -> ScriptNetwork:
        """The network as a script of one's own builds it."""
        weights = self.weights()
        if not isinstance(weights, StoredWeights):
            return "untrained"
        return "imagenet" if weights.label == IMAGENET_LABEL else WeightsFile(weights.path.name)

    def filters(self, weights: Weights, layer_name: str) -> np.ndarray:
        """A layer's filters, float32 ``(filters, channels, 3, 3)``."""
        key = ("filters", weights.label, layer_name)
        return self._value(key, lambda: tiles_first(self._read(weights, layer_name)[0]))

    def biases(self, weights: Weights, layer_name: str) -> np.ndarray:
        """A layer's biases, float32 ``(filters,)``."""
        key = ("biases", weights.label, layer_name)
        return self._value(key, lambda: self._read(weights, layer_name)[1])

    def filters_span(self, weights: Weights, layer_name: str) -> Span:
        """How far a layer's weights reach."""
        key = ("filters span", weights.label, layer_name)
        return self._value(key, lambda: measure_weights(self.filters(weights, layer_name)))

    def filter_colours(self, weights: Weights, layer_name: str) -> np.ndarray:
        """The first layer's filters as colours, uint8 ``(filters, 3, 3, 3)``."""
        return filter_colours(self.filters(weights, layer_name))

    def feature_maps(
        self,
        network: Network,
        picture: Picture,
        layer_name: str,
        preprocessing: Preprocessing = "caffe",
    ) -> np.ndarray:
        """A layer's maps of a picture, float32 ``(maps, height, width)``."""
        key = maps_key(network, picture, layer_name, preprocessing)
        if preprocessing == "caffe" and VGG19.layer(layer_name).block >= DEEP:
            return self._value(key, lambda: self._deep_maps(network, picture, key, layer_name))
        return self._value(
            key, lambda: self._pass(network.feature_maps, picture, layer_name, preprocessing)
        )

    def profiles(self, network: Network, picture: Picture) -> tuple[inspection.Profile, ...]:
        """What every conv layer makes of a picture in numbers."""
        return self._whole(network, picture).profiles

    def overview(self, network: Network, picture: Picture) -> Overview:
        """The `STRIP` most active maps of every conv layer."""
        return self._whole(network, picture).overview

    def _whole(self, network: Network, picture: Picture) -> Whole:
        """What is worth knowing of all layers together, from one forward pass."""

        def measure(pixels: np.ndarray) -> Whole:
            maps = self._keep_deep(network, picture, network.all_maps)
            profiles = tuple(inspection.profile(values, pixels) for values in maps.values())
            return Whole(most_active(maps, STRIP, STRIP_SIDE), profiles)

        key = ("whole", network.label, picture.digest)
        return self._value(key, lambda: self._pass(measure, picture))

    def kept(self, key: Hashable, compute: Callable[[], Any]) -> Any:
        """Anything else that is worth keeping, under that key."""
        return self._value(key, compute)

    def block_maps(
        self, network: Network, picture: Picture, blocks: Sequence[int]
    ) -> dict[int, np.ndarray]:
        """The maps at the end of each of these blocks, from one forward pass."""
        every = range(1, max(blocks) + 1)
        key = ("blocks", network.label, picture.digest, max(blocks))
        maps = self._value(key, lambda: self._pass(network.block_maps, picture, every))
        return {block: maps[block] for block in blocks}

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
        shelves().relieve()
        with shelves().forward_pass.turn(self._pause):
            result = run(picture.pixels, *what)
        shelves().tidy()
        return result

    def _deep_maps(
        self, network: Network, picture: Picture, key: Hashable, layer_name: str
    ) -> np.ndarray:
        """A deep layer's maps, from the pass that makes those of all of them."""

        def run(pixels: np.ndarray) -> np.ndarray:
            # Whoever had the turn before may have made them.
            found = shelves().values.peek(key)
            if found is not None:
                return found
            return self._keep_deep(network, picture, network.deep_maps)[layer_name]

        return self._pass(run, picture)

    def _keep_deep(
        self,
        network: Network,
        picture: Picture,
        run: Callable[[np.ndarray], Mapping[str, np.ndarray]],
    ) -> Mapping[str, np.ndarray]:
        """Make the maps of many layers, and keep those that are small and took long."""
        start = perf_counter()
        maps = run(picture.pixels)
        seconds = perf_counter() - start
        for name, values in maps.items():
            if VGG19.layer(name).block >= DEEP:
                shelves().values.put(maps_key(network, picture, name), values, seconds)
        return maps

    def _read(self, weights: Weights, layer_name: str) -> LayerWeights:
        try:
            return weights.read(layer_name)
        except WeightsError as error:
            # Sound when it was found, and damaged since: from its beginning, this run then shows
            # the untrained network, and nothing of the damaged one beside it.
            # The error itself is not kept: through its traceback it would hold the network.
            self._loader.fail(weights, WeightsError(str(error)))
            shelves().forget()
            st.rerun()
            raise  # outside of a run, as for an export

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


def maps_key(
    network: Network, picture: Picture, layer_name: str, preprocessing: Preprocessing = "caffe"
) -> Hashable:
    """The name that a layer's maps of a picture are kept under."""
    return "maps", network.label, picture.digest, layer_name, preprocessing


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


def span_of(measured: inspection.Statistics) -> Span:
    """How far maps with these numbers reach."""
    return Span(float(measured.minimum.min()), float(measured.maximum.max()))


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
