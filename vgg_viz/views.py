"""Views of the page, one record each, in the order of the walkthrough."""

from collections.abc import Mapping
from dataclasses import dataclass

from vgg_viz.option import Option, by_name


@dataclass(frozen=True)
class View(Option):
    """One view of the page.

    module: its module in ``vgg_viz.ui.views``, which has ``show(notice)``.
    """

    module: str = ""


VIEWS: Mapping[str, View] = by_name(
    View("architecture", "Architecture", module="architecture_view"),
    View("filters", "Filters", module="filters_view"),
    View("maps", "Feature maps", module="maps_view"),
    View(
        "visualization",
        "Feature visualization",
        old=("excites", "What excites it"),
        module="visualization_view",
    ),
    View("blocks", "Blocks", module="blocks_view"),
    View("prediction", "Prediction", old=("classes",), module="prediction_view"),
    View("conclusion", "Conclusion", module="conclusion_view"),
)
