"""Two grids of the same maps, side by side on one scale, or their difference."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import get_args

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from vgg_viz.links import (
    COLOUR_MAPS,
    COMPARISONS,
    NETWORKS,
    PAIR_SCALES,
    SHOWN_AS,
    Comparison,
    NetworkChoice,
    Order,
    PairScale,
)
from vgg_viz.serving.results import Span, Work
from vgg_viz.ui.page import lecture
from vgg_viz.ui.parts import arithmetic as origin
from vgg_viz.ui.parts import inspector
from vgg_viz.ui.parts.layer_maps import Scene
from vgg_viz.ui.widgets import controls, picture
from vgg_viz.ui.widgets import export_menu as exporting
from vgg_viz.ui.widgets import grid as mosaics
from vgg_viz.ui.widgets.controls import DIVERGING, Appearance
from vgg_viz.ui.widgets.picture import Picture

Sides = tuple[Scene, Scene]

WIDTH = 560  # CSS pixels: half of the page
INSPECTORS = ("inspector-0", "inspector-1")

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
    """What a scene is compared with, and how that is shown; ``picture`` where it is another's."""

    kind: Comparison
    picture: Picture | None
    shown_as: str
    appearance: Appearance


def choose(chosen: Picture) -> Compared | None:
    """Show the choice of what to compare the chosen picture with; None for nothing."""
    compared = controls.one_of_many("Compare with", "compare", COMPARISONS)
    if compared == "none":
        return None
    other = picture.choose_other(chosen) if compared == "picture" else None
    shown_as = controls.one_of("Shown as", "shown_as", SHOWN_AS)
    scale = choose_scale(shown_as)
    colour_map = DIVERGING if shown_as == "difference" else controls.colour_map()
    return Compared(compared, other, shown_as, Appearance(scale, colour_map))


def choose_scale(shown_as: str) -> PairScale:
    """Choose the scale; a difference is one tile a pair, so that it has no third."""
    if shown_as == "difference":
        scales = {scale: PAIR_SCALES[scale] for scale in ("pair", "layer")}
        words = "**Each pair**: every difference on its own scale · **Layer**: one scale for all"
    else:
        scales = PAIR_SCALES
        words = (
            "**Each pair**: the two tiles of a number on one scale · **Layer**: one "
            "scale for both grids · **Each tile**: each on its own, to compare patterns only"
        )
    return controls.one_of("Scale", "pair_scale", scales, help_text=words)


def show(
    scene: Scene, compared: Compared, count: int, order: Order, notice: DeltaGenerator
) -> None:
    """Show the same maps of a scene and of another one."""
    lecture.prose(WORDS[compared.kind])
    other = other_scene(scene, compared, notice)
    if other.key == scene.key:
        st.info("Both are the same here: " + SAME[compared.kind], icon=":material/equal:")
    exhibits = differences if compared.shown_as == "difference" else pairs

    def make() -> list[mosaics.Exhibit]:
        return exhibits(scene, other, count, order, compared.appearance)

    place(scene, make())
    numbers = scene.numbers(order, count)
    exporting.offer(
        "comparison",
        f"Feature maps of {scene.layer.name} compared",
        make,
        lambda: [scene.run("this", numbers), other.run("other", numbers)],
    )
    if not lecture.is_on() or inspector.current():
        inspect((scene, other), compared.appearance, scene.numbers(order, count))


def other_scene(scene: Scene, compared: Compared, notice: DeltaGenerator) -> Scene:
    """The scene to compare with."""
    if compared.picture:
        return replace(scene, picture=compared.picture)
    if compared.kind == "preprocessing":
        return replace(scene, preprocessing="rgb")
    choices: tuple[NetworkChoice, ...] = get_args(NetworkChoice)
    (choice,) = (choice for choice in choices if choice != scene.work.choice)
    work = Work(choice, notice, scene.work.slot)
    return replace(scene, work=work, network=work.network())


def pairs(
    scene: Scene, other: Scene, count: int, order: Order, appearance: Appearance
) -> list[mosaics.Exhibit]:
    """Both grids, the same maps in the same places."""
    shown = scene.shown(order, count)
    sides = [scene.tiles(shown), other.tiles(shown)]
    span = Span(min(side.span.low for side in sides), max(side.span.high for side in sides))
    measured = [side.statistics() for side in (scene, other)]
    pair = (
        np.minimum(*(numbers.minimum[shown] for numbers in measured)),
        np.maximum(*(numbers.maximum[shown] for numbers in measured)),
    )
    both = (*scene.key, *other.key, int(count), order)
    return [
        mosaics.Exhibit(
            name,
            replace(tiles, span=span, pair=pair, key=(name, *both)),
            appearance,
            side.caption(count, order),
            heading=heading,
        )
        for name, heading, side, tiles in zip(
            ("this", "other"), headings(scene, other), (scene, other), sides, strict=True
        )
    ]


def differences(
    scene: Scene, other: Scene, count: int, order: Order, appearance: Appearance
) -> list[mosaics.Exhibit]:
    """The other maps minus this scene's, on scales that are symmetric about zero."""
    shown = scene.shown(order, count)
    tiles, others = scene.tiles(shown), other.tiles(shown)

    def minus() -> np.ndarray:
        return others.values - tiles.values

    key = ("difference", tiles.key, others.key)
    largest = scene.work.kept(("largest", key), lambda: np.abs(minus()).max(axis=(1, 2)))
    most = float(largest.max())
    heading = "Difference: {1} minus {0}".format(*headings(scene, other))
    networks = ", ".join(dict.fromkeys(side.network.label for side in (scene, other)))
    caption = lecture.caption(
        f"{scene.layer.title} · {other.subject} minus {scene.subject} · {count} of "
        f"{scene.layer.filters} maps shown · after ReLU · blue: less, red: more",
        f"{networks} · {count} of {scene.layer.filters} maps · blue: less, red: more",
    )
    scale = "layer" if appearance.scale == "layer" else "pair"
    grid = replace(
        tiles,
        source=minus,
        span=Span(-most, most),
        pair=(-largest, largest),
        key=("difference", *scene.key, *other.key, int(count), order),
        rectified=False,
    )
    return [
        mosaics.Exhibit("difference", grid, Appearance(scale, DIVERGING), caption, heading=heading)
    ]


def headings(scene: Scene, other: Scene) -> tuple[str, str]:
    """What the two sides are called: by what tells them apart."""
    if scene.picture is not other.picture:
        return scene.picture.title, other.picture.title
    if scene.preprocessing != other.preprocessing:
        return "Right: BGR − mean", "Wrong: RGB / 255"
    # By what each of them is: without weights, both are untrained.
    labels = (side.network.label for side in (scene, other))
    return tuple(NETWORKS.get(label, label) for label in labels)


def place(scene: Scene, exhibits: list[mosaics.Exhibit]) -> None:
    """Show these grids beside each other."""
    columns = st.columns(len(exhibits), gap="medium")
    for column, exhibit in zip(columns, exhibits, strict=True):
        name = f"compared-{exhibit.name}"
        frame = mosaics.Frame(name, inspector.pick_map(name, scene.layer), width=WIDTH)
        with column:
            st.subheader(exhibit.heading)
            mosaics.show(scene.work, exhibit.tiles, exhibit.appearance, exhibit.caption, frame)


def inspect(sides: Sides, appearance: Appearance, shown: Sequence[int]) -> None:
    """Look into the chosen map of both scenes, and take a value of one of them apart."""
    plain = Appearance("layer" if appearance.scale == "layer" else "own", "gray")
    if appearance.colour_map in COLOUR_MAPS:
        plain = replace(plain, colour_map=appearance.colour_map)
    place = st.container()
    chosen = inspector.choose(sides[0].layer)
    with place:
        columns = st.columns(2, gap="medium")
    values = []
    for column, name, heading, side in zip(
        columns, INSPECTORS, headings(*sides), sides, strict=True
    ):
        with column, side.work.holding():
            st.markdown(f"**{heading}**")
            values.append(inspector.look_into(side, chosen, plain, name, shown))
    if lecture.is_on() or chosen is None:
        return
    inspector.offer_filter(sides[0], chosen.channel)
    if chosen.position:
        take_apart(values, headings(*sides))


def take_apart(values: Sequence[origin.Value | None], names: Sequence[str]) -> None:
    """Show what one of two values was made of: of the one that was clicked, or is chosen here."""
    if st.session_state.get(inspector.CLICKED) not in INSPECTORS:
        st.session_state[inspector.CLICKED] = INSPECTORS[0]
    clicked = st.segmented_control(
        "The arithmetic of",
        INSPECTORS,
        format_func=dict(zip(INSPECTORS, names, strict=True)).get,
        required=True,
        key=inspector.CLICKED,
    )
    origin.show(values[INSPECTORS.index(clicked)])
