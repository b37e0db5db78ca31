"""Ablation on the page: controls that set feature maps to zero, and the changes in later layers."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from vgg_viz.export.number_format import figure, signed
from vgg_viz.fields import HERE, LATER_LAYERS, MOST_ABLATED, NEXT, Value
from vgg_viz.interpretability.ablation import MapChanges
from vgg_viz.interpretability.attribution.attribution_pass import NotFiniteError
from vgg_viz.links import later_layer_options
from vgg_viz.model.architecture import VGG19, ConvLayer
from vgg_viz.ui import state
from vgg_viz.ui.parts import pairs
from vgg_viz.ui.parts.ablated_maps import NAMES, AblatedMaps, ablate, map_list, short_list
from vgg_viz.ui.parts.layer_maps import LayerMaps
from vgg_viz.ui.state import mode, selection, trail
from vgg_viz.ui.state.trail import TrailStep
from vgg_viz.ui.widgets import controls, export_menu, text_blocks
from vgg_viz.ui.widgets.grid import Grid

NUMBERS, ABLATED_IN, LATER_LAYER = "ablated", "ablated_in", "later_layer"
WITHOUT = f"{NUMBERS}-{NAMES[1]}"  # grid of the maps without the ablated ones
SWITCH_STATE = "ablate-switch-state"
TILES, LECTURE_TILES = 8, 9  # most changed maps shown
COLUMNS = 4
LISTED = 3  # most changed maps listed for each layer
OVERFLOW = "With these weights, activations overflow float32, so the effect cannot be computed."


def ablated() -> tuple[int, ...]:
    """Return the numbers of the shown layer's maps that the viewer has ablated, from 1."""
    return () if is_earlier() else ablated_anywhere()


def ablated_anywhere() -> tuple[int, ...]:
    """Return the numbers of the ablated maps, of the shown layer or an earlier one, from 1."""
    found = state.value(NUMBERS)
    return tuple(map(int, found)) if isinstance(found, tuple) else ()


def is_earlier() -> bool:
    """Return whether maps of an earlier layer are ablated, and the shown layer lacks them."""
    return state.value(ABLATED_IN) != HERE


def apply_earlier(maps: LayerMaps, notice: DeltaGenerator) -> LayerMaps:
    """Return a layer's maps as computed without the ablated maps of an earlier layer, if any.

    A notice says so, with a button that ends the ablation.
    """
    if not is_earlier():
        return maps
    source = VGG19.conv_layer(str(state.value(ABLATED_IN)))
    after = ablate(maps, source, ablated_anywhere())
    with notice.container(horizontal=True, vertical_alignment="center", key="ablated-earlier"):
        st.markdown(f":material/block: Computed **{after.without}**.", width="content")
        st.button(
            f"Show with {'it' if len(after.ablated) == 1 else 'them'}",
            key="ablation-end",
            on_click=state.change,
            args=({ABLATED_IN: HERE, NUMBERS: ()},),
        )
    return after


def choose_for_lecture(layer: ConvLayer) -> None:
    """Show the controls of an ablation; outside of lectures, the inspector has the switch."""
    if mode.in_lecture():
        show_switch()
    show_field()
    if ablated():
        choose_later_layer(layer)


def show_switch() -> None:
    """Show a switch that ablates the chosen map; nothing if no map can be ablated here."""
    numbers, chosen = ablated(), selection.current()
    if chosen is None or is_earlier():
        return
    key = switch_key(chosen.channel, numbers)
    st.session_state[key] = chosen.channel in numbers
    st.toggle(
        "Ablate this map (set it to zero)",
        key=key,
        on_change=toggle,
        args=(key, chosen.channel),
        disabled=len(numbers) >= MOST_ABLATED and chosen.channel not in numbers,
        help="Sets this map to zero and reruns the later layers.",
    )


def show_field() -> None:
    """Show a text field for the numbers of several maps to ablate."""
    if is_earlier():
        return
    st.text_input("Ablated maps", placeholder="such as 4, 17, 30", **state.bind(NUMBERS))
    problem = state.input_error(NUMBERS)
    if problem:
        st.warning(text_blocks.escape(f"{problem[0].upper()}{problem[1:]}."))


def switch_key(channel: int, numbers: tuple[int, ...]) -> str:
    """Return the widget key of the ablation switch, a new one when the page changed the numbers.

    A browser that has not received such a change yet still sends the old switch's value, which must
    not count.
    """
    known, edition = st.session_state.get(SWITCH_STATE, (numbers, 0))
    edition += known != numbers
    st.session_state[SWITCH_STATE] = (numbers, edition)
    return f"ablate-{channel}-{edition}"


def toggle(key: str, channel: int) -> None:
    """Ablate the map ``channel``, or restore it, as its switch says (widget callback)."""
    current = ablated()
    changed = set(current) | {channel} if st.session_state.get(key) else set(current) - {channel}
    numbers = tuple(sorted(changed))
    if key != switch_key(channel, current) or numbers == current:
        return
    state.change({NUMBERS: numbers, "tab": "ablation"})
    if channel in numbers:
        trail.reveal("tabs")
    st.session_state[SWITCH_STATE] = (numbers, st.session_state[SWITCH_STATE][1])


def choose_later_layer(layer: ConvLayer) -> None:
    """Show the choice of a later layer, and of the form in which its changed maps are shown."""
    options = {name: LATER_LAYERS[name] for name in later_layer_options(layer.name)}
    if len(options) > 1:
        controls.one_of_many("Later layer", LATER_LAYER, options)
        pairs.choose()


def mark_ablated(tiles: Grid) -> Grid:
    """Add ✕ to the titles of the ablated maps, in a grid of the layer in which they are ablated."""
    numbers = ablated()
    tile = zip(tiles.numbers, tiles.titles, strict=True)
    return replace(tiles, titles=[f"{title} ✕" if n in numbers else title for n, title in tile])


def heading(layer: ConvLayer) -> str:
    """Return the heading of the later layer that is shown without the ablated maps."""
    chosen = str(state.value(LATER_LAYER))
    *_, last = VGG19.conv_layers
    following = VGG19.conv_layers[layer.conv_number] if layer is not last else layer
    name = following.name if chosen == NEXT else chosen
    return f"{name} without {short_list(ablated())}"


def show_in_place_of_maps(maps: LayerMaps) -> None:
    """Show the changes by ablation, in lecture mode and on tours."""
    ablation = ablate(maps, maps.layer, ablated())
    changes = changes_of(ablation)
    if changes:
        show_pair(ablation, chosen_change(changes), LECTURE_TILES)


def show(maps: LayerMaps) -> None:
    """Show the numbers of the ablated maps, and how the ablation changes all later layers."""
    with st.container(key="ablation"):
        with st.container(horizontal=True, gap="small", key="ablation-fields"):
            show_field()
            if ablated():
                choose_later_layer(maps.layer)
        if is_earlier():
            text_blocks.note("Maps of an earlier layer are ablated: end that ablation first.")
            return
        if not ablated():
            text_blocks.note(
                "**Ablation** sets maps to zero and reruns the later layers. Enter the maps' "
                "numbers, or choose a map and switch *Ablate this map* on."
            )
            return
        ablation = ablate(maps, maps.layer, ablated())
        changes = changes_of(ablation)
        if not changes:
            return
        change = chosen_change(changes)
        show_pair(ablation, change, TILES)
        left, right = st.columns(2, gap="medium")
        with left:
            show_value_drop(ablation, changes[0])
        with right:
            text_blocks.note("**Click a map** to go to the position where it changes most.")
            show_changes(changes)
            offer_export(ablation, change)


def changes_of(ablation: AblatedMaps) -> list[MapChanges]:
    """Return each later layer's changes; if there are none, show why and return an empty list."""
    layer, inactive = ablation.source, ablation.inactive
    if layer is VGG19.conv_layers[-1]:
        st.info(
            f"{layer.name} is the last conv layer, so no later conv layer can change. "
            "*Prediction* shows how its maps affect the classes."
        )
        return []
    are, them = ("is", "it") if len(inactive) == 1 else ("are", "them")
    all_are = len(inactive) == len(ablation.ablated)
    if inactive:
        changed = "nothing changes" if all_are else f"ablating {them} changes nothing"
        st.info(f"{map_list(inactive).capitalize()} {are} already inactive, so {changed}.")
    if all_are:
        return []
    try:
        changes = ablation.changes()
    except NotFiniteError:
        st.warning(OVERFLOW)
        return []
    if not any(change.mean.any() for change in changes):
        st.info("Nothing changes in any later layer.")
        return []
    return changes


def chosen_change(changes: Sequence[MapChanges]) -> MapChanges:
    """Return the changes of the later layer that the viewer chose, by default of the next layer."""
    name = state.value(LATER_LAYER)
    return next((change for change in changes if change.layer.name == name), changes[0])


def show_pair(ablation: AblatedMaps, change: MapChanges, count: int) -> None:
    """Show a later layer's most changed maps before and after ablation, or their difference."""
    if not change.mean.any():
        st.info(f"Nothing changes in {change.layer.name}.")
        return
    pair = ablation.pair(change, count)
    columns = min(COLUMNS, len(pair.numbers)) if count == TILES else 0
    grids = [replace(each, columns=columns) for each in pair.grids(*pairs.chosen_form())]
    positions = {number: change.position(number - 1) for number in pair.numbers}
    steps = {one: TrailStep(change.layer.name, one, at) for one, at in positions.items()}
    chosen, start = selection.current(), None
    if chosen and chosen.position:
        start = TrailStep(ablation.source.name, chosen.channel, chosen.position)
    follow = partial(trail.follow, steps, ablation.original.subject_key, start)
    source: dict[str, Value] = {ABLATED_IN: ablation.source.name, NUMBERS: ablation.ablated}

    def on_pick(mosaic: str, number: int) -> None:
        if mosaic == WITHOUT:
            open_without(steps[number], source)
        else:
            follow(number)

    pairs.show(grids, ablation.results, on_pick, NUMBERS)


def offer_export(ablation: AblatedMaps, change: MapChanges) -> None:
    """Show the menu that exports what `show_pair` shows."""
    if not change.mean.any():
        return
    form = pairs.chosen_form()
    export_menu.offer(
        "ablation",
        f"{change.layer.name} {ablation.without}",
        lambda: ablation.pair(change, TILES).grids(*form),
        lambda: ablation.pair(change, TILES).script_runs(),
    )


def open_without(step: TrailStep, source: Mapping[str, Value]) -> None:
    """Open the map clicked among those without the ablated maps (widget callback).

    ``source`` says which maps stay ablated.
    """
    layer, channel, (row, column) = step
    position = {selection.ROW: row + 1, selection.COLUMN: column + 1}
    opened: dict[str, Value] = {"layer": layer, selection.CHANNEL: channel, "tab": "decomposition"}
    state.change({**opened, **position, **source})
    trail.reveal("top")


def show_value_drop(ablation: AblatedMaps, change: MapChanges) -> None:
    """Show the drop of the next layer's most changed value, and the ablated maps' contribution."""
    if not change.mean.any():
        return
    try:
        result = ablation.value_drop(change)
    except NotFiniteError:
        st.warning(OVERFLOW)
        return
    spec, maps = result.spec, short_list(ablation.ablated)
    before, after = result.value, result.value - result.drop
    st.markdown(
        f"**The most changed value** after ReLU in {spec.layer.name} is that of map {spec.channel} "
        f"at row {spec.row + 1}, column {spec.column + 1}. Before ReLU it is {figure(before, 5)}, "
        f"and {figure(after, 5)} without {maps}."
    )
    changes = {
        "Change after ReLU": result.change,
        "Change before ReLU": -result.drop,
        f"Contribution of {maps}": result.contribution,
    }
    text_blocks.figures({label: signed(number, 5) for label, number in changes.items()})


def show_changes(changes: Sequence[MapChanges]) -> None:
    """Show a table of the changes by ablation, with one row per later layer, once it is opened."""
    with st.expander("Changes by layer", key="changes", on_change="rerun") as opened:
        if opened.open:
            header = ["Layer", "All maps", "Most changed maps"]
            st.markdown(
                "The mean absolute difference over all positions, and its percentage of the "
                f"original mean.\n\n{text_blocks.table(header, map(row, changes), 'lrl')}"
            )


def row(change: MapChanges) -> list[str]:
    """Return a later layer's row of the table of changes."""
    maps = []
    for index in change.strongest(LISTED):
        mean, before = float(change.mean[index]), float(change.before[index])
        maps.append(f"**{index + 1}** by {figure(mean, 3)} ({percent(mean, before)})")
    share = percent(float(change.mean.sum()), float(change.before.sum()))
    return [change.layer.name, share, " · ".join(maps) or "none"]


def percent(change: float, before: float) -> str:
    """Format a change as a percentage of the mean before ablation, which may be zero.

    >>> percent(3.0, 2.0), percent(0.1, 100.0), percent(2.0, 0.0), percent(0.0, 0.0)
    ('150%', '<1%', 'was inactive', '0%')
    """
    if not change:
        return "0%"
    if not before:
        return "was inactive"
    share = change / before
    return f"{share:,.0%}" if share >= 0.01 else "<1%"
