"""Feature maps: what one conv layer makes of the picture."""

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from vgg_viz.architecture import Layer, format_shape
from vgg_viz.network import Network
from vgg_viz.ui import controls, mosaics, picture, selection
from vgg_viz.ui.picture import Picture
from vgg_viz.ui.results import Work, measure_maps
from vgg_viz.ui.views import inspector, origin


def show(notice: DeltaGenerator) -> None:
    """Show the controls, then the maps of the chosen layer."""
    with st.sidebar:
        chosen = picture.choose()
        layer = controls.layer()
        count = controls.count("Number of maps", "maps", layer.filters, 64)
        appearance = controls.appearance(("own", "layer"))
        choice = controls.network()
    st.header(f"Feature maps of {layer.name}")
    st.markdown(
        f"The layer lays each of its **{layer.filters} filters** over every position of what the "
        f"layers before it made of the picture. Each filter answers with one **feature map** of "
        f"**{format_shape(layer.output_shape[:2])}** positions: bright where it found what it "
        f"looks for, black where it did not."
    )
    work = Work(choice, notice, st.empty())
    network = work.network()
    maps = work.feature_maps(network, chosen, layer.name)
    tiles = map_tiles(network, chosen, layer, maps, count)
    frame = mosaics.Frame("maps-mosaic", selection.pick_channel("maps-mosaic", layer.filters))
    words = caption(network, chosen, layer, count)
    channel = selection.current(selection.CHANNEL, layer.filters)
    grid, beside = st.columns([3, 2], gap="large") if channel else (st.container(), st.container())
    with grid:
        mosaics.show(work, tiles, appearance, words, frame)
    with beside:
        position = inspector.show(chosen, layer, maps, appearance)
    if channel and position:
        origin.show(work, network, chosen, layer, maps, channel, position)
    show_submodel(network, layer)


def map_tiles(
    network: Network, chosen: Picture, layer: Layer, maps: np.ndarray, count: int
) -> mosaics.Tiles:
    """The first ``count`` maps of a layer, titled with their numbers."""
    numbers = range(1, count + 1)
    key = ("maps", network.label, chosen.digest, layer.name)
    titles = [str(number) for number in numbers]
    return mosaics.Tiles(maps[:count], titles, numbers, measure_maps(maps), key)


def caption(network: Network, chosen: Picture, layer: Layer, count: int) -> str:
    """What a reader must know of a mosaic of maps."""
    return (
        f"{layer.title} · {network.label} · {chosen.caption} · "
        f"{count} of {layer.filters} maps shown · after ReLU"
    )


def show_submodel(network: Network, layer: Layer) -> None:
    """Show the truncated model that made the maps."""
    height, width, maps = layer.output_shape
    st.markdown(
        f"**Output shape** {format_shape(layer.output_shape)}: {maps} maps, each {height} high and "
        f"{width} wide. **Receptive field** {layer.receptive_field} × {layer.receptive_field} "
        f"pixels: that much of the picture decides one value of a map."
    )
    with st.expander(f"The truncated model: from the input to {layer.name}"):
        st.code(network.summary(layer.name), language=None)
