"""Options for coloring tiles: the color scales (such as one for all tiles) and the color maps."""

from collections.abc import Mapping

from vgg_viz.option import Option, by_name

SCALES: Mapping[str, Option] = by_name(
    Option("own", "Each tile", "from its own smallest to its largest value"),
    Option("layer", "Layer", "one scale for all tiles, so that you can compare them"),
    Option("zero", "Around 0", "one scale for all tiles, with zero in the middle"),
)

PAIR_SCALES: Mapping[str, Option] = by_name(
    Option("pair", "Each pair", "one scale per pair, or per difference"),
    Option("layer", "Layer", "one scale for all tiles"),
    Option("own", "Each tile", "one scale per tile, to compare patterns only"),
)

# Named as in Matplotlib.
COLOR_MAPS: Mapping[str, Option] = by_name(
    Option("gray", "Gray", old=("Grey",)),
    Option("viridis", "Viridis"),
    Option("magma", "Magma"),
    Option("cividis", "Cividis"),
    Option("gray_r", "Gray, inverted", old=("Grey, inverted",)),
)
