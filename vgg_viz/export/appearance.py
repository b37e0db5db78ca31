"""Scales and color maps of tiles."""

from collections.abc import Mapping

from vgg_viz.option import Option, by_name

SCALES: Mapping[str, Option] = by_name(
    Option("own", "Each tile", "from its smallest value to its largest"),
    Option("layer", "Layer", "one scale for all tiles of the layer, so that they can be compared"),
    Option("zero", "Around 0", "the layer's scale, with zero in the middle"),
)

PAIR_SCALES: Mapping[str, Option] = by_name(
    Option("pair", "Each pair"),
    Option("layer", "Layer"),
    Option("own", "Each tile"),
)

# Named as in Matplotlib.
COLOR_MAPS: Mapping[str, Option] = by_name(
    Option("gray", "Gray", old=("Grey",)),
    Option("viridis", "Viridis"),
    Option("magma", "Magma"),
    Option("cividis", "Cividis"),
    Option("gray_r", "Gray, inverted", old=("Grey, inverted",)),
)
