"""What a value comes from, further back than one layer: any earlier layer's maps, or the pixels."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import streamlit as st

from vgg_viz.architecture import VGG19
from vgg_viz.attribution import Attribution, NotFiniteError, Question, attribute, correlation
from vgg_viz.figures import figure, signed
from vgg_viz.links import ATTRIBUTIONS, BACK_TO, INPUT, STEP, backs_of
from vgg_viz.patches import patch
from vgg_viz.reproduction import AttributionRun
from vgg_viz.serving.results import Span
from vgg_viz.ui.parts.layer_maps import LayerMaps, script_network
from vgg_viz.ui.state import picked, walk
from vgg_viz.ui.state.walk import Stop
from vgg_viz.ui.widgets import controls, export_menu, grid
from vgg_viz.ui.widgets.chosen_network import load_network
from vgg_viz.ui.widgets.colour_grid import ColourGrid
from vgg_viz.ui.widgets.controls import DIVERGING, Appearance
from vgg_viz.ui.widgets.grid import Grid, Tiles

NAME = "further-back"
STRONGEST = 12  # maps that add most, and as many that take most away
SIGNED = Appearance("layer", DIVERGING)
EACH_SIGNED = Appearance("pair", DIVERGING)
MOST = 99.5  # percent of the numbers, which the scale has: a few large ones would make it pale
AS_COLOURS = ("guided", "deconvnet")  # whose pictures their papers show in colours
BEYOND = "one number in 200 lies beyond the scale"
MEANT = {
    "contribution": "What is there times how strongly the value follows it. Together with the "
    "biases on the way, it is the value itself (Srinivas and Fleuret, 2019).",
    "gradient": "How strongly the value follows a small change (Simonyan et al., 2013).",
    "guided": "The gradient, without all that is negative on its way back (Springenberg et al., "
    "2014). Such a picture shows the photograph's edges more than what this map looks for.",
    "deconvnet": "What is positive on its way back, whether anything was active there or not "
    "(Zeiler and Fergus, 2013). Such a picture shows the photograph's edges more than what this "
    "map looks for.",
    "integrated": "The gradient on the whole way from the mean colour to the photograph, times "
    "their difference (Sundararajan et al., 2017), in 50 steps.",
}


@dataclass(frozen=True)
class Traced:
    """What one value of these maps comes from."""

    maps: LayerMaps
    question: Question

    def for_export(self) -> "Traced":
        """The same for what is made outside of runs."""
        return replace(self, maps=self.maps.for_export())

    @property
    def key(self) -> Hashable:
        """Which value of whose maps, back to where, and by which method."""
        asked = self.question
        place = (asked.channel, asked.row, asked.column)
        return ("attribution", *self.maps.key, place, asked.back_to, asked.method)

    def found(self) -> Attribution:
        """What it comes from."""
        maps = self.maps
        work = partial(
            attribute, maps.network, maps.picture.pixels, self.question, maps.preprocessing
        )
        long = self.question.method == "integrated"
        return maps.results.in_steps(self.key, work, long=long)

    def grid(self) -> Tiles:
        """The photograph under what its pixels bring, or the strongest of the layer's maps."""
        if self.question.back_to != INPUT:
            return self.maps_grid()
        if self.question.method in AS_COLOURS:
            return self.colours()
        return self.pixels_grid()

    def pixels_grid(self) -> Grid:
        """All colours together, over what the value sees of the photograph."""
        asked, found = self.question, self.found()
        seen = patch(self.maps.picture.pixels, asked.layer, asked.row, asked.column)
        values = in_square(found.by_place[None].astype(np.float32), found, len(seen))
        return Grid(
            values,
            [""],
            [1],
            self.key,
            caption=f"{self.caption('pixels')} · {BEYOND}",
            name="pixels",
            span=around_zero(values),
            appearance=SIGNED,
            rectified=False,
            photograph=seen,
        )

    def colours(self) -> ColourGrid:
        """The pixels' own colours, zero at mid-grey."""
        asked, found = self.question, self.found()
        pixels = as_colours(found, asked.layer.receptive_field)
        words = [extent(found)]
        caption = self.caption("pixels")
        return ColourGrid(pixels[None], [""], [1], self.key, caption, "pixels", told=[words])

    def maps_grid(self) -> Grid:
        """The maps that bring most, and those that take most away."""
        found = self.found()
        order, by_map = strongest(found), found.by_map
        side = max(found.area.rows.length, found.area.columns.length)
        values = in_square(found.values[order], found, side)
        return Grid(
            values,
            [f"{index + 1}: {signed(float(by_map[index]), 3)}" for index in order],
            [index + 1 for index in order],
            self.key,
            caption=f"{self.caption(f'{len(order)} of {len(by_map)} maps')} · {BEYOND}",
            columns=8,
            span=around_zero(values),
            appearance=SIGNED,
            rectified=False,
        )

    def caption(self, what: str) -> str:
        """What a reader must know of the grid."""
        asked = self.question
        return (
            f"{ATTRIBUTIONS[asked.method]} · {what} · {BACK_TO[asked.back_to]} · for row "
            f"{asked.row + 1}, column {asked.column + 1} of map {asked.channel} of "
            f"{asked.layer.title} · {self.maps.subject}"
        )

    def others(self) -> dict[str, "Traced"]:
        """The same of another map that is strong there, and of a network that nobody trained."""
        asked, maps = self.question, self.maps
        there = maps.values()[:, asked.row, asked.column].copy()
        there[asked.channel - 1] = -1
        channel = int(there.argmax()) + 1
        found = {f"map {channel}": replace(self, question=replace(asked, channel=channel))}
        network = load_network("untrained", st.empty())
        if network.identity != maps.network.identity:
            found["untrained"] = replace(self, maps=replace(maps, network=network))
        return found

    def stops(self) -> dict[int, Stop]:
        """Where each of the strongest maps brings most, by its number."""
        found = self.found()
        places = {index + 1: found.place(index) for index in strongest(found)}
        back_to = self.question.back_to
        return {number: Stop(back_to, number, place) for number, place in places.items() if place}

    def script_run(self) -> AttributionRun:
        """How a script of one's own makes the same."""
        maps, pixels = self.maps, self.question.back_to == INPUT
        numbers: Sequence[int] = [1, 2, 3]
        if not pixels:
            numbers = [index + 1 for index in strongest(self.found())]
        return AttributionRun(
            "pixels" if pixels else "maps",
            script_network(maps.network.weights),
            maps.preprocessing,
            maps.picture.pixels,
            self.question,
            numbers,
            summed=pixels and self.question.method not in AS_COLOURS,
        )


def show(maps: LayerMaps, channel: int, position: tuple[int, int]) -> None:
    """Show how far back one may go, and what the value comes from there."""
    st.markdown("**Further back**: what the value comes from, through all layers between.")
    asked = choose(maps, channel, position)
    if asked is None:
        return
    traced = Traced(maps, asked)
    st.markdown(MEANT[asked.method])
    try:
        found = traced.found()
    except NotFiniteError:
        st.warning("On the way back there are numbers too large to be added up.")
        return
    if found.silent:
        st.info("Nothing that the value sees speaks for it or against it: it is its biases alone.")
        return
    if asked.back_to != INPUT and not strongest(found):
        st.info("No map of that layer brings anything.")
        return
    show_sum(asked, found)
    there = traced.stops() if asked.back_to != INPUT else {}
    here = Stop(asked.layer.name, channel, position)
    place = grid.Place(
        NAME, partial(walk_back, here, there, maps.subject_key), largest_tile=320, follows=False
    )
    grid.show(maps.results, traced.grid(), place)
    exported = traced.for_export()
    title = f"What a value of {asked.layer.name} comes from"
    export_menu.offer(NAME, title, lambda: [exported.grid()], lambda: [exported.script_run()])
    show_others(traced)


def show_others(traced: Traced) -> None:
    """Show what the same method makes of another map, and of another network, and how alike."""
    asked = traced.question
    edges = asked.method in AS_COLOURS
    title = "The same for another map, and for an untrained network"
    # A key each, so that it is open with some methods and closed with the others.
    key = f"sanity-{'open' if edges else 'closed'}"
    with st.expander(title, expanded=edges, key=key, on_change="rerun") as opened:
        if not opened.open:
            return
        mine, others = traced.found(), traced.others()
        found = {name: other.found() for name, other in others.items()}
        alike = {name: correlation(mine.values, other.values) for name, other in found.items()}
        titles = [f"map {asked.channel}", *(f"{name}: {share(alike[name])}" for name in found)]
        st.markdown(alike_words(alike, edges=edges))
        tiles = beside(traced, [mine, *found.values()], titles)
        grid.show_anew(tiles, grid.Place("sanity", grid.ignore, largest_tile=200, follows=False))


def beside(traced: Traced, found: Sequence[Attribution], titles: Sequence[str]) -> Tiles:
    """What several values come from, a tile each, and each on its own scale."""
    numbers, words = range(1, len(found) + 1), "Beside it their correlation with the first"
    caption = f"{ATTRIBUTIONS[traced.question.method]} · {words}"
    if traced.question.back_to == INPUT and traced.question.method in AS_COLOURS:
        side = traced.question.layer.receptive_field
        pictures = np.stack([as_colours(one, side) for one in found])
        told = [[extent(one)] for one in found]
        return ColourGrid(pictures, titles, numbers, "", caption, columns=len(found), told=told)
    side = max(side.length for side in found[0].area)
    places = [in_square(one.by_place[None].astype(np.float32), one, side)[0] for one in found]
    largest = np.array([around_zero(one).high or 1.0 for one in places])
    return Grid(
        np.stack(places),
        titles,
        numbers,
        "",
        caption=caption,
        columns=len(found),
        span=around_zero(np.stack(places)),
        appearance=EACH_SIGNED,
        rectified=False,
        pair=(-largest, largest),
    )


def alike_words(alike: Mapping[str, float | None], *, edges: bool) -> str:
    """What it means that they are alike, or not."""
    told = ", ".join(f"with **{name}** {share(number)}" for name, number in alike.items())
    meant = (
        "Where the pictures of different maps are alike, they show the photograph's edges more "
        "than what a map looks for (Adebayo et al., 2018; Nie et al., 2018)."
        if edges
        else "The less alike they are, the more is said of this map alone (Adebayo et al., 2018)."
    )
    return f"Correlation {told}. {meant}"


def share(number: float | None) -> str:
    """A correlation as people read it."""
    return "none, since one is constant" if number is None else f"{number:.2f}".replace("-", "−")


def as_colours(found: Attribution, side: int) -> np.ndarray:
    """Blue, green and red as a picture, RGB uint8 ``(side, side, 3)``, zero at mid-grey."""
    values = np.moveaxis(in_square(found.values[::-1], found, side), 0, -1)
    largest = float(np.abs(values).max()) or 1.0
    pixels: np.ndarray = np.rint(127.5 + 127.5 * values / largest).astype(np.uint8)
    return pixels


def extent(found: Attribution) -> str:
    """How far its numbers reach, in words."""
    return f"from {figure(float(found.values.min()))} to {figure(float(found.values.max()))}"


def choose(maps: LayerMaps, channel: int, position: tuple[int, int]) -> Question | None:
    """Show the two controls; nothing is asked as long as one layer is far enough."""
    options = {name: BACK_TO[name] for name in backs_of(maps.layer.name)}
    with st.container(horizontal=True, gap="small", key="attribution-fields"):
        back_to = controls.one_of_many("Back to", "back_to", options)
        if back_to == STEP:
            return None
        method = controls.one_of_many("Method", "attributed", ATTRIBUTIONS)
    return Question(VGG19.conv_layer(maps.layer.name), channel, *position, back_to, method)


def show_sum(asked: Question, found: Attribution) -> None:
    """Show what all together add up to, where they add up to the value."""
    what = "Pixels" if asked.back_to == INPUT else f"Maps of {asked.back_to}"
    rest = {"contribution": "+ biases on the way", "integrated": "+ the mean colour's value"}
    if asked.method not in rest:
        return
    biases = sum(found.biases.values())
    steps = [
        (what, found.total),
        (rest[asked.method], biases if asked.method == "contribution" else found.base),
        ("= sum", found.explained),
        ("the network’s value, before ReLU", found.value),
    ]
    with st.container(horizontal=True, gap="large"):
        for label, number in steps:
            st.metric(label, figure(number, 5), width="content")


def strongest(found: Attribution) -> list[int]:
    """The indices of the maps that add most, then of those that take most away."""
    adding, taking = found.strongest(STRONGEST)
    return [*adding.tolist(), *taking.tolist()]


def in_square(values: np.ndarray, found: Attribution, side: int) -> np.ndarray:
    """Values ``(n, rows, columns)`` in squares: what lies beyond the border is zero."""
    margins = [(0, 0)]
    for seen in found.area:
        lacking = side - seen.length
        margins.append((lacking, 0) if seen.start == 0 else (0, lacking))
    return np.pad(values, margins)


def around_zero(values: np.ndarray) -> Span:
    """A span with zero in its middle, beyond which lies one number in 200."""
    sizes = np.abs(values)
    largest = float(np.percentile(sizes, MOST)) or float(sizes.max())
    return Span(-largest, largest, largest)


def walk_back(here: Stop, there: dict[int, Stop], about: Hashable) -> None:
    """Go to the map that was clicked, where it brings most."""
    number = picked.number(NAME, max(there, default=0))
    if number is not None and number in there:
        walk.on(here, there[number], about)
