"""Ablation: set maps of a layer to zero and rerun the later layers.

    maps -- ablate --> maps, some of them zero -- the network's later layers --> later maps

The network runs from the ablated layer on, once with and once without the ablated maps. A later map
that does not depend on them keeps exactly the same values. The generators yield after each block,
so that other computations can run in between.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass

import numpy as np

from vgg_viz.interpretability.attribution.attribution_pass import (
    AttributionPass,
    AttributionSpec,
    check_finite,
)
from vgg_viz.interpretability.map_statistics import strongest
from vgg_viz.model.architecture import ConvLayer
from vgg_viz.model.network import Network, read_only


@dataclass(frozen=True, eq=False)
class MapChanges:
    """Changes of all maps of one layer under ablation, after ReLU; float64 ``(maps,)``."""

    layer: ConvLayer
    mean: np.ndarray  # mean absolute difference over a map's positions
    largest: np.ndarray  # difference of largest magnitude; negative if the activation dropped
    positions: np.ndarray  # row and column of that difference, int (maps, 2)
    before: np.ndarray  # mean activation before the ablation

    def strongest(self, count: int) -> np.ndarray:
        """Return the indices of up to ``count`` maps that change most, most changed first."""
        return strongest(self.mean, count)[0]

    @property
    def most_changed(self) -> tuple[int, int, int]:
        """Map, row and column, from 0, of the value that changes most in the whole layer."""
        index = int(np.abs(self.largest).argmax())
        return index, *self.position(index)

    def position(self, index: int) -> tuple[int, int]:
        """Return row and column of a map's largest change."""
        row, column = self.positions[index].tolist()
        return row, column


def ablate(maps: np.ndarray, numbers: Sequence[int]) -> np.ndarray:
    """Return a copy of a layer's maps in which the maps with the given numbers are set to zero.

    >>> ablate(np.ones((3, 1, 1)), [2]).ravel().tolist()
    [1.0, 0.0, 1.0]
    """
    ablated = maps.copy()
    ablated[[number - 1 for number in numbers]] = 0
    return read_only(ablated)


def later_maps(
    network: Network, layer: ConvLayer, maps: np.ndarray, later: ConvLayer
) -> Generator[None, None, np.ndarray]:
    """Compute a later conv layer's maps from the maps of an earlier one, ``layer``."""
    outputs = network.run_from(layer.name, maps)
    for block in range(layer.block + 1, later.block + 1):
        yield
        outputs = network.run_block(block, outputs[network.architecture.pools[block - 2].name])
    return outputs[later.name]


def later_changes(
    network: Network, layer: ConvLayer, maps: np.ndarray, numbers: Sequence[int]
) -> Generator[None, None, list[MapChanges]]:
    """Compute how much each later conv layer's maps change when some maps of one are ablated."""
    architecture, changes = network.architecture, list[MapChanges]()
    sides = [network.run_from(layer.name, side) for side in (maps, ablate(maps, numbers))]
    for block in range(layer.block, len(architecture.blocks) + 1):
        if block > layer.block:
            yield
            pool = architecture.pools[block - 2].name
            sides = [network.run_block(block, side[pool]) for side in sides]
        for later in architecture.conv_layers:
            if later.name in sides[0]:
                changes.append(compare_maps(later, *(side.pop(later.name) for side in sides)))
    return changes


def compare_maps(layer: ConvLayer, before: np.ndarray, after: np.ndarray) -> MapChanges:
    """Compute how much each map of a layer changes, from its maps before and after an ablation."""
    check_finite(before, after)
    mean, largest = np.empty(len(before)), np.empty(len(before))
    positions = np.empty((len(before), 2), int)
    for index, (one, other) in enumerate(zip(before, after, strict=True)):
        difference = other.astype(np.float64) - one
        size = np.abs(difference)
        mean[index] = size.mean()
        positions[index] = np.unravel_index(size.argmax(), size.shape)
        largest[index] = difference[tuple(positions[index])]
    means_before = before.mean(axis=(1, 2), dtype=np.float64)
    return MapChanges(layer, mean, largest, positions, means_before)


def value_drop(
    network: Network, maps: np.ndarray, spec: AttributionSpec, numbers: Sequence[int]
) -> Generator[None, None, float]:
    """Compute how much a value before its ReLU drops when maps of an earlier layer are ablated.

    ``maps`` are those of ``spec.back_to``. In the next conv layer, the drop equals the maps'
    contributions; in later ones they differ, because the layers between are not linear. A
    `NotFiniteError` means that activations overflow float32.
    """
    attribution_pass = AttributionPass(network, spec)
    before = yield from attribution_pass.value(attribution_pass.crop(maps))
    after = yield from attribution_pass.value(attribution_pass.crop(ablate(maps, numbers)))
    check_finite(before, after)
    return before - after
