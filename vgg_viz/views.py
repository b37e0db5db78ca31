"""Views of the page, one record each, in the order of the walkthrough."""

from dataclasses import dataclass


@dataclass(frozen=True)
class View:
    """One view: its name in addresses, its label, and its module in ``vgg_viz.ui.views``."""

    name: str
    label: str
    module: str


VIEWS = {
    view.name: view
    for view in (
        View("architecture", "Architecture", "architecture_view"),
        View("filters", "Filters", "filters_view"),
        View("maps", "Feature maps", "maps_view"),
        View("excites", "What excites it", "visualization_view"),
        View("blocks", "Blocks", "blocks_view"),
        View("classes", "Classes", "prediction_view"),
        View("conclusion", "Conclusion", "conclusion_view"),
    )
}
