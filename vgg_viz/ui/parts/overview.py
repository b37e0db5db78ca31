"""Strips: the picture followed from layer to layer, part of the Architecture view."""

from collections.abc import Sequence
from functools import partial

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from vgg_viz.architecture import VGG19
from vgg_viz.links import NetworkChoice
from vgg_viz.serving.forward import STRIP, STRIP_SIDE
from vgg_viz.serving.results import Span, Work
from vgg_viz.ui.page import lecture
from vgg_viz.ui.state import selection
from vgg_viz.ui.widgets import components
from vgg_viz.ui.widgets import grid as mosaics
from vgg_viz.ui.widgets.picture import Picture


def show(notice: DeltaGenerator, chosen: Picture, choice: NetworkChoice) -> None:
    """Show the most active maps of every conv layer, a column a layer."""
    work = Work(choice, notice, st.empty())
    network = work.network()
    overview = work.overview(network, chosen)
    tiles = mosaics.Tiles(
        # A column a layer: the mosaic's tiles go row by row.
        overview.maps.swapaxes(0, 1).reshape(-1, STRIP_SIDE, STRIP_SIDE),
        [str(number) for number in overview.numbers.T.flat],
        range(1, overview.numbers.size + 1),
        Span(float(overview.maps.min()), float(overview.maps.max())),
        ("overview", network.label, chosen.digest),
    )
    frame = mosaics.Frame(
        "overview",
        partial(open_strip, overview.numbers.T.ravel().tolist()),
        columns=len(VGG19.conv_layers),
        smallest_tile=40,
        follows=False,
        heads=[f"{layer.block}.{layer.name[-1]}" for layer in VGG19.conv_layers],
    )
    words = lecture.caption(
        f"{network.label} · {chosen.caption} · the {STRIP} most active maps of every conv layer, "
        "block1_conv1 on the left, block5_conv4 on the right; click one to look into it",
        f"{network.label} · {chosen.title} · the {STRIP} most active maps of every layer",
    )
    mosaics.show(work, tiles, mosaics.OWN_SCALE, words, frame)


def open_strip(numbers: Sequence[int]) -> None:
    """Show the clicked map in the Feature maps view; ``numbers`` are the maps', tile by tile."""
    tile = components.picked_number("overview", len(numbers))
    if tile is not None:
        layer = VGG19.conv_layers[(tile - 1) % len(VGG19.conv_layers)]
        selection.choose(numbers[tile - 1], layer=layer.name, view="maps")
