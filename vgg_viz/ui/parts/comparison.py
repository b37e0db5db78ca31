"""Comparison of a layer's feature maps between two images, two networks or two preprocessings."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from vgg_viz.export.appearance import COLOR_MAPS
from vgg_viz.fields import FIRST, HALVES
from vgg_viz.image_io.input_image import InputImage
from vgg_viz.interpretability.map_orders import DIFFERENCE
from vgg_viz.interpretability.map_statistics import mean_differences
from vgg_viz.model.network import Network
from vgg_viz.model.preprocessing import PREPROCESSINGS, Preprocessing
from vgg_viz.ui import state
from vgg_viz.ui.parts import inspector, map_tabs, pairs
from vgg_viz.ui.parts.layer_maps import LayerMaps
from vgg_viz.ui.parts.pairs import DIFFERENCE_LEGEND, NAMES, Pair, Sides
from vgg_viz.ui.state import mode, selection
from vgg_viz.ui.widgets import controls, export_menu, picture_chooser, text_blocks
from vgg_viz.ui.widgets.chosen_network import load_network
from vgg_viz.ui.widgets.controls import Appearance
from vgg_viz.views import UNCHANGED, Comparison

INSPECTORS = ("inspector-0", "inspector-1")
# Halves by their grids; a click on the difference stays with the half chosen before.
HALF_OF = dict(zip((f"compared-{name}" for name in NAMES), HALVES, strict=True))

LESSON = (
    "**A common mistake.** VGG19 expects **BGR** channels minus the **mean color**: values from "
    "−124 to 151. Many other networks expect RGB values from 0 to 1. Given those, VGG19 raises no "
    "error, but it sees an almost blank image with red and blue swapped. On a common scale, its "
    "maps are almost dark. With *Each tile* as the scale, you see that their patterns change too."
)
INTRODUCTIONS = {
    UNCHANGED: "The same feature maps of the **changed** and of the **unchanged** image.",
    "picture": "The same feature maps of **two images**.",
    "network": "The same feature maps in **two networks**. If their values also differ in "
    "magnitude, choose *Each tile* as the scale to compare patterns only. The filters of an "
    "untrained network are random.",
    "preprocessing": LESSON,
}


class ComparisonSpec(NamedTuple):
    """A comparison: how its second side differs."""

    kind: Comparison  # property in which the two sides differ: image, network or preprocessing
    picture: InputImage | None  # second image, if the sides differ in the image


def choose(chosen: InputImage) -> ComparisonSpec | None:
    """Show the controls of a comparison of feature maps; return it, or None."""
    compared = choose_other(chosen)
    if compared:
        pairs.choose()
        if state.value("shown_as") != "difference":
            controls.color_map()
    return compared


def choose_other(chosen: InputImage) -> ComparisonSpec | None:
    """Show the choice of what to compare the page's maps with; return it, or None."""
    kind = controls.comparison()
    if kind == "none":
        return None
    other = None
    if kind == "picture":
        other = picture_chooser.choose_other(chosen)
    elif kind == UNCHANGED:
        other = picture_chooser.unchanged()
    return ComparisonSpec(kind, other)


def show(
    maps: LayerMaps, compared: ComparisonSpec, count: int, order: str, notice: DeltaGenerator
) -> None:
    """Show the feature maps of a comparison's sides, their export menu and their inspectors."""
    text_blocks.prose(INTRODUCTIONS[compared.kind])
    sides = maps, other_side(maps, compared, notice)
    if sides[0].key == sides[1].key:
        pairs.note_identical(compared.kind)
    pair, form = make_pair(sides, count, order), pairs.chosen_form()
    pairs.show(
        pair.grids(*form),
        maps.results,
        lambda name, number: inspector.select_map(number, HALF_OF.get(name, "")),
        "compared",
        follows=True,
    )
    export_menu.offer(
        "comparison",
        f"Feature maps of {maps.layer.name} compared",
        lambda: make_pair(sides, count, order).grids(*form),
        lambda: make_pair(sides, count, order).script_runs(),
    )
    if not mode.in_lecture() or selection.current():
        show_inspectors(sides, form[1], pair.numbers)


def other_side(maps: LayerMaps, compared: ComparisonSpec, notice: DeltaGenerator) -> LayerMaps:
    """Return the feature maps of a comparison's second side."""
    if compared.picture:
        return replace(maps, picture=compared.picture)
    if compared.kind == "preprocessing":
        wrong: Preprocessing = "caffe" if maps.network.preprocessing == "rgb" else "rgb"
        return replace(maps, network=maps.network.preprocessed(wrong, wrongly=True))
    return replace(maps, network=load_other_network(notice))


def load_other_network(notice: DeltaGenerator) -> Network:
    """Load the network to compare the chosen one with."""
    return load_network(str(state.value("other_network")), notice)


def make_pair(sides: Sides, count: int, order: str) -> Pair:
    """Return the maps of both sides of a comparison, selected in the order of the first side."""
    this, other = headings(sides)
    pair_headings = (this, other, f"Difference: {other} minus {this}")
    captions = (
        sides[0].caption(count, order),
        sides[1].caption(count, order),
        difference_caption(sides, count),
    )
    numbers = ordered_numbers(sides, order, count)
    return Pair(sides, numbers, pair_headings, captions, NAMES)


def ordered_numbers(sides: Sides, order: str, count: int) -> list[int]:
    """Return the first maps' numbers in an order: of the first side, or of the difference."""
    this, other = sides
    if order != DIFFERENCE:
        return this.statistics().numbers(order, count)
    differences = this.results.cached(
        ("mean differences", this.key, other.key),
        lambda: mean_differences(this.values(), other.values()),
    )
    return [int(index) + 1 for index in np.argsort(-differences, kind="stable")[:count]]


def difference_caption(sides: Sides, count: int) -> str:
    """Return the caption of the grid that shows the second side's maps minus the first side's."""
    maps, other = sides
    networks = ", ".join(dict.fromkeys(side.network.label for side in sides))
    return text_blocks.caption(
        f"{maps.layer.title} · {other.subject} minus {maps.subject} · {count} of "
        f"{maps.layer.filters} maps shown · after ReLU · {DIFFERENCE_LEGEND}",
        f"{networks} · {count} of {maps.layer.filters} maps · {DIFFERENCE_LEGEND}",
    )


def headings(sides: Sides) -> tuple[str, str]:
    """Return the headings of both sides: the two images, preprocessings or networks."""
    maps, other = sides
    if maps.picture is not other.picture:
        return maps.picture.title, other.picture.title
    if other.network.is_preprocessed_wrongly:
        right, wrong = (PREPROCESSINGS[side.network.preprocessing].label for side in sides)
        return f"Right: {right}", f"Wrong: {wrong}"
    # By their actual networks: without ImageNet's weights, both are untrained.
    return pairs.network_name(maps.network), pairs.network_name(other.network)


def show_inspectors(sides: Sides, appearance: Appearance, shown: Sequence[int]) -> None:
    """Show an inspector for each side, and the tabs for one side."""
    plain = Appearance("layer" if appearance.scale == "layer" else "own", "gray")
    if appearance.color_map in COLOR_MAPS:
        plain = replace(plain, color_map=appearance.color_map)
    chosen = selection.current()
    columns, values = st.columns(2, gap="medium"), []
    for column, name, half, heading, side in zip(
        columns, INSPECTORS, HALVES, headings(sides), sides, strict=True
    ):
        with column, side.results.holding():
            st.markdown(f"**{text_blocks.escape_marks(heading)}**")
            first = half == FIRST
            values.append(
                inspector.show(side, chosen, plain, name, shown, half, offers_filter=first)
            )
    if mode.in_lecture():
        return
    index = choose_side(headings(sides)) if chosen else 0
    map_tabs.show(sides[index], values[index], sides[1 - index])


def choose_side(names: Sequence[str]) -> int:
    """Show buttons that choose the side that the tabs below show; return its index."""
    labels = dict(zip(HALVES, map(text_blocks.escape_marks, names), strict=True))
    st.segmented_control("The tabs below show", required=True, **state.bind_options("half", labels))
    return list(HALVES).index(state.choice("half", HALVES))
