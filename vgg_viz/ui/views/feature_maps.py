"""Feature maps: what one conv layer makes of the picture."""

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from vgg_viz.architecture import Layer, format_shape
from vgg_viz.network import Network
from vgg_viz.ui import controls, mosaics, picture
from vgg_viz.ui.picture import Picture
from vgg_viz.ui.results import Work, measure_maps


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
    slot = st.empty()
    work = Work(choice, notice, slot)
    network = work.network()
    tiles = map_tiles(work, network, chosen, layer, count)
    mosaics.show(work, slot, tiles, appearance, caption(network, chosen, layer, count))
    show_submodel(network, layer)


def map_tiles(
    work: Work, network: Network, chosen: Picture, layer: Layer, count: int
) -> mosaics.Tiles:
    """The first ``count`` maps of a layer, titled with their numbers."""
    maps = work.feature_maps(network, chosen, layer.name)
    key = ("maps", network.label, chosen.digest, layer.name)
    titles = [str(number) for number in range(1, count + 1)]
    return mosaics.Tiles(maps[:count], titles, measure_maps(maps), key)


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
