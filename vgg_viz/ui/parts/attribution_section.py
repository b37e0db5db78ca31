"""Attribution of one value of a feature map: its controls, heatmap, sum and sanity check."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import partial

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from vgg_viz.export.number_format import figure
from vgg_viz.export.tiles import Tiles
from vgg_viz.fields import BACK_TO, FIRST, HERE, SECOND, Value
from vgg_viz.interpretability.attribution.attribution_pass import (
    Attribution,
    AttributionSpec,
    NotFiniteError,
    NotPositiveError,
    correlation,
)
from vgg_viz.interpretability.attribution.methods import ATTRIBUTION_METHODS
from vgg_viz.links import back_to_options
from vgg_viz.model.architecture import ConvLayer
from vgg_viz.ui import state
from vgg_viz.ui.parts.layer_maps import LayerMaps
from vgg_viz.ui.parts.value_attribution import (
    ValueAttribution,
    attribution_range,
    strongest,
    summands,
    symmetric_range,
    with_padding,
)
from vgg_viz.ui.state import mode, selection, trail
from vgg_viz.ui.state.trail import TrailStep
from vgg_viz.ui.widgets import controls, export_menu, grid, text_blocks
from vgg_viz.ui.widgets.color_grid import ColorGrid
from vgg_viz.ui.widgets.controls import DIVERGING, Appearance
from vgg_viz.ui.widgets.grid import Grid

NAME, CHECK_GRID = "attributions", "attribution-check"
TILE, TILE_IN_A_LECTURE, CHECK_TILE = 420, 900, 200  # largest tile, in CSS pixels
OWN_SCALES = Appearance("pair", DIVERGING)
ADEBAYO = "[Adebayo et al. 2018](https://arxiv.org/abs/1810.03292)"
NIE = "[Nie et al. 2018](https://arxiv.org/abs/1805.07039)"
EDGES = (
    "Where these images are alike, the method shows the **photograph’s edges** more than what this "
    f"map responds to ({ADEBAYO}, {NIE})."
)
SPECIFIC = (
    "The lower the correlation, the more the attribution depends on **this map** and on training "
    f"({ADEBAYO})."
)
CHECK = "Sanity check: another map, and an untrained network"
CHECK_UNTRAINED = "Sanity check: another map"  # of the untrained network itself


def show(maps: LayerMaps) -> None:
    """Show the attribution of the chosen value, with its controls and sanity check."""
    spec = choose(maps.layer)
    if spec is None:
        return
    traced = ValueAttribution(maps, spec)
    if not has_attributions(traced):
        return
    left, right = columns(traced)
    with right:
        st.markdown(traced.method.description)
        show_sum(traced)
    with left:
        show_grid(traced)
    with right:
        show_sanity_check(traced)


def columns(traced: ValueAttribution) -> Sequence[DeltaGenerator]:
    """Return the places of attributions to pixels and of the text beside them.

    Attributions to maps take the whole width, below the text.
    """
    return st.columns([2, 3], gap="medium") if traced.to_pixels else [st.container()] * 2


def choose_for_lecture(layer: ConvLayer) -> AttributionSpec | None:
    """Show the attribution's controls, with the sanity check's; return the value and method."""
    spec = choose(layer)
    if spec and not ATTRIBUTION_METHODS[spec.method].in_color:
        st.toggle(CHECK, **state.bind("sanity"))
    return spec


def show_in_place_of_maps(maps: LayerMaps, spec: AttributionSpec) -> None:
    """Show an attribution, or its sanity check if that is on, in place of the layer's maps."""
    traced = ValueAttribution(maps, spec)
    if has_attributions(traced):
        show_checks(traced) if is_checked(traced) else show_grid(traced)


def choose(layer: ConvLayer) -> AttributionSpec | None:
    """Show the controls of an attribution; return what they choose, or None after a note."""
    chosen = selection.current()
    if chosen is None or chosen.position is None:
        text_blocks.note("Choose a map and a position in it: the value to attribute.")
        return None
    if state.value("ablated_in") != HERE:
        st.info("Attribution follows the network without ablation: end the ablation first.")
        return None
    _, *names = back_to_options(layer.name)
    with st.container(horizontal=True, gap="small", key="attribution-fields"):
        options = {name: BACK_TO[name] for name in names}
        back_to = controls.one_of_many("Attribute to", "back_to", options)
        method = controls.one_of_many("Method", "attribution", ATTRIBUTION_METHODS)
    return AttributionSpec(layer, chosen.channel, *chosen.position, back_to, method)


def has_attributions(traced: ValueAttribution) -> bool:
    """Return whether an attribution is defined and not zero everywhere; if not, show the reason."""
    try:
        result = refined(traced) if traced.is_defined() else None
    except NotPositiveError:  # here by rounding alone
        result = None
    except NotFiniteError:
        st.warning(
            "With these weights, activations or gradients overflow float32, so the attribution "
            "cannot be computed."
        )
        return False
    if result is None:
        st.info(
            f"{traced.method.label} needs a value above 0, but the chosen value is 0 after ReLU. "
            "Choose another position, map or method."
        )
        return False
    if result.is_zero:
        st.info("All attributions are zero: nothing here contributes to this value.")
        return False
    if not traced.to_pixels and not strongest(result):
        st.info("The attributions of each map of this layer sum to zero.")
        return False
    return True


def refined(traced: ValueAttribution) -> Attribution:
    """Return the attributions; while they are refined, show those of the last complete level."""
    slot: DeltaGenerator | None = None

    def show_level(level: ValueAttribution) -> None:
        nonlocal slot
        slot = slot or st.empty()
        with slot.container():
            show_intermediate(level)

    try:
        return traced.result(show_level)
    finally:
        if slot:
            slot.empty()


def show_intermediate(level: ValueAttribution) -> None:
    """Show attributions that more points of the quadrature will refine, and their difference."""
    result = level.result()
    if result.is_zero or not (level.to_pixels or strongest(result)):
        return
    left, right = (st.container(),) * 2 if mode.is_explained() else columns(level)
    with right:
        st.caption(
            f"With {result.points} points, the sum differs by {figure(result.difference, 2)} from "
            "the network’s value. Computing more points…"
        )
    with left:
        name = f"{NAME}-{result.points}-points"
        grid.show(level.maps.results, level.grid(), place(name, TILE))


def show_sum(traced: ValueAttribution) -> None:
    """Show the sum of a complete method's attributions, and whether it is the network's value."""
    result, rows = traced.result(), summands(traced)
    if not rows:
        return
    steps = [
        rows[0],
        *((f"+ {label}", term) for label, term in rows[1:]),
        ("= sum", result.reconstruction),
        ("the network’s value", result.value),
    ]
    text_blocks.figures({label: figure(number, 5) for label, number in steps})
    show_agreement(result)


def show_agreement(result: Attribution) -> None:
    """Show whether the sum of a complete method is the network's value, with the difference."""
    shown = figure(result.difference, 2)
    if result.differences:
        show_convergence(result, shown)
    elif result.sums_to_value:
        words = f"The sum matches the network’s value to within float32 rounding ({shown})."
        st.success(words, icon=":material/check:")
    else:
        st.error(
            f"The attributions sum to another value than the network’s. The difference is {shown}, "
            "more than float32 rounding."
        )


def show_convergence(result: Attribution, difference: str) -> None:
    """Show whether integrated gradients have converged, and the difference at each level."""
    if result.converged:
        before, last = list(result.differences)[-2:]
        words = f"With {before} and {last} points, the sum is within 1% of the network’s value"
        st.success(f"{words}. The difference is {difference}.", icon=":material/check:")
    else:
        st.info(
            f"With {result.points} points, the sum differs by {difference} from the network’s "
            f"value, {figure(result.value, 5)}."
        )
    levels = result.differences.items()
    words = ", ".join(f"{points} points {figure(one, 2)}" for points, one in levels)
    st.caption(f"Difference by number of points: {words}")


def show_grid(traced: ValueAttribution) -> None:
    """Show an attribution's grid, of pixels or of an earlier layer's maps, and an export menu."""
    spec, maps = traced.spec, traced.maps
    start = TrailStep(spec.layer.name, spec.channel, (spec.row, spec.column))
    on_pick = partial(trail.follow, traced.trail_steps(), maps.subject_key, start)
    grid.show(maps.results, traced.grid(), place(NAME, TILE, on_pick))
    title = f"Attribution of a value of {spec.layer.name}"
    export_menu.offer(NAME, title, lambda: [traced.grid()], lambda: [traced.script_run()])


def place(name: str, largest: int, on_pick: Callable[[int], None] = grid.ignore) -> grid.Placement:
    """Return the placement of a grid whose tiles are not the feature maps of the page's layer."""
    largest = TILE_IN_A_LECTURE if mode.is_explained() else largest
    return grid.Placement(name, on_pick, largest_tile=largest)


def is_checked(traced: ValueAttribution) -> bool:
    """Return whether the sanity check is on; it always is for methods that are known to fail it."""
    return traced.method.in_color or state.is_on("sanity")


def show_sanity_check(traced: ValueAttribution) -> None:
    """Show the switch of the sanity check, and the results of the check if it is on."""
    networks = {check.maps.network.identity for check in traced.sanity_checks().values()}
    label = CHECK if len(networks) > 1 else CHECK_UNTRAINED
    if traced.method.in_color:
        st.markdown(f"**{label}**")
    else:
        st.toggle(label, **state.bind("sanity"))
    if is_checked(traced):
        show_checks(traced)


def show_checks(traced: ValueAttribution) -> None:
    """Show the sanity check: an attribution and others that should differ, with correlations."""
    checks = traced.sanity_checks()
    own, results = traced.result(), {title: check.result() for title, check in checks.items()}
    correlations = {
        title: traced.maps.results.cached(
            ("correlation", traced.key, checks[title].key),
            partial(correlation, own.values, result.values),
        )
        for title, result in results.items()
    }
    chosen = [traced.choice_of(check) for check in checks.values()]
    words = correlation_words(correlations, edges=traced.method.in_color)
    text_blocks.prose(" ".join(filter(None, [*chosen, words])))
    titles = [
        f"map {traced.spec.channel}",
        *(f"{title}: {rounded(correlations[title])}" for title in results),
    ]
    key = ("sanity check", traced.key, *(check.key for check in checks.values()))
    tiles = side_by_side(traced, [own, *results.values()], titles, key)
    changes = [checked_value(traced, check) for check in checks.values()]
    on_pick = partial(open_check, changes)
    grid.show(traced.maps.results, tiles, place(CHECK_GRID, CHECK_TILE, on_pick))


def checked_value(traced: ValueAttribution, check: ValueAttribution) -> dict[str, Value]:
    """Return the state changes that select the map and the network of a sanity check."""
    changes: dict[str, Value] = {selection.CHANNEL: check.spec.channel}
    if check.maps.network.identity == traced.maps.network.identity:
        return changes
    if state.value("compare") == "network":
        for field, half in (("network", FIRST), ("other_network", SECOND)):
            if state.value(field) == "untrained":
                return changes | {"half": half}
    return changes | {"network": "untrained", "half": FIRST}


def open_check(changes: Sequence[Mapping[str, Value]], number: int) -> None:
    """Select the map and network of the clicked sanity check (widget callback).

    The first tile is the attribution that the page shows already.
    """
    if number > 1:
        state.change(changes[number - 2])


def side_by_side(
    traced: ValueAttribution, results: Sequence[Attribution], titles: Sequence[str], key: Hashable
) -> Tiles:
    """Return a grid of attributions to compare, one tile each, each on its own color scale."""
    spec, numbers = traced.spec, range(1, len(results) + 1)
    caption = f"{traced.heading} · the numbers: correlation with the first"
    # In a lecture the inspector beside the grid takes half of the width.
    columns = 2 if mode.is_explained() else len(results)
    if traced.in_color:
        images = np.stack([traced.as_colors(result) for result in results])
        tooltips = [[attribution_range(result)] for result in results]
        return ColorGrid(images, titles, numbers, key, caption, columns=columns, tooltips=tooltips)
    tiles = [
        with_padding(one.by_position[None].astype(np.float32), one, spec)[0] for one in results
    ]
    largest = np.array([symmetric_range(tile).high or 1.0 for tile in tiles])
    return Grid(
        np.stack(tiles),
        titles,
        numbers,
        key,
        caption=caption,
        columns=columns,
        value_range=symmetric_range(np.stack(tiles)),
        appearance=OWN_SCALES,
        rectified=False,
        pair=(-largest, largest),
    )


def correlation_words(correlations: Mapping[str, float | None], *, edges: bool) -> str:
    """Return the correlations of a sanity check in words, and how to interpret them."""
    words = ", ".join(f"with **{title}** {rounded(one)}" for title, one in correlations.items())
    return f"Correlation {words}. {EDGES if edges else SPECIFIC}"


def rounded(number: float | None) -> str:
    """Format a correlation with two decimals; None means that it is not defined."""
    if number is None:
        return "none, since one is constant"
    return f"{round(number, 2) + 0.0:.2f}".replace("-", "−")  # no "-0.00"
