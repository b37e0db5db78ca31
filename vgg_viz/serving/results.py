"""What the views ask for: weights, networks and maps, computed once and shared by all viewers."""

import os
from collections.abc import Callable, Hashable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator
from streamlit.errors import NoSessionContext

from vgg_viz import inspection
from vgg_viz.architecture import VGG19
from vgg_viz.links import NetworkChoice
from vgg_viz.network import Network, Preprocessing, filter_colours, read_only, tiles_first
from vgg_viz.reproduction import ScriptNetwork, WeightsFile
from vgg_viz.serving.cache import Shelf, Turnstile
from vgg_viz.serving.forward import Overview, Passage
from vgg_viz.serving.loading import Loader, loader, trained, wait_for
from vgg_viz.serving.memory import Relief, cache_bytes, limit_bytes
from vgg_viz.ui.widgets.picture import Picture
from vgg_viz.weights import (
    IMAGENET_LABEL,
    NOTOP,
    LayerWeights,
    StoredWeights,
    Weights,
    WeightsError,
    WeightsUnavailable,
)


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


@st.cache_resource(show_spinner=False)
def shelves() -> Shelves:
    """The one set of shelves; `vgg_viz.serving.memory` says how large they are, and why."""
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
        self._told_what_was_passed_over = False
        self._since = perf_counter()
        self._held: dict[Hashable, np.ndarray] | None = None
        self._loader = loader(choice)
        self._name = trained()

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

    def kernels(
        self, weights: Weights, layer_name: str, filters: Sequence[int], channels: Sequence[int]
    ) -> np.ndarray:
        """The kernels of these filters and channels of a layer, given by their indices.

        Float32 ``(filters, channels, 3, 3)``.
        """
        key = ("kernels", weights.label, layer_name, tuple(filters), tuple(channels))
        which = np.ix_(filters, channels)
        return self._value(key, lambda: read_only(self._filters(weights, layer_name)[which]))

    def biases(self, weights: Weights, layer_name: str) -> np.ndarray:
        """A layer's biases, float32 ``(filters,)``."""
        key = ("biases", weights.label, layer_name)
        return self._value(key, lambda: self._read(weights, layer_name)[1])

    def filters_span(self, weights: Weights, layer_name: str) -> Span:
        """How far a layer's weights reach."""
        key = ("filters span", weights.label, layer_name)
        return self._value(key, lambda: measure_weights(self._filters(weights, layer_name)))

    def filter_colours(self, weights: Weights, layer_name: str) -> np.ndarray:
        """The first layer's filters as colours, uint8 ``(filters, 3, 3, 3)``."""
        key = ("filter colours", weights.label, layer_name)
        return self._value(key, lambda: filter_colours(self._filters(weights, layer_name)))

    def _filters(self, weights: Weights, layer_name: str) -> np.ndarray:
        # Not kept: all layers' have 80 MB, for which the maps of a picture would go.
        key = ("filters", weights.label, layer_name)
        return self._hold(key, lambda: tiles_first(self._read(weights, layer_name)[0]))

    def feature_maps(
        self,
        network: Network,
        picture: Picture,
        layer_name: str,
        preprocessing: Preprocessing = "caffe",
    ) -> np.ndarray:
        """A layer's maps of a picture, float32 ``(maps, height, width)``."""
        key = (network.label, picture.digest, layer_name, preprocessing)
        passage = self._passage(network, picture, preprocessing)
        return self._hold(key, lambda: passage.maps(VGG19.layer(layer_name)))

    @contextmanager
    def holding(self) -> Iterator[None]:
        """Keep hold of all maps, and of all filters of a layer, that are asked for meanwhile.

        Where many look at pictures of their own, a layer's maps may be gone from the shelf between
        measuring and drawing them. Not for longer than it takes: a run that waits in the queue
        would wait with 13 MB in its hands.
        """
        self._held = {}
        try:
            yield
        finally:
            self._held = None

    def _hold(self, key: Hashable, fetch: Callable[[], np.ndarray]) -> np.ndarray:
        held = self._held  # an export asks from another thread, and the run may end meanwhile
        if held is None:
            return fetch()
        if key not in held:
            held[key] = fetch()
        return held[key]

    def profiles(self, network: Network, picture: Picture) -> tuple[inspection.Profile, ...]:
        """What every conv layer makes of a picture in numbers."""
        return self._passage(network, picture).whole().profiles

    def overview(self, network: Network, picture: Picture) -> Overview:
        """The most active maps of every conv layer."""
        return self._passage(network, picture).whole().overview

    def _passage(
        self, network: Network, picture: Picture, preprocessing: Preprocessing = "caffe"
    ) -> Passage:
        shelf = shelves().values
        return Passage(shelf, self._value, self._in_turn, network, picture, preprocessing)

    def kept(self, key: Hashable, compute: Callable[[], Any]) -> Any:
        """Anything else that is worth keeping, under that key."""
        return self._value(key, compute)

    def drawn(self, key: Hashable, draw: Callable[[], Any]) -> Any:
        """A mosaic, or one that only lacks its colours, kept under that key.

        Apart from the maps: there are hundreds of ways to draw a layer's.
        """
        return self._from(shelves().drawn, key, draw)

    def _pause(self) -> None:
        # Any st call would do: a run that a newer one has superseded ends there.
        with suppress(NoSessionContext):  # an export is made outside of runs
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

    def _in_turn(self, run: Callable[[], Any]) -> Any:
        shelves().relieve()
        with shelves().forward_pass.turn(self._pause, self._since):
            # One that was superseded while it waited ends here, before it computes.
            with suppress(NoSessionContext):
                self.slot.empty()
            result = run()
        shelves().relief.tidy()
        return result

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
        if trained() != self._name:
            st.rerun()  # for the switch in the sidebar, which shows what is in use
        error = future.exception()
        if error is None:
            self._tell_what_was_passed_over()
            return future.result()
        self._fall_back(error)
        return self._loaded(wanted)

    def _tell_what_was_passed_over(self) -> None:
        passed_over = getattr(self._loader.found(), "passed_over", ())
        if passed_over and not self._told_what_was_passed_over:
            self._told_what_was_passed_over = True
            tell_what_was_passed_over(self.notice, passed_over)

    def _fall_back(self, error: BaseException) -> None:
        failed, self._loader = self._loader, loader("untrained")
        if failed is self._loader or not isinstance(error, WeightsUnavailable | WeightsError):
            raise error
        # A file that was sound a moment ago may be damaged when it is read.
        attempts = error.attempts if isinstance(error, WeightsUnavailable) else [str(error)]
        explain(self.notice, attempts, failed)


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
            show_attempts(attempts)
        with st.expander("How to bring the file by hand"):
            st.markdown(NOTOP.by_hand(os.environ) + " Then press **Retry**. It is to be had from:")
            for address in NOTOP.addresses({}):
                st.markdown(address)
        st.button("Retry", icon=":material/refresh:", key="retry", on_click=failed.retry)


def tell_what_was_passed_over(notice: DeltaGenerator, sentences: Sequence[str]) -> None:
    """Say which file the host has named that is not what is shown, and why not."""
    with notice.container(border=True, key="passed-over-notice"):
        st.markdown(
            ":material/rule: **The weights that this server was to show could not be used.** The "
            f"page shows those of **{IMAGENET_LABEL}** in their place."
        )
        show_attempts(sentences)


def show_attempts(attempts: Sequence[str]) -> None:
    """Show these sentences, and the program that may follow one."""
    for attempt in attempts:
        words, _, program = attempt.partition("\n\n")
        # As text: addresses and paths must not be read as Markdown.
        st.text(words)
        if program:
            st.code(program, language="python")
