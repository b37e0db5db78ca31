"""Options for coloring tiles: the color scales (such as one for all tiles) and the color maps."""

from vgg_viz.option import Option, Options, by_name

SCALES: Options = by_name(
    Option("own", "Each tile", "from its own smallest to its largest value"),
    Option("layer", "Layer", "one scale for all tiles, so that you can compare them"),
    Option("zero", "Around 0", "one scale for all tiles, with zero in the middle"),
)

PAIR_SCALES: Options = by_name(
    Option("pair", "Each pair", "one scale per pair, or per difference"),
    Option("layer", "Layer", "one scale for all tiles"),
    Option("own", "Each tile", "one scale per tile, to compare patterns only"),
)

# Named as in Matplotlib.
COLOR_MAPS: Options = by_name(
    Option("gray", "Gray", old=("Grey",)),
    Option("viridis", "Viridis"),
    Option("magma", "Magma"),
    Option("cividis", "Cividis"),
    Option("gray_r", "Gray, inverted", old=("Grey, inverted",)),
)
