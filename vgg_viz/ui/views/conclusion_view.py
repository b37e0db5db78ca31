"""Conclusion view: the feature hierarchy in the maps of three blocks, and one experiment."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from vgg_viz.interpretability.experiments.changes import ChosenChange
from vgg_viz.interpretability.experiments.map_distance import MapDistance
from vgg_viz.model.architecture import VGG19
from vgg_viz.model.weights import IMAGENET_LABEL, UntrainedWeights
from vgg_viz.ui import state
from vgg_viz.ui.parts import charts, map_distances
from vgg_viz.ui.parts.layer_maps import LayerMaps
from vgg_viz.ui.state import mode, selection, shared_instance
from vgg_viz.ui.widgets import (
    components,
    controls,
    grid,
    image_change,
    picture_chooser,
    text_blocks,
)
from vgg_viz.ui.widgets.chosen_network import load_network
from vgg_viz.views import VIEWS

(PAPER,) = VIEWS["conclusion"].papers
MAPS_SHOWN = 6
COLUMNS = 3
POLLING_SECONDS = 0.5  # until the page asks for the charts again
WIDTH = 348  # CSS pixels: three columns of 112, a whole fraction or multiple of every map's size
# The experiment, if the viewer has chosen no change: half a position of the last layer.
SHIFT = ChosenChange("shift_x", 8)

# For each of three blocks, title and text for a trained, then for an untrained network.
LESSONS = {
    1: (
        (
            "Early layers: edges and colors",
            "Each map responds to a simple local feature: an edge of one orientation, light "
            "against dark, one color against another. Such features are useful for any image.",
        ),
        (
            "Early layers: edges by chance",
            "Random filters also blur the image or bring out edges. At this depth, training makes "
            "little visible difference.",
        ),
    ),
    3: (
        (
            "Middle layers: textures, parts",
            "The outline is still visible, but the maps respond to combinations: fur, stripes, "
            "grids, corners, rounded edges. A dark map responds to something that the image lacks.",
        ),
        (
            "Middle layers: random mixtures",
            "Without training, the maps look alike: random mixtures of the previous maps. No "
            "filter has learned to detect a part.",
        ),
    ),
    5: (
        (
            "Late layers: abstract features",
            "The maps no longer resemble the image: they show *that* a feature is present, not "
            "what it looks like. The dense layers classify the image from these maps alone.",
        ),
        (
            "Late layers: coarse and random",
            "The maps are as coarse as in a trained network, but nothing was learned: they are "
            "random functions of the image.",
        ),
    ),
}


def show(notice: DeltaGenerator) -> None:
    """Show the view's controls, the three lessons, charts of all layers, and a summary."""
    with st.sidebar:
        chosen = picture_chooser.current()
        choice = controls.network()
    text_blocks.prose(
        "The **feature hierarchy** of a trained network: edges and colors, then textures, parts "
        f"and objects ({PAPER}). **Click a map** to inspect it.",
        "## What early and late layers show",
    )
    results, network = shared_instance.results(notice), load_network(choice, st.container())
    if network.label not in (IMAGENET_LABEL, UntrainedWeights.label):
        text_blocks.note(
            "This text describes the ImageNet network; you see "
            f"{text_blocks.escape(network.label)}."
        )
    for column, block in zip(st.columns(len(LESSONS)), LESSONS, strict=True):
        with column:
            show_lesson(LayerMaps(results, network, chosen, VGG19.block_ends[block - 1]), block)
    st.fragment(show_measured)(LayerMaps(results, network, chosen, VGG19.conv_layers[-1]))
    is_trained_here = shared_instance.trained_name() != UntrainedWeights.label
    st.markdown(
        "**In short.** The network trades *where* and *what it looks like* for *what it is*: maps "
        "become smaller, more numerous and more specific."
        if network.label != UntrainedWeights.label
        else "**In short.** Depth alone makes maps small and coarse; only **training** makes them "
        "meaningful." + " Choose ImageNet as the network to compare." * is_trained_here
    )


def show_measured(maps: LayerMaps) -> None:
    """Show charts of all layers and one experiment, as soon as they are computed (fragment).

    They take three forward passes, for which neither the viewer nor others should wait.
    """
    if state.has_changed():
        st.rerun()  # a click in this fragment opens another view
    overview = maps.results.overview_soon(maps.network, maps.picture)
    profiles = overview.profiles if overview else None
    change, pair = experiment(maps)
    found = map_distances.distances_soon(*pair)
    with st.container(horizontal=True, key="links-experiment"):
        st.markdown("### All 16 layers, and one experiment", width="content")
        if not mode.is_explained():
            label = "Open this experiment"
            st.button(label, type="tertiary", on_click=open_experiment, args=(change,))
    *places, right = st.columns(len(charts.PLOTS) + 1)
    charts.show_profiles(profiles, places)
    with right:
        st.markdown(f"**Distance**, image {change.phrase}")
        show_distances(found)
    st.caption(charts.profiles_caption(maps, profiles))
    if overview is None or found is None:
        data = components.pack({"seconds": POLLING_SECONDS})
        components.mount("pulse", "conclusion-pulse", data, components.rerun)


def experiment(maps: LayerMaps) -> tuple[ChosenChange, tuple[LayerMaps, LayerMaps]]:
    """Return a change of the image, and the maps of the changed and the unchanged image.

    The change is the viewer's, or else `SHIFT`.
    """
    change, unchanged = image_change.chosen(), picture_chooser.unchanged_of(maps.picture)
    if maps.picture.digest == unchanged.digest:
        change = SHIFT
        key = ("shifted", unchanged.digest)  # cached, since it is decoded and encoded
        shifted = maps.results.cached(key, lambda: image_change.apply(unchanged, SHIFT))
        maps = replace(maps, picture=shifted)
    return change, (maps, replace(maps, picture=unchanged))


def show_distances(found: Sequence[MapDistance] | None) -> None:
    """Show a chart of how far each layer's maps move if the image changes; None if not computed."""
    plot = map_distances.plot(found, ".2f") if found else None
    if found is None or plot:
        charts.show_low(plot)


def open_experiment(change: ChosenChange) -> None:
    """Open the distance by layer for a change of the image (widget callback)."""
    place = {"view": "maps", "tab": "experiments", "experiment": "distance", "compare": "none"}
    state.change({**place, "change": change.name, "amount": change.amount})


def show_lesson(maps: LayerMaps, block: int) -> None:
    """Show the maps of a lesson's block that have the highest mean, and below them its text."""
    layer, name = maps.layer, f"lesson-{block}"
    title, text = LESSONS[block][maps.network.label == UntrainedWeights.label]
    st.subheader(title)
    on_pick = partial(selection.open_map, layer)
    placement = grid.Placement(name, on_pick, width=WIDTH, largest_tile=112)
    with maps.results.holding():
        tiles = maps.grid(sorted(maps.statistics().numbers("mean", MAPS_SHOWN)))
        tiles = replace(tiles, scale_words="each on its own scale")
        caption = f"{layer.name} · {maps.short_caption(MAPS_SHOWN)}, highest mean"
        # A lecture and a tour choose the columns that fit the screen.
        columns = 0 if mode.is_explained() else COLUMNS
        grid.show(maps.results, replace(tiles, caption=caption, columns=columns), placement)
    text_blocks.prose(f"{numbers(maps)}\n\n{text}")


def numbers(maps: LayerMaps) -> str:
    """Describe a layer and its maps in numbers."""
    layer, measured = maps.layer, maps.statistics()
    side, field = layer.output_shape[0], layer.receptive_field
    return (
        f"**{side} × {side}** positions · receptive field **{field} × {field}** · "
        f"**{1 - measured.active.mean():.0%}** of values zero · **{measured.inactive}** of "
        f"{layer.filters} maps inactive"
    )
