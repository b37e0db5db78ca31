"""Maps that are taken out of a layer on the page, and what becomes of the layers after it."""

from collections.abc import Callable, Generator, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import streamlit as st

from vgg_viz import silencing as core
from vgg_viz.architecture import VGG19, ConvLayer
from vgg_viz.attribution import NotFiniteError, Question, attribute
from vgg_viz.figures import figure
from vgg_viz.links import COLOUR_MAPS, MOST_SILENCED, PAIR_SCALES, SEEN_IN, laters_of
from vgg_viz.reproduction import SilencedRun
from vgg_viz.silencing import Change
from vgg_viz.ui import state
from vgg_viz.ui.parts import pairs
from vgg_viz.ui.parts.layer_maps import LayerMaps, script_network
from vgg_viz.ui.parts.pairs import MINUS, Pair
from vgg_viz.ui.state import mode, picked, selection, walk
from vgg_viz.ui.state.walk import Stop
from vgg_viz.ui.widgets import controls, export_menu, words
from vgg_viz.ui.widgets.controls import Appearance
from vgg_viz.ui.widgets.grid import Grid

NUMBERS, SEEN = "silenced", "seen_in"
SWITCHED = "silence-switched"
SHOWN, SHOWN_IN_A_LECTURE = 16, 9  # maps that change most, as tiles
TOLD = 3  # of each layer, in numbers
NAMED = 6  # so many maps are told by their numbers where there is little room
NAMES = ("before", "without")  # of the arrays in an export
TOO_LARGE = (
    "With these weights numbers become too large for single precision: what changes cannot be said."
)


@dataclass(frozen=True, kw_only=True)
class SilencedMaps(LayerMaps):
    """What a later layer makes of a picture where these maps of the layer ``source`` are zero."""

    source: ConvLayer
    silenced: tuple[int, ...]

    @property
    def subject_key(self) -> tuple[object, ...]:
        """Whose maps these are, in whatever layer."""
        return (*super().subject_key, "without", self.source.name, self.silenced)

    def values(self) -> np.ndarray:
        """The maps after ReLU, float32 ``(maps, height, width)``."""

        def begin() -> Generator[None, None, np.ndarray]:
            before = LayerMaps(
                self.results, self.network, self.picture, self.source, self.preprocessing
            )
            quiet = core.silenced(before.values(), self.silenced)
            return core.later_maps(self.network, self.source, quiet, self.layer)

        return self.results.in_steps(("later maps", *self.key), begin)

    def script_run(self, name: str, numbers: Sequence[int]) -> SilencedRun:
        """How a script of one's own makes the maps of these numbers."""
        return SilencedRun(
            name,
            script_network(self.network.weights),
            self.preprocessing,
            self.picture.pixels,
            self.layer.name,
            numbers,
            self.source.name,
            self.silenced,
        )


@dataclass(frozen=True)
class Loss:
    """What a value of the next layer loses before its ReLU, and what silenced maps had brought."""

    question: Question
    value: float
    contributed: float
    lost: float


@dataclass(frozen=True)
class Silencing:
    """These maps without some of them, by their numbers."""

    maps: LayerMaps
    numbers: tuple[int, ...]

    def for_export(self) -> "Silencing":
        """The same for what is made outside of runs."""
        return replace(self, maps=self.maps.for_export())

    @property
    def key(self) -> Hashable:
        """Which maps of what are silenced."""
        return (*self.maps.key, self.numbers)

    @property
    def silent_already(self) -> list[int]:
        """The numbers of those that are nowhere above zero anyway."""
        largest = self.maps.statistics().maximum
        return [number for number in self.numbers if largest[number - 1] == 0]

    def changes(self) -> list[Change]:
        """How far the maps of all later layers change.

        Raises:
            NotFiniteError: numbers on the way are too large.
        """
        maps = self.maps
        found: list[Change] = maps.results.in_steps(
            ("silencing", self.key),
            lambda: core.changes(maps.network, maps.layer, maps.values(), self.numbers),
        )
        if not all(np.isfinite(one.mean).all() for one in found):
            raise NotFiniteError("expected finite changes, got larger numbers than float32 has")
        return found

    def pair(self, changed: Change, count: int) -> Pair:
        """The maps of a later layer that change most, as they were and without what is silenced."""
        maps, later = self.maps, changed.layer
        before = replace(maps, layer=later)
        now = SilencedMaps(
            maps.results,
            maps.network,
            maps.picture,
            later,
            maps.preprocessing,
            source=maps.layer,
            silenced=self.numbers,
        )
        order = changed.strongest(count).tolist()
        shown = [index + 1 for index in order]
        titles = [f"{index + 1}: {figure(float(changed.mean[index]), 2)}" for index in order]
        headings = ("As it was", f"Without {few(self.numbers)}")
        apart = f"without {few(self.numbers)} of {maps.layer.name}"
        mean = "number and mean change"
        subjects = ("", f"{apart} · {mean}", f"{apart} minus with it · {mean} · {MINUS}")
        captions = [self._caption(later, len(shown), subject) for subject in subjects]
        return Pair((before, now), shown, headings, captions, NAMES, titles)

    def _caption(self, later: ConvLayer, count: int, subject: str) -> str:
        of = f"{count} of {later.filters} maps"
        parts = [later.title, self.maps.subject, subject, f"{of} shown, what changes most first"]
        in_short = [later.name, self.maps.picture.title, of]
        return words.caption(" · ".join(filter(None, [*parts, "after ReLU"])), " · ".join(in_short))

    def stops(self, pair: Pair) -> dict[int, Stop]:
        """Where each of these maps changes most, by its number."""
        before, now = pair.sides

        def find() -> list[tuple[int, int]]:
            values = [side.grid(pair.numbers).values for side in (before, now)]
            return [largest(other - one) for one, other in zip(*values, strict=True)]

        places = before.results.kept(("places", now.key, tuple(pair.numbers)), find)
        return {
            number: Stop(now.layer.name, number, place)
            for number, place in zip(pair.numbers, places, strict=True)
        }

    def loss(self, changed: Change) -> Loss:
        """What happens to the value of the next layer that changes most.

        Raises:
            NotFiniteError: numbers on the way are too large.
        """
        maps, pair = self.maps, self.pair(changed, 1)
        ((number, stop),) = self.stops(pair).items()
        question = Question(changed.layer, number, *stop.position, maps.layer.name)

        def begin() -> Generator[float | None, None, Loss]:
            return self._loss(maps.values(), question)

        return maps.results.in_steps(("loss", self.key), begin)

    def _loss(self, values: np.ndarray, question: Question) -> Generator[float | None, None, Loss]:
        maps, which = self.maps, np.array(self.numbers) - 1
        found = yield from attribute(
            maps.network, maps.picture.pixels, question, maps.preprocessing
        )
        lost = yield from core.lost(maps.network, values, question, self.numbers)
        return Loss(question, found.value, float(found.by_map[which].sum()), lost)


def largest(difference: np.ndarray) -> tuple[int, int]:
    """Row and column of the largest of these, whatever their signs, from 0."""
    row, column = np.unravel_index(np.abs(difference).argmax(), difference.shape)
    return int(row), int(column)


def silenced() -> tuple[int, ...]:
    """The numbers of the maps that are silenced."""
    numbers = state.value(NUMBERS)
    return tuple(map(int, numbers)) if isinstance(numbers, tuple) else ()


def few(numbers: Sequence[int]) -> str:
    """Maps by their numbers, or how many they are."""
    return named(numbers) if len(numbers) <= NAMED else f"{len(numbers)} maps"


def named(numbers: Sequence[int]) -> str:
    """Maps by their numbers."""
    *others, last = map(str, numbers)
    return f"maps {', '.join(others)} and {last}" if others else f"map {last}"


def choose_aside(layer: ConvLayer) -> None:
    """Show in the sidebar what has no room where a lecturer or a tour explains what is seen."""
    if mode.in_lecture():
        show_switch()
        show_field()
    if mode.is_explained() and silenced():
        choose_seen(layer)


def show_switch() -> None:
    """Show the switch that silences the chosen map, if one is chosen."""
    now, chosen = silenced(), selection.current()
    if chosen is None:
        return
    key = switch_key(chosen.channel, now)
    st.session_state[key] = chosen.channel in now
    st.toggle(
        "Silence this map",
        key=key,
        on_change=turn,
        args=(key, chosen.channel),
        disabled=len(now) >= MOST_SILENCED and chosen.channel not in now,
        help="Takes it out: it is zero everywhere, and the layers after it run on without it.",
    )


def show_field() -> None:
    """Show the field that silences several maps, once one is chosen or silenced."""
    if selection.current() is None and not silenced():
        return
    st.text_input("Silenced maps", placeholder="such as 4, 17, 30", **state.bind(NUMBERS))
    problem = state.mistyped(NUMBERS)
    if problem:
        st.warning(words.escape(f"{problem[0].upper()}{problem[1:]}."))


def switch_key(channel: int, now: tuple[int, ...]) -> str:
    """The key of the switch: another one where the page has changed what it shows.

    A browser that has not heard of that yet says what the old one shows.
    """
    told, edition = st.session_state.get(SWITCHED, (now, 0))
    edition += told != now
    st.session_state[SWITCHED] = (now, edition)
    return f"silence-{channel}-{edition}"


def turn(key: str, channel: int) -> None:
    """A callback's work: silence that map, or no longer, as its switch says."""
    now = silenced()
    wanted = set(now) | {channel} if st.session_state.get(key) else set(now) - {channel}
    numbers = tuple(sorted(wanted))
    if key != switch_key(channel, now) or numbers == now:
        return
    state.change({NUMBERS: numbers})
    st.session_state[SWITCHED] = (numbers, st.session_state[SWITCHED][1])


def choose_seen(layer: ConvLayer) -> None:
    """Show in which later layer, and how, what changes is seen."""
    options = {name: SEEN_IN[name] for name in laters_of(layer.name)}
    if len(options) > 1:
        controls.one_of_many("Seen in", SEEN, options)
        pairs.choose()


def marked(tiles: Grid) -> Grid:
    """The layer's own maps, of which those that are silenced say so."""
    now = silenced()
    both = zip(tiles.numbers, tiles.titles, strict=True)
    return replace(tiles, titles=[f"{title} ✕" if n in now else title for n, title in both])


def stands_in(maps: LayerMaps) -> bool:
    """Show what becomes of a later layer in the grid's place, if it is to stand there."""
    if not (mode.is_explained() and silenced()):
        return False
    here = Silencing(maps, silenced())
    changes = told(here)
    if changes:
        show_pair(here, seen(here, changes), SHOWN_IN_A_LECTURE)
    return True


def show(maps: LayerMaps) -> None:
    """Show what becomes of all later layers without the silenced maps, if there are any."""
    if mode.is_explained() or not silenced():
        return
    here = Silencing(maps, silenced())
    with st.container(key="silencing"):
        st.subheader(f"{maps.layer.name} without {few(here.numbers)}")
        changes = told(here)
        if not changes:
            return
        words.prose(
            f"{named(here.numbers).capitalize()} {'is' if len(here.numbers) == 1 else 'are'} zero "
            "everywhere, and the layers after it run again. **Click a map** to go to where it "
            "changes most."
        )
        with st.container(horizontal=True, gap="small", key="silencing-fields"):
            choose_seen(maps.layer)
        show_pair(here, seen(here, changes), SHOWN)
        show_loss(here, changes[0])
        show_changes(changes)


def told(here: Silencing) -> list[Change]:
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


def seen(here: Silencing, changes: Sequence[Change]) -> Change:
    """The change of the layer that is looked at."""
    wanted = state.value(SEEN)
    return next((one for one in changes if one.layer.name == wanted), changes[0])


def show_pair(here: Silencing, changed: Change, count: int) -> None:
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
        "silencing",
        f"{changed.layer.name} without {few(here.numbers)} of {here.maps.layer.name}",
        lambda: exported.pair(changed, count).grids(shown_as, appearance),
        lambda: exported.pair(changed, count).script_runs(),
    )


def look() -> Appearance:
    """The colours of the layer's own grid, on the pair's scale."""
    scale = state.choice("pair_scale", PAIR_SCALES)
    return Appearance(scale, state.choice("colours", COLOUR_MAPS))


def go_to(
    there: Mapping[int, Stop], layer_name: str, about: Hashable, mosaic: str
) -> Callable[[], None]:
    """A callback: go to the map that was clicked, where it changes most."""

    def go() -> None:
        number = picked.number(mosaic, max(there, default=0))
        if number is None or number not in there:
            return
        chosen = selection.current()
        if chosen and chosen.position:
            walk.on(Stop(layer_name, *chosen), there[number], about)  # type: ignore[arg-type]
        else:
            walk.go(there[number])

    return go


def show_loss(here: Silencing, changed: Change) -> None:
    """Show what a value of the next layer loses, beside what the silenced maps had contributed."""
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
