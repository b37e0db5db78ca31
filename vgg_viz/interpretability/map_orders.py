"""Orders in which a layer's feature maps can be shown, by names of `map_statistics.Statistics`."""

from collections.abc import Mapping

from vgg_viz.option import Option, by_name

NUMBER = "number"
ORDERS: Mapping[str, Option] = by_name(
    Option(NUMBER, "Number", "the layer's own order"),
    Option("mean", "Mean", "the largest mean first"),
    Option("maximum", "Maximum", "the largest maximum first"),
    Option("variance", "Variance", "the largest variance first"),
    Option(
        "active",
        "Share of active positions",
        "the largest share of positions above zero first",
    ),
)
