"""The way back from a value over many layers: how far, by which method, and how far to trust it."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import partial

import numpy as np
import streamlit as st

from vgg_viz.export.number_format import figure
from vgg_viz.interpretability.attribution.attribution_pass import (
    Attribution,
    AttributionSpec,
    NotFiniteError,
    correlation,
)
from vgg_viz.interpretability.attribution.methods import ATTRIBUTION_METHODS
from vgg_viz.links import BACK_TO, INPUT, STEP, backs_of
from vgg_viz.model.architecture import VGG19
from vgg_viz.ui import state
from vgg_viz.ui.parts.layer_maps import LayerMaps
from vgg_viz.ui.parts.value_attribution import (
    AS_COLORS,
    EACH_SIGNED,
    WITH_A_SUM,
    ValueAttribution,
    around_zero,
    extent,
    in_square,
    strongest,
    sum_words,
)
from vgg_viz.ui.state import component_values, mode, selection, trail
from vgg_viz.ui.state.trail import TrailStep
from vgg_viz.ui.widgets import controls, export_menu, grid, text_blocks
from vgg_viz.ui.widgets.color_grid import ColorGrid
from vgg_viz.ui.widgets.grid import Grid, Tiles

NAME = "further-back"
FIELD, IN_A_LECTURE = 420, 900  # CSS pixels, of one tile at most
# How far a sum may be from the value, of all that is added up whatever its sign, and why it is.
AGREES = {
    "input_x_gradient": (1e-4, "the rounding of float32"),
    "integrated_gradients": (1e-2, "what 50 steps leave"),
}
MEANT = {
    "input_x_gradient": "**What is there, times how strongly the value follows it.** Together with "
    "the biases on the way, it is the value itself ([Srinivas and Fleuret 2019]"
    "(https://arxiv.org/abs/1905.00780)).",
    "gradient": "**How strongly the value follows** a small change there ([Simonyan 2013]"
    "(https://arxiv.org/abs/1312.6034)). It says nothing of how much is there.",
    "guided_backpropagation": "**The gradient, without all that is negative** on its way "
    "back ([Springenberg 2014](https://arxiv.org/abs/1412.6806)).",
    "deconvnet": "**What is positive on its way back**, whether anything was active there or not "
    "([Zeiler and Fergus 2013](https://arxiv.org/abs/1311.2901)).",
    "integrated_gradients": "**The gradient on the whole way** from the mean color to the "
    "photograph, in 50 steps, times their difference ([Sundararajan 2017](https://arxiv.org/abs/1703.01365)).",
}
EDGES = (
    "Where such pictures are alike, of **different maps** or even without training, they show the "
    "**photograph’s edges** more than what this map looks for ([Adebayo 2018]"
    "(https://arxiv.org/abs/1810.03292), [Nie 2018]"
    "(https://arxiv.org/abs/1805.07039))."
)
OWN = (
    "The less alike they are, the more is said of **this map** alone ([Adebayo 2018]"
    "(https://arxiv.org/abs/1810.03292))."
)
CHECKED = "The same for another map, and untrained"
ANOTHER = "The same for another map"  # of the untrained network itself


def show(maps: LayerMaps, channel: int, position: tuple[int, int]) -> None:
    """Show how far back one may go, and what the value comes from there."""
    # Where others explain, it stands in place of the maps: nobody looks below them.
    if stands_above():
        return
    st.markdown("**Further back**: what the value comes from, through all layers between.")
    asked = choose(maps.layer.name, channel, position)
    if asked is None:
        return
    traced = ValueAttribution(maps, asked)
    if not is_something(traced):
        return
    if asked.back_to == INPUT:
        left, right = st.columns([2, 3], gap="medium")
    else:
        left = right = st.container()
    with right:
        st.markdown(MEANT[asked.method])
        show_sum(traced)
    with left:
        show_grid(traced)
    with right:
        show_others(traced)


def stands_above() -> bool:
    """Whether it is shown in place of the maps, where a lecturer or a tour explains."""
    return mode.is_explained() and state.value("compare") == "none"


def choose_aside(layer_name: str) -> AttributionSpec | None:
    """Show the controls in the sidebar where it stands in place of the maps; what is asked there.

    None: nothing is.
    """
    chosen = selection.current()
    if not (stands_above() and chosen and chosen.position):
        return None
    with st.sidebar:
        asked = choose(layer_name, chosen.channel, chosen.position)
        if asked and asked.method not in AS_COLORS:
            switch_others()
    return asked


def show_above(maps: LayerMaps, asked: AttributionSpec) -> None:
    """Show what the value comes from in place of the maps, or beside it what tests the method."""
    traced = ValueAttribution(maps, asked)
    if not is_something(traced):
        return
    if are_others_shown(asked):
        show_beside(traced)
    else:
        show_grid(traced)


def choose(layer_name: str, channel: int, position: tuple[int, int]) -> AttributionSpec | None:
    """Show the two controls; nothing is asked as long as one layer is far enough."""
    options = {name: BACK_TO[name] for name in backs_of(layer_name)}
    with st.container(horizontal=True, gap="small", key="further-back-fields"):
        back_to = controls.one_of_many("Back to", "back_to", options)
        if back_to == STEP:
            return None
        method = controls.one_of_many("Method", "attribution", ATTRIBUTION_METHODS)
    return AttributionSpec(VGG19.conv_layer(layer_name), channel, *position, back_to, method)


def is_something(traced: ValueAttribution) -> bool:
    """Whether there is anything to show; if not, say why."""
    try:
        found = traced.found()
    except NotFiniteError:
        st.warning("On the way back there are numbers too large to be added up.")
        return False
    if found.silent:
        st.info("Nothing that the value sees speaks for it or against it: it is its biases alone.")
        return False
    if traced.question.back_to != INPUT and not strongest(found):
        st.info("No map of that layer brings anything.")
        return False
    return True


def show_sum(traced: ValueAttribution) -> None:
    """Show what all together add up to, where they add up to the value."""
    asked, found = traced.question, traced.found()
    if asked.method not in WITH_A_SUM:
        return
    biases = sum(found.biases.values())
    exact = asked.method == "input_x_gradient"
    steps = [
        ("Pixels" if asked.back_to == INPUT else f"Maps of {asked.back_to}", found.total),
        ("+ biases", biases) if exact else ("+ the mean color’s value", found.base),
        ("= sum", found.explained),
        ("the network’s value", found.value),
    ]
    with st.container(horizontal=True, gap="medium", key="further-back-sum"):
        for label, number in steps:
            st.metric(label, figure(number, 5), width="content")
    tell_agreement(asked, found)


def tell_agreement(asked: AttributionSpec, found: Attribution) -> None:
    """Say whether the sum is the network's value before its ReLU."""
    apart = abs(found.explained - found.value)
    all_there = float(np.abs(found.values).sum()) or 1.0
    agree, why = AGREES[asked.method]
    difference = figure(apart, 2)
    if apart <= agree * all_there:
        told = sum_words(asked, found)
        rest = f" They differ by {difference}, {why}." if apart else ""
        st.success(f"{told[0].upper()}{told[1:]}.{rest}", icon=":material/check:")
    else:
        st.error(f"The two differ by {difference}, more than {why} explains.")


def show_grid(traced: ValueAttribution) -> None:
    """Show the photograph, or the layer's maps, and the way to the files."""
    asked, maps = traced.question, traced.maps
    there = traced.stops() if asked.back_to != INPUT else {}
    here = TrailStep(asked.layer.name, asked.channel, (asked.row, asked.column))
    on_pick = partial(walk_back, here, there, maps.subject_key)
    largest = IN_A_LECTURE if mode.is_explained() else FIELD
    grid.show(maps.results, traced.grid(), place(NAME, largest, on_pick))
    exported = traced.for_export()
    title = f"What a value of {asked.layer.name} comes from"
    export_menu.offer(NAME, title, lambda: [exported.grid()], lambda: [exported.script_run()])


def place(name: str, largest: int, on_pick: Callable[[], None] = grid.ignore) -> grid.Placement:
    """Where a grid stands whose tiles are no maps of the layer that is looked at."""
    return grid.Placement(name, on_pick, largest_tile=largest, follows=False)


def walk_back(here: TrailStep, there: Mapping[int, TrailStep], about: Hashable) -> None:
    """Go to the map that was clicked, where it brings most."""
    number = component_values.number(NAME, max(there, default=0))
    if number is not None and number in there:
        trail.extend(here, there[number], about)


def switch_others(label: str = CHECKED) -> None:
    """Show the switch of what tests the method."""
    st.toggle(label, **state.bind("sanity"))


def are_others_shown(asked: AttributionSpec) -> bool:
    """Whether what tests the method is shown: always, where it is known to fail."""
    return asked.method in AS_COLORS or state.is_on("sanity")


def show_others(traced: ValueAttribution) -> None:
    """Show what the same method makes of another map, and of another network, and how alike."""
    label = CHECKED if "untrained" in traced.others() else ANOTHER
    if traced.question.method in AS_COLORS:
        st.markdown(f"**{label}**")
    else:
        switch_others(label)
    if are_others_shown(traced.question):
        show_beside(traced)


def show_beside(traced: ValueAttribution) -> None:
    """Show the value's picture, and beside it those that should not be like it."""
    asked, others = traced.question, traced.others()
    mine, found = traced.found(), {name: other.found() for name, other in others.items()}
    alike = {
        name: traced.maps.results.cached(
            ("alike", traced.key, others[name].key),
            partial(correlation, mine.values, other.values),
        )
        for name, other in found.items()
    }
    titles = [f"map {asked.channel}", *(f"{name}: {share(alike[name])}" for name in found)]
    text_blocks.prose(alike_words(alike, edges=asked.method in AS_COLORS))
    key = ("tested", traced.key, *(other.key for other in others.values()))
    tiles = beside(traced, [mine, *found.values()], titles, key)
    largest = IN_A_LECTURE if mode.is_explained() else 200
    grid.show(traced.maps.results, tiles, place("further-back-tested", largest))


def beside(
    traced: ValueAttribution, found: Sequence[Attribution], titles: Sequence[str], key: Hashable
) -> Tiles:
    """What several values come from, a tile each, and each on its own scale."""
    asked, numbers = traced.question, range(1, len(found) + 1)
    method = ATTRIBUTION_METHODS[asked.method].label
    caption = f"{method}, back to {traced.back_to} · the numbers: correlation with the first"
    # In a lecture the maps beside them take half of the width.
    columns = 2 if mode.is_explained() else len(found)
    if asked.back_to == INPUT and asked.method in AS_COLORS:
        pictures = np.stack([traced.as_colors(one) for one in found])
        told = [[extent(one)] for one in found]
        return ColorGrid(pictures, titles, numbers, key, caption, columns=columns, tooltips=told)
    places = [in_square(one.by_place[None].astype(np.float32), one, asked)[0] for one in found]
    largest = np.array([around_zero(one).high or 1.0 for one in places])
    return Grid(
        np.stack(places),
        titles,
        numbers,
        key,
        caption=caption,
        columns=columns,
        value_range=around_zero(np.stack(places)),
        appearance=EACH_SIGNED,
        rectified=False,
        pair=(-largest, largest),
    )


def alike_words(alike: Mapping[str, float | None], *, edges: bool) -> str:
    """What it means that they are alike, or not."""
    told = ", ".join(f"with **{name}** {share(number)}" for name, number in alike.items())
    return f"Correlation {told}. {EDGES if edges else OWN}"


def share(number: float | None) -> str:
    """A correlation as people read it."""
    if number is None:
        return "none, since one is constant"
    return f"{round(number, 2) + 0.0:.2f}".replace("-", "−")  # no "-0.00"
