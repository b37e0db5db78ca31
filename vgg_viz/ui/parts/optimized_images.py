"""Made pictures: what channels answer to most as far as climbing finds it, while it is found."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import streamlit as st

from vgg_viz.export.number_format import figure
from vgg_viz.export.scripts import OptimizationScriptRun
from vgg_viz.interpretability.feature_visualization.optimization import picture_side
from vgg_viz.interpretability.feature_visualization.parametrizations import PARAMETRIZATIONS
from vgg_viz.interpretability.feature_visualization.top_patches import Spot, patch
from vgg_viz.model.architecture import ConvLayer
from vgg_viz.model.network import MEAN_COLOR
from vgg_viz.serving.optimization_worker import OptimizationSpec, Progress, Snapshot
from vgg_viz.ui import state
from vgg_viz.ui.parts import comparison, inspector, patch_grids
from vgg_viz.ui.parts.layer_maps import script_network
from vgg_viz.ui.parts.patch_grids import Patches
from vgg_viz.ui.state import mode
from vgg_viz.ui.state.shared_instance import results, shared
from vgg_viz.ui.widgets import chosen_channel, components, export_menu, grid, text_blocks
from vgg_viz.ui.widgets.color_grid import ColorGrid
from vgg_viz.ui.widgets.grid import Placement

GRIDS = ("made-grid", "made-grid-other")
ONES = ("made-one", "made-one-other")
STOPPED, WATCHED = "made-stopped", "made-watched"
POLLING_SECONDS = 1.0
NOT_BEGUN = 128  # gray
HINT = "Click a picture to see it here, large, beside the channel's strongest patch."


@dataclass(frozen=True)
class OptimizedImages:
    """The pictures that are made for a layer's channels, and the patches they compare with."""

    subject: OptimizationSpec
    patches: Patches

    @property
    def layer(self) -> ConvLayer:
        """The channels' layer."""
        return self.subject.layer

    def progress(self, channels: Sequence[int], *, wanted: bool) -> Progress:
        """What there is of these channels' pictures; the rest is made as long as it is wanted."""
        maker = shared().maker
        return (maker.look if wanted else maker.there)(self.subject, channels)

    def strongest(self, channel: int) -> Spot | None:
        """The channel's strongest patch; None where it is silent on all pictures."""
        spots = self.patches.top[channel - 1]
        return spots[0] if spots else None

    def times(self, channel: int, value: float) -> str:
        """How many times the value of the strongest patch that is: empty where there is none."""
        spot = self.strongest(channel)
        return f"{figure(value / spot.value, 2)}×" if spot and value > 0 else ""

    def grid(self, channels: Sequence[int], progress: Progress) -> ColorGrid:
        """The channels' pictures as they are, a tile each; gray where nothing is to be seen yet."""
        seen = [progress.pictures.get(channel) for channel in channels]
        done = sum(one is not None and one.finished for one in seen)
        return ColorGrid(
            partial(self._tiles, seen),
            [self.title(*pair) for pair in zip(channels, seen, strict=True)],
            channels,
            ("made", self.subject.key, tuple(channels), tuple(one and one.step for one in seen)),
            self.caption(len(channels), done),
            name="made",
            axes={"channel": channels},
            transient=done < len(channels),
            tooltips=[self.told(*pair) for pair in zip(channels, seen, strict=True)],
            figures=self.figures(channels, progress.pictures),
        )

    def _tiles(self, seen: Sequence[Snapshot | None]) -> np.ndarray:
        side = picture_side(self.layer)
        gray = np.full((side, side, 3), NOT_BEGUN, np.uint8)
        return np.stack([gray if one is None else one.pixels for one in seen])

    def figures(
        self, channels: Sequence[int], seen: Mapping[int, Snapshot]
    ) -> dict[str, Sequence[float]]:
        """The numbers of pictures: their values, those of the strongest patches, and the steps."""
        spots = [self.strongest(channel) for channel in channels]
        return {
            "value": [seen[one].value if one in seen else 0.0 for one in channels],
            "strongest_patch": [spot.value if spot else 0.0 for spot in spots],
            "steps": [seen[one].step if one in seen else 0 for one in channels],
        }

    def title(self, channel: int, seen: Snapshot | None) -> str:
        """A tile's title: the channel, the picture's value, and how many times the patch's."""
        if seen is None:
            return str(channel)
        # Large letters leave room for two of them.
        value = "" if mode.in_lecture() else figure(seen.value, 3)
        parts = [str(channel), value, self.times(channel, seen.value)]
        return " · ".join(filter(None, parts))

    def told(self, channel: int, seen: Snapshot | None) -> list[str]:
        """What is said of a tile."""
        if seen is None:
            return ["not begun"]
        times, spot = self.times(channel, seen.value), self.strongest(channel)
        lines = [f"{figure(seen.value)} before ReLU"]
        if times and spot:
            lines.append(f"{times} the strongest patch, {figure(spot.value)}")
        elif spot is None:
            lines.append("silent on all pictures of this page")
        return lines if seen.finished else [*lines, f"step {seen.step} of {seen.steps}"]

    def caption(self, count: int, done: int) -> str:
        """What a reader must know of the grid."""
        network, way = (
            self.subject.network.label,
            PARAMETRIZATIONS[self.subject.parametrization].label.lower(),
        )
        of = f"{count} of {self.layer.filters} channels"
        under = f" · {done} finished" if done < count else ""
        return text_blocks.caption(
            f"{self.layer.title} · {network} · {of}{under} · made by optimization, {way}, seed "
            f"{self.subject.seed} · number, value before ReLU, times that of the patch which is "
            f"{self.patches.origin}",
            f"{network} · {of} · made by optimization, {way}",
        )

    def beside_patch(self, channel: int, seen: Snapshot) -> ColorGrid:
        """A picture in its field, and the strongest patch, side by side."""
        tiles, titles = [in_field(self.layer, seen.pixels)], [f"Made · {figure(seen.value)}"]
        told, spot = [self.told(channel, seen)], self.strongest(channel)
        if spot:
            picture = self.patches.images[spot.picture]
            tiles.append(patch(picture.pixels, self.layer, spot.row, spot.column))
            titles.append(f"Patch · {figure(spot.value)}")
            told.append([f"{figure(spot.value)} on {picture.title}"])
        numbers = range(1, len(tiles) + 1)
        of = f"Channel {channel} of {self.layer.name}"
        times = self.times(channel, seen.value)
        return ColorGrid(
            tiles,
            titles,
            numbers,
            ("beside", self.subject.key, channel, seen.step, self.patches.key),
            text_blocks.caption(
                f"{of} · {self.subject.network.label}",
                f"{times} the strongest patch" if times else self.subject.network.label,
            ),
            columns=len(tiles),
            axes={"tile": numbers},
            transient=not seen.finished,
            tooltips=told,
        )

    def script_run(self, name: str, channels: Sequence[int]) -> OptimizationScriptRun:
        """How a script of one's own makes the same pictures."""
        network = script_network(self.subject.network.weights)
        subject = self.subject
        return OptimizationScriptRun(
            name, network, self.layer.name, list(channels), subject.seed, subject.parametrization
        )


def in_field(layer: ConvLayer, pixels: np.ndarray) -> np.ndarray:
    """A made picture as the network saw it: where its field is larger, in the mean color."""
    side = layer.receptive_field
    seen = np.full((side, side, 3), MEAN_COLOR, np.uint8)
    first = (side - len(pixels)) // 2
    which = slice(first, first + len(pixels))
    seen[which, which] = pixels
    return seen


def show(sides: Sequence[OptimizedImages], count: int) -> None:
    """Show the first so many channels' pictures of one network or two, growing while they grow."""
    if len(sides) > 1 and sides[0].subject.key == sides[1].subject.key:
        comparison.note_identical("network")
    channels = range(1, count + 1)
    live = is_live(sides, channels, look(sides, channels))
    st.fragment(show_growing)(sides, channels, live=live)
    if not live:
        offer(sides, channels)


def show_growing(sides: Sequence[OptimizedImages], channels: Sequence[int], *, live: bool) -> None:
    """Show pictures as they are, again and again as long as they grow."""
    # What is clicked in here concerns the whole page, as does whether more is to come.
    found = look(sides, channels)
    if state.has_changed() or live != is_live(sides, channels, found):
        st.rerun()
    show_progress(sides, channels, found)
    if len(sides) > 1:
        show_pair(sides, channels, found)
    else:
        show_one(sides[0], channels, found[0])
    if live:
        look_again()


def look_again() -> None:
    """Have the browser run this part of the page again after a while."""
    data = components.pack({"seconds": POLLING_SECONDS})
    components.mount("pulse", "made-pulse", data, grid.ignore)


def all_channels(channels: Sequence[int]) -> list[int]:
    """What is made: the channel that is chosen first, and those of the grid."""
    chosen = state.number("channel")
    return list(dict.fromkeys([*([chosen] if chosen else []), *channels]))


def look(sides: Sequence[OptimizedImages], channels: Sequence[int]) -> list[Progress]:
    """What there is of each side's pictures; the rest is made, unless this visitor has stopped."""
    wanted = not is_stopped(sides, channels)
    return [made.progress(all_channels(channels), wanted=wanted) for made in sides]


def is_live(
    sides: Sequence[OptimizedImages], channels: Sequence[int], found: Sequence[Progress]
) -> bool:
    """Whether more is to come, and this visitor wants it."""
    return not is_stopped(sides, channels) and not all(one.complete for one in found)


def job(sides: Sequence[OptimizedImages], channels: Sequence[int]) -> Hashable:
    """What is made here, in whatever order, in plain values."""
    return tuple(made.subject.key for made in sides), frozenset(all_channels(channels))


def is_stopped(sides: Sequence[OptimizedImages], channels: Sequence[int]) -> bool:
    """Whether this visitor wants no more of what is made here."""
    return st.session_state.get(STOPPED) == job(sides, channels)


def turn(sides: Sequence[OptimizedImages], channels: Sequence[int]) -> None:
    """A callback's work: stop, or go on."""
    stopped = is_stopped(sides, channels)
    st.session_state[STOPPED] = None if stopped else job(sides, channels)


def show_progress(
    sides: Sequence[OptimizedImages], channels: Sequence[int], found: Sequence[Progress]
) -> None:
    """Show how far it is, what is left, and the way to stop or go on."""
    stopped = is_stopped(sides, channels)
    for failure in dict.fromkeys(one.failure for one in found if one.failure):
        st.warning(text_blocks.escape_marks(failure), icon=":material/error:")
    if all(one.complete for one in found):
        show_finished(sides, channels)
        return
    st.session_state[WATCHED] = job(sides, channels)
    growing = [one.pictures[channel] for one in found for channel in one.pictures]
    share = sum(one.step / one.steps for one in growing) / (
        len(all_channels(channels)) * len(sides)
    )
    left = [one.seconds_left for one in found if one.seconds_left is not None]
    with st.container(key="made-progress", horizontal=True, vertical_alignment="center"):
        said = "Stopped" if stopped else f"Making pictures{time_left(max(left, default=None))}"
        st.progress(min(share, 1.0), said)
        st.button(
            "Go on" if stopped else "Stop",
            icon=":material/play_arrow:" if stopped else ":material/stop:",
            key="made-turn",
            on_click=turn,
            args=(sides, channels),
        )


def show_finished(sides: Sequence[OptimizedImages], channels: Sequence[int]) -> None:
    """Say so to who has watched, in the same place, so that nothing moves under the pointer."""
    if st.session_state.get(WATCHED) == job(sides, channels):
        with st.container(key="made-progress", horizontal=True, vertical_alignment="center"):
            st.caption("Finished.")


def time_left(seconds: float | None) -> str:
    """What is left, in words."""
    if seconds is None:
        return "…"
    if seconds < 90:
        return f": about {max(1, round(seconds))} s left"
    return f": about {round(seconds / 60)} minutes left"


def show_one(made: OptimizedImages, channels: Sequence[int], found: Progress) -> None:
    """Show one network's pictures and, beside them, the one that was picked."""
    with st.container(key="maps-room"):
        alone = mode.in_lecture() and state.number("channel") is None
        left, panel = [st.container()] * 2 if alone else st.columns([3, 2], gap="medium")
    with left:
        show_grid(made, channels, found, GRIDS[0])
    with panel:
        channel = chosen_channel.choose(made.layer)
        show_chosen(made, channel, found, ONES[0])


def show_pair(
    sides: Sequence[OptimizedImages], channels: Sequence[int], found: Sequence[Progress]
) -> None:
    """Show the same channels of two networks side by side, and the chosen one's of both."""
    for name, made, seen, column in zip(GRIDS, sides, found, patch_grids.columns(), strict=True):
        with column:
            st.subheader(comparison.network_name(made.subject.network))
            show_grid(made, channels, seen, name, patch_grids.HALF)
    channel = chosen_channel.choose(sides[0].layer)
    for name, made, seen, column in zip(ONES, sides, found, patch_grids.columns(), strict=True):
        with column:
            show_chosen(made, channel, seen, name)


def show_grid(
    made: OptimizedImages,
    channels: Sequence[int],
    found: Progress,
    name: str,
    width: int = grid.PAGE_WIDTH,
) -> None:
    """Show a picture a channel; a click chooses the channel."""
    place = Placement(name, inspector.pick_map(name, made.layer), width=width)
    grid.show(results(), made.grid(channels, found), place)


def show_chosen(made: OptimizedImages, channel: int | None, found: Progress, name: str) -> None:
    """Show the chosen channel's picture beside its strongest patch, or say how to choose one."""
    if channel is None:
        text_blocks.note(HINT)
        return
    seen = found.pictures.get(channel)
    if seen is None:
        text_blocks.note("Its picture is not begun yet.")
        return
    place = Placement(name, grid.ignore, width=patch_grids.PANEL, follows=False, tools=False)
    grid.show(results(), made.beside_patch(channel, seen), place)
    if not mode.in_lecture():
        st.markdown(sentence(made, channel, seen))


def sentence(made: OptimizedImages, channel: int, seen: Snapshot) -> str:
    """A picture's value against that of the strongest patch, in words."""
    value = f"The made picture's value before ReLU is **{figure(seen.value)}**"
    spot, times = made.strongest(channel), made.times(channel, seen.value)
    if spot is None:
        return f"{value}. On all pictures of this page the channel is silent."
    title = text_blocks.escape(made.patches.images[spot.picture].title)
    patched = f"its strongest patch's, on {title}, **{figure(spot.value)}**"
    return f"{value}; {patched}" + (f": **{times}** as much." if times else ".")


def offer(sides: Sequence[OptimizedImages], channels: Sequence[int]) -> None:
    """Show the way to the files of what is finished."""
    found = [made.progress(channels, wanted=False).pictures for made in sides]
    finished = [
        channel
        for channel in channels
        if all(channel in one and one[channel].finished for one in found)
    ]
    if not finished:
        return
    names = comparison.NAMES if len(sides) > 1 else ["made"]

    def grids() -> list[ColorGrid]:
        return [
            replace(
                made.grid(finished, made.progress(finished, wanted=False)),
                name=name,
                heading=comparison.network_name(made.subject.network) if len(sides) > 1 else "",
            )
            for made, name in zip(sides, names, strict=True)
        ]

    export_menu.offer(
        "made",
        f"Pictures made for channels of {sides[0].layer.name}",
        grids,
        lambda: [made.script_run(name, finished) for made, name in zip(sides, names, strict=True)],
    )
