"""Responses of feature maps to a change of the image, over the whole range of its amount.

Over all layers, this is the invariance plot of Zeiler and Fergus (2013),
https://arxiv.org/abs/1311.2901, with correlation as its measure.
"""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass

import numpy as np

from vgg_viz.interpretability.experiments.changes import CHANGES, ChosenChange
from vgg_viz.interpretability.experiments.image_changes import change_pixels
from vgg_viz.interpretability.map_statistics import means
from vgg_viz.model.architecture import ConvLayer
from vgg_viz.model.network import Network

POINTS = 21


@dataclass(frozen=True)
class LayerResponses:
    """One layer's maps for several amounts of a change, sorted."""

    amounts: Sequence[int]
    maximum: np.ndarray  # of each map, float32 `(amounts, maps)`
    mean: np.ndarray  # of each map, float64 `(amounts, maps)`
    value: np.ndarray  # of each map at one position, float32 `(amounts, maps)`
    correlation: np.ndarray  # of all maps with those of the unchanged image, `(amounts,)`


def amounts_of(name: str) -> list[int]:
    """Return the amounts of a change at which responses are measured: 0 and 21 over its range.

    >>> amounts_of("mirror"), len(amounts_of("rotate"))
    ([0, 1], 21)
    """
    low, high, *_ = CHANGES[name].amount
    return sorted({0, *np.linspace(low, high, POINTS).round().astype(int).tolist()})


def layer_responses(
    network: Network,
    pixels: np.ndarray,
    change: ChosenChange,
    layer: ConvLayer,
    position: tuple[int, int],
    on_point: Callable[[LayerResponses], None],
) -> Generator[float, None, LayerResponses]:
    """Measure a layer's maps for all amounts of a change, the unchanged image first, in steps.

    Yields the fraction done after each amount. Meanwhile, ``on_point`` gets the responses so far.
    """
    unchanged, measured = network.feature_maps(pixels, layer.name), {}
    base = standardized(unchanged)
    row, column = position
    amounts = amounts_of(change.name)
    for amount in sorted(amounts, key=abs):
        changed = change_pixels(pixels, change._replace(amount=amount))
        maps = network.feature_maps(changed, layer.name) if amount else unchanged
        statistics = maps.max(axis=1).max(axis=1), means(maps), maps[:, row, column].copy()
        measured[amount] = (*statistics, base @ standardized(maps))
        parts = zip(*(measured[one] for one in sorted(measured)), strict=True)
        on_point(responses := LayerResponses(sorted(measured), *map(np.stack, parts)))
        yield len(measured) / len(amounts)
    return responses


def correlations_by_layer(
    network: Network,
    pixels: np.ndarray,
    change: ChosenChange,
    on_point: Callable[[dict[int, np.ndarray]], None],
) -> Generator[float, None, dict[int, np.ndarray]]:
    """Correlate each conv layer's maps with those of the unchanged image, for all amounts.

    The result has by amount one correlation per layer, float64 ``(layers,)``. Yields the fraction
    done after each amount; meanwhile, ``on_point`` gets the results so far.
    """
    unchanged = [standardized(maps) for maps in network.conv_maps(pixels)]  # 59 MB
    found, amounts = dict[int, np.ndarray](), amounts_of(change.name)
    for amount in sorted(amounts, key=abs):
        changed = change_pixels(pixels, change._replace(amount=amount))
        pairs = zip(unchanged, network.conv_maps(changed), strict=True)
        found[amount] = np.array([base @ standardized(maps) for base, maps in pairs])
        on_point(found)
        yield len(found) / len(amounts)
    return found


def standardized(maps: np.ndarray) -> np.ndarray:
    """Return deviations from the mean, of norm 1 or all 0: dot products are correlations."""
    deviations = maps.ravel("K") - np.float32(maps.mean(dtype=np.float64))
    norm = np.sqrt(np.vdot(deviations, deviations))
    return deviations / norm if np.ptp(maps) else np.zeros_like(deviations)
