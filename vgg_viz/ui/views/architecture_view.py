"""Architecture view: a diagram and tables of VGG19, and the most active maps of each layer."""

from collections.abc import Collection
from functools import partial

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from vgg_viz.image_io.input_image import InputImage
from vgg_viz.model.architecture import KINDS, VGG19, format_shape
from vgg_viz.model.networks import NETWORKS, NetworkChoice
from vgg_viz.ui.state import mode, selection, shared_instance
from vgg_viz.ui.widgets import components, controls, diagram, picture_chooser, text_blocks
from vgg_viz.views import VIEWS

(PAPER,) = VIEWS["architecture"].papers


def show(_notice: DeltaGenerator) -> None:
    """Show the diagram of VGG19, each layer's most active maps, and tables of the layers.

    The diagram and the tables need neither NumPy nor TensorFlow. The maps are shown once the
    browser has painted the diagram, in a place kept for them, with a notice if weights are missing;
    or at once if they are computed.
    """
    with st.sidebar:
        chosen = picture_chooser.current()
        blocks = controls.blocks()
        st.caption("The table of conv layers lists these blocks.")
        choice = controls.network()
    text_blocks.prose(
        f"**VGG19** ({PAPER}) is a neural network that classifies images. Your picture passes "
        "through 16 convolutions in five **blocks**, then three dense layers. Below the diagram: "
        "what each layer computes from it.",
        "## The architecture of VGG19",
    )
    if not mode.is_explained():
        components.mount("first_steps", "first-steps", components.pack({}))
    on_pick = partial(selection.open_layer, "diagram", "maps")
    shows_maps = diagram.show(VGG19, chosen, on_pick, is_awaited=not has_maps(chosen, choice))
    # A tour step on this view has no room for the maps.
    strip = None
    if not mode.on_tour():
        strip = st.container(key="overview-room")  # the style sheet reserves its height
        strip.empty()  # Streamlit leaves out a container without elements
    if not mode.in_lecture():
        show_tables(blocks)
    if shows_maps and strip:
        # Imported late, so that the page paints before NumPy and TensorFlow are loaded.
        from vgg_viz.ui.parts import overview

        with strip:
            overview.show(st.container(), chosen, choice)


def has_maps(chosen: InputImage, choice: NetworkChoice) -> bool:
    """Return whether the maps below the diagram are computed, so that it need not come first."""
    loader = shared_instance.loader_of(choice) if shared_instance.shared_if_created() else None
    # Own networks' preprocessing may be unknown.
    if choice not in NETWORKS or loader is None or not loader.is_built:
        return False
    return shared_instance.results().has_overview(loader.network().result(), chosen)


def show_tables(blocks: Collection[int]) -> None:
    """Show the number of parameters, the conv layers of these blocks, and a table of all layers."""
    parameters = {
        "Parameters": VGG19.parameters,
        "In the convolutions": VGG19.conv_parameters,
        "In the dense layers": VGG19.parameters - VGG19.conv_parameters,
    }
    for column, (label, value) in zip(st.columns(3), parameters.items(), strict=True):
        column.metric(label, f"{value:,}")
    show_conv_layers(blocks)
    show_all_layers()
    st.caption("Names and indices as in `keras.applications.VGG19`.")


def show_conv_layers(blocks: Collection[int]) -> None:
    """Show a table of these blocks' conv layers, and explain the terms that it uses."""
    st.subheader("The 16 conv layers")
    st.markdown(
        "A kernel of shape **(3, 3, in, out)** holds *out* filters, each 3 × 3 over *in* input "
        "channels. Each filter produces one feature map. The first layer has 3 input channels: "
        "the colors. A value's **receptive field** is the square of input pixels that it depends "
        f"on ({text_blocks.RECEPTIVE_FIELD_PAPER})."
    )
    header = ["Number", "Index", "Name", "Kernel shape", "Output shape"]
    header += ["Receptive field", "Parameters"]
    rows = [
        [
            str(layer.conv_number),
            str(layer.index),
            f"`{layer.name}`",
            str(layer.kernel_shape),
            format_shape(layer.output_shape),
            f"{layer.receptive_field} × {layer.receptive_field}",
            f"{layer.parameters:,}",
        ]
        for layer in VGG19.conv_layers
        if layer.block in blocks
    ]
    if rows:
        st.markdown(text_blocks.table(header, rows, align="rrlllrr"))
    else:
        st.info("Choose at least one block in the sidebar.", icon=":material/arrow_back:")


def show_all_layers() -> None:
    """Show a table of all layers of VGG19, as Keras' ``model.summary()`` lists them."""
    st.subheader(f"All {len(VGG19.layers)} layers")
    header = ["Index", "Name", "Type", "Output shape", "Parameters"]
    rows = [
        [
            str(layer.index),
            f"`{layer.name}`",
            KINDS[layer.kind],
            format_shape(layer.output_shape),
            f"{layer.parameters:,}",
        ]
        for layer in VGG19.layers
    ]
    rows.append(["", "**Total**", "", "", f"**{VGG19.parameters:,}**"])
    st.markdown(text_blocks.table(header, rows, align="rlllr"))
