"""Ablated feature maps of a layer, and the maps of later layers computed without them."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from vgg_viz.export.number_format import figure
from vgg_viz.export.scripts import Run
from vgg_viz.interpretability import ablation
from vgg_viz.interpretability.ablation import MapChanges
from vgg_viz.interpretability.attribution.attribution_pass import AttributionSpec, attribute
from vgg_viz.model.architecture import ConvLayer
from vgg_viz.ui.parts.layer_maps import LayerMaps
from vgg_viz.ui.parts.pairs import DIFFERENCE_LEGEND, Pair, Sides
from vgg_viz.ui.widgets import text_blocks

MOST_LISTED = 6  # maps listed by number where there is little room
NAMES = ("before", "without")  # of the arrays in an export


@dataclass(frozen=True)
class ValueDrop:
    """Drop of one value of the next layer by ablation, beside the ablated maps' contribution to it.

    In the next layer, drop and contribution match to within rounding: both are before ReLU.
    """

    spec: AttributionSpec  # value, attributed to the layer with the ablated maps
    value: float  # value before ReLU, without ablation
    contribution: float  # sum of the attributions to the ablated maps
    drop: float  # value minus its value after ablation, both before ReLU
    change: float  # by ablation, after ReLU


@dataclass(frozen=True, kw_only=True)
class AblatedMaps(LayerMaps):
    """Feature maps of a layer, with some maps of the same or an earlier layer set to zero."""

    source: ConvLayer  # layer with the ablated maps
    ablated: tuple[int, ...]  # numbers of the ablated maps, from 1

    @property
    def subject_key(self) -> tuple[object, ...]:
        """Cache key of image, network and ablated maps, common to the maps of all later layers."""
        return (*super().subject_key, "without", self.source.name, self.ablated)

    @property
    def original(self) -> LayerMaps:
        """Feature maps of the same layer without the ablation."""
        return LayerMaps(self.results, self.network, self.picture, self.layer)

    def values(self) -> np.ndarray:
        """Return the maps after ReLU, float32 ``(maps, height, width)``."""
        source = replace(self.original, layer=self.source)
        if self.layer == self.source:
            return ablation.ablate(source.values(), self.ablated)

        def begin() -> Generator[None, None, np.ndarray]:
            ablated = ablation.ablate(source.values(), self.ablated)
            return ablation.later_maps(self.network, self.source, ablated, self.layer)

        return self.results.cached_in_slices(("later maps", *self.key), begin)

    @property
    def without(self) -> str:
        """Ablated maps in words, for captions and messages."""
        return f"without {short_list(self.ablated)} of {self.source.name}"

    @property
    def _warnings(self) -> list[str]:
        return [*super()._warnings, self.without]

    def script_run(self, name: str, numbers: Sequence[int]) -> Run:
        """Return the parameters of a Keras script that reproduces the maps after ablation."""
        run = super().script_run(name, numbers)
        more = {"ablated_in": self.source.name, "ablated": self.ablated}
        return replace(run, arguments={**run.arguments, **more})

    # -- effects of the ablation, of the layer whose own maps are ablated

    @property
    def inactive(self) -> list[int]:
        """Numbers of the ablated maps that are zero everywhere even without ablation."""
        largest = self.original.statistics().maximum
        return [number for number in self.ablated if largest[number - 1] == 0]

    def changes(self) -> list[MapChanges]:
        """Return each later layer's changes; a `NotFiniteError` means that float32 overflows."""
        before = self.original
        return self.results.cached_in_slices(
            ("ablation", self.key),
            lambda: ablation.later_changes(
                self.network, self.source, before.values(), self.ablated
            ),
        )

    def pair(self, change: MapChanges, count: int) -> Pair:
        """Return the maps of a later layer that change most, without and with the ablation."""
        indices = change.strongest(count).tolist()
        titles = [f"{index + 1}: {figure(float(change.mean[index]), 3)}" for index in indices]
        later = replace(self, layer=change.layer)
        without = f"Without {short_list(self.ablated)}"
        return Pair(
            (later.original, later),
            [index + 1 for index in indices],
            ("Original", without, f"{without} minus original"),
            captions((later.original, later), len(indices)),
            NAMES,
            titles,
            {"mean_change": change.mean[indices]},
        )

    def value_drop(self, change: MapChanges) -> ValueDrop:
        """Return the drop of the next layer's value that changes most after ReLU; see `changes`."""
        before, (index, row, column) = self.original, change.most_changed
        spec = AttributionSpec(change.layer, index + 1, row, column, self.source.name)

        def measure(values: np.ndarray) -> Generator[float | None, None, ValueDrop]:
            indices = np.array(self.ablated) - 1
            found = yield from attribute(self.network, self.picture.pixels, spec)
            drop = yield from ablation.value_drop(self.network, values, spec, self.ablated)
            contribution, after_relu = found.by_map[indices].sum(), change.largest[index]
            return ValueDrop(spec, found.value, float(contribution), drop, float(after_relu))

        # The maps come before the first slice: within one, they could not wait for the network.
        return self.results.cached_in_slices(
            ("value drop", self.key), lambda: measure(before.values())
        )


def ablate(maps: LayerMaps, source: ConvLayer, numbers: tuple[int, ...]) -> AblatedMaps:
    """Return a layer's feature maps with these maps of the layer ``source`` set to zero."""
    subject = maps.results, maps.network, maps.picture
    return AblatedMaps(*subject, maps.layer, source=source, ablated=numbers)


def captions(sides: Sides, count: int) -> tuple[str, str, str]:
    """Return the captions of a later layer's grids: original, ablated and difference."""
    layer, titles = sides[0].layer, "number and mean change"
    original, ablated = (f"{layer.title} · {side.subject}" for side in sides)
    end = f"{count} of {layer.filters} maps shown, most changed first · after ReLU"
    short = f"{layer.name} · {sides[0].picture.title} · {count} of {layer.filters} maps"
    return (
        text_blocks.caption(f"{original} · {end}", short),
        text_blocks.caption(f"{ablated} · {titles} · {end}", short),
        text_blocks.caption(
            f"{ablated} minus original · {titles} · {end} · {DIFFERENCE_LEGEND}",
            f"{short} · {DIFFERENCE_LEGEND}",
        ),
    )


def short_list(numbers: Sequence[int]) -> str:
    """Format map numbers as text: a list, or only their count if they are more than six.

    >>> short_list([4, 17, 30]), short_list(range(1, 17))
    ('maps 4, 17 and 30', '16 maps')
    """
    return map_list(numbers) if len(numbers) <= MOST_LISTED else f"{len(numbers)} maps"


def map_list(numbers: Sequence[int]) -> str:
    """Format map numbers as a list in words.

    >>> map_list([4])
    'map 4'
    """
    *others, last = map(str, numbers)
    return f"maps {', '.join(others)} and {last}" if others else f"map {last}"
