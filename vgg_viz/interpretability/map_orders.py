"""Orders in which a layer's feature maps can be shown, one `MapOrder` record each."""

from collections.abc import Mapping
from dataclasses import dataclass

from vgg_viz.option import Option, by_name


@dataclass(frozen=True)
class MapOrder(Option):
    """An order in which a layer's feature maps can be shown.

    statistic: field of `map_statistics.Statistics` to sort by, largest first; empty for the
        order of the maps in the layer.
    """

    statistic: str = ""


ORDERS: Mapping[str, MapOrder] = by_name(
    MapOrder("number", "Number", "the layer's own order"),
    MapOrder("mean", "Mean", "the largest mean first", statistic="mean"),
    MapOrder("maximum", "Maximum", "the largest maximum first", statistic="maximum"),
    MapOrder("variance", "Variance", "the largest variance first", statistic="variance"),
    MapOrder(
        "active",
        "Share of active positions",
        "the largest share of positions above zero first",
        statistic="active",
    ),
)
