"""Two grids of the same maps, side by side on one scale, or their difference."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import get_args

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from vgg_viz.links import (
    COLOUR_MAPS,
    NETWORKS,
    PAIR_SCALES,
    SHOWN_AS,
    Comparison,
    NetworkChoice,
    Order,
    PairScale,
)
from vgg_viz.network import Network
from vgg_viz.picture import Picture
from vgg_viz.reproduction import MapsRun
from vgg_viz.serving.results import Span
from vgg_viz.ui import state
from vgg_viz.ui.parts import arithmetic, inspector
from vgg_viz.ui.parts.layer_maps import LayerMaps
from vgg_viz.ui.state import mode, selection
from vgg_viz.ui.widgets import controls, export_menu, grid, picture_chooser, words
from vgg_viz.ui.widgets.chosen_network import load_network
from vgg_viz.ui.widgets.controls import DIVERGING, Appearance
from vgg_viz.ui.widgets.grid import Grid

Sides = tuple[LayerMaps, LayerMaps]

WIDTH = 560  # CSS pixels: half of the page
INSPECTORS = ("inspector-0", "inspector-1")
NAMES = ("this", "other")  # of the arrays in an export

LESSON = (
    "**The field's commonest mistake.** VGG19 learned from pictures with **blue first** and the "
    "**mean colour taken off**, values from −124 to 151. Many other networks want red first and "
    "values from 0 to 1. Fed with those, VGG19 raises no error; it only sees next to no picture, "
    "in wrong colours. On one scale next to nothing is left of the maps; on each tile's own scale "
    "it shows that what is left has changed as well."
)
# Where a thing is compared with itself.
SAME = {
    "picture": "choose another picture in the sidebar.",
    "network": "without weights there is only the untrained network.",
}
WORDS = {
    "picture": "The same maps of **two pictures**.",
    "network": "The same maps of the same picture in **two networks**: one as it was trained, and "
    "one with random numbers for filters. Their values differ in size, too: choose *Each tile* as "
    "the scale to see what the smaller ones look like.",
    "preprocessing": LESSON,
}


@dataclass(frozen=True)
class Compared:
    """What maps are compared with, and how that is shown; ``picture`` where it is another's."""

    kind: Comparison
    picture: Picture | None
    shown_as: str
    appearance: Appearance


def choose(chosen: Picture) -> Compared | None:
    """Show the choice of what to compare maps of the chosen picture with; None for nothing."""
    compared = choose_what(chosen)
    if compared is None:
        return None
    shown_as = controls.one_of("Shown as", "shown_as", SHOWN_AS)
    scale = choose_scale(shown_as)
    colour_map = DIVERGING if shown_as == "difference" else controls.colour_map()
    return replace(compared, shown_as=shown_as, appearance=Appearance(scale, colour_map))


def choose_what(chosen: Picture) -> Compared | None:
    """Show the choice of what to compare the chosen picture with, side by side; None: nothing."""
    kind = controls.comparison()
    if kind == "none":
        return None
    other = picture_chooser.choose_other(chosen) if kind == "picture" else None
    return Compared(kind, other, "side", grid.OWN_SCALE)


def choose_scale(shown_as: str) -> PairScale:
    """Choose the scale; a difference is one tile a pair, so that it has no third."""
    scales = PAIR_SCALES
    if shown_as == "difference":
        scales = {scale: label for scale, label in scales.items() if scale != "own"}
        help_text = (
            "**Each pair**: every difference on its own scale · **Layer**: one scale for all"
        )
    else:
        help_text = (
            "**Each pair**: the two tiles of a number on one scale · **Layer**: one "
            "scale for both grids · **Each tile**: each on its own, to compare patterns only"
        )
    return controls.one_of("Scale", "pair_scale", scales, help_text=help_text)


def show(
    maps: LayerMaps, compared: Compared, count: int, order: Order, notice: DeltaGenerator
) -> None:
    """Show the same maps twice: these, and those that they are compared with."""
    words.prose(WORDS[compared.kind])
    sides = maps, other_side(maps, compared, notice)
    tell_if_same(sides, compared)
    make = differences if compared.shown_as == "difference" else pairs
    place(sides, make(sides, count, order, compared.appearance))
    exported = maps.for_export(), sides[1].for_export()
    export_menu.offer(
        "comparison",
        f"Feature maps of {maps.layer.name} compared",
        partial(make, exported, count, order, compared.appearance),
        partial(script_runs, exported, count, order),
    )
    if not mode.in_lecture() or selection.current():
        inspect(sides, compared.appearance, maps.numbers(order, count))


def tell_if_same(sides: Sides, compared: Compared) -> None:
    """Say so where something is compared with itself."""
    if sides[0].key == sides[1].key:
        tell_same(compared.kind)


def tell_same(kind: Comparison) -> None:
    """Say that something is compared with itself, and what to do."""
    st.info("Both are the same here: " + SAME[kind], icon=":material/equal:")


def script_runs(sides: Sides, count: int, order: Order) -> list[MapsRun]:
    """How a script of one's own makes both sides: the same maps, in the first one's order."""
    numbers = sides[0].numbers(order, count)
    return [side.script_run(name, numbers) for name, side in zip(NAMES, sides, strict=True)]


def other_side(maps: LayerMaps, compared: Compared, notice: DeltaGenerator) -> LayerMaps:
    """The maps to compare with."""
    if compared.picture:
        return replace(maps, picture=compared.picture)
    if compared.kind == "preprocessing":
        return replace(maps, preprocessing="rgb")
    return replace(maps, network=load_other_network(notice))


def load_other_network(notice: DeltaGenerator) -> Network:
    """The network that is not chosen."""
    choices: tuple[NetworkChoice, ...] = get_args(NetworkChoice)
    (choice,) = (choice for choice in choices if choice != state.value("network"))
    return load_network(choice, notice)


def pairs(sides: Sides, count: int, order: Order, appearance: Appearance) -> list[Grid]:
    """Both grids, the same maps in the same places."""
    numbers = sides[0].numbers(order, count)
    grids = [side.grid(numbers, appearance) for side in sides]
    span = Span(min(one.span.low for one in grids), max(one.span.high for one in grids))
    measured = [side.statistics() for side in sides]
    shown = np.array(numbers) - 1
    pair = (
        np.minimum(*(statistics.minimum[shown] for statistics in measured)),
        np.maximum(*(statistics.maximum[shown] for statistics in measured)),
    )
    return [
        replace(
            one,
            name=name,
            span=span,
            pair=pair,
            key=(name, *(one.key for one in grids)),
            caption=side.caption(count, order),
            heading=heading,
        )
        for one, name, side, heading in zip(grids, NAMES, sides, headings(sides), strict=True)
    ]


def differences(sides: Sides, count: int, order: Order, appearance: Appearance) -> list[Grid]:
    """The other maps minus these, on scales that are symmetric about zero."""
    maps, other = sides
    numbers = maps.numbers(order, count)
    these, others = maps.grid(numbers), other.grid(numbers)

    def minus() -> np.ndarray:
        apart: np.ndarray = others.values - these.values
        return apart

    key = ("difference", these.key, others.key)
    largest = maps.results.kept(("largest", key), lambda: np.abs(minus()).max(axis=(1, 2)))
    most = float(largest.max())
    scale: PairScale = "layer" if appearance.scale == "layer" else "pair"
    difference = replace(
        these,
        source=minus,
        span=Span(-most, most),
        pair=(-largest, largest),
        key=key,
        appearance=Appearance(scale, DIVERGING),
        caption=difference_words(sides, count),
        name="difference",
        heading="Difference: {1} minus {0}".format(*headings(sides)),
        rectified=False,
    )
    return [difference]


def difference_words(sides: Sides, count: int) -> str:
    """What a reader must know of a difference."""
    maps, other = sides
    networks = ", ".join(dict.fromkeys(side.network.label for side in sides))
    return words.caption(
        f"{maps.layer.title} · {other.subject} minus {maps.subject} · {count} of "
        f"{maps.layer.filters} maps shown · after ReLU · blue: less, red: more",
        f"{networks} · {count} of {maps.layer.filters} maps · blue: less, red: more",
    )


def headings(sides: Sides) -> tuple[str, str]:
    """What the two sides are called: by what tells them apart."""
    maps, other = sides
    if maps.picture is not other.picture:
        return maps.picture.title, other.picture.title
    if maps.preprocessing != other.preprocessing:
        return "Right: BGR − mean", "Wrong: RGB / 255"
    # By what each of them is: without weights, both are untrained.
    return network_name(maps.network), network_name(other.network)


def network_name(network: Network) -> str:
    """What a network is called above what it shows."""
    name: str = NETWORKS.get(network.label, network.label)  # type: ignore[call-overload]
    return name


def place(sides: Sides, grids: Sequence[Grid]) -> None:
    """Show these grids beside each other."""
    columns = st.columns(len(grids), gap="medium")
    for column, one in zip(columns, grids, strict=True):
        name = f"compared-{one.name}"
        with column:
            st.subheader(one.heading)
            where = grid.Place(name, inspector.pick_map(name, sides[0].layer), width=WIDTH)
            grid.show(sides[0].results, one, where)


def inspect(sides: Sides, appearance: Appearance, shown: Sequence[int]) -> None:
    """Look into the chosen map of both sides, and take a value of one of them apart."""
    plain = Appearance("layer" if appearance.scale == "layer" else "own", "gray")
    if appearance.colour_map in COLOUR_MAPS:
        plain = replace(plain, colour_map=appearance.colour_map)
    above = st.container()
    chosen = inspector.choose(sides[0].layer)
    with above:
        columns = st.columns(2, gap="medium")
    values = []
    for column, name, heading, side in zip(
        columns, INSPECTORS, headings(sides), sides, strict=True
    ):
        with column, side.results.holding():
            st.markdown(f"**{heading}**")
            values.append(inspector.look_into(side, chosen, plain, name, shown))
    if mode.in_lecture() or chosen is None:
        return
    inspector.offer_filter(sides[0], chosen.channel)
    if chosen.position:
        take_apart(values, headings(sides))


def take_apart(values: Sequence[arithmetic.Value | None], names: Sequence[str]) -> None:
    """Show what one of two values was made of: of the one that was clicked, or is chosen here."""
    if st.session_state.get(inspector.CLICKED) not in INSPECTORS:
        st.session_state[inspector.CLICKED] = INSPECTORS[0]
    clicked = st.segmented_control(
        "The arithmetic of",
        INSPECTORS,
        format_func=dict(zip(INSPECTORS, names, strict=True)).__getitem__,
        required=True,
        key=inspector.CLICKED,
    )
    value = values[INSPECTORS.index(clicked)]
    if value:
        arithmetic.show(value)
