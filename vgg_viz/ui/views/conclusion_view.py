"""Conclusion: what early and late layers show, each sentence beside the picture that shows it."""

from dataclasses import dataclass, replace

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from vgg_viz.model.architecture import VGG19
from vgg_viz.model.weights import IMAGENET_LABEL, UntrainedWeights
from vgg_viz.ui.parts import charts
from vgg_viz.ui.parts.layer_maps import LayerMaps
from vgg_viz.ui.state import mode, selection
from vgg_viz.ui.state.shared_instance import results
from vgg_viz.ui.widgets import controls, grid, picture_chooser, text_blocks
from vgg_viz.ui.widgets.chosen_network import load_network

SHOWN = 12
WIDTH = 464  # pixels: four columns of 112, a whole fraction or multiple of every map's size


@dataclass(frozen=True)
class Said:
    """What is said of one block's maps."""

    title: str
    words: str


@dataclass(frozen=True)
class Lesson:
    """What one block teaches, with a trained network and with an untrained one."""

    block: int
    trained: Said
    untrained: Said


LESSONS = (
    Lesson(
        1,
        Said(
            "Early layers see edges and colors",
            "After two convolutions the picture is still there, at full size. Each map has picked "
            "out one simple thing: an edge that runs one way, light against dark, one color "
            "against another. Such features are useful for any picture at all.",
        ),
        Said(
            "Early layers: edges by chance",
            "After two convolutions the picture is still there, at full size. Random filters, "
            "too, blur it or bring out edges: at this depth training has not made much of a "
            "difference yet.",
        ),
    ),
    Lesson(
        3,
        Said(
            "Middle layers see textures and small parts",
            "A value now depends on 48 × 48 pixels. The outline can still be made out, but the "
            "maps answer to combinations: fur, stripes, grids, corners, a rounded edge. Many stay "
            "dark, since what they look for is not in this picture.",
        ),
        Said(
            "Middle layers: mixtures of everything",
            "A value now depends on 48 × 48 pixels. Without training the maps look alike: "
            "mixtures of everything before them, none of which has come to stand for anything.",
        ),
    ),
    Lesson(
        5,
        Said(
            "Late layers see meaning, not appearance",
            "What is left are 14 × 14 positions, each of which has seen nearly the whole picture. "
            "Few places light up, and they no longer look like anything: the maps say *that* "
            "something is there rather than what it looks like. People can hardly read them, but "
            "it is from these that the last layers name the picture.",
        ),
        Said(
            "Late layers: coarse, and without meaning",
            "What is left are 14 × 14 positions. They are as coarse as in a trained network, but "
            "here nothing was learned: this is noise that the picture has shaped, and no class "
            "could be read from it.",
        ),
    ),
)


def show(notice: DeltaGenerator) -> None:
    """Show the controls, then one lesson after the other."""
    with st.sidebar:
        chosen = picture_chooser.choose()
        choice = controls.network()
    st.header("What early and late layers show")
    found, network = results(), load_network(choice, notice)
    if network.label not in (IMAGENET_LABEL, UntrainedWeights.label):
        text_blocks.note(
            "What is said here was seen in ImageNet’s network; of the one that is shown, "
            f"{text_blocks.escape(network.label)}, it may not be true."
        )
    # First, since it makes what every block works on.
    found.overview(network, chosen)
    # Without their words, all on one screen.
    places = st.columns(len(LESSONS)) if mode.is_explained() else [st.container() for _ in LESSONS]
    for place, lesson in zip(places, LESSONS, strict=True):
        with place:
            end = VGG19.block_ends[lesson.block - 1]
            show_lesson(LayerMaps(found, network, chosen, end), lesson)
    st.subheader("The same in numbers, for this picture")
    text_blocks.prose(
        "From layer to layer a value sees more of the picture, while the maps look less and less "
        "like it. The bars are measured on the picture that you chose."
    )
    charts.show_profiles(LayerMaps(found, network, chosen, VGG19.conv_layers[-1]))
    st.subheader("In one sentence")
    st.markdown(
        "From left to right the network trades *where* and *what it looks like* for *what it is*: "
        "maps get smaller and more numerous, answers rarer and more particular."
        if network.label != UntrainedWeights.label
        else "Depth alone makes maps small and coarse; it takes **training** to make them mean "
        "something. Switch the network to ImageNet to compare."
    )


def show_lesson(maps: LayerMaps, lesson: Lesson) -> None:
    """Show a lesson's words beside the maps of its block that answer most to the picture."""
    layer = maps.layer
    told = lesson.untrained if maps.network.label == UntrainedWeights.label else lesson.trained
    if mode.is_explained():
        left = right = st.container()
        caption = f"{layer.name} · {maps.short_caption(SHOWN)}"
    else:
        left, right = st.columns([2, 3], gap="large")
        caption = (
            f"{layer.title} · {maps.subject} · the {SHOWN} maps with the highest mean, of "
            f"{layer.filters} · after ReLU"
        )
    with left:
        st.subheader(told.title)
        text_blocks.prose(told.words)
    name = f"lesson-{lesson.block}"
    place = grid.Placement(
        name, selection.open_map(name, layer), width=WIDTH, largest_tile=112, follows=False
    )
    with right, maps.results.holding():
        tiles = maps.grid(sorted(maps.numbers("mean", SHOWN)))
        grid.show(maps.results, replace(tiles, caption=caption), place)
