"""Orders in which a layer's feature maps can be shown, by names of `map_statistics.Statistics`.

Two sides of a comparison can also be ordered by their difference.
"""

from collections.abc import Mapping

from vgg_viz.option import Option, by_name

NUMBER, DIFFERENCE = "number", "difference"
ORDERS: Mapping[str, Option] = by_name(
    Option(NUMBER, "Number", "the layer's own order"),
    Option("mean", "Mean", "the largest mean first"),
    Option("maximum", "Maximum", "the largest maximum first"),
    Option("variance", "Variance", "the largest variance first"),
    Option(
        "active", "Share of active positions", "the largest share of positions above zero first"
    ),
)
PAIR_ORDERS: Mapping[str, Option] = {
    **ORDERS,
    DIFFERENCE: Option(
        DIFFERENCE, "Difference", "the largest mean difference between both sides first"
    ),
}
