"""Maps that are taken out of a layer on the page, and what becomes of the layers after it."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import replace
from functools import partial

import streamlit as st

from vgg_viz.export.appearance import COLOR_MAPS, PAIR_SCALES
from vgg_viz.export.number_format import figure
from vgg_viz.interpretability.ablation import Change
from vgg_viz.interpretability.attribution.attribution_pass import NotFiniteError
from vgg_viz.links import LATER_LAYERS, MOST_ABLATED, later_layer_options
from vgg_viz.model.architecture import VGG19, ConvLayer
from vgg_viz.ui import state
from vgg_viz.ui.parts import pairs
from vgg_viz.ui.parts.ablated_maps import AblatedMaps, few, named
from vgg_viz.ui.parts.layer_maps import LayerMaps
from vgg_viz.ui.state import component_values, mode, selection, trail
from vgg_viz.ui.state.trail import TrailStep
from vgg_viz.ui.widgets import controls, export_menu, text_blocks
from vgg_viz.ui.widgets.controls import Appearance
from vgg_viz.ui.widgets.grid import Grid

NUMBERS, SEEN = "ablated", "later_layer"
SWITCHED = "ablate-switched"
SHOWN, SHOWN_IN_A_LECTURE = 16, 9  # maps that change most, as tiles
TOLD = 3  # of each layer, in numbers
TOO_LARGE = (
    "With these weights numbers become too large for single precision: what changes cannot be said."
)


def ablated() -> tuple[int, ...]:
    """The numbers of the maps that are ablated."""
    numbers = state.value(NUMBERS)
    return tuple(map(int, numbers)) if isinstance(numbers, tuple) else ()


def choose_aside(layer: ConvLayer) -> None:
    """Show in the sidebar what has no room where a lecturer or a tour explains what is seen."""
    if mode.in_lecture():
        show_switch()
        show_field()
    if mode.is_explained() and ablated():
        choose_seen(layer)


def show_switch() -> None:
    """Show the switch that ablates the chosen map, if one is chosen."""
    now, chosen = ablated(), selection.current()
    if chosen is None:
        return
    key = switch_key(chosen.channel, now)
    st.session_state[key] = chosen.channel in now
    st.toggle(
        "Ablate this map",
        key=key,
        on_change=turn,
        args=(key, chosen.channel),
        disabled=len(now) >= MOST_ABLATED and chosen.channel not in now,
        help="Takes it out: it is zero everywhere, and the layers after it run on without it.",
    )


def show_field() -> None:
    """Show the field that ablates several maps, once one is chosen or ablated."""
    if selection.current() is None and not ablated():
        return
    st.text_input("Ablated maps", placeholder="such as 4, 17, 30", **state.bind(NUMBERS))
    problem = state.input_error(NUMBERS)
    if problem:
        st.warning(text_blocks.escape(f"{problem[0].upper()}{problem[1:]}."))
    if ablated() and not mode.is_explained():
        st.caption("Which later maps change, and by how much, stands below.")


def switch_key(channel: int, now: tuple[int, ...]) -> str:
    """The key of the switch: another one where the page has changed what it shows.

    A browser that has not heard of that yet says what the old one shows.
    """
    told, edition = st.session_state.get(SWITCHED, (now, 0))
    edition += told != now
    st.session_state[SWITCHED] = (now, edition)
    return f"ablate-{channel}-{edition}"


def turn(key: str, channel: int) -> None:
    """A callback's work: ablate that map, or no longer, as its switch says."""
    now = ablated()
    wanted = set(now) | {channel} if st.session_state.get(key) else set(now) - {channel}
    numbers = tuple(sorted(wanted))
    if key != switch_key(channel, now) or numbers == now:
        return
    state.change({NUMBERS: numbers})
    st.session_state[SWITCHED] = (numbers, st.session_state[SWITCHED][1])


def choose_seen(layer: ConvLayer) -> None:
    """Show in which later layer, and how, what changes is seen."""
    options = {name: LATER_LAYERS[name] for name in later_layer_options(layer.name)}
    if len(options) > 1:
        controls.one_of_many("Seen in", SEEN, options)
        pairs.choose()


def marked(tiles: Grid) -> Grid:
    """The layer's own maps, of which those that are ablated say so."""
    now = ablated()
    both = zip(tiles.numbers, tiles.titles, strict=True)
    return replace(tiles, titles=[f"{title} ✕" if n in now else title for n, title in both])


def stands_in(maps: LayerMaps) -> bool:
    """Show what becomes of a later layer in the grid's place, if it is to stand there."""
    if not (mode.is_explained() and ablated()):
        return False
    here = AblatedMaps(maps, ablated())
    changes = told(here)
    if changes:
        show_pair(here, seen(here, changes), SHOWN_IN_A_LECTURE)
    return True


def show(maps: LayerMaps) -> None:
    """Show what becomes of all later layers without the ablated maps, if there are any."""
    if mode.is_explained() or not ablated():
        return
    here = AblatedMaps(maps, ablated())
    with st.container(key="ablation"):
        st.subheader(f"{maps.layer.name} without {few(here.numbers)}")
        changes = told(here)
        if not changes:
            return
        text_blocks.prose(
            f"{named(here.numbers).capitalize()} {'is' if len(here.numbers) == 1 else 'are'} zero "
            "everywhere, and the layers after it run again. **Click a map** to go to where it "
            "changes most."
        )
        with st.container(horizontal=True, gap="small", key="ablation-fields"):
            choose_seen(maps.layer)
        show_pair(here, seen(here, changes), SHOWN)
        show_loss(here, changes[0])
        show_changes(changes)


def told(here: AblatedMaps) -> list[Change]:
    """How far all later layers change; nothing, and one sentence, where there is nothing to see."""
    layer, silent = here.maps.layer, here.silent_already
    if layer is VGG19.conv_layers[-1]:
        st.info(
            f"{layer.name} is the last conv layer: there is none after it that could change. What "
            "its maps count for in the answer is seen in Classes."
        )
        return []
    if silent:
        were = f"{named(silent).capitalize()} {'was' if len(silent) == 1 else 'were'}"
        rest = "nothing changes" if len(silent) == len(here.numbers) else "it changes nothing"
        st.info(f"{were} silent already: {rest}.")
    if len(silent) == len(here.numbers):
        return []
    try:
        changes = here.changes()
    except NotFiniteError:
        st.warning(TOO_LARGE)
        return []
    if not any(one.mean.any() for one in changes):
        st.info("Nothing changes in any later layer.")
        return []
    return changes


def seen(here: AblatedMaps, changes: Sequence[Change]) -> Change:
    """The change of the layer that is looked at."""
    wanted = state.value(SEEN)
    return next((one for one in changes if one.layer.name == wanted), changes[0])


def show_pair(here: AblatedMaps, changed: Change, count: int) -> None:
    """Show the maps of a later layer that change most, twice or as a difference."""
    if not changed.mean.any():
        st.info(f"Nothing changes in {changed.layer.name}.")
        return
    shown_as, appearance = str(state.value("shown_as")), look()
    pair = here.pair(changed, count)
    grids, there = pair.grids(shown_as, appearance), here.stops(pair)
    on_pick = partial(go_to, there, here.maps.layer.name, here.maps.subject_key)
    pairs.show(grids, here.maps.results, on_pick, NUMBERS, follows=False)
    exported = here.for_export()
    export_menu.offer(
        "ablation",
        f"{changed.layer.name} without {few(here.numbers)} of {here.maps.layer.name}",
        lambda: exported.pair(changed, count).grids(shown_as, appearance),
        lambda: exported.pair(changed, count).script_runs(),
    )


def look() -> Appearance:
    """The colors of the layer's own grid, on the pair's scale."""
    scale = state.choice("pair_scale", PAIR_SCALES)
    return Appearance(scale, state.choice("colors", COLOR_MAPS))


def go_to(
    there: Mapping[int, TrailStep], layer_name: str, about: Hashable, mosaic: str
) -> Callable[[], None]:
    """A callback: go to the map that was clicked, where it changes most."""

    def go() -> None:
        number = component_values.number(mosaic, max(there, default=0))
        if number is None or number not in there:
            return
        chosen = selection.current()
        if chosen and chosen.position:
            trail.extend(TrailStep(layer_name, *chosen), there[number], about)  # type: ignore[arg-type]
        else:
            trail.go(there[number])

    return go


def show_loss(here: AblatedMaps, changed: Change) -> None:
    """Show what a value of the next layer loses, beside what the ablated maps had contributed."""
    if not changed.mean.any():
        return
    try:
        found = here.loss(changed)
    except NotFiniteError:
        st.warning(TOO_LARGE)
        return
    asked = found.question
    st.markdown(
        f"**The value that changes most** in {asked.layer.name}, that of map {asked.channel} at "
        f"row {asked.row + 1}, column {asked.column + 1}, is {figure(found.value)} before its "
        f"ReLU, and {figure(found.value - found.lost)} without {few(here.numbers)}."
    )
    loses = "It loses" if found.lost >= 0 else "It gains"
    brought = "had contributed" if found.contributed >= 0 else "had taken away"
    steps = [
        (loses, found.lost),
        (f"{few(here.numbers)} {brought}", found.contributed),
    ]
    with st.container(horizontal=True, gap="large"):
        for label, number in steps:
            st.metric(label, figure(abs(number), 5), width="content")


def show_changes(changes: Sequence[Change]) -> None:
    """Show how far every later layer changes, and which of its maps most."""
    head = "| Layer | Whole layer | The maps that change most |\n| :-- | --: | :-- |"
    st.markdown(
        "**Layer by layer**: how far maps are from what they were, on the mean of all places, and "
        "in percent of their mean.\n\n" + "\n".join([head, *map(row, changes)])
    )


def row(changed: Change) -> str:
    """A layer's row in the table."""
    most = [in_numbers(changed, int(index)) for index in changed.strongest(TOLD)]
    share = percent(float(changed.mean.sum()), float(changed.before.sum()))
    return f"| {changed.layer.name} | {share} | {' · '.join(most) or 'none changes'} |"


def in_numbers(changed: Change, index: int) -> str:
    """A map's number, and how far it changes."""
    mean, before = float(changed.mean[index]), float(changed.before[index])
    return f"**{index + 1}** by {figure(mean, 3)} ({percent(mean, before)})"


def percent(change: float, before: float) -> str:
    """A share of what there was; there may have been nothing."""
    if not change:
        return "0%"
    if not before:
        return "was silent"
    share = change / before
    return f"{share:,.0%}" if share >= 0.01 else "<1%"
