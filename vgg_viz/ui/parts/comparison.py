"""The same maps of two pictures, of two networks, or of a picture prepared in two ways."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import get_args

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from vgg_viz.export.appearance import COLOR_MAPS
from vgg_viz.image_io.picture import Picture
from vgg_viz.links import Comparison
from vgg_viz.model.network import Network
from vgg_viz.model.networks import NETWORKS, NetworkChoice
from vgg_viz.ui import state
from vgg_viz.ui.parts import decomposition_section, inspector, pairs
from vgg_viz.ui.parts.layer_maps import LayerMaps
from vgg_viz.ui.parts.pairs import MINUS, Pair, Sides
from vgg_viz.ui.state import mode, selection
from vgg_viz.ui.widgets import controls, export_menu, grid, picture_chooser, text_blocks
from vgg_viz.ui.widgets.chosen_network import load_network
from vgg_viz.ui.widgets.controls import DIVERGING, Appearance

INSPECTORS = ("inspector-0", "inspector-1")
NAMES = ("this", "other")  # of the arrays in an export

LESSON = (
    "**The field's commonest mistake.** VGG19 learned from pictures with **blue first** and the "
    "**mean color taken off**, values from −124 to 151. Many other networks want red first and "
    "values from 0 to 1. Fed with those, VGG19 raises no error; it only sees next to no picture, "
    "in wrong colors. On one scale next to nothing is left of the maps; on each tile's own scale "
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
    shown_as, scale = pairs.choose()
    color_map = DIVERGING if shown_as == "difference" else controls.color_map()
    return replace(compared, shown_as=shown_as, appearance=Appearance(scale, color_map))


def choose_what(chosen: Picture) -> Compared | None:
    """Show the choice of what to compare the chosen picture with, side by side; None: nothing."""
    kind = controls.comparison()
    if kind == "none":
        return None
    other = picture_chooser.choose_other(chosen) if kind == "picture" else None
    return Compared(kind, other, "side", grid.OWN_SCALE)


def show(
    maps: LayerMaps, compared: Compared, count: int, order: str, notice: DeltaGenerator
) -> None:
    """Show the same maps twice: these, and those that they are compared with."""
    text_blocks.prose(WORDS[compared.kind])
    sides = maps, other_side(maps, compared, notice)
    tell_if_same(sides, compared)
    pair = paired(sides, count, order)
    pairs.show(
        pair.grids(compared.shown_as, compared.appearance),
        maps.results,
        partial(inspector.pick_map, layer=maps.layer),
        "compared",
    )
    exported = maps.for_export(), sides[1].for_export()
    export_menu.offer(
        "comparison",
        f"Feature maps of {maps.layer.name} compared",
        lambda: paired(exported, count, order).grids(compared.shown_as, compared.appearance),
        lambda: paired(exported, count, order).script_runs(),
    )
    if not mode.in_lecture() or selection.current():
        inspect(sides, compared.appearance, pair.numbers)


def tell_if_same(sides: Sides, compared: Compared) -> None:
    """Say so where something is compared with itself."""
    if sides[0].key == sides[1].key:
        tell_same(compared.kind)


def tell_same(kind: Comparison) -> None:
    """Say that something is compared with itself, and what to do."""
    st.info("Both are the same here: " + SAME[kind], icon=":material/equal:")


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


def paired(sides: Sides, count: int, order: str) -> Pair:
    """The same maps of both, in the first one's order."""
    this, other = headings(sides)
    titles = (this, other, f"Difference: {other} minus {this}")
    captions = (
        sides[0].caption(count, order),
        sides[1].caption(count, order),
        difference_words(sides, count),
    )
    return Pair(sides, sides[0].numbers(order, count), titles, captions, NAMES)


def difference_words(sides: Sides, count: int) -> str:
    """What a reader must know of a difference."""
    maps, other = sides
    networks = ", ".join(dict.fromkeys(side.network.label for side in sides))
    return text_blocks.caption(
        f"{maps.layer.title} · {other.subject} minus {maps.subject} · {count} of "
        f"{maps.layer.filters} maps shown · after ReLU · {MINUS}",
        f"{networks} · {count} of {maps.layer.filters} maps · {MINUS}",
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
    known = NETWORKS.get(network.label)  # type: ignore[call-overload]
    return known.label if known else network.label


def inspect(sides: Sides, appearance: Appearance, shown: Sequence[int]) -> None:
    """Look into the chosen map of both sides, and take a value of one of them apart."""
    plain = Appearance("layer" if appearance.scale == "layer" else "own", "gray")
    if appearance.color_map in COLOR_MAPS:
        plain = replace(plain, color_map=appearance.color_map)
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


def take_apart(values: Sequence[decomposition_section.Value | None], names: Sequence[str]) -> None:
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
        decomposition_section.show(value)
