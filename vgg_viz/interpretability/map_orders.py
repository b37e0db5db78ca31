"""Orders of a layer's feature maps."""

from collections.abc import Mapping

from vgg_viz.option import Option, by_name

# Each order but the first is named like the field of `map_statistics.Statistics` that it sorts by.
ORDERS: Mapping[str, Option] = by_name(
    Option("number", "Number", "the layer's own order"),
    Option("mean", "Mean", "the largest mean first"),
    Option("maximum", "Maximum", "the largest maximum first"),
    Option("variance", "Variance", "the largest variance first"),
    Option(
        "active", "Share of active positions", "the largest share of positions above zero first"
    ),
)
