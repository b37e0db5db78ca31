"""Conclusion view: the feature hierarchy, in the maps of three blocks and in numbers per layer."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from vgg_viz.model.architecture import VGG19
from vgg_viz.model.weights import IMAGENET_LABEL, UntrainedWeights
from vgg_viz.ui.parts import charts
from vgg_viz.ui.parts.layer_maps import LayerMaps
from vgg_viz.ui.state import mode, selection, shared_instance
from vgg_viz.ui.widgets import controls, grid, picture_chooser, text_blocks
from vgg_viz.ui.widgets.chosen_network import load_network
from vgg_viz.views import VIEWS

(PAPER,) = VIEWS["conclusion"].papers
MAPS_SHOWN = 12
COLUMNS = 3
WIDTH = 348  # CSS pixels: three columns of 112, a whole fraction or multiple of every map's size


# For each of three blocks, title and text for a trained, then for an untrained network.
LESSONS = {
    1: (
        (
            "Early layers: edges and colors",
            "After two convolutions, the maps still have the image's full size. Each responds to a "
            "simple local feature: an edge of one orientation, light against dark, one color "
            "against another. Such features are useful for any image.",
        ),
        (
            "Early layers: edges by chance",
            "After two convolutions, the maps still have the image's full size. Random filters "
            "also blur the image or bring out edges. At this depth, training makes little visible "
            "difference.",
        ),
    ),
    3: (
        (
            "Middle layers: textures, parts",
            "A value now depends on 48 × 48 pixels. The outline is still visible, but the maps "
            "respond to combinations: fur, stripes, grids, corners, rounded edges. Many maps are "
            "dark, because this image lacks the features that they respond to.",
        ),
        (
            "Middle layers: random mixtures",
            "A value now depends on 48 × 48 pixels. Without training, the maps look alike: random "
            "mixtures of the previous maps. No filter has learned to detect a part.",
        ),
    ),
    5: (
        (
            "Late layers: abstract features",
            "Only 14 × 14 positions remain, each with a receptive field of 252 × 252 pixels. Few "
            "positions respond, and the maps no longer resemble the image: they show *that* a "
            "feature is present rather than what it looks like. People can hardly read them, but "
            "the dense layers classify the image from these maps alone.",
        ),
        (
            "Late layers: coarse and random",
            "Only 14 × 14 positions remain. The maps are as coarse as in a trained network, but "
            "nothing was learned: they are random functions of the image.",
        ),
    ),
}


def show(notice: DeltaGenerator) -> None:
    """Show the view's controls, the three lessons, the numbers per layer, and a summary."""
    with st.sidebar:
        chosen = picture_chooser.current()
        choice = controls.network()
    text_blocks.prose(
        "A trained convolutional network computes a **feature hierarchy**: edges and colors first, "
        "then textures, parts and objects "
        f"({PAPER}). **Click a map** to inspect it.",
        "## What early and late layers show",
    )
    results, network = shared_instance.results(notice), load_network(choice, st.container())
    if network.label not in (IMAGENET_LABEL, UntrainedWeights.label):
        text_blocks.note(
            "This text describes the ImageNet network; you see "
            f"{text_blocks.escape(network.label)}."
        )
    # One pass for all layers, which caches the input of every block.
    results.overview(network, chosen)
    show_lessons([LayerMaps(results, network, chosen, end) for end in VGG19.block_ends])
    text_blocks.prose(
        "From layer to layer, the receptive field grows and the maps resemble the image less. The "
        "charts are measured on the image that you chose.",
        "### In numbers, for this image",
    )
    charts.show_profiles(LayerMaps(results, network, chosen, VGG19.conv_layers[-1]))
    st.subheader("In short")
    st.markdown(
        "From input to output, the network trades *where* and *what it looks like* for *what it "
        "is*. Maps become smaller and more numerous, responses rarer and more specific."
        if network.label != UntrainedWeights.label
        else "Depth alone makes maps small and coarse; only **training** makes them meaningful. "
        "Choose ImageNet as the network to compare."
    )


def show_lessons(ends: Sequence[LayerMaps]) -> None:
    """Show the three lessons side by side."""
    for column, block in zip(st.columns(len(LESSONS)), LESSONS, strict=True):
        with column:
            show_lesson(ends[block - 1], block)


def show_lesson(maps: LayerMaps, block: int) -> None:
    """Show the maps of a lesson's block that have the highest mean, and below them its text."""
    layer, name = maps.layer, f"lesson-{block}"
    title, text = LESSONS[block][maps.network.label == UntrainedWeights.label]
    st.subheader(title)
    placement = grid.Placement(
        name, partial(selection.open_map, layer), width=WIDTH, largest_tile=112, follows=False
    )
    with maps.results.holding():
        tiles = maps.grid(sorted(maps.statistics().numbers("mean", MAPS_SHOWN)))
        caption = f"{layer.name} · {maps.short_caption(MAPS_SHOWN)} with the highest mean"
        # A lecture and a tour choose the columns that fit the screen.
        columns = 0 if mode.is_explained() else COLUMNS
        grid.show(maps.results, replace(tiles, caption=caption, columns=columns), placement)
    text_blocks.prose(text)
