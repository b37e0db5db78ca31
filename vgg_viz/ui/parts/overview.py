"""Overview of the network: the most active feature maps of every conv layer, one column each."""

from collections.abc import Sequence
from functools import partial

from streamlit.delta_generator import DeltaGenerator

from vgg_viz.image_io.input_image import InputImage
from vgg_viz.model.architecture import VGG19
from vgg_viz.model.networks import NetworkChoice
from vgg_viz.serving.forward_pass import STRIP, STRIP_SIDE
from vgg_viz.serving.results import ValueRange
from vgg_viz.ui.state import selection, shared_instance
from vgg_viz.ui.widgets import grid, text_blocks
from vgg_viz.ui.widgets.chosen_network import load_network


def show(notice: DeltaGenerator, chosen: InputImage, choice: NetworkChoice) -> None:
    """Show the most active feature maps of every conv layer, with one column per layer."""
    results = shared_instance.results(notice)
    network = load_network(choice, notice)
    overview = results.overview(network, chosen)
    caption = text_blocks.caption(
        f"{network.label} · {chosen.caption} · the {STRIP} most active maps (highest mean) of "
        "every conv layer, from block1_conv1 (left) to block5_conv4 (right); click one to inspect "
        "it",
        f"{network.label} · {chosen.title} · the {STRIP} most active maps of every layer",
    )
    tiles = grid.Grid(
        # The mosaic fills rows first, and each layer is a column.
        overview.maps.swapaxes(0, 1).reshape(-1, STRIP_SIDE, STRIP_SIDE),
        [str(number) for number in overview.numbers.T.flat],
        range(1, overview.numbers.size + 1),
        ("overview", network.identity, chosen.digest),
        caption=caption,
        columns=len(VGG19.conv_layers),
        value_range=ValueRange.of_maps(overview.maps),
    )
    placement = grid.Placement(
        "overview",
        partial(open_map, overview.numbers.T.ravel().tolist()),
        smallest_tile=36,
        heads=[f"{layer.block}.{layer.name[-1]}" for layer in VGG19.conv_layers],
    )
    grid.show(results, tiles, placement)


def open_map(numbers: Sequence[int], tile: int) -> None:
    """Open the clicked map in the Feature maps view (widget callback)."""
    layer = VGG19.conv_layers[(tile - 1) % len(VGG19.conv_layers)]
    selection.choose(numbers[tile - 1], layer=layer.name, view="maps")
