"""Grids of optimized images: shown while they are optimized, and compared with top patches."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import streamlit as st

from vgg_viz.export.number_format import figure
from vgg_viz.export.scripts import Run, script_weights
from vgg_viz.fields import HALVES
from vgg_viz.interpretability.feature_visualization import optimization
from vgg_viz.interpretability.feature_visualization.optimization import (
    OptimizationSpec,
    OptimizedImage,
    image_side,
)
from vgg_viz.interpretability.feature_visualization.parametrizations import PARAMETRIZATIONS
from vgg_viz.interpretability.feature_visualization.top_patches import TopPatch, crop_patch
from vgg_viz.model.architecture import ConvLayer
from vgg_viz.model.preprocessing import MEAN_COLOR
from vgg_viz.serving.optimization_worker import Progress
from vgg_viz.ui import state
from vgg_viz.ui.parts import pairs, patch_grids
from vgg_viz.ui.parts.patch_grids import Patches
from vgg_viz.ui.state import mode
from vgg_viz.ui.state.shared_instance import results, shared
from vgg_viz.ui.widgets import components, export_menu, grid, text_blocks
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

    def top_patch(self, channel: int) -> TopPatch | None:
        """Return a channel's top patch, or None if the channel is inactive on all images."""
        return next(iter(self.patches.top[channel - 1]), None)

    def ratio(self, channel: int, value: float) -> str:
        """Format a value relative to the top patch's, such as "2.1×"; empty if that is no ratio."""
        spot = self.top_patch(channel)
        return f"{figure(value / spot.value, 2)}×" if spot and value > 0 else ""

    def grid(self, channels: Sequence[int], progress: Progress) -> ColorGrid:
        """Return a grid of the channels' images as optimized so far, gray where not started."""
        images = [progress.images.get(channel) for channel in channels]
        finished = sum(one is not None and one.finished for one in images)
        steps = tuple(one and one.step for one in images)
        tiles = list(zip(channels, images, strict=True))
        spots = [self.top_patch(channel) for channel in channels]
        gray = np.full((image_side(self.spec.layer),) * 2 + (3,), NOT_STARTED, np.uint8)
        return ColorGrid(
            lambda: np.stack([one.pixels if one else gray for one in images]),
            [self.title(*tile) for tile in tiles],
            channels,
            ("optimized", self.spec.key, tuple(channels), steps),
            self.caption(len(channels), finished),
            name="optimized",
            axes={"channel": channels},
            transient=finished < len(channels),
            tooltips=[self.tooltip(*tile) for tile in tiles],
            figures={
                "value": [one.value if one else 0.0 for one in images],
                "top_patch": [spot.value if spot else 0.0 for spot in spots],
                "steps": [one.step if one else 0 for one in images],
            },
        )

    def title(self, channel: int, image: OptimizedImage | None) -> str:
        """Return the title of a channel's tile: number, value, and ratio to the top patch's value.

        An unfinished image has the share of its steps instead, so that it does not look finished
        when stopped. The large letters of a lecture leave no room for the value.
        """
        if image is None:
            return str(channel)
        if not image.finished:
            return f"{channel} · {share_done(image)}"
        value = "" if mode.in_lecture() else figure(image.value, 3)
        return " · ".join(filter(None, [str(channel), value, self.ratio(channel, image.value)]))

    def tooltip(self, channel: int, image: OptimizedImage | None) -> list[str]:
        """Return the tooltip lines of a channel's optimized image, None if not started."""
        if image is None:
            return ["not started"]
        ratio, spot = self.ratio(channel, image.value), self.top_patch(channel)
        lines = [f"{figure(image.value)} before ReLU"]
        if spot is None:
            lines.append("inactive on all of this page's images")
        elif ratio:
            lines.append(f"{ratio} the top patch ({figure(spot.value)})")
        return lines if image.finished else [*lines, f"step {image.step} of {image.steps}"]

    def caption(self, count: int, finished: int) -> str:
        """Return the caption of a grid of ``count`` optimized images, some of them finished."""
        network = self.spec.network.label
        method = PARAMETRIZATIONS[self.spec.parametrization].label.lower()
        channels = f"{count} of {self.spec.layer.filters} channels"
        progress = f" · {finished} finished" if finished < count else ""
        return text_blocks.caption(
            f"{self.spec.layer.title} · {network} · {channels}{progress} · optimized images, "
            f"{method}, seed {self.spec.seed} · channel, value before ReLU, relative to the top "
            f"patch · {self.patches.origin}",
            f"{network} · {channels} · optimized images, {method}",
        )

    def with_patch(self, channel: int, image: OptimizedImage, *, stacked: bool) -> ColorGrid:
        """Return a grid of a channel's image in its receptive field, and of its top patch."""
        tiles = [in_receptive_field(self.spec.layer, image.pixels)]
        progress = "" if image.finished else f" · {share_done(image)}"
        titles = [f"Optimized · {figure(image.value)}{progress}"]
        tooltips, spot = [self.tooltip(channel, image)], self.top_patch(channel)
        if spot:
            picture = self.patches.images[spot.image]
            tiles.append(crop_patch(picture.pixels, self.spec.layer, spot.row, spot.column))
            titles.append(f"Top patch · {figure(spot.value)}")
            tooltips.append([f"{figure(spot.value)} on {picture.title}"])
        numbers = range(1, len(tiles) + 1)
        network, ratio = self.spec.network.label, self.ratio(channel, image.value)
        return ColorGrid(
            tiles,
            titles,
            numbers,
            ("with patch", self.spec.key, channel, image.step, self.patches.key),
            text_blocks.caption(
                f"Channel {channel} of {self.spec.layer.name} · {network}",
                f"{ratio} the top patch" if ratio else network,
            ),
            columns=1 if stacked else len(tiles),
            axes={"tile": numbers},
            transient=not image.finished,
            tooltips=tooltips,
        )

    def sentence(self, channel: int, image: OptimizedImage) -> str:
        """Return a sentence that compares an optimized image's value with that of the top patch."""
        reached = f"The optimized image reaches **{figure(image.value)}** before ReLU"
        if not image.finished:
            reached = f"{share_done(image)}: {reached[0].lower()}{reached[1:]} so far"
        spot, ratio = self.top_patch(channel), self.ratio(channel, image.value)
        if spot is None:
            return f"{reached}. The channel is inactive on all of this page's images."
        title = text_blocks.escape(self.patches.images[spot.image].title)
        if not ratio:
            return f"{reached}; the top patch, on {title}, reaches **{figure(spot.value)}**."
        return f"{reached}, **{ratio}** the top patch's **{figure(spot.value)}** (on {title})."

    def script_run(self, name: str, channels: Sequence[int]) -> Run:
        """Return the parameters of a Keras script that optimizes the images of these channels."""
        spec, layer = self.spec, self.spec.layer
        arguments = {
            "weights": script_weights(spec.network.weights),
            "layer": layer.name,
            "channels": channels,
            "parametrization": spec.parametrization,
            "side": image_side(layer),
            "seeds": [spec.seed, layer.conv_number],
            "steps": optimization.STEPS[layer.block],
            "batch": optimization.batch_size(layer),
            "preprocessing": spec.network.preprocessing,
        }
        return Run("optimized_images", name, arguments)


def share_done(image: OptimizedImage) -> str:
    """Return the share of an image's optimization steps that are done, in words."""
    return f"{image.step / image.steps:.0%} done"


def in_receptive_field(layer: ConvLayer, pixels: np.ndarray) -> np.ndarray:
    """Pad an optimized image with the mean color to the size of the layer's receptive field."""
    padded = np.full((layer.receptive_field,) * 2 + (3,), MEAN_COLOR, np.uint8)
    first = (len(padded) - len(pixels)) // 2
    inner = slice(first, first + len(pixels))
    padded[inner, inner] = pixels
    return padded


@dataclass(frozen=True)
class Job:
    """Images that a viewer looks at: the same channels of one network, or of two side by side."""

    sides: Sequence[OptimizedImages]
    shown: Sequence[int]  # numbers of the channels in the grids

    @property
    def channels(self) -> list[int]:
        """Channels to optimize images for: the chosen channel first, then those in the grids."""
        chosen = state.number("channel")
        return list(dict.fromkeys([*([chosen] if chosen else []), *self.shown]))

    @property
    def key(self) -> Hashable:
        """Plain values that identify the images, whatever their order."""
        return tuple(side.spec.key for side in self.sides), frozenset(self.channels)

    @property
    def is_stopped(self) -> bool:
        """Whether this viewer has stopped the optimization of these images."""
        return st.session_state.get(STOPPED) == self.key

    def toggle(self) -> None:
        """Stop or continue the optimization of these images for this viewer (widget callback)."""
        st.session_state[STOPPED] = None if self.is_stopped else self.key

    def progress(self) -> list[Progress]:
        """Request the missing images unless they are stopped; return each network's progress."""
        worker = shared().optimization_worker
        ask = worker.progress if self.is_stopped else worker.request
        return [ask(side.spec, self.channels) for side in self.sides]

    def grids(self, channels: Sequence[int], progress: Sequence[Progress]) -> list[ColorGrid]:
        """Return each network's grid of these channels' images as optimized so far."""
        both = zip(self.sides, progress, strict=True)
        networks = [side.spec.network for side in self.sides]
        return patch_grids.named([side.grid(channels, one) for side, one in both], networks)

    def is_live(self, progress: Sequence[Progress]) -> bool:
        """Return whether images that this viewer requested are still being optimized."""
        return not self.is_stopped and any(one.missing for one in progress)


def show(sides: Sequence[OptimizedImages], count: int) -> None:
    """Show optimized images of a layer's first ``count`` channels, updated as they progress."""
    if len(sides) > 1 and sides[0].spec.key == sides[1].spec.key:
        pairs.note_identical("network")
    job = Job(sides, range(1, count + 1))
    live = job.is_live(job.progress())
    st.fragment(show_live)(job, live=live)
    if not live:
        offer(job)


def show_live(job: Job, *, live: bool) -> None:
    """Show the images as optimized so far, and rerun while they are ``live`` (fragment)."""
    progress = job.progress()
    # A click in this fragment, or the last image finished, changes the rest of the page too.
    if state.has_changed() or live != job.is_live(progress):
        st.rerun()
    show_progress(job, progress)
    show_grids(job, progress)
    if live:
        data = components.pack({"seconds": POLLING_SECONDS})
        components.mount("pulse", "optimization-pulse", data, components.rerun)


def show_progress(job: Job, progress: Sequence[Progress]) -> None:
    """Show failures, the progress and the time left, and a button to stop or continue."""
    for failure in dict.fromkeys(one.failure for one in progress if one.failure):
        st.warning(text_blocks.escape_marks(failure), icon=":material/error:")
    finished = not any(one.missing for one in progress)
    # The layout stays as it was for a viewer who saw the progress bar.
    if finished and st.session_state.get(WATCHED) != job.key:
        return
    with st.container(key="optimization-progress", horizontal=True, vertical_alignment="center"):
        if finished:
            st.caption("Finished.")
            return
        st.session_state[WATCHED] = job.key
        images = [image for one in progress for image in one.images.values()]
        share = sum(one.step / one.steps for one in images) / len(job.channels * len(job.sides))
        seconds = [one.seconds_left for one in progress if one.seconds_left is not None]
        left = time_left(max(seconds, default=None))
        stopped = job.is_stopped
        st.progress(share, "Stopped" if stopped else f"Optimizing images{left}")
        st.button(
            "Continue" if stopped else "Stop",
            icon=":material/play_arrow:" if stopped else ":material/stop:",
            key="optimization-toggle",
            on_click=job.toggle,
        )


def time_left(seconds: float | None) -> str:
    """Format the remaining seconds as the end of a progress text, such as ": about 12 s left"."""
    if seconds is None:
        return "…"
    if seconds < 90:
        return f": about {max(1, round(seconds))} s left"
    if seconds < 90 * 60:
        return f": about {round(seconds / 60)} minutes left"
    return f": about {round(seconds / 3600)} hours left"


def show_grids(job: Job, progress: Sequence[Progress]) -> None:
    """Show a grid of images for each network; beside one grid or below two, the chosen channel."""
    stacked = len(job.sides) == 1 and not mode.in_lecture()

    def show_panel(index: int, channel: int | None) -> None:
        show_chosen(job.sides[index], channel, progress[index], PAIRS[index], stacked=stacked)

    grids = job.grids(job.shown, progress)
    patch_grids.show_grids(results(), grids, GRIDS, job.sides[0].spec.layer, show_panel)


def show_chosen(
    side: OptimizedImages, channel: int | None, progress: Progress, name: str, *, stacked: bool
) -> None:
    """Show a channel's optimized image and its top patch enlarged; a hint if none is chosen."""
    image = progress.images.get(channel or 0)
    if channel is None or image is None:
        not_started = "The optimization of this channel has not started yet."
        text_blocks.note(not_started if channel else HINT)
        return
    half, spot = list(HALVES)[PAIRS.index(name)], side.top_patch(channel)
    on_pick = partial(patch_grids.open_patch, side.patches.images, [None, spot], half)
    place = Placement(name, on_pick, patch_grids.PANEL, patch_grids.LARGE_TILE, tools=False)
    grid.show(results(), side.with_patch(channel, image, stacked=stacked), place)
    if not mode.in_lecture():
        st.markdown(side.sentence(channel, image))


def offer(job: Job) -> None:
    """Show the export menu of those images in the grids that are finished, in all networks."""
    worker, finished = shared().optimization_worker, [*job.shown]
    for side in job.sides:
        images = worker.progress(side.spec, finished).images
        finished = [one for one in finished if one in images and images[one].finished]
    if not finished:
        return
    names = pairs.NAMES if len(job.sides) > 1 else ["optimized"]
    named = dict(zip(names, job.sides, strict=True))
    export_menu.offer(
        "optimized",
        f"Optimized images of {job.sides[0].spec.layer.name}",
        lambda: job.grids(finished, [worker.progress(one.spec, finished) for one in job.sides]),
        lambda: [side.script_run(name, finished) for name, side in named.items()],
    )
