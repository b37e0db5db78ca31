"""Grids of top-activating patches: the best one of each channel, or several of one channel."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from vgg_viz.export.number_format import figure
from vgg_viz.export.scripts import Run, script_weights
from vgg_viz.fields import HALVES, OWN
from vgg_viz.interpretability.feature_visualization.top_patches import (
    MOST_PATCHES,
    Peaks,
    TopPatch,
    channel_peaks,
    complete_peaks,
    crop_patch,
    rank_patches,
)
from vgg_viz.model.architecture import ConvLayer
from vgg_viz.model.network import Network
from vgg_viz.serving.results import Results
from vgg_viz.ui import state
from vgg_viz.ui.parts import available_images, inspector, pairs
from vgg_viz.ui.parts.available_images import AvailableImage
from vgg_viz.ui.parts.layer_maps import LayerMaps
from vgg_viz.ui.state import selection
from vgg_viz.ui.widgets import chosen_channel, components, export_menu, grid, text_blocks
from vgg_viz.ui.widgets.color_grid import ColorGrid
from vgg_viz.ui.widgets.grid import Placement

LAYER_GRIDS = ("patches", "patches-other")
CHANNEL_GRIDS = ("channel-patches", "channel-patches-other")
HALF = 560  # CSS pixels: width of one of two grids side by side
PANEL = 400  # CSS pixels: width of the panel beside the grid
LARGE_TILE = 232  # CSS pixels, as of two beside each other in a lecture
COLUMNS = 3  # of a channel's top patches
PULSE_SECONDS = 1.0  # until the browser asks for the patches of further images
HINT = (
    f"Click a tile to see the {MOST_PATCHES} top patches of its channel here, with value, image "
    "and position."
)


@dataclass(frozen=True)
class Patches:
    """Top-activating patches of a layer's channels over several images."""

    network: Network
    layer: ConvLayer  # of the channels
    images: Sequence[AvailableImage]  # images that were searched
    peaks: Sequence[Peaks]  # for each image, the strongest activations of the layer's channels
    complete: bool = True  # whether all of the page's images were searched

    @property
    def key(self) -> tuple[object, ...]:
        """Cache key of the patches: network, layer and images."""
        digests = tuple(image.digest for image in self.images)
        return (self.network.identity, self.layer.name, digests)

    @cached_property
    def top(self) -> list[list[TopPatch]]:
        """For each channel a list of its top patch, empty if inactive on all images."""
        return rank_patches(self.peaks)

    def of_channel(self, results: Results, channel: int) -> list[TopPatch]:
        """Return the top patches of one channel (numbered from 1), at most `MOST_PATCHES`.

        If ``peaks`` are too few, the channel's maps are searched on the images where it is active.
        """
        peaks = [channel_peaks(each, channel) for each in self.peaks]

        def map_of(index: int) -> np.ndarray:
            picture = self.images[index].open()
            return LayerMaps(results, self.network, picture, self.layer).map(channel)

        if self.complete:
            peaks = complete_peaks(peaks, self.layer, map_of)
        return rank_patches(peaks, MOST_PATCHES)[0]

    def layer_grid(self, count: int) -> ColorGrid:
        """Return a grid of the top patches of the layer's first ``count`` channels, one each."""
        spots = [each[0] if each else None for each in self.top[:count]]
        titles = [str(number) for number in range(1, count + 1)]
        return self._grid(spots, titles, "channel", self.layer_caption(count))

    def channel_grid(self, channel: int, spots: Sequence[TopPatch]) -> ColorGrid:
        """Return a grid of one channel's top patches, of which there must be at least one."""
        values = [figure(spot.value, 3) for spot in spots]
        # The large letters of a lecture leave room for the value only.
        titles = [
            text_blocks.caption(f"{value} · {self.images[spot.image].title}", value)
            for value, spot in zip(values, spots, strict=True)
        ]
        tiles = self._grid(spots, titles, "patch", self.channel_caption(channel))
        return replace(tiles, key=(tiles.key, channel), columns=COLUMNS)

    def _grid(
        self, spots: Sequence[TopPatch | None], titles: Sequence[str], axis: str, caption: str
    ) -> ColorGrid:
        numbers = range(1, len(spots) + 1)
        return ColorGrid(
            partial(self.crops, spots),
            titles,
            numbers,
            ("patches", *self.key, axis, len(spots)),
            caption,
            name="patches",
            axes={axis: numbers},
            tooltips=[self.tooltip(spot) for spot in spots],
            figures={
                "value": [spot.value if spot else 0.0 for spot in spots],
                "image": [self.images[spot.image].title if spot else "" for spot in spots],
                "position_row": [spot.row + 1 if spot else 0 for spot in spots],
                "position_column": [spot.column + 1 if spot else 0 for spot in spots],
            },
            empty=[spot is None for spot in spots],
            transient=not self.complete,
        )

    def crops(self, spots: Sequence[TopPatch | None]) -> Iterator[np.ndarray]:
        """Yield the pixels of each patch, uint8 ``(side, side, 3)``; black for None (no patch)."""
        pixels = {index: self.images[index].pixels for index in {s.image for s in spots if s}}
        for spot in spots:
            if spot is None:
                yield np.zeros((self.layer.receptive_field,) * 2 + (3,), np.uint8)
            else:
                yield crop_patch(pixels[spot.image], self.layer, spot.row, spot.column)

    def tooltip(self, spot: TopPatch | None) -> list[str]:
        """Return the tooltip lines of a patch: value, image, row and column."""
        if spot is None:
            return ["inactive on all of these images"]
        title = self.images[spot.image].title
        return [f"{figure(spot.value)} on {title}", f"row {spot.row + 1}, column {spot.column + 1}"]

    def layer_caption(self, count: int) -> str:
        """Return the caption of the grid of the layer's first ``count`` channels."""
        inactive = self.top.count([])
        of_layer = f"{inactive} of {self.layer.filters} inactive on all images"
        inactive_text = f" · {of_layer}" if inactive else ""
        channels = f"{self.network.label} · {count} of {self.layer.filters} channels"
        beside = " (not ImageNet)" if is_full_width() else ""
        return text_blocks.caption(
            f"{self.layer.title} · {channels} shown{inactive_text} · {self.origin}",
            f"{channels} · top patches from {self.image_count}{beside}",
        )

    def channel_caption(self, channel: int) -> str:
        """Return the caption of the grid of one channel's top patches."""
        first = ", best of each image first" if len(self.images) > 1 else ""
        return text_blocks.caption(
            f"Channel {channel} of {self.layer.name} · {self.network.label} · {self.origin}{first}",
            f"Top patches from {self.image_count} (not ImageNet)",
        )

    @property
    def image_count(self) -> str:
        """Number of images that were searched, in words, such as "8 images"."""
        return f"{len(self.images)} image{'s' if len(self.images) > 1 else ''}"

    @property
    def origin(self) -> str:
        """Phrase for captions that says from which images the patches are taken."""
        own = sum(image.choice == OWN for image in self.images)
        count = self.image_count
        whose = f"{count}, {own} of them yours" if own else f"this page's {count}"
        return f"top patches from {whose} (not ImageNet)"


def find(
    results: Results, network: Network, layer: ConvLayer, seconds: float = math.inf
) -> Patches:
    """Find a layer's top patches on all available images, or those searched in so many seconds."""
    images = available_images.all_images()
    found = available_images.find_peaks(results, network, images, seconds)
    peaks = [each[layer.conv_number - 1] for each in found]
    return Patches(network, layer, images[: len(found)], peaks, len(found) == len(images))


def show(results: Results, sides: Sequence[Patches], count: int) -> None:
    """Show top patches of ``count`` channels, of one network or of two side by side."""
    networks = [patches.network for patches in sides]
    if len(sides) > 1 and sides[0].key == sides[1].key:
        pairs.note_identical("network")

    def grids() -> list[ColorGrid]:
        return named([patches.layer_grid(count) for patches in sides], networks)

    def show_panel(index: int, channel: int | None) -> None:
        show_channel(results, sides[index], channel, CHANNEL_GRIDS[index])

    def offer_grids() -> None:
        offer(LAYER_GRIDS[0], sides, grids, range(1, count + 1))

    show_grids(results, grids(), LAYER_GRIDS, sides[0].layer, show_panel, offer_grids)
    if not all(side.complete for side in sides):
        # The browser reruns the page, which then shows those of further images.
        data = components.pack({"seconds": PULSE_SECONDS})
        components.mount("pulse", "patches-pulse", data, components.rerun)


def named(grids: Sequence[ColorGrid], networks: Sequence[Network]) -> list[ColorGrid]:
    """Return grids of the channels of two networks with their names; of one, the grid as it is."""
    if len(grids) == 1:
        return [*grids]
    both = zip(grids, pairs.NAMES, map(pairs.network_name, networks), strict=True)
    return [replace(tiles, name=name, heading=heading) for tiles, name, heading in both]


def show_grids(
    results: Results,
    grids: Sequence[ColorGrid],
    names: Sequence[str],
    layer: ConvLayer,
    show_panel: Callable[[int, int | None], None],
    offer_grids: Callable[[], None] = lambda: None,
) -> None:
    """Show the grids of one or two networks' channels, and a panel for each on the chosen channel.

    One grid has the panel beside it, unless it takes the full width; two grids have them below.
    """
    columns: Sequence[DeltaGenerator]
    panels: Sequence[DeltaGenerator]
    if len(grids) > 1:
        columns, chooser = st.columns(2, gap="medium"), st.container()
        panels = st.columns(2, gap="medium")
    else:
        left, chooser = grid.room(beside=not is_full_width())
        columns, panels = [left], [chooser]
    for name, tiles, column in zip(names, grids, columns, strict=False):
        with column:
            if tiles.heading:
                st.subheader(text_blocks.escape_marks(tiles.heading))
            width = HALF if tiles.heading else grid.PAGE_WIDTH
            grid.show(results, tiles, Placement(name, inspector.select_map, width, follows=True))
    with chooser if len(grids) > 1 else columns[0]:
        offer_grids()
    with chooser:
        channel = chosen_channel.show(layer)
    for index, panel in enumerate(panels):
        with panel:
            show_panel(index, channel)


def is_full_width() -> bool:
    """Return whether the grid takes the full width: no channel is chosen, no second network."""
    return selection.current() is None and state.value("compare") != "network"


def show_channel(results: Results, patches: Patches, channel: int | None, name: str) -> None:
    """Show several top patches of the chosen channel; a hint if no channel is chosen."""
    if channel is None:
        text_blocks.note(HINT)
        return
    spots = patches.of_channel(results, channel)
    if not spots:
        st.info("This channel is inactive on all of these images.", icon=":material/volume_off:")
        return
    place = Placement(
        name,
        partial(open_patch, patches.images, spots, list(HALVES)[CHANNEL_GRIDS.index(name)]),
        width=PANEL,
        largest_tile=PANEL // COLUMNS,
        tools=False,
    )
    grid.show(results, patches.channel_grid(channel, spots), place)
    positions = text_blocks.escape(
        " · ".join(
            f"{patches.images[spot.image].title} {spot.row + 1}, {spot.column + 1}"
            for spot in spots
        )
    )
    text_blocks.note(
        f"Row and column: {positions}. **Click a patch** to inspect the map at its position."
    )
    offer(name, [patches], lambda: [patches.channel_grid(channel, spots)], [channel], MOST_PATCHES)


def open_patch(
    images: Sequence[AvailableImage], spots: Sequence[TopPatch | None], half: str, number: int
) -> None:
    """Open the image and position of the clicked tile's patch, if any (widget callback)."""
    if spot := spots[number - 1]:
        position = {selection.ROW: spot.row + 1, selection.COLUMN: spot.column + 1}
        state.change(images[spot.image].choose() | position | {"view": "maps", "half": half})


def offer(
    menu: str,
    sides: Sequence[Patches],
    grids: Callable[[], Sequence[ColorGrid]],
    channels: Sequence[int],
    each: int = 1,
) -> None:
    """Show the export menu of grids that show ``each`` patches of each of these channels."""
    layer = sides[0].layer.name
    subject = f"channel {channels[0]} of {layer}" if each > 1 else layer

    def scripts() -> list[Run]:
        wanted = {"layer": layer, "channels": channels, "each": each}
        inputs = [
            {
                "weights": script_weights(patches.network.weights),
                "preprocessing": patches.network.preprocessing,
                "searched": [image.pixels for image in patches.images],
            }
            for patches in sides
        ]
        names = pairs.NAMES if len(sides) > 1 else ["patches"]
        runs = zip(names, inputs, strict=True)
        return [Run("top_patches", name, {**both, **wanted}) for name, both in runs]

    own = any(image.choice == OWN for image in sides[0].images)
    export_menu.offer(menu, f"Top patches of {subject}", grids, scripts, own_picture=own)
