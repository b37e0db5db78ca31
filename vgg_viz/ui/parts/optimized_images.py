"""Grids of optimized images: shown while they are optimized, and compared with top patches."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import streamlit as st

from vgg_viz.export.number_format import figure
from vgg_viz.export.scripts import OptimizationScriptRun
from vgg_viz.interpretability.feature_visualization.optimization import image_side
from vgg_viz.interpretability.feature_visualization.parametrizations import PARAMETRIZATIONS
from vgg_viz.interpretability.feature_visualization.top_patches import TopPatch, crop_patch
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

GRIDS = ("optimized-grid", "optimized-grid-other")
PAIRS = ("optimized-beside-patch", "optimized-beside-patch-other")
STOPPED, WATCHED = "optimization-stopped", "optimization-watched"
POLLING_SECONDS = 1.0
NOT_STARTED = 128  # gray
HINT = "Click an image to enlarge it here, beside the patch that activates its channel most."


@dataclass(frozen=True)
class OptimizedImages:
    """Optimized images of one network's channels in one layer, and top patches to compare with."""

    spec: OptimizationSpec
    patches: Patches

    @property
    def layer(self) -> ConvLayer:
        """Conv layer whose channels the images are optimized for."""
        return self.spec.layer

    def request(self, channels: Sequence[int]) -> Progress:
        """Ask the optimization worker for the images of these channels; return their progress."""
        return shared().optimization_worker.request(self.spec, channels)

    def progress(self, channels: Sequence[int]) -> Progress:
        """Return the progress of these channels' images without asking the worker for more."""
        return shared().optimization_worker.progress(self.spec, channels)

    def top_patch(self, channel: int) -> TopPatch | None:
        """Return a channel's top patch, or None if the channel is inactive on all images."""
        spots = self.patches.top[channel - 1]
        return spots[0] if spots else None

    def ratio(self, channel: int, value: float) -> str:
        """Format an optimized image's value relative to its channel's top patch, such as "2.1×".

        The text is empty without a top patch, or if the value is not positive.
        """
        spot = self.top_patch(channel)
        return f"{figure(value / spot.value, 2)}×" if spot and value > 0 else ""

    def grid(self, channels: Sequence[int], progress: Progress) -> ColorGrid:
        """Return a grid of the channels' images as optimized so far, gray where not started."""
        snapshots = [progress.snapshots.get(channel) for channel in channels]
        finished = sum(one is not None and one.finished for one in snapshots)
        steps = tuple(one and one.step for one in snapshots)
        tiles = list(zip(channels, snapshots, strict=True))
        return ColorGrid(
            partial(self._pixels, snapshots),
            [self.title(*tile) for tile in tiles],
            channels,
            ("optimized", self.spec.key, tuple(channels), steps),
            self.caption(len(channels), finished),
            name="optimized",
            axes={"channel": channels},
            transient=finished < len(channels),
            tooltips=[self.tooltip(*tile) for tile in tiles],
            figures=self.figures(channels, progress.snapshots),
        )

    def _pixels(self, snapshots: Sequence[Snapshot | None]) -> np.ndarray:
        side = image_side(self.layer)
        gray = np.full((side, side, 3), NOT_STARTED, np.uint8)
        return np.stack([gray if one is None else one.pixels for one in snapshots])

    def figures(
        self, channels: Sequence[int], snapshots: Mapping[int, Snapshot]
    ) -> dict[str, Sequence[float]]:
        """Return the columns of the exported table, with one entry per channel.

        The columns are the value of the optimized image, that of the top patch, and the number of
        optimization steps.
        """
        spots = [self.top_patch(channel) for channel in channels]
        return {
            "value": [snapshots[one].value if one in snapshots else 0.0 for one in channels],
            "top_patch": [spot.value if spot else 0.0 for spot in spots],
            "steps": [snapshots[one].step if one in snapshots else 0 for one in channels],
        }

    def title(self, channel: int, snapshot: Snapshot | None) -> str:
        """Return the title of a channel's tile: number, value, and ratio to the top patch's value.

        Args:
            channel: number of the channel, from 1.
            snapshot: the image as optimized so far; None if not started.
        """
        if snapshot is None:
            return str(channel)
        # The large letters of a lecture leave no room for the value.
        value = "" if mode.in_lecture() else figure(snapshot.value, 3)
        parts = [str(channel), value, self.ratio(channel, snapshot.value)]
        return " · ".join(filter(None, parts))

    def tooltip(self, channel: int, snapshot: Snapshot | None) -> list[str]:
        """Return the tooltip lines of a channel's optimized image.

        Args:
            channel: number of the channel, from 1.
            snapshot: the image as optimized so far; None if not started.
        """
        if snapshot is None:
            return ["not started"]
        ratio, spot = self.ratio(channel, snapshot.value), self.top_patch(channel)
        lines = [f"{figure(snapshot.value)} before ReLU"]
        if spot is None:
            lines.append("inactive on all of this page's images")
        elif ratio:
            lines.append(f"{ratio} the top patch ({figure(spot.value)})")
        return lines if snapshot.finished else [*lines, f"step {snapshot.step} of {snapshot.steps}"]

    def caption(self, count: int, finished: int) -> str:
        """Return the caption of a grid of ``count`` optimized images, some of them finished."""
        network = self.spec.network.label
        method = PARAMETRIZATIONS[self.spec.parametrization].label.lower()
        channels = f"{count} of {self.layer.filters} channels"
        progress = f" · {finished} finished" if finished < count else ""
        return text_blocks.caption(
            f"{self.layer.title} · {network} · {channels}{progress} · optimized images, {method}, "
            f"seed {self.spec.seed} · channel, value before ReLU, relative to the top patch · "
            f"{self.patches.origin}",
            f"{network} · {channels} · optimized images, {method}",
        )

    def beside_patch(self, channel: int, snapshot: Snapshot) -> ColorGrid:
        """Return a grid of a channel's optimized image and, beside it, the channel's top patch.

        The image is padded to the size of the receptive field. An inactive channel has no patch.
        """
        tiles = [in_receptive_field(self.layer, snapshot.pixels)]
        titles = [f"Optimized · {figure(snapshot.value)}"]
        tooltips, spot = [self.tooltip(channel, snapshot)], self.top_patch(channel)
        if spot:
            image = self.patches.images[spot.image]
            tiles.append(crop_patch(image.pixels, self.layer, spot.row, spot.column))
            titles.append(f"Top patch · {figure(spot.value)}")
            tooltips.append([f"{figure(spot.value)} on {image.title}"])
        numbers = range(1, len(tiles) + 1)
        network, ratio = self.spec.network.label, self.ratio(channel, snapshot.value)
        return ColorGrid(
            tiles,
            titles,
            numbers,
            ("beside patch", self.spec.key, channel, snapshot.step, self.patches.key),
            text_blocks.caption(
                f"Channel {channel} of {self.layer.name} · {network}",
                f"{ratio} the top patch" if ratio else network,
            ),
            columns=len(tiles),
            axes={"tile": numbers},
            transient=not snapshot.finished,
            tooltips=tooltips,
        )

    def script_run(self, name: str, channels: Sequence[int]) -> OptimizationScriptRun:
        """Return the parameters of a Keras script that optimizes the images of these channels.

        Args:
            name: name of the exported array.
            channels: numbers of the channels, from 1.
        """
        spec = self.spec
        network = script_network(spec.network.weights)
        return OptimizationScriptRun(
            name, network, self.layer.name, list(channels), spec.seed, spec.parametrization
        )


def in_receptive_field(layer: ConvLayer, pixels: np.ndarray) -> np.ndarray:
    """Pad an optimized image with the mean color to the size of the layer's receptive field.

    Args:
        layer: the layer that the image was optimized for.
        pixels: the image, RGB uint8 ``(side, side, 3)``.
    """
    side = layer.receptive_field
    padded = np.full((side, side, 3), MEAN_COLOR, np.uint8)
    first = (side - len(pixels)) // 2
    inner = slice(first, first + len(pixels))
    padded[inner, inner] = pixels
    return padded


def show(sides: Sequence[OptimizedImages], count: int) -> None:
    """Show optimized images of a layer's first ``count`` channels, updated as they progress.

    Args:
        sides: the images of one network, or of two networks side by side.
        count: number of channels.
    """
    if len(sides) > 1 and sides[0].spec.key == sides[1].spec.key:
        comparison.note_identical("network")
    channels = range(1, count + 1)
    live = is_live(sides, channels, request(sides, channels))
    st.fragment(show_live)(sides, channels, live=live)
    if not live:
        offer(sides, channels)


def show_live(sides: Sequence[OptimizedImages], channels: Sequence[int], *, live: bool) -> None:
    """Show the images as optimized so far, and rerun until they are finished (fragment).

    Args:
        sides: the images of one network or two.
        channels: numbers of the channels in the grid.
        live: whether images were being optimized when the page was run.
    """
    progress = request(sides, channels)
    # A click in this fragment, or the last image finished, changes the rest of the page too.
    if state.has_changed() or live != is_live(sides, channels, progress):
        st.rerun()
    show_progress(sides, channels, progress)
    if len(sides) > 1:
        show_pair(sides, channels, progress)
    else:
        show_one(sides[0], channels, progress[0])
    if live:
        rerun_later()


def rerun_later() -> None:
    """Have the browser rerun the fragment with the optimized images after a second."""
    data = components.pack({"seconds": POLLING_SECONDS})
    components.mount("pulse", "optimization-pulse", data, grid.ignore)


def all_channels(channels: Sequence[int]) -> list[int]:
    """Return the channels to optimize images for: the chosen channel first, then the grid's."""
    chosen = state.number("channel")
    return list(dict.fromkeys([*([chosen] if chosen else []), *channels]))


def request(sides: Sequence[OptimizedImages], channels: Sequence[int]) -> list[Progress]:
    """Request the missing images unless this viewer has stopped the optimization.

    Returns:
        The progress of each network's images.
    """
    wanted = all_channels(channels)
    if is_stopped(sides, channels):
        return [side.progress(wanted) for side in sides]
    return [side.request(wanted) for side in sides]


def is_live(
    sides: Sequence[OptimizedImages], channels: Sequence[int], progress: Sequence[Progress]
) -> bool:
    """Return whether images that this viewer requested are still being optimized."""
    return not is_stopped(sides, channels) and not all(one.complete for one in progress)


def job_key(sides: Sequence[OptimizedImages], channels: Sequence[int]) -> Hashable:
    """Return plain values that identify the requested images, whatever their order."""
    return tuple(side.spec.key for side in sides), frozenset(all_channels(channels))


def is_stopped(sides: Sequence[OptimizedImages], channels: Sequence[int]) -> bool:
    """Return whether this viewer has stopped the optimization of these channels' images."""
    return st.session_state.get(STOPPED) == job_key(sides, channels)


def toggle(sides: Sequence[OptimizedImages], channels: Sequence[int]) -> None:
    """Stop or continue the optimization of these images for this viewer (widget callback)."""
    stopped = is_stopped(sides, channels)
    st.session_state[STOPPED] = None if stopped else job_key(sides, channels)


def show_progress(
    sides: Sequence[OptimizedImages], channels: Sequence[int], progress: Sequence[Progress]
) -> None:
    """Show the progress of the optimization, the time left, failures, and a button to stop it.

    If it is stopped, the button continues it.
    """
    stopped = is_stopped(sides, channels)
    for failure in dict.fromkeys(one.failure for one in progress if one.failure):
        st.warning(text_blocks.escape_marks(failure), icon=":material/error:")
    if all(one.complete for one in progress):
        show_finished(sides, channels)
        return
    st.session_state[WATCHED] = job_key(sides, channels)
    snapshots = [one.snapshots[channel] for one in progress for channel in one.snapshots]
    images = len(all_channels(channels)) * len(sides)
    share = sum(one.step / one.steps for one in snapshots) / images
    seconds = [one.seconds_left for one in progress if one.seconds_left is not None]
    left = time_left(max(seconds, default=None))
    with st.container(key="optimization-progress", horizontal=True, vertical_alignment="center"):
        st.progress(min(share, 1.0), "Stopped" if stopped else f"Optimizing images{left}")
        st.button(
            "Continue" if stopped else "Stop",
            icon=":material/play_arrow:" if stopped else ":material/stop:",
            key="optimization-toggle",
            on_click=toggle,
            args=(sides, channels),
        )


def show_finished(sides: Sequence[OptimizedImages], channels: Sequence[int]) -> None:
    """Show *Finished* in place of the progress bar, to a viewer who saw that bar.

    The layout of the page then stays as it was.
    """
    if st.session_state.get(WATCHED) != job_key(sides, channels):
        return
    with st.container(key="optimization-progress", horizontal=True, vertical_alignment="center"):
        st.caption("Finished.")


def time_left(seconds: float | None) -> str:
    """Format the remaining seconds of the optimization as the end of a progress text.

    >>> time_left(None), time_left(12.3), time_left(170.0)
    ('…', ': about 12 s left', ': about 3 minutes left')
    """
    if seconds is None:
        return "…"
    if seconds < 90:
        return f": about {max(1, round(seconds))} s left"
    return f": about {round(seconds / 60)} minutes left"


def show_one(side: OptimizedImages, channels: Sequence[int], progress: Progress) -> None:
    """Show one network's optimized images and, beside them, the chosen channel's image enlarged."""
    with st.container(key="maps-room"):
        full_width = mode.in_lecture() and state.number("channel") is None
        left, panel = [st.container()] * 2 if full_width else st.columns([3, 2], gap="medium")
    with left:
        show_grid(side, channels, progress, GRIDS[0])
    with panel:
        channel = chosen_channel.choose(side.layer)
        show_chosen(side, channel, progress, PAIRS[0])


def show_pair(
    sides: Sequence[OptimizedImages], channels: Sequence[int], progress: Sequence[Progress]
) -> None:
    """Show the optimized images of the same channels of two networks side by side.

    Below, the chosen channel's images of both networks are enlarged.
    """
    columns = patch_grids.columns()
    for name, side, one, column in zip(GRIDS, sides, progress, columns, strict=True):
        with column:
            st.subheader(comparison.network_name(side.spec.network))
            show_grid(side, channels, one, name, patch_grids.HALF)
    channel = chosen_channel.choose(sides[0].layer)
    columns = patch_grids.columns()
    for name, side, one, column in zip(PAIRS, sides, progress, columns, strict=True):
        with column:
            show_chosen(side, channel, one, name)


def show_grid(
    side: OptimizedImages,
    channels: Sequence[int],
    progress: Progress,
    name: str,
    width: int = grid.PAGE_WIDTH,
) -> None:
    """Show one network's optimized images, one per channel; a click on one chooses its channel."""
    place = Placement(name, inspector.select_map(name, side.layer), width=width)
    grid.show(results(), side.grid(channels, progress), place)


def show_chosen(side: OptimizedImages, channel: int | None, progress: Progress, name: str) -> None:
    """Show a channel's optimized image enlarged beside its top patch; a hint if none is chosen.

    Args:
        side: the images of one network.
        channel: number of the chosen channel, or None.
        progress: the progress of the network's images.
        name: key of the grid.
    """
    if channel is None:
        text_blocks.note(HINT)
        return
    snapshot = progress.snapshots.get(channel)
    if snapshot is None:
        text_blocks.note("The optimization of this channel has not started yet.")
        return
    place = Placement(name, grid.ignore, width=patch_grids.PANEL, follows=False, tools=False)
    grid.show(results(), side.beside_patch(channel, snapshot), place)
    if not mode.in_lecture():
        st.markdown(sentence(side, channel, snapshot))


def sentence(side: OptimizedImages, channel: int, snapshot: Snapshot) -> str:
    """Return a sentence that compares an optimized image's value with that of the top patch."""
    reached = f"The optimized image reaches **{figure(snapshot.value)}** before ReLU"
    spot, ratio = side.top_patch(channel), side.ratio(channel, snapshot.value)
    if spot is None:
        return f"{reached}. The channel is inactive on all of this page's images."
    title = text_blocks.escape(side.patches.images[spot.image].title)
    if not ratio:
        return f"{reached}; the top patch, on {title}, reaches **{figure(spot.value)}**."
    return f"{reached}, **{ratio}** the top patch's **{figure(spot.value)}** (on {title})."


def offer(sides: Sequence[OptimizedImages], channels: Sequence[int]) -> None:
    """Show the export menu of those images that are finished, in all networks shown."""
    progress = [side.progress(channels).snapshots for side in sides]
    finished = [
        channel
        for channel in channels
        if all(channel in one and one[channel].finished for one in progress)
    ]
    if not finished:
        return
    names = comparison.NAMES if len(sides) > 1 else ["optimized"]

    def grids() -> list[ColorGrid]:
        return [
            replace(
                side.grid(finished, side.progress(finished)),
                name=name,
                heading=comparison.network_name(side.spec.network) if len(sides) > 1 else "",
            )
            for side, name in zip(sides, names, strict=True)
        ]

    export_menu.offer(
        "optimized",
        f"Optimized images of {sides[0].layer.name}",
        grids,
        lambda: [side.script_run(name, finished) for side, name in zip(sides, names, strict=True)],
    )
