"""Records of the page's views, in the order of the walkthrough."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from vgg_viz.interpretability.feature_visualization.parametrizations import OLAH
from vgg_viz.option import Option, Paper, by_name

Comparison = Literal["none", "unchanged", "picture", "network", "preprocessing"]
UNCHANGED = "unchanged"  # only where the image is changed

COMPARISONS: Mapping[Comparison, Option] = by_name(
    Option("none", "Nothing"),
    Option(UNCHANGED, "The unchanged image"),
    Option("picture", "Another picture"),
    Option("network", "Another network", old=("The other network",)),
    Option("preprocessing", "Wrong preprocessing"),
)


@dataclass(frozen=True)
class View(Option):
    """Record of one view of the page, such as Feature maps, and what the view shows and offers.

    Its module is ``NAME_view`` in `vgg_viz.ui.views`, with ``show(notice)``.
    """

    shows_layer: bool = False  # one layer
    shows_picture: bool = False  # what a network computes from the chosen picture
    takes_picture: bool = True  # whether the sidebar has the choice of a picture
    # Values of fields with which alone the view shows what depends on the picture.
    picture_if: Mapping[str, object] = field(default_factory=dict)
    shows_network: bool = True  # a network's weights, or what it computes
    scales: tuple[str, ...] = ("own", "layer")  # names of color scales
    comparisons: tuple[Comparison, ...] = tuple(COMPARISONS)


VIEWS: Mapping[str, View] = by_name(
    View(
        "architecture",
        "Architecture",
        "the diagram, all layers with kernels and receptive fields, and every layer's most active "
        "maps",
        (Paper("Simonyan and Zisserman 2014", "https://arxiv.org/abs/1409.1556"),),
        shows_network=False,
    ),
    View(
        "filters",
        "Filters",
        "the kernels of any layer: a row for each filter, a column for each input channel",
        takes_picture=False,
        shows_layer=True,
        # Only weights are spread around zero; maps come after ReLU.
        scales=("own", "layer", "zero"),
    ),
    View(
        "maps",
        "Feature maps",
        "a layer's output for your image, and the inspector",
        shows_layer=True,
        shows_picture=True,
    ),
    View(
        "visualization",
        "Feature visualization",
        "*top patches*, which activate a channel most, and *optimized images*, which maximize it",
        (Paper("Zeiler and Fergus 2013", "https://arxiv.org/abs/1311.2901"), OLAH),
        old=("excites", "What excites it"),
        shows_layer=True,
        picture_if={"examples": "optimized", "paste": True},
        # Top patches come from all available pictures, each preprocessed as in training.
        comparisons=("none", "network"),
    ),
    View(
        "blocks",
        "Blocks",
        "the maps at the end of every block, with their filters if you like",
        shows_picture=True,
    ),
    View(
        "prediction",
        "Prediction",
        "the most likely classes, the evidence for or against a class, and the most important maps",
        (Paper("Zhou et al. 2016", "https://arxiv.org/abs/1512.04150"),),
        old=("classes",),
        shows_picture=True,
    ),
    View(
        "conclusion",
        "Conclusion",
        "early, middle and late layers for your image in numbers, and an experiment on all 16",
        (Paper("Zeiler and Fergus 2013", "https://arxiv.org/abs/1311.2901"),),
        shows_picture=True,
    ),
)
