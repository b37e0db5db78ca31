"""Views of the page, one record each, in the order of the walkthrough."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from vgg_viz.option import Option, by_name

Comparison = Literal["none", "picture", "network", "preprocessing"]

COMPARISONS: Mapping[Comparison, Option] = by_name(
    Option("none", "Nothing"),
    Option("picture", "Another picture"),
    Option("network", "The other network"),
    Option("preprocessing", "Wrong preprocessing"),
)


@dataclass(frozen=True)
class View(Option):
    """One view of the page.

    module: its module in ``vgg_viz.ui.views``, which has ``show(notice)``.
    shows_layer: whether it shows one layer.
    shows_picture: whether it shows what a network computes from the chosen picture.
    shows_network: whether it shows a network's weights or what a network computes.
    scales: names of the scales that it offers.
    comparisons: names of the comparisons that it offers.
    """

    module: str = ""
    shows_layer: bool = False
    shows_picture: bool = False
    shows_network: bool = True
    scales: tuple[str, ...] = ("own", "layer")
    comparisons: tuple[Comparison, ...] = tuple(COMPARISONS)


VIEWS: Mapping[str, View] = by_name(
    View(
        "architecture",
        "Architecture",
        module="architecture_view",
        shows_network=False,
    ),
    View(
        "filters",
        "Filters",
        module="filters_view",
        shows_layer=True,
        # Only weights are spread around zero; maps come after ReLU.
        scales=("own", "layer", "zero"),
    ),
    View("maps", "Feature maps", module="maps_view", shows_layer=True, shows_picture=True),
    View(
        "visualization",
        "Feature visualization",
        old=("excites", "What excites it"),
        module="visualization_view",
        shows_layer=True,
        # Top patches come from all available pictures, each preprocessed as in training.
        comparisons=("none", "network"),
    ),
    View("blocks", "Blocks", module="blocks_view", shows_picture=True),
    View(
        "prediction",
        "Prediction",
        old=("classes",),
        module="prediction_view",
        shows_picture=True,
    ),
    View("conclusion", "Conclusion", module="conclusion_view", shows_picture=True),
)
