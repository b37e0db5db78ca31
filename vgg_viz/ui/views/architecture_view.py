"""Architecture: the plan of the network at once, and then what each layer makes of the picture."""

from collections.abc import Collection
from functools import partial

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from vgg_viz.model.architecture import KINDS, VGG19, Layer, format_shape
from vgg_viz.ui.state import mode, selection
from vgg_viz.ui.widgets import controls, diagram, picture_chooser, text_blocks


def show(notice: DeltaGenerator) -> None:
    """Show the diagram, the conv layers of the chosen blocks, and the table of all layers."""
    with st.sidebar:
        chosen = picture_chooser.choose()
        blocks = controls.blocks()
        st.caption("The table of conv layers shows these blocks.")
        choice = controls.network()
    st.header("The architecture of VGG19")
    depths = ", ".join(str(depth) for depth, _ in VGG19.blocks[:-1])
    text_blocks.prose(
        f"A picture of 224 × 224 pixels passes through **five blocks** of {depths} and "
        f"{VGG19.blocks[-1][0]} convolutions. After each block a max pool halves the "
        f"width and the height; three dense layers then name the picture. "
        f"**{len(VGG19.layers)} layers**, {len(VGG19.conv_layers)} of them convolutions. "
        "**Click a convolution** to see what it makes of the picture."
    )
    seen = diagram.show(VGG19, partial(selection.open_layer, "diagram"))
    followed = st.container()
    if not mode.in_lecture():
        show_tables(blocks)
    # A tour's step on the plan is no place for the maps, for which there is no room.
    if seen and not mode.on_tour():
        # Imported only now, so that all the rest is there before NumPy and TensorFlow are.
        from vgg_viz.ui.parts import overview

        with followed:
            overview.show(notice, chosen, choice)


def show_tables(blocks: Collection[int]) -> None:
    """Show all the numbers of the plan, and where they are from."""
    show_parameters()
    show_conv_layers(blocks)
    show_all_layers()
    st.caption(
        "Simonyan and Zisserman, [Very Deep Convolutional Networks for Large-Scale Image "
        "Recognition](https://arxiv.org/abs/1409.1556), 2014; layer names as in Keras."
    )


def show_parameters() -> None:
    """Show how many numbers the network can learn, and where they are."""
    dense = VGG19.parameters - VGG19.conv_parameters
    for column, (label, value) in zip(
        st.columns(3),
        [
            ("Parameters in all", VGG19.parameters),
            ("in the convolutions", VGG19.conv_parameters),
            ("in the dense layers", dense),
        ],
        strict=True,
    ):
        column.metric(label, f"{value:,}")


def show_conv_layers(blocks: Collection[int]) -> None:
    """Show the conv layers of these blocks, and what their kernel shape means."""
    st.subheader("The 16 conv layers")
    st.markdown(
        "A kernel's shape **(3, 3, in, out)** reads: 3 × 3 positions, over *in* channels of the "
        "layer's input, and *out* such filters, each of which makes one feature map. The first "
        "layer has 3 channels because a picture has three colors. The **receptive field** is the "
        "square of the picture, in pixels, that one value of the output depends on."
    )
    header = ["Number", "Index", "Name", "Kernel", "Output", "Receptive field", "Parameters"]
    rows = [conv_row(layer) for layer in VGG19.conv_layers if layer.block in blocks]
    if rows:
        st.markdown(table(header, rows, align="rrlllrr"))
    else:
        st.info("Choose at least one block in the sidebar.", icon=":material/arrow_back:")


def show_all_layers() -> None:
    """Show the table of all layers, as the model's summary has it."""
    st.subheader(f"All {len(VGG19.layers)} layers")
    header = ["Index", "Name", "Kind", "Output", "Parameters"]
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
    rows.append(["", "**in all**", "", "", f"**{VGG19.parameters:,}**"])
    st.markdown(table(header, rows, align="rlllr"))


def conv_row(layer: Layer) -> list[str]:
    """A conv layer's row in the table."""
    return [
        str(layer.conv_number),
        str(layer.index),
        f"`{layer.name}`",
        str(layer.kernel_shape),
        format_shape(layer.output_shape),
        f"{layer.receptive_field} × {layer.receptive_field}",
        f"{layer.parameters:,}",
    ]


def table(header: list[str], rows: list[list[str]], align: str) -> str:
    """A Markdown table; ``align`` has a letter a column, ``l`` or ``r``."""
    rule = [{"l": ":--", "r": "--:"}[letter] for letter in align]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in [header, rule, *rows])
