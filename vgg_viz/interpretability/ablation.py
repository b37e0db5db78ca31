"""Maps taken out of a layer, and what becomes of the layers after it.

    maps -- ablated --> maps with zeros -- the network from there on --> later layers' maps

Plain arrays, tiles first. What is run is the network's own, from the layer on, with and without
these maps: a later map that does not depend on them changes by nothing at all.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass

import numpy as np

from vgg_viz.interpretability.attribution.attribution_pass import (
    AttributionPass,
    AttributionSpec,
    check_finite,
)
from vgg_viz.model.architecture import ConvLayer
from vgg_viz.model.network import Network, read_only


@dataclass(frozen=True, eq=False)
class Change:
    """How far the maps of a layer are from what they would be, each float64 ``(n,)``.

    ``mean`` is the mean of all places' differences, whatever their sign; ``largest`` the largest of
    them, with its sign: below zero where the map has lost; ``before`` the mean of what there was.
    """

    layer: ConvLayer
    mean: np.ndarray
    largest: np.ndarray
    before: np.ndarray

    def strongest(self, count: int) -> np.ndarray:
        """The maps that change most, by their indices: up to ``count``, only those that change."""
        order = np.argsort(-self.mean, kind="stable")
        return order[self.mean[order] > 0][:count]


def ablated(maps: np.ndarray, numbers: Sequence[int]) -> np.ndarray:
    """The same maps, ``(maps, height, width)``, those of these numbers (from 1) all zero.

    Raises:
        ValueError: there are no such maps.
    """
    if not set(numbers) <= set(range(1, len(maps) + 1)):
        raise ValueError(f"expected maps from 1 to {len(maps)}, got {list(numbers)}")
    quiet = maps.copy()
    quiet[[number - 1 for number in numbers]] = 0
    return read_only(quiet)


def later_maps(
    network: Network, layer: ConvLayer, maps: np.ndarray, wanted: ConvLayer
) -> Generator[None, None, np.ndarray]:
    """What a later layer makes where this one has these maps: float32 ``(maps, height, width)``.

    Each step is a block's work.
    """
    pools = [pool.name for pool in network.architecture.pools]
    found = network.run_from(layer.name, maps)
    for block in range(layer.block + 1, wanted.block + 1):
        yield
        name = wanted.name if block == wanted.block else pools[block - 1]
        found = {name: network.run((name,), found[pools[block - 2]])[0]}
    return found[wanted.name]


def changes(
    network: Network, layer: ConvLayer, maps: np.ndarray, numbers: Sequence[int]
) -> Generator[None, None, list[Change]]:
    """How far the maps of all later layers change if those of these numbers are ablated.

    Each step is a block's work.

    Args:
        network: the network.
        layer: one of its conv layers.
        maps: what that makes of the picture, float32 ``(maps, height, width)``.
        numbers: which of them are ablated, from 1.

    Raises:
        ValueError: there are no such maps.
        NotFiniteError: numbers on the way are too large.
    """
    plan, found = network.architecture, list[Change]()
    sides = [network.run_from(layer.name, one) for one in (maps, ablated(maps, numbers))]
    for block in range(layer.block, len(plan.blocks) + 1):
        if block > layer.block:
            yield
            sides = [_block(network, block, side[plan.pools[block - 2].name]) for side in sides]
        for after in plan.conv_layers:
            if after.name in sides[0]:
                found.append(change(after, *(side.pop(after.name) for side in sides)))
    return found


def change(layer: ConvLayer, before: np.ndarray, now: np.ndarray) -> Change:
    """How far a layer's maps are from those before, both ``(maps, height, width)``.

    Raises:
        NotFiniteError: numbers are too large.
    """
    check_finite(before, now)
    mean, largest = np.empty(len(before)), np.empty(len(before))
    for index, (one, other) in enumerate(zip(before, now, strict=True)):
        difference = other.astype(np.float64) - one
        mean[index] = np.abs(difference).mean()
        largest[index] = difference.flat[np.abs(difference).argmax()]
    return Change(layer, mean, largest, before.mean(axis=(1, 2), dtype=np.float64))


def lost(
    network: Network, maps: np.ndarray, question: AttributionSpec, numbers: Sequence[int]
) -> Generator[None, None, float]:
    """What a value loses before its ReLU if maps of an earlier layer are ablated.

    In the next conv layer that is what these maps contribute; further on, the network answers to
    what is missing, and the two differ.

    Args:
        network: the network.
        maps: those of the layer that is asked ``back_to``, float32 ``(maps, height, width)``.
        question: which value; its method does not matter.
        numbers: which maps are ablated, from 1.

    Raises:
        ValueError: there is no such value, or there are no such maps.
        NotFiniteError: numbers on the way are too large.
    """
    attribution_pass = AttributionPass(network, question)
    whole = yield from attribution_pass.value(attribution_pass.crop(maps))
    rest = yield from attribution_pass.value(attribution_pass.crop(ablated(maps, numbers)))
    check_finite(whole, rest)
    return whole - rest


def _block(network: Network, block: int, source: np.ndarray) -> dict[str, np.ndarray]:
    """All that a block makes of its input, under the layers' names."""
    plan = network.architecture
    names = [layer.name for layer in plan.conv_layers if layer.block == block]
    names.append(plan.pools[block - 1].name)
    return dict(zip(names, network.run(names, source), strict=True))
