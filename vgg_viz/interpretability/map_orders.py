"""Orders in which a layer's feature maps can be shown, by names of `map_statistics.Statistics`.

Two sides of a comparison can also be ordered by their difference.
"""

from vgg_viz.option import Option, Options, by_name

NUMBER, DIFFERENCE = "number", "difference"
ORDERS: Options = by_name(
    Option(NUMBER, "Number", "the layer's own order"),
    Option("mean", "Mean", "the largest mean first"),
    Option("maximum", "Maximum", "the largest maximum first"),
    Option("variance", "Variance", "the largest variance first"),
    Option(
        "active", "Share of active positions", "the largest share of positions above zero first"
    ),
)
PAIR_ORDERS: Options = {
    **ORDERS,
    DIFFERENCE: Option(
        DIFFERENCE, "Difference", "the largest mean difference between both sides first"
    ),
}
