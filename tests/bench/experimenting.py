"""Experiments on the image, each to its end; a page shows their progress meanwhile."""

import time
from collections.abc import Generator, Iterator
from dataclasses import replace
from functools import partial

from tests.bench.measure import (
    Effort,
    Row,
    attempt,
    bounded,
    duration,
    durations,
    interleaved,
    job,
    middle,
    timed,
)
from tests.bench.pictures import best_weights, cat
from tests.support.thin import outcome
from vgg_viz.interpretability.experiments.changes import ChosenChange
from vgg_viz.interpretability.experiments.image_changes import change_pixels
from vgg_viz.interpretability.experiments.map_distance import distances_by_layer
from vgg_viz.interpretability.experiments.occlusion import occlusion
from vgg_viz.interpretability.experiments.responses import layer_responses
from vgg_viz.model.architecture import VGG19
from vgg_viz.model.network import Network

ROTATION = ChosenChange("rotate", 30)
CURVES = {"block3_conv4": 2.0, "block5_conv4": 5.0}  # most seconds
FIRST_POINTS_SECONDS = 0.5
OCCLUDED, OCCLUSION_SECONDS = "block3_conv4", 4.0
DISTANCE_SECONDS = 0.05  # more than two forward passes


def rows(effort: Effort) -> Iterator[Row]:
    """Measure response curves, an occlusion map, and the distance by layer."""
    network = Network(best_weights())
    for name in CURVES:
        yield attempt(f"Response curves, {name}", partial(curves, network, name, effort))
    yield attempt("Occlusion map", partial(occlusion_map, network, effort))
    yield attempt("Distance by layer", partial(distance, network, effort))


def curves(network: Network, layer_name: str, effort: Effort) -> Row:
    """Measure the curves of one layer's maps, once, and when their first points are there."""
    layer, points = VGG19.conv_layer(layer_name), list[float]()
    network.feature_maps(cat(), layer_name)  # builds

    def begin() -> Generator[float]:
        start = time.perf_counter()
        return layer_responses(
            network,
            cat(),
            ROTATION,
            layer,
            (7, 7),
            lambda _: points.append(time.perf_counter() - start),
        )

    row = job(
        f"response curves of {layer_name}, rotated by 21 amounts", begin, CURVES[layer_name], effort
    )
    return replace(
        row,
        ours=f"{row.ours}; first points after {duration(points[1])}",
        target=f"{row.target}; first points after {duration(FIRST_POINTS_SECONDS)}",
        met=bool(row.met and points[1] <= FIRST_POINTS_SECONDS),
    )


def occlusion_map(network: Network, effort: Effort) -> Row:
    """Measure the occlusion of a layer's maps at 196 places, once."""
    layer = VGG19.conv_layer(OCCLUDED)
    return job(
        f"occlusion map of {OCCLUDED}, 196 places",
        lambda: occlusion(network, cat(), layer, (7, 7)),
        OCCLUSION_SECONDS,
        effort,
    )


def distance(network: Network, effort: Effort) -> Row:
    """Measure the distance of all layers' maps; baseline: the two forward passes alone."""
    pixels, rotated = cat(), change_pixels(cat(), ROTATION)

    def passes() -> None:
        for maps in zip(network.conv_maps(pixels), network.conv_maps(rotated), strict=True):
            del maps

    clocks = {
        "passes": timed(passes),
        "ours": timed(lambda: outcome(distances_by_layer(network, pixels, network, rotated))),
    }
    interleaved(1, clocks)  # for warming up
    seconds = interleaved(effort.passes, clocks)
    longer = middle(seconds["ours"]) - middle(seconds["passes"])
    row = bounded(
        "distance of two images by layer, all 16; baseline: two forward passes",
        longer,
        DISTANCE_SECONDS,
        f"{durations(seconds['ours'])}, {duration(max(longer, 0))} longer",
        f"{duration(DISTANCE_SECONDS)} longer",
    )
    return replace(row, baseline=durations(seconds["passes"]))
