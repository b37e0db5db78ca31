"""A layer's maps without some of them, and what later layers make of the rest."""

from collections.abc import Generator, Hashable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from vgg_viz.export.number_format import figure
from vgg_viz.export.scripts import AblationRun
from vgg_viz.interpretability import ablation
from vgg_viz.interpretability.ablation import Change
from vgg_viz.interpretability.attribution.attribution_pass import AttributionSpec, attribute
from vgg_viz.model.architecture import ConvLayer
from vgg_viz.ui.parts.layer_maps import LayerMaps
from vgg_viz.ui.parts.pairs import DIFFERENCE_LEGEND, Pair
from vgg_viz.ui.state.trail import TrailStep
from vgg_viz.ui.widgets import text_blocks

NAMED = 6  # so many maps are told by their numbers where there is little room
NAMES = ("before", "without")  # of the arrays in an export


@dataclass(frozen=True, kw_only=True)
class SilencedMaps(LayerMaps):
    """What a later layer makes of a picture where these maps of the layer ``source`` are zero."""

    source: ConvLayer
    ablated: tuple[int, ...]

    @property
    def subject_key(self) -> tuple[object, ...]:
        """Whose maps these are, in whatever layer."""
        return (*super().subject_key, "without", self.source.name, self.ablated)

    def values(self) -> np.ndarray:
        """The maps after ReLU, float32 ``(maps, height, width)``."""

        def begin() -> Generator[None, None, np.ndarray]:
            before = LayerMaps(
                self.results, self.network, self.picture, self.source, self.preprocessing
            )
            quiet = ablation.ablated(before.values(), self.ablated)
            return ablation.later_maps(self.network, self.source, quiet, self.layer)

        return self.results.cached_in_slices(("later maps", *self.key), begin)

    def script_run(self, name: str, numbers: Sequence[int]) -> AblationRun:
        """How a script of one's own makes the maps of these numbers."""
        run = super().script_run(name, numbers)
        return AblationRun(**vars(run), ablated_in=self.source.name, ablated=self.ablated)


@dataclass(frozen=True)
class Loss:
    """What a value of the next layer loses before its ReLU, and what ablated maps had brought."""

    question: AttributionSpec
    value: float
    contributed: float
    lost: float


@dataclass(frozen=True)
class AblatedMaps:
    """These maps without some of them, by their numbers."""

    maps: LayerMaps
    numbers: tuple[int, ...]

    def for_export(self) -> "AblatedMaps":
        """The same for what is made outside of runs."""
        return replace(self, maps=self.maps.for_export())

    @property
    def key(self) -> Hashable:
        """Which maps of what are ablated."""
        return (*self.maps.key, self.numbers)

    @property
    def silent_already(self) -> list[int]:
        """The numbers of those that are nowhere above zero anyway."""
        largest = self.maps.statistics().maximum
        return [number for number in self.numbers if largest[number - 1] == 0]

    def changes(self) -> list[Change]:
        """How far the maps of all later layers change.

        Raises:
            NotFiniteError: numbers on the way are too large.
        """
        maps = self.maps
        return maps.results.cached_in_slices(
            ("ablation", self.key),
            lambda: ablation.changes(maps.network, maps.layer, maps.values(), self.numbers),
        )

    def pair(self, changed: Change, count: int) -> Pair:
        """The maps of a later layer that change most, as they were and without what is ablated."""
        later, order = changed.layer, changed.strongest(count).tolist()
        titles = [f"{index + 1}: {figure(float(changed.mean[index]), 3)}" for index in order]
        without = f"Without {few(self.numbers)}"
        return Pair(
            (replace(self.maps, layer=later), self.without(later)),
            [index + 1 for index in order],
            ("As it was", without, f"{without}: the difference"),
            self.captions(later, len(order)),
            NAMES,
            titles,
        )

    def without(self, later: ConvLayer) -> SilencedMaps:
        """What a later layer makes without what is ablated."""
        maps = self.maps
        return SilencedMaps(
            maps.results,
            maps.network,
            maps.picture,
            later,
            maps.preprocessing,
            source=maps.layer,
            ablated=self.numbers,
        )

    def captions(self, later: ConvLayer, count: int) -> tuple[str, str, str]:
        """What a reader must know of both grids, and of their difference."""
        apart, of = f"without {few(self.numbers)} of {self.maps.layer.name}", f"{count} of"
        begin, end = f"{later.title} · {self.maps.subject}", f"{of} {later.filters} maps shown"
        end += ", what changes most first · after ReLU"
        in_short = f"{later.name} · {self.maps.picture.title} · {of} {later.filters} maps"
        told = "number and mean change"
        return (
            text_blocks.caption(f"{begin} · {end}", in_short),
            text_blocks.caption(f"{begin} · {apart} · {told} · {end}", in_short),
            text_blocks.caption(
                f"{begin} · {apart} minus with it · {told} · {end} · {DIFFERENCE_LEGEND}",
                f"{in_short} · {DIFFERENCE_LEGEND}",
            ),
        )

    def stops(self, pair: Pair) -> dict[int, TrailStep]:
        """Where each of these maps changes most, by its number."""
        before, now = pair.sides

        def find() -> list[tuple[int, int]]:
            values = [side.grid(pair.numbers).values for side in (before, now)]
            return [largest(other - one) for one, other in zip(*values, strict=True)]

        places = before.results.cached(("places", now.key, tuple(pair.numbers)), find)
        return {
            number: TrailStep(now.layer.name, number, place)
            for number, place in zip(pair.numbers, places, strict=True)
        }

    def loss(self, changed: Change) -> Loss:
        """What happens to the value of the next layer that changes most.

        Raises:
            NotFiniteError: numbers on the way are too large.
        """
        maps, pair = self.maps, self.pair(changed, 1)
        ((number, stop),) = self.stops(pair).items()
        question = AttributionSpec(changed.layer, number, *stop.position, maps.layer.name)

        def begin() -> Generator[float | None, None, Loss]:
            return self._loss(maps.values(), question)

        return maps.results.cached_in_slices(("loss", self.key), begin)

    def _loss(
        self, values: np.ndarray, question: AttributionSpec
    ) -> Generator[float | None, None, Loss]:
        maps, which = self.maps, np.array(self.numbers) - 1
        found = yield from attribute(
            maps.network, maps.picture.pixels, question, maps.preprocessing
        )
        lost = yield from ablation.lost(maps.network, values, question, self.numbers)
        return Loss(question, found.value, float(found.by_map[which].sum()), lost)


def largest(difference: np.ndarray) -> tuple[int, int]:
    """Row and column of the largest of these, whatever their signs, from 0."""
    row, column = np.unravel_index(np.abs(difference).argmax(), difference.shape)
    return int(row), int(column)


def few(numbers: Sequence[int]) -> str:
    """Maps by their numbers, or how many they are."""
    return named(numbers) if len(numbers) <= NAMED else f"{len(numbers)} maps"


def named(numbers: Sequence[int]) -> str:
    """Maps by their numbers."""
    *others, last = map(str, numbers)
    return f"maps {', '.join(others)} and {last}" if others else f"map {last}"
